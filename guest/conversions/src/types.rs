//! Conversions of records, enums and variants in both directions.

/// Implements [`Convert`](crate::Convert) in both directions between the engine's types and those of a module `wit`, which has to be in
/// scope.
#[macro_export]
macro_rules! types {
    () => {
        $crate::enums! {
            BodyMode: Discard Bytes Unread;
            Order: Completion Input;
            Priority: Low Normal High;
            Protocol: Http1 Http2;
            Phase: Request Queue Resolve Connect Tls Head Body Redirect Guest;
            Fault: Caller Policy Peer Network Host;
            Sent: No Maybe Yes;
            Code: Cancelled Unknown InvalidArgument DeadlineExceeded NotFound AlreadyExists PermissionDenied ResourceExhausted
                FailedPrecondition Aborted OutOfRange Unimplemented Internal Unavailable DataLoss Unauthenticated;
        }
        $crate::variants! {
            Until: [All FirstFailure] Successes;
            Hedge: [Auto] After;
        }
        $crate::records! {
            Timing = Timing: queued head body total;
            Facts = AttemptFacts: started queued resolve connect tls send head remote protocol reused;
            StatusCounts = StatusCounts: informational successful redirection client_error server_error other;
            Latency = Latency: p50 p90 p99 p999 max;
            Summary = Summary: requests responses failures by_cause by_status attempts retries hedges hedges_won coalesced body_bytes
                peak_in_flight latency elapsed input_ended;
        }

        impl $crate::Convert<wit::Failure> for $crate::engine::Failure {
            fn convert(self) -> wit::Failure {
                let Self { cause, phase, fault, sent, retryable, status, detail } = self;
                let code = cause.code().convert();
                let (phase, fault, sent) = (phase.convert(), fault.convert(), sent.convert());
                wit::Failure { code, cause: cause.name().to_owned(), phase, fault, sent, retryable, status, detail }
            }
        }

        impl $crate::Convert<$crate::engine::Failure> for wit::Failure {
            fn convert(self) -> $crate::engine::Failure {
                let Self { code: _, cause, phase, fault, sent, retryable, status, detail } = self;
                // The registry of causes may have grown since this was built.
                let (cause, detail) = match cause.parse() {
                    Ok(cause) => (cause, detail),
                    Err($crate::engine::UnknownCause) => {
                        let detail = detail.map_or(cause.clone(), |detail| format!("{cause}: {detail}"));
                        ($crate::engine::Cause::Other, Some(detail))
                    }
                };
                let (phase, fault, sent) = (phase.convert(), fault.convert(), sent.convert());
                $crate::engine::Failure { cause, phase, fault, sent, retryable, status, detail }
            }
        }
    };
}

/// Enums with the same cases on both sides.
#[doc(hidden)]
#[macro_export]
macro_rules! enums {
    ($($Enum:ident: $($Case:ident)+;)*) => {
        $(
            impl $crate::Convert<wit::$Enum> for $crate::engine::$Enum {
                fn convert(self) -> wit::$Enum {
                    match self {
                        $(Self::$Case => wit::$Enum::$Case,)+
                    }
                }
            }

            impl $crate::Convert<$crate::engine::$Enum> for wit::$Enum {
                fn convert(self) -> $crate::engine::$Enum {
                    match self {
                        $(Self::$Case => $crate::engine::$Enum::$Case,)+
                    }
                }
            }
        )*
    };
}

/// Variants with the same cases on both sides: those in brackets have no payload, the one after them has one.
#[doc(hidden)]
#[macro_export]
macro_rules! variants {
    ($($Variant:ident: [$($Case:ident)*] $With:ident;)*) => {
        $(
            impl $crate::Convert<wit::$Variant> for $crate::engine::$Variant {
                fn convert(self) -> wit::$Variant {
                    match self {
                        $(Self::$Case => wit::$Variant::$Case,)*
                        Self::$With(value) => wit::$Variant::$With(value.convert()),
                    }
                }
            }

            impl $crate::Convert<$crate::engine::$Variant> for wit::$Variant {
                fn convert(self) -> $crate::engine::$Variant {
                    match self {
                        $(Self::$Case => $crate::engine::$Variant::$Case,)*
                        Self::$With(value) => $crate::engine::$Variant::$With(value.convert()),
                    }
                }
            }
        )*
    };
}

/// Records with the same fields on both sides: first the engine's name, then the interface's.
#[doc(hidden)]
#[macro_export]
macro_rules! records {
    ($($Ours:ident = $Theirs:ident: $($field:ident)+;)*) => {
        $(
            impl $crate::Convert<wit::$Theirs> for $crate::engine::$Ours {
                fn convert(self) -> wit::$Theirs {
                    let Self { $($field),+ } = self;
                    wit::$Theirs { $($field: $field.convert()),+ }
                }
            }

            impl $crate::Convert<$crate::engine::$Ours> for wit::$Theirs {
                fn convert(self) -> $crate::engine::$Ours {
                    let Self { $($field),+ } = self;
                    $crate::engine::$Ours { $($field: $field.convert()),+ }
                }
            }
        )*
    };
}
