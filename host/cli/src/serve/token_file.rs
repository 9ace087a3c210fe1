//! The file with the tokens of callers: TOML, or JSON if it ends in `.json`.

use fantail_tokens::{TokenError, Tokens};
use std::io;
use std::path::{Path, PathBuf};

/// A file with tokens cannot be used. No message contains a token.
#[derive(Debug, thiserror::Error)]
pub(super) enum TokenFileError {
    #[error("cannot read {}: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error("{}: {error}", path.display())]
    Tokens { path: PathBuf, error: TokenError },
    #[error("{}, line {line}: {reason}", path.display())]
    Toml { path: PathBuf, line: usize, reason: String },
    #[error("{} has no token: write [[tokens]], then name = \"…\" and token = \"…\"", path.display())]
    Empty { path: PathBuf },
}

/// Reads the tokens.
pub(super) fn read(path: &Path) -> Result<Tokens, TokenFileError> {
    let text = std::fs::read_to_string(path).map_err(|error| TokenFileError::Read { path: path.to_owned(), error })?;
    let tokens = if path.extension().is_some_and(|extension| extension == "json") {
        Tokens::from_json(&text).map_err(|error| TokenFileError::Tokens { path: path.to_owned(), error })?
    } else {
        from_toml(&text, path)?
    };
    if tokens.is_empty() { Err(TokenFileError::Empty { path: path.to_owned() }) } else { Ok(tokens) }
}

fn from_toml(text: &str, path: &Path) -> Result<Tokens, TokenFileError> {
    toml::from_str(text).map_err(|error| {
        // Only the message: the whole error shows the line, which may be that of a token.
        let reason = without_values(error.message());
        let start = error.span().map_or(0, |span| span.start);
        let line = 1 + text.bytes().take(start).filter(|byte| *byte == b'\n').count();
        TokenFileError::Toml { path: path.to_owned(), line, reason }
    })
}

/// The message without the value that was found, which may be a token.
fn without_values(message: &str) -> String {
    let names_a_field = |found: &str| {
        let name = found.strip_prefix("unknown field `").and_then(|rest| rest.strip_suffix('`'));
        name.is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
    };
    match message.rsplit_once(", expected ") {
        Some((found, expected)) if !names_a_field(found) => format!("expected {expected}"),
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_in_a_file_is_said_with_its_line_and_without_its_token() {
        let token = "token = \"s3cret-s3cret-s3cret\"";
        for (text, line, message) in [
            (format!("[[tokens]]\nname = \"a\"\n{token}\nmax_batchs = 2\n"), 4, "max_batchs"),
            (format!("[[tokens]]\nname = \"a\"\n{token} x\n"), 3, ""),
            ("[[tokens]]\nname = \"a\"\ntoken = \"s3cret\"\n".to_owned(), 1, "at least 16"),
            ("tokens = [\"s3cret-s3cret-s3cret\"]\n".to_owned(), 1, "expected "),
            (format!("[[tokens]]\nname = \"a\"\n{token}\nmetrics = \"s3cret-s3cret\"\n"), 4, "expected a boolean"),
            (format!("[[tokens]]\n{token}\ns3cret = \"a\"\n"), 3, "expected one of `name`"),
        ] {
            let error = from_toml(&text, Path::new("tokens.toml")).unwrap_err().to_string();
            assert!(error.starts_with(&format!("tokens.toml, line {line}: ")), "{error}");
            assert!(error.contains(message) && !error.contains("s3cret"), "{error}");
        }
        let tokens =
            from_toml(&format!("[[tokens]]\nname = \"a\"\n{token}\nmax_batches = 2\n"), Path::new("t")).unwrap();
        assert_eq!(tokens.all()[0].max_batches, Some(2));
    }
}
