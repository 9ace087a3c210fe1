//! What is known of a request beside its outcome.

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
