//! The records that calls answer with: their members, and what those mean.

use serde_json::{Map, Value, json};

/// A record: its name, what it is, and its members.
///
/// A member is its name, what it holds, and what that means. A name that ends in `?` may be left out. What it holds is
/// `text`, `int`, `units` (an integer that may be below zero), `number`, `flag`, `time`, `any`, `map` (names to texts), a choice
/// `a|b`, another record, or a list `[…]` of them; with a `?` behind, it may be null.
pub type Record = (&'static str, &'static str, &'static [(&'static str, &'static str, &'static str)]);

pub const RECORDS: &[Record] = &[
    ("Alive", "The process lives.", &[("status", "text", "`alive`")]),
    (
        "Ready",
        "Whether writes are taken.",
        &[
            ("status", "text", "`ready`; in a problem, the reason"),
            ("expiry_frozen", "flag", "Holds do not expire, since the clock jumped: see `POST /v1/clock/trust`"),
            ("warnings", "[text]", "What will need somebody soon, such as a share of keys that is nearly used up"),
        ],
    ),
    (
        "Info",
        "The build, the log and what memory holds.",
        &[
            ("version", "text", "The version of the build"),
            ("epoch", "text", "The log's identity: it changes with a new or restored data directory only"),
            ("epochs", "[any]", "The identities that the log had, and after which `seq` each began"),
            ("seq", "int", "The last durable record"),
            ("oldest_seq", "int", "The oldest record that the log still has"),
            ("state_hash", "text", "The digest of everything that is served; `anaquel verify` computes it, too"),
            (
                "files_hash",
                "text",
                "The digest of what files carry: equal on a server that was loaded from the exports of this one",
            ),
            ("state_parts", "map", "The same digest, subject by subject"),
            ("uptime_seconds", "int", "Since the process started"),
            ("cells", "int", "SKUs times the locations that stock them"),
            ("matrix_bytes", "int", "Memory of the cells"),
            ("skus", "int", "SKUs"),
            ("locations", "int", "Locations"),
            ("reservations", "any", "Open ones, those kept after they closed, and the memory of these"),
            ("shortages", "int", "Cells that do not cover what is promised"),
            ("idempotency_keys", "int", "Keys that are kept"),
            ("journal", "any", "The store, when it syncs, and its health"),
            ("clock", "any", "The clock, and how far it is from the log's time"),
            ("expiry", "text", "`running` or `frozen`"),
            ("old_log", "any", "What a check of the log before the last image has found so far"),
        ],
    ),
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
        &[("seq", "int", "The record that this reflects"), ("items", "[Cell]", "The cells"), ("next", "text?", NEXT)],
    ),
    (
        "ReservationLine",
        "Units of a SKU that are promised.",
        &[
            ("sku", "text", "The SKU"),
            ("location", "text?", "Where; null until a line of a group is bound"),
            ("group?", "text", "The group that it was asked of"),
            ("requested", "int", "Units that were asked for"),
            ("quantity", "int", "Units that are reserved, those to come included"),
            ("collected", "int", "Units that were handed over"),
            ("waiting?", "int?", "Units that are still to come; null for a channel that is told no numbers"),
            ("promised_for?", "time?", "The date that was promised for them"),
            (
                "expected_at?",
                "time?",
                "When they are expected now; null where nothing is to come that is not promised to others",
            ),
            ("at_risk?", "flag", "They will come too late, or not at all"),
        ],
    ),
    (
        "ReservationStep",
        "Something that happened to a reservation.",
        &[
            ("seq", "int", "Its record"),
            ("time", "time", "When"),
            (
                "kind",
                "reserved|confirmed|ready|collected|cancelled|superseded|extended|shifted|expired|filled|dated|rebound|pickup_by_set",
                "What",
            ),
            ("state", STATES, "The state after it"),
            ("actor?", "text?", "The name of the key that did it"),
            ("lines?", "[any]", "The units that it touched"),
            ("reason?", "text?", "Why it was cancelled"),
            ("code_shown?", "flag", "Whether the customer showed the pickup code"),
            ("first_seq?", "int", "The first of several that are told as one"),
            ("count?", "int", "How many are told as one"),
            ("moved?", "[any]", "Units that went to other locations"),
            ("pickup_by_before?", "time?", "The deadline of the pickup before it moved"),
            ("bound?", "[text]", "SKUs whose location became public"),
        ],
    ),
    (
        "Reservation",
        "A promise of units.",
        &[
            ("id", "text", "Its identity, made by the server"),
            ("state", STATES, "Where it is in its life"),
            ("channel", "text", "Through which channel it was made"),
            ("customer", "text?", "For whom"),
            ("purpose", "cart|pickup|delivery", "For what"),
            ("order", "text?", "For which order"),
            ("lines", "[ReservationLine]", "What is promised"),
            ("created_at", "time", "When it was made"),
            ("expires_at", "time?", "When a hold dies; null once it is confirmed"),
            ("pickup_by", "time?", "When a confirmed pickup dies, if nobody fetches it"),
            ("pickup_code?", "text?", "What the customer shows, once it is ready"),
            ("seq", "int", "The record of its last change"),
            ("history?", "[ReservationStep]", "What happened to it, the oldest first; of one reservation only"),
        ],
    ),
    (
        "ReservationPage",
        "Reservations, the newest first.",
        &[
            ("seq", "int", "The record that this reflects at least"),
            ("items", "[Reservation]", "The reservations"),
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
                "It is noted and changes nothing: a later count had seen it already, or nobody counts the SKU",
            ),
            ("condition?", "text", "Of a return: what became of the goods"),
            ("out_of_range?", "flag", "The cell is as low as it goes until somebody counts it"),
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
    ("CountedCells", "What the counts came to.", &[("seq", "int", DURABLE), ("items", "[CountedCell]", "Row by row")]),
    (
        "PromiseAtRisk",
        "A promise that stock or supply does not cover.",
        &[
            ("reservation", "text", "The reservation"),
            ("quantity", "int?", "Units at risk; null for a channel that is told no numbers"),
            ("state?", STATES, "Its state"),
            ("channel?", "text", "Its channel"),
            ("customer?", "text?", "Its customer"),
            ("order?", "text?", "Its order"),
            ("promised_for?", "time", "The date that was promised"),
            ("expected_at?", "time?", "When the units are expected now"),
        ],
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
    (
        "Supply",
        "Units to come.",
        &[
            ("supply", "text", "The caller's own document, such as a purchase order"),
            ("kind", "purchase_order|in_transit", "Where they are"),
            ("quantity", "int?", "Units still to come; null for a channel that is told no numbers"),
            ("expected_at", "time", "When"),
        ],
    ),
    (
        "CellToCome",
        "What is to come to a cell, and who waits for it.",
        &[
            ("sku", "text", "The SKU"),
            ("location", "text", "Where"),
            ("incoming", "int?", "Units to come in all"),
            ("supplies", "[Supply]", "What is to come, the earliest first"),
            ("waiting", "int?", "Units that are waited for"),
            ("at_risk", "[PromiseAtRisk]", "Promises that will not be kept, the first of them"),
        ],
    ),
    (
        "SupplyPage",
        "Cells to which something is to come.",
        &[
            ("seq", "int", "The record that this reflects"),
            ("items", "[CellToCome]", "The cells"),
            ("next", "text?", NEXT),
        ],
    ),
    (
        "SupplySet",
        "The cells as they are from here on.",
        &[("seq", "int", DURABLE), ("items", "[CellToCome]", "The cells that were named")],
    ),
    (
        "Price",
        "A price of a SKU.",
        &[
            ("sku", "text", "The SKU"),
            ("amount", "int", "In minor units of the currency"),
            ("currency", "text", "ISO 4217"),
            ("channel", "text?", "The channel that it holds for; null for all"),
            ("location", "text?", "The location that it holds for; null for all"),
        ],
    ),
    ("PricePage", "Prices.", &[("items", "[Price]", "The prices"), ("next", "text?", NEXT)]),
    ("SkuPage", "SKUs.", &[("items", "[SkuView]", "The SKUs"), ("next", "text?", NEXT)]),
    ("LocationPage", "Locations.", &[("items", "[LocationView]", "The locations"), ("next", "text?", NEXT)]),
    ("GroupPage", "Groups.", &[("items", "[GroupView]", "The groups"), ("next", "text?", NEXT)]),
    ("ChannelPage", "Channels.", &[("items", "[ChannelView]", "The channels"), ("next", "text?", NEXT)]),
    ("RulePage", "Rules.", &[("items", "[RuleView]", "The rules"), ("next", "text?", NEXT)]),
    ("RuleRemoved", "The rule is no more.", &[("rule", "text", "Its id"), ("seq", "int", DURABLE)]),
    (
        "Retired",
        "The thing is no more. One of the four ids is there.",
        &[
            ("sku?", "text", "The SKU"),
            ("location?", "text", "The location"),
            ("group?", "text", "The group"),
            ("channel?", "text", "The channel"),
            ("retired", "flag", "True"),
            ("seq", "int", DURABLE),
        ],
    ),
    (
        "Holders",
        "What holds a thing, of one kind.",
        &[
            ("count", "int", "How many there are; of the reservations of a SKU at most 1,000 are counted"),
            ("some", "[text]", "Some of them by name, where they have one"),
        ],
    ),
    (
        "RulesExplained",
        "Why a cell counts as it does for a channel.",
        &[
            ("seq", "int", "The record that this reflects"),
            ("sku", "text", "The SKU"),
            ("location", "text", "Where"),
            ("channel", "text?", "For which channel"),
            ("in_force", "any", "By kind: the rule that decides, or null"),
            ("result", "any", "What they come to"),
            (
                "rules",
                "[any]",
                "Every rule that holds for the cell and the channel, with its verdict, and to which it loses",
            ),
        ],
    ),
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
            ("missing", "[ShipmentLine]", "What nobody has"),
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
    (
        "Tally",
        "Demand, counted.",
        &[
            ("accepted", "int", "Requests that were granted"),
            ("accepted_units", "int", "Their units"),
            ("refused", "int", "Requests that were refused"),
            ("lost_units", "int", "Their units"),
        ],
    ),
    (
        "WhatIf",
        "What happened, and what would have.",
        &[
            ("first_seq", "int", "The first record of the span"),
            ("last_seq", "int", "The last"),
            ("records", "int", "Records that were replayed"),
            ("oldest_seq", "int", "The oldest that the log still has"),
            ("actual", "Tally", "What happened"),
            ("replayed", "Tally", "The replay with nothing changed: the same as `actual` but for what it cannot know"),
            ("what_if", "Tally", "What would have happened"),
            ("difference", "any", "what_if − replayed"),
            ("items", "[any]", "The same by location and channel"),
        ],
    ),
    (
        "Cause",
        "Who asked for a record.",
        &[
            ("channel", "text?", "The channel"),
            ("actor", "text?", "The name of the key"),
            ("reference", "text?", "The caller's own document"),
            ("idempotency_key", "text?", "The key under which a repeat gets the same answer"),
            ("traceparent", "text?", "The trace of the request"),
            ("key", "text?", "The id of the key"),
            ("address", "text?", "The caller's address"),
            ("request", "text?", "The id of the request"),
        ],
    ),
    (
        "Event",
        "A record of the log. Beside these members it has those of its kind.",
        &[
            ("seq", "int", "Its place in the log"),
            ("time", "time", "When it was logged"),
            ("kind", "text", "What happened"),
            ("reservation?", "text", "The reservation, for kinds that are about one"),
            ("cause", "Cause", "Who asked for it"),
            ("*", "any", "More, by kind"),
        ],
    ),
    (
        "EventPage",
        "Records, in order.",
        &[("items", "[Event]", "The records"), ("next", "int?", "`after` of the next page")],
    ),
    (
        "ImportError",
        "A row that was refused.",
        &[
            ("line", "int", "Its line in the file"),
            ("field", "text?", "The column"),
            ("reason", "text", "What is wrong, and the remedy"),
        ],
    ),
    (
        "ImportDone",
        "What became of the rows; the three counts add up to them.",
        &[
            ("accepted", "int", "Rows that changed something"),
            ("unchanged", "int", "Rows that said what was known"),
            ("rejected", "int", "Rows that were refused"),
            ("errors", "[ImportError]", "Why, row by row; the first of them"),
            ("errors_left_out", "int", "Refused rows that `errors` does not tell of"),
            ("rejects?", "text", "With `rejects=true`: the refused rows as a file of the same kind"),
            ("rejects_left_out?", "int", "Refused rows that did not fit into it"),
            ("seq", "int", DURABLE),
        ],
    ),
    ("ClockTrusted", "Holds expire again.", &[("expiry", "text", "`running`")]),
    (
        "ShortLine",
        "A line that was refused.",
        &[
            ("line", "int", "Which line, from 0"),
            ("sku", "text", "The SKU"),
            ("location?", "text?", "Where"),
            ("group?", "text?", "Of which group"),
            ("requested", "int", "Units that were asked for"),
            ("available?", "int?", "Units that can be promised"),
            ("missing?", "int?", "Units that are not there"),
            (
                "constraint",
                "on_hand|reserved|safety_stock|buffer|access|quota|group|supply|capacity|unknown_cell",
                "What was short",
            ),
            ("rule?", "text?", "The rule behind it"),
            (
                "would_succeed?",
                "any",
                "What would be granted: fewer units, other locations, a later date, another fulfilment",
            ),
        ],
    ),
];

const NEXT: &str = "`after` of the next page; null at the end";
const UNCOUNTED: &str = "False where nobody counts the SKU, and left out otherwise. Its units come into being with a promise and \
                         are gone with it, and `available` is what one line may be promised";
const DURABLE: &str = "The record at which this became durable";
const STATES: &str = "held|confirmed|ready|collected|cancelled|expired";

/// The schemas of all records, by name.
pub fn schemas() -> Map<String, Value> {
    RECORDS.iter().map(|(name, meaning, members)| ((*name).to_owned(), record(meaning, members))).collect()
}

fn record(meaning: &str, members: &[(&str, &str, &str)]) -> Value {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    let mut schema = json!({"type": "object", "description": meaning});
    for (name, holds, meaning) in members {
        if *name == "*" {
            schema["additionalProperties"] = true.into();
            continue;
        }
        let known = name.strip_suffix('?');
        if known.is_none() {
            required.push(Value::from(*name));
        }
        properties.insert(known.unwrap_or(name).to_owned(), member(holds, meaning));
    }
    schema["properties"] = properties.into();
    schema["required"] = required.into();
    schema
}

fn member(holds: &str, meaning: &str) -> Value {
    let mut schema = holding(holds);
    match schema.get("$ref") {
        // The record says what it is; here stands what it is here.
        Some(_) => json!({"allOf": [schema], "description": meaning}),
        None => {
            schema["description"] = meaning.into();
            schema
        }
    }
}

fn holding(holds: &str) -> Value {
    if let Some(holds) = holds.strip_suffix('?') {
        let mut schema = holding(holds);
        if schema.get("$ref").is_some() {
            return json!({"oneOf": [schema, {"type": "null"}]});
        }
        if let Some(kind) = schema.get("type").cloned() {
            schema["type"] = json!([kind, "null"]);
        }
        if let Some(Value::Array(values)) = schema.get_mut("enum") {
            values.push(Value::Null);
        }
        return schema;
    }
    if let Some(item) = holds.strip_prefix('[').and_then(|holds| holds.strip_suffix(']')) {
        return json!({"type": "array", "items": holding(item)});
    }
    match holds {
        "text" => json!({"type": "string"}),
        "int" => json!({"type": "integer", "format": "int64", "minimum": 0}),
        "units" => json!({"type": "integer", "format": "int64"}),
        "number" => json!({"type": "number", "format": "double"}),
        "flag" => json!({"type": "boolean"}),
        "time" => json!({"type": "string", "format": "date-time"}),
        "map" => json!({"type": "object", "additionalProperties": {"type": "string"}}),
        "any" => json!({"type": "object", "additionalProperties": true}),
        choice if choice.contains('|') => json!({"type": "string", "enum": choice.split('|').collect::<Vec<_>>()}),
        record => json!({"$ref": format!("#/components/schemas/{record}")}),
    }
}
