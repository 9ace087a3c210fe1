//! How the library makes connections, from arguments.

use super::arguments::{Connection, Resolved};
use fantail::{Builder, ResolveOverrides, SystemResolver};

/// The builder with what the arguments say about connections.
pub(crate) fn configure(builder: Builder, connection: &Connection) -> Builder {
    if connection.resolve.is_empty() {
        return builder;
    }
    let system = ResolveOverrides::new(SystemResolver::default());
    let add = |resolver: ResolveOverrides, Resolved { host, port, addresses }: &Resolved| {
        resolver.add(host, *port, addresses.iter().copied())
    };
    builder.resolver(connection.resolve.iter().fold(system, add))
}
