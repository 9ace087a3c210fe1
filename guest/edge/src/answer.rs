//! Answers that are complete at once: the page, and problems found before anything was sent.

use crate::page;
use bytes::Bytes;
use fantail_wire::{Problem, problem_to_json};
use http_body_util::Full;
use spin_sdk::http::{IntoResponse, StatusCode};
use spin_sdk::wasip3::http::types::{ErrorCode, Response};

type Answer = Result<Response, ErrorCode>;

pub(crate) fn page(content_type: &str, content: &'static str) -> Answer {
    let headers = [("content-security-policy", page::POLICY), ("cache-control", "no-cache")];
    complete_response(StatusCode::OK, content_type, content, &headers)
}

pub(crate) fn healthy() -> Answer {
    complete_response(StatusCode::OK, "text/plain; charset=utf-8", "ok\n", &[])
}

pub(crate) fn problem(problem: &Problem) -> Answer {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
    // RFC 9110, section 11.6.1: a 401 says how to authenticate.
    let headers: &[(&str, &str)] = match status {
        StatusCode::UNAUTHORIZED => &[("www-authenticate", "Bearer")],
        StatusCode::TOO_MANY_REQUESTS => &[("retry-after", "1")],
        _ => &[],
    };
    complete_response(status, "application/problem+json", problem_to_json(problem) + "\n", headers)
}

pub(crate) fn not_allowed(methods: &str) -> Answer {
    let problem = refuse(StatusCode::METHOD_NOT_ALLOWED, format!("use one of {methods}"));
    complete_response(
        StatusCode::METHOD_NOT_ALLOWED,
        "application/problem+json",
        problem_to_json(&problem) + "\n",
        &[("allow", methods)],
    )
}

pub(crate) fn not_found(path: &str) -> Answer {
    problem(&refuse(StatusCode::NOT_FOUND, format!("there is nothing at {path}: POST a batch to /")))
}

/// A problem without a field.
pub(crate) fn refuse(status: StatusCode, detail: impl Into<String>) -> Problem {
    let title = status.canonical_reason().unwrap_or_default();
    Problem { title, status: status.as_u16(), detail: detail.into(), ..Problem::default() }
}

/// A problem with a field. 400: it cannot be parsed; 413: too large; 422: beyond a limit.
pub(crate) fn refuse_field(status: StatusCode, field: impl Into<String>, detail: impl Into<String>) -> Problem {
    Problem { field: Some(field.into()), ..refuse(status, detail) }
}

fn complete_response(
    status: StatusCode,
    content_type: &str,
    body: impl Into<Bytes>,
    headers: &[(&str, &str)],
) -> Answer {
    let body = body.into();
    let mut response = http::Response::builder().status(status).header("content-type", content_type);
    response = response.header("content-length", body.len());
    for (name, value) in headers.iter().chain(&[("x-content-type-options", "nosniff")]) {
        response = response.header(*name, *value);
    }
    let response = response.body(Full::new(body));
    response.map_err(|error| ErrorCode::InternalError(Some(error.to_string())))?.into_response()
}
