//! One connection: reads requests and sends answers.

use crate::answer::{Answer, answer};
use crate::count::Counters;
use crate::request::Request;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// A connection that can be ended with RST.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Unpin {
    fn tcp(&self) -> &TcpStream;
}

impl Transport for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Transport for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

pub(crate) async fn serve(mut stream: impl Transport, counters: &Counters) -> io::Result<()> {
    stream.tcp().set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(4096);
    while let Some(request) = read(&mut stream, &mut buffer).await? {
        let (_counted, serial) = counters.request();
        match answer(&request, serial) {
            Answer::Whole(bytes) => stream.write_all(&bytes).await?,
            Answer::Delayed(delay, bytes) => {
                wait_unless_closed(&mut stream, delay).await?;
                stream.write_all(&bytes).await?;
            }
            Answer::ThenClose(bytes) => {
                stream.write_all(&bytes).await?;
                return stream.shutdown().await;
            }
            Answer::Endless { head, piece, every } => {
                stream.write_all(&head).await?;
                loop {
                    stream.write_all(&piece).await?;
                    tokio::time::sleep(every).await;
                }
            }
            Answer::Nothing => wait_unless_closed(&mut stream, Duration::MAX).await?,
            Answer::Reset => return socket2::SockRef::from(stream.tcp()).set_linger(Some(Duration::ZERO)),
        }
    }
    Ok(())
}

/// Waits, unless the client closes the connection first.
async fn wait_unless_closed(stream: &mut impl Transport, time: Duration) -> io::Result<()> {
    let mut byte = [0];
    tokio::select! {
        () = tokio::time::sleep(time) => Ok(()),
        read = stream.read(&mut byte) => match read? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Err(io::Error::other("a client must not send more before it has its answer")),
        },
    }
}

/// The next request, or none if the client closes the connection. `buffer` retains what was read beyond it.
async fn read(stream: &mut impl Transport, buffer: &mut Vec<u8>) -> io::Result<Option<Request>> {
    loop {
        if let Some((mut request, length)) = parse(buffer)? {
            request.head = buffer.drain(..length.head).collect();
            while buffer.len() < length.body {
                if stream.read_buf(buffer).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            request.body = buffer.drain(..length.body).collect();
            return Ok(Some(request));
        }
        if stream.read_buf(buffer).await? == 0 {
            return if buffer.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
    }
}

struct Length {
    head: usize,
    body: usize,
}

fn parse(buffer: &[u8]) -> io::Result<Option<(Request, Length)>> {
    let mut headers = [httparse::EMPTY_HEADER; 128];
    let mut parsed = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(head) = parsed.parse(buffer).map_err(io::Error::other)? else { return Ok(None) };
    let length = parsed.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let body = match length {
        None => 0,
        Some(header) => std::str::from_utf8(header.value)
            .ok()
            .and_then(|value| value.parse().ok())
            .ok_or_else(|| io::Error::other("content-length is not a number"))?,
    };
    if parsed.headers.iter().any(|header| header.name.eq_ignore_ascii_case("transfer-encoding")) {
        return Err(io::Error::other("only bodies with a content-length are read here"));
    }
    let method = parsed.method.unwrap_or_default().to_owned();
    let path = parsed.path.unwrap_or_default().to_owned();
    Ok(Some((Request { method, path, head: Vec::new(), body: Vec::new() }, Length { head, body })))
}
