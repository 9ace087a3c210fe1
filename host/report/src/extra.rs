//! What is known of a request beside its outcome.

use fantail_wire::{Context, Id};

/// What is known of a request beside its outcome. Everything is optional.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extra {
    /// The caller's id, if it is not the outcome's number.
    pub id: Option<String>,
    /// The method.
    pub method: Option<String>,
    /// When the request was read, in microseconds since 1970.
    pub started_us: Option<u64>,
    /// When its outcome was seen, in microseconds since 1970. Used if nothing else tells the time.
    pub seen_us: Option<u64>,
    /// What identifies the request between runs.
    pub key: Option<String>,
    /// What the caller has attached to the request, as JSON.
    pub meta: Option<String>,
}

/// From what an outcome's line has of its request.
impl From<Context> for Extra {
    fn from(Context { id, method, started_us, key, meta }: Context) -> Self {
        let id = id.filter(|id| matches!(id, Id::Text(_))).map(|id| id.to_string());
        let meta = meta.map(|meta| meta.as_str().to_owned());
        Self { id, method, started_us, seen_us: None, key, meta }
    }
}
