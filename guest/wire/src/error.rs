//! What is wrong with a piece of JSON, and where.

use serde::de::DeserializeOwned;
use std::fmt;

/// What is wrong with a piece of JSON, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireError {
    /// The field, as a path such as `headers.accept`; empty if the text is not JSON or not an object.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
    /// The line of the text, from 1, if it is known.
    pub line: Option<u64>,
    /// The column there, from 1, if it is known.
    pub column: Option<u64>,
}

impl WireError {
    pub(crate) fn at(field: &str, reason: impl Into<String>) -> Self {
        Self { field: field.to_owned(), reason: reason.into(), line: None, column: None }
    }
}

impl From<serde_json::Error> for WireError {
    fn from(error: serde_json::Error) -> Self {
        let number = |number: usize| u64::try_from(number).ok().filter(|number| *number > 0);
        let (line, column) = (number(error.line()), number(error.column()));
        // The text ends with both; the caller knows better which line of which text that is.
        let text = error.to_string();
        let reason =
            text.rsplit_once(" at line ").filter(|_| line.is_some()).map_or(text.as_str(), |(reason, _)| reason);
        Self { line, column, ..Self::at("", reason) }
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() { f.write_str(&self.reason) } else { write!(f, "{}: {}", self.field, self.reason) }
    }
}

impl std::error::Error for WireError {}

/// Parses a text that is exactly one object.
pub(crate) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, WireError> {
    if !text.trim_start().starts_with('{') {
        return Err(WireError::at("", "expected a JSON object, which begins with {"));
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let field = error.path().to_string();
        let field = if matches!(field.as_str(), "." | "?") { String::new() } else { field };
        WireError { field, ..WireError::from(error.into_inner()) }
    })?;
    reader.end().map_err(WireError::from)?;
    Ok(value)
}
