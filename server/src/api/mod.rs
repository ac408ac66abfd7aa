//! The HTTP surface, as one flat list, and what all handlers have in common.

mod backup;
mod catalogue;
mod cors;
mod document;
mod events;
mod export;
mod front;
mod guides;
mod import;
mod operating;
mod packing;
mod pages;
mod pickup;
mod problems;
mod reservations;
mod rules;
mod sourcing;
mod stock;
mod supply;
mod what_if;

use std::fmt::Write;

use anaquel_engine::ids::{LocationId, Seq, SkuId};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::Value;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::budget::Payer;
use crate::door::guard::Routes;
use crate::ops::Reply;
use crate::problem::{Problem, Slug};
use crate::stream;

/// All routes.
pub fn router(app: App) -> Router {
    let (router, document) = OpenApiRouter::with_openapi(document::ApiDoc::openapi())
        .routes(routes!(stock::availability))
        .routes(routes!(stock::availability_query))
        .routes(routes!(stock::stock))
        .routes(routes!(pickup::pickup))
        .routes(routes!(stock::movements))
        .routes(routes!(stock::counts))
        .routes(routes!(stock::shortages))
        .routes(routes!(supply::set, supply::list))
        .routes(routes!(events::events))
        .routes(routes!(reservations::reserve, reservations::list))
        .routes(routes!(reservations::get))
        .routes(routes!(reservations::confirm))
        .routes(routes!(reservations::ready))
        .routes(routes!(reservations::collect))
        .routes(routes!(reservations::cancel))
        .routes(routes!(reservations::extend))
        .routes(routes!(reservations::pickup_by))
        .routes(routes!(reservations::bind))
        .routes(routes!(reservations::rebind))
        .routes(routes!(sourcing::source))
        .routes(routes!(stream::socket))
        .routes(routes!(stream::sse))
        .routes(routes!(import::import))
        .routes(routes!(export::export))
        .routes(routes!(backup::backup))
        .routes(routes!(catalogue::list_skus))
        .routes(routes!(catalogue::get_sku, catalogue::put_sku, catalogue::delete_sku))
        .routes(routes!(catalogue::list_locations))
        .routes(routes!(catalogue::get_location, catalogue::put_location, catalogue::delete_location))
        .routes(routes!(catalogue::list_groups))
        .routes(routes!(catalogue::get_group, catalogue::put_group, catalogue::delete_group))
        .routes(routes!(catalogue::list_channels))
        .routes(routes!(catalogue::get_channel, catalogue::put_channel, catalogue::delete_channel))
        .routes(routes!(catalogue::prices))
        .routes(routes!(rules::list))
        .routes(routes!(rules::explain))
        .routes(routes!(what_if::what_if))
        .routes(routes!(rules::get, rules::set, rules::remove))
        .routes(routes!(operating::healthz))
        .routes(routes!(operating::readyz))
        .routes(routes!(operating::metrics))
        .routes(routes!(operating::info))
        .routes(routes!(operating::trust_clock))
        .split_for_parts();
    let (routes, document) = (Routes::of(&document), document::complete(&document));
    router
        .merge(pages::routes())
        .merge(guides::routes())
        .merge(problems::routes())
        .merge(utoipa_swagger_ui::SwaggerUi::new("/docs").external_url_unchecked("/openapi.json", document))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(front::Front::new(app.clone(), routes))
        .with_state(app)
}

async fn no_such_path(request: Request) -> Problem {
    Problem::new(Slug::NotFound, format!("nothing is at {}", request.uri().path()))
}

async fn no_such_method(request: Request) -> Problem {
    Problem::new(Slug::MethodNotAllowed, format!("{} does not take {}", request.uri().path(), request.method()))
}

/// Reads the `next` of a page of cells.
fn read_cell_cursor(text: Option<String>) -> Result<Option<(SkuId, LocationId)>, Problem> {
    let read = |text: String| {
        let (sku, location) = text.split_once('-')?;
        Some((SkuId(sku.parse().ok()?), LocationId(location.parse().ok()?)))
    };
    text.map(|text| read(text).ok_or_else(|| Problem::invalid("after", "is not the next of a page"))).transpose()
}

/// A JSON answer.
fn ok(body: impl Into<Body>) -> Response {
    answer(StatusCode::OK, body)
}

fn answer(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn json_answer(value: &Value) -> Response {
    ok(value.to_string())
}

/// A page of a list, made aside.
async fn list(
    app: &App,
    payer: &Payer,
    make: impl FnOnce(&App) -> Result<String, Problem> + Send + 'static,
) -> Result<Response, Problem> {
    let reply = app.aside(payer, app.config.limits.page_bytes, make).await.map(Reply::aside)?;
    Ok(reply.into_response())
}

/// A page in the making. It ends where it has as many bytes as a page may have, with one item at least; what is left is
/// on the next.
struct Page {
    bytes_max: usize,
    items: String,
    /// The `next` behind the last item that is on it.
    at: Option<Value>,
    is_full: bool,
}

impl Page {
    fn new(app: &App) -> Self {
        Self { bytes_max: app.config.limits.page_bytes, items: String::new(), at: None, is_full: false }
    }

    /// Whether the item is on it; otherwise the page is full.
    #[must_use]
    fn add(&mut self, item: impl std::fmt::Display) -> bool {
        let before = self.items.len();
        let _ = write!(self.items, "{}{item}", if before > 0 { "," } else { "" });
        if before > 0 && self.items.len() > self.bytes_max {
            self.items.truncate(before);
            self.is_full = true;
        }
        !self.is_full
    }

    /// Everything up to here is on it.
    fn is_at(&mut self, next: impl Into<Value>) {
        self.at = Some(next.into());
    }

    /// The page of a list whose reader says where the next one begins; earlier, if this one is full.
    fn end_before(mut self, seq: Seq, next: Option<String>) -> String {
        if !self.is_full {
            self.at = next.map(Value::from);
        }
        self.end(Some(seq), true)
    }

    /// The page; there is another if there was `more`, or if this one is full.
    fn end(self, seq: Option<Seq>, more: bool) -> String {
        let Self { items: mut text, at, is_full, .. } = self;
        let seq = seq.map(|seq| format!(r#""seq":{seq},"#)).unwrap_or_default();
        let next = Value::from(at.filter(|_| more || is_full));
        // In the room that the items have: a page is large.
        text.insert_str(0, &format!(r#"{{{seq}"items":["#));
        let _ = write!(text, r#"],"next":{next}}}"#);
        text
    }
}

/// Marks an answer that is the first one told again.
fn replayed(mut response: Response, again: bool) -> Response {
    if again {
        let name = HeaderName::from_static("idempotent-replayed");
        response.headers_mut().insert(name, HeaderValue::from_static("true"));
    }
    response
}
