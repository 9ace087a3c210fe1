//! The summary as JSON, for programs.

use super::Run;
use super::notes::{Note, notes};
use super::origins::OriginCounts;
use super::spans::Spans;
use crate::hints::hint;
use fantail::{End, Latency, Receipt};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// Origins that a list has.
const MAX_LISTED: usize = 10;

#[derive(Serialize)]
struct SummaryFile<'a> {
    /// As the service ends a batch.
    summary: Value,
    by_status_code: &'a BTreeMap<u16, u64>,
    /// Of responses.
    queued: Option<Percentiles>,
    to_head: Option<Percentiles>,
    total: Option<Percentiles>,
    causes: Vec<CauseJson>,
    origins: OriginsJson<'a>,
    notes: Vec<Note>,
    receipt: Value,
    end: Value,
    exit_code: u8,
}

#[derive(Serialize)]
struct Percentiles {
    p50_us: u64,
    p90_us: u64,
    p99_us: u64,
    p999_us: u64,
    max_us: u64,
}

#[derive(Serialize)]
struct CauseJson {
    cause: &'static str,
    count: u64,
    hint: &'static str,
}

#[derive(Serialize)]
struct OriginsJson<'a> {
    /// Origins that were counted apart.
    counted: usize,
    /// Requests to any others.
    requests_to_others: u64,
    by_failures: Vec<OriginJson<'a>>,
    by_mean_time: Vec<OriginJson<'a>>,
}

#[derive(Serialize)]
struct OriginJson<'a> {
    origin: &'a str,
    requests: u64,
    failures: u64,
    errors: u64,
    breaker_open: u64,
    mean_us: u64,
    max_us: u64,
}

/// The summary as one object, with a line feed at its end.
pub(crate) fn to_json(run: &Run<'_>, exit_code: u8) -> String {
    let details = run.details;
    let line = serde_json::from_str(&fantail_wire::summary_to_line(run.summary));
    let mut line: Value = line.unwrap_or_default();
    let list = |origins: Vec<_>| origins.into_iter().map(origin).collect();
    let causes = run.summary.by_cause.iter();
    let file = SummaryFile {
        summary: line.get_mut("summary").map(Value::take).unwrap_or_default(),
        by_status_code: &details.statuses,
        queued: percentiles(&details.queued),
        to_head: percentiles(&details.to_head),
        total: percentiles(&details.total),
        causes: causes
            .map(|(cause, count)| CauseJson { cause: cause.name(), count: *count, hint: hint(*cause) })
            .collect(),
        origins: OriginsJson {
            counted: details.origins.len(),
            requests_to_others: details.origins.others(),
            by_failures: list(details.origins.top(MAX_LISTED, |counts| (counts.failures, counts.errors))),
            by_mean_time: list(details.origins.top(MAX_LISTED, OriginCounts::mean)),
        },
        notes: notes(run),
        receipt: receipt(run.receipt),
        end: end(run.end),
        exit_code,
    };
    #[expect(clippy::expect_used, reason = "numbers, strings and maps with string keys can always be written")]
    let text = serde_json::to_string_pretty(&file).expect("our own types can be written");
    text + "\n"
}

fn percentiles(spans: &Spans) -> Option<Percentiles> {
    spans.percentiles().map(|Latency { p50, p90, p99, p999, max }| Percentiles {
        p50_us: micros(p50),
        p90_us: micros(p90),
        p99_us: micros(p99),
        p999_us: micros(p999),
        max_us: micros(max),
    })
}

fn origin((origin, counts): (&str, OriginCounts)) -> OriginJson<'_> {
    let OriginCounts { requests, failures, errors, breaker_open, max, .. } = counts;
    let (mean_us, max_us) = (micros(counts.mean()), micros(max));
    OriginJson { origin, requests, failures, errors, breaker_open, mean_us, max_us }
}

fn receipt(receipt: &Receipt) -> Value {
    let Receipt { instances, memory, busy, host_calls, opened, reused, received, sent, elapsed } = *receipt;
    json!({
        "instances": instances,
        "memory_bytes": memory,
        "busy_us": micros(busy),
        "host_calls": host_calls,
        "connections_opened": opened,
        "connections_reused": reused,
        "received_bytes": received,
        "sent_bytes": sent,
        "elapsed_us": micros(elapsed),
    })
}

fn end(end: &End) -> Value {
    match end {
        End::Finished(_) => json!({"state": "finished"}),
        End::Cancelled(_) => json!({"state": "cancelled"}),
        End::Broken(reason) => json!({"state": "broken", "reason": reason}),
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
