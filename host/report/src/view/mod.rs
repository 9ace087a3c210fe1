//! What the templates show, with every number already a text.

mod chart;
mod collected;
mod context;
mod facts;
mod page;
mod tables;
mod waterfall;

pub(crate) use collected::Collected;
pub use context::Context;
pub(crate) use page::{Page, page};
