//! One attempt: from a request to what its body mode asks for, over wasi:http.

use crate::bindings::exports::fantail::fetch::batch::{Body, Response};
use crate::error_code;
use crate::incoming::{Incoming, content_length};
use crate::outgoing;
use fantail_engine::{AttemptId, BodyMode, Cause, Event, Request, Settings, retry_after};
use futures::FutureExt;
use futures::future::{Either, LocalBoxFuture, select};
use std::cell::RefCell;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use url::Url;
use wasip3::http::client;
use wasip3::http::types as http;

/// What all attempts of a batch share.
#[derive(Clone)]
pub(crate) struct Context {
    shared: Rc<Shared>,
}

struct Shared {
    /// Prepared once, cloned for each request.
    options: http::RequestOptions,
    max_body: u64,
    notes: RefCell<Vec<Note>>,
}

/// What an attempt reports before it ends.
pub(crate) enum Note {
    Head {
        attempt: AttemptId,
        status: u16,
        retry_after: Option<Duration>,
        location: Option<String>,
    },
    /// A body that was handed out; resolves to its attempt when it has ended.
    Unread(LocalBoxFuture<'static, AttemptId>),
}

/// Why an attempt failed.
pub(crate) type Failed = (Cause, Option<String>);

impl Context {
    pub(crate) fn new(settings: &Settings) -> Self {
        let nanos = |span: std::time::Duration| u64::try_from(span.as_nanos()).ok();
        let options = http::RequestOptions::new();
        // A host that cannot keep one of these says so here. The engine's own timeouts hold all the same.
        let _ = options.set_connect_timeout(nanos(settings.connect_timeout));
        let _ = options.set_first_byte_timeout(nanos(settings.head_timeout));
        let _ = options.set_between_bytes_timeout(nanos(settings.idle_timeout));
        let shared = Shared { options, max_body: settings.max_body, notes: RefCell::default() };
        Self { shared: Rc::new(shared) }
    }

    pub(crate) fn take_notes(&self) -> Vec<Note> {
        self.shared.notes.take()
    }

    fn note(&self, note: Note) {
        self.shared.notes.borrow_mut().push(note);
    }
}

pub(crate) async fn run(
    context: Context,
    attempt: AttemptId,
    request: Arc<Request>,
    url: Url,
    mode: BodyMode,
) -> Event<Response> {
    match exchange(&context, attempt, &request, &url, mode).await {
        Ok((response, body_bytes)) => Event::Ended { attempt, response, body_bytes },
        Err((cause, detail)) => Event::Failed { attempt, cause, detail },
    }
}

async fn exchange(
    context: &Context,
    attempt: AttemptId,
    request: &Request,
    url: &Url,
    mode: BodyMode,
) -> Result<(Response, u64), Failed> {
    let (outgoing, transmission, upload) = outgoing::prepare(&context.shared.options, request, url)?;
    let receive = async {
        let response = client::send(outgoing).await.map_err(error_code::cause)?;
        let status = response.get_status_code();
        let headers = response.get_headers().copy_all();
        let header = |wanted| headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_slice());
        let retry_after = if status < 400 { None } else { retry_after(header("retry-after"), header("date")) };
        let location = header("location").filter(|_| (300..400).contains(&status));
        let location = location.and_then(|value| String::from_utf8(value.to_vec()).ok());
        context.note(Note::Head { attempt, status, retry_after, location });
        let has_body = request.method != "HEAD" && !matches!(status, 204 | 304);
        let length = content_length(&headers).filter(|_| has_body);
        let incoming = Incoming::new(response, transmission);
        let (body, count) = match mode {
            BodyMode::Discard => (Body::Discarded, incoming.discard(length).await?),
            BodyMode::Bytes => {
                let bytes = incoming.collect(length, context.shared.max_body).await?;
                let count = bytes.len() as u64;
                (Body::Bytes(bytes), count)
            }
            BodyMode::Unread => {
                let (body, ended) = incoming.hand_out(status, request.is_repeatable());
                context.note(Note::Unread(ended.map(move |()| attempt).boxed_local()));
                (Body::Unread(body), 0)
            }
        };
        Ok((Response { status, headers, body }, count))
    };
    // A server may answer before it has read everything, and then stop reading: what ends the attempt is the answer.
    match select(pin!(receive), pin!(upload)).await {
        Either::Left((result, _)) => result,
        Either::Right(((), receive)) => receive.await,
    }
}
