//! The interface's resources, and conversions of requests and outcomes.

use crate::bindings::exports::fantail::fetch::batch as wit;
use crate::incoming::Incoming;

fantail_conversions::exports!();
