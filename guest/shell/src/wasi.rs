//! What differs between the versions of WASI.

use fantail_engine::{Cause, Header, Instant, Request, Settings};
use futures::future::LocalBoxFuture;
use url::Url;

/// Why an attempt failed: a cause, and what to tell people.
pub type Failed = (Cause, Option<String>);

/// What comes of a request that was sent.
pub type Answered<I> = Result<Head<I>, Failed>;

/// The network and the clock.
pub trait Wasi: Sized + 'static {
    /// A body on its way in.
    type Incoming: Incoming;
    /// A response as the interface has it.
    type Response: 'static;

    /// Prepares what all attempts of a batch share.
    fn new(settings: &Settings) -> Self;

    /// The clock that a batch lives by.
    fn now() -> Instant;

    /// Resolves at this time.
    fn wait_until(at: Instant) -> LocalBoxFuture<'static, ()>;

    /// Begins to send a request: a future of the response's head, and one that sends the body, to be run beside it until the response's body
    /// has ended.
    fn start(
        &self,
        request: &Request,
        url: &Url,
    ) -> Result<(impl Future<Output = Answered<Self::Incoming>>, impl Future<Output = ()>), Failed>;

    /// A response of the interface.
    fn response(status: u16, headers: Vec<Header>, body: Body<Self::Incoming>) -> Self::Response;

    /// A copy of a response for another request; none if there is no memory for it or it is not to be shared.
    fn copy(response: &Self::Response) -> Option<Self::Response>;
}

/// A response's head, and what follows it.
pub struct Head<I> {
    /// The status code.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<Header>,
    /// What follows.
    pub incoming: I,
}

/// A body as its mode asks for it.
pub enum Body<I: Incoming> {
    /// Mode `discard`.
    Discarded,
    /// Mode `bytes`.
    Bytes(Vec<u8>),
    /// Mode `unread`.
    Unread(I::Unread),
}

/// Whether more may follow in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum More {
    /// It may.
    Yes,
    /// The body has ended, or is broken: [`Incoming::end`] says which.
    No,
}

/// A body on its way in. Dropping it closes its connection.
pub trait Incoming: Sized {
    /// It, as the interface hands it out.
    type Unread;

    /// Waits for more of the body, and puts it behind what is in `into`: as much as there is room for, if there is room.
    fn read(&mut self, into: Vec<u8>) -> impl Future<Output = (Vec<u8>, More)>;

    /// After the last byte that was announced: there is nothing left to ask, which would cost as much as a short body.
    fn whole(self) -> impl Future<Output = ()>;

    /// After the last byte of a body that announced no length, or broke its word: whether the body is whole.
    fn end(self) -> impl Future<Output = Result<(), Failed>>;

    /// Hands the body out unread, with a future that resolves when it has ended.
    fn hand_out(self, status: u16, repeatable: bool) -> (Self::Unread, LocalBoxFuture<'static, ()>);
}
