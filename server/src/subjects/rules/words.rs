//! Texts of this folder in the OpenAPI document: calls, examples, records.

use crate::http::document::words::{DURABLE, NEXT, Words};

/// The texts of this folder.
pub static WORDS: Words = Words {
    calls: &[
        ("GET /v1/rules", "Rules, by id.", &[("200", "RulePage")]),
        (
            "GET /v1/rules/explain",
            "Every rule that applies to a SKU, a location and a channel: which one decides, which ones lose, and to \
             which.",
            &[("200", "RulesExplained")],
        ),
        (
            "DELETE /v1/rules/{rule}",
            "The rule no longer applies from the `seq` of the answer on.",
            &[("200", "RuleRemoved")],
        ),
        ("GET /v1/rules/{rule}", "Send its `ETag` as `If-Match` of a change.", &[("200", "RuleView")]),
        (
            "PUT /v1/rules/{rule}",
            "A rule applies if every list that it has matches, and a list matches if one of its values does.",
            &[("200", "RuleView")],
        ),
    ],
    examples: &[(
        "PUT /v1/rules/{rule}",
        r#"{"kind": "safety_stock", "units": 2, "groups": ["spain"], "channels": ["web"]}"#,
    )],
    records: &[
        ("RulePage", "Rules.", &[("items", "[RuleView]", "The rules"), ("next", "text?", NEXT)]),
        ("RuleRemoved", "The removed rule.", &[("rule", "text", "Its id"), ("seq", "int", DURABLE)]),
        (
            "RulesExplained",
            "Which rules decide a cell for a channel.",
            &[
                ("seq", "int", "The record that this answer reflects"),
                ("sku", "text", "The SKU"),
                ("location", "text", "Where"),
                ("channel", "text?", "The channel"),
                ("in_force", "any", "By kind: the rule that decides, or null"),
                ("result", "any", "The result of the rules"),
                (
                    "rules",
                    "[any]",
                    "Every rule that applies to the cell and the channel, with its verdict, and the rule that it \
                     loses to",
                ),
            ],
        ),
    ],
};
