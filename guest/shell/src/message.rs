//! Helpers for requests and responses of any interface.

use fantail_engine::{Header, Request};
use std::borrow::Cow;
use url::Url;

/// The length to announce, if the caller has not set it. A request without a body announces that where its method could
/// have one (RFC 9110, section 8.6); otherwise a host that cannot know sends an empty body in chunks.
pub fn announced_length(request: &Request) -> Option<usize> {
    let is_content_length = |(name, _): &Header| name.eq_ignore_ascii_case("content-length");
    match &request.body {
        _ if request.headers.iter().any(is_content_length) => None,
        Some(body) => Some(body.len()),
        None if matches!(request.method.as_str(), "GET" | "HEAD") => None,
        None => Some(0),
    }
}

/// The request target.
pub fn path_with_query(url: &Url) -> Cow<'_, str> {
    match url.query() {
        None => url.path().into(),
        Some(query) => [url.path(), "?", query].concat().into(),
    }
}

/// The length that a response announces, if it is a number.
pub(crate) fn content_length(headers: &[Header]) -> Option<u64> {
    let (_, value) = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?;
    std::str::from_utf8(value).ok()?.parse().ok()
}
