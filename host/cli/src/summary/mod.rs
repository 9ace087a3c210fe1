//! The summary at the end of a run: what is counted for it, and how it is written.

mod details;
mod json;
mod notes;
mod origins;
mod spans;
mod table;

pub(crate) use details::Details;
pub(crate) use json::to_json;
pub(crate) use spans::Spans;
pub(crate) use table::table;

use fantail::{End, Receipt, Summary};
use fantail_engine::Settings;

/// Everything that is known of a run that has ended.
pub(crate) struct Run<'a> {
    pub(crate) summary: &'a Summary,
    pub(crate) details: &'a Details,
    pub(crate) receipt: &'a Receipt,
    pub(crate) end: &'a End,
    /// The policy in force.
    pub(crate) settings: &'a Settings,
}
