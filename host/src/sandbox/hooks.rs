//! Connects the sender to wasmtime's hooks. wasmtime calls that interface experimental, so it is used only in this file.

use fantail_engine::Cause;
use fantail_facts::FailureReport;
use fantail_sender::{Client, Origin, RequestTimeouts, SendError};
use http_body_util::BodyExt;
use tower_service::Service;
use tracing::{Instrument, Level, Span, debug, debug_span, span_enabled};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

/// The client that one instance sends its requests with.
pub(crate) struct Hooks(pub(crate) Client);

type Transmission = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = Result<(http::Response<WasiBody>, Transmission), Error>;

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Transmission,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let span = attempt_span(&request);
        // What is among extensions is in a map of its own, which a request without options does not need.
        let sent = self.0.call(match options {
            Some(options) => request_timeouts(options).on(request),
            None => request,
        });
        let sent = async move {
            let response = sent.await.map_err(to_wasi_error)?;
            debug!(status = response.status().as_u16(), "head");
            let response = response.map(|body| body.map_err(to_wasi_error).boxed_unsync());
            Ok((response, Box::new(async { Ok(()) }) as Transmission))
        };
        Box::new(sent.instrument(span))
    }
}

fn request_timeouts(options: RequestOptions) -> RequestTimeouts {
    let RequestOptions { connect_timeout, first_byte_timeout, between_bytes_timeout } = options;
    RequestTimeouts { connect: connect_timeout, head: first_byte_timeout, idle: between_bytes_timeout }
}

/// The span of an attempt: without its headers, path and query.
fn attempt_span(request: &http::Request<WasiBody>) -> Span {
    if !span_enabled!(Level::DEBUG, "attempt") {
        return Span::none();
    }
    let method = request.method().as_str();
    match Origin::of(request.uri()) {
        Ok(origin) => {
            debug_span!("attempt", method, host = origin.host(), port = origin.port(), https = origin.is_https())
        }
        Err(_) => debug_span!("attempt", method),
    }
}

/// The error that the component gets: with the facts of the attempt if it requested them.
fn to_wasi_error(error: SendError) -> Error {
    debug!(cause = %error.cause, phase = error.phase.name(), "failed");
    let SendError { cause, phase, sent, detail, facts, .. } = error;
    match facts {
        Some(facts) => {
            let report = FailureReport { cause, phase, sent, facts: *facts, detail };
            Error::InternalError(Some(fantail_facts::write_failure(&report)))
        }
        None => error_code(cause, detail),
    }
}

/// The error of wasi:http with the name of the cause. The few causes that wasi:http lacks never reach this function.
fn error_code(cause: Cause, detail: String) -> Error {
    match cause {
        Cause::DnsTimeout => Error::DnsTimeout,
        Cause::DnsError => Error::DnsError { rcode: Some(detail), info_code: None },
        Cause::DestinationNotFound => Error::DestinationNotFound,
        Cause::DestinationUnavailable => Error::DestinationUnavailable,
        Cause::DestinationIpProhibited => Error::DestinationIpProhibited,
        Cause::DestinationIpUnroutable => Error::DestinationIpUnroutable,
        Cause::ConnectionRefused => Error::ConnectionRefused,
        Cause::ConnectionTerminated => Error::ConnectionTerminated,
        Cause::ConnectionTimeout => Error::ConnectionTimeout,
        Cause::ConnectionReadTimeout => Error::ConnectionReadTimeout,
        Cause::ConnectionWriteTimeout => Error::ConnectionWriteTimeout,
        Cause::ConnectionLimitReached => Error::ConnectionLimitReached,
        Cause::TlsProtocolError => Error::TlsProtocolError,
        Cause::TlsCertificateError => Error::TlsCertificateError,
        Cause::TlsAlertReceived => Error::TlsAlertReceived { alert_id: None, alert_message: Some(detail) },
        Cause::HttpRequestDenied => Error::HttpRequestDenied,
        Cause::HttpRequestLengthRequired => Error::HttpRequestLengthRequired,
        Cause::HttpRequestBodySize => Error::HttpRequestBodySize(None),
        Cause::HttpRequestMethodInvalid => Error::HttpRequestMethodInvalid,
        Cause::HttpRequestUriInvalid => Error::HttpRequestUriInvalid,
        Cause::HttpRequestUriTooLong => Error::HttpRequestUriTooLong,
        Cause::HttpRequestHeaderSectionSize => Error::HttpRequestHeaderSectionSize(None),
        Cause::HttpRequestHeaderSize => Error::HttpRequestHeaderSize { field_name: None, field_size: None },
        Cause::HttpRequestTrailerSectionSize => Error::HttpRequestTrailerSectionSize(None),
        Cause::HttpRequestTrailerSize => Error::HttpRequestTrailerSize { field_name: None, field_size: None },
        Cause::HttpResponseIncomplete => Error::HttpResponseIncomplete,
        Cause::HttpResponseHeaderSectionSize => Error::HttpResponseHeaderSectionSize(None),
        Cause::HttpResponseHeaderSize => Error::HttpResponseHeaderSize { field_name: None, field_size: None },
        Cause::HttpResponseBodySize => Error::HttpResponseBodySize(None),
        Cause::HttpResponseTrailerSectionSize => Error::HttpResponseTrailerSectionSize(None),
        Cause::HttpResponseTrailerSize => Error::HttpResponseTrailerSize { field_name: None, field_size: None },
        Cause::HttpResponseTransferCoding => Error::HttpResponseTransferCoding(None),
        Cause::HttpResponseContentCoding => Error::HttpResponseContentCoding(None),
        Cause::HttpResponseTimeout => Error::HttpResponseTimeout,
        Cause::HttpUpgradeFailed => Error::HttpUpgradeFailed,
        Cause::HttpProtocolError => Error::HttpProtocolError,
        Cause::LoopDetected => Error::LoopDetected,
        Cause::ConfigurationError => Error::ConfigurationError,
        Cause::InternalError
        | Cause::NotGranted
        | Cause::InvalidRequest
        | Cause::InvalidUrl
        | Cause::InvalidHeader
        | Cause::BodyTooLarge
        | Cause::TimeoutAttempt
        | Cause::TimeoutTotal
        | Cause::Deadline
        | Cause::Cancelled
        | Cause::BreakerOpen
        | Cause::RetryBudget
        | Cause::RedirectLimit
        | Cause::RedirectDenied
        | Cause::Other => Error::InternalError(Some(detail)),
    }
}
