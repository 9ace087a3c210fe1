//! Made-up outcomes.

use fantail_engine::{Cause, Facts, Failure, Protocol, Timing};
use fantail_report::{Context, Extra, Options, Report};
use fantail_wire::{Body, Outcome, Response};
use std::time::{Duration, SystemTime};

/// 14 November 2023, in microseconds since 1970.
pub(crate) const START_US: u64 = 1_700_000_000_000_000;

/// An outcome with a response, of which every part of the time is known.
pub(crate) fn response(id: u64, url: &str, status: u16) -> Outcome {
    let micros = Duration::from_micros;
    let facts = Facts {
        started: Some((START_US + id * 1_000) * 1_000),
        queued: Some(micros(10)),
        resolve: Some(micros(200)),
        connect: Some(micros(300)),
        tls: Some(micros(400)),
        send: None,
        head: Some(micros(5_000)),
        remote: Some("192.0.2.1:443".parse().unwrap()),
        protocol: Some(Protocol::Http2),
        reused: Some(false),
    };
    let timing = Timing {
        queued: micros(50),
        head: Some(micros(5_000)),
        body: Some(micros(600)),
        total: micros(7_000 + id % 1_000),
    };
    let headers = vec![("content-type".to_owned(), b"text/plain".to_vec())];
    let result = Ok(Response { status, headers, body: Body::Bytes(b"hello".to_vec()) });
    Outcome { id, url: url.to_owned(), attempts: 1, hops: Vec::new(), timing, last_attempt: Some(facts), result }
}

/// An outcome without one.
pub(crate) fn failure(id: u64, url: &str, cause: Cause, detail: &str) -> Outcome {
    Outcome { result: Err(Failure::new(cause, true).with_detail(detail)), ..response(id, url, 200) }
}

pub(crate) fn report(outcomes: &[Outcome]) -> Report {
    let mut report = Report::new(Options::default());
    for outcome in outcomes {
        report.add(outcome, &Extra::default());
    }
    report
}

/// What is known of a file.
pub(crate) fn from_file() -> Context<'static> {
    Context {
        source: "outcomes.ndjson",
        made: SystemTime::UNIX_EPOCH,
        policy: None,
        summary: None,
        receipt: None,
        notes: &[],
    }
}

pub(crate) fn rendered(outcomes: &[Outcome]) -> String {
    report(outcomes).render(&from_file()).unwrap()
}
