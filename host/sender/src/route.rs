//! What connections lead through.

use crate::origin::Origin;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderValue, Uri};
use percent_encoding::percent_decode_str;
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

/// What connections to origins lead through.
#[derive(Clone, Debug, Default)]
pub enum Route {
    /// Nothing: a connection is opened to one of the origin's addresses.
    #[default]
    Direct,
    /// This Unix domain socket, whatever the origin is. The egress policy must name it ([`Egress::unix_socket`](crate::Egress::unix_socket)).
    UnixSocket(Arc<Path>),
    /// An HTTP proxy. The egress policy judges the proxy's address, and addresses that are written in URLs. It cannot judge the address that
    /// a name has for the proxy.
    Proxy(Proxy),
}

/// An HTTP proxy: `http://HOST:PORT`, or `http://USER:PASSWORD@HOST:PORT`. Requests to `https` origins pass through a tunnel (CONNECT, RFC 9110,
/// section 9.3.6), others are sent to it with their whole URL.
#[derive(Clone)]
pub struct Proxy(Arc<Inner>);

struct Inner {
    origin: Origin,
    authorization: Option<HeaderValue>,
}

impl Proxy {
    pub(crate) fn origin(&self) -> &Origin {
        &self.0.origin
    }

    /// What it is shown in `proxy-authorization`.
    pub(crate) fn authorization(&self) -> Option<&HeaderValue> {
        self.0.authorization.as_ref()
    }
}

/// Without its credentials.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.origin.fmt(f)
    }
}

/// Without its credentials.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

/// A text that names no proxy. It does not repeat the text, which may contain a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a proxy: {0}; write it like http://proxy.example:3128 or http://USER:PASSWORD@proxy.example:3128")]
pub struct ProxyError(&'static str);

impl FromStr for Proxy {
    type Err = ProxyError;

    fn from_str(text: &str) -> Result<Self, ProxyError> {
        let url = url::Url::parse(text).map_err(|_| ProxyError("it is not a URL"))?;
        if url.scheme() != "http" {
            return Err(ProxyError("its scheme is not http, and only that is spoken with proxies"));
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(ProxyError("it has a path, a query or a fragment"));
        }
        let (host, port) = url.host_str().zip(url.port_or_known_default()).ok_or(ProxyError("it has no host"))?;
        let uri: Uri = format!("http://{host}:{port}/").parse().map_err(|_| ProxyError("its host is invalid"))?;
        let origin = Origin::of(&uri).map_err(|_| ProxyError("it has no host"))?;
        let credentials = (!url.username().is_empty() || url.password().is_some()).then(|| {
            let decoded = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
            let pair = [decoded(url.username()), decoded(url.password().unwrap_or_default())].join(&b':');
            HeaderValue::from_str(&format!("Basic {}", BASE64_STANDARD.encode(pair)))
        });
        let mut authorization = credentials.transpose().map_err(|_| ProxyError("its credentials are invalid"))?;
        if let Some(value) = &mut authorization {
            value.set_sensitive(true);
        }
        Ok(Self(Arc::new(Inner { origin, authorization })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_has_a_host_a_port_and_maybe_credentials_which_are_not_shown() {
        let proxy: Proxy = "http://ada:p%40ss@proxy.test:3128".parse().unwrap();
        assert_eq!(proxy.authorization().unwrap(), "Basic YWRhOnBAc3M=");
        assert_eq!(format!("{proxy} {proxy:?}"), "http://proxy.test:3128 Proxy(http://proxy.test:3128)");
        let proxy: Proxy = "http://[::1]/".parse().unwrap();
        assert_eq!((proxy.origin().host(), proxy.origin().port(), proxy.authorization()), ("::1", 80, None));
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_being_repeated() {
        for text in
            ["proxy.test:3128", "https://u:secret@proxy.test", "socks5://a.test", "http://u:secret@a.test/x", "secret"]
        {
            let error = text.parse::<Proxy>().unwrap_err().to_string();
            assert!(error.contains("write it like") && !error.contains("secret"), "{error}");
        }
    }
}
