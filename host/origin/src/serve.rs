//! Listens for connections.

use crate::connection;
use crate::count::{Counters, Counts};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// An origin on a loopback address and a port that the system chooses. Dropping it closes the port and its connections.
pub struct Origin {
    address: SocketAddr,
    scheme: &'static str,
    counters: Arc<Counters>,
    listening: JoinHandle<()>,
}

impl Origin {
    /// Starts an origin on 127.0.0.1, in the current tokio runtime.
    pub async fn start() -> io::Result<Self> {
        Self::on(IpAddr::V4(Ipv4Addr::LOCALHOST), None).await
    }

    /// Starts an origin on a loopback address, over TLS if an acceptor is given.
    pub async fn on(address: IpAddr, tls: Option<TlsAcceptor>) -> io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::new(address, 0)).await?;
        let address = listener.local_addr()?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let counters = Arc::new(Counters::default());
        let listening = tokio::spawn(listen(listener, tls, Arc::clone(&counters)));
        Ok(Self { address, scheme, counters, listening })
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path, which begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// The counts so far.
    pub fn counts(&self) -> Counts {
        self.counters.read()
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn listen(listener: TcpListener, tls: Option<TlsAcceptor>, counters: Arc<Counters>) {
    // Dropping the set aborts the connections with the listener.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // Out of file descriptors, or the peer has closed already: the next one may succeed.
                let Ok((tcp, _)) = accepted else { continue };
                let (counters, tls) = (Arc::clone(&counters), tls.clone());
                connections.spawn(async move {
                    let _counted = counters.connection();
                    // How a connection ends is the client's concern.
                    let _ = match tls {
                        None => connection::serve(tcp, &counters).await,
                        Some(tls) => match tls.accept(tcp).await {
                            Ok(stream) => connection::serve(stream, &counters).await,
                            Err(error) => Err(error),
                        },
                    };
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}
