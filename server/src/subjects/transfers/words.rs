//! What the OpenAPI document says of this folder: calls, examples, records.

use crate::http::document::words::{NEXT, Words};

const TRANSFER: &[(&str, &str)] = &[("200", "Transfer")];

/// Its part of the document.
pub static WORDS: Words = Words {
    calls: &[
        ("GET /v1/transfers", "Transfers that match all that is asked, the newest first.", &[("200", "TransferPage")]),
        (
            "POST /v1/transfers",
            "A draft promises nothing. Made ready, its units are promised at `from` through the channel `transfer`, so rules say \
             what may leave a place, and are supply of `to` from the same `seq` on.",
            &[("201", "Transfer"), ("200", "Transfer")],
        ),
        ("GET /v1/transfers/{transfer}", "The record with its history.", TRANSFER),
        ("PUT /v1/transfers/{transfer}", "A draft is set whole.", TRANSFER),
        (
            "POST /v1/transfers/{transfer}/ready",
            "All lines or none, unless `allow_partial`. Without `expected_at` nothing is promised of it before it arrives.",
            TRANSFER,
        ),
        (
            "POST /v1/transfers/{transfer}/ship",
            "`on_hand` and `reserved` fall at `from`. With `lines`, the rest is given back. Where a count knows of what left \
             with `occurred_at`, only `reserved` falls.",
            TRANSFER,
        ),
        (
            "POST /v1/transfers/{transfer}/receive",
            "`quantity` goes to the shelf and fills who waits, `damaged` to the quarantine; more than outstanding is surplus, and \
             `close` makes the rest missing. A `reference` counts once a transfer.",
            TRANSFER,
        ),
        (
            "POST /v1/transfers/{transfer}/cancel",
            "Before it left, its promise is given back. On its way, `units` says what becomes of what is outstanding.",
            TRANSFER,
        ),
    ],
    examples: &[
        (
            "POST /v1/transfers",
            r#"{"transfer": "T-1", "from": "mx-w01", "to": "mx-014", "reason": "on_demand", "lines": [{"sku": "TSHIRT-RED-M", "quantity": 2}]}"#,
        ),
        (
            "PUT /v1/transfers/{transfer}",
            r#"{"from": "mx-w01", "to": "mx-014", "reason": "on_demand", "lines": [{"sku": "TSHIRT-RED-M", "quantity": 3}]}"#,
        ),
        ("POST /v1/transfers/{transfer}/ready", r#"{"expected_at": "2035-01-10T09:00:00Z"}"#),
        ("POST /v1/transfers/{transfer}/ship", r#"{"tracking": "1Z-88"}"#),
        (
            "POST /v1/transfers/{transfer}/receive",
            r#"{"lines": [{"sku": "TSHIRT-RED-M", "quantity": 1, "damaged": 1}], "reference": "DOCK-7"}"#,
        ),
        ("POST /v1/transfers/{transfer}/cancel", r#"{"units": "returned"}"#),
    ],
    records: &[
        (
            "TransferLine",
            "One line: shipped + surplus = received + damaged + missing + returned + outstanding.",
            &[
                ("sku", "text", "The SKU"),
                ("quantity", "int", "Units asked for"),
                ("reserved", "int", "Units promised at `from`, and not shipped"),
                ("shipped", "int", "Units that left"),
                ("received", "int", "Units that arrived on the shelf"),
                ("damaged", "int", "Units that arrived damaged"),
                ("missing", "int", "Units that never arrived"),
                ("returned", "int", "Units that went back to `from`"),
                ("surplus", "int", "Units that arrived and were never shipped"),
                ("outstanding", "int", "Units on their way"),
            ],
        ),
        (
            "TransferStep",
            "One step of a transfer's life.",
            &[
                ("seq", "int", "The record"),
                ("time", "time", "When"),
                ("kind", "text", "What, as `/v1/events` calls it"),
                ("channel", "text?", "Through which channel"),
                ("location", "text?", "Where"),
                ("actor", "text?", "Who"),
            ],
        ),
        (
            "Transfer",
            "Goods between two of our places.",
            &[
                ("transfer", "text", "Its id"),
                ("state", "draft|ready|in_transit|partially_received|received|cancelled", "Where it is in its life"),
                ("from", "text", "The place that the goods leave"),
                ("to", "text", "The place that they go to"),
                ("reason", "on_demand|replenishment|rebalance|return|order", "Why"),
                ("policy", "text?", "The policy of replenishment that proposed it"),
                ("run", "text?", "The run that made it"),
                ("order", "text?", "The order whose waiting lines it is for"),
                ("reference", "text?", "The caller's own document"),
                ("lines", "[TransferLine]", "What is moved"),
                ("reservation", "text?", "The promise at `from`, once it is ready"),
                ("expected_at", "time?", "When it is expected"),
                ("shipped_at", "time?", "When it left"),
                ("received_at", "time?", "When nothing was outstanding any more"),
                ("tracking", "text?", "How the carrier calls it"),
                ("history", "[TransferStep]", "What happened, oldest first"),
                ("seq", "int", "The record of its last change"),
            ],
        ),
        (
            "TransferPage",
            "Transfers, the newest first.",
            &[
                ("seq", "int", "The record that this reflects"),
                ("items", "[Transfer]", "The transfers"),
                ("next", "text?", NEXT),
            ],
        ),
    ],
};
