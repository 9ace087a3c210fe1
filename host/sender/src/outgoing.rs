//! A request's body on its way out.

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

/// A request's body. One type for all, because a connection is used by many.
pub(crate) enum RequestBody {
    Nothing,
    Upload(Box<Upload>),
}

/// A body of which no more is sent than the account allows: a peer that reads but never answers would otherwise be limited by time
/// alone. Notes when it has been read to its end.
pub(crate) struct Upload {
    body: UnsyncBoxBody<Bytes, BoxError>,
    account: Arc<Account>,
    watch: Arc<Watch>,
    /// Bytes still to come, if the request has announced how many there are: hyper does not ask for more.
    left: Option<u64>,
}

impl RequestBody {
    /// With GET and HEAD a body has to be announced: whether one will come of a component's stream is not known before.
    pub(crate) fn of<B>(request: Request<B>, account: &Arc<Account>, watch: &Arc<Watch>) -> Request<Self>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let announced = request.headers().get(CONTENT_LENGTH);
        if matches!(*request.method(), Method::GET | Method::HEAD) && announced.is_none()
            || request.body().is_end_stream()
        {
            return request.map(|_| Self::Nothing);
        }
        let left = announced.and_then(|length| length.to_str().ok()?.parse().ok());
        let (account, watch) = (Arc::clone(account), Arc::clone(watch));
        let upload = |body: B| Upload { body: body.map_err(Into::into).boxed_unsync(), account, watch, left };
        request.map(|body| Self::Upload(Box::new(upload(body))))
    }
}

impl Upload {
    fn passed(&mut self, frame: &Frame<Bytes>) {
        let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
        self.left = self.left.map(|left| left.saturating_sub(bytes));
        if self.left == Some(0) || self.body.is_end_stream() {
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
            Poll::Ready(Some(Ok(frame))) => upload.passed(frame),
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
