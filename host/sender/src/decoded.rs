//! A response's body with its content coding undone.
//!
//! It is decoded as it is read, a piece at a time: a short body that stands for a long one costs nobody more than what is read of it.

use crate::account::Account;
use crate::content_coding::ContentCoding;
use crate::error::SendError;
use crate::received::Received;
use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder, ZstdDecoder};
use async_compression::zstd::DParameter;
use bytes::{Bytes, BytesMut};
use fantail_engine::{Cause, Facts, Phase, Sent};
use futures::stream::{self, BoxStream, Stream, StreamExt};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};
use tokio_util::io::{StreamReader, poll_read_buf};

/// The most bytes that are decoded at once.
const PIECE_BYTES: usize = 64 * 1024;

/// The longest window that zstd may ask for, as a power of two: 8 MiB, the most that a server may use (RFC 9659). A decoder allocates it at once.
const MAX_ZSTD_WINDOW_LOG: u32 = 23;

type Raw = StreamReader<BoxStream<'static, io::Result<Bytes>>, Bytes>;

pub(crate) struct Decoded {
    coding: ContentCoding,
    state: State,
    piece: BytesMut,
    /// Bytes decoded so far.
    length: u64,
    account: Arc<Account>,
    facts: Option<Facts>,
}

enum State {
    /// Nothing has arrived: an empty body has no coding to undo.
    Waiting(BoxStream<'static, io::Result<Bytes>>),
    Decoding(Decoder),
    /// All is decoded, and the end of the body is awaited, so that the connection can be used again.
    Ending(Decoder),
    Ended,
}

enum Decoder {
    Gzip(Box<GzipDecoder<Raw>>),
    Brotli(Box<BrotliDecoder<Raw>>),
    Zstd(Box<ZstdDecoder<Raw>>),
}

impl Decoder {
    fn new(coding: ContentCoding, raw: Raw) -> Self {
        match coding {
            ContentCoding::Gzip => {
                let mut decoder = GzipDecoder::new(raw);
                decoder.multiple_members(true);
                Self::Gzip(Box::new(decoder))
            }
            ContentCoding::Brotli => Self::Brotli(Box::new(BrotliDecoder::new(raw))),
            ContentCoding::Zstd => {
                let mut decoder = ZstdDecoder::with_params(raw, &[DParameter::window_log_max(MAX_ZSTD_WINDOW_LOG)]);
                decoder.multiple_members(true);
                Self::Zstd(Box::new(decoder))
            }
        }
    }

    fn raw(&mut self) -> Pin<&mut Raw> {
        Pin::new(match self {
            Self::Gzip(decoder) => decoder.get_mut(),
            Self::Brotli(decoder) => decoder.get_mut(),
            Self::Zstd(decoder) => decoder.get_mut(),
        })
    }
}

impl AsyncRead for Decoder {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Gzip(decoder) => Pin::new(decoder).poll_read(cx, buffer),
            Self::Brotli(decoder) => Pin::new(decoder).poll_read(cx, buffer),
            Self::Zstd(decoder) => Pin::new(decoder).poll_read(cx, buffer),
        }
    }
}

impl Decoded {
    pub(crate) fn new(received: Received, coding: ContentCoding, account: Arc<Account>, facts: Option<Facts>) -> Self {
        let state = State::Waiting(data(received).boxed());
        Self { coding, state, piece: BytesMut::new(), length: 0, account, facts }
    }

    pub(crate) fn is_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// The next piece. After an error, or none, there is no further one.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, SendError>>> {
        let polled = ready!(self.poll_piece(cx));
        let checked = polled.map_err(|error| self.send_error(error)).and_then(|piece| {
            self.length += piece.as_ref().map_or(0, |piece| piece.len() as u64);
            self.account.check(self.length).map(|()| piece)
        });
        let checked = checked.map_err(|error| {
            self.state = State::Ended;
            SendError { sent: Sent::Yes, facts: self.facts.map(Box::new), ..error }
        });
        Poll::Ready(checked.transpose())
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        loop {
            match &mut self.state {
                State::Waiting(data) => {
                    let first = ready!(data.poll_next_unpin(cx)).transpose()?;
                    let State::Waiting(data) = std::mem::replace(&mut self.state, State::Ended) else { continue };
                    let Some(first) = first else { return Poll::Ready(Ok(None)) };
                    let raw = stream::iter([Ok(first)]).chain(data).boxed();
                    self.state = State::Decoding(Decoder::new(self.coding, StreamReader::new(raw)));
                }
                State::Decoding(decoder) => {
                    self.piece.reserve(PIECE_BYTES);
                    if ready!(poll_read_buf(Pin::new(decoder), cx, &mut self.piece))? > 0 {
                        return Poll::Ready(Ok(Some(self.piece.split().freeze())));
                    }
                    let State::Decoding(decoder) = std::mem::replace(&mut self.state, State::Ended) else { continue };
                    self.state = State::Ending(decoder);
                }
                State::Ending(decoder) => {
                    if !ready!(decoder.raw().poll_fill_buf(cx))?.is_empty() {
                        return Poll::Ready(Err(io::Error::other("further bytes follow its end")));
                    }
                    self.state = State::Ended;
                }
                State::Ended => return Poll::Ready(Ok(None)),
            }
        }
    }

    /// An error of the body that was received, or of what it contained.
    fn send_error(&self, error: io::Error) -> SendError {
        match error.downcast::<SendError>() {
            Ok(own) => own,
            Err(broken) => {
                let detail = format!("the body is not valid {}: {broken}", self.coding.name());
                SendError::new(Cause::HttpResponseContentCoding, Phase::Body, detail)
            }
        }
    }
}

/// The data of a body, without its trailers.
fn data(mut received: Received) -> impl Stream<Item = io::Result<Bytes>> + Send {
    stream::poll_fn(move |cx| {
        loop {
            return Poll::Ready(match ready!(received.poll_next(cx)) {
                None => None,
                Some(Err(error)) => Some(Err(io::Error::other(error))),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if !data.is_empty() => Some(Ok(data)),
                    Ok(_) | Err(_) => continue,
                },
            });
        }
    })
}
