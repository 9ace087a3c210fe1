//! The access log: a line per request on standard error, as `key=value` pairs (logfmt).

use crate::exit::say;
use fantail::{Access, AccessLog};
use std::fmt::Write;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::SystemTime;

/// The most lines that wait to be written, of at most about 500 bytes each. Further ones are dropped and counted.
const MAX_WAITING: usize = 4_096;

/// Starts the thread that writes lines, so that a blocked standard error holds up no request.
pub(super) fn start() -> io::Result<AccessLog> {
    let (lines, waiting) = sync_channel(MAX_WAITING);
    let dropped = Arc::<AtomicU64>::default();
    let counted = Arc::clone(&dropped);
    std::thread::Builder::new().name("access log".to_owned()).spawn(move || write(&waiting, &counted))?;
    Ok(Arc::new(move |access| log(&lines, &dropped, access)))
}

fn log(lines: &SyncSender<String>, dropped: &AtomicU64, access: &Access<'_>) {
    if let Err(TrySendError::Full(_)) = lines.try_send(line(access, SystemTime::now())) {
        dropped.fetch_add(1, Ordering::Relaxed);
    }
}

/// Writes lines until there is no more sender.
fn write(lines: &Receiver<String>, dropped: &AtomicU64) {
    for line in lines {
        say(line);
        let missing = dropped.swap(0, Ordering::Relaxed);
        if missing > 0 {
            say(format_args!("{missing} lines of the access log were dropped: standard error is too slow"));
        }
    }
}

fn line(access: &Access<'_>, now: SystemTime) -> String {
    let mut line = format!("at={} ", humantime::format_rfc3339_millis(now));
    // Writing to a string cannot fail.
    let _ = match access.peer {
        Some(peer) => write!(line, "peer={peer} "),
        None => write!(line, "peer=- "),
    };
    let _ = write!(
        line,
        "token={} method={} path={} ",
        value(access.token.unwrap_or("-")),
        access.method,
        value(access.path)
    );
    let _ = match access.status {
        Some(status) => write!(line, "status={status} "),
        None => write!(line, "status=- "),
    };
    let millis = access.duration.as_secs_f64() * 1_000.0;
    let _ = write!(line, "bytes={} ms={millis:.1} complete={}", access.bytes, access.is_complete);
    line
}

/// A value in quotes, if it would not end at the next space otherwise.
fn value(text: &str) -> String {
    let plain = text.chars().all(|letter| letter.is_ascii_graphic() && !matches!(letter, '"' | '=' | '\\'));
    if plain && !text.is_empty() { text.to_owned() } else { format!("{text:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_pass_for_another_field() {
        assert_eq!(value("/healthz"), "/healthz");
        assert_eq!(value("a b=\"c\"\n"), "\"a b=\\\"c\\\"\\n\"");
        assert_eq!(value(""), "\"\"");
    }
}
