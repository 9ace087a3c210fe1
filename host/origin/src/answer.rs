//! Selects the answer by path.

use crate::request::Request;
use std::time::Duration;

pub(crate) enum Answer {
    /// These bytes; the connection stays open.
    Whole(Vec<u8>),
    /// The same after a delay.
    Delayed(Duration, Vec<u8>),
    /// These bytes, then FIN.
    ThenClose(Vec<u8>),
    /// A head, then one piece after another without end.
    Endless { head: Vec<u8>, piece: Vec<u8>, every: Duration },
    /// Silence.
    Nothing,
    /// RST.
    Reset,
}

/// `serial` is how many requests the origin has seen, this one included.
pub(crate) fn answer(request: &Request, serial: usize) -> Answer {
    let path = request.path.split('?').next().unwrap_or_default();
    let mut parts = path.trim_start_matches('/').split('/');
    let name = parts.next().unwrap_or_default();
    let mut next = || parts.next().and_then(|number| number.parse::<usize>().ok()).unwrap_or(0);
    let number = next();
    let millis = |count: usize| Duration::from_millis(count as u64);
    match name {
        "status" => Answer::Whole(whole(number, b"", &request.method)),
        "bytes" => Answer::Whole(whole(200, &vec![b'x'; number], &request.method)),
        "chunked" => Answer::Whole(chunked(number)),
        "flaky" if serial.is_multiple_of(number.max(1)) => Answer::Whole(whole(503, b"", &request.method)),
        "stall" if serial.is_multiple_of(number.max(1)) => Answer::Delayed(millis(next()), hello(&request.method)),
        "delay" => Answer::Delayed(millis(number), hello(&request.method)),
        "echo" => Answer::Whole(whole(200, &[request.head.as_slice(), &request.body].concat(), &request.method)),
        "headers" => {
            let lines: String = (0..number).map(|line| format!("x-{line}: y\r\n")).collect();
            Answer::Whole(format!("HTTP/1.1 200 OK\r\n{lines}content-length: 0\r\n\r\n").into_bytes())
        }
        "redirect" => {
            let location = request.path.split_once('?').map(|(_, location)| location).unwrap_or_default();
            Answer::Whole(
                format!("HTTP/1.1 {number} -\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n").into_bytes(),
            )
        }
        "busy" => {
            Answer::Whole(format!("HTTP/1.1 503 -\r\nretry-after: {number}\r\ncontent-length: 0\r\n\r\n").into_bytes())
        }
        "hang" => Answer::Nothing,
        "slow-head" => Answer::Endless { head: Vec::new(), piece: b"H".to_vec(), every: millis(100) },
        "drip" => Answer::Endless { head: endless_head(), piece: b"1\r\nx\r\n".to_vec(), every: millis(number) },
        "endless" => {
            let piece = [b"4000\r\n".as_slice(), &[b'x'; 0x4000], b"\r\n"].concat();
            Answer::Endless { head: endless_head(), piece, every: Duration::ZERO }
        }
        "short" => Answer::ThenClose(b"HTTP/1.1 200 OK\r\ncontent-length: 44\r\n\r\nhello ".to_vec()),
        "close" => Answer::ThenClose(Vec::new()),
        "garbage" => Answer::ThenClose(b"220 ready\r\n\r\n".to_vec()),
        "reset" => Answer::Reset,
        _ => Answer::Whole(hello(&request.method)),
    }
}

fn hello(method: &str) -> Vec<u8> {
    whole(200, b"hello world", method)
}

fn whole(status: usize, body: &[u8], method: &str) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} -\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\n\r\n");
    let body = if method == "HEAD" { &[] } else { body };
    [head.as_bytes(), body].concat()
}

fn chunked(length: usize) -> Vec<u8> {
    let mut bytes = endless_head();
    for piece in vec![b'x'; length].chunks(1000) {
        bytes.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        bytes.extend_from_slice(piece);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

fn endless_head() -> Vec<u8> {
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec()
}
