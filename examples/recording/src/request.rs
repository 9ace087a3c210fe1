//! What tells a request from others, but for its body.

use crate::wasi::http::types::{Method, Request as Sent, Scheme};
use crate::{Header, recorded};
use serde::{Deserialize, Serialize};

/// The head of a request.
#[derive(Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Request {
    /// In capitals, if it is a standard one.
    pub method: String,
    /// Scheme, authority, path and query.
    pub url: String,
    /// In the order they are sent in, credentials included.
    pub headers: Vec<Header>,
}

impl From<&Sent> for Request {
    fn from(sent: &Sent) -> Self {
        let method = match sent.get_method() {
            Method::Get => "GET".to_owned(),
            Method::Head => "HEAD".to_owned(),
            Method::Post => "POST".to_owned(),
            Method::Put => "PUT".to_owned(),
            Method::Delete => "DELETE".to_owned(),
            Method::Connect => "CONNECT".to_owned(),
            Method::Options => "OPTIONS".to_owned(),
            Method::Trace => "TRACE".to_owned(),
            Method::Patch => "PATCH".to_owned(),
            Method::Other(name) => name,
        };
        let scheme = match sent.get_scheme() {
            Some(Scheme::Http) => "http".to_owned(),
            Some(Scheme::Https) | None => "https".to_owned(),
            Some(Scheme::Other(name)) => name,
        };
        let (authority, path) = (sent.get_authority(), sent.get_path_with_query());
        let url = format!("{scheme}://{}{}", authority.unwrap_or_default(), path.unwrap_or_default());
        Self { method, url, headers: recorded(&sent.get_headers()) }
    }
}
