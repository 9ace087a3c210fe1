//! A whole batch at once: a list of requests in, a list of outcomes out.

use crate::batch::Batch;
use crate::queues::size;
use crate::response::{Incoming, Response};
use crate::wasi::Wasi;
use fantail_engine::{Cause, Engine, Failure, Order, Outcome, Policy, PolicyError, Request};
use futures::future::{join, poll_fn};

/// Bytes of outcomes passed to the caller in one list: half of what wasmtime lets pass in one call.
const MAX_BYTES: usize = 64 << 20;

/// One outcome per request, in the order of the list.
pub async fn fetch_all<W: Wasi>(
    requests: Vec<Request>,
    policy: &Policy,
) -> Result<Vec<Outcome<Response<W::Incoming>>>, PolicyError> {
    // The caller gets all outcomes at once, so none has to wait for those before it.
    let policy = Policy { order: Some(Order::Completion), ..policy.clone() };
    let (mut batch, caller) = Batch::<W>::new(Engine::for_list(&policy)?);
    let mut places: Vec<_> = requests.iter().map(|request| (request.id, None)).collect();
    let requests = (0..).zip(requests).map(|(place, request)| Request { id: place, ..request });
    caller.push_all(requests);
    caller.finish();
    let take = async {
        let mut bytes = 0;
        while let Some(taken) = poll_fn(|cx| caller.poll_take(u32::MAX, cx)).await {
            for outcome in taken {
                let place = usize::try_from(outcome.id).ok().and_then(|place| places.get_mut(place));
                if let Some((id, place)) = place {
                    *place = Some(fit_into_list(Outcome { id: *id, ..outcome }, &mut bytes));
                }
            }
        }
    };
    join(batch.run(), take).await;
    // The engine emits one outcome for each request.
    Ok(places.into_iter().filter_map(|(_, outcome)| outcome).collect())
}

/// One outcome per URL, in the order of the list.
pub async fn get_all<W: Wasi>(
    urls: Vec<String>,
    policy: &Policy,
) -> Result<Vec<Outcome<Response<W::Incoming>>>, PolicyError> {
    fetch_all::<W>((0..).zip(urls).map(|(id, url)| Request::get(id, url)).collect(), policy).await
}

/// The outcome; if its response is too large for the list, a failure in its place.
fn fit_into_list<I: Incoming>(mut outcome: Outcome<Response<I>>, bytes: &mut usize) -> Outcome<Response<I>> {
    let Ok(response) = &outcome.result else { return outcome };
    let size = size(&outcome);
    if *bytes + size <= MAX_BYTES {
        *bytes += size;
        return outcome;
    }
    let detail = format!(
        "the list has no room left for the response: at most {MAX_BYTES} bytes fit into one list. Start a batch instead"
    );
    let failure = Failure::after_head(Cause::BodyTooLarge, false, response.status).with_detail(detail);
    outcome.result = Err(failure);
    outcome
}
