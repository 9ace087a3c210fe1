//! What to do about a failure.

use fantail::Cause;

/// What most often helps against failures of this cause. One sentence, which names an option where one decides.
pub(crate) fn hint(cause: Cause) -> &'static str {
    match cause {
        Cause::DnsTimeout => "Check the name servers of this machine, or raise --connect-timeout.",
        Cause::DnsError => "Check the spelling of the host: the name does not exist, or has no address.",
        Cause::DestinationNotFound => "Check the host: there is no such destination.",
        Cause::DestinationUnavailable => "Try again later (--retries), and check that the destination is up.",
        Cause::DestinationIpProhibited => "If this address is meant to be reached, allow it with --allow-net.",
        Cause::DestinationIpUnroutable => "Check the network: there is no route, often because IPv6 is missing.",
        Cause::ConnectionRefused => "Check host and port: nothing listens there, or a firewall refuses.",
        Cause::ConnectionTerminated => "Try again (--retries); if it persists, look into the server's log.",
        Cause::ConnectionTimeout => "Check host, port and firewall, or raise --connect-timeout.",
        Cause::ConnectionReadTimeout => "The server stopped sending: raise --idle-timeout, or ask for less at once.",
        Cause::ConnectionWriteTimeout => "The server stopped reading: send a smaller body, or raise --idle-timeout.",
        Cause::ConnectionLimitReached => "Raise the limit of open files (ulimit -n), or lower --concurrency.",
        Cause::TlsProtocolError => "Check that the port speaks TLS 1.2 or later, or use http:// if it is plain.",
        Cause::TlsCertificateError => "Check the certificate's name and dates; name a private CA with --cacert.",
        Cause::TlsAlertReceived => "The server refused TLS: it may require a certificate (--cert, --key).",
        Cause::HttpRequestDenied => "If this origin is meant to be reached, list it with --allow.",
        Cause::HttpRequestLengthRequired => "Give the request a body of known length.",
        Cause::HttpRequestBodySize => "Make the content-length equal to the body's length, or leave it out.",
        Cause::HttpRequestMethodInvalid => "Use a method such as GET or POST: letters, and no spaces.",
        Cause::HttpRequestUriInvalid => "Check the URL: it cannot be sent as it is.",
        Cause::HttpRequestUriTooLong => "Shorten the URL, or move parameters into a body.",
        Cause::HttpRequestHeaderSectionSize => "Send fewer or shorter headers.",
        Cause::HttpRequestHeaderSize => "Shorten the largest header; often it is a cookie.",
        Cause::HttpRequestTrailerSectionSize => "Send fewer or shorter trailers.",
        Cause::HttpRequestTrailerSize => "Shorten the largest trailer.",
        Cause::HttpResponseIncomplete => {
            "The response was cut short: try again (--retries), or look into the server's log."
        }
        Cause::HttpResponseHeaderSectionSize => "The server sends more headers than are accepted: reduce them there.",
        Cause::HttpResponseHeaderSize => "The server sends a header larger than is accepted: reduce it there.",
        Cause::HttpResponseBodySize => "The body exceeds what the host accepts: ask for a part of it.",
        Cause::HttpResponseTrailerSectionSize => "The server sends more trailers than are accepted: reduce them there.",
        Cause::HttpResponseTrailerSize => "The server sends a trailer larger than is accepted: reduce it there.",
        Cause::HttpResponseTransferCoding => {
            "The server, or a proxy before it, uses a transfer coding that HTTP clients do not know."
        }
        Cause::HttpResponseContentCoding => "The server encoded the body in a way that was not asked for, or broke it.",
        Cause::HttpResponseTimeout => "The server is slow to answer: raise --head-timeout, or lower --per-origin.",
        Cause::HttpUpgradeFailed => "The server changed the protocol unasked: check that the URL is one of HTTP.",
        Cause::HttpProtocolError => "The server's answer is not HTTP: check the port, and http:// or https://.",
        Cause::LoopDetected => "The request came back to where it was sent from: check the proxies on the way.",
        Cause::ConfigurationError => "Check how the host is configured: it could not send the request.",
        Cause::InternalError => "Not the request's fault: its detail has the reason; please report it if it persists.",
        Cause::NotGranted => "Grant the component outgoing requests in its host's configuration.",
        Cause::InvalidRequest => "Correct the line of the input that its detail names.",
        Cause::InvalidUrl => "Correct the URL: it needs http:// or https://, and a host.",
        Cause::InvalidHeader => "Correct the header that its detail names, or leave it out.",
        Cause::BodyTooLarge => "Raise --max-body, or store bodies of any length with --output-dir.",
        Cause::TimeoutAttempt => "Raise --attempt-timeout, or allow another attempt with --retries.",
        Cause::TimeoutTotal => "Raise --timeout, or lower --concurrency if requests waited for most of it.",
        Cause::Deadline => "Raise --deadline, or --concurrency if the servers can take more.",
        Cause::Cancelled => "Nothing is wrong: the run was stopped before this was done.",
        Cause::BreakerOpen => "The origin failed too often: see its other failures first; --breaker sets the share.",
        Cause::RetryBudget => {
            "The origin failed too often to retry all: see its other failures; --retry-percent sets the budget."
        }
        Cause::RedirectLimit => "Raise --redirects, unless the server redirects in a circle.",
        Cause::RedirectDenied => "Request the redirect's target itself if it can be trusted; its detail names it.",
        Cause::Other => "See its detail, which has the reason.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hint_is_one_sentence_that_fits_a_line() {
        for cause in Cause::ALL {
            let hint = hint(*cause);
            assert!(hint.ends_with('.') && hint.len() <= 100, "{cause}: {hint}");
            assert!(!hint.trim_end_matches('.').contains(". "), "{cause}: {hint}");
        }
    }

    #[test]
    fn options_that_hints_name_exist() {
        use clap::CommandFactory;
        let command = crate::arguments::Arguments::command();
        let fetch = command.find_subcommand("fetch").unwrap();
        for word in Cause::ALL.iter().flat_map(|cause| hint(*cause).split_whitespace()) {
            let word = word.trim_matches(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-');
            if let Some(name) = word.strip_prefix("--") {
                assert!(fetch.get_arguments().any(|option| option.get_long() == Some(name)), "{word}");
            }
        }
    }
}
