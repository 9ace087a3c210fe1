use fantail_engine::{
    BodyMode, Cause, Facts, Failure, Fault, Header, Hedge, Order, Phase, Policy, Priority, Protocol, Request,
    RequestOptions, Sent, Timing, Until,
};
use fantail_wire::{
    Body, Id, Outcome, Response, outcome_from_json, outcome_to_json, policy_from_json, policy_to_json,
    request_from_line, request_to_json, request_with_context,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use std::net::SocketAddr;
use std::time::Duration;

/// To the microsecond, which is what an outcome's timing is written in.
fn span() -> impl Strategy<Value = Duration> {
    (0..10_000_000_000_u64).prop_map(Duration::from_micros)
}

fn headers() -> impl Strategy<Value = Vec<Header>> {
    // Values with the same name are written together, in the order they came.
    vec(("[a-c]", vec(any::<u8>(), 0..6)), 0..6).prop_map(|mut headers| {
        headers.sort_by(|(one, _), (other, _)| one.cmp(other));
        headers
    })
}

fn body_mode() -> impl Strategy<Value = BodyMode> {
    prop_oneof![Just(BodyMode::Discard), Just(BodyMode::Bytes), Just(BodyMode::Unread)]
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(any::<u8>(), 0..40), any::<String>().prop_map(String::into_bytes)]
}

fn request() -> impl Strategy<Value = Request> {
    let secret = vec(any::<String>(), 0..3);
    let priority = option::of(prop_oneof![Just(Priority::Low), Just(Priority::Normal), Just(Priority::High)]);
    let options = (option::of(span()), option::of(body_mode()), option::of(any::<bool>()), secret, priority).prop_map(
        |(timeout, body, safe_to_repeat, secret_headers, priority)| RequestOptions {
            timeout,
            body,
            safe_to_repeat,
            secret_headers,
            priority,
        },
    );
    (any::<u64>(), any::<String>(), any::<String>(), headers(), option::of(bytes()), options)
        .prop_map(|(id, method, url, headers, body, options)| Request { id, method, url, headers, body, options })
}

fn policy() -> impl Strategy<Value = Policy> {
    let numbers =
        (option::of(any::<u32>()), option::of(any::<u32>()), option::of(any::<u64>()), option::of(any::<u32>()));
    let retries = vec(option::of(any::<u32>()), 10);
    let spans = vec(option::of(span()), 10);
    let order = option::of(prop_oneof![Just(Order::Completion), Just(Order::Input)]);
    let until =
        option::of(prop_oneof![Just(Until::All), Just(Until::FirstFailure), any::<u32>().prop_map(Until::Successes)]);
    (numbers, spans, option::of(body_mode()), order, until, retries).prop_map(
        |((concurrency, window, max_body, max_unread), spans, body, order, until, retries)| Policy {
            concurrency,
            window,
            body,
            window_bytes: max_body.map(|bytes| bytes / 2),
            max_body,
            max_unread,
            connect_timeout: spans[0],
            head_timeout: spans[1],
            idle_timeout: spans[2],
            attempt_timeout: spans[3],
            timeout: spans[4],
            deadline: spans[5],
            retries: retries[0],
            backoff: spans[6],
            max_backoff: spans[7],
            retry_percent: retries[1],
            retry_per_second: retries[2],
            redirects: retries[3],
            per_origin: retries[4],
            per_origin_floor: retries[9],
            coalesce: retries[9].map(|number| number % 2 == 0),
            host_facts: None,
            breaker_percent: retries[5],
            breaker_minimum: retries[6],
            breaker_open: spans[8],
            hedge: spans[9].map(|span| if span.is_zero() { Hedge::Auto } else { Hedge::After(span) }),
            rate: retries[7],
            burst: retries[8],
            order,
            until,
        },
    )
}

fn pick<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    (0..all.len()).prop_map(|place| all[place])
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let body = prop_oneof![Just(Body::Absent), bytes().prop_map(Body::Bytes), any::<String>().prop_map(Body::File)];
    let response =
        (any::<u16>(), headers(), body).prop_map(|(status, headers, body)| Response { status, headers, body });
    let failure = (
        pick(Cause::ALL),
        pick(Phase::ALL),
        pick(Fault::ALL),
        pick(Sent::ALL),
        any::<bool>(),
        option::of(any::<u16>()),
        option::of(any::<String>()),
    )
        .prop_map(|(cause, phase, fault, sent, retryable, status, detail)| Failure {
            cause,
            phase,
            fault,
            sent,
            retryable,
            status,
            detail,
        });
    let timing = (span(), option::of(span()), option::of(span()), span())
        .prop_map(|(queued, head, body, total)| Timing { queued, head, body, total });
    let spans = vec(option::of(span()), 6);
    let remote = option::of(any::<(u32, u16)>().prop_map(|(ip, port)| SocketAddr::from((ip.to_be_bytes(), port))));
    let protocol = option::of(select(vec![Protocol::Http1, Protocol::Http2]));
    let facts =
        (spans, remote, protocol, option::of(any::<bool>())).prop_map(|(spans, remote, protocol, reused)| Facts {
            started: spans[0].map(|span| 1_000 * span.as_micros() as u64),
            queued: spans[0],
            resolve: spans[1],
            connect: spans[2],
            tls: spans[3],
            send: spans[4],
            head: spans[5],
            remote,
            protocol,
            reused,
        });
    let result = prop_oneof![response.prop_map(Ok), failure.prop_map(Err)];
    (any::<u64>(), any::<String>(), any::<u32>(), vec(any::<String>(), 0..3), timing, option::of(facts), result)
        .prop_map(|(id, url, attempts, hops, timing, last_attempt, result)| Outcome {
            id,
            url,
            attempts,
            hops,
            timing,
            last_attempt,
            result,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn requests_are_read_back_as_they_were_written(request in request()) {
        let line = request_to_json(&request);
        prop_assert!(!line.contains('\n'));
        let (read, context) = request_with_context(&line, request.id).unwrap();
        prop_assert_eq!((read, context.id), (request.clone(), Some(Id::Number(request.id))));
    }

    #[test]
    fn policies_are_read_back_as_they_were_written(policy in policy()) {
        prop_assert_eq!(policy_from_json(&policy_to_json(&policy)), Ok(policy));
    }

    #[test]
    fn outcomes_are_read_back_as_they_were_written(outcome in outcome()) {
        let line = outcome_to_json(outcome.clone());
        prop_assert!(!line.contains('\n'));
        prop_assert_eq!(outcome_from_json(&line), Ok(outcome));
    }

    #[test]
    fn no_text_whatever_breaks_the_reader(text in any::<String>(), id in any::<u64>()) {
        let _ = request_from_line(&text, id);
        let _ = policy_from_json(&text);
        let _ = outcome_from_json(&text);
    }
}
