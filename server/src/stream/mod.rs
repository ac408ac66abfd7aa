//! Live stock over the WebSocket `/v1/stream`, and over Server-Sent Events.
//!
//! The engine's feed decides the content, the order and the time of messages. This module parses client messages,
//! writes the feed's messages, and bounds both. A socket costs its task, 4 KiB in each direction, the unsent frames
//! of one turn, one snapshot, and for each subscription the pending data that
//! [`FeedSettings`](anaquel_engine::settings::FeedSettings) allows.

mod contact;
mod envelope;
pub mod follow;
mod frame;
mod mailbox;
mod measures;
pub mod operation;
mod request;
mod session;
mod socket;
mod sse;
pub mod streams;
pub mod words;

pub use request::read as read_message;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

/// The routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(socket::socket)).routes(routes!(sse::sse))
}
