//! The answer to a batch: a line per outcome, then the summary.

use crate::bindings::fantail::fetch::batch::Batch;
use crate::ceilings::Ceilings;
use crate::client::{Client, ClientGone};
use crate::convert;
use crate::ids::Ids;
use crate::input::feed;
use crate::intake::{Body, Requests};
use crate::malformed;
use fantail_conversions::Convert;
use fantail_wire::{Problem, problem_to_line, summary_to_line, write_outcome};
use futures::future::{Either, FutureExt, LocalBoxFuture, select};
use futures::stream::{FuturesUnordered, StreamExt};
use spin_sdk::time::sleep;
use spin_sdk::wasip3::http::types::{ErrorCode, Fields, Response};
use spin_sdk::wasip3::{spawn, wit_future, wit_stream};
use std::pin::pin;
use std::time::Duration;

/// Outcomes taken from the component at once at most.
const MAX_TAKEN: u32 = 64;

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
        // When the client has left there is nobody to tell, and what it asked for is dropped.
        let ids = Ids::default();
        // The client's lines may come while nothing else is under way.
        batch.keep_open();
        let feed = feed(requests, (&batch, &ids), ceilings);
        if let Ok(client) = stream_outcomes(Client::new(body), (&batch, &ids), feed).await {
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

/// What goes on beside the taking of outcomes. In a set of its own, which polls only what was woken: a wake costs calls to the
/// host for everything that is polled.
struct SideTasks<'a> {
    futures: FuturesUnordered<LocalBoxFuture<'a, SideEvent>>,
    /// None while something is written to it.
    client: Option<Client>,
    /// Why the component was not fed with all there was.
    cut: Option<Problem>,
}

enum SideEvent {
    /// No more is fed to the component.
    Fed(Result<Option<Problem>, ClientGone>),
    /// The client has taken what was written.
    Written(Result<Client, ClientGone>),
    /// Time to ask whether the client is still there.
    Probe,
}

/// Feeds the component and writes what comes of it. Gives the client back after the last line.
async fn stream_outcomes(
    client: Client,
    (batch, ids): (&Batch, &Ids),
    feed: impl Future<Output = Result<Option<Problem>, ClientGone>>,
) -> Result<Client, ClientGone> {
    let futures = FuturesUnordered::from_iter([feed.map(SideEvent::Fed).boxed_local(), probe()]);
    let mut side_tasks = SideTasks { futures, client: Some(client), cut: None };
    let mut malformed_lines = 0;
    // More is taken while what was taken before is written.
    while let Some(taken) = side_tasks.run_until(batch.next(MAX_TAKEN)).await? {
        let mut lines = Vec::new();
        for outcome in taken {
            // The component gives one outcome for each request that it was given.
            let Some(id) = ids.remove(outcome.id) else { continue };
            let mut outcome = convert::outcome(id, outcome);
            malformed_lines += u64::from(malformed::restore(&mut outcome));
            write_outcome(outcome, &mut lines);
        }
        let client = side_tasks.client().await?;
        side_tasks.futures.push(client.write(lines).map(SideEvent::Written).boxed_local());
    }
    let client = side_tasks.client().await?;
    let mut summary = batch.summary().map(Convert::convert).unwrap_or_default();
    malformed::recount(&mut summary, malformed_lines);
    let mut end = side_tasks.cut.take().map(|problem| problem_to_line(&problem) + "\n").unwrap_or_default();
    // Nothing more is wanted of what may still arrive.
    drop(side_tasks);
    end.push_str(&summary_to_line(&summary));
    end.push('\n');
    client.write(end.into_bytes()).await
}

impl SideTasks<'_> {
    /// Waits for this, and sees to what happens meanwhile.
    async fn run_until<T>(&mut self, wanted: impl Future<Output = T>) -> Result<T, ClientGone> {
        let mut wanted = pin!(wanted);
        loop {
            match select(wanted.as_mut(), self.futures.select_next_some()).await {
                Either::Left((result, _)) => return Ok(result),
                Either::Right((event, _)) => self.handle(event)?,
            }
        }
    }

    /// The client, when it has taken all that was written.
    async fn client(&mut self) -> Result<Client, ClientGone> {
        loop {
            if let Some(client) = self.client.take() {
                return Ok(client);
            }
            let event = self.futures.select_next_some().await;
            self.handle(event)?;
        }
    }

    fn handle(&mut self, event: SideEvent) -> Result<(), ClientGone> {
        match event {
            SideEvent::Fed(fed) => self.cut = fed?,
            SideEvent::Written(written) => self.client = Some(written?),
            SideEvent::Probe => {
                // One that is being written to says by itself when it has gone.
                if let Some(client) = self.client.take() {
                    self.futures.push(client.check().map(SideEvent::Written).boxed_local());
                }
                self.futures.push(probe());
            }
        }
        Ok(())
    }
}

fn probe() -> LocalBoxFuture<'static, SideEvent> {
    sleep(PROBE).map(|()| SideEvent::Probe).boxed_local()
}
