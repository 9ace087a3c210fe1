//! Origins, causes and statuses as tables.

use super::collected::Collected;
use crate::class::Class;
use crate::format::{count, percent, span};
use crate::groups::OriginCounts;
use fantail_engine::Cause;
use serde::Serialize;
use std::cmp::Reverse;

/// A table whose rows can be sorted and filtered.
#[derive(Debug, Serialize)]
pub(crate) struct Table {
    id: &'static str,
    title: &'static str,
    sentence: String,
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

#[derive(Debug, Serialize)]
struct Column {
    name: &'static str,
    is_number: bool,
}

#[derive(Debug, Default, Serialize)]
struct Cell {
    text: String,
    /// What a column of numbers is sorted by.
    value: Option<u64>,
    /// In smaller letters below.
    more: Vec<String>,
}

fn columns(names: &[&'static str], texts: &[&'static str]) -> Vec<Column> {
    names.iter().map(|name| Column { name, is_number: !texts.contains(name) }).collect()
}

fn text(text: impl Into<String>) -> Cell {
    Cell { text: text.into(), ..Cell::default() }
}

fn number(value: u64) -> Cell {
    Cell { text: count(value), value: Some(value), ..Cell::default() }
}

fn time(known: bool, micros: u64) -> Cell {
    let text = if known { span(micros) } else { "–".to_owned() };
    Cell { text, value: Some(if known { micros } else { 0 }), ..Cell::default() }
}

/// Origins, those with most failures first.
pub(crate) fn origins(collected: &Collected) -> Table {
    let origins = &collected.origins;
    let mut named: Vec<(&String, &OriginCounts)> = origins.named.iter().collect();
    named.sort_by_key(|(name, counts)| {
        (Reverse(counts.classes.get(Class::Failed)), Reverse(counts.classes.total()), *name)
    });
    let mut rows: Vec<_> = named.into_iter().map(|(name, counts)| origin_row(name, counts)).collect();
    let mut sentence = format!("{} origins.", count(rows.len() as u64));
    if origins.others.classes.total() > 0 {
        rows.push(origin_row("all others", &origins.others));
        sentence =
            format!("{} origins apart, and the others, or URLs without one, together.", count(rows.len() as u64 - 1));
    }
    let names = ["origin", "requests", "below 400", "4xx", "5xx", "failed", "cancelled", "p50", "p90", "max"];
    Table { id: "origins", title: "Origins", sentence, columns: columns(&names, &["origin"]), rows }
}

fn origin_row(name: &str, OriginCounts { classes, latencies }: &OriginCounts) -> Vec<Cell> {
    let any = latencies.count() > 0;
    let succeeded = classes.get(Class::Successful) + classes.get(Class::Redirection);
    vec![
        text(name),
        number(classes.total()),
        number(succeeded),
        number(classes.get(Class::ClientError)),
        number(classes.get(Class::ServerError)),
        number(classes.get(Class::Failed)),
        number(classes.get(Class::Cancelled)),
        time(any, latencies.at(0.5)),
        time(any, latencies.at(0.9)),
        time(any, latencies.max()),
    ]
}

/// Causes of failures with their hints, the most frequent first.
pub(crate) fn causes(collected: &Collected, hints: Option<fn(Cause) -> &'static str>) -> Table {
    let causes = &collected.causes.counts;
    let all: u64 = causes.values().map(|counts| counts.failures).sum();
    let mut sorted: Vec<_> = causes.iter().collect();
    sorted.sort_by_key(|(_, counts)| Reverse(counts.failures));
    let row = |(cause, counts): (&Cause, &crate::groups::CauseCounts)| {
        let examples = counts.examples.iter().map(|(url, detail)| match detail {
            Some(detail) => format!("{url} – {detail}"),
            None => url.clone(),
        });
        let hint = hints.map(|hint| hint(*cause)).unwrap_or_default();
        vec![
            text(cause.name()),
            number(counts.failures),
            Cell { text: percent(counts.failures, all), value: Some(counts.failures), more: Vec::new() },
            number(counts.retryable),
            text(cause.fault().name()),
            Cell { text: hint.to_owned(), value: None, more: examples.collect() },
        ]
    };
    let last = if hints.is_some() { "hint, and examples" } else { "examples" };
    let names = ["cause", "failures", "share", "may be sent again", "fault", last];
    let sentence = if all == 0 {
        "No request failed.".to_owned()
    } else {
        format!("Why {} requests have no response.", count(all))
    };
    let rows = sorted.into_iter().map(row).collect();
    Table { id: "causes", title: "Causes", sentence, columns: columns(&names, &["cause", "fault", last]), rows }
}

/// Responses by status.
pub(crate) fn statuses(collected: &Collected) -> Table {
    let responses = collected.classes.responses();
    let row = |name: Cell, number_of: u64| {
        let share = Cell { text: percent(number_of, responses), value: Some(number_of), more: Vec::new() };
        vec![name, number(number_of), share]
    };
    let status = |status: &u16| Cell { text: status.to_string(), value: Some(u64::from(*status)), more: Vec::new() };
    let counts = &collected.statuses.counts;
    let mut rows: Vec<_> = counts.iter().map(|(name, number_of)| row(status(name), *number_of)).collect();
    if collected.statuses.others > 0 {
        rows.push(row(text("all others"), collected.statuses.others));
    }
    let sentence = format!("{} responses.", count(responses));
    let columns = columns(&["status", "responses", "share"], &[]);
    Table { id: "statuses", title: "Statuses", sentence, columns, rows }
}
