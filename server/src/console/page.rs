//! A page that is written for each request, and its form for programs: the same address answers HTML or JSON.

use axum::extract::Request;
use axum::response::Response;
use http::{HeaderValue, header};
use serde_json::Value;

use crate::console::pages;
use crate::http::accept::prefers_json;

/// A page with the look of the screens. `head` are more elements of its head; `body` contains everything.
pub fn page(title: &str, head: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n<link rel=\"stylesheet\" href=\"/screens/tokens.css\">\n\
         <link rel=\"stylesheet\" href=\"/screens/screens.css\">\n{head}</head>\n<body>\n{body}</body>\n</html>\n"
    )
}

/// JSON or the page, as `Accept` prefers.
pub fn told<P: FnOnce() -> String>(request: &Request, make: impl FnOnce() -> (Value, P)) -> Response {
    let (body, page) = make();
    let (media_type, content) = match prefers_json(request.headers()) {
        true => ("application/json", body.to_string()),
        false => ("text/html; charset=utf-8", page()),
    };
    let tag = format!("\"{}\"", blake3::hash(content.as_bytes()).to_hex());
    let mut response = pages::kept(request, media_type, &tag, content);
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    response
}
