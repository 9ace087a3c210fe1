//! Reports and archives of made-up outcomes.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::expect_used, reason = "tests")]

mod archive;
mod made_up;
mod page;
mod size;
