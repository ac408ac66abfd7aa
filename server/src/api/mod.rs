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
mod page;
mod pages;
mod pickup;
mod problems;
mod reply;
mod reservations;
mod rules;
mod sourcing;
mod stock;
mod supply;
mod what_if;

use axum::Router;
use axum::extract::Request;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::door::guard::Routes;
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
