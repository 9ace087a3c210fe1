//! A progress bar on standard error, for people.

use super::arguments::Display;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::Duration;

/// Shows how many requests are done. Hidden if standard error is not a terminal.
pub(crate) struct Progress {
    bar: ProgressBar,
    failed: u64,
}

impl Progress {
    /// `total` is how many there will be, if that is known.
    pub(crate) fn new(display: Display, total: Option<u64>) -> Self {
        if display.no_progress || !std::io::stderr().is_terminal() {
            return Self { bar: ProgressBar::hidden(), failed: 0 };
        }
        let template = match total {
            Some(_) => "{bar:32} {human_pos} of {human_len} done, {msg}, {per_sec:0}, {elapsed}",
            None => "{spinner} {human_pos} done, {msg}, {per_sec:0}, {elapsed}",
        };
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr_with_hz(10));
        bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message("0 failed");
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { bar, failed: 0 }
    }

    pub(crate) fn advance(&mut self, done: u64, failed: u64) {
        self.bar.inc(done);
        if failed > 0 {
            self.failed += failed;
            self.bar.set_message(format!("{} failed", self.failed));
        }
    }

    pub(crate) fn finish(self) {
        self.bar.finish_and_clear();
    }
}
