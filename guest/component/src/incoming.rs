//! A response's body: read, dropped, or handed out.

use crate::attempt::Failed;
use crate::bindings::exports::fantail::fetch::batch::{Failure, Header};
use crate::outgoing::Transmission;
use crate::{bindings, convert, error_code};
use fantail_engine as engine;
use fantail_engine::Cause;
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use std::future::IntoFuture;
use wasip3::http::types as http;
use wit_bindgen::rt::async_support::{FutureReader, FutureWriter, StreamReader, StreamResult};

/// Bytes that a body may have for its connection to be worth saving when nobody wants it.
const SHORT: usize = 64 * 1024;

/// Bytes read at once from a body of unknown length.
const PIECE: usize = 16 * 1024;

/// A body as wasi:http gives it, and what must stay alive until it has ended.
pub(crate) struct Incoming {
    bytes: StreamReader<u8>,
    trailers: FutureReader<Result<Option<http::Trailers>, http::ErrorCode>>,
    processed: FutureWriter<Result<(), http::ErrorCode>>,
    transmission: Transmission,
}

/// An unread body as the caller gets it.
type Unread = (StreamReader<u8>, FutureReader<Result<Vec<Header>, Failure>>);

impl Incoming {
    pub(crate) fn new(response: http::Response, transmission: Transmission) -> Self {
        let (processed, processed_reader) = wasip3::wit_future::new(|| Ok(()));
        let (bytes, trailers) = http::Response::consume_body(response, processed_reader);
        Self { bytes, trailers, processed, transmission }
    }

    /// Reads a short body to its end, so that its connection can be used again; drops a longer one. Gives the bytes read.
    pub(crate) async fn discard(mut self, length: Option<u64>) -> Result<u64, Failed> {
        if length.is_some_and(|length| length > SHORT as u64) {
            return Ok(0);
        }
        let mut count = 0;
        let mut piece = Vec::with_capacity(PIECE);
        while count <= SHORT {
            if length == Some(count as u64) {
                self.whole().await;
                break;
            }
            let (result, mut read) = self.bytes.read(piece).await;
            count += read.len();
            if !matches!(result, StreamResult::Complete(_)) {
                return self.end().await.map(|()| count as u64);
            }
            read.clear();
            piece = read;
        }
        Ok(count as u64)
    }

    /// Reads a body whole, unless it is longer than `most` bytes.
    pub(crate) async fn collect(mut self, length: Option<u64>, most: u64) -> Result<Vec<u8>, Failed> {
        if let Some(length) = length.filter(|length| *length > most) {
            let detail = format!("content-length is {length} bytes, at most {most} are accepted");
            return Err((Cause::BodyTooLarge, Some(detail)));
        }
        let limit = usize::try_from(most).unwrap_or(usize::MAX);
        let announced = length.map_or(limit.saturating_add(1), |length| usize::try_from(length).unwrap_or(limit));
        let mut body = Vec::new();
        while body.len() <= limit {
            if length == Some(body.len() as u64) {
                self.whole().await;
                return Ok(body);
            }
            if body.len() == body.capacity() {
                // What is announced is believed only as it arrives.
                let more = body.len().max(PIECE).min(announced.saturating_sub(body.len()).max(1));
                if body.try_reserve_exact(more).is_err() {
                    return Err((Cause::BodyTooLarge, Some("the component has no memory left for it".to_owned())));
                }
            }
            let (result, read) = self.bytes.read(body).await;
            body = read;
            if !matches!(result, StreamResult::Complete(_)) {
                self.end().await?;
                return Ok(body);
            }
        }
        Err((Cause::BodyTooLarge, Some(format!("more than {most} bytes arrived"))))
    }

    /// Hands the body out unread, with a future of our own for its end, and a future to run until then.
    pub(crate) fn hand_out(self, status: u16, repeatable: bool) -> (Unread, LocalBoxFuture<'static, ()>) {
        let Self { bytes, trailers, processed, transmission } = self;
        let (end, end_reader) = bindings::wit_future::new(|| Ok(Vec::new()));
        let ended = async move {
            let (_, trailers) = futures::join!(processed.write(Ok(())), trailers.into_future());
            drop(transmission);
            let result =
                trailers.map(|fields| fields.map_or_else(Vec::new, |fields| fields.copy_all())).map_err(|code| {
                    let (cause, detail) = error_code::cause(code);
                    convert::failure(engine::Failure {
                        detail,
                        ..engine::Failure::after_head(cause, repeatable, status)
                    })
                });
            // Nobody has to be interested in how it ended.
            let _ = end.write(result).await;
        };
        ((bytes, end_reader), ended.boxed_local())
    }

    /// After the last byte that was announced: there is nothing left to ask, which would cost as much as a short body.
    async fn whole(self) {
        let _ = self.processed.write(Ok(())).await;
    }

    /// After the last byte of a body that announced no length, or broke its word: whether the body is whole.
    async fn end(self) -> Result<(), Failed> {
        drop(self.bytes);
        let (_, trailers) = futures::join!(self.processed.write(Ok(())), self.trailers.into_future());
        drop(self.transmission);
        trailers.map(drop).map_err(error_code::cause)
    }
}

/// The length a response announces, if it does so plainly.
pub(crate) fn content_length(headers: &[Header]) -> Option<u64> {
    let (_, value) = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?;
    std::str::from_utf8(value).ok()?.parse().ok()
}
