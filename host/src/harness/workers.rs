//! Threads that run a part of each batch, and the part that each runs.

use fantail_engine::{MIN_WINDOW_BYTES, Policy, Settings, Until};
use fantail_sender::Sender;
use std::sync::mpsc;
use std::{io, thread};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// Slots of a batch that are worth an instance of their own.
const MIN_SLOTS: u32 = 8;

/// A thread with a runtime of its own, and a sender whose connections are driven there. Ends when it is dropped.
pub(super) struct Worker {
    pub(super) runtime: Handle,
    pub(super) sender: Sender,
    _stop: oneshot::Sender<()>,
}

impl Worker {
    pub(super) fn start(sender: Sender) -> io::Result<Self> {
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, told) = mpsc::channel();
        thread::Builder::new().name("fantail-worker".to_owned()).spawn(move || {
            match Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => {
                    let _ = tell.send(Ok(runtime.handle().clone()));
                    // Resolves when the worker is dropped.
                    let _ = runtime.block_on(stopped);
                    // A read of the input that is still under way must not keep the thread.
                    runtime.shutdown_background();
                }
                Err(error) => _ = tell.send(Err(error)),
            }
        })?;
        let runtime = told.recv().unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()))?;
        Ok(Self { runtime, sender, _stop: stop })
    }
}

/// The policy of each instance that runs a part of a batch: `workers` at most, which together allow what the policy allows. There is one if
/// the policy has a rule that is about what has become of other requests.
pub(super) fn shares(policy: &Policy, workers: usize) -> Vec<Policy> {
    // A policy that is refused is refused by the component.
    let Ok(settings) = policy.resolve() else { return vec![policy.clone()] };
    match parts(&settings, workers) {
        1 => vec![policy.clone()],
        parts => (0..parts).map(|place| part(policy, &settings, place, parts)).collect(),
    }
}

fn parts(settings: &Settings, workers: usize) -> u32 {
    let Settings { concurrency, per_origin, rate, burst, window, max_unread, .. } = *settings;
    let about_others = settings.until != Until::All
        || settings.coalesce
        || settings.breaker_percent > 0
        || settings.per_origin_floor.is_some();
    if about_others {
        return 1;
    }
    let rated = rate.map_or(u32::MAX, |rate| rate.min(burst));
    let repeats = settings.retries > 0 || settings.hedge.is_some();
    let repeated = if repeats && settings.retry_per_second > 0 { settings.retry_per_second } else { u32::MAX };
    let bytes = u32::try_from(settings.window_bytes / MIN_WINDOW_BYTES).unwrap_or(u32::MAX);
    let most = [concurrency / MIN_SLOTS, per_origin, window, max_unread, rated, repeated, bytes];
    let most = most.into_iter().min().unwrap_or(1);
    most.min(u32::try_from(workers).unwrap_or(u32::MAX)).max(1)
}

/// The part at `place` of `parts`.
fn part(policy: &Policy, settings: &Settings, place: u32, parts: u32) -> Policy {
    // What remains goes to the first ones.
    let share = |whole: u32| whole / parts + u32::from(place < whole % parts);
    Policy {
        concurrency: Some(share(settings.concurrency)),
        per_origin: Some(share(settings.per_origin)),
        rate: settings.rate.map(share),
        burst: settings.rate.map(|_| share(settings.burst)).or(policy.burst),
        window: Some(share(settings.window)),
        window_bytes: Some(settings.window_bytes / u64::from(parts)),
        max_unread: Some(share(settings.max_unread)),
        retry_per_second: Some(share(settings.retry_per_second)),
        ..policy.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(policy: &Policy, workers: usize) -> (usize, [u32; 5]) {
        let shares = shares(policy, workers);
        let sum = |of: fn(&Settings) -> u32| shares.iter().map(|share| of(&share.resolve().unwrap())).sum();
        let fields: [fn(&Settings) -> u32; 5] =
            [|s| s.concurrency, |s| s.per_origin, |s| s.rate.unwrap_or(0), |s| s.window, |s| s.retry_per_second];
        (shares.len(), fields.map(sum))
    }

    #[test]
    fn the_parts_together_allow_what_the_policy_allows() {
        let policy = Policy {
            concurrency: Some(67),
            per_origin: Some(31),
            rate: Some(101),
            burst: Some(10),
            window: Some(501),
            retry_per_second: Some(3),
            ..Policy::default()
        };
        assert_eq!(sums(&policy, 4), (4, [67, 31, 101, 501, 3]));
    }

    #[test]
    fn a_policy_that_cannot_be_divided_stays_whole() {
        for policy in [
            Policy { concurrency: Some(15), ..Policy::default() },
            Policy { per_origin: Some(1), ..Policy::default() },
            Policy { rate: Some(1_000), ..Policy::default() },
            Policy { window_bytes: Some(100 << 10), ..Policy::default() },
            Policy { retries: Some(1), retry_per_second: Some(1), ..Policy::default() },
            Policy { breaker_percent: Some(50), ..Policy::default() },
            Policy { per_origin_floor: Some(2), ..Policy::default() },
            Policy { until: Some(Until::FirstFailure), ..Policy::default() },
            Policy { coalesce: Some(true), ..Policy::default() },
        ] {
            assert_eq!(shares(&policy, 4), [policy]);
        }
    }
}
