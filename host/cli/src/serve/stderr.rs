//! Lines on standard error while the service runs. A standard error that takes none, such as a log that nobody reads, holds up no request.

use crate::exit::say;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;
use std::{io, thread};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

/// The most lines that wait to be written, of at most about 2 KiB each. Further ones are dropped and counted.
const MAX_WAITING: usize = 4_096;

/// How long the end of the process waits for the last lines.
const LAST: Duration = Duration::from_secs(1);

/// Lines on their way to standard error, which a thread of its own writes.
#[derive(Clone)]
pub(super) struct Stderr {
    /// None is the end.
    lines: SyncSender<Option<String>>,
    dropped: Arc<AtomicU64>,
}

/// Resolves when the last line is written.
pub(super) struct Written(oneshot::Receiver<()>);

impl Stderr {
    /// Starts the thread.
    pub(super) fn start() -> io::Result<(Self, Written)> {
        let (lines, waiting) = sync_channel(MAX_WAITING);
        let dropped = Arc::<AtomicU64>::default();
        let counted = Arc::clone(&dropped);
        let (done, written) = oneshot::channel();
        thread::Builder::new().name("standard error".to_owned()).spawn(move || {
            write(&waiting, &counted);
            // Nobody may be waiting.
            let _ = done.send(());
        })?;
        Ok((Self { lines, dropped }, Written(written)))
    }

    /// Hands a line over. Never waits.
    pub(super) fn say(&self, line: String) {
        if let Err(TrySendError::Full(_)) = self.lines.try_send(Some(line)) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until all lines are written, or for a second.
    pub(super) async fn finish(self, Written(written): Written) {
        let end = async {
            while let Err(TrySendError::Full(_)) = self.lines.try_send(None) {
                sleep(Duration::from_millis(20)).await;
            }
            written.await
        };
        // What is not written by then is lost with the process.
        let _ = timeout(LAST, end).await;
    }
}

/// Writes lines until the end.
fn write(lines: &Receiver<Option<String>>, dropped: &AtomicU64) {
    while let Ok(line) = lines.recv() {
        if let Some(line) = &line {
            say(line);
        }
        let missing = dropped.swap(0, Ordering::Relaxed);
        if missing > 0 {
            say(format_args!("{missing} lines were dropped: standard error is too slow"));
        }
        if line.is_none() {
            return;
        }
    }
}
