//! Checks where a response's body ends, before the response is passed on.
//!
//! hyper removes the framing of a body, but leaves the header lines that describe it. A response that is passed on has a
//! `content-length` only if that framed the body, and its body never contains chunk framing, or bytes of a coding that no header names.

use crate::error::SendError;
use fantail_engine::{Cause, Phase};
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};

/// Whether the connection may carry another request once the body has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reuse {
    Allowed,
    /// The peer declared the end of the body in two ways, and may follow the other one.
    Forbidden,
}

/// Makes the head consistent with the body that hyper hands out, or refuses it.
pub(crate) fn normalize(head: &mut Parts, method: &Method) -> Result<Reuse, SendError> {
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
        // A coding options the length, and a peer that sends both may mean either (RFC 9112, section 6.3). A 204 must not have a
        // length (RFC 9110, section 8.6).
        let invalid = length(&head.headers).is_none();
        head.headers.remove(CONTENT_LENGTH);
        return match invalid && coded {
            true => Err(refused("the content-length beside the transfer-encoding is invalid or contradicts itself")),
            false => Ok(if coded { Reuse::Forbidden } else { Reuse::Allowed }),
        };
    }
    // `2, 2` and two equal lines are one length (RFC 9110, section 8.6). hyper has refused invalid ones, unless there is no body.
    match length(&head.headers) {
        Some(length) => head.headers.insert(CONTENT_LENGTH, HeaderValue::from(length)),
        None => head.headers.remove(CONTENT_LENGTH),
    };
    Ok(Reuse::Allowed)
}

/// hyper has decoded only a single `chunked`, and only if it is the last element of the last line.
fn check_coding(headers: &HeaderMap) -> Result<(), SendError> {
    let lines = || headers.get_all(TRANSFER_ENCODING).iter();
    let mut codings = lines().flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    // Empty elements of a list are ignored (RFC 9110, section 5.6.1).
    let mut named = codings.by_ref().map(<[u8]>::trim_ascii).filter(|coding| !coding.is_empty());
    let only_chunked = named.next().is_some_and(is_chunked) && named.next().is_none();
    let decoded = lines().next_back().and_then(|line| line.as_bytes().rsplit(|byte| *byte == b',').next());
    if only_chunked && decoded.is_some_and(is_chunked) {
        return Ok(());
    }
    let value: Vec<String> = lines().map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned()).collect();
    let value: String = value.join(", ").chars().take(64).collect();
    Err(refused(format!("the transfer-encoding {value:?} is not supported: only chunked is")))
}

fn is_chunked(coding: &[u8]) -> bool {
    coding.trim_ascii().eq_ignore_ascii_case(b"chunked")
}

fn refused(detail: impl Into<String>) -> SendError {
    SendError::new(Cause::HttpResponseTransferCoding, Phase::Head, detail)
}

/// The length that all lines and list elements agree on.
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

    fn normalized(lines: &[(&str, &str)], method: Method, status: u16) -> Result<(Vec<String>, Reuse), Cause> {
        let mut response = Response::builder().status(status);
        for (name, value) in lines {
            response = response.header(*name, *value);
        }
        let mut head = response.body(()).unwrap().into_parts().0;
        let reuse = normalize(&mut head, &method).map_err(|error| error.cause)?;
        let lengths = head.headers.get_all(CONTENT_LENGTH).iter().map(|line| line.to_str().unwrap().to_owned());
        Ok((lengths.collect(), reuse))
    }

    fn normalized_get(lines: &[(&str, &str)]) -> Result<(Vec<String>, Reuse), Cause> {
        normalized(lines, Method::GET, 200)
    }

    const CODING: &str = "transfer-encoding";
    const LENGTH: &str = "content-length";

    /// T1: the component never sees a length that did not frame the body.
    #[test]
    fn a_length_beside_a_coding_is_removed_and_the_connection_is_not_reused() {
        assert_eq!(normalized_get(&[(CODING, "chunked"), (LENGTH, "3")]), Ok((vec![], Reuse::Forbidden)));
        assert_eq!(normalized(&[(CODING, "gzip"), (LENGTH, "3")], Method::HEAD, 200), Ok((vec![], Reuse::Forbidden)));
        assert_eq!(normalized_get(&[(CODING, "chunked")]), Ok((vec![], Reuse::Allowed)));
        assert_eq!(normalized_get(&[(LENGTH, "3")]), Ok((vec!["3".to_owned()], Reuse::Allowed)));
    }

    /// T1: the coding `lalala` with two different lengths was accepted.
    #[test]
    fn different_or_invalid_lengths_beside_a_coding_are_refused() {
        for lengths in [["3", "4"], ["3, 4", "3"], ["x", "x"], ["", "3"], ["+3", "3"]] {
            let lines = [(CODING, "chunked"), (LENGTH, lengths[0]), (LENGTH, lengths[1])];
            assert_eq!(normalized_get(&lines), Err(Cause::HttpResponseTransferCoding), "{lengths:?}");
        }
        assert_eq!(normalized_get(&[(CODING, "lalala"), (LENGTH, "3")]), Err(Cause::HttpResponseTransferCoding));
    }

    #[test]
    fn equal_lengths_are_merged_into_one() {
        for lines in [vec![(LENGTH, "3"), (LENGTH, "3")], vec![(LENGTH, "3, 3")], vec![(LENGTH, "3 ,3"), (LENGTH, "3")]]
        {
            assert_eq!(normalized_get(&lines), Ok((vec!["3".to_owned()], Reuse::Allowed)));
        }
        assert_eq!(normalized(&[(LENGTH, "3")], Method::HEAD, 200), Ok((vec!["3".to_owned()], Reuse::Allowed)));
        assert_eq!(normalized(&[(LENGTH, "3")], Method::GET, 204), Ok((vec![], Reuse::Allowed)));
    }

    /// T10: codings that were not decoded arrived as the body of a 200.
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
            assert_eq!(normalized_get(&[(CODING, coding)]), Err(Cause::HttpResponseTransferCoding), "{coding:?}");
        }
        assert!(normalized_get(&[(CODING, "gzip"), (CODING, "chunked")]).is_err());
        assert!(normalized_get(&[(CODING, "chunked"), (CODING, "chunked")]).is_err());
    }

    /// T10: an empty element of a list is ignored. One after `chunked` is refused above, because hyper does not decode it.
    #[test]
    fn chunked_is_recognized_in_any_case_and_after_empty_elements() {
        for coding in ["chunked", "Chunked", "CHUNKED", " chunked", ", chunked", ",,chunked", ", , \tchunked"] {
            assert!(normalized_get(&[(CODING, coding)]).is_ok(), "{coding:?}");
        }
        assert!(normalized_get(&[(CODING, ""), (CODING, "chunked")]).is_ok());
    }
}
