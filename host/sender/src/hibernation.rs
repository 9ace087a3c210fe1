//! Idle connections of HTTP/1.1 that give back hyper's buffers, 24 KiB each, until there is a request for them.

use crate::activity::ActivityStream;
use crate::outgoing::RequestBody;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::oneshot;

/// A transport as hyper takes it.
pub(crate) type Io<T> = TokioIo<ActivityStream<T>>;

/// What sends over a connection.
pub(crate) type Http1 = SendRequest<RequestBody>;

/// What wakes a connection: where to put what sends over it.
pub(crate) type WakeUp = oneshot::Sender<oneshot::Sender<Http1>>;

/// Asks a driver to let its connection hibernate.
pub(crate) struct Hibernate {
    woken: oneshot::Receiver<oneshot::Sender<Http1>>,
    /// Dropped by the driver: hyper ends a connection without it.
    send: Http1,
}

impl Hibernate {
    /// The request, and what wakes the connection afterwards.
    pub(crate) fn new(send: Http1) -> (Self, WakeUp) {
        let (wake_up, woken) = oneshot::channel();
        (Self { woken, send }, wake_up)
    }

    /// Waits until the connection is woken. None if it ended, or if the peer sent anything, which it has no reason to.
    pub(crate) async fn wait<T>(self, mut io: Io<T>) -> Option<(Io<T>, oneshot::Sender<Http1>)>
    where
        T: AsyncRead + Unpin,
    {
        let Self { mut woken, send } = self;
        drop(send);
        let to = poll_fn(|cx| {
            let mut byte = [0];
            if Pin::new(io.inner_mut()).poll_read(cx, &mut ReadBuf::new(&mut byte)).is_ready() {
                return Poll::Ready(None);
            }
            Pin::new(&mut woken).poll(cx).map(Result::ok)
        });
        let to = to.await?;
        Some((io, to))
    }
}

/// Wakes a connection. None if it has ended meanwhile.
pub(crate) async fn wake(wake_up: WakeUp) -> Option<Http1> {
    let (to, send) = oneshot::channel();
    wake_up.send(to).ok()?;
    send.await.ok()
}
