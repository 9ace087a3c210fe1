//! Conversions between the interface's types and the engine's.

use crate::bindings::exports::fantail::fetch_p2::batch as wit;

fantail_conversions::types!();
