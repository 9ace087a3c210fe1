//! The component for WASI 0.3: a stream of requests in, a stream of outcomes out.

mod body;
mod future;
mod input;
mod output;

use super::PolicyRefused;
use super::batch::Ways;
use super::state::State;
use crate::bindings::{Fantail, FantailPre};
use crate::convert::p3 as convert;
use fantail_engine::{Policy, Summary};
use future::receive;
use input::Input;
use output::Output;
use tokio::sync::mpsc;
use wasmtime::Store;
use wasmtime::component::StreamReader;

/// Hands the batch over to the component and waits for its summary.
pub(super) async fn converse(
    component: &FantailPre<State>,
    store: &mut Store<State>,
    policy: &Policy,
    ways: Ways,
) -> wasmtime::Result<Option<Box<Summary>>> {
    let Ways { asked, outcomes, accepted } = ways;
    let instance: Fantail = component.instantiate_async(&mut *store).await?;
    let policy = convert::policy(policy);
    let conversation = store.run_concurrent(async move |accessor| -> wasmtime::Result<_> {
        let requests = accessor.with(|mut store| StreamReader::new(&mut store, Input))?;
        let (outcomes_reader, summary) =
            match instance.fantail_fetch_batch().call_fetch(accessor, requests, policy).await? {
                Ok(started) => started,
                Err(refused) => {
                    let _ = accepted.send(Err(PolicyRefused { field: refused.field, reason: refused.reason }));
                    return Ok(None);
                }
            };
        let _ = accepted.send(Ok(()));
        let done = accessor.with(|mut store| -> wasmtime::Result<_> {
            outcomes_reader.pipe(&mut store, Output::new(asked, outcomes))?;
            receive(&mut store, summary, convert::summary)
        })?;
        Ok(done.await.ok().map(Box::new))
    });
    conversation.await?
}

/// Sees the unread bodies that were handed out to their end.
pub(super) async fn unread_bodies(store: &mut Store<State>, mut last_gone: mpsc::Receiver<()>) {
    // They pass through the store.
    store.data_mut().alive = None;
    let _ = store.run_concurrent(async |_| last_gone.recv().await).await;
}
