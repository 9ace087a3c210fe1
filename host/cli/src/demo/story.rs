//! What went wrong with whom, and what the policy did about it.

use super::servers::{Manner, REQUESTS, Server, Servers};
use crate::numbers::{count, span};
use crate::sink::Observe;
use crate::store::Stored;
use fantail::{Cause, Summary};
use std::time::Duration;

/// What became of the requests to each server.
pub(super) struct Story(Vec<Chapter>);

/// What became of the requests to one server.
#[derive(Default)]
struct Chapter {
    origin: String,
    answered: u64,
    /// Answered, after more than one attempt.
    rescued: u64,
    breaker_open: u64,
    other_failures: u64,
    /// The longest that a request took which was answered.
    slowest: Duration,
}

impl Story {
    pub(super) fn new(servers: &Servers) -> Self {
        Self(servers.iter().map(|server| Chapter { origin: server.origin.url("/"), ..Chapter::default() }).collect())
    }

    /// The story in some ten lines.
    pub(super) fn tell(&self, servers: &Servers, summary: &Summary) -> String {
        let requests = count(REQUESTS);
        let mut text =
            format!("Fantail sent {requests} requests to five servers on this machine, only one of them well:\n\n");
        for (server, chapter) in servers.iter().zip(&self.0) {
            let (name, requests) = (server.name, count(server.requests));
            text += &format!("  {name:<9} {requests:>4} requests: {}\n", chapter.tell(server, summary));
        }
        let (took, responses, failures) = (span(summary.elapsed), count(summary.responses), count(summary.failures));
        text += &format!(
            "\nAfter {took} every request has exactly one outcome: {responses} responses, and {failures} failures that each \
             say what\nhappened, whose fault it is and whether to try again. No server held up the others.\n\
             \nNext: fantail fetch https://example.com/ https://example.org/\n"
        );
        text
    }
}

impl Chapter {
    fn tell(&self, server: &Server, summary: &Summary) -> String {
        let sent = count(server.origin.counts().requests as u64);
        let (answered, rescued) = (count(self.answered), count(self.rescued));
        let (spared, failed) = (count(self.breaker_open), count(self.other_failures));
        let slowest = span(self.slowest);
        match server.manner {
            Manner::Steady => format!("{answered} answered, the slowest in {slowest}"),
            Manner::Flaky => {
                format!("every tenth answer is an error (503); trying again saved {rescued}")
            }
            Manner::Stalling => {
                let won = count(summary.hedges_won);
                format!("every 25th answer takes 400 ms; after 100 ms a second attempt was faster {won} times")
            }
            Manner::Broken => {
                format!(
                    "hangs up; after {failed} failures the circuit breaker opened, and {spared} were not sent at all"
                )
            }
            Manner::Silent => {
                format!("never answers; {failed} gave up after 500 ms, {spared} were not sent; it saw {sent} attempts")
            }
        }
    }

    fn count(&mut self, Stored { outcome, .. }: &Stored) {
        match &outcome.result {
            Ok(response) if response.status < 400 => {
                self.answered += 1;
                self.rescued += u64::from(outcome.attempts > 1);
                self.slowest = self.slowest.max(outcome.timing.total);
            }
            Ok(_) => {}
            Err(failure) if failure.cause == Cause::BreakerOpen => self.breaker_open += 1,
            Err(_) => self.other_failures += 1,
        }
    }
}

impl Observe for Story {
    fn observe(&mut self, outcomes: &[Stored]) {
        for stored in outcomes {
            let url = &stored.outcome.url;
            if let Some(chapter) = self.0.iter_mut().find(|chapter| url.starts_with(&chapter.origin)) {
                chapter.count(stored);
            }
        }
    }
}
