//! The summary as a table, for people.

use super::Run;
use super::notes::notes;
use super::origins::OriginCounts;
use crate::hints::hint;
use crate::numbers::{bytes, count, rate, requests, span};
use fantail::{Cause, Latency};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Origins that a list shows.
const MAX_LISTED: usize = 10;

/// Statuses that are named, the most frequent first.
const MAX_STATUSES: usize = 12;

/// Formats a summary as a table.
pub(crate) fn table(run: &Run<'_>) -> String {
    let mut table = Rows(String::new());
    answers(run, &mut table);
    times(run, &mut table);
    costs(run, &mut table);
    origins(run, &mut table);
    causes(run, &mut table);
    for note in notes(run) {
        table.row(note.about, &note.text);
    }
    table.0
}

struct Rows(String);

impl Rows {
    fn row(&mut self, name: &str, text: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{name:<12} {text}");
    }
}

fn answers(run: &Run<'_>, table: &mut Rows) {
    let summary = run.summary;
    let (number, elapsed) = (summary.requests, summary.elapsed);
    table.row("requests", &format!("{} in {} ({})", count(number), span(elapsed), rate(number, elapsed)));
    table.row("responses", &join(count(summary.responses), statuses(&run.details.statuses)));
    let cancelled = summary.by_cause.get(&Cause::Cancelled).copied().unwrap_or_default();
    let causes = by_count(summary.by_cause.iter().filter(|(cause, _)| **cause != Cause::Cancelled));
    let causes = causes.into_iter().map(|(cause, number)| format!("{cause} {}", count(number)));
    table.row("failures", &join(count(summary.failures.saturating_sub(cancelled)), causes));
    if cancelled > 0 {
        // Cancelled by us, so not counted as failures.
        table.row("cancelled", &count(cancelled));
    }
}

/// Of responses only: a failure's times are those of its limits.
fn times(run: &Run<'_>, table: &mut Rows) {
    let details = run.details;
    for (name, spans) in [("queued", &details.queued), ("to head", &details.to_head), ("total", &details.total)] {
        if let Some(Latency { p50, p90, p99, p999, max }) = spans.percentiles() {
            let percentiles = [("p50", p50), ("p90", p90), ("p99", p99), ("p99.9", p999), ("max", max)];
            let percentiles = percentiles.map(|(name, value)| format!("{name} {:<8}", span(value)));
            table.row(name, percentiles.join(" ").trim_end());
        }
    }
}

fn costs(run: &Run<'_>, table: &mut Rows) {
    let (summary, receipt) = (run.summary, run.receipt);
    let others = [
        ("retries", summary.retries),
        ("hedges", summary.hedges),
        ("hedges won", summary.hedges_won),
        ("coalesced", summary.coalesced),
    ];
    let others: Vec<_> = others.into_iter().filter(|(_, number)| *number > 0).collect();
    if !others.is_empty() {
        let others = others.into_iter().map(|(name, number)| format!("{name} {}", count(number)));
        table.row("attempts", &join(count(summary.attempts), others));
    }
    // Only the component knows these.
    if run.end.component_summary().is_some() {
        table.row("in flight", &format!("{} at most", count(summary.peak_in_flight.into())));
        table.row("body bytes", &count(summary.body_bytes));
    }
    let (opened, reused) = (count(receipt.opened), count(receipt.reused));
    table.row("connections", &format!("{opened} opened, used again {reused} times"));
    table.row("network", &format!("{} in, {} out", bytes(receipt.received), bytes(receipt.sent)));
    let (memory, busy, calls) = (bytes(receipt.memory), span(receipt.busy), count(receipt.host_calls));
    table.row("component", &format!("{memory} of memory, busy {busy}, {calls} host calls"));
}

/// Nothing for a single origin, as everything above is about it; all of a few; the failing and the slowest of many.
fn origins(run: &Run<'_>, table: &mut Rows) {
    let origins = &run.details.origins;
    if origins.len() < 2 {
        return;
    }
    let failing = |counts: &OriginCounts| (counts.failures, counts.errors);
    let lists = if origins.len() <= MAX_LISTED {
        vec![("origins", origins.top(MAX_LISTED, |counts| (failing(counts), counts.mean(), counts.requests)))]
    } else {
        vec![("failing", origins.top(MAX_LISTED, failing)), ("slowest", origins.top(MAX_LISTED, OriginCounts::mean))]
    };
    for (name, listed) in lists {
        for (index, (origin, counts)) in listed.into_iter().enumerate() {
            table.row(if index == 0 { name } else { "" }, &origin_row(origin, &counts));
        }
    }
}

fn origin_row(name: &str, counts: &OriginCounts) -> String {
    let (mean, max) = (span(counts.mean()), span(counts.max));
    let mut text = format!("{name}  {}", requests(counts.requests));
    for (what, number) in [("failed", counts.failures), ("of status 4xx or 5xx", counts.errors)] {
        if number > 0 {
            let _ = write!(text, ", {} {what}", count(number));
        }
    }
    let _ = write!(text, ", mean {mean}, max {max}");
    text
}

/// Each cause with what to do about it.
fn causes(run: &Run<'_>, table: &mut Rows) {
    let causes = by_count(run.summary.by_cause.iter().filter(|(cause, _)| **cause != Cause::Cancelled));
    for (index, (cause, _)) in causes.into_iter().enumerate() {
        table.row(if index == 0 { "hints" } else { "" }, &format!("{cause}: {}", hint(cause)));
    }
}

fn statuses(counts: &BTreeMap<u16, u64>) -> Vec<String> {
    let all = by_count(counts.iter());
    let others: u64 = all.iter().skip(MAX_STATUSES).map(|(_, number)| number).sum();
    let named = all.iter().take(MAX_STATUSES).map(|(status, number)| format!("{status} {}", count(*number)));
    named.chain((others > 0).then(|| format!("others {}", count(others)))).collect()
}

/// The most frequent first; in their own order among equals.
fn by_count<'a, K: Copy + Ord + 'a>(counts: impl Iterator<Item = (&'a K, &'a u64)>) -> Vec<(K, u64)> {
    let mut all: Vec<(K, u64)> = counts.map(|(key, number)| (*key, *number)).collect();
    all.sort_by_key(|(_, number)| std::cmp::Reverse(*number));
    all
}

/// `total (part, part)`.
fn join(total: String, parts: impl IntoIterator<Item = String>) -> String {
    let parts: Vec<String> = parts.into_iter().collect();
    if parts.is_empty() { total } else { format!("{total} ({})", parts.join(", ")) }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
