//! URL, query and response of an archive's entry.

use super::HarWriter;
use crate::redact::{LEFT_OUT, is_secret_header, redacted};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use fantail_engine::{Failure, Header};
use fantail_wire::{Body, Outcome};
use har::v1_2::{Content, Headers, QueryString, Response};

/// The URL as it is written.
pub(super) fn request_url(url: &str, with_secrets: bool) -> String {
    if with_secrets { url.to_owned() } else { redacted(url).into_owned() }
}

/// The parameters of a URL's query, percent-encoded as they are there.
pub(super) fn query(url: &str) -> Vec<QueryString> {
    let before_fragment = url.split('#').next().unwrap_or_default();
    let Some((_, query)) = before_fragment.split_once('?') else { return Vec::new() };
    let parameters = query.split('&').filter(|parameter| !parameter.is_empty());
    let parameters = parameters.map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")));
    let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
    parameters.map(|(name, value)| QueryString { name, value, comment: None }).collect()
}

pub(super) fn response(outcome: &Outcome, http_version: String, with_secrets: bool) -> Response {
    let response = match &outcome.result {
        Ok(response) => response,
        Err(failure) => return without_response(failure, with_secrets),
    };
    let find = |name: &str| response.headers.iter().find(|(other, _)| other == name);
    let text = |name: &str| find(name).map(|(_, value)| String::from_utf8_lossy(value).into_owned());
    let location = text("location").unwrap_or_default();
    let announced = text("content-length").and_then(|length| length.parse().ok());
    let (content, body_size) = content(&response.body, text("content-type").unwrap_or_default(), announced);
    Response {
        status: response.status.into(),
        status_text: reason(response.status),
        http_version,
        cookies: Vec::new(),
        headers: response.headers.iter().map(|header| field(header, with_secrets)).collect(),
        content,
        redirect_url: Some(request_url(&location, with_secrets)),
        headers_size: -1,
        body_size,
        comment: None,
    }
}

/// In place of a response that there is not: status 0, as browsers write it.
fn without_response(failure: &Failure, with_secrets: bool) -> Response {
    let detail = failure.detail.as_deref().map(|detail| request_url(detail, with_secrets));
    let detail = detail.map_or_else(String::new, |detail| format!(": {detail}"));
    let content = Content { size: 0, mime_type: Some("x-unknown".to_owned()), ..Content::default() };
    Response {
        content,
        redirect_url: Some(String::new()),
        headers_size: -1,
        body_size: -1,
        comment: Some(format!("{failure}{detail}")),
        ..Response::default()
    }
}

fn reason(status: u16) -> String {
    let status = http::StatusCode::from_u16(status).ok();
    status.and_then(|status| status.canonical_reason()).unwrap_or_default().to_owned()
}

fn field((name, value): &Header, with_secrets: bool) -> Headers {
    let text = String::from_utf8_lossy(value);
    let value = match (with_secrets, is_secret_header(name)) {
        (true, _) => text.into_owned(),
        (false, true) => LEFT_OUT.to_owned(),
        (false, false) => redacted(&text).into_owned(),
    };
    Headers { name: name.clone(), value, comment: None }
}

/// The body, and its size as far as it is known.
fn content(body: &Body, mime_type: String, announced: Option<i64>) -> (Content, i64) {
    let empty = Content { mime_type: Some(mime_type), ..Content::default() };
    match body {
        Body::Absent => {
            let comment = Some("the body was not kept".to_owned());
            (Content { size: announced.unwrap_or(0), comment, ..empty }, announced.unwrap_or(-1))
        }
        Body::File(path) => {
            let comment = Some(format!("the body was stored as {path}"));
            (Content { size: announced.unwrap_or(0), comment, ..empty }, announced.unwrap_or(-1))
        }
        Body::Bytes(bytes) => {
            let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
            let content = Content { size, ..empty };
            let content = match std::str::from_utf8(bytes) {
                _ if bytes.len() > HarWriter::MAX_BODY => {
                    Content { comment: Some("the body is too long to be written here".to_owned()), ..content }
                }
                Ok(text) => Content { text: Some(text.to_owned()), ..content },
                Err(_) => {
                    let text = Some(BASE64_STANDARD.encode(bytes));
                    Content { text, encoding: Some("base64".to_owned()), ..content }
                }
            };
            (content, size)
        }
    }
}
