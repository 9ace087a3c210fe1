//! The interface's types and the engine's, which say the same.

use crate::bindings::exports::fantail::fetch_p2::batch as wit;

fantail_conversions::types!();
