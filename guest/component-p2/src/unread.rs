//! A body that was handed out.

use crate::bindings::exports::fantail::fetch_p2::batch as wit;
use crate::bindings::wasi::http::types::IncomingBody;
use crate::bindings::wasi::io::error::Error;
use crate::bindings::wasi::io::streams::InputStream;
use crate::body_end::{failed, trailers};
use crate::reactor;
use fantail_conversions::Convert;
use fantail_engine::Failure;
use futures::channel::oneshot;
use std::cell::RefCell;

/// The stream has to be dropped before the body: it is its child.
pub(crate) struct UnreadBody {
    bytes: RefCell<Option<InputStream>>,
    body: IncomingBody,
    status: u16,
    repeatable: bool,
    /// Dropping it tells the batch that the body has ended.
    _end_guard: oneshot::Sender<()>,
}

impl UnreadBody {
    pub(crate) fn new(
        bytes: InputStream,
        body: IncomingBody,
        status: u16,
        repeatable: bool,
        end_guard: oneshot::Sender<()>,
    ) -> Self {
        Self { bytes: RefCell::new(Some(bytes)), body, status, repeatable, _end_guard: end_guard }
    }
}

impl wit::GuestUnreadBody for UnreadBody {
    fn stream(&self) -> Result<InputStream, ()> {
        self.bytes.take().ok_or(())
    }

    fn finish(this: wit::UnreadBody, broken: Option<Error>) -> Result<Vec<wit::Header>, wit::Failure> {
        let Self { bytes, body, status, repeatable, _end_guard } = this.into_inner();
        drop(bytes);
        let result = match &broken {
            Some(error) => Err(failed(error)),
            None => reactor::run(trailers(body)),
        };
        result
            .map(|fields| fields.map_or_else(Vec::new, |fields| fields.entries()))
            .map_err(|failed| Failure::of_body(failed, repeatable, status).convert())
    }
}
