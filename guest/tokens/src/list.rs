//! The list of all tokens.

use crate::secret::Secret;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use subtle::ConditionallySelectable;

/// The most tokens. Every one of them is compared for each request.
pub const MAX_TOKENS: usize = 1_000;

/// The fewest characters of a token in a list.
const MIN_TOKEN: usize = 16;

/// The most characters of a name.
const MAX_NAME: usize = 64;

/// The variable that holds one token without limits of its own.
pub const TOKEN_VARIABLE: &str = "api_token";

/// The variable that holds a list of tokens in JSON.
pub const LIST_VARIABLE: &str = "api_tokens";

/// The name of the token that is given on its own, without a list.
const SINGLE: &str = "default";

/// One token, and the limits of whoever presents it. A limit that is not set is that of the application.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// Names the token in logs and metrics. It is not secret.
    pub name: String,
    /// What callers present.
    pub token: Secret,
    /// Batches at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_batches: Option<u32>,
    /// Requests of a batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_requests: Option<u64>,
    /// Requests of a batch in flight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_concurrency: Option<u32>,
    /// Bytes of a posted batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_batch_bytes: Option<u64>,
    /// Bytes kept of the body of one response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_body_bytes: Option<u64>,
    /// Bytes that the requests and outcomes of a batch hold in memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_window_bytes: Option<u64>,
    /// The deadline of a batch, such as `60s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_deadline: Option<String>,
    /// Whether it may read the metrics of all tokens.
    #[serde(default)]
    pub metrics: bool,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Document {
    tokens: Vec<Token>,
}

/// The tokens of an application. Reads and writes `{"tokens":[{"name":…,"token":…},…]}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "Document", into = "Document")]
pub struct Tokens(Vec<Token>);

/// Tokens that cannot be used. The message contains no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "said by the messages")]
pub enum TokenError {
    #[error("line {line}, column {column}: expected {{\"tokens\":[{{\"name\":\"…\",\"token\":\"…\"}}]}}")]
    Malformed { line: usize, column: usize },
    #[error("there are {0} tokens: at most {MAX_TOKENS} are possible")]
    TooMany(usize),
    #[error(
        "the name of token {0} (counted from 1) has to have 1 to {MAX_NAME} characters, none of them a control character"
    )]
    Name(usize),
    #[error("the name {0:?} is given to more than one token")]
    NameAgain(String),
    #[error("the token of {0:?} is that of another name too")]
    TokenAgain(String),
    #[error(
        "the token of {0:?} has to have at least {MIN_TOKEN} visible ASCII characters: `openssl rand -hex 32` makes one"
    )]
    Token(String),
    #[error("max_batches of {0:?} is 0: leave the token out, or give it at least 1")]
    NoBatches(String),
}

impl TryFrom<Document> for Tokens {
    type Error = TokenError;

    fn try_from(Document { mut tokens }: Document) -> Result<Self, TokenError> {
        if tokens.len() > MAX_TOKENS {
            return Err(TokenError::TooMany(tokens.len()));
        }
        let (mut names, mut secrets) = (BTreeSet::new(), BTreeSet::new());
        for (place, token) in tokens.iter_mut().enumerate() {
            token.token = Secret::new(token.token.reveal());
            let name = token.name.clone();
            if name.is_empty() || name.chars().count() > MAX_NAME || name.contains(char::is_control) {
                return Err(TokenError::Name(place + 1));
            }
            let text = token.token.reveal();
            if text.len() < MIN_TOKEN || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(TokenError::Token(name));
            }
            if token.max_batches == Some(0) {
                return Err(TokenError::NoBatches(name));
            }
            if !secrets.insert(text.to_owned()) {
                return Err(TokenError::TokenAgain(name));
            }
            if !names.insert(name.clone()) {
                return Err(TokenError::NameAgain(name));
            }
        }
        Ok(Self(tokens))
    }
}

impl From<Tokens> for Document {
    fn from(Tokens(tokens): Tokens) -> Self {
        Self { tokens }
    }
}

impl Tokens {
    /// The tokens of the application's variables: `api_token` is one without limits of its own, `api_tokens` a list in JSON. Empty ones
    /// are not set.
    pub fn of_variables(api_token: Option<&str>, api_tokens: Option<&str>) -> Result<Self, TokenError> {
        let mut tokens = match api_tokens.filter(|list| !list.trim().is_empty()) {
            Some(list) => Self::from_json(list)?,
            None => Self::default(),
        };
        let single = api_token.map(Secret::new).filter(|token| !token.reveal().is_empty());
        if let Some(token) = single {
            if tokens.0.iter().any(|other| other.name == SINGLE) {
                return Err(TokenError::NameAgain(SINGLE.to_owned()));
            }
            if tokens.0.iter().any(|other| other.token == token) {
                return Err(TokenError::TokenAgain(SINGLE.to_owned()));
            }
            tokens.0.push(Token::new(SINGLE, token));
        }
        Ok(tokens)
    }

    /// The same of a list of variables, which may have others too.
    pub fn among(variables: &[(String, String)]) -> Result<Self, TokenError> {
        let value = |wanted: &str| {
            let variable = variables.iter().find(|(name, value)| name == wanted && !value.is_empty());
            variable.map(|(_, value)| value.as_str())
        };
        Self::of_variables(value(TOKEN_VARIABLE), value(LIST_VARIABLE))
    }

    /// Parses the JSON form.
    pub fn from_json(text: &str) -> Result<Self, TokenError> {
        // The message of the parser may quote a token.
        let malformed = |error: serde_json::Error| TokenError::Malformed { line: error.line(), column: error.column() };
        serde_json::from_str::<Document>(text).map_err(malformed)?.try_into()
    }

    /// The JSON form, which contains the tokens.
    pub fn to_json(&self) -> String {
        #[expect(clippy::expect_used, reason = "strings and numbers can always be written")]
        serde_json::to_string(self).expect("tokens can be written")
    }

    /// The same for an application whose host counts batches.
    pub fn without_max_batches(mut self) -> Self {
        self.0.iter_mut().for_each(|token| token.max_batches = None);
        self
    }

    /// Whether there is none, so that nobody may do anything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All tokens.
    pub fn all(&self) -> &[Token] {
        &self.0
    }

    /// The place of the token that was presented. All are compared, each in constant time.
    pub fn find(&self, presented: &[u8]) -> Option<usize> {
        let mut found = u64::MAX;
        for (place, token) in self.0.iter().enumerate() {
            found.conditional_assign(&(place as u64), token.token.is(presented));
        }
        usize::try_from(found).ok().filter(|place| *place < self.0.len())
    }
}

/// What a caller is told whose token has all its batches under way.
pub fn all_under_way(max_batches: u32) -> String {
    format!("this token has {max_batches} batches under way, which is all that it may: try again")
}

impl Token {
    fn new(name: &str, token: Secret) -> Self {
        Self {
            name: name.to_owned(),
            token,
            max_batches: None,
            max_requests: None,
            max_concurrency: None,
            max_batch_bytes: None,
            max_body_bytes: None,
            max_window_bytes: None,
            max_deadline: None,
            // Whoever has the only token runs this.
            metrics: true,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn error(list: &str) -> String {
        Tokens::from_json(list).unwrap_err().to_string()
    }

    fn entry(name: &str, token: &str) -> String {
        format!("{{\"name\":\"{name}\",\"token\":\"{token}\"}}")
    }

    fn list(entries: &[String]) -> String {
        format!("{{\"tokens\":[{}]}}", entries.join(","))
    }

    #[test]
    fn a_token_is_found_by_the_whole_of_it_only() {
        let text = list(&[entry("a", "aaaaaaaaaaaaaaaa"), entry("b", "aaaaaaaaaaaaaaab")]);
        let tokens = Tokens::of_variables(Some("short\n"), Some(&text)).unwrap();
        let names = |presented: &str| tokens.find(presented.as_bytes()).map(|place| tokens.all()[place].name.as_str());
        assert_eq!(names("aaaaaaaaaaaaaaaa"), Some("a"));
        assert_eq!(names("aaaaaaaaaaaaaaab"), Some("b"));
        assert_eq!(names("short"), Some("default"));
        for wrong in ["", "aaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaac", "SHORT"] {
            assert_eq!(names(wrong), None, "{wrong}");
        }
        assert!(Tokens::of_variables(Some(" \n"), Some("")).unwrap().is_empty());
    }

    #[test]
    fn what_is_wrong_with_a_list_is_said_without_its_tokens() {
        let long = "s3cret-s3cret-s3cret";
        for (text, message) in [
            ("{".to_owned(), "line 1, column 1"),
            (format!("{{\"tokens\":[{{\"name\":\"a\",\"token\":5,\"{long}\":1}}]}}"), "line 1, column"),
            (list(&[entry("", long)]), "the name of token 1"),
            (list(&[entry("a", "s3cret")]), "at least 16"),
            (list(&[entry("a", "s3cret s3cret s3cret")]), "visible ASCII"),
            (list(&[entry("a", long), entry("b", long)]), "\"b\" is that of another"),
            (list(&[entry("a", long), entry("a", "another-token-here")]), "\"a\" is given to more"),
            (format!("{{\"tokens\":[{{\"name\":\"a\",\"token\":\"{long}\",\"max_batches\":0}}]}}"), "max_batches"),
        ] {
            let said = error(&text);
            assert!(said.contains(message) && !said.contains("s3cret"), "{said}");
        }
        let tokens = Tokens::from_json(&list(&[entry("a", long)])).unwrap();
        assert!(!format!("{tokens:?}").contains("s3cret"));
    }

    #[test]
    fn a_list_is_the_same_after_it_was_written() {
        let text =
            "{\"tokens\":[{\"name\":\"a\",\"token\":\"0123456789abcdef\",\"max_batches\":2,\"max_deadline\":\"5s\"}]}";
        let tokens = Tokens::from_json(text).unwrap();
        assert_eq!(Tokens::from_json(&tokens.to_json()).unwrap(), tokens);
        assert_eq!((tokens.all()[0].max_batches, tokens.all()[0].metrics), (Some(2), false));
    }
}
