//! What became of one request.

use crate::Failure;
use std::time::Duration;

/// What became of one request. `R` is the shell's response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome<R> {
    /// The request's id.
    pub id: u64,
    /// The URL that was asked last, normalised; as the caller wrote it when it could not be parsed.
    pub url: String,
    /// Attempts started.
    pub attempts: u32,
    /// URLs that redirected to `url`, oldest first.
    pub hops: Vec<String>,
    /// Where the time went.
    pub timing: Timing,
    /// A response of any status, or why there is none.
    pub result: Result<R, Failure>,
}

/// Where a request's time went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// From entering the window to its first attempt, or to its end if it never had one.
    pub queued: Duration,
    /// From the start of the last attempt to its head.
    pub head: Option<Duration>,
    /// From entering the window to the outcome.
    pub total: Duration,
}
