//! The shell's [`Wasi`] over WASI 0.3.

use crate::bindings::wasi::clocks::monotonic_clock;
use crate::bindings::wasi::http::client;
use crate::bindings::wasi::http::types as http;
use crate::incoming::Incoming;
use crate::{error_code, outgoing};
use fantail_engine::{Instant, Request, Settings};
use fantail_shell::{Answered, Ask, Failed, Head, Upload, Wasi};
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

pub(crate) struct Wasi3 {
    /// Prepared once, cloned for each request.
    options: http::RequestOptions,
}

impl Wasi for Wasi3 {
    type Incoming = Incoming;

    fn new(settings: &Settings) -> Self {
        let nanos = |span: Duration| u64::try_from(span.as_nanos()).ok();
        let options = http::RequestOptions::new();
        // A host that does not support one of these returns an error. The engine's own timeouts apply in any case.
        let _ = options.set_connect_timeout(nanos(settings.connect_timeout));
        let _ = options.set_first_byte_timeout(nanos(settings.head_timeout));
        let _ = options.set_between_bytes_timeout(nanos(settings.idle_timeout));
        Self { options }
    }

    fn now() -> Instant {
        Instant::from_nanos(monotonic_clock::now())
    }

    fn wait_until(at: Instant) -> LocalBoxFuture<'static, ()> {
        monotonic_clock::wait_until(at.as_nanos()).boxed_local()
    }

    fn start(
        &self,
        request: &Arc<Request>,
        url: &Url,
        ask: Ask,
    ) -> Result<(impl Future<Output = Answered<Incoming>>, Upload), Failed> {
        let (outgoing, transmission, upload) = outgoing::prepare(&self.options, request, url, ask.value())?;
        let sent = async {
            let response = client::send(outgoing).await.map_err(error_code::failed)?;
            let (status, headers) = (response.get_status_code(), response.get_headers().copy_all());
            Ok(Head { status, headers, incoming: Incoming::new(response, transmission) })
        };
        Ok((sent, upload))
    }
}
