//! Texts of this folder in the OpenAPI document: calls, examples, records.

use crate::http::document::words::Words;

/// The texts of this folder.
pub static WORDS: Words = Words {
    calls: &[(
        "GET /v1/events",
        "Every change, in order, starting after `after`. With `wait`, the server waits up to this many seconds for a \
         record. `Accept: application/x-ndjson` streams one record per line.",
        &[("200", "EventPage")],
    )],
    examples: &[],
    records: &[
        (
            "Cause",
            "The origin of a record.",
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
            "A record of the log. The kind adds more members.",
            &[
                ("seq", "int", "Its number in the log"),
                ("time", "time", "When it was logged"),
                ("kind", "text", "What happened"),
                ("reservation?", "text", "The reservation, for kinds that concern one"),
                ("cause", "Cause", "The origin of the record"),
                ("*", "any", "More members, by kind"),
            ],
        ),
        (
            "EventPage",
            "Records, in order.",
            &[("items", "[Event]", "The records"), ("next", "int?", "`after` of the next page")],
        ),
    ],
};
