//! How long the parts of a command took.

use std::fmt;
use std::time::{Duration, Instant};

/// Measures one part after the other.
pub(crate) struct Phases {
    since: Instant,
    done: Vec<(&'static str, Duration)>,
}

impl Phases {
    pub(crate) fn new() -> Self {
        Self { since: Instant::now(), done: Vec::new() }
    }

    /// Ends a part, and begins the next.
    pub(crate) fn end(&mut self, name: &'static str) {
        self.done.push((name, self.since.elapsed()));
        self.since = Instant::now();
    }
}

impl fmt::Display for Phases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.done.iter().map(|(name, took)| format!("{name} {} s", took.as_secs())).collect();
        f.write_str(&parts.join(", "))
    }
}
