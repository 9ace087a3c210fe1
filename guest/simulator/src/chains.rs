//! A model of redirects, computed from what is visible outside the engine, as RFC 9110, section 15.4, defines them.

use crate::attempt::{Response, Running, WireRequest};
use crate::broken::Broken;
use fantail_engine::{AttemptId, Cause, Outcome, Settings};
use std::collections::BTreeMap;

/// The redirect chains of pending requests.
#[derive(Default)]
pub(crate) struct Chains {
    /// Heads that redirect: their status and location.
    heads: BTreeMap<AttemptId, (u16, String)>,
    requests: BTreeMap<u64, Chain>,
}

/// A method and a URL.
type Step = (String, String);

#[derive(Default)]
struct Chain {
    /// Steps that have been requested, without repetitions.
    visited: Vec<Step>,
    /// Where the last answer redirects to.
    redirected_to: Option<Step>,
}

impl Chains {
    /// A redirecting head has arrived.
    pub(crate) fn head(&mut self, attempt: AttemptId, status: u16, location: &str) {
        self.heads.insert(attempt, (status, location.to_owned()));
    }

    /// An answer has arrived.
    pub(crate) fn ended(&mut self, attempt: AttemptId, running: &BTreeMap<AttemptId, Running>) {
        if let (Some((status, location)), Some(one)) = (self.heads.remove(&attempt), running.get(&attempt)) {
            let method = match (status, one.wire_request.method.as_str()) {
                (303, method) if method != "HEAD" => "GET",
                (301 | 302, "POST") => "GET",
                (_, method) => method,
            };
            self.requests.entry(one.id).or_default().redirected_to = Some((method.to_owned(), location));
        }
    }

    /// The request after a redirect goes to its target, and to none that has been requested before.
    pub(crate) fn started(&mut self, id: u64, WireRequest { method, url, .. }: &WireRequest) -> Result<(), Broken> {
        let chain = self.requests.entry(id).or_default();
        let step = (method.clone(), url.clone());
        match chain.redirected_to.take() {
            Some(to) => {
                Broken::unless(to == step, || format!("request {id} is led to {to:?}, and asks {step:?}"))?;
                Broken::unless(!chain.visited.contains(&step), || format!("request {id} goes in a circle: {step:?}"))?;
            }
            None => {
                let repeats = chain.visited.last().is_none_or(|last| *last == step);
                Broken::unless(repeats, || format!("request {id} is led nowhere, and asks {step:?}"))?;
            }
        }
        if chain.visited.last() != Some(&step) {
            chain.visited.push(step);
        }
        Ok(())
    }

    /// T9: a redirect is refused only beyond the maximum number of hops, or because its target has been requested with
    /// that method.
    pub(crate) fn emitted(&mut self, outcome: &Outcome<Response>, settings: &Settings) -> Result<(), Broken> {
        let chain = self.requests.remove(&outcome.id);
        let refused = outcome.result.as_ref().is_err_and(|failure| failure.cause == Cause::RedirectLimit);
        let Some(Chain { visited, redirected_to: Some(to) }) = chain.filter(|_| refused) else { return Ok(()) };
        let reason = outcome.hops.len() >= settings.redirects as usize || visited.contains(&to);
        Broken::unless(reason, || format!("request {} was led to {to:?}, which is no circle", outcome.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fantail_engine::{Failure, Policy, Timing};

    fn refused() -> Outcome<Response> {
        let (url, hops, result) = (String::new(), Vec::new(), Err(Failure::new(Cause::RedirectLimit, false)));
        Outcome { id: 1, url, attempts: 1, hops, timing: Timing::default(), last_attempt: None, result }
    }

    /// T9: detects an engine whose hops have no method, and one that does not look for loops.
    #[test]
    fn a_wrongly_refused_redirect_and_a_followed_loop_are_detected() {
        let settings = Policy { redirects: Some(5), ..Policy::default() }.resolve().unwrap();
        let step = |method: &str| (method.to_owned(), "http://origin.test/login".to_owned());
        let wire_request =
            |method: &str| WireRequest { method: method.to_owned(), url: step(method).1, headers: Vec::new() };
        for (redirected_to, may_be_refused) in [("GET", false), ("POST", true)] {
            let mut chains = Chains::default();
            assert!(chains.started(1, &wire_request("POST")).is_ok());
            chains.requests.entry(1).or_default().redirected_to = Some(step(redirected_to));
            assert_eq!(chains.emitted(&refused(), &settings).is_ok(), may_be_refused);
            let mut chains = Chains::default();
            assert!(chains.started(1, &wire_request("POST")).is_ok());
            chains.requests.entry(1).or_default().redirected_to = Some(step(redirected_to));
            assert_eq!(chains.started(1, &wire_request(redirected_to)).is_err(), may_be_refused);
        }
    }
}
