//! Responses and their bodies.

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
    /// A copy for a request that shares this response; none if there is no memory for it. An unread body cannot be
    /// shared.
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

    /// About how many bytes it takes in a call to the caller.
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
    /// The body has ended or broken off: [`Incoming::finish`] says which.
    No,
}

/// A body on its way in. Dropping it closes its connection.
pub trait Incoming: Sized + 'static {
    /// The body as the interface hands it out.
    type Unread;

    /// Waits for more of the body and appends it to `into`: as much as its capacity holds, if it has any left.
    fn read(&mut self, into: Vec<u8>) -> impl Future<Output = (Vec<u8>, More)>;

    /// Releases the body after its last announced byte, without asking how it ended: that would cost as much as a short
    /// body.
    fn release(self) -> impl Future<Output = ()>;

    /// Waits for the end of a body without an announced length, or with a wrong one. Returns an error if it broke off.
    fn finish(self) -> impl Future<Output = Result<(), Failed>>;

    /// Hands the body out unread, with a future that resolves when it has ended.
    fn hand_out(self, status: u16, repeatable: bool) -> (Self::Unread, LocalBoxFuture<'static, ()>);
}
