//! Between the engine's types and those that a bindings generator makes of `wit/fetch` for one who calls the component.
//! The host and the application are two such; what their generators make has the same names and other types.

/// Defines `request`, `timing`, `failure`, `summary` and what they need between the engine's types and those in a module `wit`, which
/// has to be in scope. The resources are made by [`guest_setters`](crate::guest_setters) and [`host_setters`](crate::host_setters).
#[macro_export]
macro_rules! caller_conversions {
    () => {
        pub(crate) fn request(id: u64, request: $crate::Request, options: Option<wit::RequestOptions>) -> wit::Request {
            let $crate::Request { id: _, method, url, headers, body, overrides: _ } = request;
            wit::Request { id, method, url, headers, body, options }
        }

        fn count(count: u32) -> u32 {
            count
        }

        fn size(bytes: u64) -> u64 {
            bytes
        }

        fn flag(flag: bool) -> bool {
            flag
        }

        fn span(span: ::std::time::Duration) -> u64 {
            u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
        }

        fn body_mode(mode: $crate::BodyMode) -> wit::BodyMode {
            match mode {
                $crate::BodyMode::Discard => wit::BodyMode::Discard,
                $crate::BodyMode::Bytes => wit::BodyMode::Bytes,
                $crate::BodyMode::Unread => wit::BodyMode::Unread,
            }
        }

        fn order(order: $crate::Order) -> wit::Order {
            match order {
                $crate::Order::Completion => wit::Order::Completion,
                $crate::Order::Input => wit::Order::Input,
            }
        }

        fn until(until: $crate::Until) -> wit::Until {
            match until {
                $crate::Until::All => wit::Until::All,
                $crate::Until::Successes(count) => wit::Until::Successes(count),
                $crate::Until::FirstFailure => wit::Until::FirstFailure,
            }
        }

        fn hedge(hedge: $crate::Hedge) -> wit::Hedge {
            match hedge {
                $crate::Hedge::After(delay) => wit::Hedge::After(span(delay)),
                $crate::Hedge::Auto => wit::Hedge::Auto,
            }
        }

        fn priority(priority: $crate::Priority) -> wit::Priority {
            match priority {
                $crate::Priority::Low => wit::Priority::Low,
                $crate::Priority::Normal => wit::Priority::Normal,
                $crate::Priority::High => wit::Priority::High,
            }
        }

        pub(crate) fn timing(timing: wit::Timing) -> $crate::Timing {
            let wit::Timing { queued, head, body, total } = timing;
            let span = ::std::time::Duration::from_nanos;
            $crate::Timing { queued: span(queued), head: head.map(span), body: body.map(span), total: span(total) }
        }

        pub(crate) fn facts(facts: wit::AttemptFacts) -> $crate::Facts {
            let wit::AttemptFacts { started, queued, resolve, connect, tls, send, head, remote, protocol, reused } =
                facts;
            let span = |nanos: Option<u64>| nanos.map(::std::time::Duration::from_nanos);
            $crate::Facts {
                started,
                queued: span(queued),
                resolve: span(resolve),
                connect: span(connect),
                tls: span(tls),
                send: span(send),
                head: span(head),
                remote: remote.and_then(|remote| remote.parse().ok()),
                protocol: protocol.map(|protocol| match protocol {
                    wit::Protocol::Http1 => $crate::Protocol::Http1,
                    wit::Protocol::Http2 => $crate::Protocol::Http2,
                }),
                reused,
            }
        }

        pub(crate) fn failure(failure: wit::Failure) -> $crate::Failure {
            let wit::Failure { code: _, cause, phase, fault, sent, retryable, status, detail } = failure;
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
            // The registry may have grown since this was built.
            let (cause, detail) = match cause.parse() {
                Ok(cause) => (cause, detail),
                Err($crate::UnknownCause) => {
                    ($crate::Cause::Other, Some(detail.map_or(cause.clone(), |detail| format!("{cause}: {detail}"))))
                }
            };
            $crate::Failure { cause, phase, fault, sent, retryable, status, detail }
        }

        pub(crate) fn summary(summary: wit::Summary) -> $crate::Summary {
            let wit::StatusCounts { informational, successful, redirection, client_error, server_error, other } =
                summary.by_status;
            let wit::Latency { p50, p90, p99, p999, max } = summary.latency;
            let span = ::std::time::Duration::from_nanos;
            let mut by_cause = ::std::collections::BTreeMap::new();
            for (cause, count) in summary.by_cause {
                *by_cause.entry(cause.parse().unwrap_or($crate::Cause::Other)).or_default() += count;
            }
            $crate::Summary {
                requests: summary.requests,
                responses: summary.responses,
                failures: summary.failures,
                by_cause,
                by_status: $crate::StatusCounts {
                    informational,
                    successful,
                    redirection,
                    client_error,
                    server_error,
                    other,
                },
                attempts: summary.attempts,
                retries: summary.retries,
                hedges: summary.hedges,
                hedges_won: summary.hedges_won,
                coalesced: summary.coalesced,
                body_bytes: summary.body_bytes,
                peak_in_flight: summary.peak_in_flight,
                latency: $crate::Latency {
                    p50: span(p50),
                    p90: span(p90),
                    p99: span(p99),
                    p999: span(p999),
                    max: span(max),
                },
                elapsed: span(summary.elapsed),
                input_ended: summary.input_ended,
            }
        }
    };
}

/// Defines `policy` and `options`, which make the resources of these names, for a caller that is a component. Needs
/// [`caller_conversions`](crate::caller_conversions) beside it.
#[macro_export]
macro_rules! guest_setters {
    () => {
        $crate::guest_setters! { $ }
    };
    ($d:tt) => {
        macro_rules! setters {
            ($d($d kind:ident $d field:ident $d set:ident $d call:ident;)*) => {
                pub(crate) fn policy(given: &$crate::Policy) -> wit::Policy {
                    let policy = wit::Policy::new();
                    $d(if let Some(value) = given.$d field {
                        policy.$d set($d kind(value));
                    })*
                    policy
                }
            };
        }
        $crate::for_each_field!(setters);

        /// None where there is nothing to say.
        pub(crate) fn options(given: &$crate::Overrides) -> Option<wit::RequestOptions> {
            if *given == $crate::Overrides::default() {
                return None;
            }
            let options = wit::RequestOptions::new();
            if let Some(timeout) = given.timeout {
                options.set_timeout(span(timeout));
            }
            if let Some(mode) = given.body {
                options.set_body(body_mode(mode));
            }
            if let Some(safe) = given.safe_to_repeat {
                options.set_safe_to_repeat(safe);
            }
            if !given.secret_headers.is_empty() {
                options.set_secret_headers(&given.secret_headers);
            }
            if let Some(given) = given.priority {
                options.set_priority(priority(given));
            }
            Some(options)
        }
    };
}

/// Defines `policy` and `options`, which make the resources of these names, for a caller that is a host made with wasmtime. `store`, of the type given, is
/// what its calls take, and the expression gives it for one more. Needs [`caller_conversions`](crate::caller_conversions) beside it, and a function
/// `names` from a slice of strings to what a call takes for a list of them.
#[macro_export]
macro_rules! host_setters {
    ($store:ident: $Store:ty => $again:expr) => {
        $crate::host_setters! { ($) $store: $Store => $again }
    };
    (($d:tt) $store:ident: $Store:ty => $again:expr) => {
        macro_rules! setters {
            ($d($d kind:ident $d field:ident $d set:ident $d call:ident;)*) => {
                /// None where there is nothing to say.
                pub(crate) async fn policy(
                    guest: &wit::Guest,
                    $store: $Store,
                    given: &$crate::Policy,
                ) -> ::wasmtime::Result<Option<wit::Policy>> {
                    if *given == $crate::Policy::default() {
                        return Ok(None);
                    }
                    let setters = guest.policy();
                    let policy = setters.call_constructor($again).await?;
                    $d(if let Some(value) = given.$d field {
                        setters.$d call($again, policy, $d kind(value)).await?;
                    })*
                    Ok(Some(policy))
                }
            };
        }
        $crate::for_each_field!(setters);

        /// None where there is nothing to say.
        pub(crate) async fn options(
            guest: &wit::Guest,
            $store: $Store,
            given: &$crate::Overrides,
        ) -> ::wasmtime::Result<Option<wit::RequestOptions>> {
            if *given == $crate::Overrides::default() {
                return Ok(None);
            }
            let setters = guest.request_options();
            let options = setters.call_constructor($again).await?;
            if let Some(timeout) = given.timeout {
                setters.call_set_timeout($again, options, span(timeout)).await?;
            }
            if let Some(mode) = given.body {
                setters.call_set_body($again, options, body_mode(mode)).await?;
            }
            if let Some(safe) = given.safe_to_repeat {
                setters.call_set_safe_to_repeat($again, options, safe).await?;
            }
            if !given.secret_headers.is_empty() {
                setters.call_set_secret_headers($again, options, names(&given.secret_headers)).await?;
            }
            if let Some(given) = given.priority {
                setters.call_set_priority($again, options, priority(given)).await?;
            }
            Ok(Some(options))
        }
    };
}
