//! Numbers for people.

/// A count with separators: `1,234,567`.
pub fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A span of microseconds with three digits, in a suitable unit: `12.3 ms`.
pub fn span(micros: u64) -> String {
    let micros = micros as f64;
    let (value, unit) = match micros {
        _ if micros < 1e3 => return format!("{micros} µs"),
        _ if micros < 999.5e3 => (micros / 1e3, "ms"),
        _ if micros < 600e6 => (micros / 1e6, "s"),
        _ if micros < 36e9 => (micros / 60e6, "min"),
        _ => (micros / 3600e6, "h"),
    };
    let digits = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    format!("{value:.digits$} {unit}")
}

/// A size in a suitable unit: `1.19 MiB`.
pub fn bytes(bytes: u64) -> String {
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    for unit in ["KiB", "MiB", "GiB"] {
        if value < 1023.995 {
            return format!("{value:.2} {unit}");
        }
        value /= 1024.0;
    }
    format!("{value:.2} TiB")
}

/// A share in per cent.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    format!("{:.1} %", 100.0 * part as f64 / whole.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_have_their_unit() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        let spans = [7, 1_000, 12_345, 999_400, 999_600, 90_000_000, 3_600_000_000, 90_000_000_000];
        let texts = ["7 µs", "1.00 ms", "12.3 ms", "999 ms", "1.00 s", "90.0 s", "60.0 min", "25.0 h"];
        assert_eq!(spans.map(span), texts);
        assert_eq!([12, 1_024, 3 << 20, 1 << 40].map(bytes), ["12 B", "1.00 KiB", "3.00 MiB", "1.00 TiB"]);
    }
}
