//! The sender behind wasmtime's hooks. wasmtime calls that interface experimental: all we know of it is in this file.

use super::error::SendError;
use super::{Account, Diary, Origin, Sender};
use http_body_util::BodyExt;
use std::sync::Arc;
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
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Transmission,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let (sender, diary, account) = (self.sender.clone(), self.diary.clone(), Arc::clone(&self.account));
        Box::new(async move {
            let origin = Origin::of(request.uri());
            let noted = move |error: SendError| {
                if let Ok(origin) = &origin {
                    diary.write(origin, &error);
                }
                Error::from(error)
            };
            match sender.send(request, options, &account).await {
                Ok(response) => {
                    let response = response.map(|body| body.map_err(noted).boxed_unsync());
                    Ok((response, Box::new(async { Ok(()) }) as Transmission))
                }
                Err(error) => Err(noted(error)),
            }
        })
    }
}
