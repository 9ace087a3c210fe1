//! Reads a posted batch up to its policy and its first request.

use crate::answer::{refuse, refuse_field};
use crate::ceilings::Ceilings;
use crate::lines::{Cut, Line, Lines};
use crate::malformed::checked;
use crate::pending::Asked;
use bytes::Bytes;

use fantail_engine::{BodyMode, Policy};
use fantail_wire::{Batch, BatchError, Problem, WireError, batch_from_json, policy_from_line, request_from_line};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use spin_sdk::http::{HeaderMap, StatusCode};
use std::error::Error;

/// A body as spin-sdk hands it over.
pub(crate) trait Body:
    http_body::Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>> + std::fmt::Display> + Unpin
{
}

impl<B> Body for B where
    B: http_body::Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>> + std::fmt::Display> + Unpin
{
}

/// A policy, and the requests it is for.
pub(crate) struct Intake<B> {
    pub(crate) policy: Policy,
    pub(crate) requests: Requests<B>,
}

/// Requests, some of which may not have arrived.
pub(crate) enum Requests<B> {
    /// A JSON batch, which has to be complete to be parsed.
    List(Vec<Asked>),
    /// Lines, of which the first may have been read.
    Lines { read: Vec<Asked>, preceding_lines: u64, lines: Box<Lines<B>> },
}

impl<B: Body> Intake<B> {
    /// Reads a whole JSON batch, or the first line that is not blank. If anything is wrong up to there, the answer is a
    /// problem, and nothing is sent.
    pub(crate) async fn receive(headers: &HeaderMap, body: B, ceilings: Ceilings) -> Result<Self, Problem> {
        if body.size_hint().upper().is_some_and(|length| length > ceilings.max_batch_bytes) {
            return Err(ceilings.too_many_bytes());
        }
        match content_type(headers).as_str() {
            "application/json" => read_batch(body, ceilings).await,
            "application/x-ndjson" => first_line(body, ceilings).await,
            other => {
                let detail = format!("the content type is {other:?}: use application/json or application/x-ndjson");
                Err(refuse_field(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content-type", detail))
            }
        }
    }
}

/// The byte order mark that some editors put before a text. It is not part of it (RFC 8259, section 8.1).
const BOM: char = '\u{feff}';

/// The media type without parameters, in lower case (RFC 9110, section 8.3.1).
fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

async fn read_batch<B: Body>(body: B, ceilings: Ceilings) -> Result<Intake<B>, Problem> {
    let max_bytes = usize::try_from(ceilings.max_batch_bytes).unwrap_or(usize::MAX);
    let bytes = match Limited::new(body, max_bytes).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(ceilings.too_many_bytes()),
        Err(error) => return Err(refuse(StatusCode::BAD_REQUEST, format!("the body broke off: {error}"))),
    };
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        refuse_field(StatusCode::BAD_REQUEST, "body", format!("not UTF-8 from byte {} on", error.valid_up_to()))
    })?;
    let text = text.trim_start_matches(BOM);
    let Batch { policy, requests } = match batch_from_json(text, ceilings.max_requests) {
        Ok(batch) => batch,
        Err(BatchError::TooMany) => return Err(ceilings.too_many_requests()),
        Err(BatchError::Malformed(error)) => return Err(malformed(error)),
    };
    for (place, (request, _)) in requests.iter().enumerate() {
        if request.options.body == Some(BodyMode::Unread) {
            let field = format!("requests[{place}].options.body");
            return Err(refuse_field(
                StatusCode::UNPROCESSABLE_ENTITY,
                field,
                "unread bodies cannot be written into lines",
            ));
        }
    }
    Ok(Intake { policy, requests: Requests::List(requests) })
}

async fn first_line<B: Body>(body: B, ceilings: Ceilings) -> Result<Intake<B>, Problem> {
    let mut lines = Box::new(Lines::new(body, ceilings));
    let first = lines.next().await.map_err(Problem::from)?;
    let policy = first.as_ref().and_then(|line| Some((line.number, policy_from_line(line.text()?)?)));
    if let Some((number, policy)) = policy {
        let policy = policy.map_err(|error| malformed(WireError { line: Some(number), ..error }))?;
        return Ok(Intake { policy, requests: Requests::Lines { read: Vec::new(), preceding_lines: number, lines } });
    }
    let first = first
        .map(|line| line.request(0).map_err(|error| malformed(WireError { line: Some(line.number), ..error })))
        .transpose()?;
    Ok(Intake {
        policy: Policy::default(),
        requests: Requests::Lines { read: Vec::from_iter(first), preceding_lines: 0, lines },
    })
}

impl Line {
    pub(crate) fn text(&self) -> Option<&str> {
        let text = std::str::from_utf8(&self.bytes).ok()?;
        Some(if self.number == 1 { text.trim_start_matches(BOM) } else { text })
    }

    /// The request of this line.
    pub(crate) fn request(&self, preceding_lines: u64) -> Result<Asked, WireError> {
        let not_text = || WireError { field: String::new(), reason: "not UTF-8".to_owned(), line: None, column: None };
        let text = self.text().ok_or_else(not_text)?;
        let (request, context) = request_from_line(text, self.place(preceding_lines))?;
        Ok((checked(request, self.number), context))
    }

    /// The number of this line, from 0, not counting the `preceding_lines`. It is the id of a request that has none.
    pub(crate) fn place(&self, preceding_lines: u64) -> u64 {
        self.number.saturating_sub(preceding_lines + 1)
    }
}

impl From<Cut> for Problem {
    fn from(cut: Cut) -> Self {
        match cut {
            Cut::TooLong(problem) => problem,
            Cut::Broken(reason) => refuse(StatusCode::BAD_REQUEST, format!("the body broke off: {reason}")),
        }
    }
}

fn malformed(WireError { field, reason, line, column: _ }: WireError) -> Problem {
    let field = (!field.is_empty()).then_some(field);
    Problem { field, line, ..refuse(StatusCode::BAD_REQUEST, reason) }
}
