//! Authentication: an open fan-out is an open proxy.

use crate::answer::refuse;
use fantail_tokens::{Token, Tokens, bearer};
use fantail_wire::Problem;
use spin_sdk::http::{HeaderMap, StatusCode};

/// The token in the `authorization` header.
pub(crate) fn presented<'a>(tokens: &'a Tokens, headers: &HeaderMap) -> Result<&'a Token, Problem> {
    if tokens.is_empty() {
        return Err(missing());
    }
    let presented = headers.get("authorization").and_then(|value| bearer(value.as_bytes()));
    let found = presented.and_then(|presented| tokens.all().get(tokens.find(presented)?));
    found.ok_or_else(|| {
        let detail = if presented.is_some() { "this is not the token" } else { "no token is given" };
        refuse(StatusCode::UNAUTHORIZED, format!("{detail}: send `authorization: Bearer TOKEN`"))
    })
}

fn missing() -> Problem {
    let detail = "no token is configured, so every request is refused: set the variable api_token \
                  (SPIN_VARIABLE_API_TOKEN=…, or --variable api_token=…)";
    refuse(StatusCode::SERVICE_UNAVAILABLE, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(authorization: Option<&str>) -> Option<u16> {
        let mut headers = HeaderMap::new();
        if let Some(value) = authorization {
            headers.insert("authorization", value.parse().unwrap());
        }
        let tokens = Tokens::of_variables(Some("s3cret\n"), None).unwrap();
        presented(&tokens, &headers).err().map(|problem| problem.status)
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
}
