//! Texts of this folder in the OpenAPI document: calls, examples, records.

use crate::http::document::words::Words;

/// The texts of this folder.
pub static WORDS: Words = Words {
    calls: &[(
        "GET /v1/events",
        "Every change, in order, starting after `after`. With `wait`, the server waits up to this many seconds for a \
         record. `Accept: application/x-ndjson` streams one record per line. `sku`, `location`, `kind` and `actor` search \
         the log, forward or back from `before`; a page examines 20,000 records, so it may be short or empty and still \
         have a `next`. With the scope `stock` alone, `location` is required, and records have no private locations, no \
         cells of other locations than the key's, and of `cause` only `channel`, `actor` and `reference`.",
        &[("200", "EventPage")],
    )],
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
            &[
                ("items", "[Event]", "The records"),
                ("next", "int?", "`after` of the next page; with `before`, its `before`"),
            ],
        ),
    ],
    ..Words::NONE
};
