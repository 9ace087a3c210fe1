//! Reads a line of outcomes, with what is written beside an outcome.

use crate::extra::Extra;
use fantail_wire::{Outcome, WireError, outcome_with_context};

/// What a line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// An outcome, and what is written beside it.
    Outcome(Box<Outcome>, Extra),
    /// The summary that ends a response of the service. It has nothing that outcomes do not have.
    Summary,
}

/// Reads a line. The error says which field is wrong.
pub fn parse_line(text: &str) -> Result<Line, WireError> {
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.starts_with("{\"summary\":") {
        return Ok(Line::Summary);
    }
    let (outcome, context) = outcome_with_context(text)?;
    Ok(Line::Outcome(Box::new(outcome), Extra::from(context)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = r#"{"id":1,"url":"http://a.test/","attempts":1,"status":200,"headers":{},"timing":{"queued_us":0,"total_us":7}}"#;

    fn outcome(text: &str) -> (Outcome, Extra) {
        match parse_line(text).unwrap() {
            Line::Outcome(outcome, extra) => (*outcome, extra),
            Line::Summary => panic!("a summary"),
        }
    }

    #[test]
    fn what_is_written_beside_an_outcome_is_read_if_it_is_there() {
        assert_eq!(outcome(PLAIN).1, Extra::default());
        let more = r#"{"id":"a-1","method":"PUT","started_us":12,"key":"ab","meta":{"row":3},"#;
        let (with, extra) = outcome(&PLAIN.replace(r#"{"id":1,"#, more));
        assert_eq!(with, Outcome { id: 0, ..outcome(PLAIN).0 });
        assert_eq!((extra.id.as_deref(), extra.method.as_deref()), (Some("a-1"), Some("PUT")));
        assert_eq!(
            (extra.started_us, extra.key.as_deref(), extra.meta.as_deref()),
            (Some(12), Some("ab"), Some("{\"row\":3}"))
        );
    }

    #[test]
    fn a_line_that_is_no_outcome_is_refused_and_says_why() {
        let reason = |text: &str| parse_line(text).unwrap_err().to_string();
        assert_eq!(reason("http://a.test/"), "expected a JSON object, which begins with {");
        assert!(reason(&PLAIN.replace("attempts", "attemps")).contains("attemps"));
        assert!(reason(&PLAIN.replace(r#""id":1"#, r#""id":[]"#)).contains("id"));
        assert!(reason(&PLAIN[..60]).contains("EOF"), "a torn line");
        assert_eq!(parse_line(r#"{"summary":{}}"#), Ok(Line::Summary));
    }
}
