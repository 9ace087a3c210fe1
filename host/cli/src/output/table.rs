//! A line per outcome, for people.

use super::Format;
use crate::numbers::{bytes, span};
use crate::store::Stored;
use console::{Style, Term, measure_text_width, truncate_str};
use fantail::Cause;
use std::borrow::Cow;
use std::fmt::Write;

/// Columns below which nothing is cut any more.
const MIN_URL_WIDTH: usize = 16;

/// Columns below which a detail says nothing, and is left out.
const MIN_DETAIL_WIDTH: usize = 16;

/// Prints outcomes in colour and cut to the width of the terminal, if standard output is one.
pub(crate) struct Table {
    terminal: Option<Term>,
    coloured: bool,
}

impl Table {
    pub(super) fn new() -> Self {
        let terminal = Format::is_for_people().then(Term::stdout);
        // Honours NO_COLOR, CLICOLOR, CLICOLOR_FORCE and TERM=dumb.
        Self { terminal, coloured: console::colors_enabled() }
    }

    pub(super) fn print(&self, stored: &Stored, out: &mut Vec<u8>) {
        let width = self.terminal.as_ref().and_then(Term::size_checked).map(|(_, columns)| columns.into());
        out.extend_from_slice(line(stored, width, self.coloured).as_bytes());
    }
}

/// An outcome as a line of at most `width` columns.
fn line(stored: &Stored, width: Option<usize>, coloured: bool) -> String {
    let outcome = &stored.outcome;
    let (label, style, detail) = match &outcome.result {
        Ok(response) => (response.status.to_string(), status_style(response.status), None),
        Err(failure) => (failure.cause.name().to_owned(), cause_style(failure.cause), failure.detail.as_deref()),
    };
    let size = stored.body_bytes().map_or("-".to_owned(), bytes);
    let (label, rest) = (format!("{label:<18}"), format!(" {:>8} {size:>10}  ", span(outcome.timing.total)));
    let left = width.map(|width| width.saturating_sub(measure_text_width(&label) + measure_text_width(&rest)));
    let left = left.map_or(usize::MAX, |left| left.max(MIN_URL_WIDTH));
    let url = printable(&outcome.url);
    let url = truncate_str(&url, left, "…");
    let left = left.saturating_sub(measure_text_width(&url) + 2);
    let mut line = format!("{}{rest}{url}", style.force_styling(coloured).apply_to(label));
    if let Some(detail) = detail.filter(|_| left >= MIN_DETAIL_WIDTH) {
        let detail = printable(detail);
        let dim = Style::new().dim().force_styling(coloured);
        // Writing to a string cannot fail.
        let _ = write!(line, "  {}", dim.apply_to(truncate_str(&detail, left, "…")));
    }
    line.push('\n');
    line
}

fn status_style(status: u16) -> Style {
    match status {
        200..=299 => Style::new().green(),
        400..=499 => Style::new().yellow(),
        500..=599 => Style::new().red(),
        _ => Style::new().cyan(),
    }
}

fn cause_style(cause: Cause) -> Style {
    match cause {
        Cause::Cancelled => Style::new().dim(),
        _ => Style::new().red().bold(),
    }
}

/// The text without what could command a terminal or reorder the line: URLs and details may come from a server.
fn printable(text: &str) -> Cow<'_, str> {
    let is_hidden = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_hidden(letter) { shown.extend(letter.escape_unicode()) } else { shown.push(letter) }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fantail::{Failure, Timing};
    use fantail_wire::{Body, Outcome, Response};
    use std::time::Duration;

    fn stored(url: &str, result: Result<u16, Failure>) -> Stored {
        let response = |status| Response { status, headers: Vec::new(), body: Body::Bytes(b"hello".to_vec()) };
        let timing = Timing { total: Duration::from_micros(12_345), ..Timing::default() };
        let (url, hops, result) = (url.to_owned(), Vec::new(), result.map(response));
        let outcome = Outcome { id: 0, url, attempts: 1, hops, timing, last_attempt: None, result };
        Stored { outcome, context: fantail_wire::Context::default(), bytes: 0 }
    }

    #[test]
    fn a_line_has_status_time_size_and_url_and_fits_the_width() {
        let answered = stored("http://a.test/a/long/path", Ok(200));
        assert_eq!(line(&answered, None, false), "200                 12.3 ms        5 B  http://a.test/a/long/path\n");
        let cut = line(&answered, Some(60), false);
        assert_eq!(cut, "200                 12.3 ms        5 B  http://a.test/a/lon…\n");
        assert_eq!(measure_text_width(cut.trim_end()), 60);
    }

    #[test]
    fn a_failure_has_its_cause_and_as_much_of_its_detail_as_fits() {
        let failure = Failure::new(Cause::ConnectionRefused, true).with_detail("a.test: Connection refused");
        let refused = stored("http://a.test/", Err(failure));
        let all = "connection-refused  12.3 ms          -  http://a.test/  a.test: Connection refused\n";
        assert_eq!(line(&refused, None, false), all);
        let cut = line(&refused, Some(75), false);
        assert!(cut.ends_with("http://a.test/  a.test: Connection…\n"), "{cut}");
        assert!(line(&refused, Some(60), false).ends_with("http://a.test/\n"));
        let coloured = line(&refused, None, true);
        assert!(coloured.starts_with("\u{1b}[31m\u{1b}[1mconnection-refused\u{1b}[0m"), "{coloured:?}");
    }

    #[test]
    fn nothing_from_outside_commands_the_terminal() {
        let failure = Failure::new(Cause::Other, true).with_detail("a\u{1b}[2Jb\nc\u{202e}d");
        let shown = line(&stored("x\u{7}y\r", Err(failure)), None, false);
        assert!(shown.contains(r"x\u{7}y\u{d}  a\u{1b}[2Jb\u{a}c\u{202e}d"), "{shown:?}");
    }
}
