//! Which outcomes are not final.

use fantail::Cause;
use fantail_wire::Recorded;
use std::str::FromStr;

/// An outcome whose request is to be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Status(u16),
    /// Statuses by their first digit.
    Class(u16),
    Cause(Cause),
}

impl Condition {
    pub(crate) fn holds(self, recorded: &Recorded) -> bool {
        match (self, recorded.result) {
            (Condition::Status(wanted), Ok(status)) => status == wanted,
            (Condition::Class(wanted), Ok(status)) => status / 100 == wanted,
            (Condition::Cause(wanted), Err((cause, _))) => cause == wanted,
            (Condition::Status(_) | Condition::Class(_), Err(_)) | (Condition::Cause(_), Ok(_)) => false,
        }
    }
}

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Ok(status @ 100..=999) = text.parse() {
            return Ok(Condition::Status(status));
        }
        let class = text.strip_suffix("xx").or_else(|| text.strip_suffix("XX")).and_then(|digit| digit.parse().ok());
        if let Some(class @ 1..=9) = class {
            return Ok(Condition::Class(class));
        }
        let cause = Cause::ALL.iter().find(|cause| cause.name().eq_ignore_ascii_case(text));
        cause.copied().map(Condition::Cause).ok_or_else(|| {
            "expected a status such as 429, a class such as 5xx, or a cause such as connection-refused".to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_a_status_a_class_or_a_cause() {
        assert_eq!("429".parse(), Ok(Condition::Status(429)));
        assert_eq!(" 5xx".parse(), Ok(Condition::Class(5)));
        assert_eq!("dns-TIMEOUT".parse(), Ok(Condition::Cause(Cause::DnsTimeout)));
        for wrong in ["", "xx", "0xx", "10xx", "42", "refused"] {
            assert!(wrong.parse::<Condition>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn conditions_of_statuses_hold_for_responses_only() {
        let response = Recorded { key: None, result: Ok(503) };
        let failure = Recorded { key: None, result: Err((Cause::DnsTimeout, true)) };
        let holds = |condition: &str| {
            let condition: Condition = condition.parse().unwrap();
            (condition.holds(&response), condition.holds(&failure))
        };
        assert_eq!(
            ["503", "5xx", "4xx", "DNS-timeout"].map(holds),
            [(true, false), (true, false), (false, false), (false, true)]
        );
    }
}
