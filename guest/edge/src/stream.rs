//! The answer to a batch: a line per outcome, then the summary.

use crate::batches::UnderWay;
use crate::bindings::fantail::fetch::batch::Batch;
use crate::ceilings::Ceilings;
use crate::client::{Client, ClientGone};
use crate::convert;
use crate::input::feed;
use crate::intake::{Body, Requests};
use crate::malformed;
use crate::pending::Pending;
use fantail_conversions::Convert;
use fantail_wire::{Problem, problem_to_line, summary_to_line, write_outcome_with};
use futures::future::{Either, FutureExt, LocalBoxFuture, select};
use futures::stream::{FuturesUnordered, StreamExt};
use spin_sdk::time::sleep;
use spin_sdk::wasip3::http::types::{ErrorCode, Fields, Response};
use spin_sdk::wasip3::{spawn, wit_future, wit_stream};
use std::pin::pin;
use std::time::Duration;

/// Outcomes taken from the component in one call at most.
const MAX_TAKEN: u32 = 64;

/// How often the client is checked while there is nothing to write.
const PROBE: Duration = Duration::from_millis(50);

/// The head of the answer. Its body is streamed while requests are pushed.
pub(crate) fn answer<B: Body + 'static>(
    batch: Batch,
    requests: Requests<B>,
    ceilings: Ceilings,
    under_way: UnderWay,
) -> Response {
    let (body, body_reader) = wit_stream::new();
    // An answer without its summary is incomplete, and must be recognisable as such.
    let broken_off = || Err(ErrorCode::HttpResponseIncomplete);
    let (trailers, trailers_reader) = wit_future::new(broken_off);
    let (response, _sent) = Response::new(headers(), Some(body_reader), trailers_reader);
    spawn(async move {
        let _under_way = under_way;
        // When the client has gone, the batch is dropped.
        let pending = Pending::default();
        // The client may send more lines while no request is pending.
        batch.keep_open();
        let feed = feed(requests, (&batch, &pending), ceilings);
        if let Ok(client) = stream_outcomes(Client::new(body), (&batch, &pending), feed).await {
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
    // These names and values are valid.
    Fields::from_list(&headers).unwrap_or_else(|_| Fields::new())
}

/// Tasks beside the taking of outcomes. In a set of their own, which polls only what was woken: every poll costs calls
/// to the host.
struct SideTasks<'a> {
    futures: FuturesUnordered<LocalBoxFuture<'a, SideEvent>>,
    /// None while a write or a check is under way.
    client: Option<Client>,
    /// Why not all requests were pushed.
    cut: Option<Problem>,
}

enum SideEvent {
    /// No more requests will be pushed.
    Fed(Result<Option<Problem>, ClientGone>),
    /// The client has taken what was written.
    Written(Result<Client, ClientGone>),
    /// Time to check whether the client is still connected.
    Probe,
}

/// Feeds the component and writes its outcomes. Returns the client after the last line.
async fn stream_outcomes(
    client: Client,
    (batch, pending): (&Batch, &Pending),
    feed: impl Future<Output = Result<Option<Problem>, ClientGone>>,
) -> Result<Client, ClientGone> {
    let futures = FuturesUnordered::from_iter([feed.map(SideEvent::Fed).boxed_local(), probe()]);
    let mut side_tasks = SideTasks { futures, client: Some(client), cut: None };
    let mut malformed_lines = 0;
    // The next outcomes are taken while the previous ones are written.
    while let Some(taken) = side_tasks.run_until(batch.next(MAX_TAKEN)).await? {
        let mut lines = Vec::new();
        for outcome in taken {
            // The component returns one outcome for each request that was pushed.
            let Some(context) = pending.remove(outcome.id) else { continue };
            let mut outcome = convert::outcome(outcome);
            malformed_lines += u64::from(malformed::restore(&mut outcome));
            write_outcome_with(outcome, context, &mut lines);
        }
        let client = side_tasks.client().await?;
        side_tasks.futures.push(client.write(lines).map(SideEvent::Written).boxed_local());
    }
    let client = side_tasks.client().await?;
    let mut summary = batch.summary().map(Convert::convert).unwrap_or_default();
    malformed::recount(&mut summary, malformed_lines);
    let mut end = side_tasks.cut.take().map(|problem| problem_to_line(&problem) + "\n").unwrap_or_default();
    // Input that may still arrive is not read.
    drop(side_tasks);
    end.push_str(&summary_to_line(&summary));
    end.push('\n');
    client.write(end.into_bytes()).await
}

impl SideTasks<'_> {
    /// Waits for `wanted`, and handles side events meanwhile.
    async fn run_until<T>(&mut self, wanted: impl Future<Output = T>) -> Result<T, ClientGone> {
        let mut wanted = pin!(wanted);
        loop {
            match select(wanted.as_mut(), self.futures.select_next_some()).await {
                Either::Left((result, _)) => return Ok(result),
                Either::Right((event, _)) => self.handle(event)?,
            }
        }
    }

    /// Waits until the client has taken all that was written.
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
                // While a write is under way, the write itself reports that the client has gone.
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
