//! Files in the binary: the client module with its types, the live page that uses it, and the AsyncAPI document.

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::{Router, routing::get};
use http::{HeaderValue, StatusCode, header};

use crate::app::App;
use crate::http::conditions;

/// The client module.
const CLIENT: &str = "/anaquel.js";

/// Only scripts and styles of this server run, and they connect to no other server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

struct Page {
    path: &'static str,
    media_type: &'static str,
    content: &'static str,
}

const PAGES: [Page; 7] = [
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
        path: CLIENT,
        media_type: "text/javascript; charset=utf-8",
        content: include_str!("../../assets/anaquel.js"),
    },
    Page {
        path: "/anaquel.d.ts",
        media_type: "application/typescript; charset=utf-8",
        content: include_str!("../../assets/anaquel.d.ts"),
    },
    Page { path: "/page.css", media_type: "text/css; charset=utf-8", content: include_str!("../../assets/page.css") },
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
    let mut response = kept(&request, page.media_type, &tag, page.content);
    if page.path == CLIENT {
        // Where tools that read types over HTTP look for them.
        response.headers_mut().insert("x-typescript-types", HeaderValue::from_static("/anaquel.d.ts"));
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
