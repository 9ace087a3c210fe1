//! The simulation and real sockets agree: the same scenarios, run with simulated origins on a virtual clock and with real
//! origins through the component, have the same outcomes.

use crate::support::{by_id, deaf_socket, harness, run};
use bytes::Bytes;
use fantail::{Failure, Harness, Order, Summary};
use fantail_engine::Request;
use fantail_simulator::{Answer, Does, Scenario, simulate};
use futures::StreamExt;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;

/// Real origins that follow a scenario.
struct Origins {
    urls: Vec<String>,
    /// Aborted on drop.
    _tasks: JoinSet<()>,
    /// The ports of those that refuse connections.
    _dead: Vec<TcpSocket>,
}

impl Origins {
    async fn start(scenario: &Scenario) -> Self {
        let (mut urls, mut listeners, mut dead, mut tasks) = (Vec::new(), Vec::new(), Vec::new(), JoinSet::new());
        for origin in 0..scenario.origins() {
            let address = if scenario.is_dead(origin) {
                dead.push(deaf_socket());
                dead.last().unwrap().local_addr()
            } else {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let address = listener.local_addr();
                listeners.push((origin, listener));
                address
            };
            urls.push(format!("http://{}", address.unwrap()));
        }
        for (origin, listener) in listeners {
            let scenario_origin = Arc::new(ScenarioOrigin {
                scenario: scenario.clone(),
                origin,
                urls: urls.clone(),
                visits: Mutex::default(),
            });
            tasks.spawn(async move {
                let mut connections = JoinSet::new();
                while let Ok((stream, _)) = listener.accept().await {
                    let scenario_origin = Arc::clone(&scenario_origin);
                    let service = service_fn(move |request| Arc::clone(&scenario_origin).respond(request));
                    let stream = hyper_util::rt::TokioIo::new(stream);
                    connections.spawn(hyper::server::conn::http1::Builder::new().serve_connection(stream, service));
                }
            });
        }
        Self { urls, _tasks: tasks, _dead: dead }
    }
}

/// What one origin needs to answer requests.
struct ScenarioOrigin {
    scenario: Scenario,
    origin: usize,
    urls: Vec<String>,
    visits: Mutex<HashMap<u32, u32>>,
}

type Response = hyper::Response<BoxBody<Bytes, io::Error>>;

impl ScenarioOrigin {
    async fn respond(self: Arc<Self>, request: hyper::Request<Incoming>) -> Result<Response, io::Error> {
        let path: u32 = request.uri().path().trim_start_matches('/').parse().unwrap();
        let visit = {
            let mut visits = self.visits.lock().unwrap();
            let visits = visits.entry(path).or_default();
            *visits += 1;
            *visits - 1
        };
        let Answer { after, does } = self.scenario.answer(self.origin, path, visit);
        request.into_body().collect().await.unwrap();
        tokio::time::sleep(after).await;
        let full = || Full::new(Bytes::from_static(b"0123456789")).map_err(|never| match never {}).boxed();
        let empty = || Full::default().map_err(|never| match never {}).boxed();
        let response = hyper::Response::builder();
        let response = match does {
            Does::Respond { status: status @ (204 | 304), .. } => response.status(status).body(empty()),
            Does::Respond { status, .. } => response.status(status).body(full()),
            Does::Redirect { status, origin, path } => {
                response.status(status).header("location", format!("{}/{path}", self.urls[origin])).body(empty())
            }
            Does::BreakBody => {
                let first = async { Ok(Frame::data(Bytes::from_static(b"01234"))) };
                let then = async {
                    // The head has to be sent before the connection breaks.
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    Err(io::ErrorKind::Other.into())
                };
                let pieces = StreamBody::new(futures::stream::once(first).chain(futures::stream::once(then)));
                response.header("content-length", 10).body(BodyExt::boxed(pieces))
            }
            Does::Hang => std::future::pending().await,
            Does::Break | Does::Refuse => panic!("a steady scenario does not generate this"),
        };
        Ok(response.unwrap())
    }
}

/// The parts of an outcome that depend neither on the clock nor on the addresses of origins.
#[derive(Debug, PartialEq)]
struct Comparable {
    url: String,
    attempts: u32,
    hops: Vec<String>,
    result: Result<u16, Failure>,
}

fn comparable<R>(outcome: &fantail_engine::Outcome<R>, urls: &[String], status: impl Fn(&R) -> u16) -> Comparable {
    let by_origin = |url: &String| {
        let found = urls.iter().enumerate().find_map(|(origin, base)| Some((origin, url.strip_prefix(base.as_str())?)));
        found.map_or_else(|| url.clone(), |(origin, path)| format!("{origin}{path}"))
    };
    let result = outcome.result.as_ref().map(status).map_err(|failure| Failure { detail: None, ..failure.clone() });
    let hops = outcome.hops.iter().map(by_origin).collect();
    Comparable { url: by_origin(&outcome.url), attempts: outcome.attempts, hops, result }
}

/// A summary with only the counts that do not depend on the clock.
fn counts(summary: &Summary) -> Summary {
    let Summary { requests, responses, failures, by_cause, by_status, attempts, retries, input_ended, .. } =
        summary.clone();
    Summary { requests, responses, failures, by_cause, by_status, attempts, retries, input_ended, ..Summary::default() }
}

/// Compares one scenario and returns its retries and failures.
async fn compare(harness: &Harness, seed: u64) -> (u64, u64) {
    let scenario = Scenario::draw_steady(seed);
    let simulated = simulate(&scenario, &mut |_| ()).unwrap().remove(0);
    let origins = Origins::start(&scenario).await;
    let planned = scenario.batches[0].iter().zip(0..);
    let requests: Vec<Request> = planned.map(|(planned, id)| planned.request(id, &origins.urls)).collect();
    let (outcomes, report) = run(harness, futures::stream::iter(requests), &scenario.policy).await;
    if scenario.policy.order == Some(Order::Input) {
        assert!(outcomes.iter().map(|outcome| outcome.id).eq(0..outcomes.len() as u64), "seed {seed}: out of order");
    }
    let names: Vec<String> = (0..scenario.origins()).map(|origin| format!("http://origin-{origin}.test")).collect();
    let mut expected = simulated.outcomes;
    expected.sort_by_key(|outcome| outcome.id);
    assert_eq!(outcomes.len(), expected.len(), "seed {seed}");
    for (real, expected) in by_id(outcomes).iter().zip(&expected) {
        let real_status = |response: &fantail::Response| response.status;
        let (real, expected) =
            (comparable(real, &origins.urls, real_status), comparable(expected, &names, |response| response.status));
        assert_eq!(real, expected, "seed {seed}, real and simulated");
    }
    assert_eq!(counts(&report.summary), counts(&simulated.summary), "seed {seed}, real and simulated");
    (report.summary.retries, report.summary.failures)
}

#[tokio::test]
async fn sixty_scenarios_have_the_same_outcomes_simulated_and_with_real_origins() {
    let harness = harness();
    let seeds = futures::stream::iter(0..60).map(|seed| compare(&harness, seed));
    let seen: Vec<(u64, u64)> = seeds.buffered(4).collect().await;
    let (retries, failures) = seen.into_iter().fold((0, 0), |sum, seen| (sum.0 + seen.0, sum.1 + seen.1));
    assert!(
        retries > 100 && failures > 100,
        "{retries} retries and {failures} failures are too few for a meaningful comparison"
    );
}
