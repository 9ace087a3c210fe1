//! Whether a redirect is followed, and as what (RFC 9110, section 15.4).

use crate::pending::Pending;
use crate::{Cause, Failure, Phase, Request};
use url::Url;

/// Headers that identify the caller, and are not sent to another origin.
const CREDENTIALS: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// Headers that describe a body, and are dropped with it.
const BODY_HEADERS: [&str; 5] =
    ["content-encoding", "content-language", "content-length", "content-location", "content-type"];

/// The next request of a chain.
pub(crate) struct NextHop {
    pub(crate) request: Request,
    pub(crate) url: Url,
}

/// The next request, if the response that has arrived for `pending` redirects it; a failure if that redirect must not
/// be followed. With none, the response is the answer. At most `max_hops` redirects are followed.
pub(crate) fn next_hop<R>(pending: &Pending<R>, max_hops: u32) -> Option<Result<NextHop, Failure>> {
    let head = pending.attempt()?.head.as_ref()?;
    let location =
        head.location.as_deref().filter(|_| max_hops > 0 && [301, 302, 303, 307, 308].contains(&head.status))?;
    let refuse = |cause, detail: String| {
        let failure = Failure::after_head(cause, false, head.status).with_detail(detail);
        Some(Err(Failure { phase: Phase::Redirect, ..failure }))
    };
    let url = match target(&pending.url, location) {
        Ok(url) => url,
        Err(reason) => return refuse(Cause::RedirectDenied, reason),
    };
    if pending.history.hops.len() >= max_hops as usize {
        return refuse(Cause::RedirectLimit, format!("more than {max_hops} redirects"));
    }
    let request = request(pending, head.status, &url);
    // The same request with the same method would get the same answer.
    let asked_before = |(method, before): (&String, &Url)| *method == request.method && *before == url;
    let hops = pending.history.hops.iter().map(|hop| (&hop.method, &hop.url));
    if hops.chain([(&pending.request.method, &pending.url)]).any(asked_before) {
        return refuse(Cause::RedirectLimit, "the redirects form a loop".to_owned());
    }
    Some(Ok(NextHop { request, url }))
}

fn target(from: &Url, location: &str) -> Result<Url, String> {
    let mut to = from.join(location).map_err(|error| format!("the location is not a URL: {error}"))?;
    if !matches!(to.scheme(), "http" | "https") {
        return Err(format!("it leads to the scheme {}", to.scheme()));
    }
    if from.scheme() == "https" && to.scheme() == "http" {
        return Err("it leads from https to http".to_owned());
    }
    if !to.username().is_empty() || to.password().is_some() {
        return Err("the location carries a user name or password".to_owned());
    }
    if to.as_str().len() > crate::MAX_URL {
        return Err(format!("the location has {} bytes", to.as_str().len()));
    }
    crate::request::check_host(&to)?;
    to.set_fragment(None);
    Ok(to)
}

/// The request as it is sent to `url`: with the right method, and without headers that are not for it.
fn request<R>(pending: &Pending<R>, status: u16, url: &Url) -> Request {
    let mut request = Request::clone(&pending.request);
    let becomes_get = match status {
        303 => request.method != "HEAD",
        // Section 15.4.2, note: the historical behaviour.
        301 | 302 => request.method == "POST",
        _ => false,
    };
    if becomes_get {
        request.method = "GET".to_owned();
        request.body = None;
        request.headers.retain(|(name, _)| !is_one_of(name, &BODY_HEADERS));
    }
    if url.origin() != pending.url.origin() {
        let secret = std::mem::take(&mut request.options.secret_headers);
        request.headers.retain(|(name, _)| !is_one_of(name, &CREDENTIALS) && !is_one_of(name, &secret));
        request.options.secret_headers = secret;
    }
    request
}

fn is_one_of(name: &str, names: &[impl AsRef<str>]) -> bool {
    names.iter().any(|other| other.as_ref().eq_ignore_ascii_case(name))
}
