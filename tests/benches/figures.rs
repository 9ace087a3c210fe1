//! Figures of the harness, one JSON object per line: how late timeouts fire, how soon connections close when the reader leaves, and
//! what a request in flight costs. `cargo xtask figures` collects them.

#![allow(clippy::expect_used, clippy::print_stdout, reason = "a benchmark")]

mod memory;
mod origin_process;
mod resident;
mod stock;

use fantail::{Egress, Harness, Outcome, Policy, PoolLimits, Resolve, ResolveError, Wasi};
use fantail_engine::Request;
use fantail_origin::Origin;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use serde_json::json;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

const MS: Duration = Duration::from_millis(1);

/// That of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The value of every timeout.
const TIMEOUT: Duration = Duration::from_millis(100);

#[tokio::main(flavor = "current_thread")]
async fn main() {
    if origin_process::serve_if_origin().await {
        return;
    }
    // As the program does.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    // Each runs in a process of its own, as the second would reuse memory that the first has freed.
    match std::env::args().nth(1).as_deref() {
        Some("0.2") => figures(Wasi::P2).await,
        Some("0.3") => figures(Wasi::P3).await,
        Some("hyper-util") => memory::hyper_util().await,
        _ => ["0.2", "0.3", "hyper-util"].into_iter().for_each(run_child),
    }
}

async fn figures(wasi: Wasi) {
    println!("{}", json!({"wasi": if wasi == Wasi::P2 { "0.2" } else { "0.3" }}));
    let origin = Origin::start().await.expect("an origin");
    overruns(wasi, &origin).await;
    // A fresh origin, because the first is still writing to connections that were closed.
    closing(wasi, &Origin::start().await.expect("an origin")).await;
    batches(wasi).await;
    memory::harness(&harness(wasi)).await;
}

/// A resolver that never answers.
struct StalledResolver;

impl Resolve for StalledResolver {
    fn resolve(&self, _: &str) -> BoxFuture<'static, Result<Vec<IpAddr>, ResolveError>> {
        std::future::pending().boxed()
    }
}

/// A listener whose backlog is full, so that connecting to it hangs.
struct FullListener {
    listener: socket2::Socket,
    _queued: [std::net::TcpStream; 1],
}

impl FullListener {
    fn new() -> Self {
        let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
        listener.listen(0).expect("a listener");
        let queued = std::net::TcpStream::connect(address(&listener)).expect("room for one");
        Self { listener, _queued: [queued] }
    }

    fn url(&self) -> String {
        format!("http://{}/", address(&self.listener))
    }
}

fn address(listener: &socket2::Socket) -> SocketAddr {
    listener.local_addr().ok().and_then(|address| address.as_socket()).expect("bound")
}

fn harness(wasi: Wasi) -> Harness {
    let egress = Egress::nothing().allow("127.0.0.0/8".parse().expect("a network"));
    // Room for 10,000 requests in flight.
    let pool = PoolLimits { max_open: 12_000, max_open_per_origin: 12_000, max_idle: 12_000, ..PoolLimits::default() };
    Harness::builder(egress).wasi(wasi).resolver(StalledResolver).pool(pool).build().expect("a harness")
}

async fn run(harness: &Harness, requests: Vec<Request>, policy: &Policy) -> Vec<Outcome> {
    harness.fetch(futures::stream::iter(requests), policy).await.expect("a policy within bounds").collect().await
}

/// Measures how much later than its timeout an outcome arrives, by phase, and the same for wasmtime's own sender where it has such a
/// timeout.
async fn overruns(wasi: Wasi, origin: &Origin) {
    let harness = harness(wasi);
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let tls = format!("https://{}/", silent.local_addr().expect("bound"));
    let acceptor = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((connection, _)) = silent.accept().await {
            held.push(connection);
        }
    });
    let (default, full) = (Policy::default(), FullListener::new());
    let connect = || Policy { connect_timeout: Some(TIMEOUT), ..default.clone() };
    for (phase, url, policy) in [
        ("resolve", "http://silent.test/".to_owned(), connect()),
        ("connect", full.url(), connect()),
        ("tls", tls, connect()),
        ("head", origin.url("/hang"), Policy { head_timeout: Some(TIMEOUT), ..default.clone() }),
        ("body", origin.url("/drip/60000"), Policy { idle_timeout: Some(TIMEOUT), ..default.clone() }),
        ("attempt", origin.url("/hang"), Policy { attempt_timeout: Some(TIMEOUT), ..default.clone() }),
        ("total", origin.url("/hang"), Policy { timeout: Some(TIMEOUT), ..default.clone() }),
        ("deadline", origin.url("/hang"), Policy { deadline: Some(TIMEOUT), ..default.clone() }),
    ] {
        let mut overruns = Vec::new();
        for _ in 0..5 {
            // Few enough that none waits for a slot.
            let requests = (0..50).map(|id| Request::get(id, url.as_str())).collect();
            let outcomes = run(&harness, requests, &policy).await;
            assert!(outcomes.iter().all(|outcome| outcome.result.is_err()), "{phase}");
            overruns.extend(outcomes.iter().map(|outcome| outcome.timing.total.saturating_sub(TIMEOUT)));
        }
        let stock = match phase {
            "connect" | "tls" | "head" | "body" => stock::overruns(&url).await,
            // It takes no other resolver and does not have the other timeouts.
            _ => json!(null),
        };
        let overruns = percentiles(overruns);
        println!(
            "{}",
            json!({"figure": "overrun", "phase": phase, "timeout_ms": 100, "late_us": overruns, "stock_us": stock})
        );
    }
    acceptor.abort();
}

/// Measures the time from the reader leaving to the last connection closed, with 64 requests in flight.
async fn closing(wasi: Wasi, origin: &Origin) {
    let harness = harness(wasi);
    let mut took = Vec::new();
    for _ in 0..50 {
        let requests: Vec<Request> = (0..64).map(|id| Request::get(id, origin.url("/hang"))).collect();
        let policy = Policy::default();
        let mut outcomes = harness.fetch(futures::stream::iter(requests), &policy).await.expect("within bounds");
        let in_flight = tokio::time::timeout(5_000 * MS, async {
            while origin.counts().in_flight < 64 {
                let _ = tokio::time::timeout(MS, outcomes.next()).await;
            }
        });
        in_flight.await.expect("all are in flight");
        let start = Instant::now();
        drop(outcomes);
        while origin.counts().open > 0 {
            tokio::task::yield_now().await;
        }
        took.push(start.elapsed());
    }
    println!("{}", json!({"figure": "closing", "in_flight": 64, "took_us": percentiles(took)}));
}

/// Measures what a batch costs apart from its requests: creating and ending an instance.
async fn batches(wasi: Wasi) {
    let (harness, policy) = (harness(wasi), Policy::default());
    for at_once in [1, 64] {
        let mut took = Vec::new();
        for _ in 0..20 {
            let start = Instant::now();
            // The request fails inside the component.
            let batches = (0..640).map(|_| run(&harness, vec![Request::get(0, "nowhere")], &policy));
            let outcomes = futures::stream::iter(batches).buffer_unordered(at_once).map(|outcomes| outcomes.len());
            assert_eq!(outcomes.fold(0, async |sum, count| sum + count).await, 640);
            took.push(start.elapsed() / 640);
        }
        println!("{}", json!({"figure": "batch", "at_once": at_once, "took_us": percentiles(took)}));
    }
}

/// The percentiles of durations in microseconds.
fn percentiles(mut spans: Vec<Duration>) -> serde_json::Value {
    spans.sort_unstable();
    let at = |percent: usize| spans.get((spans.len() - 1) * percent / 100).map_or(0, Duration::as_micros);
    json!({"p50": at(50) as u64, "p99": at(99) as u64, "max": at(100) as u64})
}

/// Runs this program in a child process with this argument.
fn run_child(argument: &str) {
    let program = std::env::current_exe().expect("this program has a path");
    let status = std::process::Command::new(program).arg(argument).status().expect("this program can run");
    assert!(status.success(), "{argument}: {status}");
}
