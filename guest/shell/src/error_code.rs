//! What wasi:http's error codes, which both versions have under the same names, mean to the engine.

/// Defines `failed` from the types `ErrorCode` and `FieldSizePayload`, which have to be in scope. `$interface` is the
/// name of the interface that sends requests.
#[macro_export]
macro_rules! error_codes {
    ($interface:literal) => {
        /// The cause of the same name, with the code's payload as its detail. If the request asked for facts, the
        /// host's report.
        pub(crate) fn failed(code: ErrorCode) -> $crate::Failed {
            use $crate::engine::Cause;
            let (cause, detail) = match code {
                ErrorCode::InternalError(Some(text)) => match $crate::read_failure(&text) {
                    Some(report) => return $crate::failed_from_report(report),
                    None => (internal_error_cause(&text), Some(text)),
                },
                ErrorCode::InternalError(None) => (Cause::InternalError, None),
                ErrorCode::DnsTimeout => (Cause::DnsTimeout, None),
                ErrorCode::DnsError(payload) => (Cause::DnsError, payload.rcode),
                ErrorCode::DestinationNotFound => (Cause::DestinationNotFound, None),
                ErrorCode::DestinationUnavailable => (Cause::DestinationUnavailable, None),
                ErrorCode::DestinationIpProhibited => (Cause::DestinationIpProhibited, None),
                ErrorCode::DestinationIpUnroutable => (Cause::DestinationIpUnroutable, None),
                ErrorCode::ConnectionRefused => (Cause::ConnectionRefused, None),
                ErrorCode::ConnectionTerminated => (Cause::ConnectionTerminated, None),
                ErrorCode::ConnectionTimeout => (Cause::ConnectionTimeout, None),
                ErrorCode::ConnectionReadTimeout => (Cause::ConnectionReadTimeout, None),
                ErrorCode::ConnectionWriteTimeout => (Cause::ConnectionWriteTimeout, None),
                ErrorCode::ConnectionLimitReached => (Cause::ConnectionLimitReached, None),
                ErrorCode::TlsProtocolError => (Cause::TlsProtocolError, None),
                ErrorCode::TlsCertificateError => (Cause::TlsCertificateError, None),
                ErrorCode::TlsAlertReceived(alert) => {
                    (Cause::TlsAlertReceived, alert.alert_message.or(alert.alert_id.map(|id| format!("alert {id}"))))
                }
                ErrorCode::HttpRequestDenied => (Cause::HttpRequestDenied, None),
                ErrorCode::HttpRequestLengthRequired => (Cause::HttpRequestLengthRequired, None),
                ErrorCode::HttpRequestBodySize(size) => (Cause::HttpRequestBodySize, bytes(size)),
                ErrorCode::HttpRequestMethodInvalid => (Cause::HttpRequestMethodInvalid, None),
                ErrorCode::HttpRequestUriInvalid => (Cause::HttpRequestUriInvalid, None),
                ErrorCode::HttpRequestUriTooLong => (Cause::HttpRequestUriTooLong, None),
                ErrorCode::HttpRequestHeaderSectionSize(size) => (Cause::HttpRequestHeaderSectionSize, bytes(size)),
                ErrorCode::HttpRequestHeaderSize(size) => (Cause::HttpRequestHeaderSize, size.and_then(field)),
                ErrorCode::HttpRequestTrailerSectionSize(size) => (Cause::HttpRequestTrailerSectionSize, bytes(size)),
                ErrorCode::HttpRequestTrailerSize(size) => (Cause::HttpRequestTrailerSize, field(size)),
                ErrorCode::HttpResponseIncomplete => (Cause::HttpResponseIncomplete, None),
                ErrorCode::HttpResponseHeaderSectionSize(size) => (Cause::HttpResponseHeaderSectionSize, bytes(size)),
                ErrorCode::HttpResponseHeaderSize(size) => (Cause::HttpResponseHeaderSize, field(size)),
                ErrorCode::HttpResponseBodySize(size) => (Cause::HttpResponseBodySize, bytes(size)),
                ErrorCode::HttpResponseTrailerSectionSize(size) => (Cause::HttpResponseTrailerSectionSize, bytes(size)),
                ErrorCode::HttpResponseTrailerSize(size) => (Cause::HttpResponseTrailerSize, field(size)),
                ErrorCode::HttpResponseTransferCoding(coding) => (Cause::HttpResponseTransferCoding, coding),
                ErrorCode::HttpResponseContentCoding(coding) => (Cause::HttpResponseContentCoding, coding),
                ErrorCode::HttpResponseTimeout => (Cause::HttpResponseTimeout, None),
                ErrorCode::HttpUpgradeFailed => (Cause::HttpUpgradeFailed, None),
                ErrorCode::HttpProtocolError => (Cause::HttpProtocolError, None),
                ErrorCode::LoopDetected => (Cause::LoopDetected, None),
                ErrorCode::ConfigurationError => (Cause::ConfigurationError, None),
            };
            $crate::Failed::new(cause, detail)
        }

        /// Spin reports an import that the application did not pass on to its dependency as an internal error with this
        /// text.
        fn internal_error_cause(detail: &str) -> $crate::engine::Cause {
            use $crate::engine::Cause;
            if detail.contains($interface) && detail.contains("not permitted") {
                return Cause::NotGranted;
            }
            Cause::InternalError
        }

        fn bytes<N: Into<u64>>(size: Option<N>) -> Option<String> {
            size.map(|size| format!("{} bytes", size.into()))
        }

        fn field(FieldSizePayload { field_name, field_size }: FieldSizePayload) -> Option<String> {
            match (field_name, field_size) {
                (Some(name), Some(size)) => Some(format!("header {name}: {size} bytes")),
                (Some(name), None) => Some(format!("header {name}")),
                (None, size) => bytes(size),
            }
        }
    };
}
