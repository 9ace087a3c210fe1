//! What wasi:http's error codes mean to the engine.

use wasip2::http::types::{ErrorCode, FieldSizePayload};

fantail_shell::error_codes!("wasi:http/outgoing-handler");
