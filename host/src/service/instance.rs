//! One instance and the requests it serves.

use super::answer::Answer;
use super::occupancy::{Occupancy, Permit};
use crate::sandbox::{Sandbox, watch};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use http::{Request, Response};
use http_body_util::BodyExt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use wasmtime::Store;
use wasmtime::component::Accessor;
use wasmtime_wasi_http::p3::bindings::{Service, ServicePre};
use wasmtime_wasi_http::{WasiBody, WasiHttpView, p3};

/// A request on its way into an instance.
pub(super) struct Job {
    pub(super) request: Request<WasiBody>,
    pub(super) place: Permit,
    /// Dropped unanswered if the instance breaks down on the way.
    pub(super) reply: oneshot::Sender<Reply>,
}

/// What became of a request.
pub(super) enum Reply {
    Answer(Box<Response<Answer>>),
    /// The application gave an error in place of an answer.
    Refused(String),
    /// The instance ended before it had begun.
    NotBegun(Box<Request<WasiBody>>),
}

/// What an instance runs with.
pub(super) struct Instance {
    pub(super) component: ServicePre<Sandbox>,
    pub(super) sandbox: Sandbox,
    pub(super) jobs: mpsc::Receiver<Job>,
    pub(super) occupancy: Arc<Occupancy>,
    pub(super) idle: Duration,
}

impl Instance {
    /// Serves until nobody may come any more, or nobody came for a while. A trap ends all that are being served.
    pub(super) async fn run(self) -> wasmtime::Result<()> {
        let Instance { component, sandbox, mut jobs, occupancy, idle } = self;
        let busy = sandbox.busy.clone();
        let mut store = Store::new(component.engine(), sandbox);
        watch(&mut store);
        let ended = match component.instantiate_async(&mut store).await {
            Ok(service) => {
                let jobs = &mut jobs;
                let serving =
                    async |accessor: &Accessor<Sandbox>| serve(accessor, &service, jobs, &occupancy, idle).await;
                busy.timed(store.run_concurrent(serving)).await.flatten()
            }
            Err(error) => Err(error),
        };
        if ended.is_err() {
            // Before the store goes: what is still being read of it must not end as if it were whole.
            occupancy.break_down();
        }
        jobs.close();
        while let Some(Job { request, reply, .. }) = jobs.recv().await {
            // Whoever has gone meanwhile does not mind.
            let _ = reply.send(Reply::NotBegun(Box::new(request)));
        }
        ended
    }
}

async fn serve(
    accessor: &Accessor<Sandbox>,
    service: &Service,
    jobs: &mut mpsc::Receiver<Job>,
    occupancy: &Occupancy,
    idle: Duration,
) -> wasmtime::Result<()> {
    let mut answering = FuturesUnordered::new();
    let mut open = true;
    loop {
        let done = occupancy.is_empty() && answering.is_empty();
        if done && !open {
            return Ok(());
        }
        tokio::select! {
            // Once closed, by us or because it has served enough, what was on its way still comes.
            job = jobs.recv(), if open => match job {
                Some(job) => answering.push(answer(accessor, service, job)),
                None => open = false,
            },
            Some(answered) = answering.next() => answered?,
            () = occupancy.left() => {}
            () = tokio::time::sleep(idle), if done => jobs.close(),
        }
    }
}

async fn answer(accessor: &Accessor<Sandbox>, service: &Service, job: Job) -> wasmtime::Result<()> {
    let Job { request, place, reply } = job;
    let (request, processed) = accessor.with(|mut store| {
        let alive = Arc::clone(&store.get().alive);
        // A body that comes in many small pieces is no computing, though the instance asks nothing else of us meanwhile.
        let request = request.map(|body| {
            body.map_frame(move |frame| {
                alive.store(true, Ordering::Relaxed);
                frame
            })
        });
        let (request, processed) = p3::Request::from_http(store.get().http().hooks, request);
        (request, processed.boxed())
    });
    let answered = match service.handle(accessor, request).await? {
        Ok(response) => accessor.with(|store| response.into_http(store, processed)).map_err(|error| error.to_string()),
        Err(code) => Err(format!("{code:?}")),
    };
    // Whoever has gone meanwhile does not mind: the answer is dropped, and the application learns of it.
    let _ = reply.send(match answered {
        Ok(response) => Reply::Answer(Box::new(Answer::new(response, place))),
        Err(reason) => Reply::Refused(reason),
    });
    Ok(())
}
