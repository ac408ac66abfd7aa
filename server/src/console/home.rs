//! The start page at `/`: what this is, the links, and a place for the key. `assets/home/home.js` adds what is running.

use axum::extract::{Request, State};
use axum::response::Response;
use axum::{Router, routing::get};
use serde_json::{Value, json};

use crate::app::App;
use crate::console::page::{page, told};

/// Path, key of its text in `home.js`, and the text in English.
type Link = (&'static str, &'static str, &'static str);

/// The links for people who program, operate or read.
const LINKS: [Link; 13] = [
    ("/docs", "l_docs", "every call, with its fields; read and try the API"),
    ("/live", "l_live", "live stock in a page"),
    ("/openapi.json", "l_openapi", "the OpenAPI document of the HTTP calls"),
    ("/asyncapi.json", "l_asyncapi", "the AsyncAPI document of the WebSocket messages"),
    ("/anaquel.js", "l_client", "the client for browsers and Node.js, an ES module without dependencies"),
    ("/anaquel.d.ts", "l_types", "its types"),
    ("/guides", "l_guides", "guides: concepts, each subject, the stream, imports, operations"),
    ("/problems", "l_problems", "the meaning of each problem type, and the remedy"),
    ("/v1/info", "l_info", "this server: version, epoch, seq, cells, health, state hash"),
    ("/v1/events", "l_events", "the log: every change in order"),
    ("/metrics", "l_metrics", "metrics for Prometheus"),
    ("/readyz", "l_readyz", "whether the server accepts writes"),
    ("/healthz", "l_healthz", "whether the process is alive"),
];

/// The stylesheet and the module of the page.
const HEAD: &str = "<link rel=\"stylesheet\" href=\"/home/home.css\">\n\
                    <script type=\"module\" src=\"/home/home.js\"></script>\n";

/// The route.
pub fn routes() -> Router<App> {
    Router::new().route("/", get(home))
}

async fn home(State(app): State<App>, request: Request) -> Response {
    let version = env!("CARGO_PKG_VERSION");
    told(&request, || {
        let links = LINKS.iter().map(|(path, _, what)| json!({"path": path, "description": what}));
        let body = json!({
            "name": "anaquel", "version": version, "uptime_seconds": app.started.elapsed().as_secs(),
            "links": links.collect::<Vec<Value>>(),
        });
        (body, || page("Anaquel", HEAD, &content(version)))
    })
}

fn content(version: &str) -> String {
    let link = |(path, key, what): &Link| {
        format!("<dt><a href=\"{path}\">{path}</a></dt><dd data-text=\"{key}\">{what}</dd>\n")
    };
    format!(
        "<main class=\"column stack\">\n<h1>Anaquel <small class=\"muted\">{version}</small></h1>\n\
         <p class=\"lead\" data-text=\"h_what\">Real-time stock availability: how many of this can be promised, here, \
         now.</p>\n\
         <div id=\"running\"></div>\n<div id=\"key\" class=\"own-key\"></div>\n<div id=\"screens\"></div>\n\
         <section class=\"panel stack\">\n<h2 data-text=\"h_links\">For programs and operators</h2>\n<dl class=\"facts \
         links\">\n{}</dl>\n<p class=\"small muted\" data-text=\"h_header\">A server with keys requires one in \
         Authorization: Bearer … for most calls.</p>\n</section>\n</main>\n",
        LINKS.iter().map(link).collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page speaks before its module runs, so some texts stand in both.
    #[test]
    fn the_module_has_the_texts_of_the_page() {
        let module = include_str!("../../assets/home/home.js");
        for (_, key, what) in LINKS {
            assert!(module.contains(&format!("{key}: [\"{what}\",")), "{key}");
        }
    }
}
