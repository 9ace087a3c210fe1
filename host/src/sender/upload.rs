//! A request's body, of which no more is sent than the account allows.

use super::account::Account;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use wasmtime_wasi_http::{Error, WasiBody};

/// A body on its way out. A peer that reads but never answers would otherwise be limited by time alone.
struct Upload {
    body: WasiBody,
    account: Arc<Account>,
}

/// The same body, looked at piece by piece.
pub(crate) fn metered(body: WasiBody, account: &Arc<Account>) -> WasiBody {
    Upload { body, account: Arc::clone(account) }.boxed_unsync()
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Err(error) = self.account.check(0) {
            return Poll::Ready(Some(Err(error.into())));
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
