//! Why a request has no response.

use crate::{Cause, Failed};
use std::fmt;

macro_rules! named {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$doc])* $variant,)*
        }

        impl $name {
            /// Every case, in the order of the WIT interface.
            pub const ALL: &[$name] = &[$($name::$variant,)*];

            /// The name in WIT and JSON.
            pub const fn name(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }

            /// The case with this name.
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|case| case.name() == name)
            }
        }
    };
}

named! {
    /// How far a request had come when it failed.
    Phase {
        /// The request itself is wrong.
        Request "request",
        /// Waiting for a slot.
        Queue "queue",
        /// Looking up the name, or checking its addresses.
        Resolve "resolve",
        /// Opening the connection.
        Connect "connect",
        /// The TLS handshake.
        Tls "tls",
        /// Sending the request and waiting for the head.
        Head "head",
        /// Reading the body.
        Body "body",
        /// Following a redirect.
        Redirect "redirect",
        /// The component or its host broke down.
        Guest "guest",
    }
}

named! {
    /// Who has to change something for the request to succeed.
    Fault {
        /// The request is wrong.
        Caller "caller",
        /// A policy, a limit or a deadline.
        Policy "policy",
        /// The server.
        Peer "peer",
        /// The network on the way to the server.
        Network "network",
        /// The host that runs the component.
        Host "host",
    }
}

named! {
    /// Whether the request may have reached the peer, ordered by how far it came.
    Sent {
        /// Nothing of it was sent.
        No "no",
        /// It cannot be known.
        Maybe "maybe",
        /// The peer answered it, at least in part.
        Yes "yes",
    }
}

/// Why a request has no response. Displayed, it names its cause, how far the request came and whether it may have been
/// sent, but neither URL nor host: those may be in `detail`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What happened.
    pub cause: Cause,
    /// How far the request had come.
    pub phase: Phase,
    /// Whose fault it most likely is.
    pub fault: Fault,
    /// Whether the request may have reached the peer.
    pub sent: Sent,
    /// Whether sending the same request again is safe and could succeed.
    pub retryable: bool,
    /// The response's status, if its head had arrived.
    pub status: Option<u16>,
    /// For people: what exactly, where, and how to fix it.
    pub detail: Option<String>,
}

impl Failure {
    /// A failure before any head, as the table of causes describes it. `repeatable` says whether the request may be sent
    /// twice without harm.
    pub fn new(cause: Cause, repeatable: bool) -> Self {
        let sent = cause.sent();
        Self {
            cause,
            phase: cause.phase(),
            fault: cause.fault(),
            sent,
            retryable: cause.is_transient() && (repeatable || sent == Sent::No),
            status: None,
            detail: None,
        }
    }

    /// The same before anything was sent, for a cause that usually occurs later.
    pub fn unsent(cause: Cause, phase: Phase) -> Self {
        Self { phase, sent: Sent::No, retryable: cause.is_transient(), ..Self::new(cause, true) }
    }

    /// The same after the head had arrived with `status`.
    pub fn after_head(cause: Cause, repeatable: bool, status: u16) -> Self {
        Self {
            phase: Phase::Body,
            sent: Sent::Yes,
            retryable: cause.is_transient() && repeatable,
            status: Some(status),
            ..Self::new(cause, repeatable)
        }
    }

    /// The same for a body that was handed out.
    pub fn of_body(failed: Failed, repeatable: bool, status: u16) -> Self {
        let Failed { cause, detail, report } = failed;
        // Most hosts report this for a body that was cut short, too.
        let may_pass = cause.is_transient() || (cause == Cause::HttpProtocolError && report.is_none());
        Self { detail, retryable: may_pass && repeatable, ..Self::after_head(cause, repeatable, status) }
    }

    /// Adds a detail for people.
    pub fn with_detail(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let doing = match self.phase {
            Phase::Request => "checking the request",
            Phase::Queue => "waiting for a slot",
            Phase::Resolve => "resolving the host",
            Phase::Connect => "connecting",
            Phase::Tls => "agreeing on TLS",
            Phase::Head => "waiting for the response",
            Phase::Body => "reading the response's body",
            Phase::Redirect => "following a redirect",
            Phase::Guest => "running the component",
        };
        write!(f, "{} while {doing}; ", self.cause)?;
        match (self.status, self.sent) {
            (Some(status), _) => write!(f, "the response had the status {status}"),
            (None, Sent::No) => f.write_str("nothing was sent"),
            (None, Sent::Maybe) => f.write_str("the request may have been sent"),
            (None, Sent::Yes) => f.write_str("the server had answered"),
        }
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_sentence_that_names_its_cause_and_no_url() {
        let refused = Failure::new(Cause::ConnectionRefused, true).with_detail("http://a.test/ refused");
        assert_eq!(refused.to_string(), "connection-refused while connecting; nothing was sent");
        let cut = Failure::after_head(Cause::HttpResponseIncomplete, true, 206);
        let sentence = "HTTP-response-incomplete while reading the response's body; the response had the status 206";
        assert_eq!(cut.to_string(), sentence);
        let late = Failure::new(Cause::TimeoutTotal, true);
        assert_eq!(late.to_string(), "timeout-total while waiting for the response; the request may have been sent");
    }
}
