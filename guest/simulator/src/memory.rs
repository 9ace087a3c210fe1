//! What a batch holds in memory, counted from outside.

use crate::attempt::{Response, Running};
use crate::broken::Broken;
use crate::scenario::MAX_SIZE;
use fantail_engine::{AttemptId, FIRST_GRANT, Order, Outcome, Request, Settings};
use std::collections::BTreeMap;

/// Bytes of requests that have no outcome, and of outcomes that were not taken.
#[derive(Default)]
pub(crate) struct Memory {
    /// Bytes by request, body included.
    requests: BTreeMap<u64, u64>,
    /// Bytes of the latest read, which could not be known before it.
    latest: u64,
    /// Bytes of bodies in emitted outcomes.
    untaken: u64,
    /// The reader is gone.
    left: bool,
}

/// About how many bytes an outcome takes beside its body.
const RECORD: u64 = 1_024;

impl Memory {
    /// Records valid requests that were read. Those read after the input was closed get their outcomes at once.
    pub(crate) fn read<'a>(&mut self, requests: impl Iterator<Item = &'a Request>, closing: bool) {
        let sizes: Vec<(u64, u64)> = requests.map(|request| (request.id, request.size())).collect();
        if !closing {
            self.latest = sizes.iter().map(|(_, size)| size).sum();
            self.requests.extend(sizes);
        }
    }

    pub(crate) fn emitted(&mut self, outcome: &Outcome<Response>) {
        self.requests.remove(&outcome.id);
        self.untaken += outcome.result.as_ref().map_or(0, |response| response.size);
    }

    pub(crate) fn taken(&mut self) {
        self.untaken = 0;
    }

    pub(crate) fn left(&mut self) {
        self.left = true;
    }

    /// L3: nothing is read while the window of bytes is full, unless no request is pending.
    pub(crate) fn check_read(&self, held: u64, settings: &Settings) -> Result<(), Broken> {
        let room = held <= settings.window_bytes || self.requests.is_empty();
        Broken::unless(room, || format!("more is read, and {held} bytes of {} are held", settings.window_bytes))
    }

    /// L3: what is held is counted, and fits into the window of bytes, except for one or two bodies and the latest
    /// read.
    pub(crate) fn check(
        &self,
        held: u64,
        running: &BTreeMap<AttemptId, Running>,
        settings: &Settings,
    ) -> Result<(), Broken> {
        if self.left {
            return Ok(());
        }
        // With ordered outcomes, a request may have ended whose outcome is still held back.
        let all = settings.order == Order::Completion;
        let sent = |id: &u64| running.values().any(|one| one.id == *id);
        let requests = self.requests.iter().filter(|(id, _)| all || sent(id)).map(|(_, size)| size);
        let min = requests.sum::<u64>() + self.untaken;
        Broken::unless(min <= held, || format!("{min} bytes are held, and counted are {held}"))?;
        // With ordered outcomes, also the body of the request that the others wait for.
        let beyond = if all { 1 } else { 2 };
        let records = RECORD * u64::from(settings.window);
        let max = settings.window_bytes + self.latest + beyond * MAX_SIZE + FIRST_GRANT + records;
        Broken::unless(held <= max, || format!("{held} bytes held in a window of {}", settings.window_bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fantail_engine::Policy;

    /// L3: detects an engine that counts requests, but not their bytes.
    #[test]
    fn uncounted_bytes_and_reads_beyond_the_window_are_detected() {
        let settings = Policy { window_bytes: Some(65_536), ..Policy::default() }.resolve().unwrap();
        let upload = Request { body: Some(vec![0; 100_000]), ..Request::get(0, "http://origin.test/") };
        let (mut memory, nothing) = (Memory::default(), BTreeMap::new());
        memory.read([upload].iter(), false);
        assert!(memory.check(1_100, &nothing, &settings).is_err());
        assert!(memory.check(110_000, &nothing, &settings).is_ok() && memory.check_read(110_000, &settings).is_err());
    }
}
