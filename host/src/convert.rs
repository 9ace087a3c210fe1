//! Between the component's types, as wasmtime sees them, and the engine's, which are the harness's own.

use crate::bindings::batch as wit;
use crate::harness::{Body, Response};
use fantail_engine as engine;
use std::time::Duration;

pub(crate) fn request(id: u64, request: engine::Request) -> wit::Request {
    let engine::Request { id: _, method, url, headers, body, overrides } = request;
    let overrides = (overrides != engine::Overrides::default()).then(|| wit::Overrides {
        timeout: overrides.timeout.map(nanos),
        body: overrides.body.map(body_mode),
        safe_to_repeat: overrides.safe_to_repeat,
    });
    wit::Request { id, method, url, headers, body, overrides }
}

pub(crate) fn policy(policy: &engine::Policy) -> wit::Policy {
    wit::Policy {
        concurrency: policy.concurrency,
        window: policy.window,
        body: policy.body.map(body_mode),
        max_body: policy.max_body,
        max_unread: policy.max_unread,
        connect_timeout: policy.connect_timeout.map(nanos),
        head_timeout: policy.head_timeout.map(nanos),
        idle_timeout: policy.idle_timeout.map(nanos),
        attempt_timeout: policy.attempt_timeout.map(nanos),
        timeout: policy.timeout.map(nanos),
        deadline: policy.deadline.map(nanos),
        order: policy.order.map(|order| match order {
            engine::Order::Completion => wit::Order::Completion,
            engine::Order::Input => wit::Order::Input,
        }),
        until: policy.until.map(|until| match until {
            engine::Until::All => wit::Until::All,
            engine::Until::Successes(count) => wit::Until::Successes(count),
            engine::Until::FirstFailure => wit::Until::FirstFailure,
        }),
    }
}

fn body_mode(mode: engine::BodyMode) -> wit::BodyMode {
    match mode {
        engine::BodyMode::Discard => wit::BodyMode::Discard,
        engine::BodyMode::Bytes => wit::BodyMode::Bytes,
        engine::BodyMode::Unread => wit::BodyMode::Unread,
    }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// `body` turns the component's body into ours; an unread one needs the store.
pub(crate) fn outcome(
    outcome: wit::Outcome,
    id: u64,
    body: impl FnOnce(u16, wit::Body) -> wasmtime::Result<Body>,
) -> wasmtime::Result<engine::Outcome<Response>> {
    let wit::Outcome { id: _, url, attempts, hops, timing, result } = outcome;
    let wit::Timing { queued, head, total } = timing;
    let span = Duration::from_nanos;
    let timing = engine::Timing { queued: span(queued), head: head.map(span), total: span(total) };
    let result = match result {
        Ok(response) => {
            let wit::Response { status, headers, body: incoming } = response;
            Ok(Response { status, headers, body: body(status, incoming)? })
        }
        Err(error) => Err(failure(error)),
    };
    Ok(engine::Outcome { id, url, attempts, hops, timing, result })
}

pub(crate) fn failure(failure: wit::Failure) -> engine::Failure {
    let wit::Failure { cause: what, phase, fault, sent, retryable, status, detail } = failure;
    let phase = match phase {
        wit::Phase::Request => engine::Phase::Request,
        wit::Phase::Queue => engine::Phase::Queue,
        wit::Phase::Resolve => engine::Phase::Resolve,
        wit::Phase::Connect => engine::Phase::Connect,
        wit::Phase::Tls => engine::Phase::Tls,
        wit::Phase::Head => engine::Phase::Head,
        wit::Phase::Body => engine::Phase::Body,
        wit::Phase::Redirect => engine::Phase::Redirect,
        wit::Phase::Guest => engine::Phase::Guest,
    };
    let fault = match fault {
        wit::Fault::Caller => engine::Fault::Caller,
        wit::Fault::Policy => engine::Fault::Policy,
        wit::Fault::Peer => engine::Fault::Peer,
        wit::Fault::Network => engine::Fault::Network,
        wit::Fault::Host => engine::Fault::Host,
    };
    let sent = match sent {
        wit::Sent::No => engine::Sent::No,
        wit::Sent::Maybe => engine::Sent::Maybe,
        wit::Sent::Yes => engine::Sent::Yes,
    };
    engine::Failure { cause: cause(what), phase, fault, sent, retryable, status, detail }
}

macro_rules! match_every_cause {
    ($($case:ident)*) => {
        fn cause(cause: wit::Cause) -> engine::Cause {
            match cause { $(wit::Cause::$case => engine::Cause::$case,)* }
        }
    };
}
engine::for_each_cause!(match_every_cause);

pub(crate) fn summary(summary: wit::Summary) -> engine::Summary {
    let wit::StatusCounts { informational, successful, redirection, client_error, server_error, other } =
        summary.by_status;
    let wit::Latency { p50, p90, p99, max } = summary.latency;
    let span = Duration::from_nanos;
    engine::Summary {
        requests: summary.requests,
        responses: summary.responses,
        failures: summary.failures,
        by_cause: summary.by_cause.into_iter().map(|(what, count)| (cause(what), count)).collect(),
        by_status: engine::StatusCounts { informational, successful, redirection, client_error, server_error, other },
        attempts: summary.attempts,
        body_bytes: summary.body_bytes,
        peak_in_flight: summary.peak_in_flight,
        latency: engine::Latency { p50: span(p50), p90: span(p90), p99: span(p99), max: span(max) },
        elapsed: span(summary.elapsed),
        input_ended: summary.input_ended,
    }
}
