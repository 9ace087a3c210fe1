//! What the application is told by its variables.

use crate::answer::refuse;
use crate::ceilings::Ceilings;
use crate::token::{self, Token};
use fantail_wire::Problem;
use futures::future::try_join_all;
use spin_sdk::http::StatusCode;
use spin_sdk::variables::{self, Error};

/// What the application is told by its variables. Read for every batch, so that a token can be changed while it runs.
pub(crate) struct Settings {
    pub(crate) token: Token,
    pub(crate) ceilings: Ceilings,
}

impl Settings {
    pub(crate) async fn read() -> Result<Self, Problem> {
        let token = variable(token::VARIABLE).await?.and_then(Token::new).ok_or_else(Token::missing)?;
        let mut ceilings = Ceilings::default();
        let values = try_join_all(Ceilings::VARIABLES.map(variable)).await?;
        for (name, value) in Ceilings::VARIABLES.into_iter().zip(values) {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                ceilings.set(name, &value).map_err(|reason| misconfigured(name, &reason))?;
            }
        }
        Ok(Self { token, ceilings })
    }
}

/// The value of a variable; none if it has none.
async fn variable(name: &str) -> Result<Option<String>, Problem> {
    match variables::get(name).await {
        Ok(value) => Ok(Some(value)),
        Err(Error::Undefined(_)) => Ok(None),
        Err(Error::InvalidName(reason) | Error::Provider(reason) | Error::Other(reason)) => {
            Err(misconfigured(name, &reason))
        }
    }
}

fn misconfigured(name: &str, reason: &str) -> Problem {
    refuse(StatusCode::SERVICE_UNAVAILABLE, format!("the variable {name} cannot be used: {reason}"))
}
