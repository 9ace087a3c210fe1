//! The line of an outcome, read for nothing but whether its request is to be sent again.

use crate::error::{WireError, parse};
use fantail_engine::Cause;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// What a later run has to know of an outcome. Bodies and headers are passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// What identifies the request. None if the line was not written by the command line.
    pub key: Option<String>,
    /// The response's status, or else why there is no response and whether sending the request again is safe and could
    /// succeed.
    pub result: Result<u16, (Cause, bool)>,
}

/// Unknown fields are passed over: a later version may have more.
#[derive(Deserialize)]
struct RecordedJson {
    #[serde(rename = "id")]
    _id: IgnoredAny,
    #[serde(rename = "url")]
    _url: IgnoredAny,
    status: Option<u16>,
    error: Option<ErrorJson>,
    key: Option<String>,
}

#[derive(Deserialize)]
struct ErrorJson {
    cause: String,
    retryable: bool,
}

/// Reads the line of an outcome, at a fraction of the cost of [`outcome_from_json`](crate::outcome_from_json).
pub fn recorded_from_json(text: &str) -> Result<Recorded, WireError> {
    let json: RecordedJson = parse(text)?;
    let result = match (json.status, json.error) {
        (Some(status), None) => Ok(status),
        (None, Some(ErrorJson { cause, retryable })) => {
            let known = cause.parse();
            Err((known.map_err(|_| WireError::at("error.cause", format!("{cause:?} is not known")))?, retryable))
        }
        (Some(_), Some(_)) => return Err(WireError::at("error", "given together with status")),
        (None, None) => return Err(WireError::at("status", "neither status nor error is given")),
    };
    Ok(Recorded { key: json.key, result })
}
