//! From an origin to an open connection: resolve, check, connect, handshake, each on its own clock.

use super::error::SendError;
use super::pool::{Connection, PoolLimits};
use super::resolve::Resolve;
use super::tls::{Tls, Trust};
use super::{Origin, Timeouts};
use crate::egress::{Approved, Egress, Refused};
use fantail_engine::{Cause, Phase};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

pub(crate) struct Connector {
    egress: Egress,
    resolver: Arc<dyn Resolve>,
    tls: Tls,
    limits: PoolLimits,
}

impl Connector {
    pub(crate) fn new(egress: Egress, resolver: Arc<dyn Resolve>, trust: Trust, limits: PoolLimits) -> Self {
        Self { egress, resolver, tls: Tls::new(trust), limits }
    }

    /// Checks that requests may go to this origin. Every request is, on whichever connection it goes.
    pub(crate) fn admit(&self, origin: &Origin) -> Result<(), SendError> {
        if self.egress.admits(origin.https, &origin.host().to_ascii_lowercase(), origin.port()) {
            return Ok(());
        }
        let detail = format!("{origin} is not among the allowed origins (--allow {origin} would allow it)");
        Err(SendError::new(Cause::HttpRequestDenied, Phase::Request, detail))
    }

    pub(crate) async fn connect(&self, origin: &Origin, timeouts: &Timeouts) -> Result<Connection, SendError> {
        let addresses = self.approved(origin, timeouts.resolve).await?;
        let tcp = open_any(&addresses, timeouts.connect).await?;
        // Requests are written whole: waiting to fill a packet would only delay them.
        tcp.set_nodelay(true).map_err(|error| SendError::connect(&error))?;
        if !origin.https {
            return Connection::start(tcp, origin.clone(), self.limits).await;
        }
        let handshake = self.tls.handshake(origin.host(), tcp);
        let tls = timeout(timeouts.tls, handshake).await.map_err(|_| {
            let detail = format!("no TLS handshake within {:?}", timeouts.tls);
            SendError::new(Cause::ConnectionTimeout, Phase::Tls, detail)
        })??;
        Connection::start(tls, origin.clone(), self.limits).await
    }

    /// The addresses of an origin that policy lets through: at least one.
    async fn approved(&self, origin: &Origin, resolve: Duration) -> Result<Vec<Approved>, SendError> {
        let prohibited =
            |refusal: Refused| SendError::new(Cause::DestinationIpProhibited, Phase::Resolve, refusal.to_string());
        if let Ok(address) = origin.host().parse::<IpAddr>() {
            let literal = self.egress.approve_literal(origin.https, SocketAddr::new(address, origin.port()));
            return literal.map(|proof| vec![proof]).map_err(prohibited);
        }
        let (mut approved, mut refused) = (Vec::new(), None);
        for address in self.resolve(origin.host(), resolve).await? {
            match self.egress.approve(SocketAddr::new(address, origin.port())) {
                Ok(proof) => approved.push(proof),
                Err(refusal) => refused = refused.or(Some(refusal)),
            }
        }
        match refused {
            Some(refusal) if approved.is_empty() => Err(prohibited(refusal)),
            Some(_) | None => Ok(approved),
        }
    }

    async fn resolve(&self, host: &str, within: Duration) -> Result<Vec<IpAddr>, SendError> {
        match timeout(within, self.resolver.resolve(host)).await {
            Ok(Ok(addresses)) => Ok(addresses),
            Ok(Err(error)) => Err(SendError::new(Cause::DnsError, Phase::Resolve, error.to_string())),
            Err(_) => {
                let detail = format!("no answer within {within:?}");
                Err(SendError::new(Cause::DnsTimeout, Phase::Resolve, detail))
            }
        }
    }
}

/// Tries one address after the other, each with its share of the time that is left.
async fn open_any(addresses: &[Approved], within: Duration) -> Result<TcpStream, SendError> {
    let deadline = Instant::now() + within;
    let mut failure = SendError::new(Cause::DnsError, Phase::Resolve, "the name has no address");
    for (tried, approved) in addresses.iter().enumerate() {
        let left = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
        let share = Instant::now() + deadline.saturating_duration_since(Instant::now()) / left;
        match timeout_at(share, TcpStream::connect(approved.address())).await {
            Ok(Ok(tcp)) => return Ok(tcp),
            Ok(Err(error)) => {
                failure = SendError::connect(&error);
                failure.detail = format!("{}: {}", approved.address(), failure.detail);
            }
            Err(_) => {
                let detail = format!("{} did not answer within {within:?}", approved.address());
                failure = SendError::new(Cause::ConnectionTimeout, Phase::Connect, detail);
            }
        }
    }
    Err(failure)
}
