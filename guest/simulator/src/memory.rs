//! What a batch holds in memory, counted from outside.

use crate::attempt::{Response, Running};
use crate::broken::Broken;
use crate::scenario::MAX_SIZE;
use fantail_engine::{AttemptId, FIRST_GRANT, Order, Outcome, Request, Settings};
use std::collections::BTreeMap;

/// Bytes of requests that have no outcome, and of outcomes that were not taken.
#[derive(Default)]
pub(crate) struct Memory {
    /// By request, body included.
    requests: BTreeMap<u64, u64>,
    /// What the latest read brought, before anyone could know how much that would be.
    latest: u64,
    /// Bodies of responses in outcomes that were handed out.
    untaken: u64,
    /// The reader is gone, and takes nothing.
    left: bool,
}

/// Bytes of an outcome beside its body, about.
const RECORD: u64 = 1_024;

impl Memory {
    /// These were read, and can be sent. Those that are read after the end has come get their outcomes at once.
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

    /// L3: no more is read than the window of bytes has room for, but for what had to be read to see how large it is.
    pub(crate) fn check_read(&self, held: u64, settings: &Settings) -> Result<(), Broken> {
        let room = held <= settings.window_bytes || self.requests.is_empty();
        Broken::unless(room, || format!("more is read, and {held} bytes of {} are held", settings.window_bytes))
    }

    /// L3: what is held is counted, and fits into the window of bytes, but for a body or two and what the latest read brought.
    pub(crate) fn check(
        &self,
        held: u64,
        running: &BTreeMap<AttemptId, Running>,
        settings: &Settings,
    ) -> Result<(), Broken> {
        if self.left {
            return Ok(());
        }
        // In the input's order a request may have ended that is still held back.
        let all = settings.order == Order::Completion;
        let sent = |id: &u64| running.values().any(|one| one.id == *id);
        let requests = self.requests.iter().filter(|(id, _)| all || sent(id)).map(|(_, size)| size);
        let min = requests.sum::<u64>() + self.untaken;
        Broken::unless(min <= held, || format!("{min} bytes are held, and counted are {held}"))?;
        // In the input's order, that of the request which the others wait for, and one that has its place.
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

    /// L3: what is found when requests are counted, and their bytes are not.
    #[test]
    fn bytes_that_are_not_counted_are_found_and_those_that_are_read_beyond_the_window() {
        let settings = Policy { window_bytes: Some(65_536), ..Policy::default() }.resolve().unwrap();
        let upload = Request { body: Some(vec![0; 100_000]), ..Request::get(0, "http://origin.test/") };
        let (mut memory, nothing) = (Memory::default(), BTreeMap::new());
        memory.read([upload].iter(), false);
        assert!(memory.check(1_100, &nothing, &settings).is_err());
        assert!(memory.check(110_000, &nothing, &settings).is_ok() && memory.check_read(110_000, &settings).is_err());
    }
}
