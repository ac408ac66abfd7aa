//! The subjects of the API, one folder each.

pub mod catalogue;
pub mod events;
pub mod operating;
pub mod pickup;
pub mod reservations;
pub mod rules;
pub mod sourcing;
pub mod stock;
pub mod supply;
pub mod what_if;

use utoipa_axum::router::OpenApiRouter;

use crate::app::App;

/// The routes of all subjects.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(stock::routes::routes())
        .merge(supply::routes::routes())
        .merge(reservations::routes::routes())
        .merge(sourcing::routes::routes())
        .merge(pickup::routes::routes())
        .merge(catalogue::routes::routes())
        .merge(rules::routes::routes())
        .merge(what_if::routes::routes())
        .merge(events::routes::routes())
        .merge(operating::routes::routes())
}
