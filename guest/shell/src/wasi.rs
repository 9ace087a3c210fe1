//! What differs between the versions of WASI.

use crate::response::Incoming;
use fantail_engine::{Failed, Header, Instant, Request, Settings};
use futures::future::LocalBoxFuture;
use std::sync::Arc;
use url::Url;

/// Sends a body.
pub type Upload = LocalBoxFuture<'static, ()>;

/// The head of a response, or why there is none.
pub type Answered<I> = Result<Head<I>, Failed>;

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
    /// until the response's body has ended. `attempt_number` is the number with which the host is asked for facts
    /// (`fantail_facts`).
    fn start(
        &self,
        request: &Arc<Request>,
        url: &Url,
        attempt_number: Option<&str>,
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
