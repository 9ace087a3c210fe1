//! Where a connection leads.

use crate::error::SendError;
use fantail_engine::{Cause, Phase};
use http::Uri;
use std::fmt;

/// Scheme, host and port. A connection is reused only for requests to the same origin.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    https: bool,
    authority: http::uri::Authority,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.https { "https" } else { "http" }, self.authority)
    }
}

impl Origin {
    /// The origin of an absolute URI.
    pub fn of(uri: &Uri) -> Result<Self, SendError> {
        let https = uri.scheme() == Some(&http::uri::Scheme::HTTPS);
        let authority = uri.authority().cloned();
        let invalid = || SendError::new(Cause::HttpRequestUriInvalid, Phase::Request, "the URL has no host");
        Ok(Self { https, authority: authority.ok_or_else(invalid)? })
    }

    /// Whether the scheme is `https`.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// The port: that of the URI, or else the default of the scheme.
    pub fn port(&self) -> u16 {
        self.authority.port_u16().unwrap_or(if self.https { 443 } else { 80 })
    }

    /// The host without the brackets of an IPv6 address.
    pub fn host(&self) -> &str {
        self.authority.host().trim_start_matches('[').trim_end_matches(']')
    }
}
