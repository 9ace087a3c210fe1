//! Builds the egress policy from arguments.

use super::{arguments, connection};
use fantail::{Builder, Egress, Harness, Identity, OriginPattern, Trust};
use std::io;
use std::path::{Path, PathBuf};

/// A certificate or key cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EgressError {
    #[error("cannot read {}: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error("{}: {error}", path.display())]
    Certificates { path: PathBuf, error: fantail::TlsError },
    #[error("--proxy: {0}")]
    Proxy(#[from] fantail::ProxyError),
}

fn egress(options: &arguments::Egress) -> Egress {
    let all = options.allow.iter().fold(Egress::public(), |egress, pattern| egress.origin(pattern.clone()));
    let allowed = options.allow_net.iter().fold(all, |egress, network| egress.allow(*network));
    let all = options.deny_net.iter().fold(allowed, |egress, network| egress.deny(*network));
    options.connection.unix_socket.iter().fold(all, Egress::unix_socket)
}

/// A builder with the egress policy of the arguments, and one more origin pattern.
pub(crate) fn builder(options: &arguments::Egress, pattern: Option<OriginPattern>) -> Result<Builder, EgressError> {
    let egress = pattern.into_iter().fold(egress(options), Egress::origin);
    let builder = cached(Harness::builder(egress).trust(trust(options)?));
    let builder = connection::configure(builder, &options.connection)?;
    Ok(match (&options.cert, &options.key) {
        (Some(certificate), Some(key)) => {
            let identity = Identity::pem(&read(certificate)?, &read(key)?);
            builder.identity(identity.map_err(|error| EgressError::Certificates { path: certificate.clone(), error })?)
        }
        (_, None) | (None, _) => builder,
    })
}

/// Enables the cache of compiled components in the user's cache folder (XDG Base Directory Specification), if there is one.
pub(crate) fn cached(builder: Builder) -> Builder {
    let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")));
    match folder {
        Some(folder) => builder.cache(folder.join("fantail")),
        None => builder,
    }
}

fn trust(options: &arguments::Egress) -> Result<Trust, EgressError> {
    let Some(path) = &options.cacert else { return Ok(Trust::Platform) };
    Trust::pem(&read(path)?).map_err(|error| EgressError::Certificates { path: path.clone(), error })
}

fn read(path: &Path) -> Result<Vec<u8>, EgressError> {
    std::fs::read(path).map_err(|error| EgressError::Read { path: path.to_owned(), error })
}
