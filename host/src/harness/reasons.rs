//! What is said of a component that broke down.

use wasmtime::{Error, WasmBacktrace};

/// Bytes of a `detail` that are not our own words, at most.
const MOST: usize = 300;

/// Why a component broke down, on one line: the trap, or what the host had against it, and never the frames it happened in.
pub(super) fn reason(error: &Error) -> String {
    let words = if error.is::<WasmBacktrace>() { error.root_cause().to_string() } else { format!("{error:#}") };
    first_line(&words).to_owned()
}

/// The first line of what somebody else says, within bounds.
pub(super) fn first_line(words: &str) -> &str {
    let line = words.lines().next().unwrap_or_default();
    line.get(..line.floor_char_boundary(MOST)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// T14: a backtrace is for nobody who reads outcomes.
    #[test]
    fn a_detail_is_one_line_of_bounded_length() {
        assert_eq!(first_line("refused\n\nStack backtrace:\n   0: std::backtrace"), "refused");
        assert_eq!(first_line(&"é".repeat(1_000)).len(), 300);
        assert_eq!(first_line(""), "");
    }
}
