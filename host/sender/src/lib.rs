//! The only way to the network: sends HTTP requests over pooled connections to addresses that a policy has approved.
//!
//! A [`Sender`] holds the connections; a [`Client`] of it is a [`tower_service::Service`] that charges an [`Account`]. A request may ask for facts
//! in its head ([`fantail_facts`]) and for timeouts among its extensions ([`RequestTimeouts`]). The connections themselves are hyper's.

mod account;
mod activity;
mod body;
mod client;
mod connect;
mod connection;
mod content_coding;
mod decoded;
mod driver;
mod egress;
mod error;
mod events;
mod framing;
mod hibernation;
mod limits;
mod observer;
mod origin;
mod outgoing;
mod overrides;
mod pinned;
mod pool;
mod received;
mod record;
mod resolve;
mod route;
mod sender;
mod slots;
mod timeouts;
mod tls;
mod transport;
mod tunnel;
mod watch;

/// The types that certificates are passed in.
pub use rustls::pki_types;

pub use account::{Account, Allowance, Usage};
pub use body::ResponseBody;
pub use client::Client;
pub use connect::SenderConfig;
pub use egress::{Approved, ApprovedSocket, Egress, OriginPattern, PatternError, Refused};
pub use error::SendError;
pub use events::MAX_EVENTS;
pub use limits::PoolLimits;
pub use origin::Origin;
pub use overrides::ResolveOverrides;
pub use resolve::{Resolve, ResolveError, SystemResolver};
pub use route::{Proxy, ProxyError, Route};
pub use sender::{Connections, Sender};
pub use timeouts::{RequestTimeouts, Timeouts};
pub use tls::{Identity, Tls, TlsError, TlsSettings, Trust};
pub use transport::{Connect, TcpConnector, Transport};
