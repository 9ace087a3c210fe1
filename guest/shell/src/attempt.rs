//! One attempt: from a request to what its body mode asks for.

use crate::message::content_length;
use crate::response::{Body, Incoming, More, Response};
use crate::wasi::{Ask, Head, Upload, Wasi};
use fantail_engine::{
    AttemptId, AttemptReport, BodyMode, Cause, Event, FIRST_GRANT, Facts, Failed, Header, Request, Settings, Sorted,
    retry_after,
};
use fantail_facts::{FACTS, FailureReport};
use futures::FutureExt;
use futures::future::{Either, LocalBoxFuture, poll_fn, select};
use std::cell::RefCell;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;
use url::Url;

/// The longest unwanted body that is read to its end, so that its connection can be used again.
const MAX_DRAINED_BYTES: usize = 64 * 1024;

/// Bytes read at once from a body of unknown length.
const CHUNK_BYTES: usize = 16 * 1024;

/// Bytes allocated for a body because its length is announced, before they arrive.
const MAX_PREALLOCATED_BYTES: usize = 128 * 1024;

/// What all attempts of a batch share.
pub(crate) struct Context<W> {
    shared: Rc<Shared<W>>,
}

struct Shared<W> {
    wasi: Rc<W>,
    max_body: u64,
    host_facts: bool,
    events: RefCell<Vec<AttemptEvent>>,
    /// Attempts that wait for a grant.
    waiting: RefCell<Sorted<AttemptId, Waker>>,
}

/// What an attempt reports before it ends.
pub(crate) enum AttemptEvent {
    Head {
        attempt: AttemptId,
        status: u16,
        retry_after: Option<Duration>,
        location: Option<String>,
        facts: Option<Facts>,
    },
    /// It has read as much as it may hold, and wants to hold this many bytes in all.
    Wants { attempt: AttemptId, bytes: u64 },
    /// A body that was handed out; resolves to its attempt when it has ended.
    Unread(LocalBoxFuture<'static, AttemptId>),
}

impl<W> Clone for Context<W> {
    fn clone(&self) -> Self {
        Self { shared: Rc::clone(&self.shared) }
    }
}

impl<W: Wasi> Context<W> {
    pub(crate) fn new(settings: &Settings) -> Self {
        let Settings { max_body, host_facts, .. } = *settings;
        let shared = Shared {
            wasi: Rc::new(W::new(settings)),
            max_body,
            host_facts,
            events: RefCell::default(),
            waiting: RefCell::default(),
        };
        Self { shared: Rc::new(shared) }
    }

    pub(crate) fn wasi(&self) -> &Rc<W> {
        &self.shared.wasi
    }

    pub(crate) fn take_events(&self) -> Vec<AttemptEvent> {
        self.shared.events.take()
    }

    fn report(&self, event: AttemptEvent) {
        self.shared.events.borrow_mut().push(event);
    }

    /// Lets an attempt hold as much as it wanted.
    pub(crate) fn grant(&self, attempt: AttemptId) {
        self.shared.waiting.borrow_mut().remove(&attempt).into_iter().for_each(Waker::wake);
    }

    /// Waits until an attempt may hold `bytes` of its response.
    async fn wait_for_grant(&self, attempt: AttemptId, bytes: u64) {
        self.report(AttemptEvent::Wants { attempt, bytes });
        let mut asked = false;
        poll_fn(|cx| {
            let mut waiting = self.shared.waiting.borrow_mut();
            if std::mem::replace(&mut asked, true) && !waiting.contains(&attempt) {
                return Poll::Ready(());
            }
            waiting.insert(attempt, cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

pub(crate) async fn run<W: Wasi>(
    context: Context<W>,
    (attempt, number): (AttemptId, u64),
    request: Arc<Request>,
    url: Url,
    mode: BodyMode,
) -> Event<Response<W::Incoming>> {
    match exchange(&context, (attempt, number), &request, &url, mode).await {
        Ok((response, body_bytes)) => Event::Ended { attempt, response, body_bytes },
        Err(failed) => Event::Failed { attempt, failed },
    }
}

async fn exchange<W: Wasi>(
    context: &Context<W>,
    (attempt, number): (AttemptId, u64),
    request: &Arc<Request>,
    url: &Url,
    mode: BodyMode,
) -> Result<(Response<W::Incoming>, u64), Failed> {
    let ask = if context.shared.host_facts { Ask::Facts(number) } else { Ask::Nothing };
    let (sent, mut upload) = context.shared.wasi.start(request, url, ask)?;
    let mut unread = None;
    let receive = async {
        let Head { status, mut headers, incoming } = sent.await?;
        let facts = if ask == Ask::Nothing { None } else { take_facts(&mut headers) };
        let header = |wanted| headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_slice());
        let retry_after = if status < 400 { None } else { retry_after(header("retry-after"), header("date")) };
        let location = header("location").filter(|_| (300..400).contains(&status));
        let location = location.and_then(|value| String::from_utf8(value.to_vec()).ok());
        context.report(AttemptEvent::Head { attempt, status, retry_after, location, facts });
        let has_body = request.method != "HEAD" && !matches!(status, 204 | 304);
        let length = content_length(&headers).filter(|_| has_body).map(|bytes| Length {
            bytes,
            // Our sender removes a length that did not frame the body; other hosts may leave it (RFC 9112, section
            // 6.3).
            frames: facts.is_some(),
        });
        let (body, count) = match mode {
            BodyMode::Discard => (Body::Discarded, discard(incoming, length).await?),
            BodyMode::Bytes => {
                let budget = BodyBudget { context, attempt, held: FIRST_GRANT };
                let bytes = collect(incoming, length, budget).await?;
                let count = bytes.len() as u64;
                (Body::Bytes(bytes), count)
            }
            BodyMode::Unread => {
                let (body, ended) = incoming.hand_out(status, request.is_repeatable());
                unread = Some(ended);
                (Body::Unread(body), 0)
            }
        };
        Ok((Response { status, headers, body }, count))
    };
    // A server may answer before it has read the whole request, and then stop reading: the attempt ends with the
    // answer.
    let (result, sending) = match select(pin!(receive), &mut upload).await {
        Either::Left((result, _)) => (result, request.body.is_some()),
        Either::Right(((), receive)) => (receive.await, false),
    };
    if let Some(ended) = unread {
        // A server that answers while it reads may need the rest of the request for its answer.
        let ended = async move {
            if sending {
                select(ended, upload).then(wait_for_body).await;
            } else {
                ended.await;
            }
            attempt
        };
        context.report(AttemptEvent::Unread(ended.boxed_local()));
    }
    result
}

/// Waits for the end of a response's body, if the upload ended first.
async fn wait_for_body(first: Either<((), Upload), ((), LocalBoxFuture<'static, ()>)>) {
    if let Either::Right(((), ended)) = first {
        ended.await;
    }
}

/// Removes the host's facts from a response's headers.
pub(crate) fn take_facts(headers: &mut Vec<Header>) -> Option<Facts> {
    let place = headers.iter().position(|(name, _)| name == FACTS)?;
    let (_, value) = headers.remove(place);
    Some(std::str::from_utf8(&value).map(fantail_facts::read).unwrap_or_default())
}

/// A failure with the host's report.
pub fn failed_from_report(report: FailureReport) -> Failed {
    let FailureReport { cause, phase, sent, facts, detail } = report;
    Failed {
        cause,
        detail: Some(detail).filter(|detail| !detail.is_empty()),
        report: Some(Box::new(AttemptReport { phase, sent, facts })),
    }
}

/// The length that a response announces.
#[derive(Clone, Copy)]
struct Length {
    bytes: u64,
    /// Whether the body ends there. Otherwise its length is known only when it has ended.
    frames: bool,
}

impl Length {
    /// Whether a body ends after this many bytes.
    fn is_reached(length: Option<Self>, bytes: usize) -> bool {
        length.is_some_and(|length| length.frames && length.bytes == bytes as u64)
    }
}

/// Reads a short body to its end, so that its connection can be used again; drops a longer one. Returns the bytes read.
async fn discard(mut incoming: impl Incoming, length: Option<Length>) -> Result<u64, Failed> {
    if length.is_some_and(|length| length.bytes > MAX_DRAINED_BYTES as u64) {
        return Ok(0);
    }
    let mut count = 0;
    let mut chunk = Vec::with_capacity(CHUNK_BYTES);
    while count <= MAX_DRAINED_BYTES {
        if Length::is_reached(length, count) {
            incoming.release().await;
            break;
        }
        let (mut read, more) = incoming.read(chunk).await;
        count += read.len();
        if more == More::No {
            return incoming.finish().await.map(|()| count as u64);
        }
        read.clear();
        chunk = read;
    }
    Ok(count as u64)
}

/// How much an attempt may hold of its response.
struct BodyBudget<'a, W> {
    context: &'a Context<W>,
    attempt: AttemptId,
    held: u64,
}

impl<W: Wasi> BodyBudget<'_, W> {
    /// Waits until this many bytes may be held.
    async fn reserve(&mut self, bytes: usize) {
        let bytes = bytes as u64;
        if bytes > self.held {
            self.context.wait_for_grant(self.attempt, bytes).await;
            self.held = bytes;
        }
    }
}

/// Reads a whole body, unless it is longer than accepted.
async fn collect<W: Wasi>(
    mut incoming: impl Incoming,
    length: Option<Length>,
    mut budget: BodyBudget<'_, W>,
) -> Result<Vec<u8>, Failed> {
    let max = budget.context.shared.max_body;
    if let Some(Length { bytes, .. }) = length.filter(|length| length.bytes > max) {
        let detail = format!("content-length is {bytes} bytes, at most {max} are accepted");
        return Err(Failed::new(Cause::BodyTooLarge, Some(detail)));
    }
    let limit = usize::try_from(max).unwrap_or(usize::MAX);
    let announced = length.map_or(limit.saturating_add(1), |length| usize::try_from(length.bytes).unwrap_or(limit));
    let mut body = Vec::new();
    while body.len() <= limit {
        if Length::is_reached(length, body.len()) {
            incoming.release().await;
            return Ok(body);
        }
        if body.len() == body.capacity() {
            // Beyond a first allocation, memory is allocated only as bytes arrive.
            let first = if length.is_some() { MAX_PREALLOCATED_BYTES } else { CHUNK_BYTES };
            let more = body.len().max(first).min(announced.saturating_sub(body.len()).max(1));
            budget.reserve(body.len() + more).await;
            if body.try_reserve_exact(more).is_err() {
                return Err(Failed::new(
                    Cause::BodyTooLarge,
                    Some("the component has no memory left for the body".to_owned()),
                ));
            }
        }
        let (read, more) = incoming.read(body).await;
        body = read;
        if more == More::No {
            incoming.finish().await?;
            return Ok(body);
        }
    }
    Err(Failed::new(Cause::BodyTooLarge, Some(format!("more than {max} bytes arrived"))))
}
