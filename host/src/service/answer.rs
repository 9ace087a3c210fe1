//! The answers that clients get.

use super::counters::Refused;
use super::idle::Busy;
use super::occupancy::Permit;
use super::tracked::Tracked;
use bytes::Bytes;
use fantail_tokens::all_under_way;
use fantail_wire::Problem;
use http::{Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use wasmtime_wasi_http::Error;

/// The most bytes of the piece that ends with the summary of a batch.
const MAX_SUMMARY: usize = 16 * 1024;

/// The body of an answer. Dropping it tells the application that its client has disconnected.
pub struct Answer {
    body: UnsyncBoxBody<Bytes, Error>,
    /// Released when the body ends or is dropped.
    permit: Option<Permit>,
    /// Marks the connection as busy.
    busy: Option<Busy>,
    /// Whether the client reads JSON lines, so that a last line can say that the answer breaks off.
    is_json_lines: bool,
    /// Whether the bytes so far end with a newline.
    at_line_start: bool,
    broken: Option<BreakOffStep>,
    /// The request that it answers.
    tracked: Option<Tracked>,
    /// The last piece of a streamed answer.
    last: Option<Bytes>,
}

/// The steps by which the client is told that the answer breaks off.
enum BreakOffStep {
    Line(BrokenOff),
    /// Returns pending once: the connection flushes its buffer when a body is pending, but not when a body fails.
    Flush(BrokenOff),
    Failure(BrokenOff),
}

/// The application did not complete its answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer broke off: {0}")]
pub struct BrokenOff(String);

impl Answer {
    pub(super) fn new(response: Response<UnsyncBoxBody<Bytes, Error>>, permit: Permit) -> Response<Self> {
        let content_type = response.headers().get(http::header::CONTENT_TYPE);
        let is_json_lines = content_type.is_some_and(|value| value.as_bytes() == b"application/x-ndjson");
        response.map(|body| Self { permit: Some(permit), is_json_lines, ..Self::of(body) })
    }

    fn of(body: UnsyncBoxBody<Bytes, Error>) -> Self {
        let (permit, busy, is_json_lines, broken, tracked, last) = Default::default();
        Self { body, permit, busy, is_json_lines, at_line_start: true, broken, tracked, last }
    }

    /// An answer that is complete at once.
    pub(super) fn complete(status: StatusCode, content_type: &'static str, content: String) -> Response<Self> {
        let body = Full::from(content).map_err(|never| match never {});
        let mut response = Response::new(Self::of(body.boxed_unsync()));
        *response.status_mut() = status;
        response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
        response
    }

    /// Tracks the request until this body is dropped.
    pub(super) fn set_tracked(&mut self, tracked: Tracked) {
        self.tracked = Some(tracked);
    }

    /// Marks the connection as busy until this body is dropped.
    pub(super) fn set_busy(&mut self, busy: Busy) {
        self.busy = Some(busy);
    }

    /// Notes a piece that is handed to the connection.
    fn passes(&mut self, piece: &Bytes) {
        if let Some(last) = piece.last() {
            self.at_line_start = *last == b'\n';
            // A longer one is no summary, and need not be kept after it was sent.
            let may_be_summary = self.is_json_lines && self.at_line_start && piece.len() <= MAX_SUMMARY;
            self.last = may_be_summary.then(|| piece.clone());
        }
        if let Some(tracked) = &mut self.tracked {
            tracked.sent(piece.len());
        }
    }

    fn ended(&mut self) {
        let last = self.last.take();
        if let Some(tracked) = &mut self.tracked {
            tracked.ended(last.as_ref());
        }
    }

    fn break_off(&mut self, reason: String) {
        self.permit = None;
        let broken = BrokenOff(reason);
        self.broken = Some(if self.is_json_lines { BreakOffStep::Line(broken) } else { BreakOffStep::Failure(broken) });
    }

    /// A last line, as the application would write it. As no summary follows, the answer is still recognizably incomplete.
    fn line(&self, broken: &BrokenOff) -> Bytes {
        let detail = format!("{broken}; requests without an outcome above may have been sent");
        let title = "Internal Server Error";
        let line = fantail_wire::problem_to_line(&Problem { title, status: 500, detail, ..Problem::default() });
        let prefix = if self.at_line_start { "" } else { "\n" };
        format!("{prefix}{line}\n").into()
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        if self.broken.is_none() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                // When the store of an instance is dropped, its streams look as if they had ended normally.
                None if self.permit.as_ref().is_some_and(Permit::is_broken) => {
                    self.break_off("the instance broke down".to_owned());
                }
                Some(Err(error)) => self.break_off(error.to_string()),
                Some(Ok(frame)) => {
                    if let Some(piece) = frame.data_ref() {
                        self.passes(piece);
                    }
                    return Poll::Ready(Some(Ok(frame)));
                }
                None => {
                    self.ended();
                    return Poll::Ready(None);
                }
            }
        }
        match self.broken.take() {
            Some(BreakOffStep::Line(broken)) => {
                let line = self.line(&broken);
                self.broken = Some(BreakOffStep::Flush(broken));
                Poll::Ready(Some(Ok(Frame::data(line))))
            }
            Some(BreakOffStep::Flush(broken)) => {
                self.broken = Some(BreakOffStep::Failure(broken));
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(BreakOffStep::Failure(broken)) => Poll::Ready(Some(Err(broken))),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        // Whether the body was completed or broke off is known only when it ends.
        self.permit.is_none() && self.broken.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Why there is no answer from the application.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Every instance is full, and no more may be created.
    Full,
    /// The request's token has this many batches, which is all that it may.
    Batches(u32),
    /// The application did not produce a head in time.
    Timeout,
    /// The instance broke down while it worked on this request or on another.
    Broken,
    /// The application returned an error in place of an answer.
    Application(String),
    /// Metrics, without a token.
    Unauthorized,
    /// Metrics, with a token that may not read them.
    Forbidden,
}

impl Refusal {
    /// How it is counted, if it is.
    pub(super) fn reason(&self) -> Option<Refused> {
        match self {
            Refusal::Full => Some(Refused::Full),
            Refusal::Batches(_) => Some(Refused::Batches),
            Refusal::Timeout => Some(Refused::Timeout),
            Refusal::Broken | Refusal::Application(_) => Some(Refused::Broken),
            Refusal::Unauthorized | Refusal::Forbidden => None,
        }
    }
}

/// The answer that tells the client.
pub(super) fn refuse(refusal: Refusal) -> Response<Answer> {
    let (status, detail) = match refusal {
        Refusal::Full => (StatusCode::SERVICE_UNAVAILABLE, "every instance is full: try again".to_owned()),
        Refusal::Batches(max) => (StatusCode::TOO_MANY_REQUESTS, all_under_way(max)),
        Refusal::Timeout => (StatusCode::GATEWAY_TIMEOUT, "the application did not answer in time".to_owned()),
        Refusal::Broken => (StatusCode::INTERNAL_SERVER_ERROR, "the application broke down".to_owned()),
        Refusal::Application(reason) => {
            (StatusCode::INTERNAL_SERVER_ERROR, format!("the application failed: {reason}"))
        }
        Refusal::Unauthorized => {
            (StatusCode::UNAUTHORIZED, "metrics need a token: send `authorization: Bearer TOKEN`".to_owned())
        }
        Refusal::Forbidden => {
            (StatusCode::FORBIDDEN, "this token may not read metrics: set `metrics = true` for it".to_owned())
        }
    };
    let title = status.canonical_reason().unwrap_or_default();
    let problem = Problem { title, status: status.as_u16(), detail, ..Problem::default() };
    let document = fantail_wire::problem_to_json(&problem) + "\n";
    let mut response = Answer::complete(status, "application/problem+json", document);
    let header = match status {
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => Some((http::header::RETRY_AFTER, "1")),
        StatusCode::UNAUTHORIZED => Some((http::header::WWW_AUTHENTICATE, "Bearer")),
        _ => None,
    };
    if let Some((name, value)) = header {
        response.headers_mut().insert(name, http::HeaderValue::from_static(value));
    }
    response
}
