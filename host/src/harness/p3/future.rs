//! Converts a future of the component to one of the host.

use crate::harness::state::State;
use futures::channel::oneshot;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;
use wasmtime::component::{FutureConsumer, FutureReader, Lift, Source};
use wasmtime::{AsContextMut, StoreContextMut};

/// Receives the value that the component writes, if it does. The component does not notice if the receiver is dropped.
pub(super) fn receive<T, U>(
    mut store: impl AsContextMut<Data = State>,
    future: FutureReader<T>,
    convert: fn(T) -> U,
) -> wasmtime::Result<oneshot::Receiver<U>>
where
    T: Lift + Send + Sync + 'static,
    U: Send + 'static,
{
    let (sender, receiver) = oneshot::channel();
    let alive = store.as_context_mut().data().alive.clone();
    future.pipe(store, Delivery { receiver: Some(sender), convert, _alive: alive })?;
    Ok(receiver)
}

struct Delivery<T, U> {
    receiver: Option<oneshot::Sender<U>>,
    convert: fn(T) -> U,
    /// Keeps the batch running until the value has arrived.
    _alive: Option<mpsc::Sender<()>>,
}

impl<T, U> FutureConsumer<State> for Delivery<T, U>
where
    T: Lift + Send + Sync + 'static,
    U: Send + 'static,
{
    type Item = T;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        store: StoreContextMut<'_, State>,
        mut source: Source<'_, T>,
        _: bool,
    ) -> Poll<wasmtime::Result<()>> {
        let mut value = None;
        source.read(store, &mut value)?;
        if let (Some(receiver), Some(value)) = (self.receiver.take(), value) {
            // The receiver may have been dropped.
            let _ = receiver.send((self.convert)(value));
        }
        Poll::Ready(Ok(()))
    }
}
