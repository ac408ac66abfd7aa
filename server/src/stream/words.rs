//! What the OpenAPI document says of this folder: calls, examples, records.

use crate::http::document::words::Words;

/// Its part of the document.
pub static WORDS: Words = Words {
    calls: &[
        (
            "GET /v1/stream",
            "A WebSocket: subscribe to cells, and send commands. See the stream guide for its messages.",
            &[],
        ),
        (
            "GET /v1/stream/sse",
            "The same as a subscription over the socket; the event id is the cursor.",
            &[("200", "text/event-stream")],
        ),
    ],
    examples: &[],
    records: &[],
};
