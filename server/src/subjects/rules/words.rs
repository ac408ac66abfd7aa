//! What the OpenAPI document says of this folder: calls, examples, records.

use crate::http::document::words::{DURABLE, NEXT, Words};

/// Its part of the document.
pub static WORDS: Words = Words {
    calls: &[
        ("GET /v1/rules", "Rules, by id.", &[("200", "RulePage")]),
        (
            "GET /v1/rules/explain",
            "Every rule that holds for a SKU, a location and a channel: which decides, which lose, and to which.",
            &[("200", "RulesExplained")],
        ),
        ("DELETE /v1/rules/{rule}", "The rule stops counting from the `seq` of the answer.", &[("200", "RuleRemoved")]),
        ("GET /v1/rules/{rule}", "Its `ETag` goes into the `If-Match` of a change.", &[("200", "RuleView")]),
        (
            "PUT /v1/rules/{rule}",
            "A rule holds where every list that it names holds, and a list holds where one of its values does.",
            &[("200", "RuleView")],
        ),
    ],
    examples: &[(
        "PUT /v1/rules/{rule}",
        r#"{"kind": "safety_stock", "units": 2, "groups": ["spain"], "channels": ["web"]}"#,
    )],
    records: &[
        ("RulePage", "Rules.", &[("items", "[RuleView]", "The rules"), ("next", "text?", NEXT)]),
        ("RuleRemoved", "The rule is no more.", &[("rule", "text", "Its id"), ("seq", "int", DURABLE)]),
        (
            "RulesExplained",
            "Why a cell counts as it does for a channel.",
            &[
                ("seq", "int", "The record that this reflects"),
                ("sku", "text", "The SKU"),
                ("location", "text", "Where"),
                ("channel", "text?", "For which channel"),
                ("in_force", "any", "By kind: the rule that decides, or null"),
                ("result", "any", "What they come to"),
                (
                    "rules",
                    "[any]",
                    "Every rule that holds for the cell and the channel, with its verdict, and to which it loses",
                ),
            ],
        ),
    ],
};
