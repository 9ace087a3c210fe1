//! What decided over a run beyond its servers: limits that bound, budgets that ran out, breakers that opened.

use super::Run;
use crate::numbers::{bytes, count, requests, span};
use fantail::{Cause, End};
use serde::Serialize;
use std::time::Duration;

/// A sentence of the summary.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Note {
    /// What it is about, in one or two words.
    pub(crate) about: &'static str,
    pub(crate) text: String,
}

/// Origins that a note names.
const MAX_NAMED: usize = 3;

/// Waiting for a slot that is worth a note.
const MIN_WAIT: Duration = Duration::from_millis(1);

/// What is known of this run, the most important last: it is nearest to the next prompt.
pub(super) fn notes(run: &Run<'_>) -> Vec<Note> {
    let found = [
        ("concurrency", concurrency(run)),
        ("rate", rate(run)),
        (
            "max body",
            limit(run, Cause::BodyTooLarge, &|n| {
                format!("{n} had a body longer than {} (--max-body)", bytes(run.settings.max_body))
            }),
        ),
        (
            "open files",
            limit(run, Cause::ConnectionLimitReached, &|n| format!("{n} found no file left for a connection")),
        ),
        ("deadline", limit(run, Cause::Deadline, &|n| format!("it came before {n} were done (--deadline)"))),
        ("retry budget", retries(run)),
        ("breaker", breaker(run)),
        ("origins", origins(run)),
        ("note", end(run)),
    ];
    found.into_iter().filter_map(|(about, text)| Some(Note { about, text: text? })).collect()
}

fn limit(run: &Run<'_>, cause: Cause, text: &dyn Fn(String) -> String) -> Option<String> {
    run.summary.by_cause.get(&cause).map(|number| text(requests(*number)))
}

fn concurrency(run: &Run<'_>) -> Option<String> {
    let waited = run.details.queued.percentiles()?.p50;
    let bound = run.summary.peak_in_flight >= run.settings.concurrency && waited >= MIN_WAIT;
    let slots = count(run.settings.concurrency.into());
    bound.then(|| format!("all {slots} slots were taken (-c); half of the requests waited {} or longer", span(waited)))
}

fn rate(run: &Run<'_>) -> Option<String> {
    let rate = run.settings.rate?;
    let waited = run.details.queued.percentiles()?.p50;
    let text = || {
        format!(
            "{}/s to one origin (--rate); half of the requests waited {} or longer",
            count(rate.into()),
            span(waited)
        )
    };
    (waited >= MIN_WAIT).then(text)
}

/// The engine does not say why it sent nothing again, so neither does this.
fn retries(run: &Run<'_>) -> Option<String> {
    let settings = run.settings;
    let withheld = run.details.retries_withheld(settings.retries);
    let text = || {
        format!(
            "{} were not repeated {} times: the budget of their origin was used up ({} % and {}/s: --retry-percent, \
             --retry-per-second), no time was left, or repeating might do harm",
            requests(withheld),
            settings.retries,
            settings.retry_percent,
            settings.retry_per_second
        )
    };
    (withheld > 0).then(text)
}

fn breaker(run: &Run<'_>) -> Option<String> {
    let spared = *run.summary.by_cause.get(&Cause::BreakerOpen)?;
    let all = run.details.origins.top(usize::MAX, |counts| counts.breaker_open);
    let named = all.iter().take(MAX_NAMED).map(|(name, counts)| format!("{name} {}", count(counts.breaker_open)));
    let mut named: Vec<String> = named.collect();
    if all.len() > MAX_NAMED {
        named.push(format!("{} more", count((all.len() - MAX_NAMED) as u64)));
    }
    Some(format!("open, so that {} were not sent: {}", requests(spared), named.join(", ")))
}

fn origins(run: &Run<'_>) -> Option<String> {
    let others = run.details.origins.others();
    let apart = || count(run.details.origins.len() as u64);
    (others > 0).then(|| format!("{} went to further ones: only {} are counted apart", requests(others), apart()))
}

fn end(run: &Run<'_>) -> Option<String> {
    match run.end {
        End::Finished(_) if !run.summary.input_ended => Some("stopped before the end of the input".to_owned()),
        End::Finished(_) => None,
        End::Cancelled(_) => Some("interrupted before the end of the input".to_owned()),
        End::Broken(reason) => Some(format!("the component broke down: {reason}")),
    }
}
