//! Texts of this folder in the OpenAPI document: calls, bounds of words.

use serde_json::json;

use crate::http::document::words::{Bound, Words};

/// The texts of this folder.
pub static WORDS: Words = Words {
    calls: &[(
        "GET /v1/feeds/till",
        "Every SKU with what a till needs offline, a line each: `sku`, `name`, `gtin`, `unit`, `decimals`, `product`, \
         `currency`, `amount`, `price_list`, `regular_amount`, `ends_at`, `tax_class`, `tax_rate`, `on_hand`, `available`; \
         without a price `amount` is null, without a cell `on_hand`. `removed: true` is a SKU that is gone. The store's `currency`, and the `barcodes` by which \
         a till reads codes with a weight or a price offline, are fields of `GET /v1/locations/{location}`.",
        &[("200", "application/x-ndjson")],
    )],
    tags: &[("feeds", "Copies for readers: a snapshot, then what changed")],
    bounds,
    ..Words::NONE
};

/// The bounds of the words of this folder.
fn bounds() -> Vec<Bound> {
    vec![(json!({"pattern": "^1-", "maxLength": 64}), "/v1/feeds/till.since")]
}
