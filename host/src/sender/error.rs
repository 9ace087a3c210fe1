//! What went wrong on the way out, as finely as it is known.

use fantail_engine::{Cause, Phase};
use std::error::Error as _;
use std::io;
use wasmtime_wasi_http::Error as WasiError;

/// Why a request got no response, or a body no end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SendError {
    pub(crate) cause: Cause,
    pub(crate) phase: Phase,
    pub(crate) detail: String,
    pub(crate) repeat: Repeat,
}

/// Whether the sender itself may send a request once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// That is for others to decide.
    Never,
    /// If the connection had been kept open from before: it broke before an answer.
    IfKept,
    /// The peer has done nothing with the request.
    Refused,
}

impl SendError {
    pub(crate) fn new(cause: Cause, phase: Phase, detail: impl Into<String>) -> Self {
        Self { cause, phase, detail: detail.into(), repeat: Repeat::Never }
    }

    /// An error of the operating system while opening a connection (connect(2)).
    pub(crate) fn connect(error: &io::Error) -> Self {
        let cause = match error.kind() {
            io::ErrorKind::ConnectionRefused => Cause::ConnectionRefused,
            io::ErrorKind::TimedOut => Cause::ConnectionTimeout,
            io::ErrorKind::HostUnreachable => Cause::DestinationUnavailable,
            io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown => Cause::DestinationIpUnroutable,
            // No ephemeral port left, or no file descriptor.
            io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse => Cause::ConnectionLimitReached,
            _ if is_out_of_files(error) => Cause::ConnectionLimitReached,
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => Cause::ConnectionTerminated,
            _ => Cause::DestinationUnavailable,
        };
        Self::new(cause, Phase::Connect, error.to_string())
    }

    /// An error of hyper while a request was sent (`phase` head) or a body read (`phase` body).
    pub(crate) fn hyper(error: &hyper::Error, phase: Phase) -> Self {
        if let Some(http2) = error.source().and_then(|source| source.downcast_ref::<h2::Error>()) {
            return Self::http2(http2, phase);
        }
        let io = error.source().and_then(|source| source.downcast_ref::<io::Error>());
        let cause = if error.is_timeout() {
            // No answer to a PING of HTTP/2.
            Cause::ConnectionTerminated
        } else if error.is_parse_too_large() {
            Cause::HttpResponseHeaderSectionSize
        } else if error.is_parse() {
            Cause::HttpProtocolError
        } else if error.is_incomplete_message() {
            if phase == Phase::Body { Cause::HttpResponseIncomplete } else { Cause::ConnectionTerminated }
        } else if error.is_user() || error.is_body_write_aborted() {
            Cause::HttpRequestBodySize
        } else {
            match io.map(io::Error::kind) {
                Some(io::ErrorKind::UnexpectedEof) if phase == Phase::Body => Cause::HttpResponseIncomplete,
                Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) => Cause::HttpProtocolError,
                Some(_) => Cause::ConnectionTerminated,
                None if error.is_canceled() || error.is_closed() => Cause::ConnectionTerminated,
                None => Cause::HttpProtocolError,
            }
        };
        let detail = error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"));
        let broke = cause == Cause::ConnectionTerminated;
        let repeat = if broke { Repeat::IfKept } else { Repeat::Never };
        Self { repeat, ..Self::new(cause, phase, detail) }
    }

    /// The same of HTTP/2 (RFC 9113, section 7).
    fn http2(error: &h2::Error, phase: Phase) -> Self {
        let broken = if phase == Phase::Body { Cause::HttpResponseIncomplete } else { Cause::ConnectionTerminated };
        let reason = error.reason();
        let cause = match reason {
            None => broken,
            Some(
                h2::Reason::NO_ERROR
                | h2::Reason::INTERNAL_ERROR
                | h2::Reason::REFUSED_STREAM
                | h2::Reason::CANCEL
                | h2::Reason::STREAM_CLOSED
                | h2::Reason::CONNECT_ERROR,
            ) => broken,
            Some(_) => Cause::HttpProtocolError,
        };
        // Of streams after the last that a GOAWAY names nothing was done either: only those are told of one without an error.
        let left_alone = error.is_remote() && error.is_go_away() && reason == Some(h2::Reason::NO_ERROR);
        let repeat = match reason {
            _ if left_alone => Repeat::Refused,
            Some(h2::Reason::REFUSED_STREAM) => Repeat::Refused,
            None => Repeat::IfKept,
            Some(_) => Repeat::Never,
        };
        // Not as the error has it: what the peer adds to a GOAWAY could be anything.
        let who = if error.is_remote() { "the peer" } else { "this side" };
        let detail = match reason {
            Some(reason) if error.is_go_away() => format!("{who} ended the connection: {reason}"),
            Some(reason) => format!("{who} ended the stream: {reason}"),
            None => "the connection broke".to_owned(),
        };
        Self { repeat, ..Self::new(cause, phase, detail) }
    }
}

/// EMFILE (24) and ENFILE (23), for which the standard library has no name.
fn is_out_of_files(error: &io::Error) -> bool {
    cfg!(unix) && matches!(error.raw_os_error(), Some(23 | 24))
}

/// The code that the component gets. Its names are those of our causes; the few that wasi:http lacks are never made here.
impl From<SendError> for WasiError {
    fn from(SendError { cause, detail, .. }: SendError) -> Self {
        match cause {
            Cause::DnsTimeout => WasiError::DnsTimeout,
            Cause::DnsError => WasiError::DnsError { rcode: Some(detail), info_code: None },
            Cause::DestinationNotFound => WasiError::DestinationNotFound,
            Cause::DestinationUnavailable => WasiError::DestinationUnavailable,
            Cause::DestinationIpProhibited => WasiError::DestinationIpProhibited,
            Cause::DestinationIpUnroutable => WasiError::DestinationIpUnroutable,
            Cause::ConnectionRefused => WasiError::ConnectionRefused,
            Cause::ConnectionTerminated => WasiError::ConnectionTerminated,
            Cause::ConnectionTimeout => WasiError::ConnectionTimeout,
            Cause::ConnectionReadTimeout => WasiError::ConnectionReadTimeout,
            Cause::ConnectionWriteTimeout => WasiError::ConnectionWriteTimeout,
            Cause::ConnectionLimitReached => WasiError::ConnectionLimitReached,
            Cause::TlsProtocolError => WasiError::TlsProtocolError,
            Cause::TlsCertificateError => WasiError::TlsCertificateError,
            Cause::TlsAlertReceived => WasiError::TlsAlertReceived { alert_id: None, alert_message: Some(detail) },
            Cause::HttpRequestDenied => WasiError::HttpRequestDenied,
            Cause::HttpRequestLengthRequired => WasiError::HttpRequestLengthRequired,
            Cause::HttpRequestBodySize => WasiError::HttpRequestBodySize(None),
            Cause::HttpRequestMethodInvalid => WasiError::HttpRequestMethodInvalid,
            Cause::HttpRequestUriInvalid => WasiError::HttpRequestUriInvalid,
            Cause::HttpRequestUriTooLong => WasiError::HttpRequestUriTooLong,
            Cause::HttpRequestHeaderSectionSize => WasiError::HttpRequestHeaderSectionSize(None),
            Cause::HttpRequestHeaderSize => WasiError::HttpRequestHeaderSize { field_name: None, field_size: None },
            Cause::HttpRequestTrailerSectionSize => WasiError::HttpRequestTrailerSectionSize(None),
            Cause::HttpRequestTrailerSize => WasiError::HttpRequestTrailerSize { field_name: None, field_size: None },
            Cause::HttpResponseIncomplete => WasiError::HttpResponseIncomplete,
            Cause::HttpResponseHeaderSectionSize => WasiError::HttpResponseHeaderSectionSize(None),
            Cause::HttpResponseHeaderSize => WasiError::HttpResponseHeaderSize { field_name: None, field_size: None },
            Cause::HttpResponseBodySize => WasiError::HttpResponseBodySize(None),
            Cause::HttpResponseTrailerSectionSize => WasiError::HttpResponseTrailerSectionSize(None),
            Cause::HttpResponseTrailerSize => WasiError::HttpResponseTrailerSize { field_name: None, field_size: None },
            Cause::HttpResponseTransferCoding => WasiError::HttpResponseTransferCoding(None),
            Cause::HttpResponseContentCoding => WasiError::HttpResponseContentCoding(None),
            Cause::HttpResponseTimeout => WasiError::HttpResponseTimeout,
            Cause::HttpUpgradeFailed => WasiError::HttpUpgradeFailed,
            Cause::HttpProtocolError => WasiError::HttpProtocolError,
            Cause::LoopDetected => WasiError::LoopDetected,
            Cause::ConfigurationError => WasiError::ConfigurationError,
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
            | Cause::Other => WasiError::InternalError(Some(detail)),
        }
    }
}
