//! Pushes requests to the component, as they arrive and as it has room for them.

use crate::bindings::fantail::fetch::batch::Batch;
use crate::ceilings::Ceilings;
use crate::client::ClientGone;
use crate::convert;
use crate::intake::{Body, Requests};
use crate::lines::{Cut, Line, Lines};
use crate::malformed::placeholder;
use crate::pending::{Asked, Pending};
use fantail_wire::{Context, Problem, Readable, readable};

/// Requests pushed at once at most.
const MAX_PUSHED: usize = 256;

/// Pushes all requests, unless the batch ends before. The problem says why not all of them were accepted.
pub(crate) async fn feed<B: Body>(
    requests: Requests<B>,
    (batch, pending): (&Batch, &Pending),
    ceilings: Ceilings,
) -> Result<Option<Problem>, ClientGone> {
    let fed = match requests {
        Requests::List(requests) => {
            let mut requests = requests.into_iter();
            // The first ones are pushed without asking for room: most lists are no longer.
            if push(batch, pending, requests.by_ref().take(MAX_PUSHED)) {
                hand_over(batch, pending, requests).await;
            }
            Ok(None)
        }
        Requests::Lines { read, preceding_lines, lines } => {
            feed_lines(read, preceding_lines, lines, (batch, pending), ceilings).await
        }
    };
    batch.finish();
    fed
}

async fn feed_lines<B: Body>(
    mut arrived: Vec<Asked>,
    preceding_lines: u64,
    mut lines: Box<Lines<B>>,
    (batch, pending): (&Batch, &Pending),
    ceilings: Ceilings,
) -> Result<Option<Problem>, ClientGone> {
    let mut remaining = ceilings.max_requests;
    loop {
        // Requests that have arrived are pushed before waiting for more.
        while arrived.len() < MAX_PUSHED
            && let Some(line) = lines.next_arrived()
        {
            arrived.push(request(&line, preceding_lines));
        }
        let too_many = arrived.len() as u64 > remaining;
        arrived.truncate(usize::try_from(remaining).unwrap_or(usize::MAX));
        remaining -= arrived.len() as u64;
        if !hand_over(batch, pending, arrived.into_iter()).await {
            return Ok(None);
        }
        if too_many {
            return Ok(Some(ceilings.too_many_requests()));
        }
        match lines.next().await {
            Ok(Some(line)) => arrived = vec![request(&line, preceding_lines)],
            Ok(None) => return Ok(None),
            Err(Cut::TooLong(problem)) => return Ok(Some(problem)),
            // A body breaks off when its client has gone (RFC 9112, section 8), which may be the only sign of that.
            Err(Cut::Broken(_)) => return Err(ClientGone),
        }
    }
}

/// Pushes requests as the window has room for them. Returns whether the batch accepted all of them.
async fn hand_over(batch: &Batch, pending: &Pending, mut requests: std::vec::IntoIter<Asked>) -> bool {
    while !requests.as_slice().is_empty() {
        let room = batch.room().await;
        // No room at all means that it accepts no more.
        if room == 0 || !push(batch, pending, requests.by_ref().take(room as usize)) {
            return false;
        }
    }
    true
}

/// Returns whether the batch accepted them.
fn push(batch: &Batch, pending: &Pending, requests: impl IntoIterator<Item = Asked>) -> bool {
    let requests =
        requests.into_iter().map(|(request, context)| convert::request(pending.insert(request.id, context), request));
    batch.push(requests.collect()).is_ok()
}

/// The request of a line, or a placeholder that fails if the line has none.
fn request(line: &Line, preceding_lines: u64) -> Asked {
    let malformed = |error| {
        let Readable { id, url: _, meta } = line.text().map(readable).unwrap_or_default();
        let placeholder = placeholder(line.place(preceding_lines), &format!("line {}: {error}", line.number));
        (placeholder, Context { id, meta, ..Context::default() })
    };
    line.request(preceding_lines).unwrap_or_else(malformed)
}
