//! Between the engine's types and those that a bindings generator makes of `wit/fetch.wit` for one who calls the component.
//! The host and the application are two such; what their generators make has the same names and other types.

/// Defines `request`, `policy`, `timing`, `failure` and `summary` between the engine's types and those in a module `wit`, which
/// has to be in scope.
#[macro_export]
macro_rules! caller_conversions {
    () => {
        $crate::caller_conversions! { $ }
    };
    ($d:tt) => {
        pub(crate) fn request(id: u64, request: $crate::Request) -> wit::Request {
            let $crate::Request { id: _, method, url, headers, body, overrides } = request;
            let overrides = (overrides != $crate::Overrides::default()).then(|| wit::Overrides {
                timeout: overrides.timeout.map(nanos),
                body: overrides.body.map(body_mode),
                safe_to_repeat: overrides.safe_to_repeat,
                secret_headers: overrides.secret_headers,
                priority: overrides.priority.map(|priority| match priority {
                    $crate::Priority::Low => wit::Priority::Low,
                    $crate::Priority::Normal => wit::Priority::Normal,
                    $crate::Priority::High => wit::Priority::High,
                }),
            });
            wit::Request { id, method, url, headers, body, overrides }
        }

        pub(crate) fn policy(policy: &$crate::Policy) -> wit::Policy {
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
                    $crate::Order::Completion => wit::Order::Completion,
                    $crate::Order::Input => wit::Order::Input,
                }),
                retries: policy.retries,
                backoff: policy.backoff.map(nanos),
                max_backoff: policy.max_backoff.map(nanos),
                retry_ratio: policy.retry_ratio,
                retry_floor: policy.retry_floor,
                redirects: policy.redirects,
                per_origin: policy.per_origin,
                per_origin_floor: policy.per_origin_floor,
                breaker_ratio: policy.breaker_ratio,
                breaker_minimum: policy.breaker_minimum,
                breaker_open: policy.breaker_open.map(nanos),
                hedge: policy.hedge.map(|hedge| match hedge {
                    $crate::Hedge::After(delay) => wit::Hedge::After(nanos(delay)),
                    $crate::Hedge::Auto => wit::Hedge::Auto,
                }),
                rate: policy.rate,
                burst: policy.burst,
                coalesce: policy.coalesce,
                until: policy.until.map(|until| match until {
                    $crate::Until::All => wit::Until::All,
                    $crate::Until::Successes(count) => wit::Until::Successes(count),
                    $crate::Until::FirstFailure => wit::Until::FirstFailure,
                }),
            }
        }

        fn body_mode(mode: $crate::BodyMode) -> wit::BodyMode {
            match mode {
                $crate::BodyMode::Discard => wit::BodyMode::Discard,
                $crate::BodyMode::Bytes => wit::BodyMode::Bytes,
                $crate::BodyMode::Unread => wit::BodyMode::Unread,
            }
        }

        fn nanos(span: ::std::time::Duration) -> u64 {
            u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
        }

        pub(crate) fn timing(timing: wit::Timing) -> $crate::Timing {
            let wit::Timing { queued, head, total } = timing;
            let span = ::std::time::Duration::from_nanos;
            $crate::Timing { queued: span(queued), head: head.map(span), total: span(total) }
        }

        pub(crate) fn failure(failure: wit::Failure) -> $crate::Failure {
            let wit::Failure { cause: what, phase, fault, sent, retryable, status, detail } = failure;
            let phase = match phase {
                wit::Phase::Request => $crate::Phase::Request,
                wit::Phase::Queue => $crate::Phase::Queue,
                wit::Phase::Resolve => $crate::Phase::Resolve,
                wit::Phase::Connect => $crate::Phase::Connect,
                wit::Phase::Tls => $crate::Phase::Tls,
                wit::Phase::Head => $crate::Phase::Head,
                wit::Phase::Body => $crate::Phase::Body,
                wit::Phase::Redirect => $crate::Phase::Redirect,
                wit::Phase::Guest => $crate::Phase::Guest,
            };
            let fault = match fault {
                wit::Fault::Caller => $crate::Fault::Caller,
                wit::Fault::Policy => $crate::Fault::Policy,
                wit::Fault::Peer => $crate::Fault::Peer,
                wit::Fault::Network => $crate::Fault::Network,
                wit::Fault::Host => $crate::Fault::Host,
            };
            let sent = match sent {
                wit::Sent::No => $crate::Sent::No,
                wit::Sent::Maybe => $crate::Sent::Maybe,
                wit::Sent::Yes => $crate::Sent::Yes,
            };
            $crate::Failure { cause: cause(what), phase, fault, sent, retryable, status, detail }
        }

        macro_rules! match_every_cause {
            ($d($d case:ident)*) => {
                fn cause(cause: wit::Cause) -> $crate::Cause {
                    match cause { $d(wit::Cause::$d case => $crate::Cause::$d case,)* }
                }
            };
        }
        $crate::for_each_cause!(match_every_cause);

        pub(crate) fn summary(summary: wit::Summary) -> $crate::Summary {
            let wit::StatusCounts { informational, successful, redirection, client_error, server_error, other } =
                summary.by_status;
            let wit::Latency { p50, p90, p99, p999, max } = summary.latency;
            let span = ::std::time::Duration::from_nanos;
            $crate::Summary {
                requests: summary.requests,
                responses: summary.responses,
                failures: summary.failures,
                by_cause: summary.by_cause.into_iter().map(|(what, count)| (cause(what), count)).collect(),
                by_status: $crate::StatusCounts { informational, successful, redirection, client_error, server_error, other },
                attempts: summary.attempts,
                retries: summary.retries,
                hedges: summary.hedges,
                hedges_won: summary.hedges_won,
                coalesced: summary.coalesced,
                body_bytes: summary.body_bytes,
                peak_in_flight: summary.peak_in_flight,
                latency: $crate::Latency { p50: span(p50), p90: span(p90), p99: span(p99), p999: span(p999), max: span(max) },
                elapsed: span(summary.elapsed),
                input_ended: summary.input_ended,
            }
        }
    };
}
