//! Where lines go.

use crate::component::get_stderr;
use fantail_example_recording::{Event, Line};
use std::sync::atomic::{AtomicU32, Ordering};

/// The number of one exchange.
#[derive(Clone, Copy)]
pub(crate) struct Exchange(u32);

impl Exchange {
    /// The next one.
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// Writes a line before it returns. That is why it goes over WASI 0.2: over 0.3, lines of exchanges side by side would have to wait for
    /// each other.
    pub(crate) fn write(self, event: Event) {
        let Ok(mut line) = serde_json::to_vec(&Line { exchange: self.0, event }) else { return };
        line.push(b'\n');
        let stderr = get_stderr();
        // What one call takes at most. Nobody has to read what is recorded.
        for piece in line.chunks(4_096) {
            let _ = stderr.blocking_write_and_flush(piece);
        }
    }
}
