//! `poll` of WASI 0.2 for an instance that waits for thousands of responses.
//!
//! wasmtime's own makes a future of every pollable in every call, and polls them all whenever one of them wakes the instance. This one looks only
//! at the responses that have woken it since, and leaves what is not a response, which is little, to wasmtime's.
//!
//! It relies on this: a response that is polled and is not there keeps the waker, though the future that polled it is dropped. It is the
//! handle of a task, and keeps its waker until it is polled with another. Only the functions that are replaced here poll it.

use super::Sandboxed;
use futures::FutureExt;
use futures::task::{ArcWake, AtomicWaker, waker_ref};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource, ResourceTable, ResourceType};
use wasmtime_wasi::p2::bindings::io::poll::{Host, HostPollable};
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wasmtime_wasi_http::p2::types::HostFutureIncomingResponse as Response;

/// The instances in which wasmtime defines its own.
const POLL: &str = "wasi:io/poll@0.2.12";
const TYPES: &str = "wasi:http/types@0.2.12";

/// The pollables of responses: at most as many as the instance may have resources.
#[derive(Default)]
pub(super) struct Responses {
    /// By the number of the pollable.
    watched: Vec<Option<Watched>>,
    /// By the number of the response, for several pollables of one.
    wakings: Vec<Weak<Waking>>,
    instance: Arc<Instance>,
}

struct Watched {
    response: u32,
    waking: Arc<Waking>,
}

/// Whether a response has woken its instance since it was last looked at.
struct Waking {
    /// It was not there when it was looked at, and has not woken the instance since.
    is_quiet: AtomicBool,
    instance: Arc<Instance>,
}

/// An instance that waits in `poll`.
#[derive(Default)]
struct Instance {
    waker: AtomicWaker,
    is_woken: AtomicBool,
}

impl ArcWake for Waking {
    fn wake_by_ref(waking: &Arc<Self>) {
        waking.is_quiet.store(false, Ordering::Release);
        waking.instance.is_woken.store(true, Ordering::Release);
        waking.instance.waker.wake();
    }
}

impl Responses {
    fn watch(&mut self, pollable: u32, response: u32) {
        let slot = at(&mut self.wakings, response);
        let waking = slot.upgrade().unwrap_or_else(|| {
            let waking = Waking { is_quiet: AtomicBool::new(false), instance: Arc::clone(&self.instance) };
            let waking = Arc::new(waking);
            *slot = Arc::downgrade(&waking);
            waking
        });
        *at(&mut self.watched, pollable) = Some(Watched { response, waking });
    }

    fn of(&self, pollable: u32) -> Option<&Watched> {
        self.watched.get(pollable as usize)?.as_ref()
    }

    /// The positions of those that are ready, of pollables with their positions.
    fn ready(&self, pollables: &[(u32, u32)], table: &mut ResourceTable) -> wasmtime::Result<Vec<u32>> {
        let mut ready = Vec::new();
        for (position, pollable) in pollables {
            if let Some(watched) = self.of(*pollable)
                && watched.is_ready(table)?
            {
                ready.push(*position);
            }
        }
        Ok(ready)
    }

    /// The pollable is gone.
    fn forget(&mut self, pollable: u32) {
        if let Some(slot) = self.watched.get_mut(pollable as usize) {
            *slot = None;
        }
    }

    /// Another waker than ours is about to be given to what the pollable watches.
    fn distrust(&self, pollable: u32) {
        if let Some(Watched { waking, .. }) = self.of(pollable) {
            waking.is_quiet.store(false, Ordering::Release);
        }
    }
}

/// The place of a number, which the table of resources keeps small.
fn at<T: Default>(list: &mut Vec<T>, number: u32) -> &mut T {
    let index = number as usize;
    if list.len() <= index {
        list.resize_with(index + 1, T::default);
    }
    &mut list[index]
}

impl Watched {
    /// Whether the response, or its failure, is there.
    fn is_ready(&self, table: &mut ResourceTable) -> wasmtime::Result<bool> {
        if self.waking.is_quiet.swap(true, Ordering::AcqRel) {
            return Ok(false);
        }
        let response = table.get_mut(&Resource::<Response>::new_borrow(self.response))?;
        let is_ready = response.ready().poll_unpin(&mut Context::from_waker(&waker_ref(&self.waking))).is_ready();
        if is_ready {
            self.waking.is_quiet.store(false, Ordering::Release);
        }
        Ok(is_ready)
    }
}

pub(super) fn replace<T: Sandboxed>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut types = linker.instance(TYPES)?;
    types.func_wrap(
        "[method]future-incoming-response.subscribe",
        |mut store: StoreContextMut<'_, T>, (response,): (Resource<Response>,)| {
            let number = response.rep();
            let pollable = subscribe(store.data_mut().http().table, response)?;
            store.data_mut().sandbox().responses.watch(pollable.rep(), number);
            Ok((pollable,))
        },
    )?;
    let mut instance = linker.instance(POLL)?;
    instance.resource("pollable", ResourceType::host::<DynPollable>(), |mut store, pollable| {
        store.data_mut().sandbox().responses.forget(pollable);
        HostPollable::drop(store.data_mut().ctx().table, Resource::new_own(pollable))
    })?;
    instance.func_wrap_async("[method]pollable.ready", |mut store, (pollable,): (Resource<DynPollable>,)| {
        store.data_mut().sandbox().responses.distrust(pollable.rep());
        Box::new(async move { Ok((HostPollable::ready(store.data_mut().ctx().table, pollable).await?,)) })
    })?;
    instance.func_wrap_async("[method]pollable.block", |mut store, (pollable,): (Resource<DynPollable>,)| {
        store.data_mut().sandbox().responses.distrust(pollable.rep());
        Box::new(async move { HostPollable::block(store.data_mut().ctx().table, pollable).await })
    })?;
    instance.func_wrap_async("poll", |store, (pollables,): (Vec<Resource<DynPollable>>,)| {
        Box::new(async move { Ok((poll(store, pollables).await?,)) })
    })?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Waits until one of the pollables is ready, and returns the positions of all that are.
async fn poll<T: Sandboxed>(
    mut store: StoreContextMut<'_, T>,
    pollables: Vec<Resource<DynPollable>>,
) -> wasmtime::Result<Vec<u32>> {
    let sandbox = store.data_mut().sandbox();
    sandbox.record_host_call();
    let (table, responses) = (&mut sandbox.table, &sandbox.responses);
    let numbered = (0..).zip(pollables.iter().map(Resource::rep));
    let (watched, others): (Vec<_>, Vec<_>) = numbered.partition(|(_, pollable)| responses.of(*pollable).is_some());
    if watched.is_empty() {
        return table.poll(pollables).await;
    }
    loop {
        // Before looking: what wakes the instance from now on may not have been seen.
        responses.instance.is_woken.store(false, Ordering::Release);
        let mut ready = responses.ready(&watched, table)?;
        let fired = rest(table, &others, &responses.instance, !ready.is_empty()).await?;
        ready.extend(fired.iter().filter_map(|index| Some(others.get(*index as usize)?.0)));
        if !ready.is_empty() {
            return Ok(ready);
        }
    }
}

/// Waits for what is not a response, until one of these is ready or the instance has been woken; with `only_now`, does not wait.
async fn rest(
    table: &mut ResourceTable,
    others: &[(u32, u32)],
    instance: &Instance,
    only_now: bool,
) -> wasmtime::Result<Vec<u32>> {
    let has_others = !others.is_empty();
    let others = others.iter().map(|(_, pollable)| Resource::new_borrow(*pollable)).collect();
    // Fails if there are none.
    let mut fired = pin!(table.poll(others));
    poll_fn(|cx| {
        instance.waker.register(cx.waker());
        if has_others && let Poll::Ready(fired) = fired.as_mut().poll(cx) {
            return Poll::Ready(fired);
        }
        let is_done = only_now || instance.is_woken.load(Ordering::Acquire);
        if is_done { Poll::Ready(Ok(Vec::new())) } else { Poll::Pending }
    })
    .await
}
