//! What a page shows besides outcomes.

use fantail_engine::{Policy, Summary};
use std::time::SystemTime;

/// What a page shows besides outcomes. What is none is not known, and the page says so.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    /// Where the outcomes come from: a command, or a file.
    pub source: &'a str,
    /// When the page is made.
    pub made: SystemTime,
    /// The policy in force.
    pub policy: Option<&'a Policy>,
    /// The summary of the run.
    pub summary: Option<&'a Summary>,
    /// What the run has used: names and values.
    pub receipt: Option<&'a [(String, String)]>,
    /// Sentences that are shown first.
    pub notes: &'a [String],
}
