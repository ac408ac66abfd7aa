//! What calls answer with, for the document: records with their members, and for each call what to know before making it.
//!
//! The views write themselves out by hand where speed asks for it, so their shapes stand here once, in the words of
//! [`RECORDS`]. `tests/tests/openapi.rs` holds every answer of a walk through the whole API against them: a member that
//! stands in an answer and not here fails it.

use serde_json::{Map, Value, json};

/// A record: its name, what it is, and its members.
///
/// A member is its name, what it holds, and what that means. A name that ends in `?` may be left out. What it holds is
/// `text`, `int`, `units` (an integer that may be below zero), `number`, `flag`, `time`, `any`, `map` (names to texts), a choice
/// `a|b`, another record, or a list `[…]` of them; with a `?` behind, it may be null.
type Record = (&'static str, &'static str, &'static [(&'static str, &'static str, &'static str)]);

const RECORDS: &[Record] = &[
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
            ("available?", "int", "max(0, on_hand − reserved − safety_stock − buffer)"),
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
            ("band?", "in_stock|few_left|out_of_stock", "For a channel that is told no numbers"),
            ("occurred_at", "time", "When it happened"),
            ("created?", "flag", "The cell was not known before"),
            ("absorbed?", "flag", "A later count had seen it already, so it changes nothing"),
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
const DURABLE: &str = "The record at which this became durable";
const STATES: &str = "held|confirmed|ready|collected|cancelled|expired";

/// A call: method and path, what to know before making it, and the record that each success answers with. A record with a
/// slash is a media type.
type Call = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const RESERVED: &[(&str, &str)] = &[("200", "Reservation")];

const CALLS: &[Call] = &[
    (
        "GET /healthz",
        "For a supervisor: it answers as long as the process does, whatever the state of the store.",
        &[("200", "Alive")],
    ),
    ("GET /metrics", "Every metric begins with `anaquel_`.", &[("200", "text/plain")]),
    ("GET /readyz", "For a load balancer: 503 with the reason while the store takes no writes.", &[("200", "Ready")]),
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
        "GET /v1/backup",
        "Everything up to one record, as a file that `anaquel restore` takes; with `after` what came since an earlier one.",
        &[("200", "application/octet-stream")],
    ),
    ("GET /v1/channels", "The channels that were declared.", &[("200", "ChannelPage")]),
    ("GET /v1/channels/{channel}", "Its `ETag` goes into the `If-Match` of a change.", &[("200", "ChannelView")]),
    (
        "PUT /v1/channels/{channel}",
        "Declares a channel, or changes it: a field that is left out keeps what is there, and null takes it out.",
        &[("200", "ChannelView")],
    ),
    (
        "POST /v1/clock/trust",
        "Holds stop expiring when the clock jumps. An operator who knows that it is right lets them expire again.",
        &[("200", "ClockTrusted")],
    ),
    (
        "GET /v1/events",
        "Every change, in order, from the record after `after`. With `wait` the answer waits up to so many seconds for one. \
         `Accept: application/x-ndjson` streams one record a line.",
        &[("200", "EventPage")],
    ),
    (
        "GET /v1/export/{kind}",
        "Writes a file that `POST /v1/import/{kind}` takes back without changing anything.",
        &[("200", "text/csv")],
    ),
    ("GET /v1/groups", "Groups of locations, by id.", &[("200", "GroupPage")]),
    ("GET /v1/groups/{group}", "Its `ETag` goes into the `If-Match` of a change.", &[("200", "GroupView")]),
    (
        "PUT /v1/groups/{group}",
        "Sets the members of a group. A location may be in many groups.",
        &[("200", "GroupView")],
    ),
    (
        "POST /v1/import/{kind}",
        "Reads a file row by row, as it arrives. A row that is refused is told by line and spoils no other; with \
         `atomic=true` it spoils them all. The same file again changes nothing.",
        &[("200", "ImportDone")],
    ),
    ("GET /v1/info", "For an operator, and for tests that compare two servers.", &[("200", "Info")]),
    ("GET /v1/locations", "Locations, by id.", &[("200", "LocationPage")]),
    ("GET /v1/locations/{location}", "Its `ETag` goes into the `If-Match` of a change.", &[("200", "LocationView")]),
    (
        "PUT /v1/locations/{location}",
        "Declares a location, or changes it: a field that is left out keeps what is there, and null takes it out.",
        &[("200", "LocationView")],
    ),
    (
        "GET /v1/pickup",
        "Where a customer can fetch a basket, and when it would be ready there by the hours of the place. A `sku` may be \
         followed by `:` and a number of units.",
        &[("200", "PickupPlaces")],
    ),
    ("GET /v1/prices", "All prices of a SKU that the caller may see.", &[("200", "PricePage")]),
    (
        "GET /v1/reservations",
        "Reservations that match all that is asked, the newest first.",
        &[("200", "ReservationPage")],
    ),
    (
        "POST /v1/reservations",
        "All lines or none, unless `allow_partial`. A hold dies after `ttl_seconds`, unless it is confirmed. A refusal tells \
         line by line what was short and what would succeed. Send an `Idempotency-Key`: a repeat then gets the same answer.",
        &[("201", "Reservation")],
    ),
    ("GET /v1/reservations/{id}", "The record with its history.", RESERVED),
    (
        "POST /v1/reservations/{id}/bind",
        "Makes the location of lines that were asked of a group public. From there on they do not move.",
        RESERVED,
    ),
    (
        "POST /v1/reservations/{id}/cancel",
        "Gives back what is not yet collected; with `lines`, which need an `Idempotency-Key`, just those units.",
        RESERVED,
    ),
    (
        "POST /v1/reservations/{id}/collect",
        "The units leave the location: on_hand and reserved go down together. With `lines`, which need an \
         `Idempotency-Key`, only those units. A wrong `pickup_code` is 403.",
        RESERVED,
    ),
    (
        "POST /v1/reservations/{id}/confirm",
        "The hold no longer dies by its time. Confirming what is confirmed answers with the record as it is.",
        RESERVED,
    ),
    (
        "POST /v1/reservations/{id}/extend",
        "The new deadline of a hold is now + `ttl_seconds`, up to a cap on the whole.",
        RESERVED,
    ),
    (
        "POST /v1/reservations/{id}/ready",
        "The units are put aside. The record then has the code that the customer shows.",
        RESERVED,
    ),
    (
        "POST /v1/reservations/{id}/rebind",
        "Units of a group's lines move to the locations that are named, in one record.",
        RESERVED,
    ),
    (
        "PUT /v1/reservations/{id}/pickup-by",
        "Moves the deadline of a confirmed or ready pickup; null takes it away.",
        RESERVED,
    ),
    ("GET /v1/rules", "Rules, by id.", &[("200", "RulePage")]),
    (
        "GET /v1/rules/explain",
        "Every rule that holds for a SKU, a location and a channel: which decides, which lose, and to which.",
        &[("200", "RulesExplained")],
    ),
    ("DELETE /v1/rules/{rule}", "The rule stops counting from the `seq` of the answer.", &[("200", "RuleRemoved")]),
    ("GET /v1/rules/{rule}", "Its `ETag` goes into the `If-Match` of a change.", &[("200", "RuleView")]),
    (
        "PUT /v1/rules/{rule}",
        "A rule holds where every list that it names holds, and a list holds where one of its values does.",
        &[("200", "RuleView")],
    ),
    (
        "GET /v1/shortages",
        "For staff to settle: cells whose stock no longer covers what is promised, with the promises at risk.",
        &[("200", "ShortagePage")],
    ),
    ("GET /v1/skus", "SKUs, by id.", &[("200", "SkuPage")]),
    ("GET /v1/skus/{sku}", "Its `ETag` goes into the `If-Match` of a change.", &[("200", "SkuView")]),
    (
        "PUT /v1/skus/{sku}",
        "Declares a SKU, or changes it: a field that is left out keeps what is there, and null takes it out.",
        &[("200", "SkuView")],
    ),
    (
        "POST /v1/sourcing",
        "Splits an order over locations as the policy wants, and promises it in one step. With `dry_run` it shows the plan, \
         what each weight adds, and the runner-up, and promises nothing.",
        &[("200", "SourcingShown"), ("201", "SourcingDone")],
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
    (
        "GET /v1/stream",
        "A WebSocket: subscribe to cells, and send commands. See the stream guide for its messages.",
        &[],
    ),
    (
        "GET /v1/stream/sse",
        "The same as a subscription over the socket; the event id is the cursor.",
        &[("200", "text/event-stream")],
    ),
    ("GET /v1/supply", "Cells to which something is to come, with the promises at risk.", &[("200", "SupplyPage")]),
    ("PUT /v1/supply", "A supply with quantity 0 is taken out. A receipt uses supply up.", &[("200", "SupplySet")]),
    ("POST /v1/what-if", "Nothing is touched: the answer comes from a replay of the log.", &[("200", "WhatIf")]),
];

/// Bodies that work on the demo's data, so that trying a call out does something sensible.
const BODIES: &[(&str, &str)] = &[
    (
        "POST /v1/availability/query",
        r#"{"skus": ["TSHIRT-RED-M", "TSHIRT-WHITE-S"], "groups": ["spain"], "channel": "web"}"#,
    ),
    ("PUT /v1/channels/{channel}", r#"{"buffer": 1}"#),
    ("PUT /v1/groups/{group}", r#"{"locations": ["es-001", "es-002"]}"#),
    (
        "PUT /v1/locations/{location}",
        r#"{"name": "Madrid, Atocha", "kind": "store", "timezone": "Europe/Madrid", "latitude": 40.41, "longitude": -3.69, "pickup": true,
            "hours": {"mon": "10:00-14:00,17:00-20:00", "sat": "10:00-21:00"}, "pickup_minutes": 60}"#,
    ),
    (
        "POST /v1/reservations",
        r#"{"channel": "web", "purpose": "pickup", "lines": [{"sku": "TSHIRT-RED-M", "location": "es-002", "quantity": 1}]}"#,
    ),
    ("POST /v1/reservations/{id}/bind", "{}"),
    ("POST /v1/reservations/{id}/cancel", r#"{"reason": "changed their mind"}"#),
    ("POST /v1/reservations/{id}/collect", "{}"),
    ("POST /v1/reservations/{id}/confirm", r#"{"order": "W-1007"}"#),
    ("POST /v1/reservations/{id}/extend", r#"{"ttl_seconds": 900}"#),
    ("POST /v1/reservations/{id}/ready", "{}"),
    ("POST /v1/reservations/{id}/rebind", r#"{"lines": [{"sku": "TSHIRT-RED-M", "location": "es-w01"}]}"#),
    ("PUT /v1/reservations/{id}/pickup-by", r#"{"pickup_by": "2027-01-11T20:00:00Z"}"#),
    ("PUT /v1/rules/{rule}", r#"{"kind": "safety_stock", "units": 2, "groups": ["spain"], "channels": ["web"]}"#),
    (
        "PUT /v1/skus/{sku}",
        r#"{"name": "T-shirt, green, M", "unit": "piece", "categories": ["tops"], "attributes": {"colour": "green", "size": "M"}}"#,
    ),
    (
        "POST /v1/sourcing",
        r#"{"channel": "web", "policy": "fewest_shipments", "destination": {"latitude": 40.41, "longitude": -3.7}, "max_shipments": 2,
            "dry_run": true, "lines": [{"sku": "TSHIRT-RED-M", "quantity": 3}]}"#,
    ),
    ("POST /v1/stock/counts", r#"{"counts": [{"sku": "TSHIRT-RED-M", "location": "es-002", "on_hand": 12}]}"#),
    (
        "POST /v1/stock/movements",
        r#"{"movements": [{"kind": "receipt", "sku": "TSHIRT-RED-M", "location": "es-002", "quantity": 5, "reference": "DN-17"}]}"#,
    ),
    (
        "PUT /v1/supply",
        r#"{"supplies": [{"supply": "PO-4711", "sku": "TSHIRT-RED-M", "location": "mx-w01", "quantity": 40, "expected_at": "2027-01-10T09:00:00Z"}]}"#,
    ),
    (
        "POST /v1/what-if",
        r#"{"after": 0, "rules": {"keep-two": {"kind": "safety_stock", "units": 2, "channels": ["web"]}}}"#,
    ),
];

/// Parameters by name, and where it differs by path and name: values of the demo's data. Those that nobody needs are left
/// empty, so that trying a call out does not narrow it.
const PARAMETERS: &[(&str, &str)] = &[
    ("sku", "TSHIRT-RED-M"),
    ("location", "es-002"),
    ("group", "spain"),
    ("channel", "web"),
    ("rule", "outlets-keep-two"),
    ("near", "40.41,-3.70"),
];

/// Headers of answers, by name.
const HEADERS: &[(&str, &str)] = &[
    ("ETag", "The version, for `If-Match` and `If-None-Match`"),
    ("Location", "The path of what was made"),
    ("Idempotent-Replayed", "`true`: the key was used before, and this is the first answer again"),
    ("Retry-After", "Seconds after which another try makes sense"),
];

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

/// Completes one call: what to know of it, what its successes answer with, their headers, and examples that work.
pub fn complete(method: &str, path: &str, operation: &mut Value) {
    let call = format!("{} {path}", method.to_uppercase());
    if let Some((_, description, answers)) = CALLS.iter().find(|(known, ..)| *known == call) {
        let longer = operation.get("description").and_then(Value::as_str).map(str::to_owned);
        operation["description"] = match longer {
            Some(longer) => format!("{description}\n\n{longer}").into(),
            None => (*description).into(),
        };
        for (status, record) in *answers {
            answer(&mut operation["responses"][*status], record);
        }
    }
    if let Some((_, body)) = BODIES.iter().find(|(known, _)| *known == call) {
        let example: Value = serde_json::from_str(body).unwrap_or_default();
        if let Some(content) = operation.pointer_mut("/requestBody/content/application~1json") {
            content["example"] = example;
        }
    }
    for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
        let name = parameter.get("name").and_then(Value::as_str).unwrap_or_default();
        let needed = parameter.get("required") == Some(&json!(true)) || name == "near";
        let Some((_, value)) = PARAMETERS.iter().find(|(known, _)| *known == name).filter(|_| needed) else { continue };
        parameter["example"] = match parameter.pointer("/schema/type").and_then(Value::as_str) {
            Some("array") => json!([value]),
            _ => json!(value),
        };
    }
    headers(method, path, operation);
}

fn answer(answer: &mut Value, record: &str) {
    if record.contains('/') {
        if answer.pointer("/content").is_none() {
            answer["content"] = json!({record: {"schema": {"type": "string"}}});
        } else if let Some(content) = answer.pointer_mut("/content").and_then(|all| all.get_mut(record)) {
            content["schema"] = json!({"type": "string"});
        }
    } else {
        let schema = json!({"$ref": format!("#/components/schemas/{record}")});
        match answer.pointer_mut("/content/application~1json") {
            Some(content) => content["schema"] = schema,
            None => answer["content"] = json!({"application/json": {"schema": schema}}),
        }
        if answer.get("description").and_then(Value::as_str).is_none_or(str::is_empty) {
            let known = RECORDS.iter().find(|(name, ..)| *name == record);
            answer["description"] = known.map_or("As it is", |(_, meaning, _)| meaning).into();
        }
    }
}

fn headers(method: &str, path: &str, operation: &mut Value) {
    let keyed = operation
        .get("parameters")
        .and_then(Value::as_array)
        .is_some_and(|all| all.iter().any(|one| one.get("name") == Some(&json!("Idempotency-Key"))));
    let versioned = path.ends_with('}')
        && matches!(method, "get" | "put")
        && !path.contains("reservations")
        && !path.contains("export");
    let Some(answers) = operation.get_mut("responses").and_then(Value::as_object_mut) else { return };
    for (status, answer) in answers {
        let told: &[(&str, bool)] = match status.as_str() {
            "200" => &[("ETag", versioned), ("Idempotent-Replayed", keyed)],
            "201" => &[("Location", true), ("Idempotent-Replayed", keyed)],
            "429" | "503" => &[("Retry-After", true)],
            _ => &[],
        };
        for (name, _) in told.iter().filter(|(_, holds)| *holds) {
            let meaning = HEADERS.iter().find(|(known, _)| known == name).map_or("", |(_, meaning)| meaning);
            let kind = if *name == "Retry-After" { "integer" } else { "string" };
            answer["headers"][*name] = json!({"description": meaning, "schema": {"type": kind}});
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use super::*;

    #[test]
    fn examples_are_json_and_records_name_records_that_there_are() {
        for (call, body) in BODIES {
            assert!(serde_json::from_str::<Value>(body).is_ok(), "{call}: {body}");
            assert!(CALLS.iter().any(|(known, ..)| known == call), "{call}");
        }
        let text = serde_json::to_string(&schemas()).unwrap();
        for reference in text.split("#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(name.ends_with("View") || RECORDS.iter().any(|(known, ..)| *known == name), "{name}");
        }
    }
}
