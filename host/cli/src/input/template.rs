//! Requests that are given as bare URLs.

use super::item::Item;
use crate::arguments::Fetch;
use fantail::Header;
use fantail_engine::Request;
use fantail_wire::Context;

/// The method, headers and body of requests that are given as bare URLs.
#[derive(Clone)]
pub(crate) struct Template {
    method: String,
    headers: Vec<Header>,
    body: Option<Vec<u8>>,
}

impl Template {
    pub(crate) fn new(fetch: &Fetch) -> Self {
        let method = fetch.method.clone().unwrap_or(if fetch.data.is_some() { "POST" } else { "GET" }.to_owned());
        let headers = fetch.headers.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes())).collect();
        Self { method, headers, body: fetch.data.clone().map(String::into_bytes) }
    }

    /// A URL, with `method` in place of the template's.
    pub(crate) fn item(&self, number: u64, url: &str, method: Option<String>, context: Context) -> Item {
        let Template { method: default, headers, body } = self.clone();
        let method = method.unwrap_or(default);
        Item::request(number, Request { method, headers, body, ..Request::get(number, url) }, context)
    }
}
