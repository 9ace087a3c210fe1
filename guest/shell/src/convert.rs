//! Between the engine's types and those that a bindings generator makes of `wit/` for one who exports it. The two components are two such;
//! what their generators make has the same names and other types.

/// Defines the resources `Policy` and `RequestOptions`, and `request`, `policy`, `outcome`, `failure` and `summary` between the engine's
/// types and those in a module `wit`, which has to be in scope, as has the type `Incoming` of bodies on their way in.
#[macro_export]
macro_rules! conversions {
    () => {
        $crate::conversions! { $ }
    };
    ($d:tt) => {
        /// A policy as its caller sets it.
        #[derive(Default)]
        pub(crate) struct Policy(std::cell::RefCell<$crate::engine::Policy>);

        macro_rules! setters {
            ($d($d kind:ident $d field:ident $d set:ident $d call:ident;)*) => {
                impl wit::GuestPolicy for Policy {
                    fn new() -> Self {
                        Self::default()
                    }

                    $d(fn $d set(&self, value: setters!(type $d kind)) {
                        self.0.borrow_mut().$d field = Some(setters!(value $d kind value));
                    })*
                }
            };
            (type count) => { u32 };
            (type size) => { u64 };
            (type flag) => { bool };
            (type span) => { wit::Duration };
            (type body_mode) => { wit::BodyMode };
            (type order) => { wit::Order };
            (type until) => { wit::Until };
            (type hedge) => { wit::Hedge };
            (value count $d value:ident) => { $d value };
            (value size $d value:ident) => { $d value };
            (value flag $d value:ident) => { $d value };
            (value span $d value:ident) => { std::time::Duration::from_nanos($d value) };
            (value $d kind:ident $d value:ident) => { $d kind($d value) };
        }
        $crate::engine::for_each_field!(setters);

        pub(crate) fn policy(policy: Option<wit::Policy>) -> $crate::engine::Policy {
            policy.map_or_else($crate::engine::Policy::default, |policy| policy.into_inner::<Policy>().0.into_inner())
        }

        fn body_mode(mode: wit::BodyMode) -> $crate::engine::BodyMode {
            match mode {
                wit::BodyMode::Discard => $crate::engine::BodyMode::Discard,
                wit::BodyMode::Bytes => $crate::engine::BodyMode::Bytes,
                wit::BodyMode::Unread => $crate::engine::BodyMode::Unread,
            }
        }

        fn order(order: wit::Order) -> $crate::engine::Order {
            match order {
                wit::Order::Completion => $crate::engine::Order::Completion,
                wit::Order::Input => $crate::engine::Order::Input,
            }
        }

        fn until(until: wit::Until) -> $crate::engine::Until {
            match until {
                wit::Until::All => $crate::engine::Until::All,
                wit::Until::Successes(count) => $crate::engine::Until::Successes(count),
                wit::Until::FirstFailure => $crate::engine::Until::FirstFailure,
            }
        }

        fn hedge(hedge: wit::Hedge) -> $crate::engine::Hedge {
            match hedge {
                wit::Hedge::After(delay) => $crate::engine::Hedge::After(std::time::Duration::from_nanos(delay)),
                wit::Hedge::Auto => $crate::engine::Hedge::Auto,
            }
        }

        /// A request's options as its caller sets them.
        #[derive(Default)]
        pub(crate) struct RequestOptions(std::cell::RefCell<$crate::engine::Overrides>);

        impl wit::GuestRequestOptions for RequestOptions {
            fn new() -> Self {
                Self::default()
            }

            fn set_timeout(&self, timeout: wit::Duration) {
                self.0.borrow_mut().timeout = Some(std::time::Duration::from_nanos(timeout));
            }

            fn set_body(&self, mode: wit::BodyMode) {
                self.0.borrow_mut().body = Some(body_mode(mode));
            }

            fn set_safe_to_repeat(&self, safe: bool) {
                self.0.borrow_mut().safe_to_repeat = Some(safe);
            }

            fn set_secret_headers(&self, names: Vec<String>) {
                self.0.borrow_mut().secret_headers = names;
            }

            fn set_priority(&self, priority: wit::Priority) {
                self.0.borrow_mut().priority = Some(match priority {
                    wit::Priority::Low => $crate::engine::Priority::Low,
                    wit::Priority::Normal => $crate::engine::Priority::Normal,
                    wit::Priority::High => $crate::engine::Priority::High,
                });
            }
        }

        pub(crate) fn request(request: wit::Request) -> $crate::engine::Request {
            let wit::Request { id, method, url, headers, body, options } = request;
            let overrides = options.map(|options| options.into_inner::<RequestOptions>().0.into_inner());
            $crate::engine::Request { id, method, url, headers, body, overrides: overrides.unwrap_or_default() }
        }

        impl From<$crate::engine::PolicyError> for wit::PolicyError {
            fn from($crate::engine::PolicyError { field, reason }: $crate::engine::PolicyError) -> Self {
                Self { field: field.to_owned(), reason }
            }
        }

        pub(crate) fn outcomes(outcomes: Vec<$crate::engine::Outcome<$crate::Response<Incoming>>>) -> Vec<wit::Outcome> {
            outcomes.into_iter().map(outcome).collect()
        }

        fn outcome(outcome: $crate::engine::Outcome<$crate::Response<Incoming>>) -> wit::Outcome {
            let $crate::engine::Outcome { id, url, attempts, hops, timing, last_attempt, result } = outcome;
            let $crate::engine::Timing { queued, head, body, total } = timing;
            let (head, body) = (head.map(nanos), body.map(nanos));
            let timing = wit::Timing { queued: nanos(queued), head, body, total: nanos(total) };
            let last_attempt = last_attempt.map(facts);
            let result = result.map(response).map_err(failure);
            wit::Outcome { id, url, attempts, hops, timing, last_attempt, result, facts: Vec::new() }
        }

        fn response(response: $crate::Response<Incoming>) -> wit::Response {
            let $crate::Response { status, headers, body } = response;
            let body = match body {
                $crate::Body::Discarded => wit::Body::Discarded,
                $crate::Body::Bytes(bytes) => wit::Body::Bytes(bytes),
                $crate::Body::Unread(body) => wit::Body::Unread(body),
            };
            wit::Response { status, headers, body }
        }

        fn facts(facts: $crate::engine::Facts) -> wit::AttemptFacts {
            let $crate::engine::Facts { started, queued, resolve, connect, tls, send, head, remote, protocol, reused } = facts;
            wit::AttemptFacts {
                started,
                queued: queued.map(nanos),
                resolve: resolve.map(nanos),
                connect: connect.map(nanos),
                tls: tls.map(nanos),
                send: send.map(nanos),
                head: head.map(nanos),
                remote: remote.map(|remote| remote.to_string()),
                protocol: protocol.map(|protocol| match protocol {
                    $crate::engine::Protocol::Http1 => wit::Protocol::Http1,
                    $crate::engine::Protocol::Http2 => wit::Protocol::Http2,
                }),
                reused,
            }
        }

        pub(crate) fn failure(failure: $crate::engine::Failure) -> wit::Failure {
            let $crate::engine::Failure { cause, phase, fault, sent, retryable, status, detail } = failure;
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
            let code = code(cause.code());
            wit::Failure { code, cause: cause.name().to_owned(), phase, fault, sent, retryable, status, detail }
        }

        fn code(code: $crate::engine::Code) -> wit::Code {
            match code {
                $crate::engine::Code::Cancelled => wit::Code::Cancelled,
                $crate::engine::Code::Unknown => wit::Code::Unknown,
                $crate::engine::Code::InvalidArgument => wit::Code::InvalidArgument,
                $crate::engine::Code::DeadlineExceeded => wit::Code::DeadlineExceeded,
                $crate::engine::Code::NotFound => wit::Code::NotFound,
                $crate::engine::Code::AlreadyExists => wit::Code::AlreadyExists,
                $crate::engine::Code::PermissionDenied => wit::Code::PermissionDenied,
                $crate::engine::Code::ResourceExhausted => wit::Code::ResourceExhausted,
                $crate::engine::Code::FailedPrecondition => wit::Code::FailedPrecondition,
                $crate::engine::Code::Aborted => wit::Code::Aborted,
                $crate::engine::Code::OutOfRange => wit::Code::OutOfRange,
                $crate::engine::Code::Unimplemented => wit::Code::Unimplemented,
                $crate::engine::Code::Internal => wit::Code::Internal,
                $crate::engine::Code::Unavailable => wit::Code::Unavailable,
                $crate::engine::Code::DataLoss => wit::Code::DataLoss,
                $crate::engine::Code::Unauthenticated => wit::Code::Unauthenticated,
            }
        }

        pub(crate) fn summary(summary: $crate::engine::Summary) -> wit::Summary {
            let $crate::engine::StatusCounts { informational, successful, redirection, client_error, server_error, other } =
                summary.by_status;
            let $crate::engine::Latency { p50, p90, p99, p999, max } = summary.latency;
            wit::Summary {
                requests: summary.requests,
                responses: summary.responses,
                failures: summary.failures,
                by_cause: summary.by_cause.into_iter().map(|(cause, count)| (cause.name().to_owned(), count)).collect(),
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

        fn nanos(span: std::time::Duration) -> u64 {
            u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
        }
    };
}
