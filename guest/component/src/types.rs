//! Conversions between the interface's types and the engine's.

use crate::bindings::exports::fantail::fetch::batch as wit;

fantail_conversions::types!();
