//! What a client gets.

use super::idle::Busy;
use super::occupancy::Permit;
use bytes::Bytes;
use fantail_wire::Problem;
use http::{Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use wasmtime_wasi_http::Error;

/// The body of an answer. Dropping it tells the application that its client has left.
pub struct Answer {
    body: UnsyncBoxBody<Bytes, Error>,
    /// Given back with the body, however it ends.
    place: Option<Permit>,
    /// Its connection's.
    busy: Option<Busy>,
    /// Whether the client reads JSON lines, and can be told in one of them that the answer breaks off.
    lines: bool,
    /// Whether what has passed ends with a whole line.
    whole_line: bool,
    broken: Option<Telling>,
}

/// How far the client has been told that the answer breaks off.
enum Telling {
    Line(BrokenOff),
    /// The connection sends what it holds when a body has nothing more for now, but not when a body fails.
    Flush(BrokenOff),
    Failure(BrokenOff),
}

/// The application did not bring its answer to an end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer broke off: {0}")]
pub struct BrokenOff(String);

impl Answer {
    pub(super) fn new(response: Response<UnsyncBoxBody<Bytes, Error>>, place: Permit) -> Response<Self> {
        let content_type = response.headers().get(http::header::CONTENT_TYPE);
        let lines = content_type.is_some_and(|value| value.as_bytes() == b"application/x-ndjson");
        response.map(|body| Self { body, place: Some(place), busy: None, lines, whole_line: true, broken: None })
    }

    /// Keeps its connection busy for as long as it is there.
    pub(super) fn keep(&mut self, busy: Busy) {
        self.busy = Some(busy);
    }

    fn break_off(&mut self, reason: String) {
        self.place = None;
        let broken = BrokenOff(reason);
        self.broken = Some(if self.lines { Telling::Line(broken) } else { Telling::Failure(broken) });
    }

    /// A last line, as the application would write it. Without a summary behind it the answer is still not whole.
    fn line(&self, broken: &BrokenOff) -> Bytes {
        let detail = format!("{broken}; requests without an outcome above may have been sent");
        let title = "Internal Server Error";
        let line = fantail_wire::problem_to_line(&Problem { title, status: 500, detail, ..Problem::default() });
        let before = if self.whole_line { "" } else { "\n" };
        format!("{before}{line}\n").into()
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        if self.broken.is_none() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                // With its store an instance takes both ends of its streams: that looks like an end, and is none.
                None if self.place.as_ref().is_some_and(Permit::is_broken) => {
                    self.break_off("the instance broke down".to_owned());
                }
                Some(Err(error)) => self.break_off(error.to_string()),
                Some(Ok(frame)) => {
                    if let Some(last) = frame.data_ref().and_then(|piece| piece.last()) {
                        self.whole_line = *last == b'\n';
                    }
                    return Poll::Ready(Some(Ok(frame)));
                }
                None => return Poll::Ready(None),
            }
        }
        match self.broken.take() {
            Some(Telling::Line(broken)) => {
                let line = self.line(&broken);
                self.broken = Some(Telling::Flush(broken));
                Poll::Ready(Some(Ok(Frame::data(line))))
            }
            Some(Telling::Flush(broken)) => {
                self.broken = Some(Telling::Failure(broken));
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Telling::Failure(broken)) => Poll::Ready(Some(Err(broken))),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        // Whether it has come to its end or broken off is known only there.
        self.place.is_none() && self.broken.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Why there is no answer of the application's.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Every instance is full, and no more may be made.
    Full,
    /// No head in time.
    Late,
    /// The instance broke down while it worked on this request or on another.
    Broken,
    /// The application gave an error in place of an answer, in words.
    Application(String),
}

/// Says so to the client.
pub(super) fn refuse(refusal: Refusal) -> Response<Answer> {
    let (status, detail) = match refusal {
        Refusal::Full => (StatusCode::SERVICE_UNAVAILABLE, "every instance is full: try again".to_owned()),
        Refusal::Late => (StatusCode::GATEWAY_TIMEOUT, "the application did not answer in time".to_owned()),
        Refusal::Broken => (StatusCode::INTERNAL_SERVER_ERROR, "the application broke down".to_owned()),
        Refusal::Application(reason) => {
            (StatusCode::INTERNAL_SERVER_ERROR, format!("the application failed: {reason}"))
        }
    };
    let title = status.canonical_reason().unwrap_or_default();
    let problem = Problem { title, status: status.as_u16(), detail, ..Problem::default() };
    let body = Full::from(fantail_wire::problem_to_json(&problem) + "\n").map_err(|never| match never {});
    let mut response = Response::new(Answer {
        body: body.boxed_unsync(),
        place: None,
        busy: None,
        lines: false,
        whole_line: true,
        broken: None,
    });
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/problem+json"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(http::header::RETRY_AFTER, http::HeaderValue::from_static("1"));
    }
    response
}
