//! Puts bodies on disk before their outcomes are written, many together.

use super::Stored;
use crate::blocking::blocking;
use fantail::{Cause, Failure};
use fantail_wire::Body;
use futures::stream::Fuse;
use futures::{Stream, StreamExt, future, stream};
use std::fs::File;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The most outcomes that wait until their bodies are on disk.
const MAX_WAITING: usize = 4_096;

/// Between two syncs, this many times what the last one took is spent without: syncing takes a tenth of the time at most.
const PAUSE: u32 = 9;

/// The longest time between two syncs.
const MAX_PAUSE: Duration = Duration::from_secs(1);

type Syncing = Pin<Box<dyn Future<Output = (io::Result<()>, Duration)>>>;

struct Groups<S: Stream> {
    stored: Fuse<S>,
    folder: Arc<File>,
    waiting: Vec<Stored>,
    /// The outcomes whose bodies are being synced.
    syncing: Option<(Syncing, Vec<Stored>)>,
    next_sync: Instant,
    ended: bool,
}

/// The outcomes in groups, each after one sync of the folder's file system. Bodies are stored while the group before theirs is synced.
pub(crate) fn groups<S>(stored: S, folder: Arc<File>) -> impl Stream<Item = Vec<Stored>>
where
    S: Stream<Item = Stored> + Unpin,
{
    let (waiting, next_sync) = (Vec::new(), Instant::now());
    let groups = Groups { stored: stored.fuse(), folder, waiting, syncing: None, next_sync, ended: false };
    stream::unfold(groups, |mut groups| async move {
        let group = groups.next().await?;
        Some((group, groups))
    })
}

impl<S: Stream<Item = Stored> + Unpin> Groups<S> {
    async fn next(&mut self) -> Option<Vec<Stored>> {
        loop {
            let is_due = self.ended || self.waiting.len() >= MAX_WAITING || Instant::now() >= self.next_sync;
            if self.syncing.is_none() && !self.waiting.is_empty() && is_due {
                let group = std::mem::take(&mut self.waiting);
                if !group.iter().any(has_file) {
                    return Some(group);
                }
                self.syncing = Some((sync(Arc::clone(&self.folder)), group));
            }
            if self.ended && self.waiting.is_empty() && self.syncing.is_none() {
                return None;
            }
            let takes_more = !self.ended && self.waiting.len() < MAX_WAITING;
            let pause = self.syncing.is_none() && !self.waiting.is_empty();
            tokio::select! {
                stored = self.stored.next(), if takes_more => match stored {
                    Some(stored) => self.waiting.push(stored),
                    None => self.ended = true,
                },
                (synced, took) = running(&mut self.syncing) => {
                    self.next_sync = Instant::now() + (PAUSE * took).min(MAX_PAUSE);
                    let (_, group) = self.syncing.take()?;
                    return Some(finished(group, synced));
                }
                () = tokio::time::sleep_until(self.next_sync.into()), if pause => {}
            }
        }
    }
}

async fn running(syncing: &mut Option<(Syncing, Vec<Stored>)>) -> (io::Result<()>, Duration) {
    match syncing {
        Some((syncing, _)) => syncing.await,
        None => future::pending().await,
    }
}

fn sync(folder: Arc<File>) -> Syncing {
    Box::pin(async move {
        let started = Instant::now();
        let synced = blocking(move || sync_file_system(&folder)).await;
        (synced, started.elapsed())
    })
}

#[cfg(target_os = "linux")]
fn sync_file_system(folder: &File) -> io::Result<()> {
    Ok(rustix::fs::syncfs(folder)?)
}

#[cfg(not(target_os = "linux"))]
fn sync_file_system(_folder: &File) -> io::Result<()> {
    rustix::fs::sync();
    Ok(())
}

fn has_file(stored: &Stored) -> bool {
    matches!(&stored.outcome.result, Ok(response) if matches!(response.body, Body::File(_)))
}

/// The group as it is written. If its bodies may not be on disk, they are failures.
fn finished(mut group: Vec<Stored>, synced: io::Result<()>) -> Vec<Stored> {
    if let Err(error) = synced {
        for stored in &mut group {
            if let Ok(response) = &stored.outcome.result
                && let Body::File(path) = &response.body
            {
                let detail = format!("the body may not be on disk as {path}: {error}");
                let failure = Failure::after_head(Cause::Other, false, response.status).with_detail(detail);
                stored.outcome.result = Err(failure);
            }
        }
    }
    group
}
