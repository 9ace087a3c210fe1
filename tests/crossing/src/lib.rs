//! A caller for tests, composed with the component for WASI 0.3.

#![allow(clippy::expect_used, reason = "a trap fails the test")]

#[expect(unsafe_code, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({
        path: ["../../wit/component", "wit"],
        world: "test:crossing/crossing",
        generate_all,
        default_bindings_module: "crate::bindings",
    });
    export!(Caller);
    use super::Caller;
}

use bindings::exports::test::crossing::caller::{Answer, Guest, Workload};
use bindings::fantail::fetch::batch::{Batch, Body, BodyMode, Outcome, Policy, Request, fetch_all};
use bindings::wasi::clocks::monotonic_clock::{now, wait_for};
use futures::future::{Either, select};
use futures::{join, pin_mut};

struct Caller;

const MS: u64 = 1_000_000;

impl Guest for Caller {
    async fn by_batch(workload: Workload) -> Vec<Answer> {
        let batch = Batch::start(Some(policy(&workload))).await.expect("the policy");
        batch.keep_open();
        let mut requests = requests(workload).into_iter();
        let feed = async {
            while !requests.as_slice().is_empty() {
                let room = batch.room().await;
                batch.push(requests.by_ref().take(room as usize).collect()).expect("the batch accepts them");
            }
            batch.finish();
        };
        let mut answers = Vec::new();
        let take = async {
            while let Some(outcomes) = batch.next(100).await {
                answers.extend(outcomes.into_iter().map(answer));
            }
        };
        join!(feed, take);
        answers.sort_by_key(|answer| answer.id);
        answers
    }

    async fn by_list(workload: Workload) -> Vec<Answer> {
        let policy = policy(&workload);
        fetch_all(requests(workload), Some(policy)).await.expect("the policy").into_iter().map(answer).collect()
    }

    async fn between_calls(url: String, count: u32) -> u32 {
        let batch = Batch::start(None).await.expect("no policy");
        batch.push((0..count).map(|id| get(id, &url)).collect()).expect("the batch accepts them");
        let first = batch.next(1).await.expect("the first").len();
        // No call is pending meanwhile.
        wait_for(500 * MS).await;
        // All other outcomes are ready by now, so that `next` returns them immediately.
        let mut ready = first;
        loop {
            let next = batch.next(u32::MAX);
            let soon = wait_for(MS);
            pin_mut!(next, soon);
            match select(next, soon).await {
                Either::Left((Some(outcomes), _)) => ready += outcomes.len(),
                Either::Left((None, _)) | Either::Right(_) => return u32::try_from(ready).expect("a count"),
            }
        }
    }

    async fn concurrent_takers(url: String, count: u32) -> u32 {
        let batch = Batch::start(None).await.expect("no policy");
        batch.keep_open();
        let push = async {
            for id in 0..count {
                batch.room().await;
                batch.push(vec![get(id, &url)]).expect("the batch accepts it");
            }
            batch.finish();
        };
        let take = async || {
            let mut taken = 0;
            while let Some(outcomes) = batch.next(1).await {
                taken += outcomes.len();
            }
            taken
        };
        let (first, second, ()) = join!(take(), take(), push);
        u32::try_from(first + second).expect("a count")
    }

    async fn abandon(url: String, count: u32, how: u32) -> u64 {
        let policy = Policy::new();
        policy.set_body(if how == 2 { BodyMode::Unread } else { BodyMode::Bytes });
        let batch = Batch::start(Some(policy)).await.expect("the policy");
        let mut held = None;
        if how == 2 {
            batch.push(vec![get(0, "http://origin.test/ok")]).expect("the batch accepts it");
            held = batch.next(1).await;
        }
        batch.push((0..count).map(|id| get(id, &url)).collect()).expect("the batch accepts them");
        {
            let (next, soon) = (batch.next(1), wait_for(100 * MS));
            pin_mut!(next, soon);
            let Either::Right(((), next)) = select(next, soon).await else { return u64::MAX };
            if how == 1 {
                // Ends the call that is still pending.
                batch.cancel();
                assert!(next.await.is_none(), "no further outcomes");
                assert!(batch.summary().is_some(), "the batch has ended");
            }
        }
        let start = now();
        drop(batch);
        let took = now() - start;
        if let Some(outcomes) = held {
            // Gives the test time to check that nothing is in flight.
            wait_for(50 * MS).await;
            assert!(outcomes.iter().all(|outcome| outcome.result.is_ok()), "the body that is held");
        }
        took
    }

    async fn ready_calls(url: String, count: u32) {
        let policy = Policy::new();
        policy.set_window(2 * count);
        let batch = Batch::start(Some(policy)).await.expect("the policy");
        batch.push((0..=count).map(|id| get(id, &url)).collect()).expect("the batch accepts them");
        batch.next(1).await.expect("the first");
        // Until all outcomes are ready.
        wait_for(300 * MS).await;
        for _ in 0..count {
            assert!(batch.room().await > 0, "half of the window is free");
            assert_eq!(batch.next(1).await.map(|outcomes| outcomes.len()), Some(1));
        }
    }

    async fn many_batches(url: String, count: u32) {
        for id in 0..count {
            let batch = Batch::start(None).await.expect("no policy");
            batch.push(vec![get(id, &url)]).expect("the batch accepts it");
            if id % 2 == 0 {
                batch.next(1).await.expect("an outcome");
            }
        }
    }
}

fn policy(workload: &Workload) -> Policy {
    let policy = Policy::new();
    policy.set_concurrency(workload.concurrency);
    policy.set_window(workload.concurrency);
    policy.set_max_body(16 << 20);
    policy
}

fn requests(workload: Workload) -> Vec<Request> {
    let upload = |size: u32| vec![b'u'; size as usize];
    let headers = vec![("x-filler".to_owned(), vec![b'h'; workload.header as usize])];
    let request = |id| Request {
        id,
        method: if workload.upload.is_some() { "POST" } else { "GET" }.to_owned(),
        url: workload.url.clone(),
        headers: if workload.header > 0 { headers.clone() } else { Vec::new() },
        body: workload.upload.map(upload),
        options: None,
    };
    (0..workload.count).map(request).collect()
}

fn get(id: u32, url: &str) -> Request {
    Request { id, method: "GET".to_owned(), url: url.to_owned(), headers: Vec::new(), body: None, options: None }
}

/// Reduces an outcome to what shows whether it is complete.
fn answer(outcome: Outcome) -> Answer {
    let Outcome { id, result, .. } = outcome;
    match result {
        Ok(response) => {
            let body = match response.body {
                Body::Bytes(body) => body,
                Body::Discarded | Body::Unread(_) => Vec::new(),
            };
            let headers = response.headers.iter().map(|(_, value)| value.len() as u64).sum();
            let (words, rest) = body.as_chunks::<8>();
            let words = words.iter().map(|word| u64::from_le_bytes(*word));
            let sum = words.chain(rest.iter().map(|byte| u64::from(*byte))).fold(0, u64::wrapping_add);
            Answer { id, status: response.status, length: body.len() as u64, sum, headers, failure: String::new() }
        }
        Err(failure) => {
            let failure = format!("{}: {}", failure.cause, failure.detail.unwrap_or_default());
            Answer { id, status: 0, length: 0, sum: 0, headers: 0, failure }
        }
    }
}
