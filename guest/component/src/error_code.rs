//! What wasi:http's error codes mean to the engine.

use crate::bindings::wasi::http::types::{ErrorCode, FieldSizePayload};

fantail_shell::error_codes!("wasi:http/client");
