//! The client that an answer is streamed to.

use spin_sdk::time::sleep;
use spin_sdk::wit_bindgen::{StreamResult, StreamWriter};
use std::pin::Pin;
use std::time::Duration;

/// While there is nothing to write, this often the client is asked whether it is still there.
const PROBE: Duration = Duration::from_millis(50);

pub(crate) struct Client {
    body: StreamWriter<u8>,
    /// Lives from one wait to the next: outcomes come much more often than it ends.
    probe: Pin<Box<dyn Future<Output = ()>>>,
}

/// The client has closed its connection.
pub(crate) struct Left;

impl Client {
    pub(crate) fn new(body: StreamWriter<u8>) -> Self {
        Self { body, probe: Box::pin(sleep(PROBE)) }
    }

    /// Writes all of it, however slowly it is read.
    pub(crate) async fn write(&mut self, bytes: Vec<u8>) -> Result<(), Left> {
        if self.body.write_all(bytes).await.is_empty() { Ok(()) } else { Err(Left) }
    }

    /// Waits for the client to leave. Nothing else can tell: a write of nothing waits for a client that is slow, and fails
    /// once it has gone.
    pub(crate) async fn left(&mut self) -> Left {
        loop {
            self.probe.as_mut().await;
            self.probe = Box::pin(sleep(PROBE));
            if let (StreamResult::Dropped, _) = self.body.write(Vec::new()).await {
                return Left;
            }
        }
    }
}
