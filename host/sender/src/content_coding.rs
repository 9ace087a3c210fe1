//! Which content coding a response has, if it is to be undone (RFC 9110, section 8.4).

use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, RANGE};
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};

/// A coding that can be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentCoding {
    Gzip,
    Brotli,
    Zstd,
}

impl ContentCoding {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    fn named(name: &str) -> Option<Self> {
        let is = |known| name.eq_ignore_ascii_case(known);
        match () {
            () if is("gzip") || is("x-gzip") => Some(Self::Gzip),
            () if is("br") => Some(Self::Brotli),
            () if is("zstd") => Some(Self::Zstd),
            () => None,
        }
    }
}

/// Asks for these codings, unless the request says itself what it accepts, or wants a range: that would be a range of the coded bytes.
pub(crate) fn accept(headers: &mut HeaderMap) {
    if !headers.contains_key(ACCEPT_ENCODING) && !headers.contains_key(RANGE) {
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip, br, zstd"));
    }
}

/// The coding to undo. The fields that describe the coded body are taken off the head. A body with a coding that is unknown, or with several, is
/// passed on as it is, together with its head.
pub(crate) fn take(head: &mut Parts, method: &Method) -> Option<ContentCoding> {
    let no_whole_body = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED, StatusCode::PARTIAL_CONTENT];
    if *method == Method::HEAD || no_whole_body.contains(&head.status) {
        return None;
    }
    let mut names =
        head.headers.get_all(CONTENT_ENCODING).iter().flat_map(|line| line.to_str().unwrap_or("?").split(','));
    let mut applied =
        names.by_ref().map(str::trim).filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("identity"));
    let coding = ContentCoding::named(applied.next()?).filter(|_| applied.next().is_none())?;
    head.headers.remove(CONTENT_ENCODING);
    head.headers.remove(CONTENT_LENGTH);
    Some(coding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Response;

    fn taken(codings: &[&str], status: u16, method: Method) -> (Option<ContentCoding>, usize) {
        let mut response = Response::builder().status(status).header(CONTENT_LENGTH, 3);
        for coding in codings {
            response = response.header(CONTENT_ENCODING, *coding);
        }
        let mut head = response.body(()).unwrap().into_parts().0;
        (take(&mut head, &method), head.headers.len())
    }

    #[test]
    fn a_single_known_coding_is_taken_off_the_head_with_the_length() {
        for (name, coding) in [
            ("gzip", ContentCoding::Gzip),
            ("X-Gzip", ContentCoding::Gzip),
            ("identity, br", ContentCoding::Brotli),
            (" zstd ,", ContentCoding::Zstd),
        ] {
            assert_eq!(taken(&[name], 200, Method::GET), (Some(coding), 0), "{name}");
        }
    }

    #[test]
    fn everything_else_is_left_as_it_is() {
        for codings in
            [vec![], vec!["deflate"], vec!["gzip, br"], vec!["gzip", "gzip"], vec!["identity"], vec!["\u{e9}"]]
        {
            assert_eq!(taken(&codings, 200, Method::GET), (None, 1 + codings.len()), "{codings:?}");
        }
        assert_eq!(taken(&["gzip"], 200, Method::HEAD), (None, 2));
        assert_eq!(taken(&["gzip"], 206, Method::GET), (None, 2));
        assert_eq!(taken(&["gzip"], 304, Method::GET), (None, 2));
    }
}
