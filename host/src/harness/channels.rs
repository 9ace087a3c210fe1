//! The channels between a batch and its reader.

use super::{Outbox, PolicyRefused};
use futures::channel::oneshot;

/// The channels between a batch and its reader.
pub(super) struct Channels {
    /// Resolves when the reader first polls for an outcome.
    pub(super) demanded: oneshot::Receiver<()>,
    pub(super) outcomes: Outbox,
    /// Receives whether the component accepts the policy.
    pub(super) policy_result: oneshot::Sender<Result<(), PolicyRefused>>,
}

/// A component was told to stop, but did not within `Limits::stall`.
#[derive(Debug, thiserror::Error)]
#[error("the component did not stop")]
pub(super) struct DidNotStop;
