//! Texts of this folder in the OpenAPI document: calls, examples, records, bounds of words.

use serde_json::json;

use crate::http::document::bounds::{count, id, one_of, some_text};
use crate::http::document::words::{Bound, DURABLE, NEXT, Words};

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
    tags: &[("rules", "Rules between stock and promises")],
    parameters: &[("rule", "outlets-keep-two")],
    versioned: &["/v1/rules/{rule}"],
    tagged: &[],
    bounds,
};

/// The bounds of the words of this folder.
fn bounds() -> Vec<Bound> {
    vec![
        (id(), "/v1/rules.after"),
        (some_text(), "RuleBody.categories"),
        (count(), "few_left orders_per_day RuleBody.minimum"),
        (json!({"minimum": 0}), "below"),
        (json!({"minimum": 0, "maximum": 100}), "percent"),
        (json!({"minimum": 0, "maximum": 3650}), "lead_days RuleBody.days"),
        (
            one_of(&[
                "safety_stock",
                "access",
                "band",
                "quota",
                "backorder",
                "preorder",
                "capacity",
                "pickup_only",
                "returns",
            ]),
            "RuleBody.kind",
        ),
    ]
}
