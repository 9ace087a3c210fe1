//! Rate limits: how often requests are sent to an origin.

use crate::driver::{Driver, causes};
use fantail_engine::{Cause, Event, Hedge, Origins, Policy, Request};
use std::collections::BTreeMap;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

/// Ten a second, two at once.
fn policy() -> Policy {
    Policy { rate: Some(10), burst: Some(2), window: Some(64), ..Policy::default() }
}

fn paths(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("/{n}")).collect()
}

fn read(driver: &mut Driver, count: usize) {
    let paths = paths(count);
    driver.read(&paths.iter().map(String::as_str).collect::<Vec<_>>(), false);
}

#[test]
fn attempts_to_an_origin_keep_its_rate_however_many_wait() {
    let mut driver = Driver::started(&policy());
    read(&mut driver, 20);
    assert_eq!(driver.running.len(), 2, "the burst");
    driver.pass(99 * MS);
    assert_eq!(driver.running.len(), 2);
    driver.pass(MS);
    assert_eq!(driver.running.len(), 3);
    driver.pass(Duration::from_secs(1));
    assert_eq!(driver.running.len(), 13);
    assert!(driver.running.values().map(String::as_str).eq(paths(13).iter().map(String::as_str)), "in their order");
}

#[test]
fn other_origins_are_not_delayed() {
    let mut driver = Driver::started(&policy());
    let other = |id| Request::get(id, format!("http://other.test/other/{id}"));
    let requests = (0..9).map(|id| Request::get(id, format!("http://origin.test/{id}"))).chain([other(9), other(10)]);
    driver.read_requests(requests.collect(), false);
    assert_eq!(driver.running.values().filter(|path| path.starts_with("/other")).count(), 2);
    assert_eq!(driver.running.len(), 4);
}

#[test]
fn retries_and_hedges_keep_the_rate_too() {
    let fast = Policy { retries: Some(1), backoff: Some(MS), hedge: Some(Hedge::After(MS)), ..policy() };
    let mut driver = Driver::started(&fast);
    read(&mut driver, 2);
    driver.fail("/0", fantail_engine::Cause::ConnectionRefused);
    driver.pass(50 * MS);
    assert_eq!(driver.sent.len(), 2, "neither again nor beside");
    driver.pass(50 * MS);
    assert_eq!(driver.sent.len(), 3);
}

#[test]
fn requests_that_time_out_while_waiting_leave_no_reservation() {
    let mut driver = Driver::started(&Policy { timeout: Some(50 * MS), ..policy() });
    read(&mut driver, 10);
    driver.pass(50 * MS);
    assert_eq!(driver.take().len(), 10);
    assert_eq!(driver.engine.next_timer(), None);
    driver.pass(Duration::from_secs(1));
    read(&mut driver, 2);
    assert_eq!(driver.running.len(), 2);
}

/// L5: what one batch sends beyond its rate does not put another in debt, at an origin that both use.
#[test]
fn one_batchs_burst_does_not_delay_another() {
    let mut first = Driver::started(&Policy { rate: Some(1), burst: Some(100_000), ..policy() });
    while first.sent.len() < 5_000 {
        let room = first.reading.unwrap() as usize;
        read(&mut first, room);
        let running: Vec<String> = first.running.values().cloned().collect();
        running.iter().for_each(|path| first.respond(path, 200));
        first.take();
    }
    let mut second = Driver::started(&Policy { rate: Some(100), ..policy() });
    (second.now, second.origins) = (first.now, std::mem::take(&mut first.origins));
    read(&mut second, 20);
    second.pass(200 * MS);
    assert_eq!((second.sent.len(), causes(&second.take())), (20, Vec::new()));
}

/// Numbers between 0 and `max`, the same for the same seed (Knuth's MMIX generator).
fn drawn(seed: u64, max: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % (max + 1)
    }
}

/// Attempts of a batch that always has requests waiting, in ten seconds, when a timer fires at a whole millisecond and
/// up to `late` more after it was due, and answers arrive together with it.
fn sent_in_ten_seconds(rate: u32, late: u64, seed: u64) -> usize {
    let slots = Some(1_000);
    let mut driver = Driver::started(&Policy {
        rate: Some(rate),
        burst: Some(1),
        concurrency: slots,
        window: slots,
        ..Policy::default()
    });
    let (start, mut late) = (driver.now, drawn(seed, late));
    loop {
        if let Some(room) = driver.reading {
            driver.read(&vec!["/"; room as usize], false);
        }
        let sent = driver.sent.len();
        let elapsed = driver.now.since(start);
        assert!(sent as u128 <= u128::from(rate) * elapsed.as_nanos() / 1_000_000_000 + 1, "{sent} after {elapsed:?}");
        let due = driver.engine.next_timer().unwrap().since(start);
        let fires = Duration::from_millis(u64::try_from(due.as_nanos().div_ceil(1_000_000)).unwrap() + late());
        if fires > Duration::from_secs(10) {
            return sent;
        }
        driver.now = start + fires;
        let running: Vec<_> = std::mem::take(&mut driver.running).into_keys().collect();
        for attempt in running {
            driver.handle(Event::Head { attempt, status: 200, retry_after: None, location: None, facts: None });
            driver.handle(Event::Ended { attempt, response: String::new(), body_bytes: 0 });
        }
        driver.take();
        driver.handle(Event::Timer);
    }
}

/// L7: delays of late timers are caught up, and no more than that.
#[test]
fn a_rate_is_kept_although_timers_fire_late() {
    for (rate, late, seed) in [(100, 8, 1), (100, 0, 2), (1_000, 8, 3), (5_000, 5, 4), (5_000, 8, 5)] {
        let sent = sent_in_ten_seconds(rate, late, seed);
        let wanted = rate as usize * 10;
        assert!(sent * 100 >= wanted * 98, "{sent} in place of {wanted}");
    }
}

/// Answers everything at once, and lets time pass until nothing is left. Returns when each origin was sent a request,
/// since the start.
fn play_to_the_end(driver: &mut Driver, answer: impl Fn(&mut Driver)) -> BTreeMap<String, Vec<Duration>> {
    let (start, mut seen) = (driver.now, 0);
    let mut asked: BTreeMap<String, Vec<Duration>> = BTreeMap::new();
    loop {
        while !driver.running.is_empty() {
            answer(driver);
            driver.take();
        }
        for (url, _) in &driver.sent[seen..] {
            let origin = url.rsplit_once('/').unwrap().0.to_owned();
            asked.entry(origin).or_default().push(driver.now.since(start));
        }
        seen = driver.sent.len();
        let Some(timer) = driver.engine.next_timer() else { return asked };
        driver.now = driver.now.max(timer);
        driver.handle(Event::Timer);
    }
}

/// A batch with more origins than can be known, and `requests` to each.
fn to_many_origins(policy: Policy, requests: u64) -> Driver {
    let mut driver = Driver::new(&Policy {
        concurrency: Some(4_096),
        window: Some(4_096),
        timeout: Some(Duration::from_secs(3_600)),
        ..policy
    });
    driver.origins = Origins::with_capacity(50);
    driver.handle(Event::Demand);
    let url = |id| format!("http://origin-{}.test/{id}", id % 200);
    driver.read_requests((0..requests * 200).map(|id| Request::get(id, url(id))).collect(), true);
    driver
}

/// L6: when no more origins can be known, requests to new ones wait, rates hold, and the wait ends.
#[test]
fn rates_hold_with_more_origins_than_can_be_known() {
    let mut driver = to_many_origins(Policy { rate: Some(1), burst: Some(2), ..Policy::default() }, 5);
    let respond = |driver: &mut Driver| {
        let path = driver.running.values().next().unwrap().clone();
        driver.respond(&path, 200);
    };
    let asked = play_to_the_end(&mut driver, respond);
    assert_eq!((driver.sent.len(), asked.len()), (1_000, 200));
    for (origin, times) in asked {
        for (before, time) in times.iter().enumerate() {
            let allowed = 2.0 + time.as_secs_f64();
            assert!((before + 1) as f64 <= allowed, "{origin} was asked {} times after {time:?}", before + 1);
        }
        let pauses: Vec<_> = times.windows(3).map(|times| times[2] - times[0]).collect();
        assert!(pauses.iter().all(|pause| *pause >= Duration::from_secs(1)), "{origin}: {times:?}");
    }
    assert!(driver.summary.is_some_and(|summary| summary.responses == 1_000));
}

/// L6: so do retry budgets.
#[test]
fn budgets_hold_with_more_origins_than_can_be_known() {
    let policy = Policy { retries: Some(5), retry_percent: Some(20), retry_per_second: Some(0), ..Policy::default() };
    let mut driver = to_many_origins(Policy { max_backoff: Some(MS), ..policy }, 10);
    let fail = |driver: &mut Driver| {
        let path = driver.running.values().next().unwrap().clone();
        driver.fail(&path, Cause::ConnectionRefused);
    };
    let asked = play_to_the_end(&mut driver, fail);
    assert!(asked.values().all(|times| times.len() <= 10 + 2), "two of ten");
    assert!(asked.values().any(|times| times.len() == 10 + 2));
}
