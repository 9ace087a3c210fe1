//! What wakes a component that waits.

use std::sync::Arc;
use tokio::sync::Notify;
use wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

/// Notified when the component is to come back from waiting. Once is enough, however often it is notified before that.
#[derive(Clone, Default)]
pub(super) struct Notifier(Arc<Notify>);

impl Notifier {
    pub(super) fn notify(&self) {
        self.0.notify_one();
    }

    /// A pollable that is ready when it is notified.
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
