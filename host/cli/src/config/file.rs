//! The configuration file.

use crate::suggest::hint;
use std::fmt;
use std::io::{self, Read};
use std::path::PathBuf;
use toml::{Table, Value};

/// The most bytes of the file.
const MAX_BYTES: u64 = 1024 * 1024;

/// The configuration cannot be used. No value of it is repeated, because it may be secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("there is no home folder to find the configuration in: name it with --config FILE")]
    NoHome,
    #[error("cannot read {} for the profile: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error("{}: {reason}", path.display())]
    File { path: PathBuf, reason: String },
    #[error("{profile}: {reason}")]
    Profile { profile: String, reason: String },
}

/// The options of one profile.
pub(crate) struct Profile {
    path: PathBuf,
    name: String,
    pub(super) options: Table,
}

/// Its name and file.
impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the profile {} of {}", self.name, self.path.display())
    }
}

impl Profile {
    /// Reads a profile from this file, or from the user's.
    pub(super) fn read(path: Option<PathBuf>, name: String) -> Result<Self, ConfigError> {
        let path = path.or_else(default_path).ok_or(ConfigError::NoHome)?;
        let text = read(&path).map_err(|error| ConfigError::Read { path: path.clone(), error })?;
        match profile(&text, &name) {
            Ok(options) => Ok(Self { path, name, options }),
            Err(reason) => Err(ConfigError::File { path, reason }),
        }
    }

    /// The names of its options.
    pub(super) fn names(&self) -> String {
        self.options.keys().map(|key| format!("--{key}")).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn error(&self, reason: String) -> ConfigError {
        ConfigError::Profile { profile: self.to_string(), reason }
    }
}

/// XDG Base Directory Specification.
fn default_path() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = variable("XDG_CONFIG_HOME").or_else(|| variable("HOME").map(|home| home.join(".config")))?;
    Some(folder.join("fantail/config.toml"))
}

fn read(path: &PathBuf) -> io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(text) }
}

fn profile(text: &str, name: &str) -> Result<Table, String> {
    // The error's own text shows the line, with what may be a password.
    let table = text.parse::<Table>().map_err(|error| {
        let line =
            error.span().and_then(|span| text.get(..span.start)).map_or(1, |before| before.matches('\n').count() + 1);
        format!("line {line}: {}", error.message())
    })?;
    if let Some(unknown) = table.keys().find(|key| *key != "profiles") {
        return Err(format!("there is no section {unknown}{}; write [profiles.{name}]", hint(unknown, ["profiles"])));
    }
    let Some(Value::Table(profiles)) = table.get("profiles") else {
        return Err(format!("it has no profiles: write [profiles.{name}], and options below it"));
    };
    match profiles.get(name) {
        Some(Value::Table(options)) => Ok(options.clone()),
        Some(_) => {
            Err(format!("profiles.{name} is not a table of options: write [profiles.{name}], and options below it"))
        }
        None => Err(match hint(name, profiles.keys().map(String::as_str)) {
            meant if meant.is_empty() => {
                let names: Vec<&str> = profiles.keys().map(String::as_str).take(20).collect();
                format!("there is no profile {name}; there is {}", names.join(", "))
            }
            meant => format!("there is no profile {name}{meant}"),
        }),
    }
}
