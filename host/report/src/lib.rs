//! Outcomes as a page for people, and as a HAR file for their tools.
//!
//! Neither grows with the number of outcomes: [`Report`] counts, and keeps a few; [`HarWriter`] writes one entry after another. This crate does
//! no I/O.

mod archive;
mod class;
mod extra;
mod format;
mod groups;
mod latencies;
mod line;
mod options;
mod origin;
mod parts;
mod redact;
mod render;
mod report;
mod row;
mod sample;
mod timeline;
mod view;

pub use archive::HarWriter;
pub use extra::Extra;
pub use format::{bytes, count, span};
pub use line::{Line, parse_line};
pub use options::Options;
pub use render::RenderError;
pub use report::Report;
pub use view::Context;
