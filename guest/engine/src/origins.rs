//! What is known of origins, across the batches of an instance.

use crate::Instant;
use crate::adaptive::Adaptive;
use crate::breaker::Breaker;
use crate::budget::Budget;
use crate::kept::Kept;
use crate::pace::Pace;
use crate::slowness::Slowness;
use std::collections::BTreeMap;
use url::{Position, Url};

/// What is known of origins. The shell owns one and lends it to each of its engines, so that they share what they have learned.
/// Holds the [`Origins::MOST`] origins that were used last, some 1.3 KiB each with their names.
#[derive(Debug, Default)]
pub struct Origins {
    /// By scheme, host and port (RFC 6454, section 6.2).
    by_name: BTreeMap<String, Known>,
}

/// What is known of one origin.
#[derive(Debug, Default)]
pub(crate) struct Known {
    used: Instant,
    pub(crate) budget: Budget,
    pub(crate) breaker: Breaker,
    pub(crate) pace: Pace,
    pub(crate) adaptive: Adaptive,
    pub(crate) slowness: Slowness,
    pub(crate) kept: Kept,
}

impl Origins {
    /// How many are known at most. With one more, the half that was used longest ago is forgotten.
    pub const MOST: usize = 1_024;

    /// The origin of this URL, which is used now.
    pub(crate) fn known(&mut self, now: Instant, url: &Url) -> &mut Known {
        let name = name(url);
        if !self.by_name.contains_key(name) {
            if self.by_name.len() >= Self::MOST {
                self.forget_half();
            }
            self.by_name.insert(name.to_owned(), Known::default());
        }
        #[expect(clippy::expect_used, reason = "it was inserted just now if it was not there")]
        let known = self.by_name.get_mut(name).expect("an origin that is known");
        known.used = now;
        known
    }

    fn forget_half(&mut self) {
        let mut used: Vec<Instant> = self.by_name.values().map(|known| known.used).collect();
        used.sort_unstable();
        let middle = used.get(used.len() / 2).copied().unwrap_or_default();
        let mut excess = self.by_name.len() - Self::MOST / 2;
        // Of those used at the same moment as many as it takes.
        self.by_name.retain(|_, known| {
            let forgotten = known.used <= middle && excess > 0;
            excess -= usize::from(forgotten);
            !forgotten
        });
    }
}

/// An origin as a URL names it: scheme, host, and port unless it is the scheme's own (RFC 6454, section 6.2).
pub(crate) fn name(url: &Url) -> &str {
    &url[..Position::BeforePath]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(host: usize) -> Url {
        Url::parse(&format!("http://host-{host}.test/")).unwrap()
    }

    #[test]
    fn origins_used_longest_ago_are_forgotten_first() {
        let mut origins = Origins::default();
        for host in 0..10 * Origins::MOST {
            origins.known(Instant::from_nanos(host as u64), &url(host));
            // This one is used all the time.
            origins.known(Instant::from_nanos(host as u64), &url(0));
            assert!(origins.by_name.len() <= Origins::MOST + 1);
        }
        assert!(origins.by_name.contains_key("http://host-0.test"));
        assert!(origins.by_name.contains_key(&format!("http://host-{}.test", 10 * Origins::MOST - 1)));
        assert!(!origins.by_name.contains_key("http://host-1.test"));
    }

    #[test]
    fn scheme_and_port_make_another_origin() {
        let mut origins = Origins::default();
        for url in ["http://a.test/x", "http://A.test:80/y", "https://a.test/", "http://a.test:81/"] {
            origins.known(Instant::default(), &Url::parse(url).unwrap());
        }
        assert_eq!(origins.by_name.len(), 3);
    }
}
