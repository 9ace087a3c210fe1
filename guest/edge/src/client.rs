//! The client that an answer is streamed to.

use spin_sdk::wit_bindgen::{StreamResult, StreamWriter};

/// The client that an answer is streamed to.
pub(crate) struct Client {
    body: StreamWriter<u8>,
}

/// The client has closed its connection.
pub(crate) struct ClientGone;

impl Client {
    pub(crate) fn new(body: StreamWriter<u8>) -> Self {
        Self { body }
    }

    /// Writes all bytes, however slowly they are read.
    pub(crate) async fn write(mut self, bytes: Vec<u8>) -> Result<Self, ClientGone> {
        if self.body.write_all(bytes).await.is_empty() { Ok(self) } else { Err(ClientGone) }
    }

    /// Checks whether the client is still connected. An empty write waits for a slow client, and fails once it has
    /// gone.
    pub(crate) async fn check(mut self) -> Result<Self, ClientGone> {
        match self.body.write(Vec::new()).await {
            (StreamResult::Dropped, _) => Err(ClientGone),
            (StreamResult::Complete(_) | StreamResult::Cancelled, _) => Ok(self),
        }
    }
}
