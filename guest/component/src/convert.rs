//! Between the interface's types and the engine's, which say the same.

use crate::bindings::exports::fantail::fetch::batch as wit;
use fantail_engine as engine;
use std::time::Duration;

pub(crate) fn request(request: wit::Request) -> engine::Request {
    let wit::Request { id, method, url, headers, body, overrides } = request;
    let overrides = overrides.map_or_else(engine::Overrides::default, |overrides| engine::Overrides {
        timeout: overrides.timeout.map(Duration::from_nanos),
        body: overrides.body.map(body_mode),
        safe_to_repeat: overrides.safe_to_repeat,
        secret_headers: overrides.secret_headers,
        priority: overrides.priority.map(|priority| match priority {
            wit::Priority::Low => engine::Priority::Low,
            wit::Priority::Normal => engine::Priority::Normal,
            wit::Priority::High => engine::Priority::High,
        }),
    });
    engine::Request { id, method, url, headers, body, overrides }
}

pub(crate) fn policy(policy: &wit::Policy) -> engine::Policy {
    engine::Policy {
        concurrency: policy.concurrency,
        window: policy.window,
        body: policy.body.map(body_mode),
        max_body: policy.max_body,
        max_unread: policy.max_unread,
        connect_timeout: policy.connect_timeout.map(Duration::from_nanos),
        head_timeout: policy.head_timeout.map(Duration::from_nanos),
        idle_timeout: policy.idle_timeout.map(Duration::from_nanos),
        attempt_timeout: policy.attempt_timeout.map(Duration::from_nanos),
        timeout: policy.timeout.map(Duration::from_nanos),
        deadline: policy.deadline.map(Duration::from_nanos),
        order: policy.order.map(|order| match order {
            wit::Order::Completion => engine::Order::Completion,
            wit::Order::Input => engine::Order::Input,
        }),
        retries: policy.retries,
        backoff: policy.backoff.map(Duration::from_nanos),
        max_backoff: policy.max_backoff.map(Duration::from_nanos),
        retry_ratio: policy.retry_ratio,
        retry_floor: policy.retry_floor,
        redirects: policy.redirects,
        per_origin: policy.per_origin,
        per_origin_floor: policy.per_origin_floor,
        breaker_ratio: policy.breaker_ratio,
        breaker_minimum: policy.breaker_minimum,
        breaker_open: policy.breaker_open.map(Duration::from_nanos),
        hedge: policy.hedge.map(|hedge| match hedge {
            wit::Hedge::After(delay) => engine::Hedge::After(Duration::from_nanos(delay)),
            wit::Hedge::Auto => engine::Hedge::Auto,
        }),
        rate: policy.rate,
        burst: policy.burst,
        coalesce: policy.coalesce,
        until: policy.until.map(|until| match until {
            wit::Until::All => engine::Until::All,
            wit::Until::Successes(count) => engine::Until::Successes(count),
            wit::Until::FirstFailure => engine::Until::FirstFailure,
        }),
    }
}

fn body_mode(mode: wit::BodyMode) -> engine::BodyMode {
    match mode {
        wit::BodyMode::Discard => engine::BodyMode::Discard,
        wit::BodyMode::Bytes => engine::BodyMode::Bytes,
        wit::BodyMode::Unread => engine::BodyMode::Unread,
    }
}

impl From<engine::PolicyError> for wit::PolicyError {
    fn from(engine::PolicyError { field, reason }: engine::PolicyError) -> Self {
        Self { field: field.to_owned(), reason }
    }
}

pub(crate) fn outcome(outcome: engine::Outcome<wit::Response>) -> wit::Outcome {
    let engine::Outcome { id, url, attempts, hops, timing, result } = outcome;
    let engine::Timing { queued, head, total } = timing;
    let timing = wit::Timing { queued: nanos(queued), head: head.map(nanos), total: nanos(total) };
    wit::Outcome { id, url, attempts, hops, timing, result: result.map_err(failure) }
}

pub(crate) fn failure(failure: engine::Failure) -> wit::Failure {
    let engine::Failure { cause: what, phase, fault, sent, retryable, status, detail } = failure;
    let phase = match phase {
        engine::Phase::Request => wit::Phase::Request,
        engine::Phase::Queue => wit::Phase::Queue,
        engine::Phase::Resolve => wit::Phase::Resolve,
        engine::Phase::Connect => wit::Phase::Connect,
        engine::Phase::Tls => wit::Phase::Tls,
        engine::Phase::Head => wit::Phase::Head,
        engine::Phase::Body => wit::Phase::Body,
        engine::Phase::Redirect => wit::Phase::Redirect,
        engine::Phase::Guest => wit::Phase::Guest,
    };
    let fault = match fault {
        engine::Fault::Caller => wit::Fault::Caller,
        engine::Fault::Policy => wit::Fault::Policy,
        engine::Fault::Peer => wit::Fault::Peer,
        engine::Fault::Network => wit::Fault::Network,
        engine::Fault::Host => wit::Fault::Host,
    };
    let sent = match sent {
        engine::Sent::No => wit::Sent::No,
        engine::Sent::Maybe => wit::Sent::Maybe,
        engine::Sent::Yes => wit::Sent::Yes,
    };
    wit::Failure { cause: cause(what), phase, fault, sent, retryable, status, detail }
}

macro_rules! match_every_cause {
    ($($case:ident)*) => {
        fn cause(cause: engine::Cause) -> wit::Cause {
            match cause { $(engine::Cause::$case => wit::Cause::$case,)* }
        }
    };
}
engine::for_each_cause!(match_every_cause);

pub(crate) fn summary(summary: engine::Summary) -> wit::Summary {
    let engine::StatusCounts { informational, successful, redirection, client_error, server_error, other } =
        summary.by_status;
    let engine::Latency { p50, p90, p99, p999, max } = summary.latency;
    wit::Summary {
        requests: summary.requests,
        responses: summary.responses,
        failures: summary.failures,
        by_cause: summary.by_cause.into_iter().map(|(what, count)| (cause(what), count)).collect(),
        by_status: wit::StatusCounts { informational, successful, redirection, client_error, server_error, other },
        attempts: summary.attempts,
        retries: summary.retries,
        hedges: summary.hedges,
        hedges_won: summary.hedges_won,
        coalesced: summary.coalesced,
        body_bytes: summary.body_bytes,
        peak_in_flight: summary.peak_in_flight,
        latency: wit::Latency { p50: nanos(p50), p90: nanos(p90), p99: nanos(p99), p999: nanos(p999), max: nanos(max) },
        elapsed: nanos(summary.elapsed),
        input_ended: summary.input_ended,
    }
}

/// A copy for a request that shares this response; none if there is no memory for it. A body that was handed out is not shared.
pub(crate) fn copy(response: &wit::Response) -> Option<wit::Response> {
    let wit::Response { status, headers, body } = response;
    let body = match body {
        wit::Body::Discarded => wit::Body::Discarded,
        wit::Body::Bytes(bytes) => {
            let mut copy = Vec::new();
            copy.try_reserve_exact(bytes.len()).ok()?;
            copy.extend_from_slice(bytes);
            wit::Body::Bytes(copy)
        }
        wit::Body::Unread(_) => return None,
    };
    Some(wit::Response { status: *status, headers: headers.clone(), body })
}

/// What a summary reads when its batch never came to one.
pub(crate) fn no_summary() -> wit::Summary {
    summary(engine::Summary::default())
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
