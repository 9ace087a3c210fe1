//! Addresses of names that are given in advance.

use crate::resolve::{Resolve, ResolveError};
use futures::future::BoxFuture;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// Knows the addresses of some hosts at some ports, and asks another resolver for all others. The egress policy judges these addresses as it
/// judges any other.
///
/// ```
/// use fantail_sender::{ResolveOverrides, SystemResolver};
///
/// let resolver = ResolveOverrides::new(SystemResolver::default()).add("example.com", 443, ["192.0.2.7".parse().unwrap()]);
/// ```
#[derive(Clone)]
pub struct ResolveOverrides {
    others: Arc<dyn Resolve>,
    addresses: HashMap<(String, u16), Vec<IpAddr>>,
}

impl ResolveOverrides {
    /// Asks `others` for every name.
    pub fn new(others: impl Resolve) -> Self {
        Self { others: Arc::new(others), addresses: HashMap::new() }
    }

    /// Adds addresses for a host at a port. They are tried in the order in which they were added.
    pub fn add(mut self, host: &str, port: u16, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        // As in a URL: lower case and punycode.
        let host = url::Host::parse(host).map_or_else(|_| host.to_owned(), |host| host.to_string());
        self.addresses.entry((normalized(&host), port)).or_default().extend(addresses);
        self
    }
}

impl Resolve for ResolveOverrides {
    fn resolve(&self, host: &str) -> BoxFuture<'static, Result<Vec<IpAddr>, ResolveError>> {
        self.others.resolve(host)
    }

    fn resolve_at(&self, host: &str, port: u16) -> BoxFuture<'static, Result<Vec<IpAddr>, ResolveError>> {
        match self.addresses.get(&(normalized(host), port)) {
            Some(addresses) => Box::pin(std::future::ready(Ok(addresses.clone()))),
            None => self.others.resolve_at(host, port),
        }
    }
}

fn normalized(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    struct Nothing;

    impl Resolve for Nothing {
        fn resolve(&self, host: &str) -> BoxFuture<'static, Result<Vec<IpAddr>, ResolveError>> {
            Box::pin(std::future::ready(Err(ResolveError(host.to_owned()))))
        }
    }

    #[test]
    fn only_the_given_host_at_the_given_port_has_the_given_addresses() {
        let (first, second): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "::1".parse().unwrap());
        let resolver = ResolveOverrides::new(Nothing).add("Bücher.test", 80, [first]).add("bücher.test", 80, [second]);
        let found = |host, port| resolver.resolve_at(host, port).now_or_never().unwrap();
        assert_eq!(found("XN--bcher-kva.test.", 80), Ok(vec![first, second]));
        assert_eq!(found("xn--bcher-kva.test", 81), Err(ResolveError("xn--bcher-kva.test".to_owned())));
        assert!(found("a.xn--bcher-kva.test", 80).is_err());
    }
}
