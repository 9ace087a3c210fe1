//! A response's body: read, dropped, or handed out.

use crate::bindings::exports::fantail::fetch::batch::{Failure, Header};
use crate::bindings::wasi::http::types as http;
use crate::outgoing::Transmission;
use crate::{bindings, error_code};
use fantail_conversions::Convert;
use fantail_engine as engine;
use fantail_shell::{Failed, More};
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use std::future::IntoFuture;
use wit_bindgen::rt::async_support::{FutureReader, FutureWriter, StreamReader, StreamResult};

/// A body as wasi:http gives it, and what must stay alive until it has ended.
pub(crate) struct Incoming {
    bytes: StreamReader<u8>,
    trailers: FutureReader<Result<Option<http::Trailers>, http::ErrorCode>>,
    processed: FutureWriter<Result<(), http::ErrorCode>>,
    transmission: Transmission,
}

impl Incoming {
    pub(crate) fn new(response: http::Response, transmission: Transmission) -> Self {
        let (processed, processed_reader) = bindings::wit_future::new(|| Ok(()));
        let (bytes, trailers) = http::Response::consume_body(response, processed_reader);
        Self { bytes, trailers, processed, transmission }
    }
}

impl fantail_shell::Incoming for Incoming {
    /// With a future for its end.
    type Unread = (StreamReader<u8>, FutureReader<Result<Vec<Header>, Failure>>);

    async fn read(&mut self, into: Vec<u8>) -> (Vec<u8>, More) {
        let (result, read) = self.bytes.read(into).await;
        (read, if matches!(result, StreamResult::Complete(_)) { More::Yes } else { More::No })
    }

    async fn release(self) {
        let _ = self.processed.write(Ok(())).await;
    }

    async fn finish(self) -> Result<(), Failed> {
        drop(self.bytes);
        let (_, trailers) = futures::join!(self.processed.write(Ok(())), self.trailers.into_future());
        drop(self.transmission);
        trailers.map(drop).map_err(error_code::failed)
    }

    fn hand_out(self, status: u16, repeatable: bool) -> (Self::Unread, LocalBoxFuture<'static, ()>) {
        let Self { bytes, trailers, processed, transmission } = self;
        let (end, end_reader) = bindings::wit_future::new(|| Ok(Vec::new()));
        let ended = async move {
            let (_, trailers) = futures::join!(processed.write(Ok(())), trailers.into_future());
            drop(transmission);
            let result = trailers
                .map(|fields| fields.map_or_else(Vec::new, |fields| fields.copy_all()))
                .map_err(|code| engine::Failure::of_body(error_code::failed(code), repeatable, status).convert());
            // The reader may have dropped the future.
            let _ = end.write(result).await;
        };
        ((bytes, end_reader), ended.boxed_local())
    }
}
