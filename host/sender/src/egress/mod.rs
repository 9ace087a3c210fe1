//! Where requests may go. Pure: it opens nothing and asks nobody.
//!
//! Nothing is connected to but an [`Approved`] address, and only [`Egress::approve`] and [`Egress::approve_literal`] make one. The check therefore cannot be
//! forgotten, and the address that was checked is the address that is connected.

mod forms;
mod networks;
mod origins;

pub use networks::{Approved, Refused};
pub use origins::{OriginPattern, PatternError};

use ipnet::IpNet;
use networks::Networks;
use std::net::SocketAddr;

/// Where requests may go: to the origins that are listed, if any are, at addresses of the networks that are allowed, and with
/// [`Egress::public`] at everything that is globally reachable. A denied network is refused even inside an allowed one. An IPv6 address that
/// stands for an IPv4 address, or may in some network, is judged as both, and the most forbidding answer counts.
#[derive(Clone, Debug)]
pub struct Egress {
    /// None: to every origin.
    origins: Option<Vec<OriginPattern>>,
    networks: Networks,
}

impl Egress {
    /// No address at all.
    pub fn nothing() -> Self {
        Self { origins: None, networks: Networks::nothing() }
    }

    /// Everything that is globally reachable, and nothing else.
    pub fn public() -> Self {
        Self { origins: None, networks: Networks::public() }
    }

    /// Refuses every origin but this one and others that are listed. A pattern that names an address also allows that address,
    /// for requests whose URL names it.
    pub fn origin(mut self, pattern: OriginPattern) -> Self {
        self.origins.get_or_insert_default().push(pattern);
        self
    }

    /// Allows a network.
    pub fn allow(mut self, network: IpNet) -> Self {
        self.networks.allow(network);
        self
    }

    /// Refuses a network whatever else is allowed.
    pub fn deny(mut self, network: IpNet) -> Self {
        self.networks.deny(network);
        self
    }

    /// Whether requests may go to an origin at all, wherever it is. `host` is as a URL has it, an IPv6 address without brackets.
    pub(crate) fn admits(&self, https: bool, host: &str, port: u16) -> bool {
        self.origins.as_ref().is_none_or(|patterns| patterns.iter().any(|pattern| pattern.matches(https, host, port)))
    }

    /// Checks one address that a name resolved to.
    pub fn approve(&self, address: SocketAddr) -> Result<Approved, Refused> {
        self.networks.approve(address, false)
    }

    /// Checks an address that stood in a URL.
    pub fn approve_literal(&self, https: bool, address: SocketAddr) -> Result<Approved, Refused> {
        let named = self.origins.iter().flatten().any(|pattern| pattern.names(https, address));
        self.networks.approve(address, named)
    }
}
