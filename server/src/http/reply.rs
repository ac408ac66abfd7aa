//! Successful answers, independent of the transport.

use std::sync::Arc;

use anaquel_engine::command::{Failure, Outcome};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::Value;

use crate::http::budget::answers::Held;
use crate::http::problem::Problem;

/// A successful answer.
#[derive(Debug)]
pub struct Reply {
    /// 200, or 201 if something was created.
    pub status: StatusCode,
    /// JSON.
    pub body: String,
    /// Whether this repeats the first answer to the same key.
    pub replayed: bool,
    /// The reserved room, if the answer is large.
    pub held: Option<Arc<Held>>,
    location: Option<String>,
}

impl Reply {
    pub(crate) fn new(status: StatusCode, body: String) -> Self {
        Self { status, body, replayed: false, held: None, location: None }
    }

    pub(crate) fn ok(body: String) -> Self {
        Self::new(StatusCode::OK, body)
    }

    /// An answer from a long-read turn, with its reserved room.
    pub fn aside((body, held): (String, Arc<Held>)) -> Self {
        Self { held: Some(held), ..Self::ok(body) }
    }

    pub(crate) fn replayed(self, replayed: bool) -> Self {
        Self { replayed, ..self }
    }

    /// Sets the address of the created resource.
    pub(crate) fn at(self, path: String) -> Self {
        Self { location: Some(path), ..self }
    }
}

impl Default for Reply {
    /// Success without content.
    fn default() -> Self {
        Self::ok("{}".into())
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(Ok(location)) = self.location.map(HeaderValue::try_from) {
            headers.insert(header::LOCATION, location);
        }
        if self.replayed {
            headers.insert(HeaderName::from_static("idempotent-replayed"), HeaderValue::from_static("true"));
        }
        if let Some(held) = self.held {
            response.extensions_mut().insert(held);
        }
        response
    }
}

/// A write returned an outcome that its kind cannot have. Logs it and answers with an internal error.
pub fn unexpected(outcome: &Outcome) -> Problem {
    tracing::error!(?outcome, "a write returned an unexpected outcome");
    Failure::Unknown("the outcome does not belong to the request; this is a bug".into()).into()
}

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

/// A JSON answer from a value.
pub(crate) fn json_answer(value: &Value) -> Response {
    ok(value.to_string())
}

/// Marks an answer that repeats the first one.
pub(crate) fn replayed(mut response: Response, again: bool) -> Response {
    if again {
        let name = HeaderName::from_static("idempotent-replayed");
        response.headers_mut().insert(name, HeaderValue::from_static("true"));
    }
    response
}
