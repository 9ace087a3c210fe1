//! A row per outcome, for spreadsheets and data frames.

use crate::store::Stored;
use csv::WriterBuilder;
use fantail::Protocol;
use fantail_wire::{Body, Meta};
use std::io;
use std::time::Duration;

/// The names of the columns. Spans are in microseconds, `meta` is an object in JSON.
const NAMES: [&str; 22] = [
    "id",
    "url",
    "status",
    "cause",
    "phase",
    "fault",
    "sent",
    "retryable",
    "detail",
    "attempts",
    "queued_us",
    "head_us",
    "body_us",
    "total_us",
    "body_bytes",
    "body_file",
    "remote",
    "protocol",
    "method",
    "started_us",
    "key",
    "meta",
];

/// Prints outcomes as rows, the first after the names of the columns.
#[derive(Default)]
pub(crate) struct Csv {
    has_names: bool,
}

impl Csv {
    pub(super) fn print(&mut self, stored: &Stored, out: &mut Vec<u8>) -> io::Result<()> {
        let mut writer = WriterBuilder::new().buffer_capacity(1024).from_writer(out);
        if !std::mem::replace(&mut self.has_names, true) {
            writer.write_record(NAMES)?;
        }
        writer.write_record(row(stored))?;
        writer.flush()
    }
}

fn row(stored: &Stored) -> [String; NAMES.len()] {
    let Stored { outcome, context, .. } = stored;
    let (response, failure) = (outcome.result.as_ref().ok(), outcome.result.as_ref().err());
    let timing = outcome.timing;
    let micros = |span: Duration| span.as_micros().to_string();
    let or_empty = |text: Option<String>| text.unwrap_or_default();
    let named = |name: Option<&str>| name.unwrap_or_default().to_owned();
    let file = response.and_then(|response| match &response.body {
        Body::File(path) => Some(path.clone()),
        Body::Absent | Body::Bytes(_) => None,
    });
    let status = response.map(|response| response.status).or(failure.and_then(|failure| failure.status));
    let facts = outcome.last_attempt.unwrap_or_default();
    let protocol = facts.protocol.map(|protocol| match protocol {
        Protocol::Http1 => "http/1.1",
        Protocol::Http2 => "h2",
    });
    [
        context.id.as_ref().map_or_else(|| outcome.id.to_string(), ToString::to_string),
        outcome.url.clone(),
        or_empty(status.map(|status| status.to_string())),
        named(failure.map(|failure| failure.cause.name())),
        named(failure.map(|failure| failure.phase.name())),
        named(failure.map(|failure| failure.fault.name())),
        named(failure.map(|failure| failure.sent.name())),
        or_empty(failure.map(|failure| failure.retryable.to_string())),
        or_empty(failure.and_then(|failure| failure.detail.clone())),
        outcome.attempts.to_string(),
        micros(timing.queued),
        or_empty(timing.head.map(micros)),
        or_empty(timing.body.map(micros)),
        micros(timing.total),
        or_empty(stored.body_bytes().map(|bytes| bytes.to_string())),
        or_empty(file),
        or_empty(facts.remote.map(|remote| remote.to_string())),
        named(protocol),
        or_empty(context.method.clone()),
        or_empty(context.started_us.map(|started| started.to_string())),
        or_empty(context.key.clone()),
        named(context.meta.as_ref().map(Meta::as_str)),
    ]
}
