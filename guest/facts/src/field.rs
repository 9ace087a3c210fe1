//! The value of the facts header.

use fantail_engine::{Facts, Protocol};
use std::fmt::Write;
use std::time::Duration;

/// The facts that are known, as a header's value.
pub fn write(facts: &Facts) -> String {
    let mut text = String::with_capacity(160);
    let Facts { started, queued, resolve, connect, tls, send, head, remote, protocol, reused } = *facts;
    let spans =
        [("queue", queued), ("resolve", resolve), ("connect", connect), ("tls", tls), ("send", send), ("head", head)];
    for (name, span) in spans {
        if let Some(span) = span {
            let micros = span.as_micros();
            push_entry(&mut text, format_args!("{name};dur={}.{:03}", micros / 1_000, micros % 1_000));
        }
    }
    if let Some(started) = started {
        push_entry(&mut text, format_args!("started;desc=\"{started}\""));
    }
    if let Some(remote) = remote {
        push_entry(&mut text, format_args!("remote;desc=\"{remote}\""));
    }
    match protocol {
        Some(Protocol::Http1) => push_entry(&mut text, format_args!("h1")),
        Some(Protocol::Http2) => push_entry(&mut text, format_args!("h2")),
        None => {}
    }
    match reused {
        Some(true) => push_entry(&mut text, format_args!("reused")),
        Some(false) => push_entry(&mut text, format_args!("fresh")),
        None => {}
    }
    text
}

pub(crate) fn push_entry(text: &mut String, entry: std::fmt::Arguments<'_>) {
    if !text.is_empty() {
        text.push_str(", ");
    }
    // Writing to a string cannot fail.
    let _ = text.write_fmt(entry);
}

/// The facts in a header's value. Entries that cannot be parsed are skipped.
pub fn read(text: &str) -> Facts {
    let mut facts = Facts::default();
    for (name, parameter) in entries(text) {
        let place = match name {
            "queue" => &mut facts.queued,
            "resolve" => &mut facts.resolve,
            "connect" => &mut facts.connect,
            "tls" => &mut facts.tls,
            "send" => &mut facts.send,
            "head" => &mut facts.head,
            _ => {
                read_other(&mut facts, name, parameter);
                continue;
            }
        };
        *place = parameter.and_then(|parameter| parameter.strip_prefix("dur=")).and_then(span);
    }
    facts
}

fn read_other(facts: &mut Facts, name: &str, parameter: Option<&str>) {
    let description = || description(parameter);
    match name {
        "started" => facts.started = description().and_then(|text| text.parse().ok()),
        "remote" => facts.remote = description().and_then(|text| text.parse().ok()),
        "h1" => facts.protocol = Some(Protocol::Http1),
        "h2" => facts.protocol = Some(Protocol::Http2),
        "reused" => facts.reused = Some(true),
        "fresh" => facts.reused = Some(false),
        _ => {}
    }
}

/// Names, each with its parameter, if any. Our descriptions contain neither commas nor semicolons.
pub(crate) fn entries(text: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    text.split(", ").map(|entry| match entry.split_once(';') {
        Some((name, parameter)) => (name, Some(parameter)),
        None => (entry, None),
    })
}

pub(crate) fn description(parameter: Option<&str>) -> Option<&str> {
    parameter?.strip_prefix("desc=\"")?.strip_suffix('"')
}

fn span(text: &str) -> Option<Duration> {
    let (whole, part) = text.split_once('.')?;
    let (whole, part): (u64, u64) = (whole.parse().ok()?, part.parse().ok()?);
    Some(Duration::from_micros(whole.checked_mul(1_000)?.checked_add(part)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_can_be_written_and_read_back() {
        let span = |micros| Some(Duration::from_micros(micros));
        let facts = Facts {
            started: Some(1_780_000_000_123_456_789),
            queued: span(0),
            resolve: span(1),
            connect: span(999),
            tls: span(1_000),
            send: span(12_034_567),
            head: span(3_600_000_000),
            remote: Some("[::1]:8080".parse().unwrap()),
            protocol: Some(Protocol::Http2),
            reused: Some(false),
        };
        assert_eq!(read(&write(&facts)), facts);
        assert_eq!(read(&write(&Facts::default())), Facts::default());
    }

    #[test]
    fn entries_that_cannot_be_parsed_are_skipped() {
        let strange = "head;dur=x, connect;dur=18446744073709551615.9, tls;desc=\"1\", new;dur=1.000, remote;desc=\"nowhere\", ;;";
        assert_eq!(read(strange), Facts::default());
        assert_eq!(read("resolve, head;dur=2.000").head, Some(Duration::from_millis(2)));
    }
}
