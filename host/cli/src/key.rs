//! What identifies a request across runs.

use fantail_engine::{Request, without_credentials};
use fantail_wire::{Id, Meta, request_to_json};
use sha2::{Digest, Sha256};
use std::fmt;

/// Half a SHA-256 or less is enough: among 50 million requests, two share 96 bits with a probability of 2 in 10^14.
const BYTES: usize = 12;

/// Headers whose values may differ between runs, as a token that has expired does. A hash of everything else must also not be something to
/// try passwords on.
const SECRET: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// What identifies a request across runs: a hash of method, URL, headers, body and options, and of the caller's own id and object. Not of
/// secret headers and of credentials in the URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key([u8; BYTES]);

impl Key {
    pub(crate) fn of_request(request: &Request, id: Option<&Id>, meta: Option<&Meta>) -> Self {
        let mut request = Request { id: 0, ..request.clone() };
        if let shown @ std::borrow::Cow::Owned(_) = without_credentials(&request.url) {
            request.url = shown.into_owned();
        }
        let Request { headers, options, .. } = &mut request;
        for (name, value) in headers {
            let is = |secret: &str| secret.eq_ignore_ascii_case(name);
            if SECRET.into_iter().any(is) || options.secret_headers.iter().map(String::as_str).any(is) {
                value.clear();
            }
        }
        let id = match id {
            None => String::new(),
            Some(Id::Number(number)) => format!("number {number}"),
            Some(Id::Text(text)) => format!("text {text}"),
        };
        Self::of(
            b"request",
            &[request_to_json(&request).as_str(), id.as_str(), meta.map_or("", Meta::as_str)].map(str::as_bytes),
        )
    }

    pub(crate) fn of_malformed(raw: &[u8]) -> Self {
        Self::of(b"malformed", &[raw])
    }

    fn of(kind: &[u8], parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new_with_prefix(kind);
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        // A hash is longer than what is kept of it.
        Self(hash.finalize().first_chunk().copied().unwrap_or_default())
    }

    /// The key with this text.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_key = text.len() == 2 * BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u128::from_str_radix(text, 16).ok().filter(|_| is_key)?;
        number.to_be_bytes().last_chunk().copied().map(Self)
    }
}

/// In hexadecimal digits.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(url: &str) -> Request {
        Request { headers: vec![("Authorization".to_owned(), b"one".to_vec())], ..Request::get(7, url) }
    }

    fn key(request: &Request) -> Key {
        Key::of_request(request, None, None)
    }

    #[test]
    fn a_key_is_read_back_as_it_was_written() {
        let key = key(&request("http://a.test/"));
        assert_eq!(Key::parse(&key.to_string()), Some(key));
        for wrong in ["", "00", "+00000000000000000000000", "zz0000000000000000000000"] {
            assert_eq!(Key::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn everything_that_makes_another_request_makes_another_key() {
        let first = request("http://a.test/");
        let others = [
            request("http://a.test/b"),
            Request { method: "HEAD".to_owned(), ..first.clone() },
            Request { body: Some(Vec::new()), ..first.clone() },
            Request { headers: Vec::new(), ..first.clone() },
        ];
        assert!(others.iter().all(|other| key(other) != key(&first)));
        let id = Id::Text("7".to_owned());
        assert_ne!(Key::of_request(&first, Some(&id), None), Key::of_request(&first, Some(&Id::Number(7)), None));
        let meta = Meta::from_texts([("a", "1")]);
        assert_ne!(Key::of_request(&first, None, Some(&meta)), key(&first));
    }

    #[test]
    fn position_and_secrets_make_no_other_key() {
        let first = request("http://user:one@a.test/");
        let mut second = Request { id: 8, ..request("http://user:two@a.test/") };
        second.headers[0].1 = b"two".to_vec();
        assert_eq!(key(&first), key(&second));
        second.headers[0].0 = "x-other".to_owned();
        assert_ne!(key(&first), key(&second));
    }
}
