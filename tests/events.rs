//! What passes between an application and its host for a request, in numbers that do not depend on the machine. It is what an
//! application costs on Spin beyond its own computation.

use crate::stock::Stock;
use crate::support::build_guest;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use wasmtime::CallHook;

/// What passes between the components of an application and its host.
#[derive(Clone, Copy, Debug)]
struct Crossings {
    /// Times that the host enters a component: with a call, with an event, or for memory to pass a value.
    entered: u64,
    /// Times that a component calls the host: functions of WASI, and those that handle streams, tasks and events.
    left: u64,
}

/// An application, and the members of its batches that limit concurrency.
struct Application {
    component: Vec<u8>,
    limits: Value,
}

/// The crossings of one request, from those of a few and of twice as many in a batch.
async fn each(application: &Application, path: &str) -> Crossings {
    const FEW: u64 = 200;
    let (some, twice) = (crossings(application, path, FEW).await, crossings(application, path, 2 * FEW).await);
    let each = |some: u64, twice: u64| (twice - some + FEW / 2) / FEW;
    Crossings { entered: each(some.entered, twice.entered), left: each(some.left, twice.left) }
}

/// Posts a batch of so many requests, and counts until the answer has been read.
async fn crossings(application: &Application, path: &str, count: u64) -> Crossings {
    let mut host = Stock::new(&application.component, &[("SPIN_VARIABLE_API_TOKEN", "secret")]);
    let [entered, left] = [(); 2].map(|()| Arc::<AtomicU64>::default());
    let counters = [entered.clone(), left.clone()];
    host.store.call_hook(move |_, hook| {
        match hook {
            CallHook::CallingWasm => _ = counters[0].fetch_add(1, Ordering::Relaxed),
            CallHook::CallingHost => _ = counters[1].fetch_add(1, Ordering::Relaxed),
            CallHook::ReturningFromWasm | CallHook::ReturningFromHost => {}
        }
        Ok(())
    });
    let mut batch = application.limits.clone();
    batch["requests"] = (0..count).map(|id| format!("http://origin.test{path}?{id}")).collect();
    let (_, answer) = host.post(batch.to_string()).await;
    let answered = answer.windows(12).filter(|window| *window == b"\"status\":200").count();
    assert_eq!(answered as u64, count, "{}", String::from_utf8_lossy(&answer));
    Crossings { entered: entered.load(Ordering::Relaxed), left: left.load(Ordering::Relaxed) }
}

#[tokio::test]
async fn a_request_of_the_application_needs_fewer_events_than_one_written_by_hand_and_as_many_calls_as_are_written_here()
 {
    let by_hand = Application { component: build_guest("fantail-example-by-hand"), limits: json!({"concurrency": 64}) };
    let application =
        Application { component: fantail::APPLICATION.to_vec(), limits: json!({"policy": {"concurrency": 64}}) };
    // A response that is there at once, one that is waited for, and a large one.
    for (path, expected) in [("/ok", (1, 38)), ("/later", (1, 45)), ("/bytes/100000", (3, 44))] {
        let (application, by_hand) = (each(&application, path).await, each(&by_hand, path).await);
        assert_eq!((application.entered, application.left), expected, "{path}");
        assert!(application.entered < by_hand.entered, "{path}: {application:?}, by hand {by_hand:?}");
        // It has timeouts, which are set, and a clock, which is read: the other has neither.
        assert!(application.left <= by_hand.left + 6, "{path}: {application:?}, by hand {by_hand:?}");
    }
}
