//! What the application is told by its variables.

use crate::answer::refuse;
use crate::ceilings::Ceilings;
use crate::token::{self, Token};
use fantail_wire::Problem;
use futures::future::try_join_all;
use spin_sdk::http::StatusCode;
use spin_sdk::variables::{self, Error};

/// What the application is told by its variables. Read for every batch, so that they can be changed while it runs.
impl Token {
    pub(crate) async fn read() -> Result<Self, Problem> {
        variable(token::VARIABLE).await?.as_deref().and_then(Token::new).ok_or_else(Token::missing)
    }
}

impl Ceilings {
    /// Only for those who have shown the token: what is wrong with a variable is nobody else's business.
    pub(crate) async fn read() -> Result<Self, Problem> {
        let mut ceilings = Ceilings::default();
        let values = try_join_all(Ceilings::VARIABLES.map(variable)).await?;
        for (name, value) in Ceilings::VARIABLES.into_iter().zip(values) {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                ceilings.set(name, &value).map_err(|reason| misconfigured(name, &reason))?;
            }
        }
        Ok(ceilings)
    }
}

/// Whether the host tells what it knows of each attempt. The host says so by itself: this is no setting of the application, and not in
/// spin.toml.
pub(crate) async fn host_facts() -> Result<bool, Problem> {
    Ok(variable("host_facts").await?.as_deref() == Some("true"))
}

/// The value of a variable; none if it has none.
async fn variable(name: &str) -> Result<Option<String>, Problem> {
    match variables::get(name).await {
        Ok(value) => Ok(Some(value)),
        Err(Error::Undefined(_)) => Ok(None),
        // In the host's words there may be what only the host should know.
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
    fn spin_toml_hands_every_variable_on_with_the_default_that_is_ours() {
        let manifest: Table = include_str!("../../../spin.toml").parse().unwrap();
        let passed_on = manifest["component"]["edge"]["variables"].as_table().unwrap();
        let mut declared = manifest["variables"].as_table().unwrap().clone();
        assert!(declared.remove("upstreams").unwrap()["required"].as_bool().unwrap(), "for the host, not for us");
        let names: Vec<&str> = [token::VARIABLE].into_iter().chain(Ceilings::VARIABLES).collect();
        let mut ceilings = Ceilings { max_requests: 1, max_concurrency: 1, ..Ceilings::default() };
        for name in &names {
            assert_eq!(passed_on[*name], Value::from(format!("{{{{ {name} }}}}")));
            let default = declared.remove(*name).unwrap()["default"].as_str().unwrap().to_owned();
            if *name != token::VARIABLE {
                ceilings.set(name, &default).unwrap();
            }
        }
        assert_eq!(ceilings, Ceilings::default());
        assert_eq!((declared.len(), passed_on.len()), (0, names.len()), "and no others");
    }

    #[test]
    fn spin_toml_keeps_the_token_secret_and_unset() {
        let manifest: Table = include_str!("../../../spin.toml").parse().unwrap();
        let token = &manifest["variables"][token::VARIABLE];
        assert_eq!((token["secret"].as_bool(), token["default"].as_str()), (Some(true), Some("")));
    }
}
