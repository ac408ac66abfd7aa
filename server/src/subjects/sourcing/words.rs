//! Texts of this folder in the OpenAPI document: calls, examples, records, bounds of words.

use serde_json::json;

use crate::http::document::bounds::one_of;
use crate::http::document::words::{Bound, Words};

/// The texts of this folder.
pub static WORDS: Words = Words {
    calls: &[(
        "POST /v1/sourcing",
        "Splits an order over locations by the policy, and reserves it in one step. With `dry_run`, returns the plan, \
         the part of each weight, and the runner-up, and reserves nothing.",
        &[("200", "SourcingShown"), ("201", "SourcingDone")],
    )],
    examples: &[(
        "POST /v1/sourcing",
        r#"{"channel": "web", "policy": "fewest_shipments", "destination": {"latitude": 40.41, "longitude": -3.7}, "max_shipments": 2,
            "dry_run": true, "lines": [{"sku": "TSHIRT-RED-M", "quantity": 3}]}"#,
    )],
    records: &[
        (
            "ShipmentLine",
            "Units of a SKU in a shipment.",
            &[
                ("sku", "text", "The SKU"),
                ("quantity", "int?", "Units; null for a channel that gets no numbers"),
                ("waiting?", "int?", "Units of these that are inbound"),
            ],
        ),
        (
            "Shipment",
            "The part of an order that one location sends.",
            &[
                ("location", "text", "Which"),
                ("distance_km", "number?", "Distance to the destination"),
                ("lines", "[ShipmentLine]", "What it sends"),
            ],
        ),
        (
            "SourcingPlan",
            "The location of each unit.",
            &[
                ("shipments", "[Shipment]", "By location"),
                ("missing", "[ShipmentLine]", "Units that no location has"),
                ("score?", "number", "The score under the policy; the lowest wins"),
                ("parts?", "any", "The part of each weight in the score"),
            ],
        ),
        (
            "SourcingShown",
            "With `dry_run`: the plan.",
            &[
                ("seq", "int", "The record that this answer reflects"),
                ("plan", "SourcingPlan", "The best plan"),
                ("runner_up", "SourcingPlan?", "The second best, from another first location"),
            ],
        ),
        (
            "SourcingDone",
            "The order is reserved.",
            &[("reservation", "Reservation", "The promise"), ("shipments", "[Shipment]", "The location of each unit")],
        ),
    ],
    bounds,
    ..Words::NONE
};

/// The bounds of the words of this folder.
fn bounds() -> Vec<Bound> {
    vec![
        (one_of(&["pickup", "delivery"]), "SourcingBody.purpose"),
        (
            one_of(&["nearest", "priority", "most_stock", "fewest_shipments", "whole_order", "stores_last", "balance"]),
            "policy",
        ),
        (json!({"minimum": 1, "maximum": 100}), "max_shipments"),
        (json!({"minimum": 0, "maximum": 1_000_000_000}), "shipments distance WeightsBody.stock store cover"),
    ]
}
