//! The tokens that callers of the application present, each with a name and limits of its own.
//!
//! The application reads them for every batch, and a host that knows them says in its metrics and logs whose request it was. Both use this
//! crate, so that they cannot disagree.

mod list;
mod secret;

pub use list::{LIST_VARIABLE, MAX_TOKENS, TOKEN_VARIABLE, Token, TokenError, Tokens, all_under_way};
pub use secret::{Secret, bearer};
