//! How the library makes connections, from arguments.

use super::arguments::{Connection, Resolved};
use fantail::{Builder, Proxy, ProxyError, ResolveOverrides, SystemResolver};

/// The builder with what the arguments say about connections.
pub(crate) fn configure(builder: Builder, connection: &Connection) -> Result<Builder, ProxyError> {
    let mut builder = builder.decompress(connection.compressed).http2_prior_knowledge(connection.http2_prior_knowledge);
    if !connection.resolve.is_empty() {
        builder = builder.resolver(resolver(&connection.resolve));
    }
    if let Some(path) = &connection.unix_socket {
        builder = builder.unix_socket(path);
    }
    match &connection.proxy {
        Some(proxy) => Ok(builder.proxy(proxy.parse::<Proxy>()?)),
        None => Ok(builder),
    }
}

fn resolver(given: &[Resolved]) -> ResolveOverrides {
    let system = ResolveOverrides::new(SystemResolver::default());
    given.iter().fold(system, |resolver, Resolved { host, port, addresses }| {
        resolver.add(host, *port, addresses.iter().copied())
    })
}
