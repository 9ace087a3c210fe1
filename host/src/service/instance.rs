//! One instance and the requests that it serves.

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

/// A request that is handed to an instance.
pub(super) struct Job {
    pub(super) request: Request<WasiBody>,
    pub(super) permit: Permit,
    /// Dropped without a reply if the instance breaks down.
    pub(super) reply: oneshot::Sender<Reply>,
}

/// The result of a request.
pub(super) enum Reply {
    Answer(Box<Response<Answer>>),
    /// The application returned an error in place of an answer.
    Failed(String),
    /// The instance ended before it started on the request.
    NotStarted(Box<Request<WasiBody>>),
}

/// An instance that is ready to run.
pub(super) struct Instance {
    pub(super) component: ServicePre<Sandbox>,
    pub(super) sandbox: Sandbox,
    pub(super) jobs: mpsc::Receiver<Job>,
    pub(super) occupancy: Arc<Occupancy>,
    pub(super) idle: Duration,
}

impl Instance {
    /// Serves requests until the channel is closed, or until it has been idle for a while. A trap ends all requests in progress.
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
            // Before the store is dropped: bodies that are still being read must not seem to end normally.
            occupancy.break_down();
        }
        jobs.close();
        while let Some(Job { request, reply, .. }) = jobs.recv().await {
            // The client may have disconnected.
            let _ = reply.send(Reply::NotStarted(Box::new(request)));
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
            // After the channel is closed, by us or because the instance has served enough, requests already sent are still received.
            job = jobs.recv(), if open => match job {
                Some(job) => answering.push(answer(accessor, service, job)),
                None => open = false,
            },
            Some(answered) = answering.next() => answered?,
            () = occupancy.caller_left() => {}
            () = tokio::time::sleep(idle), if done => jobs.close(),
        }
    }
}

async fn answer(accessor: &Accessor<Sandbox>, service: &Service, job: Job) -> wasmtime::Result<()> {
    let Job { request, permit, reply } = job;
    let (request, processed) = accessor.with(|mut store| {
        let progress = Arc::clone(&store.get().progress);
        // Each frame of a body counts as progress, even if the instance makes no other call to the host meanwhile.
        let request = request.map(|body| {
            body.map_frame(move |frame| {
                progress.store(true, Ordering::Relaxed);
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
    // If the client has disconnected, the answer is dropped, which tells the application.
    let _ = reply.send(match answered {
        Ok(response) => Reply::Answer(Box::new(Answer::new(response, permit))),
        Err(reason) => Reply::Failed(reason),
    });
    Ok(())
}
