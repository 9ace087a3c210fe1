//! The interface's types and the engine's, which say the same.

use crate::bindings::exports::fantail::fetch::batch as wit;

fantail_conversions::types!();
