//! The origin of a URL.

/// Scheme, host and port of a URL as outcomes have it, without user name; none if it is not one.
pub(crate) fn origin(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next().filter(|authority| !authority.is_empty())?;
    let host = authority.rsplit('@').next().unwrap_or(authority);
    Some(format!("{scheme}://{host}"))
}
