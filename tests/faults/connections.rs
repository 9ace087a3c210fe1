//! Names and connections.

use super::{MS, among_healthy, harness, played, policy, settled, told};
use crate::egress::Names;
use crate::script::{Script, Step, send};
use crate::support::{builder, by_id, failure, origin, refused, requests, run, run_one, status};
use fantail::{Cause, Connect, Egress, Phase, Policy, PoolLimits, Resolve, ResolveError, TcpConnector, Transport};
use fantail_engine::Request;
use futures::FutureExt;
use futures::future::BoxFuture;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Fails to connect to one address, as the system would, and connects to all others. Counts how often it was asked for that one.
struct Failing {
    address: IpAddr,
    how: Option<fn() -> io::Error>,
    asked: Arc<AtomicUsize>,
}

impl Failing {
    /// Of loopback; with none it never answers.
    fn to(address: &str, how: Option<fn() -> io::Error>) -> (Self, Arc<AtomicUsize>) {
        let asked: Arc<AtomicUsize> = Arc::default();
        (Self { address: address.parse().unwrap(), how, asked: Arc::clone(&asked) }, asked)
    }
}

impl Connect for Failing {
    fn connect(&self, to: fantail::Approved) -> BoxFuture<'static, io::Result<Box<dyn Transport>>> {
        if to.address().ip() != self.address {
            return TcpConnector.connect(to);
        }
        self.asked.fetch_add(1, Ordering::SeqCst);
        match self.how {
            Some(how) => std::future::ready(Err(how())).boxed(),
            None => std::future::pending().boxed(),
        }
    }
}

#[tokio::test]
async fn c1_refused() {
    let (outcome, _) = among_healthy(&harness(), Request::get(4, refused().await), &policy()).await;
    assert_eq!(told(&outcome), "connection-refused connect");
    assert!(failure(&outcome).retryable);
}

#[tokio::test]
async fn c2_what_is_never_answered_is_given_up_once_at_the_deadline() {
    let (connector, asked) = Failing::to("127.9.9.9", None);
    let harness = builder().connector(connector).build().unwrap();
    let begun = Instant::now();
    let (outcome, _) = among_healthy(&harness, Request::get(4, "http://127.9.9.9/"), &policy()).await;
    assert_eq!((told(&outcome).as_str(), asked.load(Ordering::SeqCst)), ("connection-timeout connect", 1));
    assert!((400 * MS..2_000 * MS).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    settled(&harness).await;
}

#[tokio::test]
async fn c3_what_has_no_route_is_not_called_refused() {
    let host = || io::Error::from(io::ErrorKind::HostUnreachable);
    let network = || io::Error::from(io::ErrorKind::NetworkUnreachable);
    for (how, says) in
        [(host as fn() -> io::Error, "destination-unavailable connect"), (network, "destination-IP-unroutable connect")]
    {
        let harness = builder().connector(Failing::to("127.9.9.9", Some(how)).0).build().unwrap();
        let (outcome, _) = among_healthy(&harness, Request::get(4, "http://127.9.9.9/"), &policy()).await;
        assert_eq!(told(&outcome), says);
    }
}

/// A resolver that says this of every name.
struct Says(&'static str);

impl Resolve for Says {
    fn resolve(&self, _: &str) -> BoxFuture<'static, Result<Vec<IpAddr>, ResolveError>> {
        std::future::ready(Err(ResolveError(self.0.to_owned()))).boxed()
    }
}

#[tokio::test]
async fn c4_names_that_have_no_address() {
    for says in ["NXDOMAIN", "SERVFAIL", "the name has no address"] {
        let harness = builder().resolver(Says(says)).build().unwrap();
        let (outcome, _) = among_healthy(&harness, Request::get(4, "http://name.invalid/"), &policy()).await;
        assert_eq!(told(&outcome), "DNS-error resolve");
        assert_eq!(failure(&outcome).detail.as_deref(), Some(says));
    }
}

/// A resolver that never answers, and counts who waits.
struct Stalled(Arc<AtomicUsize>);

struct Waiting(Arc<AtomicUsize>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Resolve for Stalled {
    fn resolve(&self, _: &str) -> BoxFuture<'static, Result<Vec<IpAddr>, ResolveError>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let waiting = Waiting(Arc::clone(&self.0));
        async move {
            let _waiting = waiting;
            std::future::pending().await
        }
        .boxed()
    }
}

#[tokio::test]
async fn c5_six_hundred_lookups_that_stall_stop_nobody_and_are_given_up() {
    let waiting: Arc<AtomicUsize> = Arc::default();
    let harness = builder().resolver(Stalled(Arc::clone(&waiting))).build().unwrap();
    let origin = origin().await;
    let urls = (0..610).map(|id| if id < 600 { format!("http://slow-{id}.test/") } else { origin.url("/ok") });
    let wide = Policy { concurrency: Some(1_000), ..policy() };
    let (outcomes, _) = run(&harness, requests(urls.collect::<Vec<_>>()), &wide).await;
    let outcomes = by_id(outcomes);
    assert!(outcomes[..600].iter().all(|outcome| told(outcome) == "DNS-timeout resolve"));
    assert!(outcomes[600..].iter().all(|outcome| status(outcome) == Some(200)));
    assert!(outcomes[600..].iter().all(|outcome| outcome.timing.total < outcomes[0].timing.total));
    assert_eq!(waiting.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn c6_of_many_addresses_the_dead_ones_are_passed_over_in_time_and_all_are_told() {
    let origin = origin().await;
    let port = origin.address().port();
    let names = || {
        Names::new(&[("silent-first.test", &["127.9.9.9", "127.0.0.1"]), ("refused.test", &["127.8.8.8", "127.7.7.7"])])
    };
    let harness = builder().connector(Failing::to("127.9.9.9", None).0).resolver(names()).build().unwrap();
    let begun = Instant::now();
    let outcome = run_one(&harness, Request::get(0, format!("http://silent-first.test:{port}/ok")), &policy()).await;
    assert_eq!(told(&outcome), "200 \"hello world\"");
    // The next is tried beside it after 250 ms, long before the first is given up.
    assert!(begun.elapsed() < 400 * MS + 1_000 * MS, "{:?}", begun.elapsed());
    let outcome = run_one(&harness, Request::get(0, format!("http://refused.test:{port}/ok")), &policy()).await;
    let detail = failure(&outcome).detail.clone().unwrap();
    assert!(detail.contains("127.8.8.8") && detail.contains("127.7.7.7"), "{detail}");
}

#[tokio::test]
async fn c7_accepted_and_ended_before_a_byte() {
    for steps in [vec![], vec![Step::Reset], vec![Step::Head], vec![Step::Head, Step::Reset]] {
        let outcome = played(steps.clone()).await;
        assert_eq!(told(&outcome), "connection-terminated head", "{steps:?}");
        assert_eq!(outcome.attempts, 1, "{steps:?}");
    }
}

#[tokio::test]
async fn c10_no_port_left_is_a_limit_and_passes() {
    let none_left = || io::Error::from(io::ErrorKind::AddrNotAvailable);
    let harness = builder().connector(Failing::to("127.9.9.9", Some(none_left)).0).build().unwrap();
    let (outcome, _) = among_healthy(&harness, Request::get(4, "http://127.9.9.9/"), &policy()).await;
    assert_eq!(told(&outcome), "connection-limit-reached connect");
    assert!(failure(&outcome).retryable);
}

#[tokio::test]
async fn c11_more_connections_than_the_host_allows_are_refused_and_the_rest_goes_on() {
    let origin = origin().await;
    let pool = PoolLimits { max_open: 10, max_open_per_origin: 8, ..PoolLimits::default() };
    let harness = builder().pool(pool).build().unwrap();
    let wide = Policy { concurrency: Some(50), ..policy() };
    let (outcomes, _) = run(&harness, requests((0..50).map(|_| origin.url("/delay/200"))), &wide).await;
    let outcomes = by_id(outcomes);
    let limited: Vec<_> = outcomes.iter().filter(|outcome| status(outcome).is_none()).collect();
    assert_eq!((outcomes.len(), limited.len(), origin.counts().peak_in_flight), (50, 42, 8));
    assert!(limited.iter().all(|outcome| told(outcome) == "connection-limit-reached connect"));
    assert!(failure(limited[0]).detail.as_deref().unwrap().contains("8 connections to this origin"));
    // What is kept gives way to another origin.
    let (other, third) = (crate::support::origin().await, crate::support::origin().await);
    let few = PoolLimits { max_open: 2, ..PoolLimits::default() };
    let small = builder().pool(few).build().unwrap();
    for origin in [&origin, &other, &third, &origin] {
        let outcome = run_one(&small, Request::get(0, origin.url("/ok")), &policy()).await;
        assert_eq!(status(&outcome), Some(200), "{outcome:?}");
    }
    // The same once more: every place has come back.
    let narrow = Policy { concurrency: Some(8), ..policy() };
    let (outcomes, _) = run(&harness, requests((0..50).map(|_| origin.url("/ok"))), &narrow).await;
    assert!(outcomes.iter().all(|outcome| status(outcome) == Some(200)));
}

#[tokio::test]
async fn c12_a_connection_found_closed_costs_no_request_and_a_post_is_not_sent_twice() {
    let harness = harness();
    let answer = send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    // One answer, then the next request is read and dropped.
    let script = Script::start([Step::Head, answer, Step::Head]).await;
    for asked in 1..=3 {
        let outcome = run_one(&harness, Request::get(0, script.url()), &policy()).await;
        assert_eq!((told(&outcome).as_str(), script.connections()), ("200 \"ok\"", asked), "{outcome:?}");
    }
    let post = Request { method: "POST".to_owned(), body: Some(b"x".to_vec()), ..Request::get(0, script.url()) };
    let outcome = run_one(&harness, post, &policy()).await;
    assert_eq!(told(&outcome), "connection-terminated head", "it may have been seen");
}

/// Nothing that is not approved is even asked for: the recording connector stays empty.
#[tokio::test]
async fn r2_r3_no_spelling_of_a_private_address_is_ever_connected_to() {
    let redirecting = origin().await;
    let (connector, asked) = Recording::new();
    let harness = crate::support::builder_for(Egress::public()).connector(connector).build().unwrap();
    let hosts = [
        "169.254.169.254",
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "10.0.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "0",
        "[::]",
        "[::1]",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:a9fe:a9fe::]",
        "[fd00:ec2::254]",
        "169。254。169。254",
        "169.254.169.254.",
    ];
    for host in hosts {
        let outcome = run_one(&harness, Request::get(0, format!("http://{host}/")), &policy()).await;
        assert_eq!(failure(&outcome).cause, Cause::DestinationIpProhibited, "{host}");
        assert_eq!(failure(&outcome).phase, Phase::Resolve, "{host}");
    }
    assert_eq!(asked.lock().unwrap().len(), 0);
    let (connector, asked) = Recording::new();
    let harness = builder().connector(connector).build().unwrap();
    let redirects = Policy { redirects: Some(3), ..policy() };
    for host in
        hosts.iter().filter(|host| !host.contains("127") && !matches!(**host, "2130706433" | "0x7f.1" | "0177.0.0.1"))
    {
        let url = redirecting.url(&format!("/redirect/302?http://{host}/"));
        let outcome = run_one(&harness, Request::get(0, url), &redirects).await;
        assert_eq!(failure(&outcome).cause, Cause::DestinationIpProhibited, "{host}");
    }
    let asked = asked.lock().unwrap();
    assert!(asked.iter().all(|address| address == &redirecting.address()), "{asked:?}");
}

/// Connects, and keeps a record of where to.
struct Recording(Arc<std::sync::Mutex<Vec<std::net::SocketAddr>>>);

impl Recording {
    fn new() -> (Self, Arc<std::sync::Mutex<Vec<std::net::SocketAddr>>>) {
        let asked: Arc<std::sync::Mutex<Vec<_>>> = Arc::default();
        (Self(Arc::clone(&asked)), asked)
    }
}

impl Connect for Recording {
    fn connect(&self, to: fantail::Approved) -> BoxFuture<'static, io::Result<Box<dyn Transport>>> {
        self.0.lock().unwrap().push(to.address());
        TcpConnector.connect(to)
    }
}

/// A resolver that gives another answer each time.
struct Rebinding(Arc<AtomicUsize>);

impl Resolve for Rebinding {
    fn resolve(&self, _: &str) -> BoxFuture<'static, Result<Vec<IpAddr>, ResolveError>> {
        let address = if self.0.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) { "127.0.0.1" } else { "10.0.0.1" };
        std::future::ready(Ok(vec![address.parse().unwrap()])).boxed()
    }
}

#[tokio::test]
async fn r4_a_name_that_points_elsewhere_the_next_time_is_checked_the_next_time() {
    let script =
        Script::start([Step::Head, send("HTTP/1.1 503 -\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")]).await;
    let ((connector, asked), lookups) = (Recording::new(), Arc::<AtomicUsize>::default());
    let harness = builder().connector(connector).resolver(Rebinding(Arc::clone(&lookups))).build().unwrap();
    let url = format!("http://rebinding.test:{}/", script.address().port());
    let retries = Policy { retries: Some(3), backoff: Some(MS), ..policy() };
    let outcome = run_one(&harness, Request::get(0, url), &retries).await;
    assert_eq!(told(&outcome), "destination-IP-prohibited resolve");
    assert_eq!((outcome.attempts, lookups.load(Ordering::SeqCst)), (2, 2));
    assert_eq!(*asked.lock().unwrap(), [script.address()]);
}
