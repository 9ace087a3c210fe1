//! Scenarios, drawn from a seed.

use crate::origin::{Answer, Character, Does};
use crate::policy;
use fantail_engine::{BodyMode, Origins, Policy, Priority, Request, RequestOptions};
use fastrand::Rng;
use std::time::Duration;

/// Bytes of a body at most, of a request or a response.
pub(crate) const MAX_SIZE: u64 = 100_000;

/// Everything about a run.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The seed it was drawn from.
    pub seed: u64,
    /// The policy of its first batch.
    pub policy: Policy,
    /// The policies of the other batches, which run at the same time and share what is known about origins.
    pub(crate) others: Vec<Policy>,
    /// How many origins can be known at once.
    pub(crate) capacity: usize,
    /// Nothing but rates delays attempts: see [`Scenario::draw_paced`].
    pub(crate) paced: bool,
    /// The requests of each batch.
    pub batches: Vec<Vec<Planned>>,
    pub(crate) origins: Vec<Character>,
    /// How long a read of the input takes at most.
    pub(crate) input: Duration,
    /// How long the reader waits at most before it takes outcomes.
    pub(crate) reader: Duration,
    /// When the reader leaves.
    pub(crate) leaves: Option<Duration>,
    /// When the reader stops the batch.
    pub(crate) stops: Option<Duration>,
    /// How late a timer is at most.
    pub(crate) lateness: Duration,
    /// What happens is seen at multiples of it, and decided about together; zero: at once, one by one.
    pub(crate) tick: Duration,
    /// Its outcomes do not depend on timing.
    steady: bool,
}

/// A request before the address of its origin is known.
#[derive(Clone, Debug)]
pub struct Planned {
    method: &'static str,
    /// Bytes of its body, if it has one.
    body: Option<u64>,
    /// Which origin, from 0.
    pub origin: usize,
    /// Which of its paths.
    pub path: u32,
    options: RequestOptions,
    /// It cannot be sent.
    pub(crate) invalid: bool,
    /// Its credentials.
    token: Option<&'static str>,
}

impl Planned {
    /// The request, with origins at these URLs (such as `http://origin-0.test`).
    pub fn request(&self, id: u64, origins: &[String]) -> Request {
        let origin = origins.get(self.origin).map_or("", String::as_str);
        let url = if self.invalid { "not a URL".to_owned() } else { format!("{origin}/{}", self.path) };
        let body = self.body.map(|bytes| vec![b'a'; usize::try_from(bytes).unwrap_or_default()]);
        let options = self.options.clone();
        let headers = self.token.map(|token| ("authorization".to_owned(), token.into())).into_iter().collect();
        Request { headers, method: self.method.to_owned(), body, options, ..Request::get(id, url) }
    }
}

impl Scenario {
    /// Draws anything.
    pub fn draw(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let policy = policy::draw(&mut rng);
        let origins: Vec<Character> = (0..rng.usize(1..5)).map(|_| Character::draw(&mut rng)).collect();
        let batches = if rng.u32(0..4) == 0 { rng.usize(2..4) } else { 1 };
        // Some are long enough for a leak to show.
        let max = if rng.u32(0..100) == 0 { 3_000 } else { *rng.choice(&[5, 20, 20, 60, 200]).unwrap_or(&20) };
        let batches = (0..batches).map(|_| draw_requests(&mut rng, max, origins.len())).collect();
        let micros = |rng: &mut Rng, max| Duration::from_micros(rng.u64(0..max));
        // Not zero: a reader that polls without a pause would fill the run with polls.
        let (input, reader) = (micros(&mut rng, 3_000), micros(&mut rng, 30_000) + Duration::from_micros(20));
        let leaves = (rng.u32(0..12) == 0).then(|| micros(&mut rng, 500_000));
        let lateness = if rng.bool() { Duration::ZERO } else { micros(&mut rng, 3_000) };
        let batches: Vec<Vec<Planned>> = batches;
        let others = batches.iter().skip(1).map(|_| if rng.bool() { policy.clone() } else { policy::draw(&mut rng) });
        let others: Vec<Policy> = others.collect();
        let limited = others.iter().chain([&policy]).all(|policy| policy.retry_per_second < Some(10_000));
        let capacity = if limited && rng.u32(0..6) == 0 { rng.usize(1..=origins.len()) } else { Origins::MAX };
        let stops = (rng.u32(0..12) == 0).then(|| micros(&mut rng, 500_000));
        // Drawn last, so that the rest of a seed stays what it was.
        let tick = Duration::from_micros(*rng.choice(&[0, 100, 1_000, 10_000]).unwrap_or(&0));
        let plain = Self::plain(seed, policy, batches, origins);
        Self { others, capacity, input, reader, leaves, stops, lateness, tick, ..plain }
    }

    /// Draws a scenario in which attempts wait only for rates: slots and time enough, healthy origins, and batches that
    /// may have different rates. What a rate allows must then be sent, and no more.
    pub fn draw_paced(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let batches = rng.usize(1..4);
        let mut policies: Vec<Policy> = (0..batches).map(|_| policy::draw_paced(&mut rng)).collect();
        // One, or more than can be known at once.
        let origins = vec![Character::Healthy; if rng.bool() { 1 } else { rng.usize(2..30) }];
        let capacity = if rng.bool() { Origins::MAX } else { rng.usize(1..=origins.len()) };
        let requests = |rng: &mut Rng| {
            let planned = |path| Planned {
                token: None,
                method: "GET",
                body: None,
                origin: rng.usize(0..origins.len()),
                path,
                options: RequestOptions::default(),
                invalid: false,
            };
            (0..200).map(planned).collect()
        };
        let batches = (0..batches).map(|_| requests(&mut rng)).collect();
        let lateness = Duration::from_micros(rng.u64(0..8_000));
        let reader = Duration::from_millis(100);
        let plain = Self::plain(seed, policies.remove(0), batches, origins);
        Self { others: policies, capacity, paced: true, reader, lateness, ..plain }
    }

    /// Draws a scenario in which outcomes do not depend on timing: one batch, one request per path, time enough, and an
    /// unlimited retry budget. Real origins that behave as [`Scenario::answer`] says must then lead to the same
    /// outcomes.
    pub fn draw_steady(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let policy = policy::draw_steady(&mut rng);
        let origins: Vec<Character> = (0..rng.usize(1..4)).map(|_| Character::draw(&mut rng)).collect();
        let count = rng.u32(1..40);
        let requests = (0..count).map(|path| {
            let method = *rng.choice(&["GET", "GET", "PUT", "POST"]).unwrap_or(&"GET");
            Planned {
                token: None,
                method,
                body: (method == "POST").then_some(4),
                origin: rng.usize(0..origins.len()),
                path,
                options: RequestOptions::default(),
                invalid: rng.u32(0..30) == 0,
            }
        });
        let batches = vec![requests.collect()];
        Self { steady: true, ..Self::plain(seed, policy, batches, origins) }
    }

    /// One in which nothing is late, everything is seen at once, and the reader stays to the end.
    fn plain(seed: u64, policy: Policy, batches: Vec<Vec<Planned>>, origins: Vec<Character>) -> Self {
        Self {
            seed,
            policy,
            others: Vec::new(),
            capacity: Origins::MAX,
            paced: false,
            batches,
            origins,
            input: Duration::ZERO,
            reader: Duration::from_millis(1),
            leaves: None,
            stops: None,
            lateness: Duration::ZERO,
            tick: Duration::ZERO,
            steady: false,
        }
    }

    /// The policy of a batch.
    pub(crate) fn policy_of(&self, batch: usize) -> &Policy {
        batch.checked_sub(1).and_then(|other| self.others.get(other)).unwrap_or(&self.policy)
    }

    /// How many bytes the response to this path holds.
    pub(crate) fn size(&self, path: u32, body: BodyMode) -> u64 {
        match body {
            BodyMode::Bytes => MAX_SIZE / (u64::from(path) % 20 + 1).pow(2),
            BodyMode::Discard | BodyMode::Unread => 0,
        }
    }

    /// How many origins there are.
    pub fn origins(&self) -> usize {
        self.origins.len()
    }

    /// Whether an origin refuses all connections.
    pub fn is_dead(&self, origin: usize) -> bool {
        matches!(self.origins.get(origin), Some(Character::Dead))
    }

    /// What an origin does when a path is requested for the `visit`-th time, from 0.
    pub fn answer(&self, origin: usize, path: u32, visit: u32) -> Answer {
        let place = (origin as u64) << 48 | u64::from(path) << 16 | u64::from(visit);
        let mut rng = Rng::with_seed(self.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ place);
        // The first numbers of neighbouring seeds are similar.
        rng.u64(..);
        let character = self.origins.get(origin).copied().unwrap_or(Character::Healthy);
        let answer = character.answer(&mut rng, self.origins.len());
        if self.steady { steady(answer, path, visit) } else { answer }
    }
}

/// The same answer without anything that makes the outcome depend on the order of events.
fn steady(Answer { after, does }: Answer, path: u32, visit: u32) -> Answer {
    let does = match does {
        // Whether the connection was reused, and the request is therefore repeated, depends on earlier requests.
        Does::Break => Does::BreakBody,
        // A path of its own, so that no other request is redirected there.
        Does::Redirect { status, origin, .. } => Does::Redirect { status, origin, path: path + 1_000 },
        Does::Respond { status, body, .. } => Does::Respond { status, retry_after: None, body },
        // Rarely, or the test would take too long.
        Does::Hang if visit > 0 || !path.is_multiple_of(10) => {
            Does::Respond { status: 200, retry_after: None, body: Duration::ZERO }
        }
        does => does,
    };
    Answer { after: after.min(Duration::from_millis(20)), does }
}

fn draw_requests(rng: &mut Rng, max: usize, origins: usize) -> Vec<Planned> {
    let paths = if rng.bool() { 1_000 } else { 8 };
    let count = rng.usize(0..max);
    (0..count).map(|_| draw_request(rng, paths, origins)).collect()
}

fn draw_request(rng: &mut Rng, paths: u32, origins: usize) -> Planned {
    let method = *rng.choice(&["GET", "GET", "GET", "HEAD", "PUT", "POST", "POST"]).unwrap_or(&"GET");
    let options = RequestOptions {
        timeout: (rng.u32(0..10) == 0).then(|| Duration::from_millis(rng.u64(0..300))),
        safe_to_repeat: (rng.u32(0..10) == 0).then(|| rng.bool()),
        priority: *rng.choice(&[None, None, Some(Priority::High), Some(Priority::Low)]).unwrap_or(&None),
        body: (rng.u32(0..6) == 0).then(|| policy::draw_body(rng)),
        ..RequestOptions::default()
    };
    // Some would fill a small window of bytes.
    let body = matches!(method, "PUT" | "POST").then(|| if rng.u32(0..6) == 0 { rng.u64(0..MAX_SIZE) } else { 4 });
    // Some origins get more requests than others.
    let origin = rng.usize(0..origins).min(rng.usize(0..origins));
    let token = *rng.choice(&[None, None, Some("one"), Some("two")]).unwrap_or(&None);
    Planned { method, body, origin, path: rng.u32(0..paths), options, invalid: rng.u32(0..40) == 0, token }
}
