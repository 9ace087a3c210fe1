//! The summary at the end of a run, for people.

use fantail::{Cause, End, Latency, Receipt, StatusCounts, Summary};
use indicatif::{HumanBytes, HumanCount};
use std::fmt::Write;
use std::time::Duration;

/// Formats a summary as a table.
pub(crate) fn table(summary: &Summary, receipt: &Receipt, end: &End) -> String {
    let mut table = String::new();
    let (requests, responses, failures) = (summary.requests, summary.responses, summary.failures);
    let mut row = |name: &str, text: String| {
        if !text.is_empty() {
            // Writing to a string cannot fail.
            let _ = writeln!(table, "{name:<12} {text}");
        }
    };
    let rate = requests as f64 / summary.elapsed.as_secs_f64().max(1e-9);
    row("requests", format!("{} in {} ({rate:.0}/s)", HumanCount(requests), span(summary.elapsed)));
    row("responses", join(HumanCount(responses).to_string(), statuses(summary.by_status)));
    let cancelled = summary.by_cause.get(&Cause::Cancelled).copied().unwrap_or_default();
    let causes = summary.by_cause.iter().filter(|(cause, _)| **cause != Cause::Cancelled);
    let causes = causes.map(|(cause, count)| format!("{cause} {}", HumanCount(*count)));
    row("failures", join(HumanCount(failures.saturating_sub(cancelled)).to_string(), causes));
    // Cancelled by us, so not counted as failures.
    row("cancelled", if cancelled > 0 { HumanCount(cancelled).to_string() } else { String::new() });
    if responses > 0 {
        let Latency { p50, p90, p99, p999, max } = summary.latency;
        let percentiles = [("p50", p50), ("p90", p90), ("p99", p99), ("p99.9", p999), ("max", max)];
        row("latency", percentiles.map(|(name, value)| format!("{name} {}", span(value))).join(", "));
    }
    let Summary { attempts, retries, hedges, hedges_won, coalesced, .. } = *summary;
    let others = [("retries", retries), ("hedges", hedges), ("hedges won", hedges_won), ("coalesced", coalesced)];
    let others: Vec<_> = others.into_iter().filter(|(_, count)| *count > 0).collect();
    if !others.is_empty() {
        let others = others.into_iter().map(|(name, count)| format!("{name} {}", HumanCount(count)));
        row("attempts", join(HumanCount(attempts).to_string(), others));
    }
    // Only the component knows these.
    if end.component_summary().is_some() {
        row("in flight", format!("{} at most", summary.peak_in_flight));
        row("body bytes", HumanCount(summary.body_bytes).to_string());
    }
    row("connections", format!("{} opened, used again {} times", receipt.opened, HumanCount(receipt.reused)));
    row("network", format!("{} in, {} out", HumanBytes(receipt.received), HumanBytes(receipt.sent)));
    let (memory, busy, calls) = (HumanBytes(receipt.memory), span(receipt.busy), HumanCount(receipt.host_calls));
    row("component", format!("{memory} of memory, busy {busy}, {calls} host calls"));
    match end {
        End::Finished(_) if !summary.input_ended => row("note", "stopped before the end of the input".to_owned()),
        End::Finished(_) => {}
        End::Cancelled(_) => row("note", "interrupted before the end of the input".to_owned()),
        End::Broken(reason) => row("note", format!("the component broke down: {reason}")),
    }
    table
}

fn statuses(counts: StatusCounts) -> impl Iterator<Item = String> {
    let StatusCounts { informational, successful, redirection, client_error, server_error, other } = counts;
    let named = [
        ("1xx", informational),
        ("2xx", successful),
        ("3xx", redirection),
        ("4xx", client_error),
        ("5xx", server_error),
        ("other", other),
    ];
    named.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| format!("{name} {}", HumanCount(count)))
}

/// `total (part, part)`.
fn join(total: String, parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() { total } else { format!("{total} ({})", parts.join(", ")) }
}

/// Formats a span with three digits, in a suitable unit.
fn span(span: Duration) -> String {
    let micros = span.as_secs_f64() * 1e6;
    let (value, unit) = match micros {
        _ if micros < 1e3 => (micros, "µs"),
        _ if micros < 1e6 => (micros / 1e3, "ms"),
        _ => (micros / 1e6, "s"),
    };
    let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_omits_rows_without_content() {
        let summary = Summary {
            requests: 1_250,
            responses: 1_200,
            failures: 50,
            by_cause: [(Cause::ConnectionRefused, 50)].into(),
            by_status: StatusCounts { successful: 1_100, server_error: 100, ..StatusCounts::default() },
            body_bytes: 12_345,
            peak_in_flight: 64,
            elapsed: Duration::from_millis(2_500),
            input_ended: true,
            ..Summary::default()
        };
        let receipt = Receipt {
            instances: 1,
            memory: 3 << 20,
            busy: Duration::from_millis(250),
            host_calls: 7_500,
            opened: 64,
            reused: 1_136,
            received: 2 << 20,
            sent: 300 << 10,
            elapsed: Duration::from_millis(2_500),
        };
        let own = Some(Box::new(summary.clone()));
        let lines = table(&summary, &receipt, &End::Finished(own));
        assert_eq!(
            lines.lines().collect::<Vec<_>>(),
            [
                "requests     1,250 in 2.50 s (500/s)",
                "responses    1,200 (2xx 1,100, 5xx 100)",
                "failures     50 (connection-refused 50)",
                "latency      p50 0.00 µs, p90 0.00 µs, p99 0.00 µs, p99.9 0.00 µs, max 0.00 µs",
                "in flight    64 at most",
                "body bytes   12,345",
                "connections  64 opened, used again 1,136 times",
                "network      2.00 MiB in, 300.00 KiB out",
                "component    3.00 MiB of memory, busy 250 ms, 7,500 host calls",
            ]
        );
    }
}
