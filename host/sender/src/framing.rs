//! Where a response's body ends, judged before anyone above is told of it.
//!
//! hyper takes the framing off a body and leaves the header lines that spoke of it. What goes up has a `content-length` only if that
//! framed the body, and a body never has chunks in it, or bytes of a coding whose label is lost on the way.

use crate::error::SendError;
use fantail_engine::{Cause, Phase};
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};

/// Whether the connection may carry another request once the body has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reuse {
    Allowed,
    /// The peer said two things about where the body ends, and may mean the other one.
    Forbidden,
}

/// Makes the head say what is so, or refuses it.
pub(crate) fn settle(head: &mut Parts, method: &Method) -> Result<Reuse, SendError> {
    let without_body =
        *method == Method::HEAD || matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let coded = head.headers.contains_key(TRANSFER_ENCODING);
    if coded && !without_body {
        check_coding(&head.headers)?;
    }
    if !head.headers.contains_key(CONTENT_LENGTH) {
        return Ok(Reuse::Allowed);
    }
    if coded || head.status == StatusCode::NO_CONTENT {
        // A coding overrules the length, and whoever says both may mean either (RFC 9112, section 6.3). With 204 there must be none
        // (RFC 9110, section 8.6).
        let contradictory = length(&head.headers).is_none();
        head.headers.remove(CONTENT_LENGTH);
        return match contradictory && coded {
            true => Err(refused("the lengths beside the transfer-encoding contradict each other or are none")),
            false => Ok(if coded { Reuse::Forbidden } else { Reuse::Allowed }),
        };
    }
    // `2, 2` and two equal lines are one length (RFC 9110, section 8.6). hyper has refused what is none, unless there is no body.
    match length(&head.headers) {
        Some(length) => head.headers.insert(CONTENT_LENGTH, HeaderValue::from(length)),
        None => head.headers.remove(CONTENT_LENGTH),
    };
    Ok(Reuse::Allowed)
}

/// Only a single `chunked` has been undone, and only if it is the last thing that the last line says.
fn check_coding(headers: &HeaderMap) -> Result<(), SendError> {
    let lines = || headers.get_all(TRANSFER_ENCODING).iter();
    let mut codings = lines().flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    // Empty elements of a list count for nothing (RFC 9110, section 5.6.1).
    let mut named = codings.by_ref().map(<[u8]>::trim_ascii).filter(|coding| !coding.is_empty());
    let only_chunked = named.next().is_some_and(is_chunked) && named.next().is_none();
    let undone = lines().next_back().and_then(|line| line.as_bytes().rsplit(|byte| *byte == b',').next());
    if only_chunked && undone.is_some_and(is_chunked) {
        return Ok(());
    }
    let said: Vec<String> = lines().map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned()).collect();
    let said: String = said.join(", ").chars().take(64).collect();
    Err(refused(format!("the transfer-encoding {said:?} is not undone here: only chunked is")))
}

fn is_chunked(coding: &[u8]) -> bool {
    coding.trim_ascii().eq_ignore_ascii_case(b"chunked")
}

fn refused(detail: impl Into<String>) -> SendError {
    SendError::new(Cause::HttpResponseTransferCoding, Phase::Head, detail)
}

/// The one length that all lines and list elements name.
fn length(headers: &HeaderMap) -> Option<u64> {
    let mut lines = headers.get_all(CONTENT_LENGTH).iter();
    let first = one_length(lines.next()?)?;
    lines.all(|line| one_length(line) == Some(first)).then_some(first)
}

fn one_length(line: &HeaderValue) -> Option<u64> {
    let mut elements = line.to_str().ok()?.split(',').map(str::trim);
    let first = elements.next()?;
    let digits = !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_digit());
    let length = if digits { first.parse().ok()? } else { return None };
    elements.all(|element| element.parse() == Ok(length)).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Response;

    fn settled(lines: &[(&str, &str)], method: Method, status: u16) -> Result<(Vec<String>, Reuse), Cause> {
        let mut response = Response::builder().status(status);
        for (name, value) in lines {
            response = response.header(*name, *value);
        }
        let mut head = response.body(()).unwrap().into_parts().0;
        let reuse = settle(&mut head, &method).map_err(|error| error.cause)?;
        let lengths = head.headers.get_all(CONTENT_LENGTH).iter().map(|line| line.to_str().unwrap().to_owned());
        Ok((lengths.collect(), reuse))
    }

    fn got(lines: &[(&str, &str)]) -> Result<(Vec<String>, Reuse), Cause> {
        settled(lines, Method::GET, 200)
    }

    const CODING: &str = "transfer-encoding";
    const LENGTH: &str = "content-length";

    /// T1: the component never sees a length that did not frame the body.
    #[test]
    fn a_length_beside_a_coding_is_taken_away_and_the_connection_not_used_again() {
        assert_eq!(got(&[(CODING, "chunked"), (LENGTH, "3")]), Ok((vec![], Reuse::Forbidden)));
        assert_eq!(settled(&[(CODING, "gzip"), (LENGTH, "3")], Method::HEAD, 200), Ok((vec![], Reuse::Forbidden)));
        assert_eq!(got(&[(CODING, "chunked")]), Ok((vec![], Reuse::Allowed)));
        assert_eq!(got(&[(LENGTH, "3")]), Ok((vec!["3".to_owned()], Reuse::Allowed)));
    }

    /// T1: `lalala` with two different lengths passed.
    #[test]
    fn two_different_lengths_or_one_that_is_none_are_refused_beside_a_coding() {
        for lengths in [["3", "4"], ["3, 4", "3"], ["x", "x"], ["", "3"], ["+3", "3"]] {
            let lines = [(CODING, "chunked"), (LENGTH, lengths[0]), (LENGTH, lengths[1])];
            assert_eq!(got(&lines), Err(Cause::HttpResponseTransferCoding), "{lengths:?}");
        }
        assert_eq!(got(&[(CODING, "lalala"), (LENGTH, "3")]), Err(Cause::HttpResponseTransferCoding));
    }

    #[test]
    fn the_same_length_twice_is_one() {
        for lines in [vec![(LENGTH, "3"), (LENGTH, "3")], vec![(LENGTH, "3, 3")], vec![(LENGTH, "3 ,3"), (LENGTH, "3")]]
        {
            assert_eq!(got(&lines), Ok((vec!["3".to_owned()], Reuse::Allowed)));
        }
        assert_eq!(settled(&[(LENGTH, "3")], Method::HEAD, 200), Ok((vec!["3".to_owned()], Reuse::Allowed)));
        assert_eq!(settled(&[(LENGTH, "3")], Method::GET, 204), Ok((vec![], Reuse::Allowed)));
    }

    /// T10: codings that are not undone arrived as the body of a 200.
    #[test]
    fn every_coding_but_a_single_chunked_is_refused() {
        for coding in [
            "gzip",
            "deflate, chunked",
            "gzip, chunked",
            "chunked, gzip",
            "chunked, chunked",
            "chunked, identity",
            "xchunked",
            "chunked;",
            "chunked;q=1",
            "chunkedchunked",
            "\"chunked\"",
            "identity",
            "",
            ",",
            "chunked,",
            "chunked, ,",
        ] {
            assert_eq!(got(&[(CODING, coding)]), Err(Cause::HttpResponseTransferCoding), "{coding:?}");
        }
        assert!(got(&[(CODING, "gzip"), (CODING, "chunked")]).is_err());
        assert!(got(&[(CODING, "chunked"), (CODING, "chunked")]).is_err());
    }

    /// T10: an empty element of a list counts for nothing. One after `chunked` is refused above, because hyper has not undone it.
    #[test]
    fn chunked_is_known_in_any_case_and_after_empty_elements() {
        for coding in ["chunked", "Chunked", "CHUNKED", " chunked", ", chunked", ",,chunked", ", , \tchunked"] {
            assert!(got(&[(CODING, coding)]).is_ok(), "{coding:?}");
        }
        assert!(got(&[(CODING, ""), (CODING, "chunked")]).is_ok());
    }
}
