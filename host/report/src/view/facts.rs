//! Names and values: totals, the policy in force, the receipt.

use super::collected::Collected;
use super::context::Context;
use crate::class::Class;
use crate::format::{bytes, count, span};
use crate::parts::micros;
use fantail_engine::{FIELDS, Hedge, Order, Policy, Summary, Until, Value};
use serde::Serialize;
use std::time::Duration;

/// Names and values, or a sentence in their place.
#[derive(Debug, Serialize)]
pub(crate) struct Facts {
    id: &'static str,
    title: &'static str,
    sentence: String,
    rows: Vec<Fact>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Fact {
    pub(crate) name: String,
    pub(crate) value: String,
    /// Not the default.
    pub(crate) is_set: bool,
}

fn fact(name: &str, value: impl Into<String>) -> Fact {
    Fact { name: name.to_owned(), value: value.into(), is_set: false }
}

/// The totals at the top.
pub(crate) fn totals(collected: &Collected, context: &Context<'_>) -> Vec<Fact> {
    let Collected { classes, responses, .. } = collected;
    let elapsed = context.summary.map_or_else(|| collected.extent_us(), |summary| micros(summary.elapsed));
    let below_400 = classes.get(Class::Successful) + classes.get(Class::Redirection);
    let mut totals = vec![
        fact("outcomes", count(classes.total())),
        fact("below 400", count(below_400)),
        fact("4xx and 5xx", count(classes.get(Class::ClientError) + classes.get(Class::ServerError))),
        fact("failed", count(classes.get(Class::Failed))),
    ];
    if classes.get(Class::Cancelled) > 0 {
        totals.push(fact("cancelled", count(classes.get(Class::Cancelled))));
    }
    if elapsed > 0 {
        let rate = classes.total() as f64 / (elapsed as f64 / 1e6);
        totals.push(fact("took", span(elapsed)));
        totals.push(fact("rate", format!("{}/s", count(rate.round() as u64))));
    }
    if responses.count() > 0 {
        for (name, quantile) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)] {
            totals.push(fact(&format!("latency {name}"), span(responses.at(quantile))));
        }
    }
    totals
}

/// Attempts, bodies and connections.
pub(crate) fn run(collected: &Collected, summary: Option<&Summary>) -> Facts {
    let rows = match summary {
        Some(summary) => vec![
            fact("attempts", count(summary.attempts)),
            fact("retries", count(summary.retries)),
            fact("hedges", format!("{}, of which {} answered first", count(summary.hedges), count(summary.hedges_won))),
            fact("shared the answer of an identical request", count(summary.coalesced)),
            fact("in flight", format!("{} at most", count(summary.peak_in_flight.into()))),
            fact("body bytes", bytes(summary.body_bytes)),
            fact("input", if summary.input_ended { "read to its end" } else { "not read to its end" }),
        ],
        None => vec![
            fact("attempts", count(collected.attempts)),
            fact("requests with more than one attempt", count(collected.repeated)),
            fact("body bytes in the outcomes", bytes(collected.body_bytes)),
        ],
    };
    let sentence = match summary {
        Some(_) => String::new(),
        None => "Counted from the outcomes: a file of outcomes has no summary of its run.".to_owned(),
    };
    Facts { id: "run", title: "Run", sentence, rows }
}

/// The policy in force.
pub(crate) fn policy(policy: Option<&Policy>) -> Facts {
    let (id, title) = ("policy", "Policy in force");
    let Some(policy) = policy else {
        let sentence = "Not known: a file of outcomes does not have the policy of its run.".to_owned();
        return Facts { id, title, sentence, rows: Vec::new() };
    };
    let rows = FIELDS.iter().filter_map(|field| {
        let set = (field.get)(policy).map(shown);
        let (is_set, value) = (set.is_some(), set.unwrap_or_else(|| field.default.replace('`', "")));
        Some(Fact { name: field.json?.to_owned(), value, is_set })
    });
    let sentence = "What was set is in bold; everything else is a default.".to_owned();
    Facts { id, title, sentence, rows: rows.collect() }
}

fn shown(value: Value) -> String {
    let time = |span: Duration| humantime::format_duration(span).to_string();
    match value {
        Value::Count(number) => count(number.into()),
        Value::Bytes(size) => bytes(size),
        Value::Flag(flag) => if flag { "yes" } else { "no" }.to_owned(),
        Value::Span(span) | Value::Hedge(Hedge::After(span)) => time(span),
        Value::Hedge(Hedge::Auto) => "auto".to_owned(),
        Value::BodyMode(mode) => format!("{mode:?}").to_lowercase(),
        Value::Order(Order::Completion) => "completion".to_owned(),
        Value::Order(Order::Input) => "input".to_owned(),
        Value::Until(Until::All) => "all".to_owned(),
        Value::Until(Until::FirstFailure) => "first-failure".to_owned(),
        Value::Until(Until::Successes(number)) => format!("{} successes", count(number.into())),
    }
}

/// What the run has used.
pub(crate) fn receipt(receipt: Option<&[(String, String)]>) -> Facts {
    let sentence = match receipt {
        Some(_) => String::new(),
        None => "Not known: a file of outcomes does not have the receipt of its run.".to_owned(),
    };
    let rows = receipt.unwrap_or_default().iter().map(|(name, value)| fact(name, value.as_str()));
    Facts { id: "receipt", title: "Receipt", sentence, rows: rows.collect() }
}
