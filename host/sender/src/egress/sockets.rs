//! Unix domain sockets that a policy names.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// A Unix domain socket that a policy has approved to be connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovedSocket(Arc<Path>);

impl ApprovedSocket {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

/// A socket that a policy does not name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnnamedSocket(Arc<Path>);

impl fmt::Display for UnnamedSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the socket {} is not named by the egress policy", self.0.display())
    }
}

/// The sockets that may be connected to.
#[derive(Clone, Debug, Default)]
pub(super) struct Sockets(Vec<Arc<Path>>);

impl Sockets {
    pub(super) fn allow(&mut self, path: Arc<Path>) {
        self.0.push(path);
    }

    pub(super) fn approve(&self, path: &Arc<Path>) -> Result<ApprovedSocket, UnnamedSocket> {
        let named = self.0.iter().any(|other| other == path);
        if named { Ok(ApprovedSocket(Arc::clone(path))) } else { Err(UnnamedSocket(Arc::clone(path))) }
    }
}
