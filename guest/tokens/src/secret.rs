//! Secrets, which are compared in constant time and never printed.

use serde::{Deserialize, Serialize};
use std::fmt;
use subtle::{Choice, ConstantTimeEq};

/// A token. Its `Debug` form does not contain it.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Trimmed, because files with secrets often end in a line feed.
    pub fn new(token: &str) -> Self {
        Self(token.trim().to_owned())
    }

    /// The token itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Takes constant time for tokens of one length, so that only the length can be measured.
    pub(crate) fn is(&self, presented: &[u8]) -> Choice {
        self.0.as_bytes().ct_eq(presented)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The credentials in the value of an `authorization` header (RFC 6750, section 2.1). The scheme is case-insensitive (RFC 9110, section
/// 11.1).
pub fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| rest.trim_ascii())
}
