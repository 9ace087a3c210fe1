//! Opens connections, and counts the bytes that pass over them.

use crate::account::Account;
use crate::egress::{Approved, ApprovedSocket};
use crate::slots::Slot;
use futures::future::BoxFuture;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// A stream of bytes in both directions.
pub trait Transport: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Transport for T {}

/// Opens connections. A sender has no other way to the network.
pub trait Connect: Send + Sync + 'static {
    /// Opens a connection to this address and to no other. Dropping the future cancels the attempt.
    fn connect(&self, to: Approved) -> BoxFuture<'static, io::Result<Box<dyn Transport>>>;

    /// Opens a connection to this Unix domain socket and to no other. By default that is not supported.
    fn connect_unix(&self, to: ApprovedSocket) -> BoxFuture<'static, io::Result<Box<dyn Transport>>> {
        let _ = to;
        Box::pin(std::future::ready(Err(io::ErrorKind::Unsupported.into())))
    }
}

/// Opens TCP connections, and connections to Unix domain sockets.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpConnector;

impl Connect for TcpConnector {
    fn connect(&self, to: Approved) -> BoxFuture<'static, io::Result<Box<dyn Transport>>> {
        Box::pin(async move {
            let tcp = TcpStream::connect(to.address()).await?;
            // Requests are written in one piece: waiting to fill a packet would only delay them.
            tcp.set_nodelay(true)?;
            Ok(Box::new(tcp) as Box<dyn Transport>)
        })
    }

    fn connect_unix(&self, to: ApprovedSocket) -> BoxFuture<'static, io::Result<Box<dyn Transport>>> {
        Box::pin(async move { Ok(Box::new(UnixStream::connect(to.path()).await?) as Box<dyn Transport>) })
    }
}

/// The account that the bytes of a connection are charged to: that of the batch whose request was sent over it last.
#[derive(Clone)]
pub(crate) struct BilledAccount(Arc<Mutex<Arc<Account>>>);

impl BilledAccount {
    pub(crate) fn new(account: &Arc<Account>) -> Self {
        Self(Arc::new(Mutex::new(Arc::clone(account))))
    }

    pub(crate) fn set(&self, account: &Arc<Account>) {
        // No code panics while it holds the lock.
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(account);
    }

    fn charge(&self, charge: impl FnOnce(&Account)) {
        charge(&self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// A transport whose bytes are charged to an account.
pub(crate) struct Metered {
    pub(crate) transport: Box<dyn Transport>,
    pub(crate) billed: BilledAccount,
    /// Held for as long as the socket is open.
    pub(crate) _slot: Slot,
}

impl Metered {
    fn charge_sent(&self, written: io::Result<usize>) -> io::Result<usize> {
        written.inspect(|bytes| self.billed.charge(|account| account.sent(*bytes)))
    }
}

impl AsyncRead for Metered {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.transport).poll_read(cx, buffer))?;
        let bytes = buffer.filled().len() - before;
        self.billed.charge(|account| account.received(bytes));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Metered {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.transport).poll_write(cx, bytes));
        Poll::Ready(self.charge_sent(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.transport).poll_write_vectored(cx, slices));
        Poll::Ready(self.charge_sent(written))
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
