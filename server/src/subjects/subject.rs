//! What a subject adds to the server.

use utoipa_axum::router::OpenApiRouter;

use crate::app::App;
use crate::http::document::words::Words;
use crate::stream::operation::Operation;

/// What a subject adds to the server: declared once, in the `mod.rs` of its folder.
pub struct Subject {
    /// Its routes.
    pub routes: fn() -> OpenApiRouter<App>,
    /// Its texts in the OpenAPI document.
    pub words: &'static [&'static Words],
    /// Its socket operations.
    pub operations: &'static [Operation],
    /// Starts its background work, once the server listens.
    pub start: fn(&App),
}

impl Subject {
    /// A subject with routes and their texts alone.
    pub const fn new(routes: fn() -> OpenApiRouter<App>, words: &'static [&'static Words]) -> Self {
        Self { routes, words, operations: &[], start: |_| () }
    }
}
