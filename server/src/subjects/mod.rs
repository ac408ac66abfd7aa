//! The subjects of the API, one folder each.

pub mod catalogue;
pub mod events;
pub mod operating;
pub mod pickup;
pub mod prices;
pub mod reservations;
pub mod rules;
pub mod sourcing;
pub mod stock;
pub mod supply;
pub mod transfers;
pub mod what_if;

use utoipa_axum::router::OpenApiRouter;

use crate::app::App;
use crate::files::kind::FileKind;
use crate::http::document::words::Words;
use crate::stream::operation::Operation;

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
        .merge(transfers::routes::routes())
        .merge(prices::routes::routes())
}

/// The socket operations of all subjects.
pub fn operations() -> impl Iterator<Item = &'static Operation> {
    [reservations::ops::OPERATIONS, stock::ops::OPERATIONS].into_iter().flatten()
}

/// The kinds of files of all subjects.
pub fn file_kinds() -> [&'static FileKind; 8] {
    use catalogue::import::{CHANNELS, GROUPS, LOCATIONS, SKUS};

    [
        &LOCATIONS,
        &GROUPS,
        &SKUS,
        &stock::import::STOCK,
        &supply::import::SUPPLY,
        &prices::import::PRICES,
        &rules::import::RULES,
        &CHANNELS,
    ]
}

/// The kind of file with a name.
pub fn file_kind(name: &str) -> Option<&'static FileKind> {
    file_kinds().into_iter().find(|kind| kind.kind.as_str() == name)
}

/// The texts of all subjects for the OpenAPI document.
pub fn words() -> [&'static Words; 13] {
    [
        &stock::words::WORDS,
        &supply::words::WORDS,
        &reservations::words::WORDS,
        &sourcing::words::WORDS,
        &pickup::words::WORDS,
        &catalogue::words::WORDS,
        &rules::words::WORDS,
        &what_if::words::WORDS,
        &events::words::WORDS,
        &operating::words::WORDS,
        &transfers::words::WORDS,
        &transfers::replenishment::words::WORDS,
        &prices::words::WORDS,
    ]
}
