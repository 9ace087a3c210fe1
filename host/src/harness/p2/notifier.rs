//! Wakes a component that waits.

use std::sync::Arc;
use tokio::sync::Notify;
use wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

/// Makes the component return from waiting. Several notifications before it waits count as one.
#[derive(Clone, Default)]
pub(super) struct Notifier(Arc<Notify>);

impl Notifier {
    pub(super) fn notify(&self) {
        self.0.notify_one();
    }

    /// A pollable that becomes ready when the notifier is notified.
    pub(super) fn pollable(&self, table: &mut ResourceTable) -> wasmtime::Result<Resource<DynPollable>> {
        let notifier = table.push(self.clone())?;
        subscribe(table, notifier)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Notifier {
    async fn ready(&mut self) {
        self.0.notified().await;
    }
}
