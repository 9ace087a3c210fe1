//! Between a batch and its reader.

use super::{Outbox, PolicyRefused};
use futures::channel::oneshot;

/// Between a batch and its reader.
pub(super) struct Channels {
    /// Resolves when the reader asks for its first outcome.
    pub(super) asked: oneshot::Receiver<()>,
    pub(super) outcomes: Outbox,
    /// Told what the component says of the policy.
    pub(super) accepted: oneshot::Sender<Result<(), PolicyRefused>>,
}

/// A component was told to stop, and did not within `Limits::stall`.
#[derive(Debug, thiserror::Error)]
#[error("the component does not stop")]
pub(super) struct DidNotStop;
