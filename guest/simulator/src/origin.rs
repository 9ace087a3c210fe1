//! The behaviour of simulated origins.

use fastrand::Rng;
use std::time::Duration;

/// What an origin does to one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// After how long.
    pub after: Duration,
    /// What it does.
    pub does: Does,
}

/// See [`Answer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Does {
    /// Answers with this status; the body ends after `body`.
    Respond {
        /// The status.
        status: u16,
        /// Seconds in `retry-after`.
        retry_after: Option<u64>,
        /// From the head to the end of the body.
        body: Duration,
    },
    /// Answers with a redirect.
    Redirect {
        /// The status.
        status: u16,
        /// The index of the target's origin.
        origin: usize,
        /// The target's path.
        path: u32,
    },
    /// Answers with a head, and breaks off in the middle of the body.
    BreakBody,
    /// Closes the connection before any answer.
    Break,
    /// Refuses the connection.
    Refuse,
    /// Never answers.
    Hang,
}

/// The kind of an origin.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Character {
    Healthy,
    /// One in twenty answers takes fifty times as long.
    Uneven,
    Flaky,
    Busy,
    Redirecting,
    Hanging,
    Dead,
}

impl Character {
    pub(crate) fn draw(rng: &mut Rng) -> Self {
        use Character::{Busy, Dead, Flaky, Hanging, Healthy, Redirecting, Uneven};
        *rng.choice(&[Healthy, Healthy, Uneven, Flaky, Flaky, Busy, Redirecting, Hanging, Dead]).unwrap_or(&Healthy)
    }

    /// What an origin of this kind does, when there are `origins` in all.
    pub(crate) fn answer(self, rng: &mut Rng, origins: usize) -> Answer {
        let after = Duration::from_micros(rng.u64(0..20_000));
        let one_in = |rng: &mut Rng, many: u32| rng.u32(0..many) == 0;
        match self {
            Character::Uneven if one_in(rng, 20) => Answer { after: after * 50, does: good(rng) },
            Character::Healthy | Character::Uneven => Answer { after, does: good(rng) },
            Character::Flaky => match rng.u32(0..8) {
                0 => Answer { after, does: Does::Break },
                1 => Answer { after, does: Does::BreakBody },
                2 => Answer { after, does: bad(rng) },
                _ => Answer { after, does: good(rng) },
            },
            Character::Busy if one_in(rng, 3) => Answer { after, does: good(rng) },
            Character::Busy => Answer { after, does: bad(rng) },
            Character::Redirecting if one_in(rng, 2) => Answer { after, does: good(rng) },
            Character::Redirecting => {
                let status = *rng.choice(&[301, 302, 303, 307, 308]).unwrap_or(&307);
                let (origin, path) = (rng.usize(0..origins), rng.u32(0..40));
                Answer { after, does: Does::Redirect { status, origin, path } }
            }
            Character::Hanging if one_in(rng, 2) => Answer { after, does: Does::Hang },
            Character::Hanging => Answer { after, does: good(rng) },
            Character::Dead => Answer { after: Duration::ZERO, does: Does::Refuse },
        }
    }
}

fn good(rng: &mut Rng) -> Does {
    let status = *rng.choice(&[200, 200, 200, 204, 304, 404]).unwrap_or(&200);
    Does::Respond { status, retry_after: None, body: Duration::from_micros(rng.u64(0..5_000)) }
}

fn bad(rng: &mut Rng) -> Does {
    let status = *rng.choice(&[408, 429, 500, 501, 502, 503, 504]).unwrap_or(&503);
    let retry_after = (rng.u32(0..4) == 0).then(|| rng.u64(0..3));
    Does::Respond { status, retry_after, body: Duration::ZERO }
}
