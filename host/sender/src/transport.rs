//! Where connections come from, and what passes over them is counted.

use crate::account::Account;
use crate::egress::Approved;
use crate::slots::Slot;
use futures::future::BoxFuture;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Bytes both ways.
pub trait Transport: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Transport for T {}

/// Opens connections. There is no other way out of a sender.
pub trait Connect: Send + Sync + 'static {
    /// Opens a connection to this address and to no other. Dropping the future gives up.
    fn connect(&self, to: Approved) -> BoxFuture<'static, io::Result<Box<dyn Transport>>>;
}

/// Opens TCP connections.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpConnector;

impl Connect for TcpConnector {
    fn connect(&self, to: Approved) -> BoxFuture<'static, io::Result<Box<dyn Transport>>> {
        Box::pin(async move {
            let tcp = TcpStream::connect(to.address()).await?;
            // Requests are written whole: waiting to fill a packet would only delay them.
            tcp.set_nodelay(true)?;
            Ok(Box::new(tcp) as Box<dyn Transport>)
        })
    }
}

/// Who pays for what passes over a connection: the batch whose request is on it.
#[derive(Clone)]
pub(crate) struct BilledAccount(Arc<Mutex<Arc<Account>>>);

impl BilledAccount {
    pub(crate) fn new(account: &Arc<Account>) -> Self {
        Self(Arc::new(Mutex::new(Arc::clone(account))))
    }

    pub(crate) fn is_now(&self, account: &Arc<Account>) {
        // Nothing in here panics half-way through a change.
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(account);
    }

    fn pays(&self, charge: impl FnOnce(&Account)) {
        charge(&self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// A transport whose bytes are charged to whoever uses it.
pub(crate) struct Metered {
    pub(crate) transport: Box<dyn Transport>,
    pub(crate) payer: BilledAccount,
    /// As long as there is a socket, it counts.
    pub(crate) _slot: Slot,
}

impl Metered {
    fn wrote(&self, written: io::Result<usize>) -> io::Result<usize> {
        written.inspect(|bytes| self.payer.pays(|account| account.sent(*bytes)))
    }
}

impl AsyncRead for Metered {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.transport).poll_read(cx, buffer))?;
        let bytes = buffer.filled().len() - before;
        self.payer.pays(|account| account.received(bytes));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Metered {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.transport).poll_write(cx, bytes));
        Poll::Ready(self.wrote(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.transport).poll_write_vectored(cx, slices));
        Poll::Ready(self.wrote(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.transport.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_shutdown(cx)
    }
}
