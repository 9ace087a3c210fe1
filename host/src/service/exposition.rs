//! The metrics of a service in the text format of Prometheus (version 0.0.4).

use super::callers::Callers;
use super::counters::{CallerCounters, ConnectionCounters, Counter, Refused};
use super::running::Reading;
use fantail_engine::Cause;
use std::fmt::{Display, Write};

/// The content type of the format.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All metrics.
pub(super) fn metrics(callers: &Callers, connections: &ConnectionCounters, instances: Reading) -> String {
    let mut text = Exposition::default();
    requests(&mut text, callers);
    batches(&mut text, callers);
    clients(&mut text, connections);
    text.single("instances", "gauge", "Instances that run.", instances.instances);
    text.single("instances_started_total", "counter", "Instances started.", instances.started);
    text.single("instances_broken_total", "counter", "Instances that broke down.", instances.broken);
    text.single("instance_requests", "gauge", "Requests that instances serve now.", instances.callers);
    text.single("instance_memory_bytes", "gauge", "Bytes of the memories of all instances.", instances.memory);
    upstreams(&mut text, instances);
    if let Some(bytes) = resident_bytes() {
        text.family("process_resident_memory_bytes", "gauge", "Resident memory of the process.");
        text.sample("process_resident_memory_bytes", &[], bytes);
    }
    text.0
}

fn requests(text: &mut Exposition, callers: &Callers) {
    const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
    type Of = fn(&CallerCounters) -> &Counter;
    let simple: [(&str, &str, &str, Of); 4] = [
        ("http_requests_in_flight", "gauge", "Requests whose answers have not ended, by token.", |c| &c.in_flight),
        ("http_incomplete_total", "counter", "Answers that broke off or were not read to their end.", |c| {
            &c.incomplete
        }),
        ("http_response_bytes_total", "counter", "Bytes of answers' bodies.", |c| &c.bytes),
        ("batches_in_flight", "gauge", "Batches under way, by token.", |c| &c.batches),
    ];
    for (name, kind, help, of) in simple {
        let name = text.ours(name, kind, help);
        for (token, counters) in callers.all() {
            text.sample(&name, &[("token", token)], of(counters).get());
        }
    }
    let name = text.ours("http_responses_total", "counter", "Answers by class of status. token is empty without one.");
    for (token, counters) in callers.all() {
        for (class, counter) in CLASSES.iter().zip(&counters.classes) {
            text.sample(&name, &[("token", token), ("class", class)], counter.get());
        }
    }
    let name = text.ours("http_refused_total", "counter", "Requests refused by the host, by reason.");
    for (token, counters) in callers.all() {
        for ((_, reason), counter) in Refused::ALL.iter().zip(&counters.refused) {
            text.sample(&name, &[("token", token), ("reason", reason)], counter.get());
        }
    }
    let name = text.ours("http_request_seconds_total", "counter", "Time from heads of requests to ends of answers.");
    for (token, counters) in callers.all() {
        text.sample(&name, &[("token", token)], Seconds(counters.micros.get()));
    }
}

/// What the summaries at the ends of batches say. A batch that broke off has none.
fn batches(text: &mut Exposition, callers: &Callers) {
    let name = text.ours("batch_responses_total", "counter", "Responses in finished batches.");
    for (token, counters) in callers.all() {
        text.sample(&name, &[("token", token)], counters.responses.get());
    }
    let name = text.ours("batch_failures_total", "counter", "Failures in finished batches, by cause.");
    for (token, counters) in callers.all() {
        for (cause, counter) in Cause::ALL.iter().zip(&counters.failures) {
            // Most causes never happen.
            if counter.get() > 0 {
                text.sample(&name, &[("token", token), ("cause", cause.name())], counter.get());
            }
        }
    }
}

fn clients(text: &mut Exposition, connections: &ConnectionCounters) {
    text.single("connections", "gauge", "Connections of clients.", connections.open.get());
    text.single("connections_accepted_total", "counter", "Connections accepted.", connections.accepted.get());
    let name = text.ours("connections_closed_total", "counter", "Connections that were closed on clients, by reason.");
    for (reason, counter) in [
        ("peer-limit", &connections.refused),
        ("idle", &connections.evicted),
        ("no-head", &connections.silent),
        ("slow", &connections.slow),
        ("grace", &connections.cut_off),
    ] {
        text.sample(&name, &[("reason", reason)], counter.get());
    }
}

fn upstreams(text: &mut Exposition, Reading { network, .. }: Reading) {
    text.single("upstream_connections_total", "counter", "Connections opened to origins.", network.opened);
    text.single("upstream_reused_total", "counter", "Requests sent over open connections to origins.", network.reused);
    text.single("upstream_received_bytes_total", "counter", "Bytes received from origins.", network.received);
    text.single("upstream_sent_bytes_total", "counter", "Bytes sent to origins.", network.sent);
}

/// Linux only. The file is made by the kernel when it is read, so that reading it does not wait.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// A time in microseconds, written in seconds.
struct Seconds(u64);

impl Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// The text so far. Writing to a string cannot fail.
#[derive(Default)]
struct Exposition(String);

impl Exposition {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// Begins a family with a name of ours, and returns its whole name.
    fn ours(&mut self, name: &str, kind: &str, help: &str) -> String {
        let name = format!("fantail_{name}");
        self.family(&name, kind, help);
        name
    }

    fn single(&mut self, name: &str, kind: &str, help: &str, value: u64) {
        let name = self.ours(name, kind, help);
        self.sample(&name, &[], value);
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (place, (label, value)) in labels.iter().enumerate() {
            let _ = write!(self.0, "{}{label}=\"{}\"", if place == 0 { '{' } else { ',' }, escaped(value));
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }
}

/// The value of a label.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_has_a_family_and_labels_are_escaped() {
        let list = r#"{"tokens":[{"name":"a\"\\b","token":"0123456789abcdef"}]}"#;
        let callers = Callers::new(&[("api_tokens".to_owned(), list.to_owned())], None);
        let (_, counters) = callers.all().next().unwrap();
        counters.failed("deadline", 3);
        counters.failed("no-cause-of-ours", 3);
        counters.micros.add(1_500_000);
        let text = metrics(&callers, &ConnectionCounters::default(), Reading::default());
        assert!(text.contains("fantail_batch_failures_total{token=\"a\\\"\\\\b\",cause=\"deadline\"} 3\n"), "{text}");
        assert!(text.contains("fantail_http_request_seconds_total{token=\"a\\\"\\\\b\"} 1.500000\n"), "{text}");
        let mut family = "";
        for line in text.lines() {
            match line.strip_prefix("# TYPE ") {
                Some(kind) => family = kind.split(' ').next().unwrap(),
                None if line.starts_with("# HELP ") => {}
                None => assert_eq!(line.split(['{', ' ']).next().unwrap(), family, "{line}"),
            }
        }
        assert!(text.ends_with('\n'));
    }
}
