//! What the options add to requests: to those that are given as URLs, and to those that are JSON objects.

use super::item::Item;
use crate::arguments::Http;
use crate::data::{Data, DataError};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use fantail::Header;
use fantail_engine::Request;
use fantail_wire::Context;

/// The method, headers and body of requests that are given as bare URLs, and the headers of all others.
#[derive(Clone)]
pub(crate) struct Template {
    method: String,
    /// For every request that has no header of the same name.
    common: Vec<Header>,
    /// For every request that names no client. Who asks is not what is asked: a request's key does not depend on it, so that a newer version
    /// of this program resumes what an older one began.
    user_agent: Option<Header>,
    /// What describes the body, for requests that are given as URLs.
    described: Vec<Header>,
    body: Option<Vec<u8>>,
}

/// The options make no request. Header values and credentials are not repeated: the message may end up in a log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TemplateError {
    #[error("-H, the {} one: expected 'name: value', or 'name:' to leave that header out", ordinal(*place))]
    Header { place: usize },
    #[error("-u: expected USER:PASSWORD, with a colon between them (a user name cannot contain one)")]
    User,
    #[error(transparent)]
    Data(#[from] DataError),
}

impl Template {
    /// Reads the files that the options name.
    pub(crate) async fn new(http: &Http) -> Result<Self, TemplateError> {
        let body = Data::of(http).read().await?;
        let method = http.method.clone().unwrap_or(if body.is_some() { "POST" } else { "GET" }.to_owned());
        let mut given = Given::parse(&http.headers)?;
        let mut described = Vec::new();
        if !http.json.is_empty() {
            described.extend(given.default("content-type", "application/json"));
            described.extend(given.default("accept", "application/json"));
        } else if body.is_some() {
            described.extend(given.default("content-type", "application/x-www-form-urlencoded"));
        }
        let user_agent = given.default("user-agent", &http.user_agent).filter(|_| !http.user_agent.is_empty());
        if let Some(user) = &http.user {
            let credentials = user.contains(':').then(|| BASE64_STANDARD.encode(user)).ok_or(TemplateError::User)?;
            let authorization = given.default("authorization", &format!("Basic {credentials}"));
            given.headers.extend(authorization);
        }
        Ok(Self { method, common: given.headers, user_agent, described, body })
    }

    /// The request for a bare URL, with `method` in place of the template's.
    pub(crate) fn item(&self, number: u64, url: &str, method: Option<String>, context: Context) -> Item {
        let method = method.unwrap_or_else(|| self.method.clone());
        let headers = [self.common.as_slice(), &self.described].concat();
        let request = Request { method, headers, body: self.body.clone(), ..Request::get(number, url) };
        Item::request(number, request, context, self.user_agent.clone())
    }

    /// The request of a JSON object, with the common headers that it lacks.
    pub(crate) fn complete(&self, number: u64, mut request: Request, context: Context) -> Item {
        let lacks = |(name, _): &&Header| !has(&request.headers, name);
        let user_agent = self.user_agent.as_ref().filter(lacks).cloned();
        let added: Vec<Header> = self.common.iter().filter(lacks).cloned().collect();
        request.headers.extend(added);
        Item::request(number, request, context, user_agent)
    }
}

/// The headers of `-H`.
struct Given {
    headers: Vec<Header>,
    /// Names of headers that are not to be sent.
    left_out: Vec<String>,
}

impl Given {
    fn parse(texts: &[String]) -> Result<Self, TemplateError> {
        let (mut headers, mut left_out) = (Vec::new(), Vec::new());
        for (place, text) in texts.iter().enumerate() {
            match text.split_once(':') {
                Some((name, value)) if value.trim().is_empty() => left_out.push(name.trim().to_owned()),
                Some((name, value)) => headers.push((name.trim().to_owned(), value.trim().as_bytes().to_vec())),
                None => {
                    let name = text.trim().strip_suffix(';').ok_or(TemplateError::Header { place: place + 1 })?;
                    headers.push((name.to_owned(), Vec::new()));
                }
            }
        }
        Ok(Self { headers, left_out })
    }

    /// A header, unless `-H` says otherwise.
    fn default(&self, name: &str, value: &str) -> Option<Header> {
        let decided = has(&self.headers, name) || self.left_out.iter().any(|other| other.eq_ignore_ascii_case(name));
        (!decided).then(|| (name.to_owned(), value.as_bytes().to_vec()))
    }
}

fn has(headers: &[Header], name: &str) -> bool {
    headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name))
}

fn ordinal(place: usize) -> String {
    let suffix = match (place % 10, place % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{place}{suffix}")
}
