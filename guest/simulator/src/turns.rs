//! Who has waited for a slot while others had theirs.

use crate::attempt::Running;
use crate::broken::Broken;
use crate::truth::has_only_slots;
use fantail_engine::{AttemptId, BodyMode, Instant, Overrides, Settings};
use std::collections::{BTreeMap, BTreeSet};

/// The requests of one batch that wait for their first attempt, and whom their origins have let go first.
#[derive(Default)]
pub(crate) struct Turns {
    waiting: BTreeMap<u64, Waiting>,
    /// How often each other origin had a turn since this one had its own, or could first have one.
    overtaken_by: BTreeMap<Group, BTreeMap<usize, u32>>,
}

/// The requests of one priority to one origin: they have one turn, whatever becomes of their bodies.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    origin: usize,
    priority: u8,
}

struct Waiting {
    group: Group,
    body: BodyMode,
    /// From then on it does not wait any more.
    until: Instant,
}

/// Turns of another origin at most. Two, because one that has had a turn for a body of one mode moves behind the others with the
/// other mode, and does so no earlier than it comes to the front with that.
const MAX_TURNS: u32 = 2;

impl Turns {
    /// This was read, and can be sent.
    pub(crate) fn read(&mut self, now: Instant, id: u64, origin: usize, overrides: &Overrides, settings: &Settings) {
        let group = Group { origin, priority: overrides.priority.unwrap_or_default() as u8 };
        let until = now + overrides.timeout.unwrap_or(settings.timeout);
        self.waiting.insert(id, Waiting { group, body: overrides.body.unwrap_or(settings.body), until });
    }

    /// It waits no more.
    pub(crate) fn left(&mut self, id: u64) {
        self.waiting.remove(&id);
    }

    /// L11: between two turns of an origin that has room, each other has a few at most for what is no more urgent. What goes on
    /// (repeated, or led elsewhere) counts for nothing here: it may go before the others.
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
            // Of whatever priority it is.
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

    /// Notes which may go now. Whoever may not has no turn to miss.
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

    /// L11: what is found when ages decide, and not turns.
    #[test]
    fn an_origin_that_is_passed_over_is_found() {
        let (settings, now) = (Policy::default().resolve().unwrap(), Instant::default());
        let (mut turns, nothing) = (Turns::default(), BTreeMap::new());
        for id in 0..5 {
            turns.read(now, id, usize::from(id == 4), &Overrides::default(), &settings);
        }
        let mut starts = |id| turns.started(now, (id, 0), &nothing, 0, &settings).is_ok();
        assert_eq!([starts(0), starts(1), starts(2)], [true, true, false]);
    }
}
