//! Whether a redirect is followed, and as what (RFC 9110, section 15.4).

use crate::pending::Pending;
use crate::{Cause, Failure, Phase, Request};
use url::Url;

/// What names the caller to an origin, and is kept from every other one.
const CREDENTIALS: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// What describes a body, and goes with it.
const OF_THE_BODY: [&str; 5] =
    ["content-encoding", "content-language", "content-length", "content-location", "content-type"];

/// The next request of a chain.
pub(crate) struct Next {
    pub(crate) request: Request,
    pub(crate) url: Url,
}

/// Where it goes next, if the response that has arrived for `live` redirects it; the failure, if that must not be followed. With none
/// the response stands for itself. `most` hops may be made.
pub(crate) fn next<R>(live: &Pending<R>, most: u32) -> Option<Result<Next, Failure>> {
    let head = live.attempt()?.head.as_ref()?;
    let location = head.location.as_deref().filter(|_| most > 0 && [301, 302, 303, 307, 308].contains(&head.status))?;
    let refuse = |cause, detail: String| {
        let failure = Failure::after_head(cause, false, head.status).with_detail(detail);
        Some(Err(Failure { phase: Phase::Redirect, ..failure }))
    };
    let url = match target(&live.url, location) {
        Ok(url) => url,
        Err(reason) => return refuse(Cause::RedirectDenied, reason),
    };
    if live.past.hops.len() >= most as usize {
        return refuse(Cause::RedirectLimit, format!("more than {most} redirects"));
    }
    let request = request(live, head.status, &url);
    // Whoever asks the same again with the same method gets the same answer.
    let asked_before = |(method, before): (&String, &Url)| *method == request.method && *before == url;
    let hops = live.past.hops.iter().map(|hop| (&hop.method, &hop.url));
    if hops.chain([(&live.request.method, &live.url)]).any(asked_before) {
        return refuse(Cause::RedirectLimit, "the redirects go in a circle".to_owned());
    }
    Some(Ok(Next { request, url }))
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
        return Err("its location carries a user name or password".to_owned());
    }
    if to.as_str().len() > crate::MAX_URL {
        return Err(format!("its location has {} bytes", to.as_str().len()));
    }
    crate::request::check_host(&to)?;
    to.set_fragment(None);
    Ok(to)
}

/// The request as it goes to `url`: by which method, and without what is not meant for it.
fn request<R>(live: &Pending<R>, status: u16, url: &Url) -> Request {
    let mut request = Request::clone(&live.request);
    let becomes_get = match status {
        303 => request.method != "HEAD",
        // Section 15.4.2, note: so it has always been done.
        301 | 302 => request.method == "POST",
        _ => false,
    };
    if becomes_get {
        request.method = "GET".to_owned();
        request.body = None;
        request.headers.retain(|(name, _)| !is_one_of(name, &OF_THE_BODY));
    }
    if url.origin() != live.url.origin() {
        let secret = std::mem::take(&mut request.overrides.secret_headers);
        request.headers.retain(|(name, _)| !is_one_of(name, &CREDENTIALS) && !is_one_of(name, &secret));
        request.overrides.secret_headers = secret;
    }
    request
}

fn is_one_of(name: &str, names: &[impl AsRef<str>]) -> bool {
    names.iter().any(|other| other.as_ref().eq_ignore_ascii_case(name))
}
