//! The recording, and which exchange of it answers a request.

use crate::component::get_stdin;
use fantail_example_recording::{Event, Line, Request};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// An exchange that no request has been answered with.
struct Exchange {
    request: Request,
    sent: Vec<u8>,
    /// Whether that is all of the request's body.
    whole: bool,
    answer: Vec<Event>,
}

impl Exchange {
    fn add(&mut self, event: Event) {
        match event {
            Event::RequestBody(piece) => self.sent.extend(piece.0),
            Event::RequestEnd => self.whole = true,
            event => self.answer.push(event),
        }
    }

    fn answers(&self, request: &Request, body: &[u8]) -> bool {
        self.request == *request && body.starts_with(&self.sent) && (!self.whole || body.len() == self.sent.len())
    }
}

/// By their numbers, which say the order they were sent in.
type Exchanges = BTreeMap<u32, Exchange>;

/// What the first exchange that was the same request, and has not been taken yet, was answered with.
pub(crate) fn take(request: &Request, body: &[u8]) -> Result<Vec<Event>, String> {
    thread_local! {
        static RECORDING: RefCell<Option<Exchanges>> = const { RefCell::new(None) };
    }
    RECORDING.with_borrow_mut(|recording| {
        let exchanges = match recording {
            Some(exchanges) => exchanges,
            None => recording.insert(read()?),
        };
        let found = exchanges.iter().find(|(_, exchange)| exchange.answers(request, body)).map(|(number, _)| *number);
        let exchange = found.and_then(|number| exchanges.remove(&number));
        let exchange = exchange.ok_or_else(|| format!("not recorded: {} {}", request.method, request.url))?;
        Ok(exchange.answer)
    })
}

/// Reads standard input to its end.
fn read() -> Result<Exchanges, String> {
    let (stdin, mut text) = (get_stdin(), Vec::new());
    while let Ok(piece) = stdin.blocking_read(64 * 1024) {
        text.extend(piece);
    }
    let mut exchanges = Exchanges::new();
    for (place, line) in text.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty()) {
        let wrong = |reason: &dyn std::fmt::Display| format!("line {} of the recording: {reason}", place + 1);
        let Line { exchange, event } = serde_json::from_slice(line).map_err(|error| wrong(&error))?;
        if let Event::Request(request) = event {
            exchanges.insert(exchange, Exchange { request, sent: Vec::new(), whole: false, answer: Vec::new() });
        } else {
            exchanges.get_mut(&exchange).ok_or_else(|| wrong(&"its request is missing"))?.add(event);
        }
    }
    Ok(exchanges)
}
