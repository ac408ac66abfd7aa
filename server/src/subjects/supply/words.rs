//! What the OpenAPI document says of this folder: calls, examples, records.

use crate::http::document::words::{DURABLE, NEXT, Words};

/// Its part of the document.
pub static WORDS: Words = Words {
    calls: &[
        ("GET /v1/supply", "Cells to which something is to come, with the promises at risk.", &[("200", "SupplyPage")]),
        ("PUT /v1/supply", "A supply with quantity 0 is taken out. A receipt uses supply up.", &[("200", "SupplySet")]),
    ],
    examples: &[(
        "PUT /v1/supply",
        r#"{"supplies": [{"supply": "PO-4711", "sku": "TSHIRT-RED-M", "location": "mx-w01", "quantity": 40, "expected_at": "2035-01-10T09:00:00Z"}]}"#,
    )],
    records: &[
        (
            "Supply",
            "Units to come.",
            &[
                ("supply", "text", "The caller's own document, such as a purchase order"),
                ("kind", "purchase_order|in_transit", "Where they are"),
                ("quantity", "int?", "Units still to come; null for a channel that is told no numbers"),
                ("expected_at", "time", "When"),
            ],
        ),
        (
            "CellToCome",
            "What is to come to a cell, and who waits for it.",
            &[
                ("sku", "text", "The SKU"),
                ("location", "text", "Where"),
                ("incoming", "int?", "Units to come in all"),
                ("supplies", "[Supply]", "What is to come, the earliest first"),
                ("waiting", "int?", "Units that are waited for"),
                ("at_risk", "[PromiseAtRisk]", "Promises that will not be kept, the first of them"),
            ],
        ),
        (
            "SupplyPage",
            "Cells to which something is to come.",
            &[
                ("seq", "int", "The record that this reflects"),
                ("items", "[CellToCome]", "The cells"),
                ("next", "text?", NEXT),
            ],
        ),
        (
            "SupplySet",
            "The cells as they are from here on.",
            &[("seq", "int", DURABLE), ("items", "[CellToCome]", "The cells that were named")],
        ),
    ],
};
