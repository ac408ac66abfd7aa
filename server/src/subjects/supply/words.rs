//! Texts of this folder in the OpenAPI document: calls, examples, records, bounds of words.

use serde_json::json;

use crate::http::document::bounds::{count, one_of, rows};
use crate::http::document::words::{Bound, DURABLE, NEXT, Words};

/// The texts of this folder.
pub static WORDS: Words = Words {
    calls: &[
        ("GET /v1/supply", "Cells with inbound supply, and the promises at risk.", &[("200", "SupplyPage")]),
        ("PUT /v1/supply", "A supply with quantity 0 is removed. A receipt uses supply up.", &[("200", "SupplySet")]),
    ],
    examples: &[(
        "PUT /v1/supply",
        r#"{"supplies": [{"supply": "PO-4711", "sku": "TSHIRT-RED-M", "location": "mx-w01", "quantity": 40, "expected_at": "2035-01-10T09:00:00Z"}]}"#,
    )],
    records: &[
        (
            "Supply",
            "Inbound units.",
            &[
                ("supply", "text", "The caller's own document, such as a purchase order"),
                ("kind", "purchase_order|in_transit", "Where they are"),
                ("quantity", "int?", "Units still inbound; null for a channel that gets no numbers"),
                ("expected_at", "time", "When"),
            ],
        ),
        (
            "CellToCome",
            "The inbound supply of a cell, and its backorders.",
            &[
                ("sku", "text", "The SKU"),
                ("location", "text", "Where"),
                ("incoming", "int?", "All inbound units"),
                ("supplies", "[Supply]", "The supplies, the earliest first"),
                ("waiting", "int?", "Units of backorders"),
                ("at_risk", "[PromiseAtRisk]", "Promises that will not be kept, the first ones"),
            ],
        ),
        (
            "SupplyPage",
            "Cells with inbound supply.",
            &[
                ("seq", "int", "The record that this answer reflects"),
                ("items", "[CellToCome]", "The cells"),
                ("next", "text?", NEXT),
            ],
        ),
        (
            "SupplySet",
            "The cells after the change.",
            &[("seq", "int", DURABLE), ("items", "[CellToCome]", "The named cells")],
        ),
    ],
    bounds,
    ..Words::NONE
};

/// The bounds of the words of this folder.
fn bounds() -> Vec<Bound> {
    vec![
        (rows(), "supplies[]"),
        (count(), "SupplyBody.quantity ToComeView.waiting"),
        (one_of(&["purchase_order", "in_transit"]), "SupplyBody.kind"),
        (json!({"pattern": "^[0-9]{1,9}-[0-9]{1,9}$"}), "/v1/supply.after"),
    ]
}
