//! The start page at `/`, and the meaning of each problem type, for people and for programs.

use axum::extract::Request;
use axum::response::Response;
use axum::{Router, routing::get};
use http::{HeaderMap, header};
use serde_json::{Value, json};

use crate::app::App;
use crate::console::pages;
use crate::http::extract::PathId;
use crate::http::problem::{Problem, Slug};

/// The links of the start page.
const LINKS: [(&str, &str); 13] = [
    ("/docs", "every call, with its fields; read and try the API"),
    ("/live", "live stock in a page"),
    ("/openapi.json", "the OpenAPI document of the HTTP calls"),
    ("/asyncapi.json", "the AsyncAPI document of the WebSocket messages"),
    ("/anaquel.js", "the client for browsers and Node.js, an ES module without dependencies"),
    ("/anaquel.d.ts", "its types"),
    ("/guides", "guides: concepts, rules, prices, supply, transfers, sourcing, stream, imports, operations"),
    ("/problems", "the meaning of each problem type, and the remedy"),
    ("/v1/info", "this server: version, epoch, seq, cells, health, state hash"),
    ("/v1/events", "the log: every change in order"),
    ("/metrics", "metrics for Prometheus"),
    ("/readyz", "whether the server accepts writes"),
    ("/healthz", "whether the process is alive"),
];

/// All of them.
pub fn routes() -> Router<App> {
    Router::new().route("/", get(home)).route("/problems", get(all)).route("/problems/{slug}", get(one))
}

async fn home(request: Request) -> Response {
    let version = env!("CARGO_PKG_VERSION");
    told(&request, || {
        let links = LINKS.iter().map(|(path, what)| json!({"path": path, "description": what}));
        let body = json!({"name": "anaquel", "version": version, "links": links.collect::<Vec<_>>()});
        (body, || {
            let links =
                LINKS.iter().map(|(path, what)| format!("<dt><a href=\"{path}\">{path}</a></dt><dd>{what}</dd>\n"));
            let body = format!(
                "<h1>Anaquel <small>{version}</small></h1>\n<p>Real-time stock availability: how many of this can be \
                 promised, here, now.</p>\n<dl>\n{}</dl>\n<p>A server with keys requires one in <code>Authorization: \
                 Bearer …</code> for most calls.</p>\n",
                links.collect::<String>()
            );
            page("Anaquel", &body)
        })
    })
}

async fn all(request: Request) -> Response {
    told(&request, || {
        let items: Vec<Value> = Slug::ALL.iter().map(|slug| document(*slug)).collect();
        (json!({"items": items, "next": null}), || {
            let rows = Slug::ALL.iter().map(|slug| {
                let (name, status, title) = slug.describe();
                let status = status.as_u16();
                format!("<dt><a href=\"/problems/{name}\">{name}</a></dt><dd>{status}: {title}</dd>\n")
            });
            let rows: String = rows.collect();
            let body = format!(
                "<h1>Problems</h1>\n<p>An error answer is a problem document (RFC 9457). Its <code>type</code> is one \
                 of these.</p>\n<dl>\n{rows}</dl>\n"
            );
            page("Problems", &body)
        })
    })
}

async fn one(PathId(name): PathId, request: Request) -> Result<Response, Problem> {
    let slug = Slug::ALL.into_iter().find(|slug| slug.describe().0 == name);
    let slug = slug.ok_or_else(|| Problem::not_found("kind of problem"))?;
    Ok(told(&request, || {
        (document(slug), || {
            let ((name, status, title), (meaning, remedy, fields)) = (slug.describe(), slug.explain());
            let fields: String =
                fields.iter().map(|(field, what)| format!("<dt>{field}</dt><dd>{what}</dd>\n")).collect();
            let fields =
                if fields.is_empty() { fields } else { format!("<h2>Its own fields</h2>\n<dl>\n{fields}</dl>\n") };
            let status = status.as_u16();
            let body = format!(
                "<h1>{title} <small>{status} {name}</small></h1>\n<p>{meaning}</p>\n<h2>What to do</h2>\n\
                 <p>{remedy}</p>\n{fields}<p><a href=\"/problems\">All problems</a></p>\n"
            );
            page(title, &body)
        })
    }))
}

fn document(slug: Slug) -> Value {
    let ((name, status, title), (meaning, remedy, fields)) = (slug.describe(), slug.explain());
    let fields: serde_json::Map<String, Value> =
        fields.iter().map(|(field, what)| ((*field).to_owned(), (*what).into())).collect();
    json!({
        "type": format!("/problems/{name}"), "title": title, "status": status.as_u16(), "description": meaning,
        "remedy": remedy, "fields": fields,
    })
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n<link rel=\"stylesheet\" href=\"/page.css\">\n</head>\n<body>\n{body}</body>\n\
         </html>\n"
    )
}

/// JSON or the page, as `Accept` prefers.
fn told<P: FnOnce() -> String>(request: &Request, make: impl FnOnce() -> (Value, P)) -> Response {
    let (body, page) = make();
    let (media_type, content) = match prefers_json(request.headers()) {
        true => ("application/json", body.to_string()),
        false => ("text/html; charset=utf-8", page()),
    };
    let tag = format!("\"{}\"", blake3::hash(content.as_bytes()).to_hex());
    let mut response = pages::kept(request, media_type, &tag, content);
    response.headers_mut().insert(header::VARY, http::HeaderValue::from_static("accept"));
    response
}

/// Whether `Accept` prefers JSON to HTML; `*/*` gets the page.
fn prefers_json(headers: &HeaderMap) -> bool {
    let (mut html, mut json) = ((0, 0.0), (0, 0.0));
    let lines = headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
    for range in lines.flat_map(|line| line.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |q| q.parse().unwrap_or(0.0));
        let is_for = |best: &mut (u8, f32), kinds: &[&str], all: &str| {
            // A more specific range wins, whatever its weight.
            let closeness = match kind.as_str() {
                kind if kinds.contains(&kind) => 3,
                kind if kind == all => 2,
                "*/*" => 1,
                _ => return,
            };
            if closeness > best.0 || closeness == best.0 && weight > best.1 {
                *best = (closeness, weight);
            }
        };
        is_for(&mut html, &["text/html", "application/xhtml+xml"], "text/*");
        is_for(&mut json, &["application/json", "application/problem+json"], "application/*");
    }
    json.1 > html.1
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use super::*;

    #[test]
    fn who_rather_takes_json_gets_it() {
        let prefers = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            prefers_json(&headers)
        };
        for json in [
            "application/json",
            "application/problem+json",
            "application/*",
            "text/html;q=0.5, application/json",
            "application/json, */*;q=0.1",
            "text/html;q=0, */*",
        ] {
            assert!(prefers(json), "{json}");
        }
        for html in [
            "*/*",
            "text/html",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "application/json;q=0.5, text/html",
            "image/png",
            "",
        ] {
            assert!(!prefers(html), "{html}");
        }
        assert!(!prefers_json(&HeaderMap::new()));
    }
}
