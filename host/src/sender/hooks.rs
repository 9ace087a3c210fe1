//! The sender behind wasmtime's hooks. wasmtime calls that interface experimental: all we know of it is in this file.

use super::error::SendError;
use super::{Account, Diary, Origin, Sender};
use http_body_util::BodyExt;
use std::sync::Arc;
use tracing::{Instrument, Span, debug, debug_span};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

/// What one instance sends with.
pub(crate) struct Hooks {
    pub(crate) sender: Sender,
    pub(crate) diary: Diary,
    pub(crate) account: Arc<Account>,
}

type Transmission = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = Result<(http::Response<WasiBody>, Transmission), Error>;

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        mut request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Transmission,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        // Not answered yet, and nobody else's business.
        if request.headers_mut().remove(fantail_facts::ATTEMPT).is_some_and(|number| number == fantail_facts::EVENTS) {
            return Box::new(async { Err(Error::DestinationNotFound) });
        }
        let (sender, diary, account) = (self.sender.clone(), self.diary.clone(), Arc::clone(&self.account));
        let origin = Origin::of(request.uri());
        let span = attempt(request.method(), origin.as_ref().ok());
        let sent = async move {
            let noted = move |error: SendError| {
                debug!(cause = %error.cause, phase = error.phase.name(), "failed");
                if let Ok(origin) = &origin {
                    diary.write(origin, &error);
                }
                Error::from(error)
            };
            match sender.send(request, options, &account).await {
                Ok(response) => {
                    debug!(status = response.status().as_u16(), "head");
                    let response = response.map(|body| body.map_err(noted).boxed_unsync());
                    Ok((response, Box::new(async { Ok(()) }) as Transmission))
                }
                Err(error) => Err(noted(error)),
            }
        };
        Box::new(sent.instrument(span))
    }
}

/// What is told of an attempt: never a header, a path or a query.
fn attempt(method: &http::Method, origin: Option<&Origin>) -> Span {
    let method = method.as_str();
    match origin {
        Some(origin) => {
            debug_span!("attempt", method, host = origin.host(), port = origin.port(), https = origin.https)
        }
        None => debug_span!("attempt", method),
    }
}
