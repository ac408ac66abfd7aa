//! The guides as Markdown files in the binary, so that they are readable without another network.

use std::fmt::Write;

use axum::response::{IntoResponse, Response};
use axum::{Router, routing::get};
use http::header;

use crate::app::App;

/// Name and text of each guide, in reading order.
const GUIDES: &[(&str, &str)] = &[
    ("concepts", include_str!("../../docs/concepts.md")),
    ("glossary", include_str!("../../docs/glossary.md")),
    ("catalogue", include_str!("../../docs/catalogue.md")),
    ("rules", include_str!("../../docs/rules.md")),
    ("prices", include_str!("../../docs/prices.md")),
    ("carts", include_str!("../../docs/carts.md")),
    ("orders", include_str!("../../docs/orders.md")),
    ("receipts", include_str!("../../docs/receipts.md")),
    ("returns", include_str!("../../docs/returns.md")),
    ("supply", include_str!("../../docs/supply.md")),
    ("transfers", include_str!("../../docs/transfers.md")),
    ("replenishment", include_str!("../../docs/replenishment.md")),
    ("sourcing", include_str!("../../docs/sourcing.md")),
    ("requests", include_str!("../../docs/requests.md")),
    ("stream", include_str!("../../docs/stream.md")),
    ("imports", include_str!("../../docs/imports.md")),
    ("operations", include_str!("../../docs/operations.md")),
    ("access", include_str!("../../docs/access.md")),
    ("backup", include_str!("../../docs/backup.md")),
    ("upgrade", include_str!("../../docs/upgrade.md")),
    ("sizing", include_str!("../../docs/sizing.md")),
    ("monitoring", include_str!("../../docs/monitoring.md")),
    ("proxies", include_str!("../../docs/proxies.md")),
    ("nodes", include_str!("../../docs/nodes.md")),
];

/// The routes `/guides` and one per guide; also with the ending `.md`, which links between guides use.
pub fn routes() -> Router<App> {
    let mut index = String::from("# Guides\n\n");
    for (name, text) in GUIDES {
        let title = text.lines().next().unwrap_or_default().trim_start_matches(['#', ' ']);
        let _ = writeln!(index, "- [{title}](/guides/{name})");
    }
    let routes = Router::new().route("/guides", get(move || async move { plain(index) }));
    GUIDES.iter().fold(routes, |routes, (name, text)| {
        let show = move || async move { plain(*text) };
        routes.route(&format!("/guides/{name}"), get(show)).route(&format!("/guides/{name}.md"), get(show))
    })
}

/// As plain text, which every browser shows.
fn plain(text: impl IntoResponse) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, text).into_response()
}
