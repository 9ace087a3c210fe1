//! The application's variables.

use crate::answer::refuse;
use crate::ceilings::Ceilings;
use fantail_tokens::{LIST_VARIABLE, TOKEN_VARIABLE, Token, Tokens};
use fantail_wire::Problem;
use futures::future::{try_join, try_join_all};
use spin_sdk::http::StatusCode;
use spin_sdk::variables::{self, Error};

/// The tokens. Variables are read for every batch, so that they can be changed while the application runs.
pub(crate) async fn tokens() -> Result<Tokens, Problem> {
    let (single, list) = try_join(variable(TOKEN_VARIABLE), variable(LIST_VARIABLE)).await?;
    Tokens::of_variables(single.as_deref(), list.as_deref())
        .map_err(|error| misconfigured(LIST_VARIABLE, &error.to_string()))
}

impl Ceilings {
    /// Call this only after the token was checked: errors in variables are not for others.
    pub(crate) async fn read(token: &Token) -> Result<Self, Problem> {
        let mut ceilings = Ceilings::default();
        let values = try_join_all(Ceilings::VARIABLES.map(variable)).await?;
        for (name, value) in Ceilings::VARIABLES.into_iter().zip(values) {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                ceilings.set(name, &value).map_err(|reason| misconfigured(name, &reason))?;
            }
        }
        ceilings.of_token(token).map_err(|(name, reason)| misconfigured(&format!("{name} of this token"), &reason))
    }
}

/// Whether the host reports facts about each attempt. The host sets this itself: it is not a setting of the
/// application, and not in spin.toml.
pub(crate) async fn host_facts() -> Result<bool, Problem> {
    Ok(variable("host_facts").await?.as_deref() == Some("true"))
}

/// The value of a variable, if it has one.
async fn variable(name: &str) -> Result<Option<String>, Problem> {
    match variables::get(name).await {
        Ok(value) => Ok(Some(value)),
        Err(Error::Undefined(_)) => Ok(None),
        // The host's message may contain details that callers must not see.
        Err(Error::InvalidName(_) | Error::Provider(_) | Error::Other(_)) => {
            Err(misconfigured(name, "the host could not give its value"))
        }
    }
}

fn misconfigured(name: &str, reason: &str) -> Problem {
    refuse(StatusCode::SERVICE_UNAVAILABLE, format!("the variable {name} cannot be used: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use toml::{Table, Value};

    #[test]
    fn spin_toml_passes_on_every_variable_with_our_defaults() {
        let manifest: Table = include_str!("../../../spin.toml").parse().unwrap();
        let passed_on = manifest["component"]["edge"]["variables"].as_table().unwrap();
        let mut declared = manifest["variables"].as_table().unwrap().clone();
        assert!(declared.remove("upstreams").unwrap()["required"].as_bool().unwrap(), "for the host, not for us");
        let names: Vec<&str> = [TOKEN_VARIABLE, LIST_VARIABLE].into_iter().chain(Ceilings::VARIABLES).collect();
        let mut ceilings = Ceilings { max_requests: 1, max_concurrency: 1, ..Ceilings::default() };
        for name in &names {
            assert_eq!(passed_on[*name], Value::from(format!("{{{{ {name} }}}}")));
            let default = declared.remove(*name).unwrap()["default"].as_str().unwrap().to_owned();
            if ![TOKEN_VARIABLE, LIST_VARIABLE].contains(name) {
                ceilings.set(name, &default).unwrap();
            }
        }
        assert_eq!(ceilings, Ceilings::default());
        assert_eq!((declared.len(), passed_on.len()), (0, names.len()), "and no others");
    }

    #[test]
    fn spin_toml_keeps_the_tokens_secret_and_unset() {
        let manifest: Table = include_str!("../../../spin.toml").parse().unwrap();
        for name in [TOKEN_VARIABLE, LIST_VARIABLE] {
            let token = &manifest["variables"][name];
            assert_eq!((token["secret"].as_bool(), token["default"].as_str()), (Some(true), Some("")));
        }
    }
}
