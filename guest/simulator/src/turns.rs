//! Fairness: how often others had a turn while an origin waited for a slot.

use crate::attempt::Running;
use crate::broken::Broken;
use crate::truth::has_only_slots;
use fantail_engine::{AttemptId, BodyMode, Instant, RequestOptions, Settings};
use std::collections::{BTreeMap, BTreeSet};

/// The requests of one batch that wait for their first attempt, and the turns of other origins.
#[derive(Default)]
pub(crate) struct Turns {
    waiting: BTreeMap<u64, Waiting>,
    /// How often each other origin had a turn since this group had its own, or could first have one.
    overtaken_by: BTreeMap<Group, BTreeMap<usize, u32>>,
}

/// The requests of one priority to one origin: they share turns, whatever their body modes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    origin: usize,
    priority: u8,
}

struct Waiting {
    group: Group,
    body: BodyMode,
    /// When it stops waiting.
    until: Instant,
}

/// Turns of another origin at most. Two, because an origin that has had a turn with one body mode moves behind the
/// others with the other mode only when it comes to the front there.
const MAX_TURNS: u32 = 2;

impl Turns {
    /// Records a valid request that was read.
    pub(crate) fn read(&mut self, now: Instant, id: u64, origin: usize, options: &RequestOptions, settings: &Settings) {
        let group = Group { origin, priority: options.priority.unwrap_or_default() as u8 };
        let until = now + options.timeout.unwrap_or(settings.timeout);
        self.waiting.insert(id, Waiting { group, body: options.body.unwrap_or(settings.body), until });
    }

    /// A request no longer waits.
    pub(crate) fn left(&mut self, id: u64) {
        self.waiting.remove(&id);
    }

    /// L11: between two turns of an origin with room, each other origin has at most a few for requests of no higher
    /// priority. Retries and redirects do not count: they may go before the others.
    pub(crate) fn started(
        &mut self,
        now: Instant,
        (id, origin): (u64, usize),
        running: &BTreeMap<AttemptId, Running>,
        unread: usize,
        settings: &Settings,
    ) -> Result<(), Broken> {
        self.update(now, running, unread, settings);
        let Some(Waiting { group, .. }) = self.waiting.remove(&id) else {
            // Whatever its priority.
            self.overtaken_by.retain(|group, _| group.origin != origin);
            return Ok(());
        };
        self.overtaken_by.remove(&group);
        for (other, overtaken_by) in &mut self.overtaken_by {
            if other.origin != origin && other.priority >= group.priority {
                let turns = overtaken_by.entry(origin).or_default();
                *turns += 1;
                let within = *turns <= MAX_TURNS;
                Broken::unless(within, || {
                    format!("origin {} waits, and origin {origin} has {turns} turns", other.origin)
                })?;
            }
        }
        Ok(())
    }

    /// Records which groups may start now. A group that may not start cannot miss a turn.
    pub(crate) fn update(
        &mut self,
        now: Instant,
        running: &BTreeMap<AttemptId, Running>,
        unread: usize,
        settings: &Settings,
    ) {
        let mut ready = BTreeSet::new();
        if has_only_slots(settings) && !settings.coalesce {
            let mut in_flight: BTreeMap<usize, u32> = BTreeMap::new();
            running.values().for_each(|one| *in_flight.entry(one.origin).or_default() += 1);
            let has_room = |origin| in_flight.get(&origin).is_none_or(|count| *count < settings.per_origin);
            let may_read = |body| body != BodyMode::Unread || unread < settings.max_unread as usize;
            let waiting = self.waiting.values().filter(|one| now < one.until && may_read(one.body));
            ready.extend(waiting.map(|one| one.group).filter(|group| has_room(group.origin)));
        }
        self.overtaken_by.retain(|group, _| ready.contains(group));
        for group in ready {
            self.overtaken_by.entry(group).or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fantail_engine::Policy;

    /// L11: detects a queue ordered by age instead of turns.
    #[test]
    fn an_origin_that_is_passed_over_is_detected() {
        let (settings, now) = (Policy::default().resolve().unwrap(), Instant::default());
        let (mut turns, nothing) = (Turns::default(), BTreeMap::new());
        for id in 0..5 {
            turns.read(now, id, usize::from(id == 4), &RequestOptions::default(), &settings);
        }
        let mut starts = |id| turns.started(now, (id, 0), &nothing, 0, &settings).is_ok();
        assert_eq!([starts(0), starts(1), starts(2)], [true, true, false]);
    }
}
