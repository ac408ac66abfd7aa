//! What the OpenAPI document says of this folder: calls, examples, records.

use crate::http::document::words::Words;

/// Its part of the document.
pub static WORDS: Words = Words {
    calls: &[(
        "POST /v1/what-if",
        "Nothing is touched: the answer comes from a replay of the log.",
        &[("200", "WhatIf")],
    )],
    examples: &[(
        "POST /v1/what-if",
        r#"{"after": 0, "rules": {"keep-two": {"kind": "safety_stock", "units": 2, "channels": ["web"]}}}"#,
    )],
    records: &[
        (
            "Tally",
            "Demand, counted.",
            &[
                ("accepted", "int", "Requests that were granted"),
                ("accepted_units", "int", "Their units"),
                ("refused", "int", "Requests that were refused"),
                ("lost_units", "int", "Their units"),
            ],
        ),
        (
            "WhatIf",
            "What happened, and what would have.",
            &[
                ("first_seq", "int", "The first record of the span"),
                ("last_seq", "int", "The last"),
                ("records", "int", "Records that were replayed"),
                ("oldest_seq", "int", "The oldest that the log still has"),
                ("actual", "Tally", "What happened"),
                (
                    "replayed",
                    "Tally",
                    "The replay with nothing changed: the same as `actual` but for what it cannot know",
                ),
                ("what_if", "Tally", "What would have happened"),
                ("difference", "any", "what_if − replayed"),
                ("items", "[any]", "The same by location and channel"),
            ],
        ),
    ],
};
