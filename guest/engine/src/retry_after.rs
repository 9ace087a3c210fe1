//! How long a response asks the client to wait.

use std::time::{Duration, SystemTime};

/// The delay that `retry-after` asks for (RFC 9110, section 10.2.3): seconds, or a date. A date is measured from the
/// response's own `date`, so that our clock need not agree with the server's. None without a `date`, or for a value
/// that cannot be parsed.
pub fn retry_after(retry_after: Option<&[u8]>, date: Option<&[u8]>) -> Option<Duration> {
    let value = text(retry_after?)?;
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let until: SystemTime = httpdate::parse_http_date(value).ok()?;
    let sent = httpdate::parse_http_date(text(date?)?).ok()?;
    Some(until.duration_since(sent).unwrap_or_default())
}

fn text(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: &[u8] = b"Sat, 21 Nov 2026 12:00:00 GMT";

    #[test]
    fn seconds_and_dates_are_read() {
        let seconds = Duration::from_secs;
        assert_eq!(retry_after(Some(b"120"), None), Some(seconds(120)));
        assert_eq!(retry_after(Some(b" 0 "), None), Some(seconds(0)));
        assert_eq!(retry_after(Some(b"Sat, 21 Nov 2026 12:00:30 GMT"), Some(NOON)), Some(seconds(30)));
        assert_eq!(
            retry_after(Some(b"Saturday, 21-Nov-26 12:00:30 GMT"), Some(NOON)),
            Some(seconds(30)),
            "as RFC 850 had it"
        );
        assert_eq!(retry_after(Some(b"Sat, 21 Nov 2026 11:00:00 GMT"), Some(NOON)), Some(seconds(0)), "it has passed");
    }

    #[test]
    fn a_value_that_cannot_be_parsed_asks_for_nothing() {
        assert_eq!(retry_after(None, Some(NOON)), None);
        assert_eq!(retry_after(Some(NOON), None), None);
        for value in [b"soon".as_slice(), b"-1", b"1.5", b"99999999999999999999", b"\xff", b""] {
            assert_eq!(retry_after(Some(value), Some(NOON)), None);
        }
    }
}
