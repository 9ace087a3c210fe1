//! One request of an archive.

use super::message::{query, request_url, response};
use crate::extra::Extra;
use crate::parts::{Part, Parts, micros};
use crate::row::protocol;
use fantail_wire::Outcome;
use har::v1_2::{Cache, Entries, Request, Timings};
use std::time::{Duration, UNIX_EPOCH};

/// One request. What an outcome does not have is empty, or -1 where the format says so.
pub(super) fn entry(outcome: &Outcome, extra: &Extra, started_us: u64, with_secrets: bool) -> Entries {
    let facts = outcome.last_attempt.unwrap_or_default();
    let version = facts.protocol.map(protocol).unwrap_or_default().to_owned();
    let url = request_url(&outcome.url, with_secrets);
    let timings = timings(outcome);
    Entries {
        started_date_time: date_time(started_us),
        time: sum(&timings),
        request: Request {
            method: extra.method.clone().unwrap_or_default(),
            query_string: query(&url),
            url,
            http_version: version.clone(),
            headers_size: -1,
            body_size: -1,
            comment: Some(missing(extra)),
            ..Request::default()
        },
        response: response(outcome, version, with_secrets),
        cache: Cache::default(),
        timings,
        server_ip_address: facts.remote.map(|remote| remote.ip().to_string()),
        connection: facts.remote.map(|remote| remote.port().to_string()),
        comment: comment(outcome, extra),
        pageref: None,
    }
}

/// What outcomes do not have.
fn missing(extra: &Extra) -> String {
    match &extra.method {
        Some(_) => "header fields and body of the request are not recorded".to_owned(),
        None => "method, header fields and body of the request are not recorded".to_owned(),
    }
}

fn comment(outcome: &Outcome, extra: &Extra) -> Option<String> {
    let id = extra.id.clone().unwrap_or_else(|| outcome.id.to_string());
    let repeated = match (outcome.attempts, outcome.hops.len()) {
        (0 | 1, 0) => String::new(),
        (attempts, hops) => format!(", {attempts} attempts, {hops} redirects; only the last attempt is told apart"),
    };
    Some(format!("id {id}{repeated}"))
}

/// In milliseconds. `connect` includes `ssl`, as the format demands.
fn timings(outcome: &Outcome) -> Timings {
    let parts = Parts::of(outcome);
    let facts = outcome.last_attempt.unwrap_or_default();
    let millis = |micros: u64| micros as f64 / 1e3;
    // -1: it did not happen, or is not known.
    let optional = |micros: u64| Some(if micros > 0 { millis(micros) } else { -1.0 });
    let blocked = [Part::Queued, Part::Earlier, Part::Connection, Part::Other].map(|part| parts.get(part));
    let (tls, head) = (parts.get(Part::Tls), parts.get(Part::Head));
    let send = facts.send.map_or(0, micros).min(head);
    Timings {
        blocked: optional(blocked.into_iter().fold(0, u64::saturating_add)),
        dns: optional(parts.get(Part::Resolve)),
        connect: optional(parts.get(Part::Connect).saturating_add(tls)),
        send: millis(send),
        wait: millis(head - send),
        receive: millis(parts.get(Part::Body)),
        ssl: optional(tls),
        comment: None,
    }
}

/// The format defines `time` as this sum.
fn sum(timings: &Timings) -> f64 {
    let optional = [timings.blocked, timings.dns, timings.connect].into_iter().flatten().filter(|time| *time > 0.0);
    let sum = optional.sum::<f64>() + timings.send + timings.wait + timings.receive;
    (sum * 1e3).round() / 1e3
}

/// A time since 1970 as ISO 8601.
fn date_time(micros: u64) -> String {
    // Years beyond 9999 cannot be written.
    let time = UNIX_EPOCH + Duration::from_micros(micros.min(253_402_300_799_999_999));
    humantime::format_rfc3339_millis(time).to_string()
}
