//! Hands requests to the component, as it asks for them and as they arrive.

use crate::bindings::fantail::fetch::batch;
use crate::ceilings::Ceilings;
use crate::client::Left;
use crate::convert;
use crate::intake::{Body, Requests};
use crate::lines::{Cut, Line, Lines};
use crate::malformed::stand_in;
use fantail_engine::Request;
use fantail_wire::Problem;
use spin_sdk::wit_bindgen::StreamWriter;

/// Hands over at once at most this many requests.
const AT_ONCE: usize = 256;

/// Hands over all requests, unless the component has enough before. The problem is why not all of them were taken.
pub(crate) async fn feed<B: Body>(
    requests: Requests<B>,
    mut component: StreamWriter<batch::Request>,
    ceilings: Ceilings,
) -> Result<Option<Problem>, Left> {
    match requests {
        Requests::List(requests) => {
            let mut requests = requests.into_iter();
            while !requests.as_slice().is_empty() {
                if !hand_over(&mut component, requests.by_ref().take(AT_ONCE)).await {
                    break;
                }
            }
            Ok(None)
        }
        Requests::Lines { first, from, lines } => feed_lines(first, from, lines, component, ceilings).await,
    }
}

async fn feed_lines<B: Body>(
    first: Option<Request>,
    from: u64,
    mut lines: Box<Lines<B>>,
    mut component: StreamWriter<batch::Request>,
    ceilings: Ceilings,
) -> Result<Option<Problem>, Left> {
    let mut room = ceilings.max_requests;
    let mut some = Vec::from_iter(first);
    loop {
        // What has arrived goes out before more is waited for.
        while some.len() < AT_ONCE
            && let Some(line) = lines.next_arrived()
        {
            some.push(request(&line, from));
        }
        let too_many = some.len() as u64 > room;
        some.truncate(usize::try_from(room).unwrap_or(usize::MAX));
        room -= some.len() as u64;
        if !hand_over(&mut component, some.into_iter()).await {
            return Ok(None);
        }
        if too_many {
            return Ok(Some(ceilings.too_many_requests()));
        }
        match lines.next().await {
            Ok(Some(line)) => some = vec![request(&line, from)],
            Ok(None) => return Ok(None),
            Err(Cut::TooLong(problem)) => return Ok(Some(problem)),
            // A body breaks off when its client has gone (RFC 9112, section 8), and nothing else may tell us so.
            Err(Cut::Broken(_)) => return Err(Left),
        }
    }
}

/// Whether the component took all of them.
async fn hand_over(component: &mut StreamWriter<batch::Request>, some: impl Iterator<Item = Request>) -> bool {
    let some = some.map(|request| convert::request(request.id, request)).collect();
    component.write_all(some).await.is_empty()
}

/// The request of a line; one that fails in its place if the line has none.
fn request(line: &Line, from: u64) -> Request {
    let malformed = |error| stand_in(line.id(from), &format!("line {}: {error}", line.number));
    line.request(from).unwrap_or_else(malformed)
}
