//! A server that does what it is told, byte by byte.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What the server does on a connection, one after the other; then it closes it.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Reads up to the end of a request's head.
    Head,
    Send(Vec<u8>),
    /// Sends this for as long as it is taken.
    SendForEver(Vec<u8>),
    Sleep(Duration),
    /// Waits until the client closes the connection.
    Wait,
    /// Ends the connection with RST.
    Reset,
}

/// Bytes to send.
pub(crate) fn send(bytes: impl AsRef<[u8]>) -> Step {
    Step::Send(bytes.as_ref().to_vec())
}

/// A server that does the same on every connection. It ends with this.
pub(crate) struct Script {
    address: std::net::SocketAddr,
    connections: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Script {
    pub(crate) async fn start(steps: impl Into<Vec<Step>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, steps) = (listener.local_addr().unwrap(), steps.into());
        let (connections, open): (Arc<AtomicUsize>, Arc<AtomicUsize>) = Default::default();
        let (accepted, playing) = (Arc::clone(&connections), Arc::clone(&open));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut plays = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                accepted.fetch_add(1, Ordering::SeqCst);
                playing.fetch_add(1, Ordering::SeqCst);
                let (steps, playing) = (steps.clone(), Arc::clone(&playing));
                plays.spawn(async move {
                    let _ = play(stream, &steps).await;
                    playing.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, connections, open, _tasks: tasks }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.address
    }

    /// Connections accepted.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Waits until every connection has ended: nothing of a batch may keep one.
    pub(crate) async fn all_closed(&self) {
        let closed = async {
            while self.open.load(Ordering::SeqCst) > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), closed).await.expect("a connection was left open");
    }
}

async fn play(mut stream: TcpStream, steps: &[Step]) -> std::io::Result<()> {
    for step in steps {
        match step {
            Step::Head => {
                let mut read = Vec::new();
                while !read.windows(4).any(|end| end == b"\r\n\r\n") {
                    if stream.read_buf(&mut read).await? == 0 {
                        return Ok(());
                    }
                }
            }
            Step::Send(bytes) => stream.write_all(bytes).await?,
            Step::SendForEver(bytes) => loop {
                stream.write_all(bytes).await?;
            },
            Step::Sleep(span) => tokio::time::sleep(*span).await,
            Step::Wait => while stream.read(&mut [0; 4096]).await? > 0 {},
            Step::Reset => return socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)),
        }
    }
    stream.shutdown().await?;
    // So that what the client still sends is no reason for a reset that would overtake what was sent to it.
    while stream.read(&mut [0; 4096]).await? > 0 {}
    Ok(())
}
