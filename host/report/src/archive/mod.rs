//! HAR 1.2 (HTTP Archive), which the tools of browsers open.

mod entry;
mod message;

use crate::extra::Extra;
use crate::parts::{micros, started_us};
use entry::entry;
use fantail_wire::Outcome;
use har::v1_2::Creator;
use serde_json::json;

/// Writes outcomes as an HTTP Archive, one entry after another, into a buffer that the caller empties.
///
/// The values of header fields that carry credentials, and such parameters of queries, are left out unless the writer is told otherwise. Bodies
/// are written up to [`HarWriter::MAX_BODY`] bytes each.
#[derive(Debug)]
pub struct HarWriter {
    with_secrets: bool,
    entries: u64,
    /// When the last request was read whose time is known: the format demands one of each.
    last_us: u64,
}

impl HarWriter {
    /// The most bytes of one body: 1 MiB. Of a longer one only its length is written.
    pub const MAX_BODY: usize = 1024 * 1024;

    /// Begins an archive. `with_secrets`: header fields and queries are written as they are.
    pub fn begin(with_secrets: bool, out: &mut Vec<u8>) -> Self {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let creator = Creator { name: "fantail".to_owned(), version, comment: None };
        let comment = if with_secrets {
            "With credentials, if there were any."
        } else {
            "Known header fields and query parameters with credentials are left out."
        };
        out.extend_from_slice(b"{\"log\":{\"version\":\"1.2\",\"creator\":");
        // Strings and numbers can always be written to memory, here and below.
        let _ = serde_json::to_writer(&mut *out, &creator);
        out.extend_from_slice(format!(",\"comment\":{},\"entries\":[", json!(comment)).as_bytes());
        Self { with_secrets, entries: 0, last_us: 0 }
    }

    /// Writes the outcome of one request.
    pub fn entry(&mut self, outcome: &Outcome, extra: &Extra, out: &mut Vec<u8>) {
        let seen = extra.seen_us.map(|seen| seen.saturating_sub(micros(outcome.timing.total)));
        let started = extra.started_us.or_else(|| started_us(outcome)).or(seen);
        self.last_us = started.unwrap_or(self.last_us);
        let mut value = json!(entry(outcome, extra, self.last_us, self.with_secrets));
        if started.is_none()
            && let Some(fields) = value.as_object_mut()
        {
            fields.insert(
                "comment".to_owned(),
                "the time of this request is not known: it is that of the one before".into(),
            );
        }
        if let Err(failure) = &outcome.result
            && let Some(response) = value.get_mut("response").and_then(|response| response.as_object_mut())
        {
            // What Chromium's tools show for a request without a response.
            response.insert("_error".to_owned(), failure.cause.name().into());
        }
        out.extend_from_slice(if self.entries == 0 { b"\n" } else { b",\n" });
        self.entries += 1;
        let _ = serde_json::to_writer(&mut *out, &value);
    }

    /// Ends the archive.
    pub fn end(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\n]}}\n");
    }
}
