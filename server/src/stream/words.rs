//! Texts of this folder in the OpenAPI document: calls, examples, records, bounds of words.

use crate::http::document::bounds::one_of;
use crate::http::document::words::{Bound, Words};

/// The texts of this folder.
pub static WORDS: Words = Words {
    calls: &[
        (
            "GET /v1/stream",
            "A WebSocket: subscribe to cells, and send commands. The stream guide describes its messages.",
            &[],
        ),
        (
            "GET /v1/stream/sse",
            "The same as a subscription of the socket; the event id is the cursor.",
            &[("200", "text/event-stream")],
        ),
    ],
    tags: &[("live", "Live stock")],
    bounds,
    ..Words::NONE
};

/// The bounds of the words of this folder.
fn bounds() -> Vec<Bound> {
    vec![(one_of(&["conflated", "lossless"]), "mode")]
}
