//! Summaries.

use crate::outcome::micros;
use fantail_engine::Summary;
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize)]
struct SummaryLine {
    summary: SummaryJson,
}

#[derive(Serialize)]
struct SummaryJson {
    requests: u64,
    responses: u64,
    failures: u64,
    by_cause: BTreeMap<&'static str, u64>,
    by_status: StatusCountsJson,
    attempts: u64,
    retries: u64,
    hedges: u64,
    hedges_won: u64,
    coalesced: u64,
    body_bytes: u64,
    peak_in_flight: u32,
    latency: LatencyJson,
    elapsed_us: u64,
    input_ended: bool,
}

#[derive(Serialize)]
struct StatusCountsJson {
    informational: u64,
    successful: u64,
    redirection: u64,
    client_error: u64,
    server_error: u64,
    other: u64,
}

#[derive(Serialize)]
struct LatencyJson {
    p50_us: u64,
    p90_us: u64,
    p99_us: u64,
    p999_us: u64,
    max_us: u64,
}

/// The line `{"summary":{…}}` that ends a batch.
pub fn summary_to_line(summary: &Summary) -> String {
    let (by_status, latency) = (summary.by_status, summary.latency);
    crate::outcome::line(&SummaryLine {
        summary: SummaryJson {
            requests: summary.requests,
            responses: summary.responses,
            failures: summary.failures,
            by_cause: summary.by_cause.iter().map(|(cause, count)| (cause.name(), *count)).collect(),
            by_status: StatusCountsJson {
                informational: by_status.informational,
                successful: by_status.successful,
                redirection: by_status.redirection,
                client_error: by_status.client_error,
                server_error: by_status.server_error,
                other: by_status.other,
            },
            attempts: summary.attempts,
            retries: summary.retries,
            hedges: summary.hedges,
            hedges_won: summary.hedges_won,
            coalesced: summary.coalesced,
            body_bytes: summary.body_bytes,
            peak_in_flight: summary.peak_in_flight,
            latency: LatencyJson {
                p50_us: micros(latency.p50),
                p90_us: micros(latency.p90),
                p99_us: micros(latency.p99),
                p999_us: micros(latency.p999),
                max_us: micros(latency.max),
            },
            elapsed_us: micros(summary.elapsed),
            input_ended: summary.input_ended,
        },
    })
}
