//! What went wrong with whom, and what the policy did about it.

use super::servers::{FLAKY_EVERY, Manner, REQUESTS, STALLING_EVERY, Server, Servers};
use crate::numbers::{count, span};
use crate::sink::Observe;
use crate::store::Stored;
use crate::summary::Spans;
use fantail::Summary;
use std::path::Path;

/// What became of the requests to each server.
pub(super) struct Story(Vec<Chapter>);

/// What became of the requests to one server.
#[derive(Default)]
struct Chapter {
    origin: String,
    /// Responses with a status below 400.
    answered: u64,
    /// Of those: after more than one attempt.
    repeated: u64,
    /// Requests that ended without any attempt.
    unsent: u64,
    /// How long the answered ones took.
    times: Spans,
}

impl Story {
    pub(super) fn new(servers: &Servers) -> Self {
        Self(servers.iter().map(|server| Chapter { origin: server.origin.url("/"), ..Chapter::default() }).collect())
    }

    /// The story in some ten lines.
    pub(super) fn tell(&self, servers: &Servers, summary: &Summary, page: Option<&Path>) -> String {
        let requests = count(REQUESTS);
        let mut text =
            format!("Fantail sent {requests} requests to five servers on this machine, only one of them well:\n\n");
        for (server, chapter) in servers.iter().zip(&self.0) {
            let (name, requests) = (server.name, count(server.requests));
            text += &format!("  {name:<9} {requests:>4} requests: {}\n", chapter.tell(server));
        }
        let (took, responses, failures) = (span(summary.elapsed), count(summary.responses), count(summary.failures));
        text += &format!(
            "\nAfter {took} every request has exactly one outcome: {responses} responses, and {failures} failures that each \
             say what\nhappened, whose fault it is and whether to try again.\n\n"
        );
        if let Some(page) = page {
            text += &format!("The run as a page, to open in a browser: {}\n", page.display());
        }
        text += "Next: fantail fetch https://example.com/ https://example.org/\n";
        text
    }
}

impl Chapter {
    fn tell(&self, server: &Server) -> String {
        let sent = server.origin.counts().requests as u64;
        let (answered, repeated, unsent) = (count(self.answered), count(self.repeated), count(self.unsent));
        match server.manner {
            Manner::Steady => {
                let half = self.times.percentiles().map(|times| span(times.p50)).unwrap_or_default();
                format!("{answered} answered, half of them within {half}")
            }
            Manner::Flaky => {
                let errors = count(sent / FLAKY_EVERY);
                format!("{errors} answers were errors (503); after trying again, {answered} requests had a good one")
            }
            Manner::Stalling => {
                let late = count(sent / STALLING_EVERY);
                format!("{late} answers took 400 ms; when one was slow, a second attempt raced it ({repeated} times)")
            }
            Manner::Broken => {
                let sent = count(sent);
                format!("hung up {sent} times; then its circuit breaker opened, and {unsent} requests were never sent")
            }
            Manner::Silent => {
                let sent = count(sent);
                format!("never answered; {sent} attempts were given up in time, and {unsent} requests were never sent")
            }
        }
    }

    fn count(&mut self, Stored { outcome, .. }: &Stored) {
        self.unsent += u64::from(outcome.attempts == 0);
        if outcome.result.as_ref().is_ok_and(|response| response.status < 400) {
            self.answered += 1;
            self.repeated += u64::from(outcome.attempts > 1);
            self.times.record(outcome.timing.total);
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
