//! What the OpenAPI document says of this folder: calls, examples, records.

use crate::http::document::words::Words;

/// Its part of the document.
pub static WORDS: Words = Words {
    calls: &[(
        "POST /v1/sourcing",
        "Splits an order over locations as the policy wants, and promises it in one step. With `dry_run` it shows the plan, \
         what each weight adds, and the runner-up, and promises nothing.",
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
                ("quantity", "int?", "Units; null for a channel that is told no numbers"),
                ("waiting?", "int?", "Units of them that are still to come"),
            ],
        ),
        (
            "Shipment",
            "What one location brings.",
            &[
                ("location", "text", "Which"),
                ("distance_km", "number?", "To the destination"),
                ("lines", "[ShipmentLine]", "What it brings"),
            ],
        ),
        (
            "SourcingPlan",
            "Where each unit would come from.",
            &[
                ("shipments", "[Shipment]", "Location by location"),
                ("missing", "[ShipmentLine]", "Units that no location has"),
                ("score?", "number", "What it costs under the policy; the lowest wins"),
                ("parts?", "any", "What each weight adds to the score"),
            ],
        ),
        (
            "SourcingShown",
            "With `dry_run`: what would be done.",
            &[
                ("seq", "int", "The record that this reflects"),
                ("plan", "SourcingPlan", "The best plan"),
                ("runner_up", "SourcingPlan?", "The second best, from another first location"),
            ],
        ),
        (
            "SourcingDone",
            "The order is promised.",
            &[("reservation", "Reservation", "The promise"), ("shipments", "[Shipment]", "Where each unit comes from")],
        ),
    ],
};
