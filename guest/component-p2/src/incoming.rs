//! A response's body: read, dropped, or handed out.

use crate::bindings::exports::fantail::fetch_p2::batch::UnreadBody as Handle;
use crate::bindings::wasi::http::types as http;
use crate::bindings::wasi::io::streams::{InputStream, StreamError};
use crate::body_end::{failed, trailers};
use crate::reactor::ready;
use crate::unread::UnreadBody;
use fantail_engine::Cause;
use fantail_shell::{Failed, More};
use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::LocalBoxFuture;

/// A body as wasi:http gives it. The stream has to be dropped first: it is a child of the body.
pub(crate) struct Incoming {
    bytes: InputStream,
    body: http::IncomingBody,
    /// Why it broke off.
    broken: Option<Failed>,
}

impl Incoming {
    pub(crate) fn new(response: &http::IncomingResponse) -> Result<Self, Failed> {
        // Each can be taken once, and this is the first time.
        let missing_body = |()| Failed::new(Cause::InternalError, Some("the host gives no body".to_owned()));
        let body = response.consume().map_err(missing_body)?;
        let bytes = body.stream().map_err(missing_body)?;
        Ok(Self { bytes, body, broken: None })
    }
}

impl fantail_shell::Incoming for Incoming {
    type Unread = Handle;

    async fn read(&mut self, mut into: Vec<u8>) -> (Vec<u8>, More) {
        loop {
            let room = (into.capacity() - into.len()).max(1);
            match self.bytes.read(room as u64) {
                Ok(bytes) if bytes.is_empty() => ready(self.bytes.subscribe()).await,
                // Not copied if it fills the whole buffer.
                Ok(bytes) if bytes.len() == into.capacity() => return (bytes, More::Yes),
                Ok(bytes) => {
                    into.extend_from_slice(&bytes);
                    return (into, More::Yes);
                }
                Err(StreamError::Closed) => return (into, More::No),
                Err(StreamError::LastOperationFailed(error)) => {
                    self.broken = Some(failed(&error));
                    return (into, More::No);
                }
            }
        }
    }

    async fn release(self) {}

    async fn finish(self) -> Result<(), Failed> {
        let Self { bytes, body, broken } = self;
        drop(bytes);
        match broken {
            Some(broken) => Err(broken),
            None => trailers(body).await.map(drop),
        }
    }

    fn hand_out(self, status: u16, repeatable: bool) -> (Handle, LocalBoxFuture<'static, ()>) {
        let Self { bytes, body, .. } = self;
        let (end_guard, ended) = oneshot::channel();
        let handle = Handle::new(UnreadBody::new(bytes, body, status, repeatable, end_guard));
        (handle, ended.map(drop).boxed_local())
    }
}
