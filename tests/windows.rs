//! Requests of every size, in windows of every size: none of them traps the instance, which would fail all others.

use crate::support::{by_id, cause, harness, origin, run, status};
use fantail::{Cause, End, Policy};
use fantail_engine::Request;
use fantail_origin::Origin;
use std::time::Duration;

const MIB: usize = 1 << 20;

/// A request whose head no host accepts fails alone.
#[tokio::test]
async fn oversized_request_headers_fail_only_their_request() {
    let origin = origin().await;
    let with = |id: u64, count: usize, bytes: usize| {
        let header = |at: usize| (format!("x-{at}"), vec![b'a'; bytes]);
        Request { headers: (0..count).map(header).collect(), ..Request::get(id, origin.url("/ok")) }
    };
    // wasmtime allows 128 KiB by its own count; some of these sizes are just below it, and some above.
    let sizes = [(1, 131_000), (1, 130_909), (1, 130_999), (1_660, 8), (1, 65_533), (256, 8), (257, 8), (1, 1_000_000)];
    let large = sizes.iter().zip(0..).map(|((count, bytes), id)| with(id, *count, *bytes));
    let small = (sizes.len() as u64..500).map(|id| with(id, 1, 1));
    let (outcomes, report) =
        run(&harness(), futures::stream::iter(large.chain(small).collect::<Vec<_>>()), &Policy::default()).await;
    assert!(matches!(report.end, End::Finished(Some(_))), "{:?}", report.end);
    let outcomes = by_id(outcomes);
    assert_eq!(outcomes.len(), 500);
    for (outcome, (count, bytes)) in outcomes.iter().zip(sizes) {
        let fits = count <= 256 && count * bytes < 65_536 - 1_000;
        let refused = cause(outcome) == Some(Cause::HttpRequestHeaderSectionSize);
        assert_eq!(refused, !fits && bytes != 65_533, "{count} x {bytes}: {outcome:?}");
    }
    assert!(outcomes.iter().skip(sizes.len()).all(|outcome| status(outcome) == Some(200)));
}

/// A full window of uploads of four times the component's memory.
#[tokio::test]
async fn uploads_that_exceed_memory_in_total_all_succeed() {
    let origin = origin().await;
    let url = origin.url("/ok");
    let post = move |id| {
        let body = Some(vec![b'u'; 4 * MIB]);
        Request { method: "POST".to_owned(), body, ..Request::get(id, url.clone()) }
    };
    let limits = fantail::Limits { memory: 64 * MIB, ..fantail::Limits::default() };
    let harness = crate::support::builder().limits(limits).build().unwrap();
    let (outcomes, report) = run(&harness, futures::stream::iter((0..64).map(post)), &Policy::default()).await;
    assert!(matches!(report.end, End::Finished(Some(_))), "{:?}", report.end);
    assert_eq!(outcomes.iter().filter(|outcome| status(outcome) == Some(200)).count(), 64);
}

/// Response bodies in an instance that has room for only a few of them.
#[tokio::test]
async fn responses_that_exceed_memory_in_total_all_arrive() {
    let origin = origin().await;
    let limits = fantail::Limits { memory: 32 * MIB, ..fantail::Limits::default() };
    let harness = crate::support::builder().limits(limits).build().unwrap();
    let urls = (0..128).map(|id| Request::get(id, origin.url("/bytes/1000000")));
    let (outcomes, report) = run(&harness, futures::stream::iter(urls.collect::<Vec<_>>()), &Policy::default()).await;
    assert!(matches!(report.end, End::Finished(Some(_))), "{:?}", report.end);
    assert_eq!(outcomes.iter().filter(|outcome| status(outcome) == Some(200)).count(), 128);
}

/// Generates numbers from a seed (splitmix64).
struct Generator(u64);

impl Generator {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        usize::try_from((mixed ^ (mixed >> 27)) >> 33).unwrap() % end
    }

    fn text(&mut self, max: usize) -> String {
        let letters = ["a", "Z", "0", "/", " ", "%", "ä", "\n", ":", "@", "?", "#", "[", "]", "\\", "\0", "𝒳"];
        let length = self.below(max);
        (0..length).map(|_| letters[self.below(letters.len())]).collect()
    }

    fn request(&mut self, id: u64, origin: &Origin) -> Request {
        let method = ["GET", "GET", "POST", "HEAD", "CONNECT", "", "G T", "ÄTSCH"][self.below(8)].to_owned();
        let paths = ["/ok", "/bytes/70000", "/close", "/garbage", "/headers/100", "/status/304", "/redirect/302?/ok"];
        let url = match self.below(6) {
            0 => self.text(40),
            1 => format!("{}?{}", origin.url("/ok"), self.text(20_000)),
            _ => origin.url(paths[self.below(paths.len())]),
        };
        let headers = (0..self.below(8) * self.below(60)).map(|at| {
            let name = if self.below(9) == 0 { self.text(9) } else { format!("x-{at}") };
            let bytes = self.below(200) * self.below(20) * self.below(8);
            (name, vec![b'v'; bytes])
        });
        let headers = headers.collect();
        let body = (self.below(3) == 0).then(|| vec![b'b'; self.below(2_000) * self.below(1_000)]);
        let mut request = Request { method, headers, body, ..Request::get(id, url) };
        request.options.secret_headers = (0..self.below(3)).map(|_| self.text(30)).collect();
        request.options.timeout = (self.below(9) == 0).then(|| Duration::from_millis(self.below(20) as u64));
        request
    }
}

/// The instance survives any input.
#[tokio::test]
async fn no_generated_request_ends_the_instance() {
    let origin = origin().await;
    for seed in 0..4 {
        let mut generator = Generator(seed);
        let requests: Vec<Request> = (0..300).map(|id| generator.request(id, &origin)).collect();
        let policy = Policy {
            retries: Some(1),
            redirects: Some(2),
            timeout: Some(Duration::from_secs(20)),
            ..Policy::default()
        };
        let (outcomes, report) = run(&harness(), futures::stream::iter(requests), &policy).await;
        assert!(matches!(report.end, End::Finished(Some(_))), "seed {seed}: {:?}", report.end);
        assert_eq!(outcomes.len(), 300);
        let broken = outcomes.iter().find(|outcome| cause(outcome) == Some(Cause::InternalError));
        assert!(broken.is_none(), "seed {seed}: {broken:?}");
    }
}
