//! Requests with the parts of their time as bars.

use super::chart::{clock, pixels};
use crate::format::{bytes, span};
use crate::parts::Part;
use crate::row::Row;
use serde::Serialize;

const WIDTH: f64 = 1_000.0;

/// The least width of a bar.
const LEAST: f64 = 2.0;

/// Requests with the parts of their time as bars.
#[derive(Debug, Serialize)]
pub(crate) struct Waterfall {
    id: &'static str,
    title: &'static str,
    sentence: String,
    rows: Vec<Item>,
    legend: Vec<(&'static str, &'static str)>,
    scale: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Item {
    id: String,
    method: String,
    url: String,
    style: &'static str,
    class: &'static str,
    result: String,
    total_us: u64,
    total: String,
    started_us: u64,
    segments: Vec<Segment>,
    /// The bar in words.
    words: String,
    facts: Vec<(&'static str, String)>,
}

#[derive(Debug, Serialize)]
struct Segment {
    style: &'static str,
    x: String,
    width: String,
    title: String,
}

/// The slowest requests. All bars begin together.
pub(crate) fn slowest(rows: &[&Row]) -> Waterfall {
    let sentence = format!("The {} slowest, from when each was read.", rows.len());
    Waterfall { id: "slowest", title: "Slowest requests", ..waterfall(rows, sentence, None) }
}

/// A sample. Bars begin when their requests were read, unless they would be too short to be seen.
pub(crate) fn sample(rows: &[&Row], first_us: Option<u64>, all: u64) -> Waterfall {
    let drawn = if rows.len() as u64 == all {
        format!("All {all} requests")
    } else {
        format!("{} requests, drawn at random", rows.len())
    };
    let begin = first_us.filter(|first| are_seen(rows, *first));
    let sentence = match begin {
        Some(first) => format!("{drawn}; each bar begins when its request was read, the scale at {}.", clock(first)),
        None => format!("{drawn}, each from when it was read."),
    };
    Waterfall { id: "sample", title: "Sample of all requests", ..waterfall(rows, sentence, begin) }
}

/// Whether the times of all requests are known, and half of their bars are wide enough on the scale of the whole run.
fn are_seen(rows: &[&Row], first: u64) -> bool {
    let Some(ends) = rows.iter().map(|row| Some(row.started_us? + row.parts.sum())).collect::<Option<Vec<u64>>>()
    else {
        return false;
    };
    let extent = ends.into_iter().max().unwrap_or(first).saturating_sub(first);
    let wide = rows.iter().filter(|row| row.parts.sum() >= extent / 200).count();
    2 * wide >= rows.len()
}

fn waterfall(rows: &[&Row], sentence: String, begin: Option<u64>) -> Waterfall {
    let offset = |row: &Row| begin.zip(row.started_us).map_or(0, |(begin, started)| started.saturating_sub(begin));
    let longest = rows.iter().map(|row| offset(row).saturating_add(row.parts.sum())).max().unwrap_or(0).max(1);
    let occurs = |part: &Part| rows.iter().any(|row| row.parts.get(*part) > 0);
    let quarter = |place: u64| span((longest / 4).saturating_mul(place));
    Waterfall {
        id: "",
        title: "",
        sentence,
        rows: rows.iter().map(|row| item(row, offset(row), longest)).collect(),
        legend: Part::ALL.into_iter().filter(occurs).map(|part| (part.style(), part.name())).collect(),
        scale: [0, 1, 2, 3, 4].map(quarter).into(),
    }
}

fn item(row: &Row, offset: u64, longest: u64) -> Item {
    let (segments, words) = bar(row, offset, longest);
    let result = match (&row.failure, row.status) {
        (Some(failure), _) => failure.cause.name().to_owned(),
        (None, Some(status)) => status.to_string(),
        (None, None) => String::new(),
    };
    Item {
        id: row.id.clone(),
        method: row.method.clone().unwrap_or_default(),
        url: row.url.clone(),
        style: row.class.style(),
        class: row.class.name(),
        result,
        total_us: row.total_us,
        total: span(row.total_us),
        started_us: row.started_us.unwrap_or_default(),
        segments,
        words: words.clone(),
        facts: facts(row, words),
    }
}

/// The segments of a bar, and the same in words.
fn bar(row: &Row, offset: u64, longest: u64) -> (Vec<Segment>, String) {
    let scale = WIDTH / longest as f64;
    let mut x = (offset as f64 * scale).min(WIDTH - LEAST);
    let mut segments = Vec::new();
    let mut words = Vec::new();
    for part in Part::ALL {
        let micros = row.parts.get(part);
        if micros == 0 {
            continue;
        }
        let width = micros as f64 * scale;
        let title = format!("{} {}", part.name(), span(micros));
        words.push(title.clone());
        segments.push(Segment { style: part.style(), x: pixels(x), width: pixels(width.max(0.5)), title });
        x += width;
    }
    let length: f64 = row.parts.sum() as f64 * scale;
    if length < LEAST {
        let title = words.join(", ");
        let style = segments.last().map_or(Part::Other.style(), |segment| segment.style);
        let x = pixels((offset as f64 * scale).min(WIDTH - LEAST));
        segments = vec![Segment { style, x, width: pixels(LEAST), title }];
    }
    (segments, words.join(", "))
}

/// What else is known of a request.
fn facts(row: &Row, words: String) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let mut fact =
        |name, text: Option<String>| facts.extend(text.filter(|text| !text.is_empty()).map(|text| (name, text)));
    fact("id", Some(row.id.clone()));
    fact("detail", row.failure.as_ref().and_then(|failure| failure.detail.clone()));
    fact(
        "failure",
        row.failure.as_ref().map(|failure| {
            let again = if failure.retryable { "may be sent again" } else { "not to be sent again" };
            format!("{failure}; {again}")
        }),
    );
    fact("time", Some(words));
    fact("read at", row.started_us.map(clock));
    fact("attempts", (row.attempts > 1).then(|| row.attempts.to_string()));
    fact("redirects", (row.hops > 0).then(|| row.hops.to_string()));
    fact("connection", connection(row));
    fact("body", row.body_bytes.map(bytes));
    fact("meta", row.meta.clone());
    facts
}

fn connection(row: &Row) -> Option<String> {
    let remote = row.remote.map(|remote| remote.to_string());
    let reused = row.reused.map(|reused| if reused { "used before" } else { "opened for it" }.to_owned());
    let known: Vec<String> = [remote, row.protocol.map(str::to_owned), reused].into_iter().flatten().collect();
    (!known.is_empty()).then(|| known.join(", "))
}
