//! The host's events about attempts before their heads: that it has begun to send them.

use crate::attempt::take_facts;
use crate::response::{Incoming, More};
use crate::wasi::{Ask, Head, Wasi};
use fantail_engine::{AttemptId, Request, Sorted};
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use url::Url;

/// Bytes read at once.
const CHUNK_BYTES: usize = 4 * 1024;

/// Bytes of the longest line.
const MAX_LINE_BYTES: usize = 20;

/// Reads which attempts the host has begun to send. If the host does not report that, each counts as sent when it was
/// started.
pub(crate) struct Events<I> {
    /// None when no more events will come.
    next: Option<LocalBoxFuture<'static, Option<Chunk<I>>>>,
    /// Attempts that have not been reported as sent, by the host's numbers.
    unsent: Sorted<u64, AttemptId>,
    /// The beginning of an incomplete line.
    partial_line: Vec<u8>,
}

/// What was read, and the stream for more.
struct Chunk<I> {
    bytes: Vec<u8>,
    incoming: I,
}

thread_local! {
    /// Shared by all batches of this instance, because the host reports every attempt to all of them.
    static NUMBER: Cell<u64> = const { Cell::new(0) };
}

/// A number that no other attempt of this instance has.
pub(crate) fn next_number() -> u64 {
    NUMBER.replace(NUMBER.get() + 1)
}

impl<I: Incoming> Events<I> {
    /// Begins to read events.
    pub(crate) fn read<W: Wasi<Incoming = I>>(wasi: &Rc<W>) -> Self {
        let next = subscribe(Rc::clone(wasi)).boxed_local();
        Self { next: Some(next), unsent: Sorted::default(), partial_line: Vec::new() }
    }

    /// An attempt was started. Returns true if no event will report its sending.
    pub(crate) fn started(&mut self, number: u64, attempt: AttemptId) -> bool {
        if self.next.is_some() {
            self.unsent.insert(number, attempt);
        }
        self.next.is_none()
    }

    /// An attempt has ended.
    pub(crate) fn ended(&mut self, number: u64) {
        self.unsent.remove(&number);
    }

    /// Attempts that the host has begun to send.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Vec<AttemptId>> {
        let Some(next) = &mut self.next else { return Poll::Pending };
        let Poll::Ready(chunk) = next.poll_unpin(cx) else { return Poll::Pending };
        match chunk {
            Some(Chunk { bytes, incoming }) => {
                let sent = self.lines(&bytes);
                self.next = Some(read_chunk(incoming, bytes).boxed_local());
                Poll::Ready(sent)
            }
            None => {
                self.next = None;
                Poll::Ready(std::mem::take(&mut self.unsent).into_values().collect())
            }
        }
    }

    fn lines(&mut self, bytes: &[u8]) -> Vec<AttemptId> {
        let mut sent = Vec::new();
        for byte in bytes {
            match byte {
                b'\n' => {
                    let number = std::str::from_utf8(&self.partial_line).ok().and_then(|line| line.parse().ok());
                    sent.extend(number.and_then(|number: u64| self.unsent.remove(&number)));
                    self.partial_line.clear();
                }
                _ if self.partial_line.len() < MAX_LINE_BYTES => self.partial_line.push(*byte),
                // Too long for one of our lines.
                _ => {}
            }
        }
        sent
    }
}

/// Subscribes to events; none if the host has none.
async fn subscribe<W: Wasi>(wasi: Rc<W>) -> Option<Chunk<W::Incoming>> {
    // A reserved name (RFC 6761, section 6.4): another host cannot resolve it.
    let url = Url::parse("http://fantail.invalid/").ok()?;
    let request = Arc::new(Request::get(0, url.as_str()));
    let (head, _) = wasi.start(&request, &url, Ask::Events).ok()?;
    let Head { mut headers, incoming, .. } = head.await.ok()?;
    take_facts(&mut headers)?;
    Some(Chunk { bytes: Vec::with_capacity(CHUNK_BYTES), incoming })
}

async fn read_chunk<I: Incoming>(mut incoming: I, mut bytes: Vec<u8>) -> Option<Chunk<I>> {
    bytes.clear();
    bytes.reserve(CHUNK_BYTES);
    let (bytes, more) = incoming.read(bytes).await;
    (more == More::Yes).then_some(Chunk { bytes, incoming })
}
