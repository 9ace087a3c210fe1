//! Serves an application that exports wasi:http/handler, from instances that each serve many callers at once.

mod answer;
mod connection;
mod idle;
mod instance;
mod instances;
mod occupancy;
mod options;
mod slow_clients;
mod stall_timeout;

pub use answer::{Answer, BrokenOff};
pub use connection::{Listening, Served};
pub(crate) use instances::Instances;
pub use options::ServiceOptions;

use crate::sandbox::Sandbox;
use answer::{Refusal, refuse};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use instance::{Job, Reply};
use std::error::Error;
use std::sync::Arc;
use tokio::sync::oneshot;
use wasmtime::component::Linker;
use wasmtime_wasi::cli::{WasiCli, WasiCliView};
use wasmtime_wasi::p3::bindings::cli::environment;

/// An application, compiled and ready to be run. Cheap to clone; clones share instances and connections.
#[derive(Clone)]
pub struct Service {
    instances: Arc<Instances>,
}

/// What an application may import beside what every component may.
pub(crate) fn add_to_linker(linker: &mut Linker<Sandbox>) -> wasmtime::Result<()> {
    environment::add_to_linker::<_, WasiCli>(linker, Sandbox::cli)
}

/// An instance may just have ended when a request comes to it, and the next one too. More than that is no accident.
const INSTANCES_TRIED: usize = 4;

impl Service {
    pub(crate) fn new(instances: Instances) -> Self {
        Self { instances: Arc::new(instances) }
    }

    /// Whether one more request would be refused for want of room.
    fn is_full(&self) -> bool {
        self.instances.is_full()
    }

    /// Hands a request to an instance that has room, or to a new one. What goes wrong on this side is answered with a problem
    /// document (RFC 9457). Must be called inside a tokio runtime, which then runs the instances.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<Answer>
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        // Why the body broke off is not for the application to know, only that it did.
        let body = |body: B| body.map_err(|_| wasmtime_wasi_http::Error::ConnectionTerminated).boxed_unsync();
        let asked = tokio::time::timeout(self.instances.options().head, self.ask(request.map(body))).await;
        asked.unwrap_or(Err(Refusal::Late)).unwrap_or_else(refuse)
    }

    /// An instance that ends before it has begun with a request gives it back, for another one.
    async fn ask(&self, mut request: Request<wasmtime_wasi_http::WasiBody>) -> Result<Response<Answer>, Refusal> {
        for _ in 0..INSTANCES_TRIED {
            let (jobs, place) = self.instances.place().ok_or(Refusal::Full)?;
            let (reply, replied) = oneshot::channel();
            if let Err(gone) = jobs.try_send(Job { request, place, reply }) {
                request = gone.into_inner().request;
                continue;
            }
            match replied.await {
                Ok(Reply::Answer(answer)) => return Ok(*answer),
                Ok(Reply::Refused(reason)) => return Err(Refusal::Application(reason)),
                Ok(Reply::NotBegun(unserved)) => request = *unserved,
                Err(_) => return Err(Refusal::Broken),
            }
        }
        Err(Refusal::Broken)
    }
}
