//! Texts of this folder in the OpenAPI document: calls, examples, records, bounds of words.

use anaquel_engine::level::LINE_QUANTITY_MAX;
use serde_json::json;

use crate::http::document::bounds::{one_of, rows};
use crate::http::document::words::{Bound, DURABLE, NEXT, UNCOUNTED, Words};

/// The texts of this folder.
pub static WORDS: Words = Words {
    calls: &[
        (
            "GET /v1/availability",
            "Cells of the SKUs in the given locations, or in all that stock them; with `group`, one item for each SKU \
             and group. All items are of one `seq`. With `min_seq`, the server waits until that record is visible.",
            &[("200", "Availability")],
        ),
        (
            "POST /v1/availability/query",
            "The same as `GET /v1/availability` with a body, for a listing page of up to 1,000 SKUs.",
            &[("200", "Availability")],
        ),
        (
            "GET /v1/shortages",
            "For staff: cells whose stock no longer covers their promises, with the promises at risk.",
            &[("200", "ShortagePage")],
        ),
        ("GET /v1/stock", "Cells of a location or of a SKU, page by page.", &[("200", "CellPage")]),
        (
            "POST /v1/stock/counts",
            "A count is true at its `counted_at`: movements before it are part of it, and movements after it stay in \
             force. `put_aside: \"excluded\"` counts a shelf: units that were set aside for ready reservations by then are \
             added to each row. `dry_run` says what the counts would change, and writes nothing.",
            &[("200", "CountedCells")],
        ),
        (
            "POST /v1/stock/movements",
            "All rows or none. A till's sale is never refused because stock is short.",
            &[("200", "MovedCells")],
        ),
    ],
    examples: &[
        (
            "POST /v1/availability/query",
            r#"{"skus": ["TSHIRT-RED-M", "TSHIRT-WHITE-S"], "groups": ["spain"], "channel": "web"}"#,
        ),
        ("POST /v1/stock/counts", r#"{"counts": [{"sku": "TSHIRT-RED-M", "location": "es-002", "on_hand": 12}]}"#),
        (
            "POST /v1/stock/movements",
            r#"{"movements": [{"kind": "receipt", "sku": "TSHIRT-RED-M", "location": "es-002", "quantity": 5, "reference": "DN-17"}]}"#,
        ),
    ],
    records: &[
        (
            "Cell",
            "A SKU in a location. A channel that gets bands gets only `sku`, `location` and `band`.",
            &[
                ("sku", "text", "The SKU"),
                ("location", "text", "Where"),
                (
                    "on_hand?",
                    "units",
                    "Units that are physically present; below zero if more was sold than the books had",
                ),
                ("reserved?", "int", "Units that are promised and on hand"),
                ("safety_stock?", "int", "Safety stock: units held back from every channel"),
                ("buffer?", "int", "Units that the channel leaves to others"),
                ("available?", "int", "max(0, on_hand − reserved − safety_stock − buffer); see `tracked`"),
                ("tracked?", "flag", UNCOUNTED),
                ("band?", "in_stock|few_left|out_of_stock", "The band in words"),
                (
                    "availability?",
                    "InStock|LimitedAvailability|OutOfStock|BackOrder|PreOrder",
                    "The same as a schema.org value",
                ),
                ("incoming?", "int", "Units of dated inbound supply, if there is some"),
                ("orderable?", "int", "Units that may be promised, inbound units included"),
            ],
        ),
        (
            "GroupCell",
            "A SKU in a group of locations: what one reservation of the group would get.",
            &[
                ("sku", "text", "The SKU"),
                ("group?", "text", "The group"),
                ("location?", "text", "The location, for an item of a location"),
                ("on_hand?", "units", "Units that are physically present"),
                ("reserved?", "int", "Units that are promised and on hand"),
                ("safety_stock?", "int", "For an item of a location: safety stock"),
                ("buffer?", "int", "For an item of a location: units that the channel leaves to others"),
                ("available?", "int", "The exact number of units that a reservation gets"),
                ("tracked?", "flag", UNCOUNTED),
                ("locations?", "int", "Locations of the group that stock it"),
                ("band?", "in_stock|few_left|out_of_stock", "The band in words"),
                (
                    "availability?",
                    "InStock|LimitedAvailability|OutOfStock|BackOrder|PreOrder",
                    "The same as a schema.org value",
                ),
                ("incoming?", "int", "Units of dated inbound supply"),
                ("orderable?", "int", "Units that may be promised, inbound units included"),
            ],
        ),
        (
            "Availability",
            "Cells or groups, all at one record of the log.",
            &[
                ("seq", "int", "The record that this answer reflects"),
                ("items", "[GroupCell]", "One for each SKU and location, or each SKU and group"),
                ("unknown", "[text]", "SKUs that are unknown"),
            ],
        ),
        (
            "CellPage",
            "Cells of a location or a SKU.",
            &[
                ("seq", "int", "The record that this answer reflects"),
                ("items", "[Cell]", "The cells"),
                ("next", "text?", NEXT),
            ],
        ),
        (
            "MovedCell",
            "A cell after a movement.",
            &[
                ("sku", "text", "The SKU"),
                ("location", "text", "Where"),
                ("on_hand?", "units", "Units that are physically present"),
                ("reserved?", "int", "Units that are promised and on hand"),
                ("safety_stock?", "int", "Safety stock"),
                ("buffer?", "int", "Units that the channel leaves to others"),
                ("available?", "int", "Units that can be promised"),
                ("tracked?", "flag", UNCOUNTED),
                ("band?", "in_stock|few_left|out_of_stock", "For a channel that gets bands instead of numbers"),
                ("occurred_at", "time", "The time of the movement"),
                ("created?", "flag", "The cell was created by this movement"),
                (
                    "absorbed?",
                    "flag",
                    "The movement is logged and changes nothing: a later count includes it, or the SKU is untracked",
                ),
                ("condition?", "text", "For a return: the condition of the goods"),
                ("out_of_range?", "flag", "The cell is at its minimum until a count"),
            ],
        ),
        (
            "MovedCells",
            "The cells after the movements.",
            &[("seq", "int", DURABLE), ("items", "[MovedCell]", "One for each row")],
        ),
        (
            "CountedCell",
            "The result of a count.",
            &[
                ("sku", "text", "The SKU"),
                ("location", "text", "Where"),
                ("expected?", "units", "Units that the books had"),
                ("counted", "units", "Units that were counted"),
                ("delta?", "units", "counted − expected"),
                ("on_hand?", "units", "Units on hand now, later movements included"),
                ("reserved?", "int", "Units that are promised and on hand"),
                ("band?", "in_stock|few_left|out_of_stock", "For a channel that gets bands instead of numbers"),
                ("counted_at", "time?", "The time at which the count is true; null for stock that was never counted"),
                ("outdated?", "flag", "A later count exists, so this count changes nothing"),
            ],
        ),
        (
            "CountedCells",
            "The results of the counts.",
            &[
                (
                    "seq",
                    "int",
                    "The record at which this became durable; with `dry_run`, the last one that it reflects",
                ),
                ("items", "[CountedCell]", "One for each row"),
                ("dry_run?", "flag", "True if nothing was written"),
            ],
        ),
        (
            "Shortage",
            "A cell that does not cover its promises.",
            &[
                ("sku", "text", "The SKU"),
                ("location", "text", "Where"),
                ("on_hand?", "units", "Units that are physically present"),
                ("reserved?", "int", "Units that are promised and not yet handed over"),
                ("missing?", "int", "Promised units that are not on hand"),
                ("band?", "in_stock|few_left|out_of_stock", "For a channel that gets bands instead of numbers"),
                ("promises", "[PromiseAtRisk]", "Promises that stock does not cover"),
                ("waiting", "[PromiseAtRisk]", "Promises whose units arrive too late, or not at all"),
                ("more_promises?", "flag", "There are more promises than are listed"),
            ],
        ),
        (
            "ShortagePage",
            "Cells that are short.",
            &[
                ("seq", "int", "The record that this answer reflects"),
                ("items", "[Shortage]", "The cells"),
                ("next", "text?", NEXT),
            ],
        ),
    ],
    tags: &[("stock", "Stock, and what may be promised")],
    bounds,
    ..Words::NONE
};

/// The bounds of the words of this folder.
fn bounds() -> Vec<Bound> {
    const QUANTITY_MAX: i64 = LINE_QUANTITY_MAX as i64;
    vec![
        (rows(), "movements[] counts[] AvailabilityBody.skus[]"),
        (json!({"minimum": -QUANTITY_MAX, "maximum": QUANTITY_MAX}), "StockChangeBody.quantity"),
        (json!({"not": {"const": 0}, "minimum": -QUANTITY_MAX, "maximum": QUANTITY_MAX}), "MovementBody.quantity"),
        (one_of(&["receipt", "sale", "return", "adjustment", "damage"]), "MovementBody.kind"),
        (one_of(&["included", "excluded"]), "CountsBody.put_aside"),
        (json!({"pattern": "^[0-9]{1,9}-[0-9]{1,9}$"}), "/v1/shortages.after"),
    ]
}
