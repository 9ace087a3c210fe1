//! Failure reports in the text of an error.

use crate::field::{description, entries, push_entry};
use crate::{read, write};
use fantail_engine::{Cause, Facts, Phase, Sent};

/// The prefix of the text, which no error of another host has.
const BEGIN: &str = "fantail-facts: ";

/// A host's report of an attempt that failed.
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

/// The report as the text of an `internal-error`.
pub fn write_failure(report: &FailureReport) -> String {
    let mut list = write(&report.facts);
    let FailureReport { cause, phase, sent, detail, .. } = report;
    push_entry(&mut list, format_args!("cause;desc=\"{}\"", cause.name()));
    push_entry(&mut list, format_args!("phase;desc=\"{}\"", phase.name()));
    push_entry(&mut list, format_args!("sent;desc=\"{}\"", sent.name()));
    format!("{BEGIN}{list}\n{detail}")
}

/// Parses the text of [`write_failure`]; none for any other text.
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
    fn every_failure_can_be_written_and_read_back() {
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
    fn any_other_text_is_no_report() {
        for text in
            ["", "hyper error", "fantail-facts: ", "fantail-facts: cause;desc=\"other\"\n", "x fantail-facts: \n"]
        {
            assert_eq!(read_failure(text), None);
        }
    }
}
