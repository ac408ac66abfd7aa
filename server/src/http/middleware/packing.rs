//! Answers packed with gzip, for whoever accepts that: large ones only, and none that comes bit by bit.

use axum::body::{Body, HttpBody};
use axum::response::Response;
use http::{HeaderValue, Request, StatusCode, header};
use tower::{Layer, ServiceExt};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

use crate::http::conditions;

/// Answers below so many bytes are sent as they are: packing them costs more than it saves.
const BYTES_MIN: u64 = 1024;

/// What comes bit by bit: packed, the last of it would wait for more.
const STREAMS: [&str; 2] = ["text/event-stream", "application/x-ndjson"];

/// Whether packing an answer may be worth it.
pub fn is_worth_it(answer: &Response) -> bool {
    let is_large = answer.body().size_hint().exact().is_none_or(|bytes| bytes >= BYTES_MIN);
    is_large && {
        let headers = answer.headers();
        let kind = headers.get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
        let is_text = !STREAMS.iter().any(|stream| kind.starts_with(stream.as_bytes())) && !kind.is_empty();
        is_text && answer.status() != StatusCode::SWITCHING_PROTOCOLS && !headers.contains_key(header::CONTENT_ENCODING)
    }
}

/// The same answer, packed if `accepted` (`Accept-Encoding`) says so. Its tag says so, too.
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
    // Who accepts nothing at all is told what was done all the same.
    *answer.status_mut() = status;
    if answer.headers().contains_key(header::CONTENT_ENCODING) {
        let tag = answer.headers().get(header::ETAG).and_then(conditions::packed);
        tag.map(|tag| answer.headers_mut().insert(header::ETAG, tag));
    }
    answer
}
