//! Where requests may go, from the command line.

use super::arguments;
use fantail::{Egress, Trust};
use std::io;
use std::path::PathBuf;

/// A mistake in what is said of certificates.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EgressError {
    #[error("cannot read {}: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error("{}: {error}", path.display())]
    Certificates { path: PathBuf, error: fantail::TlsError },
}

pub(crate) fn egress(given: &arguments::Egress) -> Egress {
    let all = given.allow.iter().fold(Egress::public(), |egress, pattern| egress.origin(pattern.clone()));
    let allowed = given.allow_net.iter().fold(all, |egress, network| egress.allow(*network));
    given.deny_net.iter().fold(allowed, |egress, network| egress.deny(*network))
}

pub(crate) fn trust(given: &arguments::Egress) -> Result<Trust, EgressError> {
    let Some(path) = &given.cacert else { return Ok(Trust::Platform) };
    let pem = std::fs::read(path).map_err(|error| EgressError::Read { path: path.clone(), error })?;
    Trust::pem(&pem).map_err(|error| EgressError::Certificates { path: path.clone(), error })
}
