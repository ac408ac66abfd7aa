//! Serves the files in the binary: the screens, the client module with its types, and the AsyncAPI document.

use std::sync::LazyLock;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::{Router, routing::get};
use http::{HeaderValue, StatusCode, header};

use crate::app::App;
use crate::console::files::{self, File};
use crate::http::conditions;

/// The client module.
const CLIENT: &str = "/anaquel.js";

/// The ending of a service worker. It may serve the page that stands above its folder.
const WORKER: &str = "/worker.js";

/// Only scripts, styles and workers of this server run, and they connect to no other server.
pub(crate) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// What the service worker of the store keeps, and its tag.
static OF_STORE: LazyLock<(String, String)> = LazyLock::new(|| {
    let content = files::of_store();
    let tag = format!("\"{}\"", blake3::hash(content.as_bytes()).to_hex());
    (content, tag)
});

/// All of them.
pub fn routes() -> Router<App> {
    let of_store = Router::new().route("/store/files.js", get(of_store));
    files::all().fold(of_store, |router, file| {
        let tag = format!("\"{}\"", blake3::hash(file.content.as_bytes()).to_hex());
        router.route(file.path, get(move |request: Request| answer(file, tag, request)))
    })
}

async fn of_store(request: Request) -> Response {
    let (content, tag) = &*OF_STORE;
    kept(&request, "text/javascript; charset=utf-8", tag, content.as_str())
}

async fn answer(file: &'static File, tag: String, request: Request) -> Response {
    let mut response = kept(&request, file.media_type(), &tag, file.content);
    if file.path == CLIENT {
        // Where tools that read types over HTTP look for them.
        response.headers_mut().insert("x-typescript-types", HeaderValue::from_static("/anaquel.d.ts"));
    }
    if file.path.ends_with(WORKER) {
        response.headers_mut().insert("service-worker-allowed", HeaderValue::from_static("/"));
    }
    response
}

/// A text that may be cached and is revalidated by its tag.
pub(crate) fn kept(request: &Request, media_type: &'static str, tag: &str, content: impl Into<Body>) -> Response {
    let mut response = match conditions::known(request.headers(), tag) {
        Ok(None) => {
            let mut response = Response::new(content.into());
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
            if let Ok(tag) = HeaderValue::from_str(tag) {
                response.headers_mut().insert(header::ETAG, tag);
            }
            response
        }
        Ok(Some(known)) => {
            let mut response = StatusCode::NOT_MODIFIED.into_response();
            response.headers_mut().insert(header::ETAG, known);
            response
        }
        Err(problem) => return problem.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
