//! From an origin to an open connection: resolve, check, connect, handshake, each on its own clock.

use crate::account::Account;
use crate::connection::{Connection, NewConnection};
use crate::egress::{Approved, Egress, Refused};
use crate::error::SendError;
use crate::observer::Observer;
use crate::origin::Origin;
use crate::pool::Pool;
use crate::record::Record;
use crate::resolve::Resolve;
use crate::slots::{Full, Slot, Slots};
use crate::timeouts::Timeouts;
use crate::tls::{Tls, TlsSettings};
use crate::transport::{BilledAccount, Connect, Metered, Transport};
use fantail_engine::{Cause, Phase};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::{Instant, timeout};

pub(crate) struct Connector {
    egress: Egress,
    resolver: Arc<dyn Resolve>,
    transports: Arc<dyn Connect>,
    tls: Tls,
    slots: Slots,
}

/// What a sender goes by.
pub struct SenderConfig {
    /// Where requests may go.
    pub egress: Egress,
    /// Who finds the addresses of names.
    pub resolver: Arc<dyn Resolve>,
    /// Who opens connections.
    pub transports: Arc<dyn Connect>,
    /// How TLS is spoken.
    pub tls: TlsSettings,
}

/// Addresses of one name that are tried at most.
const MOST_ADDRESSES: usize = 16;

/// How long one address has before the next is tried beside it (RFC 8305, section 5).
const HEAD_START: Duration = Duration::from_millis(250);

impl Connector {
    pub(crate) fn new(ways: SenderConfig) -> Self {
        let SenderConfig { egress, resolver, transports, tls } = ways;
        Self { egress, resolver, transports, tls: Tls::new(tls), slots: Slots::default() }
    }

    /// Connections open now.
    pub(crate) fn open(&self) -> usize {
        self.slots.open()
    }

    /// Checks that requests may go to this origin. Every request is, on whichever connection it goes.
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
        let addresses = self.approved(origin, timeouts.resolve, record).await?;
        let slot = self.slot(origin, pool, record).await?;
        let begun = Instant::now();
        let opened = self.open_any(addresses, timeouts.connect).await;
        record.connected(begun);
        let (transport, remote) = opened?;
        let payer = BilledAccount::new(account);
        let metered = Metered { transport, payer: payer.clone(), _slot: slot };
        let opened = |http2| {
            let observer: Weak<dyn Observer> = Arc::downgrade(pool) as _;
            NewConnection { origin: origin.clone(), remote, http2, payer, observer, id: pool.next_id() }
        };
        if !origin.is_https() {
            return Connection::start(metered, opened(false), pool.limits()).await;
        }
        let (begun, handshake) = (Instant::now(), self.tls.handshake(origin.host(), metered));
        let handshake = timeout(timeouts.tls, handshake).await;
        record.shook_hands(begun);
        let tls = handshake.map_err(|_| {
            let detail = format!("no TLS handshake within {:?}", timeouts.tls);
            SendError::new(Cause::ConnectionTimeout, Phase::Tls, detail)
        })??;
        let http2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
        Connection::start(tls, opened(http2), pool.limits()).await
    }

    /// A place for one more connection. Where there is none, a connection that nobody uses gives way.
    async fn slot(&self, origin: &Origin, pool: &Arc<Pool>, record: &mut Record) -> Result<Slot, SendError> {
        let limits = pool.limits();
        let full = |what, most| {
            let detail = format!("{most} connections {what} are open, which is the most that the host allows");
            Err(SendError::new(Cause::ConnectionLimitReached, Phase::Connect, detail))
        };
        loop {
            match self.slots.take(origin, &limits) {
                Ok(slot) => return Ok(slot),
                Err(Full::ToThisOrigin) => return full("to this origin", limits.max_open_per_origin),
                Err(Full::InAll) => {}
            }
            // Asked for before the other is closed: its socket goes with its task, whenever that is.
            let (place, begun) = (self.slots.wait(origin), Instant::now());
            if !pool.make_room() {
                return full("in all", limits.max_open);
            }
            let place = place.await;
            record.queued(begun);
            if let Ok(slot) = place {
                return Ok(slot);
            }
        }
    }

    /// The addresses of an origin that policy lets through: at least one.
    async fn approved(
        &self,
        origin: &Origin,
        resolve: Duration,
        record: &mut Record,
    ) -> Result<Vec<Approved>, SendError> {
        let prohibited =
            |refusal: Refused| SendError::new(Cause::DestinationIpProhibited, Phase::Resolve, refusal.to_string());
        if let Ok(address) = origin.host().parse::<IpAddr>() {
            let literal = self.egress.approve_literal(origin.is_https(), SocketAddr::new(address, origin.port()));
            return literal.map(|proof| vec![proof]).map_err(prohibited);
        }
        let (mut approved, mut refused, begun) = (Vec::new(), None, Instant::now());
        let resolved = self.resolve(origin.host(), resolve).await;
        record.resolved(begun);
        for address in resolved? {
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

    /// Tries one address after the other, the next as soon as one has failed or taken long, until one answers (RFC 8305).
    async fn open_any(&self, addresses: Vec<Approved>, within: Duration) -> Result<Reached, SendError> {
        let named = named(&addresses);
        let race = async {
            let mut waiting = in_turn(addresses).into_iter().take(MOST_ADDRESSES);
            let (mut trying, mut failed) = (FuturesUnordered::new(), Vec::new());
            loop {
                if let Some(next) = waiting.next() {
                    trying.push(self.try_one(next));
                }
                tokio::select! {
                    tried = trying.next() => match tried {
                        Some(Ok(transport)) => return Ok(transport),
                        Some(Err(failure)) => failed.push(failure),
                        None => return Err(all_failed(failed)),
                    },
                    () = tokio::time::sleep(HEAD_START), if waiting.len() > 0 => {}
                }
            }
        };
        timeout(within, race).await.unwrap_or_else(|_| {
            let detail = format!("{named} did not answer within {within:?}");
            Err(SendError::new(Cause::ConnectionTimeout, Phase::Connect, detail))
        })
    }

    async fn try_one(&self, to: Approved) -> Result<Reached, SendError> {
        let address = to.address();
        let opened = self.transports.connect(to).await.map(|transport| (transport, address));
        opened.map_err(|error| {
            let failure = SendError::connect(&error);
            SendError { detail: format!("{address}: {}", failure.detail), ..failure }
        })
    }
}

/// What answered, and where it is.
type Reached = (Box<dyn Transport>, SocketAddr);

/// Both families in turn, beginning with the one that came first (RFC 8305, section 4).
fn in_turn(addresses: Vec<Approved>) -> Vec<Approved> {
    let first_is_ipv6 = addresses.first().is_some_and(|first| first.address().is_ipv6());
    let (first, second): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|approved| approved.address().is_ipv6() == first_is_ipv6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut in_turn = Vec::new();
    loop {
        let (one, other) = (first.next(), second.next());
        if one.is_none() && other.is_none() {
            return in_turn;
        }
        in_turn.extend(one.into_iter().chain(other));
    }
}

fn named(addresses: &[Approved]) -> String {
    let named: Vec<String> = addresses.iter().take(3).map(|approved| approved.address().to_string()).collect();
    let more = if addresses.len() > 3 { ", …" } else { "" };
    named.join(", ") + more
}

/// What to say when no address answered: what the last one said, and in words what each did.
fn all_failed(failed: Vec<SendError>) -> SendError {
    let words: Vec<String> = failed.iter().map(|failure| failure.detail.clone()).collect();
    let none = || SendError::new(Cause::DnsError, Phase::Resolve, "the name has no address");
    let last = failed.into_iter().next_back().unwrap_or_else(none);
    if words.is_empty() { last } else { SendError { detail: words.join("; "), ..last } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns_beginning_with_the_one_that_came_first() {
        let public = Egress::public();
        let approved = |ip: &str| public.approve(SocketAddr::new(ip.parse().unwrap(), 80)).unwrap();
        let mixed = ["2606:4700::1", "2606:4700::2", "1.1.1.1", "2606:4700::3", "1.0.0.1"].map(approved);
        let order: Vec<String> =
            in_turn(mixed.into()).iter().map(|approved| approved.address().ip().to_string()).collect();
        assert_eq!(order, ["2606:4700::1", "1.1.1.1", "2606:4700::2", "1.0.0.1", "2606:4700::3"]);
    }
}
