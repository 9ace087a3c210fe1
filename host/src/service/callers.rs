//! Who calls: the tokens, and what is counted for each.

use super::access::Access;
use super::counters::CallerCounters;
use fantail_tokens::{Token, Tokens, bearer};
use http::HeaderMap;
use std::sync::Arc;

/// Receives a record of each request when its answer has ended.
pub type AccessLog = Arc<dyn Fn(&Access<'_>) + Send + Sync>;

/// The tokens of a service, and what is counted for each.
pub(crate) struct Callers {
    tokens: Tokens,
    /// By the token's place. The last one is for requests without a token.
    counters: Vec<CallerCounters>,
    /// For checks, which are in no metrics.
    pub(super) uncounted: CallerCounters,
    pub(super) log: Option<AccessLog>,
}

/// The place of a token among all, or one more for requests without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Caller(usize);

impl Callers {
    /// If the tokens cannot be used, there are none: the application, which reads them too, then refuses every batch.
    pub(super) fn new(variables: &[(String, String)], log: Option<AccessLog>) -> Self {
        let tokens = Tokens::among(variables).unwrap_or_default();
        let counters = (0..=tokens.all().len()).map(|_| CallerCounters::default()).collect();
        Self { tokens, counters, uncounted: CallerCounters::default(), log }
    }

    /// Whose token a request has.
    pub(super) fn identify(&self, headers: &HeaderMap) -> Caller {
        let presented = headers.get(http::header::AUTHORIZATION).and_then(|value| bearer(value.as_bytes()));
        Caller(presented.and_then(|presented| self.tokens.find(presented)).unwrap_or(self.tokens.all().len()))
    }

    /// None if the request has none of the tokens.
    pub(super) fn token(&self, Caller(place): Caller) -> Option<&Token> {
        self.tokens.all().get(place)
    }

    pub(super) fn counters(&self, Caller(place): Caller) -> &CallerCounters {
        #[expect(
            clippy::indexing_slicing,
            reason = "there is one more than there are tokens, and `identify` returns no other"
        )]
        &self.counters[place]
    }

    /// The name of each token, empty for requests without, and what is counted for it.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &CallerCounters)> + Clone {
        let names = self.tokens.all().iter().map(|token| token.name.as_str()).chain([""]);
        names.zip(&self.counters)
    }
}
