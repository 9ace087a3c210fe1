//! Authentication: an open fan-out is an open proxy.

use crate::answer::refuse;
use fantail_wire::Problem;
use spin_sdk::http::{HeaderMap, StatusCode};
use subtle::ConstantTimeEq;

/// The variable that holds the token.
pub(crate) const VARIABLE: &str = "api_token";

/// The token that callers must present.
pub(crate) struct Token(String);

impl Token {
    /// None if it is empty, which is how spin.toml leaves it unset. Trimmed, because files with secrets often end in a
    /// line feed.
    pub(crate) fn new(token: &str) -> Option<Self> {
        Some(Self(token.trim().to_owned())).filter(|Self(token)| !token.is_empty())
    }

    /// Checks that the `authorization` header has this token (RFC 6750, section 2.1). Takes constant time for tokens of
    /// one length, so that only the length can be measured.
    pub(crate) fn check(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let presented = headers.get("authorization").and_then(|value| bearer(value.as_bytes()));
        let matches = presented.is_some_and(|presented| self.0.as_bytes().ct_eq(presented).into());
        matches.then_some(()).ok_or_else(|| {
            let detail = if presented.is_some() { "this is not the token" } else { "no token is given" };
            refuse(StatusCode::UNAUTHORIZED, format!("{detail}: send `authorization: Bearer TOKEN`"))
        })
    }

    pub(crate) fn missing() -> Problem {
        let detail = "no token is configured, so every request is refused: set the variable api_token \
                      (SPIN_VARIABLE_API_TOKEN=…, or --variable api_token=…)";
        refuse(StatusCode::SERVICE_UNAVAILABLE, detail)
    }
}

/// The credentials after the scheme, which is case-insensitive (RFC 9110, section 11.1).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| rest.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(authorization: Option<&str>) -> Option<u16> {
        let mut headers = HeaderMap::new();
        if let Some(value) = authorization {
            headers.insert("authorization", value.parse().unwrap());
        }
        Token::new("s3cret\n").unwrap().check(&headers).err().map(|problem| problem.status)
    }

    #[test]
    fn only_the_whole_token_is_accepted() {
        assert_eq!(status(Some("Bearer s3cret")), None);
        assert_eq!(status(Some("bearer  s3cret ")), None, "the scheme in any case, with room around the token");
        for wrong in ["Bearer s3cre", "Bearer s3crets", "Bearer", "Bearer ", "Basic s3cret", "s3cret", "Bearer S3CRET"]
        {
            assert_eq!(status(Some(wrong)), Some(401), "{wrong}");
        }
        assert_eq!(status(None), Some(401));
    }

    #[test]
    fn an_empty_token_is_none() {
        assert!(Token::new("").is_none() && Token::new(" \n").is_none());
    }
}
