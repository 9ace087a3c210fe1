//! How numbers are written for people: one way throughout.

use indicatif::{HumanBytes, HumanCount};
use std::time::Duration;

/// 1250 as `1,250`.
pub(crate) fn count(count: u64) -> String {
    HumanCount(count).to_string()
}

/// `1 request`, `1,250 requests`.
pub(crate) fn requests(number: u64) -> String {
    if number == 1 { "1 request".to_owned() } else { format!("{} requests", count(number)) }
}

/// 2097152 as `2.00 MiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    HumanBytes(bytes).to_string()
}

/// Requests per second, as `1,250/s`.
pub(crate) fn rate(requests: u64, elapsed: Duration) -> String {
    let rate = requests as f64 / elapsed.as_secs_f64().max(1e-9);
    // Saturates.
    format!("{}/s", count(rate.round() as u64))
}

/// A span with three digits, in a suitable unit.
pub(crate) fn span(span: Duration) -> String {
    let micros = span.as_secs_f64() * 1e6;
    let (value, unit) = match micros {
        _ if micros < 1e3 => (micros, "µs"),
        _ if micros < 1e6 => (micros / 1e3, "ms"),
        _ if micros < 1e10 => (micros / 1e6, "s"),
        // Hours and days are not read in seconds.
        _ => return humantime::format_duration(Duration::from_secs(span.as_secs())).to_string(),
    };
    let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_one_way() {
        assert_eq!((count(1_250), bytes(2 << 20)), ("1,250".to_owned(), "2.00 MiB".to_owned()));
        assert_eq!((requests(1), requests(1_250)), ("1 request".to_owned(), "1,250 requests".to_owned()));
        assert_eq!(rate(2_500, Duration::from_secs(2)), "1,250/s");
        let spans = [1, 12_500, 2_500_000, 20_000_000_000].map(Duration::from_micros).map(span);
        assert_eq!(spans, ["1.00 µs", "12.5 ms", "2.50 s", "5h 33m 20s"]);
    }
}
