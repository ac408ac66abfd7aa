//! CORS: answers preflight requests, and decides which responses a page of another origin may read.
//!
//! Only the origins in `auth.origins` are allowed, with credentials in headers; cookies are ignored. Requests without
//! `Origin`, as clients other than browsers send them, are unchanged.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, header};
use tower::{Layer, ServiceExt};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::auth::origins::Origins;
use crate::http::middleware::admission::REQUEST_ID;
use crate::http::problem::{Problem, Slug};

/// How long a browser may cache a preflight; no browser caches it for more than a day.
const MAX_AGE: Duration = Duration::from_secs(86_400);

/// Methods of the API.
const METHODS: [Method; 5] = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE];

/// Headers that pages may send.
const SENT: [HeaderName; 12] = [
    header::ACCEPT,
    header::AUTHORIZATION,
    header::CACHE_CONTROL,
    header::CONTENT_ENCODING,
    header::CONTENT_TYPE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("last-event-id"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
    REQUEST_ID,
];

/// Response headers that pages may read.
const TOLD: [HeaderName; 7] = [
    header::CONTENT_ENCODING,
    header::ETAG,
    header::LOCATION,
    header::RETRY_AFTER,
    header::WWW_AUTHENTICATE,
    HeaderName::from_static("idempotent-replayed"),
    REQUEST_ID,
];

/// The CORS answers for allowed origins.
#[derive(Debug, Clone)]
pub struct Cors {
    origins: Arc<Origins>,
    layer: CorsLayer,
}

impl Cors {
    /// The CORS answers for `origins`.
    pub fn new(origins: &Arc<Origins>) -> Self {
        let named = Arc::clone(origins);
        let layer = CorsLayer::new()
            .allow_origin(AllowOrigin::predicate(move |origin, _| named.names(origin)))
            .allow_methods(METHODS)
            .allow_headers(SENT)
            .expose_headers(TOLD)
            .allow_private_network(true)
            .max_age(MAX_AGE);
        Self { origins: Arc::clone(origins), layer }
    }

    /// Whether a request is a preflight.
    pub fn is_preflight<B>(request: &Request<B>) -> bool {
        request.method() == Method::OPTIONS
            && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
            && request.headers().contains_key(header::ORIGIN)
    }

    /// Answers a preflight, which needs no authentication.
    pub async fn preflight<B>(&self, request: Request<B>) -> Response {
        let (parts, _) = request.into_parts();
        let origin = parts.headers.get(header::ORIGIN);
        if !origin.is_some_and(|origin| self.origins.names(origin)) {
            let origin = origin.and_then(|origin| origin.to_str().ok()).unwrap_or_default();
            let detail = format!(
                "Origin: pages of {origin} may not send requests here; add the origin to \
                                  auth.origins"
            );
            return Problem::new(Slug::Forbidden, detail).with("field", "Origin").into_response();
        }
        let nothing =
            tower::service_fn(|_: Request<Body>| async { Ok::<_, std::convert::Infallible>(Response::default()) });
        let answer = self.layer.layer(nothing).oneshot(Request::from_parts(parts, Body::empty())).await;
        let mut answer = match answer {
            Ok(answer) => answer,
            Err(never) => match never {},
        };
        *answer.status_mut() = StatusCode::NO_CONTENT;
        answer
    }

    /// Lets a page of `origin` read the response, if the origin is allowed.
    pub async fn tell(&self, origin: HeaderValue, answer: Response) -> Response {
        let mut request = Request::new(Body::empty());
        request.headers_mut().insert(header::ORIGIN, origin);
        let mut answer = Some(answer);
        let made = tower::service_fn(move |_: Request<Body>| {
            std::future::ready(Ok::<_, std::convert::Infallible>(answer.take().unwrap_or_default()))
        });
        match self.layer.layer(made).oneshot(request).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        }
    }

    /// Marks a cacheable response as dependent on the origin.
    pub fn vary(&self, answer: &mut Response) {
        if self.origins.are_named() && answer.headers().contains_key(header::ETAG) {
            answer.headers_mut().append(header::VARY, HeaderValue::from_static("origin"));
        }
    }
}
