//! Texts of this folder in the OpenAPI document: calls, examples, records, bounds of words.

use anaquel_engine::transfers::{Reason, TransferState};

use crate::http::document::bounds::{id, one_of, outside, rows};
use crate::http::document::words::{Bound, NEXT, STEP, Words};

const TRANSFER: &[(&str, &str)] = &[("200", "Transfer")];

/// The texts of this folder.
pub static WORDS: Words = Words {
    calls: &[
        ("GET /v1/transfers", "Transfers that match all parameters, the newest first.", &[("200", "TransferPage")]),
        (
            "POST /v1/transfers",
            "A draft promises nothing. When it is made ready, its units are reserved at `from` through the channel \
             `transfer`, so rules decide what may leave a location, and they are inbound supply of `to` from the same \
             `seq` on.",
            &[("201", "Transfer"), ("200", "Transfer")],
        ),
        ("GET /v1/transfers/{transfer}", "The record with its history.", TRANSFER),
        ("PUT /v1/transfers/{transfer}", "Replaces the content of a draft.", TRANSFER),
        (
            "POST /v1/transfers/{transfer}/ready",
            "All lines or none, unless `allow_partial`. Without `expected_at`, none of it is promised before it \
             arrives.",
            TRANSFER,
        ),
        (
            "POST /v1/transfers/{transfer}/ship",
            "`on_hand` and `reserved` decrease at `from`. With `lines`, the rest is released. If a count after \
             `occurred_at` includes the shipment already, only `reserved` decreases.",
            TRANSFER,
        ),
        (
            "POST /v1/transfers/{transfer}/receive",
            "`quantity` goes to the shelf and fills backorders, `damaged` goes to the quarantine. Units beyond the \
             outstanding ones are surplus, and `close` makes the rest missing. A `reference` counts once per \
             transfer.",
            TRANSFER,
        ),
        (
            "POST /v1/transfers/{transfer}/cancel",
            "Before the shipment, the reserved units are released. After it, `units` says what happens to the \
             outstanding ones.",
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
                ("quantity", "int", "Requested units"),
                ("reserved", "int", "Units reserved at `from`, and not shipped"),
                ("shipped", "int", "Units that were shipped"),
                ("received", "int", "Units that arrived on the shelf"),
                ("damaged", "int", "Units that arrived damaged"),
                ("missing", "int", "Units that never arrived"),
                ("returned", "int", "Units that were returned to `from`"),
                ("surplus", "int", "Units that arrived and were never shipped"),
                ("outstanding", "int", "Units in transit"),
            ],
        ),
        ("TransferStep", "One step of a transfer's life.", STEP),
        (
            "Transfer",
            "Goods between two of the retailer's locations.",
            &[
                ("transfer", "text", "Its id"),
                ("state", "draft|ready|in_transit|partially_received|received|cancelled", "Its state"),
                ("from", "text", "The location that the goods leave"),
                ("to", "text", "The location that receives the goods"),
                ("reason", "on_demand|replenishment|rebalance|return|order", "Why"),
                ("policy", "text?", "The policy of replenishment that proposed it"),
                ("run", "text?", "The run that created it"),
                ("order", "text?", "The order whose backorders it supplies"),
                ("reference", "text?", "The caller's own document"),
                ("lines", "[TransferLine]", "The lines"),
                ("reservation", "text?", "The reservation at `from`, once it is ready"),
                ("expected_at", "time?", "When it is expected"),
                ("shipped_at", "time?", "When it left"),
                ("received_at", "time?", "When no unit was outstanding any more"),
                ("tracking", "text?", "The carrier's tracking number"),
                ("history", "[TransferStep]", "The steps, oldest first"),
                ("seq", "int", "The record of its last change"),
            ],
        ),
        (
            "TransferPage",
            "Transfers, the newest first.",
            &[
                ("seq", "int", "The record that this answer reflects"),
                ("items", "[Transfer]", "The transfers"),
                ("total?", "int", "With `total=true`: how many match, at most 10,000"),
                ("more?", "flag", "True if more than 10,000 match"),
                ("next", "text?", NEXT),
            ],
        ),
    ],
    tags: &[("transfers", "Transfers between the retailer's locations, and replenishment")],
    bounds,
    ..Words::NONE
};

/// The bounds of the words of this folder.
fn bounds() -> Vec<Bound> {
    vec![
        (id(), "TransferBody.from TransferBody.to /v1/transfers.from /v1/transfers.to"),
        (outside(), "TransferBody.transfer /v1/transfers.run"),
        (rows(), "TransferBody.lines[] ShipBody.lines[] ReceiveBody.lines[]"),
        (one_of(&Reason::ALL.map(Reason::as_str)), "TransferBody.reason /v1/transfers.reason"),
        (one_of(&TransferState::ALL.map(TransferState::as_str)), "/v1/transfers.state"),
        (one_of(&["returned", "written_off"]), "TransferCancelBody.units"),
    ]
}
