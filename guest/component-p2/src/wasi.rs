//! The shell's [`Wasi`] over WASI 0.2.

use crate::bindings::wasi::clocks::monotonic_clock;
use crate::bindings::wasi::http::outgoing_handler;
use crate::bindings::wasi::http::types as http;
use crate::incoming::Incoming;
use crate::reactor::ready;
use crate::{error_code, outgoing};
use fantail_engine::{Cause, Instant, Request, Settings};
use fantail_facts::Timeouts;
use fantail_shell::{Answered, Ask, Failed, Head, Upload, Wasi};
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

pub(crate) struct Wasi2 {
    timeouts: Timeouts,
    /// As a host that reports facts reads them beside an attempt's number.
    written: String,
}

impl Wasi2 {
    /// The options of one request, which takes ownership of them.
    fn options(&self) -> http::RequestOptions {
        let Timeouts { connect, head, idle } = self.timeouts;
        let nanos = |span: Duration| u64::try_from(span.as_nanos()).ok();
        let options = http::RequestOptions::new();
        // A host that does not support one of these returns an error. The engine's own timeouts apply in any case.
        let _ = options.set_connect_timeout(nanos(connect));
        let _ = options.set_first_byte_timeout(nanos(head));
        let _ = options.set_between_bytes_timeout(nanos(idle));
        options
    }
}

impl Wasi for Wasi2 {
    type Incoming = Incoming;

    fn new(settings: &Settings) -> Self {
        let Settings { connect_timeout: connect, head_timeout: head, idle_timeout: idle, .. } = *settings;
        let timeouts = Timeouts { connect, head, idle };
        Self { timeouts, written: format!(" {timeouts}") }
    }

    fn now() -> Instant {
        Instant::from_nanos(monotonic_clock::now())
    }

    fn wait_until(at: Instant) -> LocalBoxFuture<'static, ()> {
        async move {
            while monotonic_clock::now() < at.as_nanos() {
                ready(monotonic_clock::subscribe_instant(at.as_nanos())).await;
            }
        }
        .boxed_local()
    }

    fn start(
        &self,
        request: &Arc<Request>,
        url: &Url,
        ask: Ask,
    ) -> Result<(impl Future<Output = Answered<Incoming>>, Upload), Failed> {
        // Four calls to the host for each request, which one that reports facts does not need.
        let (asked, options) = match ask {
            Ask::Nothing => (None, Some(self.options())),
            Ask::Facts(number) => (Some(format!("{number}{}", self.written)), None),
            Ask::Events => (ask.value(), None),
        };
        let (outgoing, upload) = outgoing::prepare(request, url, asked)?;
        let sent = async move {
            let pending = outgoing_handler::handle(outgoing, options).map_err(error_code::failed)?;
            let response = loop {
                // First of all, since no host has a response at once.
                ready(pending.subscribe()).await;
                match pending.get() {
                    None => {}
                    Some(Ok(response)) => break response.map_err(error_code::failed)?,
                    // Only a second call returns this.
                    Some(Err(())) => return Err(Failed::new(Cause::InternalError, None)),
                }
            };
            let headers = response.headers().entries();
            Ok(Head { status: response.status(), headers, incoming: Incoming::new(&response)? })
        };
        let upload = async {
            if let Some(upload) = upload {
                outgoing::send(upload).await;
            }
        };
        Ok((sent, upload.boxed_local()))
    }
}
