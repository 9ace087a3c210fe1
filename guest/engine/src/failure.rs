//! What a caller learns about a request without a response.

use crate::{Cause, Failed};

macro_rules! named {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
        /// The way to the server.
        Network "network",
        /// The host that runs the component.
        Host "host",
    }
}

named! {
    /// Whether the request may have reached the peer.
    Sent {
        /// Nothing of it was sent.
        No "no",
        /// It cannot be known.
        Maybe "maybe",
        /// The peer answered it, at least in part.
        Yes "yes",
    }
}

/// Why a request has no response.
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
    /// For people: what exactly, where, and how to mend it.
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

    /// The same before anything was sent, for a reason that usually strikes later.
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

    /// The same of a body that was handed out.
    pub fn of_body(failed: Failed, repeatable: bool, status: u16) -> Self {
        let Failed { cause, detail, seen } = failed;
        // Most hosts say this of a body that was cut short, too.
        let may_pass = cause.is_transient() || (cause == Cause::HttpProtocolError && seen.is_none());
        Self { detail, retryable: may_pass && repeatable, ..Self::after_head(cause, repeatable, status) }
    }

    /// Adds what people want to know.
    pub fn with_detail(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }
}
