//! Malformed lines, which have outcomes too.
//!
//! The engine decides about order, early stops and the summary of such outcomes as of all others. So the component is
//! given a placeholder request that it must refuse as `invalid-url`; its URL, which comes back as it was written, says
//! what is wrong with the line.

use fantail_engine::{BodyMode, Cause, Failure, Request, Summary};
use fantail_wire::Outcome;

/// A prefix that no URL can have.
const PREFIX: &str = "\u{0}malformed ";

/// The placeholder request for a malformed line.
pub(crate) fn placeholder(id: u64, reason: &str) -> Request {
    // Well within the maximum length of a URL, beyond which the component would not return it.
    let reason = reason.char_indices().nth(1_000).map_or(reason, |(end, _)| reason.get(..end).unwrap_or_default());
    Request::get(id, format!("{PREFIX}{reason}"))
}

/// Replaces a request with a body mode that lines cannot represent.
pub(crate) fn checked(request: Request, line: u64) -> Request {
    match request.options.body {
        Some(BodyMode::Unread) => {
            placeholder(request.id, &format!("line {line}: options.body: unread bodies cannot be written into lines"))
        }
        Some(BodyMode::Discard | BodyMode::Bytes) | None => request,
    }
}

/// Turns the outcome of a placeholder into its line's. Returns whether it was one.
pub(crate) fn restore(outcome: &mut Outcome) -> bool {
    let Some(reason) = outcome.url.strip_prefix(PREFIX) else { return false };
    outcome.result = Err(Failure::new(Cause::InvalidRequest, true).with_detail(reason));
    outcome.url = String::new();
    true
}

/// Counts `lines` of the failures as malformed requests.
pub(crate) fn recount(summary: &mut Summary, lines: u64) {
    if lines == 0 {
        return;
    }
    let left = summary.by_cause.remove(&Cause::InvalidUrl).unwrap_or_default().saturating_sub(lines);
    if left > 0 {
        summary.by_cause.insert(Cause::InvalidUrl, left);
    }
    *summary.by_cause.entry(Cause::InvalidRequest).or_default() += lines;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_placeholder_is_refused_only_for_its_url() {
        for reason in ["line 3: not UTF-8", &"é".repeat(5_000)] {
            let refused = placeholder(7, reason).check().err().map(|failure| failure.cause);
            assert_eq!(refused, Some(Cause::InvalidUrl));
        }
    }

    #[test]
    fn placeholders_are_counted_as_malformed_requests() {
        let mut summary = Summary { by_cause: BTreeMap::from([(Cause::InvalidUrl, 3)]), ..Summary::default() };
        recount(&mut summary, 2);
        assert_eq!(summary.by_cause, BTreeMap::from([(Cause::InvalidUrl, 1), (Cause::InvalidRequest, 2)]));
        recount(&mut summary, 1);
        assert_eq!(summary.by_cause, BTreeMap::from([(Cause::InvalidRequest, 3)]));
        recount(&mut summary, 0);
        assert_eq!(summary.by_cause, BTreeMap::from([(Cause::InvalidRequest, 3)]));
    }
}
