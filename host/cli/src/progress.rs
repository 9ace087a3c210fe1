//! A progress bar on standard error, for people.

use super::numbers::{bytes, count};
use super::output::Display;
use super::sink::Observe;
use super::store::Stored;
use fantail::Cause;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Shows how far a run has come, if standard error is a terminal.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    read: Arc<AtomicU64>,
    counts: Counts,
}

/// Outcomes so far.
#[derive(Default)]
struct Counts {
    done: u64,
    successful: u64,
    client_errors: u64,
    server_errors: u64,
    failed: u64,
    body_bytes: u64,
}

impl Progress {
    pub(crate) fn new(display: Display, verbose: bool) -> Self {
        let hidden = display.no_progress || display.quiet || verbose || !std::io::stderr().is_terminal();
        let bar = (!hidden).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
            bar.set_style(style("{spinner} {human_pos} done, {rate}, {elapsed}: {wide_msg}"));
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self { bar, read: Arc::default(), counts: Counts::default() }
    }

    /// The bar, if it is shown.
    pub(crate) fn bar(&self) -> Option<ProgressBar> {
        self.bar.clone()
    }

    /// The requests that were read so far, to be counted by whoever reads them.
    pub(crate) fn read(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.read)
    }

    pub(crate) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

/// From now on the bar knows how many there will be.
pub(crate) fn expect(bar: &ProgressBar, total: u64) {
    bar.set_length(total);
    bar.set_style(style("{bar:16} {percent} %, {human_pos} of {human_len}, {rate}, {eta} left: {wide_msg}"));
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.with_key("rate", |state: &ProgressState, out: &mut dyn std::fmt::Write| {
        // Saturates. Nothing depends on the line.
        let _ = write!(out, "{}/s", count(state.per_sec().round() as u64));
    })
}

impl Observe for Progress {
    fn observe(&mut self, outcomes: &[Stored]) {
        let Some(bar) = &self.bar else { return };
        for stored in outcomes {
            self.counts.count(stored);
        }
        bar.set_position(self.counts.done);
        bar.set_message(self.counts.message(self.read.load(Ordering::Relaxed)));
    }
}

impl Counts {
    fn count(&mut self, stored: &Stored) {
        self.done += 1;
        self.body_bytes += stored.body_bytes().unwrap_or_default();
        match &stored.outcome.result {
            Ok(response) => match response.status {
                200..=299 => self.successful += 1,
                400..=499 => self.client_errors += 1,
                500..=599 => self.server_errors += 1,
                _ => {}
            },
            Err(failure) => self.failed += u64::from(failure.cause != Cause::Cancelled),
        }
    }

    /// `read` is how many requests have been read, and so are done or under way.
    fn message(&self, read: u64) -> String {
        let mut parts = vec![format!("{} under way", count(read.saturating_sub(self.done)))];
        let classes = [
            ("2xx", self.successful),
            ("4xx", self.client_errors),
            ("5xx", self.server_errors),
            ("failed", self.failed),
        ];
        let seen = classes.into_iter().filter(|(_, number)| *number > 0);
        parts.extend(seen.map(|(name, number)| format!("{name} {}", count(number))));
        parts.push(bytes(self.body_bytes));
        parts.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_tells_what_came_and_what_is_under_way() {
        let counts = Counts { done: 1_300, successful: 1_234, failed: 60, body_bytes: 2 << 20, ..Counts::default() };
        assert_eq!(counts.message(1_364), "64 under way, 2xx 1,234, failed 60, 2.00 MiB");
    }
}
