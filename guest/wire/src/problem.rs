//! Problem documents (RFC 9457).

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Why a batch was refused. The type is `about:blank`, so the title is the status phrase.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The status phrase.
    pub title: &'static str,
    /// The status code it is answered with.
    pub status: u16,
    /// What is wrong and how to fix it.
    pub detail: String,
    /// The field that is wrong, as a path such as `policy.concurrency`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The largest accepted value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<Ceiling>,
    /// The line of the request's body, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
}

/// The largest accepted value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ceiling {
    /// A number, or a number of bytes.
    Count(u64),
    /// A span of time, written as in a policy.
    Span(Duration),
}

impl Serialize for Ceiling {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Ceiling::Count(count) => serializer.serialize_u64(*count),
            Ceiling::Span(span) => serializer.collect_str(&humantime::format_duration(*span)),
        }
    }
}

#[derive(Serialize)]
struct ProblemLine<'a> {
    problem: &'a Problem,
}

/// The document, on one line.
pub fn problem_to_json(problem: &Problem) -> String {
    crate::outcome::line(problem)
}

/// A line `{"problem":{…}}` among outcomes, for a problem found after the first of them.
pub fn problem_to_line(problem: &Problem) -> String {
    crate::outcome::line(&ProblemLine { problem })
}

/// The detail of a problem document, if the text is one.
pub fn problem_detail(document: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Document {
        detail: String,
    }
    serde_json::from_str(document).ok().map(|Document { detail }| detail)
}
