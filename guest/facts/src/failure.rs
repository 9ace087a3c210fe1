//! The text of an error.

use crate::field::{push_entry, description, entries};
use crate::{read, write};
use fantail_engine::{Cause, Facts, Phase, Sent};

/// What the text begins with: no error of another host does.
const BEGIN: &str = "fantail-facts: ";

/// What a host says of an attempt that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureReport {
    /// Why.
    pub cause: Cause,
    /// How far it had come.
    pub phase: Phase,
    /// Whether it may have reached the peer.
    pub sent: Sent,
    /// What else is known.
    pub facts: Facts,
    /// For people.
    pub detail: String,
}

/// It as the text of an `internal-error`.
pub fn write_failure(report: &FailureReport) -> String {
    let mut list = write(&report.facts);
    let FailureReport { cause, phase, sent, detail, .. } = report;
    push_entry(&mut list, format_args!("cause;desc=\"{}\"", cause.name()));
    push_entry(&mut list, format_args!("phase;desc=\"{}\"", phase.name()));
    push_entry(&mut list, format_args!("sent;desc=\"{}\"", sent.name()));
    format!("{BEGIN}{list}\n{detail}")
}

/// What [`write_failure`] has written; none if it is another text.
pub fn read_failure(text: &str) -> Option<FailureReport> {
    let (list, detail) = text.strip_prefix(BEGIN)?.split_once('\n')?;
    let named = |wanted| entries(list).find(|(name, _)| *name == wanted).and_then(|(_, named)| description(named));
    Some(FailureReport {
        cause: named("cause")?.parse().ok()?,
        phase: named("phase").and_then(Phase::named)?,
        sent: named("sent").and_then(Sent::named)?,
        facts: read(list),
        detail: detail.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn every_failure_that_is_written_is_read_again() {
        let facts = Facts { queued: Some(Duration::from_millis(3)), ..Facts::default() };
        for cause in Cause::ALL {
            for (facts, detail) in [(facts, "10.0.0.1:80: refused, \"so\"\nit said"), (Facts::default(), "")] {
                let report = FailureReport {
                    cause: *cause,
                    phase: cause.phase(),
                    sent: cause.sent(),
                    facts,
                    detail: detail.to_owned(),
                };
                assert_eq!(read_failure(&write_failure(&report)), Some(report));
            }
        }
    }

    #[test]
    fn other_texts_are_nobodys_facts() {
        for text in
            ["", "hyper error", "fantail-facts: ", "fantail-facts: cause;desc=\"other\"\n", "x fantail-facts: \n"]
        {
            assert_eq!(read_failure(text), None);
        }
    }
}
