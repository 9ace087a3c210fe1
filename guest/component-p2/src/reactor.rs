//! A reactor: waits for pollables on behalf of futures.
//!
//! A future that is woken checks again whether what it waits for is ready, and registers again if not.

use crate::bindings::wasi::io::poll::{Pollable, poll};
use slab::Slab;
use std::cell::RefCell;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

thread_local! {
    /// The entries of all batches of this instance. Borrowed while waiting: nothing else runs in this instance
    /// meanwhile.
    static WAITING: RefCell<Slab<Entry>> = RefCell::default();
}

struct Entry {
    /// None when it is or may be ready.
    pollable: Option<Pollable>,
    waker: Waker,
}

/// Resolves when a pollable is or may be ready.
pub(crate) struct Ready {
    key: usize,
}

/// Registers a pollable. It is dropped with the future at the latest.
pub(crate) fn ready(pollable: Pollable) -> Ready {
    let entry = Entry { pollable: Some(pollable), waker: Waker::noop().clone() };
    Ready { key: WAITING.with_borrow_mut(|waiting| waiting.insert(entry)) }
}

impl Future for Ready {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        WAITING.with_borrow_mut(|waiting| match waiting.get_mut(self.key) {
            Some(Entry { pollable: Some(_), waker }) => {
                waker.clone_from(cx.waker());
                Poll::Pending
            }
            Some(Entry { pollable: None, .. }) | None => Poll::Ready(()),
        })
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        WAITING.with_borrow_mut(|waiting| drop(waiting.try_remove(self.key)));
    }
}

impl Entry {
    fn wake(&mut self) {
        self.pollable = None;
        self.waker.wake_by_ref();
    }
}

/// Waits until a registered pollable is ready, or one of `also`: then returns true. Returns true at once if there is
/// nothing to wait for.
pub(crate) fn wait(also: &[&Pollable]) -> bool {
    WAITING.with_borrow_mut(|waiting| {
        let entries = waiting.iter().filter_map(|(key, entry)| Some((key, entry.pollable.as_ref()?)));
        let (keys, mut pollables): (Vec<usize>, Vec<&Pollable>) = entries.unzip();
        pollables.extend_from_slice(also);
        if pollables.is_empty() {
            return true;
        }
        let mut fired = false;
        for index in poll(&pollables) {
            match keys.get(index as usize).and_then(|key| waiting.get_mut(*key)) {
                Some(entry) => entry.wake(),
                None => fired = true,
            }
        }
        fired
    })
}

/// Runs a future to its end.
pub(crate) fn run<F: Future>(future: F) -> F::Output {
    let (mut future, woken) = (pin!(future), Arc::new(Woken::default()));
    let waker = Waker::from(Arc::clone(&woken));
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        // One part of the future may have woken another.
        if !woken.0.swap(false, Ordering::Relaxed) {
            wait(&[]);
        }
    }
}

/// Whether a future has to be polled again.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}
