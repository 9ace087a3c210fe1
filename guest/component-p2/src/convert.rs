//! Between the interface's types and the engine's, which say the same.

use crate::bindings::exports::fantail::fetch_p2::batch as wit;
use crate::incoming::Incoming;

fantail_shell::conversions!();
