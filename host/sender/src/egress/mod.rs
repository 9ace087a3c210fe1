//! Where requests may go. Pure: no I/O.
//!
//! Only an [`Approved`] address is connected to, and only [`Egress::approve`] and [`Egress::approve_literal`] make one. The check therefore cannot be
//! forgotten, and the address that was checked is the address that is connected to.

mod forms;
mod networks;
mod origins;
mod sockets;

pub use networks::{Approved, Refused};
pub use origins::{OriginPattern, PatternError};
pub use sockets::ApprovedSocket;
pub(crate) use sockets::UnnamedSocket;

use ipnet::IpNet;
use networks::Networks;
use sockets::Sockets;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where requests may go: to the listed origins, if any are listed, at addresses in the allowed networks, and with [`Egress::public`] at every
/// globally reachable address. A denied network is refused even inside an allowed one. An IPv6 address that stands for an IPv4 address, or may
/// in some network, must be allowed as both, and is refused if either is denied.
#[derive(Clone, Debug)]
pub struct Egress {
    /// None allows every origin.
    origins: Option<Vec<OriginPattern>>,
    networks: Networks,
    sockets: Sockets,
}

impl Egress {
    /// Allows no address at all.
    pub fn nothing() -> Self {
        Self { origins: None, networks: Networks::nothing(), sockets: Sockets::default() }
    }

    /// Allows every globally reachable address, and no other.
    pub fn public() -> Self {
        Self { origins: None, networks: Networks::public(), sockets: Sockets::default() }
    }

    /// Allows this origin. Once one origin is listed, all that are not are refused. A pattern that names an address also allows that
    /// address, for requests whose URL names it.
    pub fn origin(mut self, pattern: OriginPattern) -> Self {
        self.origins.get_or_insert_default().push(pattern);
        self
    }

    /// Allows a network.
    pub fn allow(mut self, network: IpNet) -> Self {
        self.networks.allow(network);
        self
    }

    /// Refuses a network, whatever else is allowed.
    pub fn deny(mut self, network: IpNet) -> Self {
        self.networks.deny(network);
        self
    }

    /// Allows connections to this Unix domain socket. No connection leads there unless the sender is told so
    /// ([`Route`](crate::Route)); none leads elsewhere then, and origins are still judged by name.
    pub fn unix_socket(mut self, path: impl Into<PathBuf>) -> Self {
        self.sockets.allow(path.into().into());
        self
    }

    /// Whether requests may go to this origin, whatever its addresses are. `host` is written as in a URL, an IPv6 address without brackets.
    pub(crate) fn admits(&self, https: bool, host: &str, port: u16) -> bool {
        self.origins.as_ref().is_none_or(|patterns| patterns.iter().any(|pattern| pattern.matches(https, host, port)))
    }

    /// Checks an address that a name resolved to.
    pub fn approve(&self, address: SocketAddr) -> Result<Approved, Refused> {
        self.networks.approve(address, false)
    }

    /// Checks a Unix domain socket.
    pub(crate) fn approve_socket(&self, path: &Arc<Path>) -> Result<ApprovedSocket, UnnamedSocket> {
        self.sockets.approve(path)
    }

    /// Checks an address that was written in a URL.
    pub fn approve_literal(&self, https: bool, address: SocketAddr) -> Result<Approved, Refused> {
        let named = self.origins.iter().flatten().any(|pattern| pattern.names(https, address));
        self.networks.approve(address, named)
    }
}
