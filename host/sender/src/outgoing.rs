//! The body of a request that is being sent.

use crate::account::Account;
use crate::watch::Watch;
use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{Method, Request};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A request's body. One type for all requests, because they share connections.
pub(crate) enum RequestBody {
    Nothing,
    Upload(Box<Upload>),
}

/// A body of which no more is sent than the account allows: otherwise only a timeout would limit a peer that reads but never answers.
/// Records when it has been read to its end.
pub(crate) struct Upload {
    body: UnsyncBoxBody<Bytes, BoxError>,
    account: Arc<Account>,
    watch: Arc<Watch>,
    /// Bytes still to be sent, if the request has a content-length: hyper does not poll for more.
    remaining: Option<u64>,
}

impl RequestBody {
    /// The request with its body wrapped. With GET and HEAD a body is sent only if there is a content-length: whether the stream of a
    /// component will yield one is not known before.
    pub(crate) fn wrap<B>(request: Request<B>, account: &Arc<Account>, watch: &Arc<Watch>) -> Request<Self>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let content_length = request.headers().get(CONTENT_LENGTH);
        if matches!(*request.method(), Method::GET | Method::HEAD) && content_length.is_none()
            || request.body().is_end_stream()
        {
            return request.map(|_| Self::Nothing);
        }
        let remaining = content_length.and_then(|length| length.to_str().ok()?.parse().ok());
        let (account, watch) = (Arc::clone(account), Arc::clone(watch));
        let upload = |body: B| Upload { body: body.map_err(Into::into).boxed_unsync(), account, watch, remaining };
        request.map(|body| Self::Upload(Box::new(upload(body))))
    }
}

impl Upload {
    fn record_frame(&mut self, frame: &Frame<Bytes>) {
        let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
        self.remaining = self.remaining.map(|remaining| remaining.saturating_sub(bytes));
        if self.remaining == Some(0) || self.body.is_end_stream() {
            self.watch.body_ended();
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Self::Upload(upload) = &mut *self else { return Poll::Ready(None) };
        if let Err(error) = upload.account.check(0) {
            return Poll::Ready(Some(Err(error.into())));
        }
        let polled = Pin::new(&mut upload.body).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => upload.record_frame(frame),
            Poll::Ready(None) => upload.watch.body_ended(),
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Nothing => true,
            Self::Upload(upload) => upload.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Nothing => SizeHint::with_exact(0),
            Self::Upload(upload) => upload.body.size_hint(),
        }
    }
}
