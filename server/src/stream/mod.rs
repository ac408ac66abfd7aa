//! Live stock: the WebSocket `/v1/stream`, and the same as Server-Sent Events.
//!
//! What is told, in which order and when, is the engine's feed's to say; this module reads what clients send, writes what
//! they are told, and keeps both bounded. A socket costs, beyond its task: 4 KiB each way, the frames of one turn on their
//! way out, one snapshot, and for each subscription what
//! [`FeedSettings`](anaquel_engine::settings::FeedSettings) allows it to have pending.

mod envelope;
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

/// Its routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(socket::socket)).routes(routes!(sse::sse))
}
