//! The resources of the interface, and requests and outcomes in its types.

use crate::bindings::exports::fantail::fetch::batch as wit;
use crate::incoming::Incoming;

fantail_conversions::exports!();
