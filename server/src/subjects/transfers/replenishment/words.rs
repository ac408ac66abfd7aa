//! Texts of replenishment in the OpenAPI document: calls, examples, records, bounds of words.

use serde_json::json;

use crate::http::document::bounds::{count, id, one_of, outside, some_text};
use crate::http::document::words::{Bound, DURABLE, NEXT, Words};

const POLICY: &[(&str, &str)] = &[("200", "ReplenishmentPolicy")];

/// The texts of this folder.
pub static WORDS: Words = Words {
    calls: &[
        ("GET /v1/replenishment", "Policies of replenishment, by id.", &[("200", "ReplenishmentPolicyPage")]),
        ("GET /v1/replenishment/{policy}", "Send its `ETag` as `If-Match` of a change.", POLICY),
        (
            "PUT /v1/replenishment/{policy}",
            "`min_max` needs `min` and `max`; `days_of_cover` needs `cover_days_min` and `cover_days_max`; `rebalance` needs both \
             of these and `idle_days`.",
            POLICY,
        ),
        (
            "DELETE /v1/replenishment/{policy}",
            "The policy no longer applies from the `seq` of the answer on.",
            &[("200", "ReplenishmentPolicyRemoved")],
        ),
        (
            "POST /v1/replenishment/run",
            "A position is on hand minus reserved, safety stock and backorders, plus all inbound supply. Drafts of \
             replenishment count for seven days, so a second run proposes nothing. `GET /v1/transfers?run=` lists the \
             transfers of a run. With `dry_run` no transfer is created, and the answer contains the plan.",
            &[("200", "ReplenishmentRun")],
        ),
        (
            "GET /v1/replenishment/runs/{run}",
            "Cells that needed units, up to 10,000: first those that got less than they needed.",
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
                ("kind", "min_max|days_of_cover|rebalance", "How it decides"),
                ("to", "any", "The locations that it supplies: `locations` and `groups`"),
                ("from", "[text]", "Locations and groups that send, in the order in which they are asked"),
                ("skus", "[text]", "These SKUs; all, if empty"),
                ("categories", "[text]", "SKUs in these categories"),
                ("attributes", "[text]", "SKUs with these attributes"),
                (
                    "min",
                    "int?",
                    "Units below which a position is filled; for `rebalance`, the minimum that stays at \
                                 the sender",
                ),
                ("max", "int?", "Units to which it is filled"),
                ("cover_days_min", "int?", "Days of cover below which a position is filled"),
                (
                    "cover_days_max",
                    "int?",
                    "Days to which it is filled; for `rebalance`, days above which a location sends",
                ),
                ("idle_days", "int?", "Days without a sale after which a location sends"),
                ("pack", "int", "The pack: units that move together"),
                ("mode", "propose|ready", "Whether its transfers are drafts, or ready at once"),
                ("at", "text?", "When it runs automatically, in the receiver's own time"),
                ("starts_at", "time?", "The time from which it applies"),
                ("ends_at", "time?", "Until when"),
                ("seq", "int", "The record of its last change"),
            ],
        ),
        (
            "ReplenishmentPolicyPage",
            "Policies, by id.",
            &[("items", "[ReplenishmentPolicy]", "The policies"), ("next", "text?", NEXT)],
        ),
        ("ReplenishmentPolicyRemoved", "The removed policy.", &[("policy", "text", "Its id"), ("seq", "int", DURABLE)]),
        (
            "ReplenishmentLine",
            "One line of a transfer that a run would make.",
            &[("sku", "text", "The SKU"), ("quantity", "int", "Units")],
        ),
        (
            "ReplenishmentTransfer",
            "A transfer that a run would make.",
            &[
                ("policy", "text", "The policy"),
                ("from", "text", "The sender"),
                ("to", "text", "The receiver"),
                ("reason", "replenishment|rebalance", "Why"),
                ("lines", "[ReplenishmentLine]", "The lines"),
            ],
        ),
        (
            "ReplenishmentRun",
            "The result of a run.",
            &[
                ("run", "text?", "Its id; null with `dry_run`"),
                ("seq", "int", "The record of the run; with `dry_run`, the one that the plan reflects"),
                ("made", "int", "Transfers that it created"),
                ("short", "int", "Cells that got less than they need"),
                ("transfers?", "[ReplenishmentTransfer]", "With `dry_run`: the transfers of the plan"),
                ("transfers_left_out?", "int", "With `dry_run`: transfers that did not fit into the answer"),
            ],
        ),
        (
            "ReplenishmentItem",
            "The need of a cell, and what it got.",
            &[
                ("sku", "text", "The SKU"),
                ("location", "text", "Where"),
                ("wanted", "int", "Units that it needed"),
                ("given", "int", "Units that it got"),
            ],
        ),
        (
            "ReplenishmentRunPage",
            "The result of a run, with the cells that it examined.",
            &[
                ("run", "text", "Its id"),
                ("seq", "int", "The record of the run"),
                ("made", "int", "Transfers that it created"),
                ("short", "int", "Cells that got less than they need"),
                ("items", "[ReplenishmentItem]", "The cells"),
                ("next", "text?", NEXT),
            ],
        ),
        (
            "ReplenishmentParts",
            "The parts of a position.",
            &[
                ("on_hand", "units", "Units on hand"),
                ("reserved", "int", "Units that are promised and on hand"),
                ("safety_stock", "int", "Safety stock: units held back from every channel"),
                ("waiting", "int", "Units of backorders"),
                ("incoming", "int", "Inbound supply, transfers in transit included"),
                ("drafts_in", "int", "Units that drafts of replenishment would bring"),
                ("drafts_out", "int", "Units that drafts of replenishment would send"),
            ],
        ),
        (
            "ReplenishmentVerdict",
            "The verdict of a policy about a cell.",
            &[
                ("policy", "text", "The policy"),
                (
                    "verdict",
                    "needs|enough|does_not_sell|other_sku|other_location|uncounted|not_in_force",
                    "The verdict on the cell as a receiver",
                ),
                ("below", "units?", "Units below which the position is filled"),
                ("up_to", "units?", "Units to which it is filled"),
                ("wanted", "int", "Units that the cell needs, in whole packs"),
                ("gives", "int", "Units that the cell can send to others"),
            ],
        ),
        (
            "ReplenishmentExplained",
            "The facts about a cell.",
            &[
                ("seq", "int", "The record that this answer reflects"),
                ("sku", "text", "The SKU"),
                ("location", "text", "Where"),
                ("position", "units", "On hand and inbound, minus promised and held back"),
                ("parts", "ReplenishmentParts", "The parts of the position"),
                ("may_leave", "int", "Units that rules allow to leave through the channel `transfer`"),
                ("per_day", "number", "Units sold per day, with more weight on recent days"),
                ("days_of_cover", "number?", "Days that the position lasts; null if it does not sell"),
                ("last_sale_at", "time?", "The time of the last sale"),
                ("policies", "[ReplenishmentVerdict]", "The verdict of each policy"),
            ],
        ),
    ],
    versioned: &["/v1/replenishment/{policy}"],
    tagged: &[],
    bounds,
    ..Words::NONE
};

/// The bounds of the words of this folder.
fn bounds() -> Vec<Bound> {
    vec![
        (id(), "/v1/replenishment/{policy}.policy RunBody.policies /v1/replenishment.after PolicyBody.from"),
        (one_of(&["min_max", "days_of_cover", "rebalance"]), "PolicyBody.kind"),
        (one_of(&["propose", "ready"]), "PolicyBody.mode"),
        (json!({"pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"}), "PolicyBody.at"),
        (count(), "PolicyBody.min PolicyBody.max"),
        (json!({"minimum": 0, "maximum": 3650}), "cover_days_min cover_days_max idle_days"),
        (json!({"minimum": 1, "maximum": 1_000_000}), "pack"),
        (some_text(), "PolicyBody.categories"),
        (outside(), "/v1/replenishment/runs/{run}.run"),
    ]
}
