//! How many connections each peer has.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// An address that connects: for IPv6 the network of 64 bits, since whoever has one address there has all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Peer(IpAddr);

impl From<IpAddr> for Peer {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
            address @ IpAddr::V4(_) => address,
        })
    }
}

/// The connections of each peer that has any.
#[derive(Clone, Default)]
pub(super) struct Peers(Arc<Mutex<HashMap<Peer, usize>>>);

/// One connection of a peer.
pub(super) struct PeerConnection {
    peers: Peers,
    peer: Peer,
}

impl Peers {
    pub(super) fn count(&self, peer: Peer) -> usize {
        self.lock().get(&peer).copied().unwrap_or_default()
    }

    /// Counts one more connection, until it is dropped.
    pub(super) fn connected(&self, peer: Peer) -> PeerConnection {
        *self.lock().entry(peer).or_default() += 1;
        PeerConnection { peers: self.clone(), peer }
    }

    /// No code panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, HashMap<Peer, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PeerConnection {
    fn drop(&mut self) {
        let mut peers = self.peers.lock();
        if let Some(count) = peers.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                peers.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str) -> Peer {
        address.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn connections_are_counted_by_address_and_by_network_for_ipv6() {
        let peers = Peers::default();
        let one = peers.connected(peer("192.0.2.1"));
        let two = peers.connected(peer("::ffff:192.0.2.1"));
        assert_eq!((peers.count(peer("192.0.2.1")), peers.count(peer("192.0.2.2"))), (2, 0));
        let six = peers.connected(peer("2001:db8::1"));
        assert_eq!((peers.count(peer("2001:db8::ffff:1")), peers.count(peer("2001:db8:0:1::1"))), (1, 0));
        drop((one, two, six));
        assert!(peers.lock().is_empty(), "nothing is kept of a peer without connections");
    }
}
