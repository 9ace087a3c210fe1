//! What wasi:http's error codes mean to the engine.

use wasip3::http::types::{ErrorCode, FieldSizePayload};

fantail_shell::error_codes!("wasi:http/client");
