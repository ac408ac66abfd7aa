//! What the OpenAPI document says of this folder: calls, examples, records.

use crate::http::document::words::{DURABLE, NEXT, UNCOUNTED, Words};

/// Its part of the document.
pub static WORDS: Words = Words {
    calls: &[
        (
            "GET /v1/availability",
            "Cells of the SKUs in the locations that are named, or in all that stock them; with `group`, one item for each SKU and \
         group. All items are of one `seq`. With `min_seq` the answer waits until that record is visible.",
            &[("200", "Availability")],
        ),
        (
            "POST /v1/availability/query",
            "The same as `GET /v1/availability` with a body, for a listing page of up to 1,000 SKUs.",
            &[("200", "Availability")],
        ),
        (
            "GET /v1/shortages",
            "For staff to settle: cells whose stock no longer covers what is promised, with the promises at risk.",
            &[("200", "ShortagePage")],
        ),
        ("GET /v1/stock", "Cells of a location or of a SKU, page by page.", &[("200", "CellPage")]),
        (
            "POST /v1/stock/counts",
            "A count is true at its `counted_at`: what moved before it does not count twice, and what moved after it stays in force.",
            &[("200", "CountedCells")],
        ),
        (
            "POST /v1/stock/movements",
            "All rows or none. A till's sale is never refused for want of stock.",
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
            "A SKU in a location. A channel that is told bands and no numbers gets `sku`, `location` and `band`.",
            &[
                ("sku", "text", "The SKU"),
                ("location", "text", "Where"),
                (
                    "on_hand?",
                    "units",
                    "Units that are physically there; below zero where more was sold than was known to be there",
                ),
                ("reserved?", "int", "Units that are promised and still there"),
                ("safety_stock?", "int", "Units that are held back from every channel"),
                ("buffer?", "int", "Units that the asking channel must leave"),
                ("available?", "int", "max(0, on_hand − reserved − safety_stock − buffer); see `tracked`"),
                ("tracked?", "flag", UNCOUNTED),
                ("band?", "in_stock|few_left|out_of_stock", "The same in words"),
                (
                    "availability?",
                    "InStock|LimitedAvailability|OutOfStock|BackOrder|PreOrder",
                    "The same in the words of schema.org",
                ),
                ("incoming?", "int", "Units of dated supply to come, where some is"),
                ("orderable?", "int", "Units that may be promised, those to come included"),
            ],
        ),
        (
            "GroupCell",
            "A SKU in a group of locations: what one reservation of the group would get.",
            &[
                ("sku", "text", "The SKU"),
                ("group?", "text", "The group"),
                ("location?", "text", "Where, for an item of a location"),
                ("on_hand?", "units", "Units that are physically there"),
                ("reserved?", "int", "Units that are promised and still there"),
                ("safety_stock?", "int", "For an item of a location: units that are held back"),
                ("buffer?", "int", "For an item of a location: units that the asking channel must leave"),
                ("available?", "int", "Units that a reservation is granted, exactly"),
                ("tracked?", "flag", UNCOUNTED),
                ("locations?", "int", "Locations of the group that stock it"),
                ("band?", "in_stock|few_left|out_of_stock", "The same in words"),
                (
                    "availability?",
                    "InStock|LimitedAvailability|OutOfStock|BackOrder|PreOrder",
                    "The same in the words of schema.org",
                ),
                ("incoming?", "int", "Units of dated supply to come"),
                ("orderable?", "int", "Units that may be promised, those to come included"),
            ],
        ),
        (
            "Availability",
            "Cells or groups, all of one moment of the log.",
            &[
                ("seq", "int", "The record that this reflects"),
                ("items", "[GroupCell]", "One for each SKU and location, or each SKU and group"),
                ("unknown", "[text]", "SKUs that were never heard of"),
            ],
        ),
        (
            "CellPage",
            "Cells of a location or a SKU.",
            &[
                ("seq", "int", "The record that this reflects"),
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
                ("on_hand?", "units", "Units that are physically there"),
                ("reserved?", "int", "Units that are promised and still there"),
                ("safety_stock?", "int", "Units that are held back"),
                ("buffer?", "int", "Units that a channel must leave"),
                ("available?", "int", "Units that can be promised"),
                ("tracked?", "flag", UNCOUNTED),
                ("band?", "in_stock|few_left|out_of_stock", "For a channel that is told no numbers"),
                ("occurred_at", "time", "When it happened"),
                ("created?", "flag", "The cell was not known before"),
                (
                    "absorbed?",
                    "flag",
                    "It is noted and changes nothing: a later count had seen it already, or the SKU is not counted",
                ),
                ("condition?", "text", "Of a return: what became of the goods"),
                ("out_of_range?", "flag", "The cell is as low as it goes, until a count"),
            ],
        ),
        (
            "MovedCells",
            "The cells after the movements.",
            &[("seq", "int", DURABLE), ("items", "[MovedCell]", "Row by row")],
        ),
        (
            "CountedCell",
            "What a count came to.",
            &[
                ("sku", "text", "The SKU"),
                ("location", "text", "Where"),
                ("expected?", "units", "Units that were thought to be there"),
                ("counted", "units", "Units that were counted"),
                ("delta?", "units", "counted − expected"),
                ("on_hand?", "units", "Units that are there now, later movements included"),
                ("reserved?", "int", "Units that are promised and still there"),
                ("band?", "in_stock|few_left|out_of_stock", "For a channel that is told no numbers"),
                (
                    "counted_at",
                    "time?",
                    "The moment for which it is true; null for stock that was there before anybody counted",
                ),
                ("outdated?", "flag", "A later count was known already, so this one changes nothing"),
            ],
        ),
        (
            "CountedCells",
            "What the counts came to.",
            &[("seq", "int", DURABLE), ("items", "[CountedCell]", "Row by row")],
        ),
        (
            "Shortage",
            "A cell that does not cover what is promised.",
            &[
                ("sku", "text", "The SKU"),
                ("location", "text", "Where"),
                ("on_hand?", "units", "Units that are physically there"),
                ("reserved?", "int", "Units that are promised and still to be handed over"),
                ("missing?", "int", "Units that are promised and not there"),
                ("band?", "in_stock|few_left|out_of_stock", "For a channel that is told no numbers"),
                ("promises", "[PromiseAtRisk]", "Promises of what is not there"),
                ("waiting", "[PromiseAtRisk]", "Promises of what comes too late, or not at all"),
                ("more_promises?", "flag", "There are more than are told"),
            ],
        ),
        (
            "ShortagePage",
            "Cells that are short.",
            &[
                ("seq", "int", "The record that this reflects"),
                ("items", "[Shortage]", "The cells"),
                ("next", "text?", NEXT),
            ],
        ),
    ],
};
