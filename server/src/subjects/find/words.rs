//! Texts of this folder in the OpenAPI document: calls, examples, records.

use serde_json::json;

use crate::http::document::words::{Bound, Words};

/// The texts of this folder.
pub static WORDS: Words = Words {
    calls: &[(
        "POST /v1/find",
        "What a scanned or typed code is, in one request: a SKU with its price and its cell; an order or a reservation by \
         its pickup code; a receipt by its number, its link, or the link for the tax authority; an order, a return, a \
         transfer by its id. A code that neither names a SKU nor is its GTIN is read by the `barcodes` of the location: \
         its SKU has as a GTIN the same code with zeros in place of the weight or the price, or the digits of the item \
         as its id; `measure` tells the weight or the price, and the units. It only reads. Kinds that the caller's scopes do not cover are not looked up.",
        &[("200", "Found")],
    )],
    examples: &[(
        "POST /v1/find",
        r#"{"code": "TSHIRT-RED-M", "location": "es-001", "channel": "pos", "currency": "EUR"}"#,
    )],
    records: &[
        (
            "Found",
            "What a code names.",
            &[
                ("seq", "int", "The record that it reflects, at least"),
                (
                    "kind",
                    "sku|reservation|order|receipt|return|transfer|location",
                    "What it is; `location` if it is at another location, of which only the location is told",
                ),
                ("id", "text", "Its id"),
                (
                    "record",
                    "any",
                    "The record as the call for one of its kind tells it; that of a SKU has `price`, as `/v1/prices/query` \
                 tells it, and `cell`, as `/v1/availability` tells it; both may be null",
                ),
                ("fulfilment", "text?", "The fulfilment of an order that the code names"),
                ("of", "text?", "What waits at the location, if `kind` is `location`"),
                ("measure", "Measure?", "What a barcode of the location's own says of the SKU"),
            ],
        ),
        (
            "Measure",
            "The weight or the price in a barcode that a store printed itself.",
            &[
                ("pattern", "text", "The entry of the location's `barcodes` that reads it"),
                ("item", "text", "The digits of the item"),
                ("grams", "int?", "The weight"),
                ("amount", "int?", "The price in minor units"),
                (
                    "quantity",
                    "int?",
                    "The units of the SKU, to the nearest one: of a weight, for a SKU with the unit `kg` or `g`; of a price, \
                 by the price of one unit, which needs `channel` and `currency`",
                ),
            ],
        ),
    ],
    tags: &[("find", "What a code names")],
    bounds,
    ..Words::NONE
};

/// The bounds of the words of this folder.
fn bounds() -> Vec<Bound> {
    vec![
        (json!({"minLength": 1, "maxLength": 1024}), "FindBody.code"),
        (json!({"minItems": 1, "maxItems": 6}), "FindBody.kinds[]"),
        (json!({"enum": ["sku", "reservation", "order", "receipt", "return", "transfer"]}), "FindBody.kinds"),
    ]
}
