//! A network without sockets: every connection is answered in memory, on the thread that opened it.

use fantail::{Approved, Connect, Transport};
use futures::future::BoxFuture;
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 11\r\n\r\nhello world";

pub(crate) struct Mocked;

impl Connect for Mocked {
    fn connect(&self, _: Approved) -> BoxFuture<'static, io::Result<Box<dyn Transport>>> {
        Box::pin(async {
            let (near, far) = tokio::io::duplex(16 * 1024);
            tokio::spawn(answer(far));
            Ok(Box::new(near) as Box<dyn Transport>)
        })
    }
}

/// Answers one request after the other. None has a body, and none comes before the last was answered.
async fn answer(mut connection: DuplexStream) -> io::Result<()> {
    let mut read = Vec::new();
    loop {
        if connection.read_buf(&mut read).await? == 0 {
            return Ok(());
        }
        if read.ends_with(b"\r\n\r\n") {
            read.clear();
            connection.write_all(ANSWER).await?;
        }
    }
}
