//! From an origin to an open connection: resolve, check, connect, handshake, each with its own timeout.

use crate::account::Account;
use crate::connection::{Connection, NewConnection};
use crate::egress::{Approved, ApprovedSocket, Egress, Refused};
use crate::error::SendError;
use crate::observer::Observer;
use crate::origin::Origin;
use crate::pool::Pool;
use crate::record::Record;
use crate::resolve::Resolve;
use crate::route::Route;
use crate::slots::{Full, Slot, Slots};
use crate::timeouts::Timeouts;
use crate::tls::{Tls, handshake};
use crate::transport::{BilledAccount, Connect, Metered, Transport};
use crate::tunnel::{about_proxy, about_route, tunnel};
use fantail_engine::{Cause, Phase};
use futures::StreamExt;
use futures::future::try_join;
use futures::stream::FuturesUnordered;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

pub(crate) struct Connector {
    egress: Egress,
    resolver: Arc<dyn Resolve>,
    transports: Arc<dyn Connect>,
    tls: Tls,
    route: Route,
    http2_prior_knowledge: bool,
    slots: Slots,
}

/// What a sender is made from.
pub struct SenderConfig {
    /// Where requests may go.
    pub egress: Egress,
    /// Finds the addresses of names.
    pub resolver: Arc<dyn Resolve>,
    /// Opens connections.
    pub transports: Arc<dyn Connect>,
    /// How TLS is spoken.
    pub tls: Tls,
    /// What connections lead through.
    pub route: Route,
    /// Whether HTTP/2 is spoken with `http` origins without asking them (RFC 9113, section 3.3). A proxy that requests to them are sent to
    /// is spoken to over HTTP/1.1 all the same.
    pub http2_prior_knowledge: bool,
    /// Whether responses are asked for with a content coding (gzip, br, zstd), which is undone before they are passed on: all limits hold for
    /// the decoded length too.
    pub decompress: bool,
}

/// The most addresses of one name that are tried.
const MAX_ADDRESSES: usize = 16;

/// How long one attempt runs before the next address is tried concurrently (RFC 8305, section 5).
const CONNECTION_ATTEMPT_DELAY: Duration = Duration::from_millis(250);

impl Connector {
    pub(crate) fn new(config: SenderConfig) -> Self {
        let SenderConfig { egress, resolver, transports, tls, route, http2_prior_knowledge, decompress: _ } = config;
        Self { egress, resolver, transports, tls, route, http2_prior_knowledge, slots: Slots::default() }
    }

    /// Connections open now.
    pub(crate) fn open(&self) -> usize {
        self.slots.open()
    }

    /// Checks that requests may go to this origin. Every request is checked, even if it reuses a connection.
    pub(crate) fn admit(&self, origin: &Origin) -> Result<(), SendError> {
        if self.egress.admits(origin.is_https(), &origin.host().to_ascii_lowercase(), origin.port()) {
            return Ok(());
        }
        let detail = format!("{origin} is not among the allowed origins (--allow {origin} would allow it)");
        Err(SendError::new(Cause::HttpRequestDenied, Phase::Request, detail))
    }

    pub(crate) async fn connect(
        &self,
        origin: &Origin,
        timeouts: &Timeouts,
        account: &Arc<Account>,
        pool: &Arc<Pool>,
        record: &mut Record,
    ) -> Result<Connection, SendError> {
        // While the connection is opened.
        let read_roots = async { Ok(if origin.is_https() { Some(self.tls.connector().await?) } else { None }) };
        let open = self.open_transport(origin, timeouts, pool, record);
        let (Opened { transport, remote, slot, at }, tls) = try_join(open, read_roots).await?;
        record.queued(at);
        let billed = BilledAccount::new(account);
        let metered = Metered { transport, billed: billed.clone(), _slot: slot };
        let observer: Weak<dyn Observer> = Arc::downgrade(pool) as _;
        let (origin, id) = (origin.clone(), pool.next_id());
        let new = NewConnection { origin, remote, proxy: None, http2: false, billed, observer, id };
        match (&self.route, tls) {
            (Route::Proxy(proxy), Some(tls)) => {
                let started = Instant::now();
                let tunnel = tunnel(metered, proxy, &new.origin, pool.limits());
                let opened = timeout(timeouts.connect, tunnel).await;
                record.connected(started);
                let tunnel = opened.map_err(|_| {
                    let detail = format!("it opened no tunnel within {:?}", timeouts.connect);
                    about_proxy(proxy, SendError::new(Cause::ConnectionTimeout, Phase::Connect, detail))
                })??;
                start_tls(tls, tunnel, new, timeouts, pool, record).await
            }
            (Route::Proxy(proxy), None) => {
                let new = NewConnection { proxy: Some(proxy.clone()), ..new };
                Connection::start(metered, new, pool.limits()).await
            }
            (Route::Direct | Route::UnixSocket(_), Some(tls)) => {
                start_tls(tls, metered, new, timeouts, pool, record).await
            }
            (Route::Direct | Route::UnixSocket(_), None) => {
                let new = NewConnection { http2: self.http2_prior_knowledge, ..new };
                Connection::start(metered, new, pool.limits()).await
            }
        }
    }

    /// Finds where connections to this origin lead, and opens one.
    async fn open_transport(
        &self,
        origin: &Origin,
        timeouts: &Timeouts,
        pool: &Arc<Pool>,
        record: &mut Record,
    ) -> Result<Opened, SendError> {
        let destination = self.destination(origin, timeouts.resolve, record).await?;
        let slot = self.slot(origin, pool, record).await?;
        let started = Instant::now();
        let opened = match destination {
            Destination::Addresses(addresses) => self.connect_any(addresses, timeouts.connect).await,
            Destination::Socket(socket) => self.connect_socket(socket, timeouts.connect).await,
        };
        record.connected(started);
        let (transport, remote) = opened.map_err(|error| about_route(&self.route, error))?;
        Ok(Opened { transport, remote, slot, at: Instant::now() })
    }

    /// Takes a slot for one more connection. If none is free, closes an idle connection to free one.
    async fn slot(&self, origin: &Origin, pool: &Arc<Pool>, record: &mut Record) -> Result<Slot, SendError> {
        let limits = pool.limits();
        let full = |what, limit| {
            let detail = format!("{limit} connections {what} are open, which is the most that the host allows");
            Err(SendError::new(Cause::ConnectionLimitReached, Phase::Connect, detail))
        };
        loop {
            match self.slots.take(origin, &limits) {
                Ok(slot) => return Ok(slot),
                Err(Full::PerOrigin) => return full("to this origin", limits.max_open_per_origin),
                Err(Full::Total) => {}
            }
            // Queued before the idle connection is closed: its slot is freed when its task ends, at any time after that.
            let (freed, started) = (self.slots.wait(origin), Instant::now());
            if !pool.close_oldest_idle() {
                return full("in all", limits.max_open);
            }
            let freed = freed.await;
            record.queued(started);
            if let Ok(slot) = freed {
                return Ok(slot);
            }
        }
    }

    /// Where a connection for this origin leads, if the egress policy approves it.
    async fn destination(
        &self,
        origin: &Origin,
        resolve: Duration,
        record: &mut Record,
    ) -> Result<Destination, SendError> {
        match &self.route {
            Route::Direct => self.approved(origin, resolve, record).await.map(Destination::Addresses),
            Route::UnixSocket(path) => self
                .egress
                .approve_socket(path)
                .map(Destination::Socket)
                .map_err(|unnamed| SendError::new(Cause::HttpRequestDenied, Phase::Request, unnamed.to_string())),
            Route::Proxy(proxy) => {
                // What a name leads to is known only to the proxy.
                if let Some(literal) = self.approved_literal(origin) {
                    literal?;
                }
                let approved = self.approved(proxy.origin(), resolve, record).await;
                approved.map(Destination::Addresses).map_err(|error| about_proxy(proxy, error))
            }
        }
    }

    /// The address that the origin's host is, if it is one, and the policy's verdict.
    fn approved_literal(&self, origin: &Origin) -> Option<Result<Approved, SendError>> {
        let address = origin.host().parse::<IpAddr>().ok()?;
        let literal = self.egress.approve_literal(origin.is_https(), SocketAddr::new(address, origin.port()));
        Some(literal.map_err(prohibited))
    }

    /// The addresses of an origin that the egress policy approves: at least one.
    async fn approved(
        &self,
        origin: &Origin,
        resolve: Duration,
        record: &mut Record,
    ) -> Result<Vec<Approved>, SendError> {
        if let Some(literal) = self.approved_literal(origin) {
            return literal.map(|address| vec![address]);
        }
        let (mut approved, mut refused, started) = (Vec::new(), None, Instant::now());
        let resolved = self.resolve(origin, resolve).await;
        record.resolved(started);
        for address in resolved? {
            match self.egress.approve(SocketAddr::new(address, origin.port())) {
                Ok(address) => approved.push(address),
                Err(refusal) => refused = refused.or(Some(refusal)),
            }
        }
        match refused {
            Some(refusal) if approved.is_empty() => Err(prohibited(refusal)),
            Some(_) | None => Ok(approved),
        }
    }

    async fn resolve(&self, origin: &Origin, within: Duration) -> Result<Vec<IpAddr>, SendError> {
        match timeout(within, self.resolver.resolve_at(origin.host(), origin.port())).await {
            Ok(Ok(addresses)) => Ok(addresses),
            Ok(Err(error)) => Err(SendError::new(Cause::DnsError, Phase::Resolve, error.to_string())),
            Err(_) => {
                let detail = format!("no answer within {within:?}");
                Err(SendError::new(Cause::DnsTimeout, Phase::Resolve, detail))
            }
        }
    }

    /// Tries the addresses in order until one connects. The next is tried when one has failed, or has not connected within
    /// [`CONNECTION_ATTEMPT_DELAY`] (RFC 8305).
    async fn connect_any(&self, addresses: Vec<Approved>, within: Duration) -> Result<Connected, SendError> {
        let listed = list_addresses(&addresses);
        let race = async {
            let mut waiting = interleave_families(addresses).into_iter().take(MAX_ADDRESSES);
            let (mut attempts, mut failures) = (FuturesUnordered::new(), Vec::new());
            loop {
                if let Some(next) = waiting.next() {
                    attempts.push(self.connect_to(next));
                }
                tokio::select! {
                    attempted = attempts.next() => match attempted {
                        Some(Ok(transport)) => return Ok(transport),
                        Some(Err(failure)) => failures.push(failure),
                        None => return Err(combine_failures(failures)),
                    },
                    () = tokio::time::sleep(CONNECTION_ATTEMPT_DELAY), if waiting.len() > 0 => {}
                }
            }
        };
        timeout(within, race).await.unwrap_or_else(|_| {
            let detail = format!("{listed} did not answer within {within:?}");
            Err(SendError::new(Cause::ConnectionTimeout, Phase::Connect, detail))
        })
    }

    async fn connect_socket(&self, to: ApprovedSocket, within: Duration) -> Result<Connected, SendError> {
        let path = to.path().display().to_string();
        let connected = timeout(within, self.transports.connect_unix(to)).await;
        let connected = connected.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
        connected.map(|transport| (transport, None)).map_err(|error| {
            let failure = SendError::connect(&error);
            SendError { detail: format!("{path}: {}", failure.detail), ..failure }
        })
    }

    async fn connect_to(&self, to: Approved) -> Result<Connected, SendError> {
        let address = to.address();
        let connected = self.transports.connect(to).await.map(|transport| (transport, Some(address)));
        connected.map_err(|error| {
            let failure = SendError::connect(&error);
            SendError { detail: format!("{address}: {}", failure.detail), ..failure }
        })
    }
}

/// A transport, and the address it is connected to, if it has one.
type Connected = (Box<dyn Transport>, Option<SocketAddr>);

/// A connection over which nothing has been sent.
struct Opened {
    transport: Box<dyn Transport>,
    /// The address it is connected to, if it has one.
    remote: Option<SocketAddr>,
    slot: Slot,
    /// When it was opened.
    at: Instant,
}

async fn start_tls<T: Transport>(
    tls: &TlsConnector,
    io: T,
    new: NewConnection,
    timeouts: &Timeouts,
    pool: &Pool,
    record: &mut Record,
) -> Result<Connection, SendError> {
    let started = Instant::now();
    let shaken = timeout(timeouts.tls, handshake(tls, new.origin.host(), io)).await;
    record.tls_handshake(started);
    let tls = shaken.map_err(|_| {
        let detail = format!("no TLS handshake within {:?}", timeouts.tls);
        SendError::new(Cause::ConnectionTimeout, Phase::Tls, detail)
    })??;
    let http2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
    Connection::start(tls, NewConnection { http2, ..new }, pool.limits()).await
}

/// Where a connection leads.
enum Destination {
    /// To one of these addresses, of which there is at least one.
    Addresses(Vec<Approved>),
    Socket(ApprovedSocket),
}

fn prohibited(refusal: Refused) -> SendError {
    SendError::new(Cause::DestinationIpProhibited, Phase::Resolve, refusal.to_string())
}

/// Alternates between the two address families, starting with that of the first address (RFC 8305, section 4).
fn interleave_families(addresses: Vec<Approved>) -> Vec<Approved> {
    let first_is_ipv6 = addresses.first().is_some_and(|first| first.address().is_ipv6());
    let (first, second): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|approved| approved.address().is_ipv6() == first_is_ipv6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut interleaved = Vec::new();
    loop {
        let (one, other) = (first.next(), second.next());
        if one.is_none() && other.is_none() {
            return interleaved;
        }
        interleaved.extend(one.into_iter().chain(other));
    }
}

fn list_addresses(addresses: &[Approved]) -> String {
    let listed: Vec<String> = addresses.iter().take(3).map(|approved| approved.address().to_string()).collect();
    let more = if addresses.len() > 3 { ", …" } else { "" };
    listed.join(", ") + more
}

/// The error when no address could be connected to: the last one, with the details of all.
fn combine_failures(failures: Vec<SendError>) -> SendError {
    let details: Vec<String> = failures.iter().map(|failure| failure.detail.clone()).collect();
    let none = || SendError::new(Cause::DnsError, Phase::Resolve, "the name has no address");
    let last = failures.into_iter().next_back().unwrap_or_else(none);
    if details.is_empty() { last } else { SendError { detail: details.join("; "), ..last } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_families_alternate_starting_with_the_first() {
        let public = Egress::public();
        let approved = |ip: &str| public.approve(SocketAddr::new(ip.parse().unwrap(), 80)).unwrap();
        let mixed = ["2606:4700::1", "2606:4700::2", "1.1.1.1", "2606:4700::3", "1.0.0.1"].map(approved);
        let order: Vec<String> =
            interleave_families(mixed.into()).iter().map(|approved| approved.address().ip().to_string()).collect();
        assert_eq!(order, ["2606:4700::1", "1.1.1.1", "2606:4700::2", "1.0.0.1", "2606:4700::3"]);
    }
}
