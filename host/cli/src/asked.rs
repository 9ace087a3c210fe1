//! What is known of a request when its outcome arrives.

use fantail_wire::Context;

/// What is known of a request when its outcome arrives.
#[derive(Default)]
pub(crate) struct Asked {
    /// What its outcome's line repeats.
    pub(crate) context: Context,
    /// Whether it may be sent twice without harm.
    pub(crate) repeatable: bool,
}
