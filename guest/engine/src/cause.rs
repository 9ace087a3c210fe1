//! Why requests fail: one table with the name, canonical code, fault, phase, delivery and retryability of every cause.

use crate::{Fault, Phase, Sent};
use std::fmt;

/// The canonical status codes of gRPC, which other systems use to classify errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "gRPC's own names")]
pub enum Code {
    Cancelled,
    Unknown,
    InvalidArgument,
    DeadlineExceeded,
    NotFound,
    AlreadyExists,
    PermissionDenied,
    ResourceExhausted,
    FailedPrecondition,
    Aborted,
    OutOfRange,
    Unimplemented,
    Internal,
    Unavailable,
    DataLoss,
    Unauthenticated,
}

impl Code {
    /// The code as gRPC writes it, for example `DEADLINE_EXCEEDED`.
    pub const fn name(self) -> &'static str {
        match self {
            Code::Cancelled => "CANCELLED",
            Code::Unknown => "UNKNOWN",
            Code::InvalidArgument => "INVALID_ARGUMENT",
            Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Code::NotFound => "NOT_FOUND",
            Code::AlreadyExists => "ALREADY_EXISTS",
            Code::PermissionDenied => "PERMISSION_DENIED",
            Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
            Code::FailedPrecondition => "FAILED_PRECONDITION",
            Code::Aborted => "ABORTED",
            Code::OutOfRange => "OUT_OF_RANGE",
            Code::Unimplemented => "UNIMPLEMENTED",
            Code::Internal => "INTERNAL",
            Code::Unavailable => "UNAVAILABLE",
            Code::DataLoss => "DATA_LOSS",
            Code::Unauthenticated => "UNAUTHENTICATED",
        }
    }
}

/// Whether a retry may succeed. Reads better in the table than a bare `bool`.
#[derive(PartialEq)]
enum RetryHint {
    Helps,
    Futile,
}

macro_rules! causes {
    ($($variant:ident $name:literal $code:ident $fault:ident $phase:ident $sent:ident $retry:ident,)*) => {
        /// Why a request has no response. The names of the cases are those of `failure.cause` in the WIT interface,
        /// where each is explained.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "explained in wit/fetch/fetch.wit")]
        pub enum Cause {
            $($variant,)*
        }

        impl Cause {
            /// Every cause, in the order of the WIT interface.
            pub const ALL: &[Cause] = &[$(Cause::$variant,)*];

            /// The name in WIT and JSON, for example `connection-refused`.
            pub const fn name(self) -> &'static str {
                match self { $(Cause::$variant => $name,)* }
            }

            /// The canonical code.
            pub const fn code(self) -> Code {
                match self { $(Cause::$variant => Code::$code,)* }
            }

            /// Who most likely has to change something.
            pub const fn fault(self) -> Fault {
                match self { $(Cause::$variant => Fault::$fault,)* }
            }

            /// The phase it happens in while no head has arrived.
            pub const fn phase(self) -> Phase {
                match self { $(Cause::$variant => Phase::$phase,)* }
            }

            /// Whether the request may have been sent, while no head has arrived.
            pub const fn sent(self) -> Sent {
                match self { $(Cause::$variant => Sent::$sent,)* }
            }

            /// Whether the same request may succeed later.
            pub fn is_transient(self) -> bool {
                match self { $(Cause::$variant => RetryHint::$retry == RetryHint::Helps,)* }
            }
        }
    };
}

causes! {
    // Case                          Name                                   Code               Fault    Phase    Sent   Retry
    DnsTimeout                      "DNS-timeout"                           Unavailable        Network  Resolve  No     Helps,
    DnsError                        "DNS-error"                             Unavailable        Network  Resolve  No     Helps,
    DestinationNotFound             "destination-not-found"                 NotFound           Caller   Resolve  No     Futile,
    DestinationUnavailable          "destination-unavailable"               Unavailable        Network  Connect  No     Helps,
    DestinationIpProhibited         "destination-IP-prohibited"             PermissionDenied   Policy   Resolve  No     Futile,
    DestinationIpUnroutable         "destination-IP-unroutable"             Unavailable        Network  Connect  No     Helps,
    ConnectionRefused               "connection-refused"                    Unavailable        Network  Connect  No     Helps,
    ConnectionTerminated            "connection-terminated"                 Unavailable        Peer     Head     Maybe  Helps,
    ConnectionTimeout               "connection-timeout"                    DeadlineExceeded   Network  Connect  No     Helps,
    ConnectionReadTimeout           "connection-read-timeout"               DeadlineExceeded   Peer     Head     Maybe  Helps,
    ConnectionWriteTimeout          "connection-write-timeout"              DeadlineExceeded   Peer     Head     Maybe  Helps,
    ConnectionLimitReached          "connection-limit-reached"              ResourceExhausted  Host     Connect  No     Helps,
    TlsProtocolError                "TLS-protocol-error"                    Unavailable        Peer     Tls      No     Futile,
    TlsCertificateError             "TLS-certificate-error"                 FailedPrecondition Peer     Tls      No     Futile,
    TlsAlertReceived                "TLS-alert-received"                    FailedPrecondition Peer     Tls      No     Futile,
    HttpRequestDenied               "HTTP-request-denied"                   PermissionDenied   Policy   Request  No     Futile,
    HttpRequestLengthRequired       "HTTP-request-length-required"          InvalidArgument    Caller   Request  Maybe  Futile,
    HttpRequestBodySize             "HTTP-request-body-size"                InvalidArgument    Caller   Request  Maybe  Futile,
    HttpRequestMethodInvalid        "HTTP-request-method-invalid"           InvalidArgument    Caller   Request  No     Futile,
    HttpRequestUriInvalid           "HTTP-request-URI-invalid"              InvalidArgument    Caller   Request  No     Futile,
    HttpRequestUriTooLong           "HTTP-request-URI-too-long"             InvalidArgument    Caller   Request  No     Futile,
    HttpRequestHeaderSectionSize    "HTTP-request-header-section-size"      InvalidArgument    Caller   Request  No     Futile,
    HttpRequestHeaderSize           "HTTP-request-header-size"              InvalidArgument    Caller   Request  No     Futile,
    HttpRequestTrailerSectionSize   "HTTP-request-trailer-section-size"     InvalidArgument    Caller   Request  Maybe  Futile,
    HttpRequestTrailerSize          "HTTP-request-trailer-size"             InvalidArgument    Caller   Request  Maybe  Futile,
    HttpResponseIncomplete          "HTTP-response-incomplete"              Unavailable        Peer     Head     Maybe  Helps,
    HttpResponseHeaderSectionSize   "HTTP-response-header-section-size"     ResourceExhausted  Peer     Head     Yes    Futile,
    HttpResponseHeaderSize          "HTTP-response-header-size"             ResourceExhausted  Peer     Head     Yes    Futile,
    HttpResponseBodySize            "HTTP-response-body-size"               ResourceExhausted  Peer     Body     Yes    Futile,
    HttpResponseTrailerSectionSize  "HTTP-response-trailer-section-size"    ResourceExhausted  Peer     Body     Yes    Futile,
    HttpResponseTrailerSize         "HTTP-response-trailer-size"            ResourceExhausted  Peer     Body     Yes    Futile,
    HttpResponseTransferCoding      "HTTP-response-transfer-coding"         Internal           Peer     Body     Yes    Futile,
    HttpResponseContentCoding       "HTTP-response-content-coding"          Internal           Peer     Body     Yes    Futile,
    HttpResponseTimeout             "HTTP-response-timeout"                 DeadlineExceeded   Peer     Head     Maybe  Helps,
    HttpUpgradeFailed               "HTTP-upgrade-failed"                   Internal           Peer     Head     Yes    Futile,
    HttpProtocolError               "HTTP-protocol-error"                   Internal           Peer     Head     Maybe  Futile,
    LoopDetected                    "loop-detected"                         FailedPrecondition Peer     Request  No     Futile,
    ConfigurationError              "configuration-error"                   Internal           Host     Request  No     Futile,
    InternalError                   "internal-error"                        Internal           Host     Guest    Maybe  Futile,
    NotGranted                      "not-granted"                           PermissionDenied   Host     Request  No     Futile,
    InvalidRequest                  "invalid-request"                       InvalidArgument    Caller   Request  No     Futile,
    InvalidUrl                      "invalid-url"                           InvalidArgument    Caller   Request  No     Futile,
    InvalidHeader                   "invalid-header"                        InvalidArgument    Caller   Request  No     Futile,
    BodyTooLarge                    "body-too-large"                        ResourceExhausted  Policy   Body     Yes    Futile,
    TimeoutAttempt                  "timeout-attempt"                       DeadlineExceeded   Policy   Head     Maybe  Helps,
    TimeoutTotal                    "timeout-total"                         DeadlineExceeded   Policy   Head     Maybe  Helps,
    Deadline                        "deadline"                              DeadlineExceeded   Policy   Head     Maybe  Helps,
    Cancelled                       "cancelled"                             Cancelled          Policy   Head     Maybe  Helps,
    BreakerOpen                     "breaker-open"                          Unavailable        Policy   Queue    No     Helps,
    RetryBudget                     "retry-budget"                          ResourceExhausted  Policy   Queue    Maybe  Helps,
    RedirectLimit                   "redirect-limit"                        FailedPrecondition Policy   Redirect Yes    Futile,
    RedirectDenied                  "redirect-denied"                       PermissionDenied   Policy   Redirect Yes    Futile,
    Other                           "other"                                 Unknown            Host     Guest    Maybe  Futile,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Cause {
    type Err = UnknownCause;

    fn from_str(name: &str) -> Result<Self, UnknownCause> {
        Cause::ALL.iter().copied().find(|cause| cause.name() == name).ok_or(UnknownCause)
    }
}

/// No cause has this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownCause;

impl fmt::Display for UnknownCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not the name of a cause")
    }
}

impl std::error::Error for UnknownCause {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_parses_to_its_cause() {
        for cause in Cause::ALL {
            assert_eq!(cause.name().parse(), Ok(*cause));
        }
    }

    #[test]
    fn names_are_those_of_the_wit_interface_in_its_order() {
        let wit = include_str!("../../../wit/fetch/fetch.wit");
        let registry = wit.split("record failure {").nth(1).unwrap().split("cause: string").next().unwrap();
        let named = |line: &'static str| line.trim().strip_prefix("/// - `")?.split_once('`').map(|(name, _)| name);
        let names: Vec<&str> = registry.lines().filter_map(named).collect();
        assert_eq!(names, Cause::ALL.iter().map(|cause| cause.name()).collect::<Vec<_>>());
    }
}
