//! Gzip for responses, if the client accepts it: only for large responses, and never for streams.

use axum::body::{Body, HttpBody};
use axum::response::Response;
use http::{HeaderValue, Request, StatusCode, header};
use tower::{Layer, ServiceExt};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

use crate::http::conditions;

/// Responses below this size are not packed: packing costs more than it saves.
const BYTES_MIN: u64 = 1024;

/// Streamed media types: a packed stream would hold back its last bytes until more arrive.
const STREAMS: [&str; 2] = ["text/event-stream", "application/x-ndjson"];

/// Whether a response may be worth packing.
pub fn is_worth_it(answer: &Response) -> bool {
    let is_large = answer.body().size_hint().exact().is_none_or(|bytes| bytes >= BYTES_MIN);
    is_large && {
        let headers = answer.headers();
        let kind = headers.get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
        let is_text = !STREAMS.iter().any(|stream| kind.starts_with(stream.as_bytes())) && !kind.is_empty();
        is_text && answer.status() != StatusCode::SWITCHING_PROTOCOLS && !headers.contains_key(header::CONTENT_ENCODING)
    }
}

/// Packs a response if `accepted` (`Accept-Encoding`) allows gzip, and adjusts its tag.
pub async fn pack(accepted: HeaderValue, answer: Response) -> Response {
    let status = answer.status();
    let mut request = Request::new(Body::empty());
    request.headers_mut().insert(header::ACCEPT_ENCODING, accepted);
    let mut answer = Some(answer);
    let made = tower::service_fn(move |_: Request<Body>| {
        std::future::ready(Ok::<_, std::convert::Infallible>(answer.take().unwrap_or_default()))
    });
    let layer = CompressionLayer::new().quality(CompressionLevel::Fastest);
    let mut answer = match layer.layer(made).oneshot(request).await {
        Ok(answer) => answer.map(Body::new),
        Err(never) => match never {},
    };
    // A client that accepts no encoding still receives the result of its write.
    *answer.status_mut() = status;
    if answer.headers().contains_key(header::CONTENT_ENCODING) {
        let tag = answer.headers().get(header::ETAG).and_then(conditions::packed);
        tag.map(|tag| answer.headers_mut().insert(header::ETAG, tag));
    }
    answer
}
