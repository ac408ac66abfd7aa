//! What the OpenAPI document says of this folder: calls, examples, records.

use crate::http::document::words::Words;

/// Its part of the document.
pub static WORDS: Words = Words {
    calls: &[(
        "GET /v1/pickup",
        "Where a customer can fetch a basket, and when it would be ready there by the hours of the place. A `sku` may be \
         followed by `:` and a number of units.",
        &[("200", "PickupPlaces")],
    )],
    examples: &[],
    records: &[
        (
            "PickupLine",
            "A line of the basket at a place.",
            &[
                ("sku", "text", "The SKU"),
                ("requested", "int", "Units that were asked for"),
                ("available", "int?", "Units that can be promised there"),
                ("missing", "int?", "Units that it lacks"),
                ("from", "text?", "The location that would bring what it lacks"),
                ("band?", "in_stock|few_left|out_of_stock", "For a channel that is told no numbers"),
            ],
        ),
        (
            "PickupPlace",
            "A place that can hand over the basket, or some of it.",
            &[
                ("location", "text", "Where"),
                ("name", "text?", "Its name"),
                ("distance_km", "number?", "From where the customer is"),
                ("complete", "flag", "It can hand over the whole basket"),
                ("ready_at", "time?", "When it would be ready"),
                ("lines", "[PickupLine]", "Line by line"),
            ],
        ),
        (
            "PickupPlaces",
            "Places, the best first.",
            &[
                ("seq", "int", "The record that this reflects"),
                ("items", "[PickupPlace]", "The places"),
                ("unknown", "[text]", "SKUs that were never heard of"),
            ],
        ),
    ],
};
