//! A response on its way to the caller.

use fantail_engine::{Failed, Header};
use futures::future::LocalBoxFuture;

/// A response.
pub struct Response<I: Incoming> {
    /// The status code.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<Header>,
    /// The body, as its mode asks for it.
    pub body: Body<I>,
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

impl<I: Incoming> Response<I> {
    /// A copy for a request that shares this response; none if there is no memory for it. A body that was handed out is not shared.
    pub(crate) fn copy(&self) -> Option<Self> {
        let Self { status, headers, body } = self;
        let body = match body {
            Body::Discarded => Body::Discarded,
            Body::Bytes(bytes) => {
                let mut copy = Vec::new();
                copy.try_reserve_exact(bytes.len()).ok()?;
                copy.extend_from_slice(bytes);
                Body::Bytes(copy)
            }
            Body::Unread(_) => return None,
        };
        Some(Self { status: *status, headers: headers.clone(), body })
    }

    /// About what it takes as it passes to the caller.
    pub(crate) fn size(&self) -> u64 {
        const PAIR: usize = 64;
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len() + PAIR).sum();
        let body = match &self.body {
            Body::Bytes(bytes) => bytes.len(),
            Body::Discarded | Body::Unread(_) => 0,
        };
        (headers + body) as u64
    }
}

/// Whether more may follow in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum More {
    /// It may.
    Yes,
    /// The body has ended, or is broken: [`Incoming::finish`] says which.
    No,
}

/// A body on its way in. Dropping it closes its connection.
pub trait Incoming: Sized + 'static {
    /// It, as the interface hands it out.
    type Unread;

    /// Waits for more of the body, and puts it behind what is in `into`: as much as there is room for, if there is room.
    fn read(&mut self, into: Vec<u8>) -> impl Future<Output = (Vec<u8>, More)>;

    /// After the last byte that was announced: there is nothing left to ask, which would cost as much as a short body.
    fn release(self) -> impl Future<Output = ()>;

    /// After the last byte of a body that announced no length, or broke its word: whether the body is whole.
    fn finish(self) -> impl Future<Output = Result<(), Failed>>;

    /// Hands the body out unread, with a future that resolves when it has ended.
    fn hand_out(self, status: u16, repeatable: bool) -> (Self::Unread, LocalBoxFuture<'static, ()>);
}
