//! Texts of this folder in the OpenAPI document: calls, examples, records, bounds of words.

use crate::http::document::bounds::time;
use crate::http::document::words::{Bound, Words};

/// The texts of this folder.
pub static WORDS: Words = Words {
    calls: &[(
        "POST /v1/what-if",
        "Nothing is changed: the answer is computed by a replay of the log.",
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
            "The actual and the computed result.",
            &[
                ("first_seq", "int", "The first record of the span"),
                ("last_seq", "int", "The last"),
                ("records", "int", "Records that were replayed"),
                ("oldest_seq", "int", "The oldest record in the log"),
                ("actual", "Tally", "What happened"),
                (
                    "replayed",
                    "Tally",
                    "The replay without changes: equal to `actual`, except for what a replay cannot know",
                ),
                ("what_if", "Tally", "The replay with the changes"),
                ("difference", "any", "what_if − replayed"),
                ("items", "[any]", "The same by location and channel"),
            ],
        ),
    ],
    bounds,
    ..Words::NONE
};

/// The bounds of the words of this folder.
fn bounds() -> Vec<Bound> {
    vec![(time(), "WhatIfBody.from WhatIfBody.to")]
}
