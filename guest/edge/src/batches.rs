//! How many batches each token has under way in this instance.

use crate::answer::refuse;
use fantail_tokens::{Token, all_under_way};
use fantail_wire::Problem;
use spin_sdk::http::StatusCode;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Batches by the token's name; only of tokens with a limit, and only while there are any. Nothing is awaited while it is locked.
static UNDER_WAY: Mutex<BTreeMap<String, u32>> = Mutex::new(BTreeMap::new());

/// A batch under way. It counts until it is dropped.
pub(crate) struct UnderWay {
    /// None if the token has no limit.
    name: Option<String>,
}

impl UnderWay {
    /// Counts one more batch, unless the token has as many as it may.
    pub(crate) fn begin(token: &Token) -> Result<Self, Problem> {
        let Some(max) = token.max_batches else { return Ok(Self { name: None }) };
        let mut batches = lock();
        let count = batches.entry(token.name.clone()).or_default();
        if *count >= max {
            return Err(refuse(StatusCode::TOO_MANY_REQUESTS, all_under_way(max)));
        }
        *count += 1;
        Ok(Self { name: Some(token.name.clone()) })
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let Some(name) = &self.name else { return };
        let mut batches = lock();
        if let Some(count) = batches.get_mut(name) {
            *count -= 1;
            if *count == 0 {
                batches.remove(name);
            }
        }
    }
}

fn lock() -> MutexGuard<'static, BTreeMap<String, u32>> {
    UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fantail_tokens::Tokens;

    #[test]
    fn a_token_has_no_more_batches_than_it_may() {
        let list = "{\"tokens\":[{\"name\":\"a\",\"token\":\"0123456789abcdef\",\"max_batches\":2},\
                    {\"name\":\"b\",\"token\":\"0123456789abcdeg\",\"max_batches\":1}]}";
        let tokens = Tokens::from_json(list).unwrap();
        let [a, b] = tokens.all() else { panic!("{tokens:?}") };
        let first = UnderWay::begin(a).ok().unwrap();
        let second = UnderWay::begin(a).ok().unwrap();
        assert_eq!(UnderWay::begin(a).err().unwrap().status, 429);
        drop(UnderWay::begin(b).ok().unwrap());
        drop(first);
        let third = UnderWay::begin(a).ok().unwrap();
        assert!(UnderWay::begin(a).is_err());
        drop((second, third));
        assert!(lock().is_empty(), "nothing is kept of a token without batches");
    }
}
