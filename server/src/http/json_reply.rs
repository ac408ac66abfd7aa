//! Answers in JSON.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::Value;

/// A JSON answer.
pub(crate) fn ok(body: impl Into<Body>) -> Response {
    answer(StatusCode::OK, body)
}

fn answer(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A JSON answer of a value.
pub(crate) fn json_answer(value: &Value) -> Response {
    ok(value.to_string())
}

/// Marks an answer that is the first one told again.
pub(crate) fn replayed(mut response: Response, again: bool) -> Response {
    if again {
        let name = HeaderName::from_static("idempotent-replayed");
        response.headers_mut().insert(name, HeaderValue::from_static("true"));
    }
    response
}
