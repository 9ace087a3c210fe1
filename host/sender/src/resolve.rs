//! Resolves host names to addresses.

use futures::future::BoxFuture;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::LookupIpStrategy;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

/// Finds the addresses of a name. Dropping the future cancels the lookup.
pub trait Resolve: Send + Sync + 'static {
    /// The addresses of `host`, at least one, in the order in which they should be tried.
    fn resolve(&self, host: &str) -> BoxFuture<'static, Result<Vec<IpAddr>, ResolveError>>;

    /// The same for connections to this port. Most resolvers have the same addresses for all.
    fn resolve_at(&self, host: &str, port: u16) -> BoxFuture<'static, Result<Vec<IpAddr>, ResolveError>> {
        let _ = port;
        self.resolve(host)
    }
}

/// The name could not be resolved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ResolveError(
    /// The resolver's message.
    pub String,
);

/// Queries the name servers that the system is configured with, and its hosts file, without blocking a thread.
#[derive(Clone, Default)]
pub struct SystemResolver {
    resolver: Arc<OnceLock<Result<TokioResolver, ResolveError>>>,
}

impl Resolve for SystemResolver {
    fn resolve(&self, host: &str) -> BoxFuture<'static, Result<Vec<IpAddr>, ResolveError>> {
        // The configuration is read on first use: requests to IP addresses need no name server.
        let resolver = self.resolver.get_or_init(system_resolver).clone();
        // With a trailing dot, the system's search domains are not applied.
        let name = if host.ends_with('.') { host.to_owned() } else { format!("{host}.") };
        Box::pin(async move {
            let found = resolver?.lookup_ip(name).await.map_err(|error| ResolveError(error.to_string()))?;
            let addresses: Vec<IpAddr> = found.iter().collect();
            if addresses.is_empty() { Err(ResolveError("the name has no address".to_owned())) } else { Ok(addresses) }
        })
    }
}

fn system_resolver() -> Result<TokioResolver, ResolveError> {
    let unusable = |error| ResolveError(format!("the system's resolver configuration cannot be used: {error}"));
    let mut builder = TokioResolver::builder_tokio().map_err(unusable)?;
    builder.options_mut().ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    builder.build().map_err(unusable)
}
