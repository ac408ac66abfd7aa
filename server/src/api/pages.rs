//! Files that are part of the binary: the client module, the page that shows it at work, and the socket's document.

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::{Router, routing::get};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::app::App;

/// Only what comes from this server runs, and it talks to no other.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

struct Page {
    path: &'static str,
    media_type: &'static str,
    content: &'static str,
}

const PAGES: [Page; 5] = [
    Page { path: "/live", media_type: "text/html; charset=utf-8", content: include_str!("../../assets/live.html") },
    Page {
        path: "/live/live.js",
        media_type: "text/javascript; charset=utf-8",
        content: include_str!("../../assets/live.js"),
    },
    Page {
        path: "/live/live.css",
        media_type: "text/css; charset=utf-8",
        content: include_str!("../../assets/live.css"),
    },
    Page {
        path: "/anaquel.js",
        media_type: "text/javascript; charset=utf-8",
        content: include_str!("../../assets/anaquel.js"),
    },
    Page {
        path: "/asyncapi.json",
        media_type: "application/json",
        content: include_str!("../../assets/asyncapi.json"),
    },
];

/// All of them.
pub fn routes() -> Router<App> {
    PAGES.iter().fold(Router::new(), |router, page| {
        let tag = format!("\"{}\"", blake3::hash(page.content.as_bytes()).to_hex());
        router.route(page.path, get(move |request: Request| answer(page, tag, request)))
    })
}

async fn answer(page: &'static Page, tag: String, request: Request) -> Response {
    let known = request.headers().get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(page.media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    if known { (StatusCode::NOT_MODIFIED, headers).into_response() } else { (headers, page.content).into_response() }
}
