//! One request from its head to the end of its answer, for the counters and the access log.

use super::access::Access;
use super::callers::{Caller, Callers};
use super::counters::{CallerCounters, Refused};
use bytes::Bytes;
use http::{Method, Request};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

/// The most bytes of a path that are kept.
const MAX_PATH: usize = 256;

/// The most bytes of a method that are logged.
const MAX_METHOD: usize = 16;

/// From where a request comes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Origin {
    /// Over a connection.
    Client(SocketAddr),
    /// From the program that holds the service.
    Program,
    /// A check, which is nobody's request: it is neither counted nor logged.
    Check,
}

/// A request in progress. It is counted and logged when it is dropped.
pub(super) struct Tracked {
    callers: Arc<Callers>,
    caller: Caller,
    method: Method,
    path: String,
    origin: Origin,
    started: Instant,
    status: Option<u16>,
    bytes: u64,
    /// The length of the answer, if it is known in advance.
    length: Option<u64>,
    ended: bool,
    /// Whether it counts as one of its token's batches.
    is_batch: bool,
}

impl Tracked {
    pub(super) fn new<B>(callers: Arc<Callers>, request: &Request<B>, origin: Origin) -> Self {
        let caller = callers.identify(request.headers());
        let path = request.uri().path();
        let path = path.get(..path.floor_char_boundary(MAX_PATH)).unwrap_or_default().to_owned();
        let (method, started) = (request.method().clone(), Instant::now());
        let (status, bytes, length, ended, is_batch) = Default::default();
        let tracked = Self { callers, caller, method, path, origin, started, status, bytes, length, ended, is_batch };
        tracked.counters().in_flight.increment();
        tracked
    }

    fn counters(&self) -> &CallerCounters {
        match self.origin {
            Origin::Client(_) | Origin::Program => self.callers.counters(self.caller),
            Origin::Check => &self.callers.uncounted,
        }
    }

    /// Counts a batch of its token, unless that has as many as it may. The error is how many these are.
    pub(super) fn begin_batch(&mut self) -> Result<(), u32> {
        let Some(token) = self.callers.token(self.caller) else { return Ok(()) };
        if self.method != Method::POST {
            return Ok(());
        }
        let max = token.max_batches.unwrap_or(u32::MAX);
        let counters = self.counters();
        if !counters.batches.increment_within(max.into()) {
            return Err(max);
        }
        self.is_batch = true;
        Ok(())
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Whether its token may read metrics; none if it has no token.
    pub(super) fn may_read_metrics(&self) -> Option<bool> {
        self.callers.token(self.caller).map(|token| token.metrics)
    }

    pub(super) fn refused(&self, reason: Refused) {
        self.counters().refused(reason);
    }

    pub(super) fn answered(&mut self, status: u16, length: Option<u64>) {
        self.status = Some(status);
        self.length = length;
        self.counters().answered(status);
    }

    pub(super) fn sent(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// The answer has ended; `last` is the last piece of a streamed one.
    pub(super) fn ended(&mut self, last: Option<&Bytes>) {
        self.ended = true;
        let Some(BatchSummary { responses, by_cause }) = last.and_then(|last| summary(last)) else { return };
        let counters = self.counters();
        counters.responses.add(responses);
        for (cause, number) in by_cause {
            counters.failed(&cause, number);
        }
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        let counters = self.counters();
        let duration = self.started.elapsed();
        // hyper does not ask a body for its end when it has sent as many bytes as it announced.
        let is_complete = self.ended || self.length == Some(self.bytes) || self.method == Method::HEAD;
        counters.in_flight.decrement();
        if self.is_batch {
            counters.batches.decrement();
        }
        if !is_complete {
            counters.incomplete.increment();
        }
        counters.bytes.add(self.bytes);
        counters.micros.add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
        if let (Some(log), Origin::Client(peer)) = (&self.callers.log, self.origin) {
            let method = self.method.as_str();
            log(&Access {
                // Methods are ASCII (RFC 9110, section 5.6.2).
                method: method.get(..method.len().min(MAX_METHOD)).unwrap_or_default(),
                path: &self.path,
                status: self.status,
                bytes: self.bytes,
                duration,
                token: self.callers.token(self.caller).map(|token| token.name.as_str()),
                peer,
                is_complete,
            });
        }
    }
}

/// What is counted of a batch.
#[derive(Debug, Deserialize)]
struct BatchSummary {
    responses: u64,
    by_cause: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
struct SummaryLine {
    summary: BatchSummary,
}

/// The summary with which the last piece of an answer ends. The application writes it on its own, so it is in one piece.
fn summary(piece: &[u8]) -> Option<BatchSummary> {
    let line = piece.strip_suffix(b"\n")?.rsplit(|byte| *byte == b'\n').next()?;
    serde_json::from_slice::<SummaryLine>(line).ok().map(|line| line.summary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_is_the_last_line_of_the_last_piece() {
        let piece = b"{\"problem\":{}}\n{\"summary\":{\"requests\":3,\"responses\":2,\"by_cause\":{\"deadline\":1}}}\n";
        let found = summary(piece).unwrap();
        assert_eq!((found.responses, found.by_cause["deadline"]), (2, 1));
        for other in [&b"{\"id\":1}\n"[..], b"", b"\n", b"{\"summary\":{\"responses\":2,\"by_cause\":{}}}"] {
            assert!(summary(other).is_none());
        }
    }

    #[test]
    fn a_token_has_no_more_batches_than_it_may_and_each_is_counted_until_its_end() {
        let list = "{\"tokens\":[{\"name\":\"a\",\"token\":\"0123456789abcdef\",\"max_batches\":1}]}";
        let callers = Arc::new(Callers::new(&[("api_tokens".to_owned(), list.to_owned())], None));
        let request = Request::post("/?secret").header("authorization", "Bearer 0123456789abcdef").body(()).unwrap();
        let track = |request| Tracked::new(Arc::clone(&callers), request, Origin::Program);
        let (mut first, mut second) = (track(&request), track(&request));
        assert_eq!((first.begin_batch(), second.begin_batch()), (Ok(()), Err(1)));
        assert_eq!((second.path(), second.may_read_metrics()), ("/", Some(false)));
        drop(second);
        first.answered(200, None);
        drop(first);
        assert_eq!(track(&request).begin_batch(), Ok(()));
        let without = Request::post("/").body(()).unwrap();
        assert_eq!(track(&without).may_read_metrics(), None);
        let (name, counters) = callers.all().next().unwrap();
        assert_eq!((name, counters.incomplete.get(), counters.in_flight.get()), ("a", 3, 0));
        assert_eq!((counters.classes[1].get(), counters.batches.get()), (1, 0));
    }
}
