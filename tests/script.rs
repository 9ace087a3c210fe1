//! A server that follows a script, byte by byte.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// One step of the server on a connection; after the last it closes the connection.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Reads to the end of a request head.
    Head,
    Send(Vec<u8>),
    /// Sends these bytes repeatedly until the connection ends.
    SendForever(Vec<u8>),
    Sleep(Duration),
    /// Waits until the client closes the connection.
    Wait,
    /// Ends the connection with RST.
    Reset,
}

/// A step that sends these bytes.
pub(crate) fn send(bytes: impl AsRef<[u8]>) -> Step {
    Step::Send(bytes.as_ref().to_vec())
}

/// A server that runs the same steps on every connection, until it is dropped.
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
        let (accepted, still_open) = (Arc::clone(&connections), Arc::clone(&open));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut serving = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                accepted.fetch_add(1, Ordering::SeqCst);
                still_open.fetch_add(1, Ordering::SeqCst);
                let (steps, still_open) = (steps.clone(), Arc::clone(&still_open));
                serving.spawn(async move {
                    let _ = play(stream, &steps).await;
                    still_open.fetch_sub(1, Ordering::SeqCst);
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

    /// The number of accepted connections.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Waits until every connection has ended: a finished batch must not hold one.
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
            Step::SendForever(bytes) => loop {
                stream.write_all(bytes).await?;
            },
            Step::Sleep(duration) => tokio::time::sleep(*duration).await,
            Step::Wait => while stream.read(&mut [0; 4096]).await? > 0 {},
            Step::Reset => return socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)),
        }
    }
    stream.shutdown().await?;
    // Reads what the client still sends, as unread bytes would cause a reset that may overtake the response.
    while stream.read(&mut [0; 4096]).await? > 0 {}
    Ok(())
}
