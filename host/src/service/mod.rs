//! Serves an application that exports wasi:http/handler, with instances that each serve many callers at once.

mod access;
mod answer;
mod callers;
mod connection;
mod counters;
mod exposition;
mod idle;
mod instance;
mod instances;
mod occupancy;
mod options;
mod peers;
mod running;
mod slow_clients;
mod stall_timeout;
mod tracked;

pub use access::Access;
pub use answer::{Answer, BrokenOff};
pub use callers::AccessLog;
pub use connection::{Listening, Served};
pub(crate) use instances::Instances;
pub use options::ServiceOptions;

use crate::sandbox::Sandbox;
use answer::{Refusal, refuse};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::BodyExt;
use instance::{Job, Reply};
use std::error::Error;
use std::sync::Arc;
use tokio::sync::oneshot;
use tracked::{Origin, Tracked};
use wasmtime::component::Linker;
use wasmtime_wasi::cli::{WasiCli, WasiCliView};
use wasmtime_wasi::p3::bindings::cli::environment;

/// A compiled application. Cheap to clone; clones share instances and connections.
#[derive(Clone)]
pub struct Service {
    instances: Arc<Instances>,
}

/// Adds what an application may import beside what every component may.
pub(crate) fn add_to_linker(linker: &mut Linker<Sandbox>) -> wasmtime::Result<()> {
    environment::add_to_linker::<_, WasiCli>(linker, Sandbox::cli)
}

/// Where metrics are served, to whoever has a token that may read them.
const METRICS: &str = "/metrics";

/// How many instances are tried for one request: each may just have ended when the request reaches it.
const MAX_INSTANCES_TRIED: usize = 4;

impl Service {
    pub(crate) fn new(instances: Instances) -> Self {
        Self { instances: Arc::new(instances) }
    }

    /// Whether one more request would be refused for lack of room.
    fn is_full(&self) -> bool {
        self.instances.is_full()
    }

    /// Hands a request to an instance that has room, or to a new one. Errors of the host are answered with a problem document (RFC 9457).
    /// Must be called inside a tokio runtime, which then runs the instances.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<Answer>
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        self.handle_from(Origin::Program, request, async || ()).await
    }

    /// The same for a request that is in no metrics and no log, as for a check at start.
    pub async fn check<B>(&self, request: Request<B>) -> Response<Answer>
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        self.handle_from(Origin::Check, request, async || ()).await
    }

    /// The same for a request from anywhere. `make_room` is called before a request is handed to an instance.
    async fn handle_from<B>(
        &self,
        origin: Origin,
        request: Request<B>,
        make_room: impl AsyncFnOnce(),
    ) -> Response<Answer>
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        let mut tracked = Tracked::new(Arc::clone(&self.instances.callers), &request, origin);
        let mut response = match self.answer(&mut tracked, request, make_room).await {
            Ok(response) => response,
            Err(refusal) => {
                if let Some(reason) = refusal.reason() {
                    tracked.refused(reason);
                }
                refuse(refusal)
            }
        };
        tracked.answered(response.status().as_u16(), response.body().size_hint().exact());
        response.body_mut().set_tracked(tracked);
        response
    }

    async fn answer<B>(
        &self,
        tracked: &mut Tracked,
        request: Request<B>,
        make_room: impl AsyncFnOnce(),
    ) -> Result<Response<Answer>, Refusal>
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        if tracked.path() == METRICS {
            return match tracked.may_read_metrics() {
                Some(true) => Ok(Answer::complete(StatusCode::OK, exposition::CONTENT_TYPE, self.metrics())),
                Some(false) => Err(Refusal::Forbidden),
                None => Err(Refusal::Unauthorized),
            };
        }
        tracked.begin_batch().map_err(Refusal::Batches)?;
        make_room().await;
        // The application learns that the body broke off, but not why.
        let body = |body: B| body.map_err(|_| wasmtime_wasi_http::Error::ConnectionTerminated).boxed_unsync();
        let answered = tokio::time::timeout(self.instances.options().head, self.dispatch(request.map(body))).await;
        answered.unwrap_or(Err(Refusal::Timeout))
    }

    /// The metrics of this service in the text format of Prometheus (version 0.0.4). They contain the names of tokens.
    pub fn metrics(&self) -> String {
        let Instances { callers, connections, running, .. } = &*self.instances;
        exposition::metrics(callers, connections, running.read())
    }

    /// An instance that ends before it has started on a request returns it, so that another one can serve it.
    async fn dispatch(&self, mut request: Request<wasmtime_wasi_http::WasiBody>) -> Result<Response<Answer>, Refusal> {
        for _ in 0..MAX_INSTANCES_TRIED {
            let (jobs, permit) = self.instances.acquire().ok_or(Refusal::Full)?;
            let (reply, replied) = oneshot::channel();
            if let Err(rejected) = jobs.try_send(Job { request, permit, reply }) {
                request = rejected.into_inner().request;
                continue;
            }
            match replied.await {
                Ok(Reply::Answer(answer)) => return Ok(*answer),
                Ok(Reply::Failed(reason)) => return Err(Refusal::Application(reason)),
                Ok(Reply::NotStarted(returned)) => request = *returned,
                Err(_) => return Err(Refusal::Broken),
            }
        }
        Err(Refusal::Broken)
    }
}
