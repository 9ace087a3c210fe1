//! Figures of the harness, one JSON object per line: how late timeouts are, how soon everything is closed when the reader leaves, and
//! what a request in flight costs. `cargo xtask figures` collects them.

#![allow(clippy::expect_used, clippy::print_stdout, reason = "a benchmark")]

mod apart;
mod stock;

use apart::Apart;
use fantail::{Egress, Harness, Outcome, Policy, PoolLimits, Resolve, ResolveError, Wasi};
use fantail_engine::Request;
use fantail_origin::Origin;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use serde_json::json;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

const MS: Duration = Duration::from_millis(1);

/// What every timeout is set to.
const TIMEOUT: Duration = Duration::from_millis(100);

#[tokio::main(flavor = "current_thread")]
async fn main() {
    if apart::was_it().await {
        return;
    }
    // The memory that one leaves behind another would use again: so each has a process of its own, which is told its version.
    match std::env::args().nth(1).as_deref() {
        Some("0.2") => figures(Wasi::P2).await,
        Some("0.3") => figures(Wasi::P3).await,
        _ => ["0.2", "0.3"].into_iter().for_each(apart::again),
    }
}

async fn figures(wasi: Wasi) {
    println!("{}", json!({"wasi": if wasi == Wasi::P2 { "0.2" } else { "0.3" }}));
    let origin = Origin::start().await.expect("an origin");
    overruns(wasi, &origin).await;
    // One of its own: the first still drips into what was closed long ago.
    closing(wasi, &Origin::start().await.expect("an origin")).await;
    batches(wasi).await;
    for (batches, each) in [(1, 64), (1, 1_000), (4, 2_500)] {
        memory(wasi, &Apart::start(), batches, each).await;
    }
}

/// Resolves nothing, ever.
struct Silence;

impl Resolve for Silence {
    fn resolve(&self, _: &str) -> BoxFuture<'static, Result<Vec<IpAddr>, ResolveError>> {
        std::future::pending().boxed()
    }
}

/// A listener whose queue is full: what connects to it hears nothing.
struct Full {
    listener: socket2::Socket,
    _queued: [std::net::TcpStream; 1],
}

impl Full {
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
    // Room for 10,000 in flight.
    let pool = PoolLimits { max_open: 12_000, max_open_per_origin: 12_000, ..PoolLimits::default() };
    Harness::builder(egress).wasi(wasi).resolver(Silence).pool(pool).build().expect("a harness")
}

async fn run(harness: &Harness, requests: Vec<Request>, policy: &Policy) -> Vec<Outcome> {
    harness.fetch(futures::stream::iter(requests), policy).await.expect("a policy within bounds").collect().await
}

/// How much later than its timeout an outcome comes, by the phase that the timeout is of; and with wasmtime's own sender, where
/// there is such a timeout.
async fn overruns(wasi: Wasi, origin: &Origin) {
    let harness = harness(wasi);
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let tls = format!("https://{}/", silent.local_addr().expect("bound"));
    let silence = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((connection, _)) = silent.accept().await {
            held.push(connection);
        }
    });
    let (open, full) = (Policy::default(), Full::new());
    let connect = || Policy { connect_timeout: Some(TIMEOUT), ..open.clone() };
    for (phase, url, policy) in [
        ("resolve", "http://silent.test/".to_owned(), connect()),
        ("connect", full.url(), connect()),
        ("tls", tls, connect()),
        ("head", origin.url("/hang"), Policy { head_timeout: Some(TIMEOUT), ..open.clone() }),
        ("body", origin.url("/drip/60000"), Policy { idle_timeout: Some(TIMEOUT), ..open.clone() }),
        ("attempt", origin.url("/hang"), Policy { attempt_timeout: Some(TIMEOUT), ..open.clone() }),
        ("total", origin.url("/hang"), Policy { timeout: Some(TIMEOUT), ..open.clone() }),
        ("deadline", origin.url("/hang"), Policy { deadline: Some(TIMEOUT), ..open.clone() }),
    ] {
        let mut late = Vec::new();
        for _ in 0..5 {
            // In one go, so that none waits for a slot.
            let requests = (0..50).map(|id| Request::get(id, url.as_str())).collect();
            let outcomes = run(&harness, requests, &policy).await;
            assert!(outcomes.iter().all(|outcome| outcome.result.is_err()), "{phase}");
            late.extend(outcomes.iter().map(|outcome| outcome.timing.total.saturating_sub(TIMEOUT)));
        }
        let stock = match phase {
            "connect" | "tls" | "head" | "body" => stock::late(&url).await,
            // It cannot be given another resolver, and knows nothing of the others.
            _ => json!(null),
        };
        let late = spread(late);
        println!(
            "{}",
            json!({"figure": "overrun", "phase": phase, "timeout_ms": 100, "late_us": late, "stock_us": stock})
        );
    }
    silence.abort();
}

/// From the reader's leaving to the last connection closed, 64 in flight.
async fn closing(wasi: Wasi, origin: &Origin) {
    let harness = harness(wasi);
    let mut took = Vec::new();
    for _ in 0..50 {
        let requests: Vec<Request> = (0..64).map(|id| Request::get(id, origin.url("/hang"))).collect();
        let policy = Policy::default();
        let mut outcomes = harness.fetch(futures::stream::iter(requests), &policy).await.expect("within bounds");
        let asked = tokio::time::timeout(5_000 * MS, async {
            while origin.counts().in_flight < 64 {
                let _ = tokio::time::timeout(MS, outcomes.next()).await;
            }
        });
        asked.await.expect("all are in flight");
        let left = Instant::now();
        drop(outcomes);
        while origin.counts().open > 0 {
            tokio::task::yield_now().await;
        }
        took.push(left.elapsed());
    }
    println!("{}", json!({"figure": "closing", "in_flight": 64, "took_us": spread(took)}));
}

/// What a batch costs beside its requests: an instance, and its end.
async fn batches(wasi: Wasi) {
    let (harness, policy) = (harness(wasi), Policy::default());
    for at_once in [1, 64] {
        let mut took = Vec::new();
        for _ in 0..20 {
            let begun = Instant::now();
            // It fails inside the component.
            let batches = (0..640).map(|_| run(&harness, vec![Request::get(0, "nowhere")], &policy));
            let outcomes = futures::stream::iter(batches).buffer_unordered(at_once).map(|outcomes| outcomes.len());
            assert_eq!(outcomes.fold(0, async |sum, count| sum + count).await, 640);
            took.push(begun.elapsed() / 640);
        }
        println!("{}", json!({"figure": "batch", "at_once": at_once, "took_us": spread(took)}));
    }
}

/// What a request in flight costs. The origin is in a process of its own.
async fn memory(wasi: Wasi, origin: &Apart, batches: u32, each: u32) {
    let harness = harness(wasi);
    run(&harness, vec![Request::get(0, origin.url("/ok"))], &Policy::default()).await;
    let before = resident();
    let policy = Policy { concurrency: Some(each), window: Some(each), ..Policy::default() };
    let batch = async || {
        let requests = (0..u64::from(each)).map(|id| Request::get(id, origin.url("/delay/5000"))).collect::<Vec<_>>();
        let mut outcomes = harness.fetch(futures::stream::iter(requests), &policy).await.expect("within bounds");
        let first = outcomes.next().await.expect("an outcome");
        let peak = resident();
        let mut ids = BTreeSet::from([first.id]);
        let mut doubled = 0;
        while let Some(outcome) = outcomes.next().await {
            doubled += u64::from(!ids.insert(outcome.id));
        }
        (peak, outcomes.report().await.receipt.memory, u64::from(each) - ids.len() as u64, doubled)
    };
    let measured = futures::future::join_all((0..batches).map(|_| batch())).await;
    let requests = u64::from(batches * each);
    let peak = measured.iter().map(|(peak, ..)| *peak).max().unwrap_or_default();
    let figure = json!({
        "figure": "in flight",
        "requests": requests,
        "batches": batches,
        "component_bytes_each": measured.iter().map(|(_, component, ..)| *component).sum::<u64>() / requests,
        "process_bytes_each": peak.saturating_sub(before) / requests,
        "lost": measured.iter().map(|(.., lost, _)| *lost).sum::<u64>(),
        "doubled": measured.iter().map(|(.., doubled)| *doubled).sum::<u64>(),
    });
    println!("{figure}");
}

fn spread(mut spans: Vec<Duration>) -> serde_json::Value {
    spans.sort_unstable();
    let at = |percent: usize| spans.get((spans.len() - 1) * percent / 100).map_or(0, Duration::as_micros);
    json!({"p50": at(50) as u64, "p99": at(99) as u64, "max": at(100) as u64})
}

/// Bytes of memory that the process holds (proc(5)).
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or_default() * 1_024
}
