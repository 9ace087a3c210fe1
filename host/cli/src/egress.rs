//! Where requests may go, from the command line.

use super::arguments;
use fantail::{Builder, Egress, Harness, Identity, OriginPattern, Trust};
use std::io;
use std::path::{Path, PathBuf};

/// A mistake in what is said of certificates.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EgressError {
    #[error("cannot read {}: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error("{}: {error}", path.display())]
    Certificates { path: PathBuf, error: fantail::TlsError },
}

fn egress(given: &arguments::Egress) -> Egress {
    let all = given.allow.iter().fold(Egress::public(), |egress, pattern| egress.origin(pattern.clone()));
    let allowed = given.allow_net.iter().fold(all, |egress, network| egress.allow(*network));
    given.deny_net.iter().fold(allowed, |egress, network| egress.deny(*network))
}

/// A builder that goes by what was given, and by one more pattern of origins.
pub(crate) fn builder(given: &arguments::Egress, pattern: Option<OriginPattern>) -> Result<Builder, EgressError> {
    let egress = pattern.into_iter().fold(egress(given), Egress::origin);
    let builder = cached(Harness::builder(egress).trust(trust(given)?));
    Ok(match (&given.cert, &given.key) {
        (Some(certificate), Some(key)) => {
            let identity = Identity::pem(&read(certificate)?, &read(key)?);
            builder.identity(identity.map_err(|error| EgressError::Certificates { path: certificate.clone(), error })?)
        }
        (_, None) | (None, _) => builder,
    })
}

/// Has what is compiled kept in the user's folder for such things (XDG Base Directory Specification), if there is one.
pub(crate) fn cached(builder: Builder) -> Builder {
    let set = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    match folder {
        Some(folder) => builder.cache(folder.join("fantail")),
        None => builder,
    }
}

fn trust(given: &arguments::Egress) -> Result<Trust, EgressError> {
    let Some(path) = &given.cacert else { return Ok(Trust::Platform) };
    Trust::pem(&read(path)?).map_err(|error| EgressError::Certificates { path: path.clone(), error })
}

fn read(path: &Path) -> Result<Vec<u8>, EgressError> {
    std::fs::read(path).map_err(|error| EgressError::Read { path: path.to_owned(), error })
}
