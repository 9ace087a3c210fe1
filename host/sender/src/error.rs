//! Why a request failed, as precisely as it is known.

use crate::pinned::remedy;
use fantail_engine::{Cause, Facts, Phase, Sent};
use std::error::Error as _;
use std::{fmt, io};

/// Why a request got no response, or why a body was cut short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendError {
    /// Why.
    pub cause: Cause,
    /// How far the request had got.
    pub phase: Phase,
    /// Whether any of it may have reached the peer: maybe once it was handed to a connection, yes once a head arrived.
    pub sent: Sent,
    /// A description for people.
    pub detail: String,
    /// The facts of the attempt, if the request asked for them.
    pub facts: Option<Box<Facts>>,
    pub(crate) repeat: Repeat,
}

/// Whether the sender itself may send the request once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// No: that is for the engine to decide.
    Never,
    /// If the connection was reused: it broke before an answer.
    IfReused,
    /// Yes: the peer has not processed the request.
    Refused,
    /// Yes, over another connection: the peer has not processed the request, and is closing this connection.
    GoAway,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.cause, self.phase.name(), self.detail)
    }
}

impl std::error::Error for SendError {}

impl SendError {
    pub(crate) fn new(cause: Cause, phase: Phase, detail: impl Into<String>) -> Self {
        Self { cause, phase, sent: Sent::No, detail: detail.into(), facts: None, repeat: Repeat::Never }
    }

    /// An error of the operating system while opening a connection (connect(2)).
    pub(crate) fn connect(error: &io::Error) -> Self {
        let cause = match error.kind() {
            io::ErrorKind::ConnectionRefused => Cause::ConnectionRefused,
            io::ErrorKind::TimedOut => Cause::ConnectionTimeout,
            io::ErrorKind::HostUnreachable => Cause::DestinationUnavailable,
            io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown => Cause::DestinationIpUnroutable,
            // No ephemeral port is left.
            io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse => Cause::ConnectionLimitReached,
            _ if is_out_of_file_descriptors(error) => Cause::ConnectionLimitReached,
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => Cause::ConnectionTerminated,
            _ => Cause::DestinationUnavailable,
        };
        Self::new(cause, Phase::Connect, error.to_string())
    }

    /// An error of rustls, in the handshake or after it: with TLS 1.3 a server checks our certificate after our side of the handshake
    /// has finished, so that its alert arrives in place of an answer.
    pub(crate) fn tls(error: &rustls::Error, phase: Phase) -> Self {
        let cause = match error {
            rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => Cause::TlsCertificateError,
            rustls::Error::AlertReceived(_) => Cause::TlsAlertReceived,
            _ => Cause::TlsProtocolError,
        };
        Self::new(cause, phase, format!("{error}{}", remedy(error)))
    }

    /// An error of hyper while a request was sent (`phase` head) or a body read (`phase` body).
    pub(crate) fn hyper(error: &hyper::Error, phase: Phase) -> Self {
        if let Some(http2) = error.source().and_then(|source| source.downcast_ref::<h2::Error>()) {
            return Self::http2(http2, phase);
        }
        // The error of our own request body: a limit of the account was exceeded.
        if let Some(own) = error.source().and_then(|source| source.downcast_ref::<SendError>()) {
            return own.clone();
        }
        let io = error.source().and_then(|source| source.downcast_ref::<io::Error>());
        let cause = if error.is_timeout() {
            // An HTTP/2 PING was not answered.
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
        let repeat = if broke { Repeat::IfReused } else { Repeat::Never };
        Self { repeat, ..Self::new(cause, phase, detail) }
    }

    /// An error of HTTP/2 (RFC 9113, section 7).
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
        // The peer has not processed streams after the last one that its GOAWAY names. Only those fail with NO_ERROR.
        let unprocessed = error.is_remote() && error.is_go_away() && reason == Some(h2::Reason::NO_ERROR);
        let repeat = match reason {
            _ if unprocessed => Repeat::GoAway,
            Some(h2::Reason::REFUSED_STREAM) => Repeat::Refused,
            None => Repeat::IfReused,
            Some(_) => Repeat::Never,
        };
        // Not the error's own text: it includes the debug data of a GOAWAY, in which the peer can send anything.
        let side = if error.is_remote() { "the peer" } else { "this side" };
        let detail = match reason {
            Some(reason) if error.is_go_away() => format!("{side} ended the connection: {reason}"),
            Some(reason) => format!("{side} ended the stream: {reason}"),
            None => "the connection broke".to_owned(),
        };
        Self { repeat, ..Self::new(cause, phase, detail) }
    }
}

/// EMFILE (24) or ENFILE (23), for which the standard library has no name.
fn is_out_of_file_descriptors(error: &io::Error) -> bool {
    cfg!(unix) && matches!(error.raw_os_error(), Some(23 | 24))
}
