//! What a page says about a run besides its outcomes.

use fantail::{End, Receipt};
use fantail_report::{bytes, count, span};
use std::time::Duration;

/// What the run has used: names and values.
pub(crate) fn receipt(receipt: &Receipt) -> Vec<(String, String)> {
    let Receipt { instances, memory, busy, host_calls, opened, reused, received, sent, elapsed } = receipt;
    let time = |time: &Duration| span(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    let rows = [
        ("elapsed", time(elapsed)),
        ("connections opened", count(*opened)),
        ("requests over a connection used before", count(*reused)),
        ("received", bytes(*received)),
        ("sent", bytes(*sent)),
        ("instances of the component", count((*instances).into())),
        ("memory of the component", bytes(*memory)),
        ("component busy", time(busy)),
        ("calls to the host", count(*host_calls)),
    ];
    rows.map(|(name, value)| (name.to_owned(), value)).into()
}

/// Sentences about how it ended, if it did not end by itself.
pub(crate) fn notes(end: &End) -> Vec<String> {
    match end {
        End::Finished(_) => Vec::new(),
        End::Cancelled(_) => vec!["The run was interrupted before the end of its input.".to_owned()],
        End::Broken(reason) => vec![format!("The component broke down: {reason}")],
    }
}
