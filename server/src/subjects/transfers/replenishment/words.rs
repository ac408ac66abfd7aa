//! What the OpenAPI document says of replenishment: calls, examples, records.

use crate::http::document::words::{DURABLE, NEXT, Words};

const POLICY: &[(&str, &str)] = &[("200", "ReplenishmentPolicy")];

/// Its part of the document.
pub static WORDS: Words = Words {
    calls: &[
        ("GET /v1/replenishment", "Policies of replenishment, by id.", &[("200", "ReplenishmentPolicyPage")]),
        ("GET /v1/replenishment/{policy}", "Its `ETag` goes into the `If-Match` of a change.", POLICY),
        (
            "PUT /v1/replenishment/{policy}",
            "`min_max` needs `min` and `max`; `days_of_cover` needs `cover_days_min` and `cover_days_max`; `rebalance` needs both \
             of these and `idle_days`.",
            POLICY,
        ),
        (
            "DELETE /v1/replenishment/{policy}",
            "The policy stops counting from the `seq` of the answer.",
            &[("200", "ReplenishmentPolicyRemoved")],
        ),
        (
            "POST /v1/replenishment/run",
            "Position is on hand less reserved, safety stock and waiting, and everything to come. Drafts of replenishment count for \
             seven days, so a second run proposes nothing. `GET /v1/transfers?run=` lists what it made. With `dry_run` nothing is \
             made, and the answer has the transfers.",
            &[("200", "ReplenishmentRun")],
        ),
        (
            "GET /v1/replenishment/runs/{run}",
            "Cells that needed something: those that got less than that first, up to 10,000.",
            &[("200", "ReplenishmentRunPage")],
        ),
        (
            "GET /v1/replenishment/explain",
            "The parts of a position, and the verdict of every policy.",
            &[("200", "ReplenishmentExplained")],
        ),
    ],
    examples: &[
        (
            "PUT /v1/replenishment/{policy}",
            r#"{"kind": "min_max", "to": {"locations": ["es-002"]}, "from": ["es-001"], "skus": ["TSHIRT-RED-M"], "min": 2, "max": 6}"#,
        ),
        ("POST /v1/replenishment/run", r#"{"dry_run": true}"#),
    ],
    records: &[
        (
            "ReplenishmentPolicy",
            "A policy of replenishment.",
            &[
                ("policy", "text", "Its id"),
                ("kind", "min_max|days_of_cover|rebalance", "What it goes by"),
                ("to", "any", "The places that it supplies: `locations` and `groups`"),
                ("from", "[text]", "Locations and groups that give, in the order in which they are asked"),
                ("skus", "[text]", "These SKUs; all, if there are none"),
                ("categories", "[text]", "SKUs in one of these categories"),
                ("attributes", "[text]", "SKUs with one of these attributes"),
                ("min", "int?", "Units below which a position is brought up; of `rebalance`, what stays at the giver"),
                ("max", "int?", "Units to which it is brought"),
                ("cover_days_min", "int?", "Days of cover below which a position is brought up"),
                (
                    "cover_days_max",
                    "int?",
                    "Days to which it is brought; of `rebalance`, those above which a place gives",
                ),
                ("idle_days", "int?", "Days without a sale after which a place gives"),
                ("pack", "int", "Units that are moved together"),
                ("mode", "propose|ready", "Whether its transfers are drafts, or ready at once"),
                ("at", "text?", "When it runs by itself, in the receiver's own time"),
                ("starts_at", "time?", "From when on it holds"),
                ("ends_at", "time?", "Until when"),
                ("seq", "int", "The record of its last change"),
            ],
        ),
        (
            "ReplenishmentPolicyPage",
            "Policies, by id.",
            &[("items", "[ReplenishmentPolicy]", "The policies"), ("next", "text?", NEXT)],
        ),
        (
            "ReplenishmentPolicyRemoved",
            "The policy is no more.",
            &[("policy", "text", "Its id"), ("seq", "int", DURABLE)],
        ),
        (
            "ReplenishmentLine",
            "One line of a transfer that a run would make.",
            &[("sku", "text", "The SKU"), ("quantity", "int", "Units")],
        ),
        (
            "ReplenishmentTransfer",
            "A transfer that a run would make.",
            &[
                ("policy", "text", "By which policy"),
                ("from", "text", "The place that gives"),
                ("to", "text", "The place that gets it"),
                ("reason", "replenishment|rebalance", "Why"),
                ("lines", "[ReplenishmentLine]", "What is moved"),
            ],
        ),
        (
            "ReplenishmentRun",
            "What a run came to.",
            &[
                ("run", "text?", "Its id; null with `dry_run`"),
                ("seq", "int", "The record of the run; with `dry_run`, the one that the plan reflects"),
                ("made", "int", "Transfers that it made"),
                ("short", "int", "Cells that got less than they need"),
                ("transfers?", "[ReplenishmentTransfer]", "With `dry_run`: what it would make"),
                ("transfers_left_out?", "int", "With `dry_run`: transfers that the answer has no room for"),
            ],
        ),
        (
            "ReplenishmentItem",
            "What a cell needed, and got.",
            &[
                ("sku", "text", "The SKU"),
                ("location", "text", "Where"),
                ("wanted", "int", "Units that it needed"),
                ("given", "int", "Units that it got"),
            ],
        ),
        (
            "ReplenishmentRunPage",
            "What a run came to, with the cells that it looked into.",
            &[
                ("run", "text", "Its id"),
                ("seq", "int", "The record of the run"),
                ("made", "int", "Transfers that it made"),
                ("short", "int", "Cells that got less than they need"),
                ("items", "[ReplenishmentItem]", "The cells"),
                ("next", "text?", NEXT),
            ],
        ),
        (
            "ReplenishmentParts",
            "What a position is made of.",
            &[
                ("on_hand", "units", "Units that are there"),
                ("reserved", "int", "Units of them that are promised"),
                ("safety_stock", "int", "Units that are held back from every channel"),
                ("waiting", "int", "Units that are promised and not there"),
                ("incoming", "int", "Inbound supply, with transfers that are under way"),
                ("drafts_in", "int", "Drafts of replenishment that would come"),
                ("drafts_out", "int", "Drafts of replenishment that would leave"),
            ],
        ),
        (
            "ReplenishmentVerdict",
            "What a policy says of a cell.",
            &[
                ("policy", "text", "The policy"),
                (
                    "verdict",
                    "needs|enough|does_not_sell|other_sku|other_location|uncounted|not_in_force",
                    "What it says of the cell as one that it supplies",
                ),
                ("below", "units?", "Units below which the position is brought up"),
                ("up_to", "units?", "Units to which it is brought"),
                ("wanted", "int", "Units that the cell needs, in whole packs"),
                ("gives", "int", "Units that the cell would give to others"),
            ],
        ),
        (
            "ReplenishmentExplained",
            "What replenishment knows of a cell.",
            &[
                ("seq", "int", "The record that this reflects"),
                ("sku", "text", "The SKU"),
                ("location", "text", "Where"),
                ("position", "units", "What is there and to come, less what is promised and held back"),
                ("parts", "ReplenishmentParts", "What the position is made of"),
                ("may_leave", "int", "Units that rules let leave through the channel `transfer`"),
                ("per_day", "number", "Units sold a day, the recent ones counting most"),
                ("days_of_cover", "number?", "Days that the position lasts; null where it does not sell"),
                ("last_sale_at", "time?", "When the last unit was sold"),
                ("policies", "[ReplenishmentVerdict]", "By policy: its verdict"),
            ],
        ),
    ],
};
