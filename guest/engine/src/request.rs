//! A request as the caller hands it over, and the checks before it is sent.

use crate::{BodyMode, Cause, Failure};
use http::Method;
use http::header::HeaderValue;
use std::borrow::Cow;
use std::time::Duration;
use url::Url;

/// A field name and its value.
pub type Header = (String, Vec<u8>);

/// Bytes of a URL at most. Most servers refuse longer ones anyway (RFC 9110, section 4.1, asks for 8,000).
pub const MAX_URL: usize = 16 * 1024;

/// Header fields of a request at most.
pub const MAX_HEADERS: usize = 256;

/// Bytes of their names and values together at most. No known host accepts more than 128 KiB as it counts them,
/// including the headers that it adds itself.
pub const MAX_HEADER_BYTES: usize = 64 * 1024;

/// About what a host counts for a field beside its name and value, and what a field takes in memory.
const PER_HEADER: usize = 72;

/// One request to send. The fields are those of `request` in the WIT interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Chosen by the caller, given back in the outcome.
    pub id: u64,
    /// A method token, in the case it is to be sent in.
    pub method: String,
    /// An absolute `http` or `https` URL.
    pub url: String,
    /// Sent in this order.
    pub headers: Vec<Header>,
    /// Sent with its `content-length`.
    pub body: Option<Vec<u8>>,
    /// Deviations from the policy.
    pub options: RequestOptions,
}

/// One request's deviations from the policy of its batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestOptions {
    /// In place of `Policy::timeout`.
    pub timeout: Option<Duration>,
    /// In place of `Policy::body`.
    pub body: Option<BodyMode>,
    /// In place of what the method implies (RFC 9110, section 9.2.2).
    pub safe_to_repeat: Option<bool>,
    /// Names of headers that are not sent to other origins, as credentials never are.
    pub secret_headers: Vec<String>,
    /// Its turn among the batch's requests.
    pub priority: Option<Priority>,
}

/// Calls a macro with `kind name;` of every field of [`RequestOptions`].
#[macro_export]
macro_rules! for_each_request_option {
    ($then:ident) => {
        $then! {
            span timeout;
            body_mode body;
            flag safe_to_repeat;
            names secret_headers;
            priority priority;
        }
    };
}

/// Which waiting requests go first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Priority {
    /// When nothing else waits.
    Low,
    /// The default.
    #[default]
    Normal,
    /// Before everything else.
    High,
}

impl Request {
    /// A GET request without headers.
    pub fn get(id: u64, url: impl Into<String>) -> Self {
        Self { id, method: "GET".to_owned(), url: url.into(), ..Self::default() }
    }

    /// About how many bytes it holds.
    pub fn size(&self) -> u64 {
        /// Bookkeeping.
        const RECORD: usize = 1_024;
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len() + PER_HEADER).sum();
        (RECORD + 2 * self.url.len() + headers + self.body.as_ref().map_or(0, Vec::len)) as u64
    }

    /// Whether it may be sent twice without harm.
    pub fn is_repeatable(&self) -> bool {
        let idempotent = ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"].contains(&self.method.as_str());
        self.options.safe_to_repeat.unwrap_or(idempotent)
    }

    /// Checks whether the request can be sent. Returns the URL it goes to.
    pub fn check(&self) -> Result<Url, Failure> {
        let wrong = |cause| move |detail: String| Failure::new(cause, true).with_detail(detail);
        check_method(&self.method).map_err(wrong(Cause::HttpRequestMethodInvalid))?;
        let url = check_url(&self.url).map_err(wrong(Cause::InvalidUrl))?;
        check_size(&self.headers).map_err(wrong(Cause::HttpRequestHeaderSectionSize))?;
        let length = self.body.as_ref().map(Vec::len);
        for (name, value) in &self.headers {
            check_header(name, value, length).map_err(wrong(Cause::InvalidHeader))?;
        }
        Ok(url)
    }
}

fn check_method(method: &str) -> Result<(), String> {
    match Method::from_bytes(method.as_bytes()) {
        Ok(Method::CONNECT) => Err("CONNECT opens a tunnel and is not sent".to_owned()),
        Ok(_) => Ok(()),
        Err(_) => Err(format!("the method {} is not a token (RFC 9110, 9.1)", quoted(method))),
    }
}

/// The caller's text, on one line and cut to a readable length.
fn quoted(text: &str) -> String {
    const MOST: usize = 40;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}

/// A URL as it may be shown: as it was written, without a user name and password (RFC 3986, section 3.2.1: these should
/// not be rendered as clear text). If it cannot be parsed, everything that may be credentials is left out.
pub fn without_credentials(url: &str) -> Cow<'_, str> {
    if !url.contains('@') {
        return url.into();
    }
    if let Ok(mut parsed) = Url::parse(url)
        && parsed.has_authority()
    {
        if parsed.username().is_empty() && parsed.password().is_none() {
            return url.into();
        }
        // These fail only for a URL without a host, which cannot have credentials.
        let _ = parsed.set_username("");
        let _ = parsed.set_password(None);
        return String::from(parsed).into();
    }
    let Some((before, after)) = url.rsplit_once('@') else { return url.into() };
    // After the scheme, or else from the start of the word that contains the sign.
    let kept = match before.find("://") {
        Some(scheme) => scheme + "://".len(),
        None => before.rfind(char::is_whitespace).map_or(0, |space| space + 1),
    };
    [before.get(..kept).unwrap_or_default(), after].concat().into()
}

fn check_url(text: &str) -> Result<Url, String> {
    if text.len() > MAX_URL {
        return Err(format!("the URL has {} bytes, at most {MAX_URL} are accepted", text.len()));
    }
    let not_absolute = || "not an absolute URL: it should begin with http:// or https://".to_owned();
    let url = Url::parse(text).map_err(|error| match error {
        url::ParseError::RelativeUrlWithoutBase => not_absolute(),
        error => format!("not a URL: {error}"),
    })?;
    if !url.has_authority() {
        // What looks like its scheme may be a host, or a user.
        return Err(not_absolute());
    }
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("the scheme is {}, only http and https are sent", url.scheme()));
    }
    check_host(&url)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the URL carries a user name or password: send an authorization header instead".into());
    }
    Ok(url)
}

/// No host has a name longer than DNS allows (RFC 1035, section 2.3.4).
pub(crate) fn check_host(url: &Url) -> Result<(), String> {
    match url.host_str().map_or(0, str::len) {
        length if length > 253 => Err(format!("the host has {length} bytes, at most 253 can be resolved")),
        _ => Ok(()),
    }
}

/// Headers that belong to the connection and that callers must not set (RFC 9110, sections 7.2 and 7.6.1).
const FORBIDDEN: [&str; 11] = [
    "connection",
    // With it, the component asks its host for facts.
    "fantail-attempt",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];

fn check_size(headers: &[Header]) -> Result<(), String> {
    if headers.len() > MAX_HEADERS {
        return Err(format!("{} header fields, at most {MAX_HEADERS} are sent", headers.len()));
    }
    let bytes: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > MAX_HEADER_BYTES {
        return Err(format!("the headers have {bytes} bytes, at most {MAX_HEADER_BYTES} are sent"));
    }
    Ok(())
}

/// RFC 9110, section 5.6.2. `http::HeaderName` would look it up in its table of known names, which is 17 KB of the component.
fn is_token(name: &str) -> bool {
    let is_token_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_token_byte)
}

fn check_header(name: &str, value: &[u8], body_length: Option<usize>) -> Result<(), String> {
    if !is_token(name) {
        return Err(format!("the header name {} is not a token (RFC 9110, 5.1)", quoted(name)));
    }
    let is = |known: &str| name.eq_ignore_ascii_case(known);
    if FORBIDDEN.into_iter().any(is) {
        return Err(format!("the header {} belongs to the connection and cannot be set", name.to_ascii_lowercase()));
    }
    let value = HeaderValue::from_bytes(value).map_err(|_| {
        format!("the value of header {} has a control character (RFC 9110, 5.5)", name.to_ascii_lowercase())
    })?;
    if is("content-length") && value.to_str().ok().and_then(|text| text.parse().ok()) != body_length {
        return Err("content-length differs from the body's length: leave it out, it is set from the body".into());
    }
    Ok(())
}
