//! A body on its way, one piece at a time.

use crate::write::Exchange;
use fantail_example_recording::{Bytes, Event, MAX_BODY_BYTES};
use wit_bindgen::{StreamReader, StreamResult, StreamWriter};

/// Bytes of a piece at most.
const PIECE_BYTES: usize = 16 * 1024;

/// Whose body it is.
#[derive(Clone, Copy)]
pub(crate) enum Of {
    Request,
    Response,
}

/// Passes a body on to its end, and writes it down. Gives the writer back, unless nobody wants more.
pub(crate) async fn pass_on(
    mut from: StreamReader<u8>,
    mut to: StreamWriter<u8>,
    of: Of,
    exchange: Exchange,
) -> Option<StreamWriter<u8>> {
    // None beyond the limit.
    let mut room = Some(MAX_BODY_BYTES);
    loop {
        let (result, piece) = from.read(Vec::with_capacity(PIECE_BYTES)).await;
        if let Some(bytes) = room {
            room = bytes.checked_sub(piece.len());
            match (of, room) {
                _ if piece.is_empty() => {}
                (Of::Request, Some(_)) => exchange.write(Event::RequestBody(Bytes(piece.clone()))),
                (Of::Response, Some(_)) => exchange.write(Event::ResponseBody(Bytes(piece.clone()))),
                // Without its end, a request's body is known by what it begins with.
                (Of::Request, None) => {}
                (Of::Response, None) => exchange.write(Event::TooLong),
            }
        }
        if !to.write_all(piece).await.is_empty() {
            return None;
        }
        if result == StreamResult::Dropped {
            if let (Of::Request, Some(_)) = (of, room) {
                exchange.write(Event::RequestEnd);
            }
            return Some(to);
        }
    }
}
