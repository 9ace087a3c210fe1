//! Stores bodies in files. A file has a name only when it is complete.

mod groups;
mod name;
mod place;
mod stored;
mod unfinished;
mod writer;

pub(crate) use groups::groups;
pub(crate) use name::NameTemplate;
pub(crate) use stored::Stored;
pub(crate) use unfinished::Unfinished;

use crate::asked::Asked;
use crate::blocking::blocking;
use fantail::{Body, Cause, Failure, Header, Outcome, Response, UnreadBody};
use fantail_wire as wire;
use futures::StreamExt;
use name::Parts;
use place::Numbers;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Semaphore;
use writer::Writer;

/// The most bytes of a body that are kept before they are written. A shorter body is written at once.
const BUFFER: usize = 64 * 1024;

/// The most threads that write.
const MAX_WRITERS: usize = 16;

/// A folder in which bodies are stored.
#[derive(Clone)]
pub(crate) struct Store(Arc<Shared>);

struct Shared {
    path: PathBuf,
    folder: Arc<File>,
    template: NameTemplate,
    sync_each: bool,
    numbers: Numbers,
    writers: Semaphore,
}

impl Store {
    /// Checks that bodies can be stored in the folder, before anything is sent.
    pub(crate) fn open(path: &Path, template: NameTemplate, sync_each: bool) -> io::Result<Self> {
        std::fs::create_dir_all(path)?;
        Unfinished::create(path)?;
        let (path, folder) = (path.to_owned(), Arc::new(File::open(path)?));
        let (numbers, writers) = (Numbers::default(), Semaphore::new(MAX_WRITERS));
        Ok(Self(Arc::new(Shared { path, folder, template, sync_each, numbers, writers })))
    }

    /// The folder, if bodies are to be synced together.
    pub(crate) fn synced_together(&self) -> Option<Arc<File>> {
        (!self.0.sync_each).then(|| Arc::clone(&self.0.folder))
    }

    /// Streams a body to a file. The path is that of the complete file.
    async fn store(
        &self,
        mut body: UnreadBody,
        of: &Parts<'_>,
        status: u16,
        bytes: &mut u64,
    ) -> Result<String, Failure> {
        let store_error = |error: io::Error| {
            let path = self.0.path.join(self.0.template.path(of));
            let failure = Failure::after_head(Cause::Other, false, status);
            failure.with_detail(format!("cannot store the body as {}: {error}", path.display()))
        };
        let mut writer = Writer::new(self.0.template.needs_hash());
        let mut buffer = Vec::new();
        while let Some(chunk) = body.next().await {
            let chunk = chunk?;
            *bytes += chunk.len() as u64;
            if buffer.len() + chunk.len() > BUFFER {
                let shared = Arc::clone(&self.0);
                let full = std::mem::take(&mut buffer);
                let write = move || writer.write(&shared.path, &full).map(|()| writer);
                writer = self.blocking(write).await.map_err(store_error)?;
            }
            buffer.extend_from_slice(&chunk);
        }
        let (shared, id, url) = (Arc::clone(&self.0), of.id.to_owned(), of.url.to_owned());
        let content_type = of.content_type.to_owned();
        let place = move || {
            writer.write(&shared.path, &buffer)?;
            let sha256 = writer.hash();
            let parts = Parts { id: &id, url: &url, content_type: &content_type, sha256: &sha256 };
            let path = shared.path.join(shared.template.path(&parts));
            writer.place(&shared.numbers, &path, shared.sync_each)
        };
        let path = self.blocking(place).await.map_err(store_error)?;
        Ok(path.display().to_string())
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        // The semaphore is never closed, so this never fails.
        let _permit = self.0.writers.acquire().await.ok();
        blocking(work).await
    }
}

/// Makes an outcome ready to be written. An unread body is stored, if there is a store, and the time for that is added.
pub(crate) async fn stored(outcome: Outcome, asked: Asked, store: Option<&Store>) -> Stored {
    let Asked { context, repeatable } = asked;
    let fantail_engine::Outcome { id, url, attempts, hops, mut timing, last_attempt, result } = outcome;
    let mut bytes = 0;
    let result = match result {
        Err(failure) => Err(failure),
        Ok(Response { status, headers, body }) => {
            let body = match (body, store) {
                (Body::Bytes(bytes), _) => Ok(wire::Body::Bytes(bytes.into())),
                (Body::Discarded, _) | (Body::Unread(_), None) => Ok(wire::Body::Absent),
                (Body::Unread(body), Some(store)) => {
                    let started = Instant::now();
                    let own_id = context.id.as_ref().map_or_else(|| id.to_string(), ToString::to_string);
                    let of = Parts { id: &own_id, url: &url, content_type: content_type(&headers), sha256: "" };
                    let file = store.store(body, &of, status, &mut bytes).await;
                    timing.total += started.elapsed();
                    file.map(wire::Body::File).map_err(|failure| match failure.cause {
                        // A body that the run itself ended does not know of which request it is.
                        Cause::Cancelled => Failure { retryable: repeatable, ..failure },
                        _ => failure,
                    })
                }
            };
            body.map(|body| wire::Response { status, headers, body })
        }
    };
    Stored { outcome: wire::Outcome { id, url, attempts, hops, timing, last_attempt, result }, context, bytes }
}

fn content_type(headers: &[Header]) -> &str {
    let found = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    found.and_then(|(_, value)| std::str::from_utf8(value).ok()).unwrap_or_default()
}
