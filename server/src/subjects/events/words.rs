//! What the OpenAPI document says of this folder: calls, examples, records.

use crate::http::document::words::Words;

/// Its part of the document.
pub static WORDS: Words = Words {
    calls: &[(
        "GET /v1/events",
        "Every change, in order, from the record after `after`. With `wait` the answer waits up to so many seconds for one. \
         `Accept: application/x-ndjson` streams one record a line.",
        &[("200", "EventPage")],
    )],
    examples: &[],
    records: &[
        (
            "Cause",
            "Who asked for a record.",
            &[
                ("channel", "text?", "The channel"),
                ("actor", "text?", "The name of the key"),
                ("reference", "text?", "The caller's own document"),
                ("idempotency_key", "text?", "The key under which a repeat gets the same answer"),
                ("traceparent", "text?", "The trace of the request"),
                ("key", "text?", "The id of the key"),
                ("address", "text?", "The caller's address"),
                ("request", "text?", "The id of the request"),
            ],
        ),
        (
            "Event",
            "A record of the log. Beside these members it has those of its kind.",
            &[
                ("seq", "int", "Its place in the log"),
                ("time", "time", "When it was logged"),
                ("kind", "text", "What happened"),
                ("reservation?", "text", "The reservation, for kinds that are about one"),
                ("cause", "Cause", "Who asked for it"),
                ("*", "any", "More, by kind"),
            ],
        ),
        (
            "EventPage",
            "Records, in order.",
            &[("items", "[Event]", "The records"), ("next", "int?", "`after` of the next page")],
        ),
    ],
};
