//! The meaning of each problem type, its fields and the remedy, for people and for programs.

use axum::extract::Request;
use axum::response::Response;
use axum::{Router, routing::get};
use serde_json::{Value, json};

use crate::app::App;
use crate::console::page::{page, told};
use crate::http::extract::PathId;
use crate::http::problem::{Problem, Slug};

/// The bar of the pages that need no script.
const BAR: &str = "<header class=\"bar\"><a class=\"home\" href=\"/\">Anaquel</a><nav aria-label=\"Pages\"><a \
                   href=\"/problems\">Problems</a><a href=\"/docs\">API</a><a \
                   href=\"/guides\">Guides</a></nav></header>\n";

/// All of them.
pub fn routes() -> Router<App> {
    Router::new().route("/problems", get(all)).route("/problems/{slug}", get(one))
}

async fn all(request: Request) -> Response {
    told(&request, || {
        let items: Vec<Value> = Slug::ALL.iter().map(|slug| document(*slug)).collect();
        (json!({"items": items, "next": null}), || {
            let rows = Slug::ALL.iter().map(|slug| {
                let (name, status, title) = slug.describe();
                let status = status.as_u16();
                format!("<dt><a href=\"/problems/{name}\">{title}</a></dt><dd>{status} <code>{name}</code></dd>\n")
            });
            let rows: String = rows.collect();
            let body = format!(
                "{BAR}<main class=\"column stack\">\n<h1>Problems</h1>\n<p>An error answer is a problem document (RFC \
                 9457). Its <code>type</code> is one of these.</p>\n<dl class=\"facts panel\">\n{rows}</dl>\n</main>\n"
            );
            page("Problems · Anaquel", "", &body)
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
                fields.iter().map(|(field, what)| format!("<dt><code>{field}</code></dt><dd>{what}</dd>\n")).collect();
            let own = match fields.is_empty() {
                true => "<p>It has none besides these.</p>\n".to_owned(),
                false => format!("<dl class=\"facts\">\n{fields}</dl>\n"),
            };
            let status = status.as_u16();
            let body = format!(
                "{BAR}<main class=\"column stack\">\n<p><a href=\"/problems\">All problems</a></p>\n<h1>{title} <small \
                 class=\"muted\">{status} <code>{name}</code></small></h1>\n\
                 <section class=\"panel stack\"><h2>Meaning</h2>\n<p>{meaning}</p>\n</section>\n\
                 <section class=\"panel stack\"><h2>What to do</h2>\n<p>{remedy}</p>\n</section>\n\
                 <section class=\"panel stack\"><h2>Fields</h2>\n<p>Every problem has <code>type</code>, \
                 <code>title</code>, <code>status</code> and, where there is more to say, <code>detail</code>.</p>\n\
                 {own}</section>\n</main>\n"
            );
            page(&format!("{title} · Anaquel"), "", &body)
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
