//! What differs between the versions of WASI.

use crate::response::Incoming;
use fantail_engine::{Failed, Header, Instant, Request, Settings};
use fantail_facts::EVENTS;
use futures::future::LocalBoxFuture;
use std::sync::Arc;
use url::Url;

/// Sends a body.
pub type Upload = LocalBoxFuture<'static, ()>;

/// The head of a response, or why there is none.
pub type Answered<I> = Result<Head<I>, Failed>;

/// What a request asks of the host itself (`fantail_facts`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Nothing: not every host can answer.
    Nothing,
    /// The facts of the attempt with this number, which no other of the instance has.
    Facts(u64),
    /// Which attempts are being sent: the request is for the host alone.
    Events,
}

impl Ask {
    /// The value of the header that asks.
    pub fn value(self) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::Facts(number) => Some(number.to_string()),
            Self::Events => Some(EVENTS.to_owned()),
        }
    }
}

/// The network and the clock.
pub trait Wasi: Sized + 'static {
    /// A body on its way in.
    type Incoming: Incoming;

    /// Prepares what all attempts of a batch share.
    fn new(settings: &Settings) -> Self;

    /// The clock of a batch.
    fn now() -> Instant;

    /// Resolves at this time.
    fn wait_until(at: Instant) -> LocalBoxFuture<'static, ()>;

    /// Begins to send a request: a future of the response's head, and one that sends the body, to be polled beside it
    /// until the response's body has ended.
    fn start(
        &self,
        request: &Arc<Request>,
        url: &Url,
        ask: Ask,
    ) -> Result<(impl Future<Output = Answered<Self::Incoming>>, Upload), Failed>;
}

/// A response's head, and its body.
pub struct Head<I> {
    /// The status code.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<Header>,
    /// The body.
    pub incoming: I,
}
