//! Texts of this folder in the OpenAPI document: calls, examples, records, bounds of words.

use serde_json::json;

use crate::http::document::words::{Bound, Words};

/// The texts of this folder.
pub static WORDS: Words = Words {
    calls: &[(
        "GET /v1/pickup",
        "Locations where a customer can pick up a basket, and when it would be ready there by the location's hours. A \
         `sku` may have `:` and a number of units at its end.",
        &[("200", "PickupPlaces")],
    )],
    records: &[
        (
            "PickupLine",
            "A line of the basket at a location.",
            &[
                ("sku", "text", "The SKU"),
                ("requested", "int", "Requested units"),
                ("available", "int?", "Units that are available there"),
                ("missing", "int?", "Units that are missing there"),
                ("from", "text?", "The location that would send the missing units"),
                ("band?", "in_stock|few_left|out_of_stock", "For a channel that gets bands instead of numbers"),
            ],
        ),
        (
            "PickupPlace",
            "A location that can hand over the basket, or a part of it.",
            &[
                ("location", "text", "Where"),
                ("name", "text?", "Its name"),
                ("distance_km", "number?", "Distance from the customer"),
                ("complete", "flag", "Whether the location can hand over the whole basket"),
                ("ready_at", "time?", "When it would be ready"),
                ("lines", "[PickupLine]", "Line by line"),
            ],
        ),
        (
            "PickupPlaces",
            "Locations, the best first.",
            &[
                ("seq", "int", "The record that this answer reflects"),
                ("items", "[PickupPlace]", "The places"),
                ("unknown", "[text]", "SKUs that are unknown"),
            ],
        ),
    ],
    parameters: &[("near", "40.41,-3.70")],
    bounds,
    ..Words::NONE
};

/// The bounds of the words of this folder.
fn bounds() -> Vec<Bound> {
    vec![
        // A list of SKUs with their quantities.
        (json!({}), "/v1/pickup.sku"),
    ]
}
