//! Why a component broke down, as text.

use wasmtime::{Error, WasmBacktrace};

/// The most bytes of a `detail` that we did not write ourselves.
const MAX_BYTES: usize = 300;

/// Why a component broke down, on one line: the trap, or the error of the host, without the backtrace.
pub(super) fn reason(error: &Error) -> String {
    let text = if error.is::<WasmBacktrace>() { error.root_cause().to_string() } else { format!("{error:#}") };
    first_line(&text).to_owned()
}

/// The first line of a foreign text, truncated to [`MAX_BYTES`].
pub(super) fn first_line(text: &str) -> &str {
    let line = text.lines().next().unwrap_or_default();
    line.get(..line.floor_char_boundary(MAX_BYTES)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// T14: outcomes contained backtraces.
    #[test]
    fn a_detail_is_one_line_of_bounded_length() {
        assert_eq!(first_line("refused\n\nStack backtrace:\n   0: std::backtrace"), "refused");
        assert_eq!(first_line(&"é".repeat(1_000)).len(), 300);
        assert_eq!(first_line(""), "");
    }
}
