//! Texts of this folder in the OpenAPI document: calls, examples, records.

use crate::http::document::words::Words;

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
    examples: &[],
    records: &[],
};
