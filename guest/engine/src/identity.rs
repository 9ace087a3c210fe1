//! What makes two requests the same request.

use crate::{BodyMode, Header, Request};
use std::cmp::Ordering;
use std::sync::Arc;
use url::Url;

/// Everything about a safe request that its origin sees, credentials included, and what is done with its body. Requests
/// with equal identities can share an answer.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    request: Arc<Request>,
    url: Url,
    body: BodyMode,
}

impl Identity {
    /// None for a request that must not be shared: one that is not safe or not repeatable, has a body, or whose
    /// response body is handed out.
    pub(crate) fn of(request: &Arc<Request>, url: &Url, body: BodyMode) -> Option<Self> {
        // RFC 9110, section 9.2.1. TRACE and OPTIONS are safe too, but rarely repeated.
        let safe = matches!(request.method.as_str(), "GET" | "HEAD") && request.is_repeatable();
        (safe && request.body.is_none() && body != BodyMode::Unread).then(|| {
            let mut url = url.clone();
            url.set_fragment(None);
            Self { request: Arc::clone(request), url, body }
        })
    }

    /// Headers count with their order, and names as they were written: at worst two requests are sent where one would
    /// do. Priority counts because it decides where a request waits.
    fn parts(&self) -> (&str, &str, &[Header], &[String], [u8; 2]) {
        let Request { method, headers, options, .. } = &*self.request;
        let kind = [options.priority.unwrap_or_default() as u8, self.body as u8];
        (self.url.as_str(), method, headers, &options.secret_headers, kind)
    }
}

impl Ord for Identity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.parts().cmp(&other.parts())
    }
}

impl PartialOrd for Identity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for Identity {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Priority, RequestOptions};

    fn identity(request: Request, body: BodyMode) -> Option<Identity> {
        let url = Url::parse(&request.url).unwrap();
        Identity::of(&Arc::new(request), &url, body)
    }

    fn get() -> Request {
        let headers = vec![("authorization".to_owned(), b"Bearer one".to_vec())];
        Request { headers, ..Request::get(1, "http://a.test/x?y#here") }
    }

    #[test]
    fn requests_that_look_the_same_to_the_origin_are_identical() {
        let other = Request { id: 2, url: "http://A.test:80/x?y#there".to_owned(), ..get() };
        let timeout = Some(std::time::Duration::from_secs(1));
        let other = Request { options: RequestOptions { timeout, ..RequestOptions::default() }, ..other };
        assert_eq!(identity(get(), BodyMode::Bytes), identity(other, BodyMode::Bytes));
    }

    #[test]
    fn other_credentials_modes_methods_and_targets_make_another_request() {
        let one = identity(get(), BodyMode::Bytes);
        let with = |header: (&str, &[u8])| Request { headers: vec![(header.0.to_owned(), header.1.to_vec())], ..get() };
        let options = RequestOptions { priority: Some(Priority::High), ..RequestOptions::default() };
        let secret = RequestOptions { secret_headers: vec!["x-key".to_owned()], ..RequestOptions::default() };
        for other in [
            with(("authorization", b"Bearer two")),
            with(("x-key", b"Bearer one")),
            Request { headers: Vec::new(), ..get() },
            Request { method: "HEAD".to_owned(), ..get() },
            Request { url: "http://a.test/x?z".to_owned(), ..get() },
            Request { url: "https://a.test/x?y".to_owned(), ..get() },
            Request { options, ..get() },
            Request { options: secret, ..get() },
        ] {
            assert_ne!(one, identity(other.clone(), BodyMode::Bytes), "{other:?}");
        }
        assert_ne!(one, identity(get(), BodyMode::Discard));
    }

    #[test]
    fn unsafe_requests_and_unread_bodies_are_never_shared() {
        let harmful = RequestOptions { safe_to_repeat: Some(false), ..RequestOptions::default() };
        let post = Request { method: "POST".to_owned(), ..get() };
        let safe_post = RequestOptions { safe_to_repeat: Some(true), ..RequestOptions::default() };
        assert!(identity(get(), BodyMode::Unread).is_none());
        for other in [
            Request { options: harmful, ..get() },
            Request { options: safe_post, ..post.clone() },
            Request { body: Some(Vec::new()), ..get() },
            Request { method: "DELETE".to_owned(), ..get() },
            post,
        ] {
            assert!(identity(other, BodyMode::Bytes).is_none());
        }
    }
}
