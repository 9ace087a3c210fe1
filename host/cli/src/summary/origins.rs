//! Counts per origin.

use std::collections::HashMap;
use std::time::Duration;

/// Origins that are counted apart. Requests to any further ones are counted together.
pub(crate) const MAX_ORIGINS: usize = 10_000;

/// The most bytes of an origin's name: a longer one is no origin.
const MAX_NAME_BYTES: usize = 300;

/// Counts of one origin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct OriginCounts {
    pub(super) requests: u64,
    /// Requests without a response, other than those that this run cancelled.
    pub(super) failures: u64,
    /// Responses with a status of 400 or above.
    pub(super) errors: u64,
    /// Failures because the origin's breaker was open.
    pub(super) breaker_open: u64,
    /// The time that its requests took together, waiting included.
    pub(super) time: Duration,
    pub(super) max: Duration,
}

impl OriginCounts {
    /// The mean time of a request.
    pub(super) fn mean(&self) -> Duration {
        Duration::from_secs_f64(self.time.as_secs_f64() / (self.requests.max(1) as f64))
    }
}

/// Counts per origin, in bounded memory.
#[derive(Default)]
pub(crate) struct Origins {
    known: HashMap<String, OriginCounts>,
    /// Requests to origins beyond [`MAX_ORIGINS`].
    others: OriginCounts,
}

impl Origins {
    /// The counts for a URL's origin. None if it has no origin.
    pub(super) fn of(&mut self, url: &str) -> Option<&mut OriginCounts> {
        let name = origin(url)?;
        if !self.known.contains_key(name) {
            if self.known.len() >= MAX_ORIGINS {
                return Some(&mut self.others);
            }
            self.known.insert(name.to_owned(), OriginCounts::default());
        }
        self.known.get_mut(name)
    }

    /// Origins that are counted apart.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// Requests to origins that are not counted apart.
    pub(super) fn others(&self) -> u64 {
        self.others.requests
    }

    /// The `count` origins with the largest key, largest first; those without it are left out.
    pub(super) fn top<K: Ord + Default>(
        &self,
        count: usize,
        key: impl Fn(&OriginCounts) -> K,
    ) -> Vec<(&str, OriginCounts)> {
        let mut all: Vec<_> = self.known.iter().filter(|(_, counts)| key(counts) > K::default()).collect();
        // By name among equals, so that the order is always the same.
        all.sort_unstable_by(|(a_name, a), (b_name, b)| key(b).cmp(&key(a)).then_with(|| a_name.cmp(b_name)));
        all.truncate(count);
        all.into_iter().map(|(name, counts)| (name.as_str(), *counts)).collect()
    }
}

/// Scheme, host and port as they are in the URL.
fn origin(url: &str) -> Option<&str> {
    let host = url.find("://")? + 3;
    let rest = url.get(host..)?;
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let origin = url.get(..host + end)?;
    (end > 0 && origin.len() <= MAX_NAME_BYTES && !origin.contains(char::is_whitespace)).then_some(origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        assert_eq!(origin("https://a.test:8443/b?c"), Some("https://a.test:8443"));
        assert_eq!(origin("http://[::1]:80?x"), Some("http://[::1]:80"));
        assert_eq!(origin("http://a.test"), Some("http://a.test"));
        for none in ["", "a.test/b", "http://", "http:///x", "no url :// at all"] {
            assert_eq!(origin(none), None, "{none}");
        }
    }

    #[test]
    fn origins_beyond_the_limit_are_counted_together() {
        let mut origins = Origins::default();
        for number in 0..MAX_ORIGINS + 5 {
            let counts = origins.of(&format!("http://{number}.test/")).unwrap();
            counts.requests += 1;
            counts.failures += u64::from(number % 1_000 == 7);
        }
        assert_eq!((origins.len(), origins.others()), (MAX_ORIGINS, 5));
        let top = origins.top(3, |counts| counts.failures);
        let names: Vec<&str> = top.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["http://1007.test", "http://2007.test", "http://3007.test"]);
        assert_eq!(origins.top(100, |counts| counts.failures).len(), 10);
    }
}
