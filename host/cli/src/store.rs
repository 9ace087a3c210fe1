//! Bodies into files: whole under their final name, or not at all.

use fantail::{Body, Cause, Failure, Outcome, Response, UnreadBody};
use fantail_wire as wire;
use futures::StreamExt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt;

/// Bodies stored side by side.
pub(crate) const AT_ONCE: usize = 16;

/// An outcome as it is written.
pub(crate) struct Stored {
    pub(crate) outcome: wire::Outcome,
    /// Bytes of its body that came after the component had handed it out.
    pub(crate) bytes: u64,
}

/// The outcome as it is written. A body that is handed out is first stored in `folder`, if there is one: then the time to its end counts.
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
                    let begun = Instant::now();
                    let file = to_file(body, folder, id, status, &mut bytes).await;
                    timing.total += begun.elapsed();
                    file.map(wire::Body::File)
                }
            };
            body.map(|body| wire::Response { status, headers, body })
        }
    };
    Stored { outcome: wire::Outcome { id, url, attempts, hops, timing, last_attempt, result }, bytes }
}

/// Streams a body to a temporary file, then gives it its name. The file is on disk before the outcome says so. Whatever goes wrong on
/// the way, no file is left.
async fn to_file(
    mut body: UnreadBody,
    folder: &Path,
    id: u64,
    status: u16,
    bytes: &mut u64,
) -> Result<String, Failure> {
    let path = folder.join(id.to_string());
    let broken = |error: io::Error| {
        let failure = Failure::after_head(Cause::Other, false, status);
        failure.with_detail(format!("cannot store the body as {}: {error}", path.display()))
    };
    let (file, name) = blocking({
        let folder = folder.to_owned();
        move || NamedTempFile::new_in(folder).map(NamedTempFile::into_parts)
    })
    .await
    .map_err(broken)?;
    let mut file = tokio::fs::File::from_std(file);
    while let Some(piece) = body.next().await {
        let piece = piece?;
        file.write_all(&piece).await.map_err(broken)?;
        *bytes += piece.len() as u64;
    }
    // A file of tokio's writes behind our back, and tells only here of what went wrong with the last of it: `sync_all` does not.
    file.flush().await.map_err(broken)?;
    file.sync_all().await.map_err(broken)?;
    let target: PathBuf = path.clone();
    blocking(move || name.persist(target).map_err(|error| error.error)).await.map_err(broken)?;
    Ok(path.display().to_string())
}

/// Runs what cannot wait without a thread of its own on one.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

/// Makes sure that bodies can be stored here before anything is sent.
pub(crate) fn prepare(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    NamedTempFile::new_in(folder).map(drop)
}
