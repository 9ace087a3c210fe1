//! The line of a request in the access log, as `key=value` pairs (logfmt).

use fantail::Access;
use std::fmt::Write;
use std::time::SystemTime;

/// The line, without a line feed.
pub(super) fn line(access: &Access<'_>, now: SystemTime) -> String {
    let (at, token) = (humantime::format_rfc3339_millis(now), value(access.token.unwrap_or("-")));
    let mut line = format!("at={at} peer={} token={token} ", access.peer);
    // Writing to a string cannot fail.
    let _ = write!(line, "method={} path={} ", access.method, value(access.path));
    let _ = match access.status {
        Some(status) => write!(line, "status={status} "),
        None => write!(line, "status=- "),
    };
    let millis = access.duration.as_secs_f64() * 1_000.0;
    let _ = write!(line, "bytes={} ms={millis:.1} complete={}", access.bytes, access.is_complete);
    line
}

/// A value in quotes, if it would not end at the next space otherwise.
fn value(text: &str) -> String {
    let plain = text.chars().all(|letter| letter.is_ascii_graphic() && !matches!(letter, '"' | '=' | '\\'));
    if plain && !text.is_empty() { text.to_owned() } else { format!("{text:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_pass_for_another_field() {
        assert_eq!(value("/healthz"), "/healthz");
        assert_eq!(value("a b=\"c\"\n"), "\"a b=\\\"c\\\"\\n\"");
        assert_eq!(value(""), "\"\"");
    }
}
