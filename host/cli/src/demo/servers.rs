//! The servers of the demo: one that is well, and four that are not.

use fantail_origin::Origin;
use std::io;

/// How a server misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    Steady,
    /// Every tenth answer is 503.
    Flaky,
    /// Every 25th answer takes 400 ms.
    Stalling,
    /// Closes every connection without an answer.
    Broken,
    /// Never answers.
    Silent,
}

pub(super) struct Server {
    pub(super) manner: Manner,
    pub(super) name: &'static str,
    pub(super) requests: u64,
    pub(super) origin: Origin,
    path: &'static str,
}

/// Every tenth answer of the flaky server is an error, as its path says.
pub(super) const FLAKY_EVERY: u64 = 10;

/// Every 25th answer of the stalling server is late, as its path says.
pub(super) const STALLING_EVERY: u64 = 25;

/// Requests to all of them together.
pub(super) const REQUESTS: u64 = 1_000;

pub(super) struct Servers(Vec<Server>);

impl Servers {
    pub(super) async fn start() -> io::Result<Self> {
        let mut servers = Vec::new();
        for (manner, name, requests, path) in [
            (Manner::Steady, "steady", 400, "/ok"),
            (Manner::Flaky, "flaky", 200, "/flaky/10"),
            (Manner::Stalling, "stalling", 200, "/stall/25/400"),
            (Manner::Broken, "broken", 150, "/close"),
            (Manner::Silent, "silent", 50, "/hang"),
        ] {
            servers.push(Server { manner, name, requests, origin: Origin::start().await?, path });
        }
        Ok(Self(servers))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Server> {
        self.0.iter()
    }

    /// All requests, in an order in which every server has its share at any time.
    pub(super) fn urls(&self) -> impl Iterator<Item = String> {
        let shares = self.0.iter().flat_map(|server| {
            (0..server.requests).map(move |index| (index * REQUESTS / server.requests, server.origin.url(server.path)))
        });
        let mut urls: Vec<(u64, String)> = shares.collect();
        urls.sort_by_key(|(place, _)| *place);
        urls.into_iter().map(|(_, url)| url)
    }
}
