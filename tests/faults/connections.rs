//! Faults of name resolution and connecting.

use super::{MS, among_healthy, describe, harness, play, policy, wait_until_idle};
use crate::egress::StaticResolver;
use crate::script::{Script, Step, send};
use crate::support::{builder, by_id, failure, origin, refused_url, requests, run, run_one, status};
use fantail::{Cause, Connect, Egress, Phase, Policy, PoolLimits, Resolve, ResolveError, TcpConnector, Transport};
use fantail_engine::Request;
use futures::FutureExt;
use futures::future::BoxFuture;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Fails to connect to one address, as the system would, and connects to all others. Counts the attempts to that address.
struct FailingConnector {
    address: IpAddr,
    error: Option<fn() -> io::Error>,
    attempts: Arc<AtomicUsize>,
}

impl FailingConnector {
    /// `address` is a loopback address; without an error, the connect never completes.
    fn to(address: &str, error: Option<fn() -> io::Error>) -> (Self, Arc<AtomicUsize>) {
        let attempts: Arc<AtomicUsize> = Arc::default();
        (Self { address: address.parse().unwrap(), error, attempts: Arc::clone(&attempts) }, attempts)
    }
}

impl Connect for FailingConnector {
    fn connect(&self, to: fantail::Approved) -> BoxFuture<'static, io::Result<Box<dyn Transport>>> {
        if to.address().ip() != self.address {
            return TcpConnector.connect(to);
        }
        self.attempts.fetch_add(1, Ordering::SeqCst);
        match self.error {
            Some(error) => std::future::ready(Err(error())).boxed(),
            None => std::future::pending().boxed(),
        }
    }
}

#[tokio::test]
async fn c1_a_refused_connection_is_a_retryable_failure() {
    let (outcome, _) = among_healthy(&harness(), Request::get(4, refused_url().await), &policy()).await;
    assert_eq!(describe(&outcome), "connection-refused connect");
    assert!(failure(&outcome).retryable);
}

#[tokio::test]
async fn c2_a_connect_that_is_never_answered_times_out_after_one_try() {
    let (connector, attempts) = FailingConnector::to("127.9.9.9", None);
    let harness = builder().connector(connector).build().unwrap();
    let start = Instant::now();
    let (outcome, _) = among_healthy(&harness, Request::get(4, "http://127.9.9.9/"), &policy()).await;
    assert_eq!((describe(&outcome).as_str(), attempts.load(Ordering::SeqCst)), ("connection-timeout connect", 1));
    assert!((400 * MS..2_000 * MS).contains(&start.elapsed()), "{:?}", start.elapsed());
    wait_until_idle(&harness).await;
}

#[tokio::test]
async fn c3_unreachable_destinations_are_not_reported_as_refused() {
    let host = || io::Error::from(io::ErrorKind::HostUnreachable);
    let network = || io::Error::from(io::ErrorKind::NetworkUnreachable);
    for (error, expected) in
        [(host as fn() -> io::Error, "destination-unavailable connect"), (network, "destination-IP-unroutable connect")]
    {
        let harness = builder().connector(FailingConnector::to("127.9.9.9", Some(error)).0).build().unwrap();
        let (outcome, _) = among_healthy(&harness, Request::get(4, "http://127.9.9.9/"), &policy()).await;
        assert_eq!(describe(&outcome), expected);
    }
}

/// A resolver that fails with this message for every name.
struct FailingResolver(&'static str);

impl Resolve for FailingResolver {
    fn resolve(&self, _: &str) -> BoxFuture<'static, Result<Vec<IpAddr>, ResolveError>> {
        std::future::ready(Err(ResolveError(self.0.to_owned()))).boxed()
    }
}

#[tokio::test]
async fn c4_names_without_an_address_fail_as_dns_errors() {
    for message in ["NXDOMAIN", "SERVFAIL", "the name has no address"] {
        let harness = builder().resolver(FailingResolver(message)).build().unwrap();
        let (outcome, _) = among_healthy(&harness, Request::get(4, "http://name.invalid/"), &policy()).await;
        assert_eq!(describe(&outcome), "DNS-error resolve");
        assert_eq!(failure(&outcome).detail.as_deref(), Some(message));
    }
}

/// A resolver that never answers, and counts the pending lookups.
struct StalledResolver(Arc<AtomicUsize>);

struct PendingLookup(Arc<AtomicUsize>);

impl Drop for PendingLookup {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Resolve for StalledResolver {
    fn resolve(&self, _: &str) -> BoxFuture<'static, Result<Vec<IpAddr>, ResolveError>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let pending = PendingLookup(Arc::clone(&self.0));
        async move {
            let _pending = pending;
            std::future::pending().await
        }
        .boxed()
    }
}

#[tokio::test]
async fn c5_six_hundred_stalled_lookups_block_no_other_request_and_time_out() {
    let pending: Arc<AtomicUsize> = Arc::default();
    let harness = builder().resolver(StalledResolver(Arc::clone(&pending))).build().unwrap();
    let origin = origin().await;
    let urls = (0..610).map(|id| if id < 600 { format!("http://slow-{id}.test/") } else { origin.url("/ok") });
    let wide = Policy { concurrency: Some(1_000), ..policy() };
    let (outcomes, _) = run(&harness, requests(urls.collect::<Vec<_>>()), &wide).await;
    let outcomes = by_id(outcomes);
    assert!(outcomes[..600].iter().all(|outcome| describe(outcome) == "DNS-timeout resolve"));
    assert!(outcomes[600..].iter().all(|outcome| status(outcome) == Some(200)));
    assert!(outcomes[600..].iter().all(|outcome| outcome.timing.total < outcomes[0].timing.total));
    assert_eq!(pending.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn c6_dead_addresses_are_skipped_in_time_and_all_are_named_if_none_connects() {
    let origin = origin().await;
    let port = origin.address().port();
    let names = || {
        StaticResolver::new(&[
            ("silent-first.test", &["127.9.9.9", "127.0.0.1"]),
            ("refused.test", &["127.8.8.8", "127.7.7.7"]),
        ])
    };
    let harness = builder().connector(FailingConnector::to("127.9.9.9", None).0).resolver(names()).build().unwrap();
    let start = Instant::now();
    let outcome = run_one(&harness, Request::get(0, format!("http://silent-first.test:{port}/ok")), &policy()).await;
    assert_eq!(describe(&outcome), "200 \"hello world\"");
    // The next address is tried in parallel after 250 ms, long before the first times out.
    assert!(start.elapsed() < 400 * MS + 1_000 * MS, "{:?}", start.elapsed());
    let outcome = run_one(&harness, Request::get(0, format!("http://refused.test:{port}/ok")), &policy()).await;
    let detail = failure(&outcome).detail.clone().unwrap();
    assert!(detail.contains("127.8.8.8") && detail.contains("127.7.7.7"), "{detail}");
}

#[tokio::test]
async fn c7_a_connection_closed_before_the_first_byte_is_terminated() {
    for steps in [vec![], vec![Step::Reset], vec![Step::Head], vec![Step::Head, Step::Reset]] {
        let outcome = play(steps.clone()).await;
        assert_eq!(describe(&outcome), "connection-terminated head", "{steps:?}");
        assert_eq!(outcome.attempts, 1, "{steps:?}");
    }
}

#[tokio::test]
async fn c10_running_out_of_local_ports_is_a_retryable_limit() {
    let ports_exhausted = || io::Error::from(io::ErrorKind::AddrNotAvailable);
    let harness = builder().connector(FailingConnector::to("127.9.9.9", Some(ports_exhausted)).0).build().unwrap();
    let (outcome, _) = among_healthy(&harness, Request::get(4, "http://127.9.9.9/"), &policy()).await;
    assert_eq!(describe(&outcome), "connection-limit-reached connect");
    assert!(failure(&outcome).retryable);
}

#[tokio::test]
async fn c11_connections_beyond_the_pool_limits_are_refused_and_the_rest_go_on() {
    let origin = origin().await;
    let pool = PoolLimits { max_open: 10, max_open_per_origin: 8, ..PoolLimits::default() };
    let harness = builder().pool(pool).build().unwrap();
    let wide = Policy { concurrency: Some(50), ..policy() };
    let (outcomes, _) = run(&harness, requests((0..50).map(|_| origin.url("/delay/200"))), &wide).await;
    let outcomes = by_id(outcomes);
    let limited: Vec<_> = outcomes.iter().filter(|outcome| status(outcome).is_none()).collect();
    assert_eq!((outcomes.len(), limited.len(), origin.counts().peak_in_flight), (50, 42, 8));
    assert!(limited.iter().all(|outcome| describe(outcome) == "connection-limit-reached connect"));
    assert!(failure(limited[0]).detail.as_deref().unwrap().contains("8 connections to this origin"));
    // An idle connection is closed to make room for another origin.
    let (other, third) = (crate::support::origin().await, crate::support::origin().await);
    let few = PoolLimits { max_open: 2, ..PoolLimits::default() };
    let small = builder().pool(few).build().unwrap();
    for origin in [&origin, &other, &third, &origin] {
        let outcome = run_one(&small, Request::get(0, origin.url("/ok")), &policy()).await;
        assert_eq!(status(&outcome), Some(200), "{outcome:?}");
    }
    // Once more with the first harness: every permit has been returned.
    let narrow = Policy { concurrency: Some(8), ..policy() };
    let (outcomes, _) = run(&harness, requests((0..50).map(|_| origin.url("/ok"))), &narrow).await;
    assert!(outcomes.iter().all(|outcome| status(outcome) == Some(200)));
}

#[tokio::test]
async fn c12_a_stale_connection_costs_no_request_and_a_post_is_not_sent_twice() {
    let harness = harness();
    let answer = send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    // Answers one request, then reads the next and closes the connection.
    let script = Script::start([Step::Head, answer, Step::Head]).await;
    for connections in 1..=3 {
        let outcome = run_one(&harness, Request::get(0, script.url()), &policy()).await;
        assert_eq!((describe(&outcome).as_str(), script.connections()), ("200 \"ok\"", connections), "{outcome:?}");
    }
    let post = Request { method: "POST".to_owned(), body: Some(b"x".to_vec()), ..Request::get(0, script.url()) };
    let outcome = run_one(&harness, post, &policy()).await;
    assert_eq!(describe(&outcome), "connection-terminated head", "the server may have seen it");
}

/// The connector is never called for an address that is not approved.
#[tokio::test]
async fn r2_r3_no_spelling_of_a_private_address_is_ever_connected_to() {
    let redirecting = origin().await;
    let (connector, addresses) = RecordingConnector::new();
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
    assert_eq!(addresses.lock().unwrap().len(), 0);
    let (connector, addresses) = RecordingConnector::new();
    let harness = builder().connector(connector).build().unwrap();
    let redirects = Policy { redirects: Some(3), ..policy() };
    for host in
        hosts.iter().filter(|host| !host.contains("127") && !matches!(**host, "2130706433" | "0x7f.1" | "0177.0.0.1"))
    {
        let url = redirecting.url(&format!("/redirect/302?http://{host}/"));
        let outcome = run_one(&harness, Request::get(0, url), &redirects).await;
        assert_eq!(failure(&outcome).cause, Cause::DestinationIpProhibited, "{host}");
    }
    let addresses = addresses.lock().unwrap();
    assert!(addresses.iter().all(|address| address == &redirecting.address()), "{addresses:?}");
}

/// Connects, and records the addresses.
struct RecordingConnector(Arc<std::sync::Mutex<Vec<std::net::SocketAddr>>>);

impl RecordingConnector {
    fn new() -> (Self, Arc<std::sync::Mutex<Vec<std::net::SocketAddr>>>) {
        let addresses: Arc<std::sync::Mutex<Vec<_>>> = Arc::default();
        (Self(Arc::clone(&addresses)), addresses)
    }
}

impl Connect for RecordingConnector {
    fn connect(&self, to: fantail::Approved) -> BoxFuture<'static, io::Result<Box<dyn Transport>>> {
        self.0.lock().unwrap().push(to.address());
        TcpConnector.connect(to)
    }
}

/// A resolver that alternates between two answers.
struct RebindingResolver(Arc<AtomicUsize>);

impl Resolve for RebindingResolver {
    fn resolve(&self, _: &str) -> BoxFuture<'static, Result<Vec<IpAddr>, ResolveError>> {
        let address = if self.0.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) { "127.0.0.1" } else { "10.0.0.1" };
        std::future::ready(Ok(vec![address.parse().unwrap()])).boxed()
    }
}

#[tokio::test]
async fn r4_a_name_that_resolves_differently_on_retry_is_checked_again() {
    let script =
        Script::start([Step::Head, send("HTTP/1.1 503 -\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")]).await;
    let ((connector, addresses), lookups) = (RecordingConnector::new(), Arc::<AtomicUsize>::default());
    let harness = builder().connector(connector).resolver(RebindingResolver(Arc::clone(&lookups))).build().unwrap();
    let url = format!("http://rebinding.test:{}/", script.address().port());
    let retries = Policy { retries: Some(3), backoff: Some(MS), ..policy() };
    let outcome = run_one(&harness, Request::get(0, url), &retries).await;
    assert_eq!(describe(&outcome), "destination-IP-prohibited resolve");
    assert_eq!((outcome.attempts, lookups.load(Ordering::SeqCst)), (2, 2));
    assert_eq!(*addresses.lock().unwrap(), [script.address()]);
}
