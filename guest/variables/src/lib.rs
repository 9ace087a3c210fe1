//! Spin's variables without Spin: `api_token` is read from `SPIN_VARIABLE_API_TOKEN` in wasi:cli/environment.

#[expect(unsafe_code, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "provider", generate_all, default_bindings_module: "crate::bindings" });
    export!(Environment);
    use super::Environment;
}

use bindings::exports::spin::variables::variables::{Error, Guest};
use bindings::wasi::cli::environment::get_environment;
use wit_bindgen::yield_async;

const PREFIX: &str = "SPIN_VARIABLE_";

struct Environment;

impl Guest for Environment {
    async fn get(name: String) -> Result<String, Error> {
        // wasmtime 48 never frees the task of a call that returns and ends before its caller runs again.
        yield_async().await;
        let key = key(&name).ok_or_else(|| Error::InvalidName(format!("{name:?} is not the name of a variable")))?;
        let found = get_environment().into_iter().find(|(name, _)| *name == key);
        found.map(|(_, value)| value).ok_or_else(|| Error::Undefined(format!("no value for variable {name}")))
    }
}

/// The environment variable for a variable. Names are lower-case letters, digits and underscores, and begin with a
/// letter.
fn key(name: &str) -> Option<String> {
    let well_formed = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    well_formed.then(|| format!("{PREFIX}{}", name.to_ascii_uppercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_found_under_its_name_in_capitals() {
        assert_eq!(key("api_token").unwrap(), "SPIN_VARIABLE_API_TOKEN");
        assert_eq!(key("max_2").unwrap(), "SPIN_VARIABLE_MAX_2");
    }

    #[test]
    fn a_malformed_name_is_no_variable() {
        for name in ["", "Api", "_x", "1x", "a-b", "a=b", "ä"] {
            assert_eq!(key(name), None, "{name}");
        }
    }
}
