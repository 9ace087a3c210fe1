//! Stores bodies in files. A file appears under its final name only when it is complete.

use fantail::{Body, Cause, Failure, Outcome, Response, UnreadBody};
use fantail_wire as wire;
use futures::StreamExt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt;

/// The most bodies stored at once.
pub(crate) const AT_ONCE: usize = 16;

/// An outcome that is ready to be written.
pub(crate) struct Stored {
    pub(crate) outcome: wire::Outcome,
    /// Bytes of its body that were stored, which the component has not counted.
    pub(crate) bytes: u64,
}

/// Makes an outcome ready to be written. An unread body is stored in `folder`, if there is one, and the time for that is added.
pub(crate) async fn stored(outcome: Outcome, folder: Option<&Path>) -> Stored {
    let fantail_engine::Outcome { id, url, attempts, hops, mut timing, last_attempt, result } = outcome;
    let mut bytes = 0;
    let result = match result {
        Err(failure) => Err(failure),
        Ok(Response { status, headers, body }) => {
            let body = match (body, folder) {
                (Body::Bytes(bytes), _) => Ok(wire::Body::Bytes(bytes.into())),
                (Body::Discarded, _) | (Body::Unread(_), None) => Ok(wire::Body::Absent),
                (Body::Unread(body), Some(folder)) => {
                    let started = Instant::now();
                    let file = to_file(body, folder, id, status, &mut bytes).await;
                    timing.total += started.elapsed();
                    file.map(wire::Body::File)
                }
            };
            body.map(|body| wire::Response { status, headers, body })
        }
    };
    Stored { outcome: wire::Outcome { id, url, attempts, hops, timing, last_attempt, result }, bytes }
}

/// Streams a body to a temporary file, and renames it at the end. The file is on disk before the outcome is written. If anything fails,
/// no file is left.
async fn to_file(
    mut body: UnreadBody,
    folder: &Path,
    id: u64,
    status: u16,
    bytes: &mut u64,
) -> Result<String, Failure> {
    let path = folder.join(id.to_string());
    let store_error = |error: io::Error| {
        let failure = Failure::after_head(Cause::Other, false, status);
        failure.with_detail(format!("cannot store the body as {}: {error}", path.display()))
    };
    let (file, name) = blocking({
        let folder = folder.to_owned();
        move || NamedTempFile::new_in(folder).map(NamedTempFile::into_parts)
    })
    .await
    .map_err(store_error)?;
    let mut file = tokio::fs::File::from_std(file);
    while let Some(chunk) = body.next().await {
        let chunk = chunk?;
        file.write_all(&chunk).await.map_err(store_error)?;
        *bytes += chunk.len() as u64;
    }
    // tokio writes files in the background. `flush` reports an error of the last write, `sync_all` does not.
    file.flush().await.map_err(store_error)?;
    file.sync_all().await.map_err(store_error)?;
    let target: PathBuf = path.clone();
    blocking(move || name.persist(target).map_err(|error| error.error)).await.map_err(store_error)?;
    Ok(path.display().to_string())
}

/// Runs blocking work on a thread of its own.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

/// Checks that bodies can be stored in the folder, before anything is sent.
pub(crate) fn prepare(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    NamedTempFile::new_in(folder).map(drop)
}
