//! For a component that exports the interface.

/// Defines the resources `Policy` and `RequestOptions`, and `request` and `outcomes`. Needs [`types!`](crate::types) in
/// the same crate, a type `Incoming` for response bodies in scope, and a dependency on `fantail-shell`.
#[macro_export]
macro_rules! exports {
    () => {
        $crate::exports! { $ }
    };
    ($d:tt) => {
        use $crate::Convert;

        /// A policy as its caller sets it.
        #[derive(Default)]
        pub(crate) struct Policy(std::cell::RefCell<$crate::engine::Policy>);

        /// A request's options as its caller sets them.
        #[derive(Default)]
        pub(crate) struct RequestOptions(std::cell::RefCell<$crate::engine::RequestOptions>);

        macro_rules! setters {
            ($d($d kind:ident $d field:ident;)*) => {
                $crate::paste! {
                    impl wit::GuestPolicy for Policy {
                        fn new() -> Self {
                            Self::default()
                        }

                        $d(fn [<set_ $d field>](&self, value: $crate::wit_type!($d kind)) {
                            self.0.borrow_mut().$d field = Some(value.convert());
                        })*
                    }
                }
            };
        }
        $crate::engine::for_each_field!(setters);

        macro_rules! option_setters {
            ($d($d kind:ident $d field:ident;)*) => {
                $crate::paste! {
                    impl wit::GuestRequestOptions for RequestOptions {
                        fn new() -> Self {
                            Self::default()
                        }

                        $d(fn [<set_ $d field>](&self, value: $crate::wit_type!($d kind)) {
                            self.0.borrow_mut().$d field = $crate::stored!($d kind value);
                        })*
                    }
                }
            };
        }
        $crate::engine::for_each_request_option!(option_setters);

        pub(crate) fn policy(policy: Option<wit::Policy>) -> $crate::engine::Policy {
            policy.map_or_else($crate::engine::Policy::default, |policy| policy.into_inner::<Policy>().0.into_inner())
        }

        pub(crate) fn request(request: wit::Request) -> $crate::engine::Request {
            let wit::Request { id, method, url, headers, body, options } = request;
            let options = options.map(|options| options.into_inner::<RequestOptions>().0.into_inner());
            let (id, options) = (id.into(), options.unwrap_or_default());
            $crate::engine::Request { id, method, url, headers, body, options }
        }

        impl From<$crate::engine::PolicyError> for wit::PolicyError {
            fn from($crate::engine::PolicyError { field, reason }: $crate::engine::PolicyError) -> Self {
                Self { field: field.replace('_', "-"), reason }
            }
        }

        pub(crate) fn outcomes(outcomes: Vec<$crate::engine::Outcome<::fantail_shell::Response<Incoming>>>) -> Vec<wit::Outcome> {
            outcomes.into_iter().map(outcome).collect()
        }

        fn outcome(outcome: $crate::engine::Outcome<::fantail_shell::Response<Incoming>>) -> wit::Outcome {
            let $crate::engine::Outcome { id, url, attempts, hops, timing, last_attempt, result } = outcome;
            let result = result.map(response).map_err(Convert::convert);
            // The interface's ids have 32 bits.
            let id = id.convert();
            let (timing, last_attempt) = (timing.convert(), last_attempt.convert());
            wit::Outcome { id, url, attempts, hops, timing, last_attempt, result, facts: Vec::new() }
        }

        fn response(response: ::fantail_shell::Response<Incoming>) -> wit::Response {
            let ::fantail_shell::Response { status, headers, body } = response;
            let body = match body {
                ::fantail_shell::Body::Discarded => wit::Body::Discarded,
                ::fantail_shell::Body::Bytes(bytes) => wit::Body::Bytes(bytes),
                ::fantail_shell::Body::Unread(body) => wit::Body::Unread(body),
            };
            wit::Response { status, headers, body }
        }
    };
}

/// The type that a setter takes.
#[doc(hidden)]
#[macro_export]
macro_rules! wit_type {
    (count) => { u32 };
    (size) => { u32 };
    (span) => { wit::Milliseconds };
    (flag) => { bool };
    (names) => { Vec<String> };
    (body_mode) => { wit::BodyMode };
    (order) => { wit::Order };
    (until) => { wit::Until };
    (hedge) => { wit::Hedge };
    (priority) => { wit::Priority };
}

/// A value as the engine stores it.
#[doc(hidden)]
#[macro_export]
macro_rules! stored {
    (names $value:ident) => {
        $value
    };
    ($kind:ident $value:ident) => {
        Some($value.convert())
    };
}
