//! The outcome of one request.

use crate::{Facts, Failure};
use std::time::Duration;

/// The outcome of one request. `R` is the shell's response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome<R> {
    /// The request's id.
    pub id: u64,
    /// The last URL requested, normalised; if it could not be parsed, as the caller wrote it.
    pub url: String,
    /// Attempts started.
    pub attempts: u32,
    /// URLs that redirected to `url`, oldest first.
    pub hops: Vec<String>,
    /// Where the time went.
    pub timing: Timing,
    /// What the host has seen of the last attempt. None if it does not report, or there was no attempt.
    pub last_attempt: Option<Facts>,
    /// A response of any status, or why there is none.
    pub result: Result<R, Failure>,
}

/// Where a request's time went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// From entering the window to its first attempt, or to its end if it never had one.
    pub queued: Duration,
    /// From the sending of the last attempt to its head, if the host reports it; otherwise from its start to when the
    /// component learned of the head.
    pub head: Option<Duration>,
    /// From when the component learned of that head to the end of the body, or of the part that is read.
    pub body: Option<Duration>,
    /// From entering the window to the outcome.
    pub total: Duration,
}
