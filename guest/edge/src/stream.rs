//! The answer to a batch: a line per outcome, then the summary.

use crate::bindings::fantail::fetch::batch::Batch;
use crate::ceilings::Ceilings;
use crate::client::{Client, Left};
use crate::convert;
use crate::feed::feed;
use crate::intake::{Body, Requests};
use crate::malformed;
use fantail_wire::{Problem, outcome_to_json, problem_to_line, summary_to_line};
use futures::future::{Either, FutureExt, LocalBoxFuture, select};
use futures::stream::{FuturesUnordered, StreamExt};
use spin_sdk::time::sleep;
use spin_sdk::wasip3::http::types::{ErrorCode, Fields, Response};
use spin_sdk::wasip3::{spawn, wit_future, wit_stream};
use std::pin::pin;
use std::time::Duration;

/// Outcomes taken from the component at once at most.
const AT_ONCE: u32 = 64;

/// Bytes of lines that are written as soon as there are as many, so that there is never more than one large body among them.
const ENOUGH: usize = 64 * 1024;

/// While there is nothing to write, this often the client is asked whether it is still there.
const PROBE: Duration = Duration::from_millis(50);

/// The head of the answer. Its body follows while requests are handed over.
pub(crate) fn answer<B: Body + 'static>(batch: Batch, requests: Requests<B>, ceilings: Ceilings) -> Response {
    let (body, body_reader) = wit_stream::new();
    // Without its summary an answer is not whole, and has to look so.
    let broken_off = || Err(ErrorCode::HttpResponseIncomplete);
    let (trailers, trailers_reader) = wit_future::new(broken_off);
    let (response, _sent) = Response::new(headers(), Some(body_reader), trailers_reader);
    spawn(async move {
        let mut client = Client::new(body);
        // When it has left there is nobody to tell, and what it asked for is dropped.
        if let Ok(()) = converse(&mut client, &batch, feed(requests, &batch, ceilings)).await {
            drop(client);
            let _ = trailers.write(Ok(None)).await;
        }
    });
    response
}

fn headers() -> Fields {
    let headers = [
        ("content-type", "application/x-ndjson"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    // Names and values are as they should be.
    Fields::from_list(&headers).unwrap_or_else(|_| Fields::new())
}

/// What goes on beside the reading of outcomes. In a set of its own, which polls only what was woken: a wake costs calls to the
/// host for everything that is polled.
type Beside<'a> = FuturesUnordered<LocalBoxFuture<'a, Aside>>;

enum Aside {
    /// No more is fed to the component.
    Fed(Result<Option<Problem>, Left>),
    /// Time to ask whether the client is still there.
    Probe,
}

/// Feeds the component and writes what comes of it.
async fn converse(
    client: &mut Client,
    batch: &Batch,
    feed: impl Future<Output = Result<Option<Problem>, Left>>,
) -> Result<(), Left> {
    let mut beside = Beside::from_iter([feed.map(Aside::Fed).boxed_local(), probe()]);
    let (mut cut, mut malformed_lines) = (None, 0);
    loop {
        let taken = {
            let mut next = pin!(batch.next(AT_ONCE));
            loop {
                match select(next.as_mut(), beside.select_next_some()).await {
                    Either::Left((taken, _)) => break taken,
                    Either::Right((Aside::Fed(fed), _)) => cut = fed?,
                    Either::Right((Aside::Probe, _)) => {
                        client.check().await?;
                        beside.push(probe());
                    }
                }
            }
        };
        let Some(taken) = taken else { break };
        let mut lines = String::new();
        for outcome in taken {
            let mut outcome = convert::outcome(outcome);
            malformed_lines += u64::from(malformed::restore(&mut outcome));
            lines.push_str(&outcome_to_json(outcome));
            lines.push('\n');
            if lines.len() >= ENOUGH {
                client.write(std::mem::take(&mut lines).into_bytes()).await?;
            }
        }
        if !lines.is_empty() {
            client.write(lines.into_bytes()).await?;
        }
    }
    // Nothing more is wanted of what may still arrive.
    drop(beside);
    let mut summary = batch.summary().map(convert::summary).unwrap_or_default();
    malformed::recount(&mut summary, malformed_lines);
    let mut end = cut.map(|problem| problem_to_line(&problem) + "\n").unwrap_or_default();
    end.push_str(&summary_to_line(&summary));
    end.push('\n');
    client.write(end.into_bytes()).await
}

fn probe() -> LocalBoxFuture<'static, Aside> {
    sleep(PROBE).map(|()| Aside::Probe).boxed_local()
}
