//! Between the engine's types and those that a bindings generator makes of `wit/` for one who exports it. The two components are two such;
//! what their generators make has the same names and other types.

/// Defines `request`, `policy`, `outcome`, `failure`, `summary`, `response` and `copy` between the engine's types and those in a module `wit`, which
/// has to be in scope, as has the type `Incoming` of bodies on their way in.
#[macro_export]
macro_rules! conversions {
    () => {
        $crate::conversions! { $ }
    };
    ($d:tt) => {
        pub(crate) fn request(request: wit::Request) -> $crate::engine::Request {
            let wit::Request { id, method, url, headers, body, overrides } = request;
            let overrides = overrides.map_or_else($crate::engine::Overrides::default, |overrides| $crate::engine::Overrides {
                timeout: overrides.timeout.map(std::time::Duration::from_nanos),
                body: overrides.body.map(body_mode),
                safe_to_repeat: overrides.safe_to_repeat,
                secret_headers: overrides.secret_headers,
                priority: overrides.priority.map(|priority| match priority {
                    wit::Priority::Low => $crate::engine::Priority::Low,
                    wit::Priority::Normal => $crate::engine::Priority::Normal,
                    wit::Priority::High => $crate::engine::Priority::High,
                }),
            });
            $crate::engine::Request { id, method, url, headers, body, overrides }
        }

        pub(crate) fn policy(policy: &wit::Policy) -> $crate::engine::Policy {
            $crate::engine::Policy {
                concurrency: policy.concurrency,
                window: policy.window,
                body: policy.body.map(body_mode),
                max_body: policy.max_body,
                max_unread: policy.max_unread,
                connect_timeout: policy.connect_timeout.map(std::time::Duration::from_nanos),
                head_timeout: policy.head_timeout.map(std::time::Duration::from_nanos),
                idle_timeout: policy.idle_timeout.map(std::time::Duration::from_nanos),
                attempt_timeout: policy.attempt_timeout.map(std::time::Duration::from_nanos),
                timeout: policy.timeout.map(std::time::Duration::from_nanos),
                deadline: policy.deadline.map(std::time::Duration::from_nanos),
                order: policy.order.map(|order| match order {
                    wit::Order::Completion => $crate::engine::Order::Completion,
                    wit::Order::Input => $crate::engine::Order::Input,
                }),
                retries: policy.retries,
                backoff: policy.backoff.map(std::time::Duration::from_nanos),
                max_backoff: policy.max_backoff.map(std::time::Duration::from_nanos),
                retry_ratio: policy.retry_ratio,
                retry_floor: policy.retry_floor,
                redirects: policy.redirects,
                per_origin: policy.per_origin,
                per_origin_floor: policy.per_origin_floor,
                breaker_ratio: policy.breaker_ratio,
                breaker_minimum: policy.breaker_minimum,
                breaker_open: policy.breaker_open.map(std::time::Duration::from_nanos),
                hedge: policy.hedge.map(|hedge| match hedge {
                    wit::Hedge::After(delay) => $crate::engine::Hedge::After(std::time::Duration::from_nanos(delay)),
                    wit::Hedge::Auto => $crate::engine::Hedge::Auto,
                }),
                rate: policy.rate,
                burst: policy.burst,
                coalesce: policy.coalesce,
                until: policy.until.map(|until| match until {
                    wit::Until::All => $crate::engine::Until::All,
                    wit::Until::Successes(count) => $crate::engine::Until::Successes(count),
                    wit::Until::FirstFailure => $crate::engine::Until::FirstFailure,
                }),
            }
        }

        fn body_mode(mode: wit::BodyMode) -> $crate::engine::BodyMode {
            match mode {
                wit::BodyMode::Discard => $crate::engine::BodyMode::Discard,
                wit::BodyMode::Bytes => $crate::engine::BodyMode::Bytes,
                wit::BodyMode::Unread => $crate::engine::BodyMode::Unread,
            }
        }

        impl From<$crate::engine::PolicyError> for wit::PolicyError {
            fn from($crate::engine::PolicyError { field, reason }: $crate::engine::PolicyError) -> Self {
                Self { field: field.to_owned(), reason }
            }
        }

        pub(crate) fn outcome(outcome: $crate::engine::Outcome<wit::Response>) -> wit::Outcome {
            let $crate::engine::Outcome { id, url, attempts, hops, timing, result } = outcome;
            let $crate::engine::Timing { queued, head, total } = timing;
            let timing = wit::Timing { queued: nanos(queued), head: head.map(nanos), total: nanos(total) };
            wit::Outcome { id, url, attempts, hops, timing, result: result.map_err(failure) }
        }

        pub(crate) fn failure(failure: $crate::engine::Failure) -> wit::Failure {
            let $crate::engine::Failure { cause: what, phase, fault, sent, retryable, status, detail } = failure;
            let phase = match phase {
                $crate::engine::Phase::Request => wit::Phase::Request,
                $crate::engine::Phase::Queue => wit::Phase::Queue,
                $crate::engine::Phase::Resolve => wit::Phase::Resolve,
                $crate::engine::Phase::Connect => wit::Phase::Connect,
                $crate::engine::Phase::Tls => wit::Phase::Tls,
                $crate::engine::Phase::Head => wit::Phase::Head,
                $crate::engine::Phase::Body => wit::Phase::Body,
                $crate::engine::Phase::Redirect => wit::Phase::Redirect,
                $crate::engine::Phase::Guest => wit::Phase::Guest,
            };
            let fault = match fault {
                $crate::engine::Fault::Caller => wit::Fault::Caller,
                $crate::engine::Fault::Policy => wit::Fault::Policy,
                $crate::engine::Fault::Peer => wit::Fault::Peer,
                $crate::engine::Fault::Network => wit::Fault::Network,
                $crate::engine::Fault::Host => wit::Fault::Host,
            };
            let sent = match sent {
                $crate::engine::Sent::No => wit::Sent::No,
                $crate::engine::Sent::Maybe => wit::Sent::Maybe,
                $crate::engine::Sent::Yes => wit::Sent::Yes,
            };
            wit::Failure { cause: cause(what), phase, fault, sent, retryable, status, detail }
        }

        macro_rules! match_every_cause {
            ($d($d case:ident)*) => {
                fn cause(cause: $crate::engine::Cause) -> wit::Cause {
                    match cause { $d($crate::engine::Cause::$d case => wit::Cause::$d case,)* }
                }
            };
        }
        $crate::engine::for_each_cause!(match_every_cause);

        pub(crate) fn summary(summary: $crate::engine::Summary) -> wit::Summary {
            let $crate::engine::StatusCounts { informational, successful, redirection, client_error, server_error, other } =
                summary.by_status;
            let $crate::engine::Latency { p50, p90, p99, p999, max } = summary.latency;
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

        pub(crate) fn response(
            status: u16,
            headers: Vec<$crate::engine::Header>,
            body: $crate::Body<Incoming>,
        ) -> wit::Response {
            let body = match body {
                $crate::Body::Discarded => wit::Body::Discarded,
                $crate::Body::Bytes(bytes) => wit::Body::Bytes(bytes),
                $crate::Body::Unread(body) => wit::Body::Unread(body),
            };
            wit::Response { status, headers, body }
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

        fn nanos(span: std::time::Duration) -> u64 {
            u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
        }
    };
}
