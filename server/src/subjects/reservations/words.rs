//! Texts of this folder in the OpenAPI document: calls, examples, records, bounds of words.

use serde_json::json;

use crate::http::document::bounds::{count, id, one_of};
use crate::http::document::words::{Bound, NEXT, STATES, Words};

const RESERVED: &[(&str, &str)] = &[("200", "Reservation")];

/// The texts of this folder.
pub static WORDS: Words = Words {
    calls: &[
        (
            "GET /v1/reservations",
            "Reservations that match all parameters, the newest first.",
            &[("200", "ReservationPage")],
        ),
        (
            "POST /v1/reservations",
            "All lines or none, unless `allow_partial`. A hold expires after `ttl_seconds` unless it is confirmed. A \
             refusal reports for each line what was short and what would succeed. Send an `Idempotency-Key`: a repeat \
             then gets the same answer.",
            &[("201", "Reservation")],
        ),
        ("GET /v1/reservations/{id}", "The record with its history.", RESERVED),
        (
            "POST /v1/reservations/{id}/bind",
            "Makes the location of lines that were requested from a group public. After that, these lines do not move.",
            RESERVED,
        ),
        (
            "POST /v1/reservations/{id}/cancel",
            "Cancels the units that are not yet collected; with `lines`, which need an `Idempotency-Key`, only those \
             units.",
            RESERVED,
        ),
        (
            "POST /v1/reservations/{id}/collect",
            "The units leave the location: on_hand and reserved decrease together. With `lines`, which need an \
             `Idempotency-Key`, only those units. A wrong `pickup_code` gets 403.",
            RESERVED,
        ),
        (
            "POST /v1/reservations/{id}/confirm",
            "The hold no longer expires after its TTL. If it is confirmed already, the answer is the record as it is.",
            RESERVED,
        ),
        (
            "POST /v1/reservations/{id}/extend",
            "The new deadline of a hold is now + `ttl_seconds`, up to a limit of its whole life.",
            RESERVED,
        ),
        (
            "POST /v1/reservations/{id}/ready",
            "The units are set aside. The record then has the code that the customer shows.",
            RESERVED,
        ),
        (
            "POST /v1/reservations/{id}/rebind",
            "Moves units of group lines to the given locations, in one record.",
            RESERVED,
        ),
        (
            "PUT /v1/reservations/{id}/pickup-by",
            "Moves the deadline of a confirmed or ready pickup; null removes it.",
            RESERVED,
        ),
    ],
    examples: &[
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
        ("PUT /v1/reservations/{id}/pickup-by", r#"{"pickup_by": "2035-01-11T20:00:00Z"}"#),
    ],
    records: &[
        (
            "ReservationLine",
            "Promised units of a SKU.",
            &[
                ("sku", "text", "The SKU"),
                ("location", "text?", "The location; null until a line of a group is bound"),
                ("group?", "text", "The group that the line was requested from"),
                ("requested", "int", "Requested units"),
                ("quantity", "int", "Reserved units, inbound units included"),
                ("collected", "int", "Units that were collected"),
                ("waiting?", "int?", "Inbound units; null for a channel that gets no numbers"),
                ("promised_for?", "time?", "The date that was promised for them"),
                (
                    "expected_at?",
                    "time?",
                    "When they are expected now; null if all inbound supply is promised to others",
                ),
                ("at_risk?", "flag", "They will arrive too late, or not at all"),
            ],
        ),
        (
            "ReservationStep",
            "A step of a reservation.",
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
                ("lines?", "[any]", "The units that it changed"),
                ("reason?", "text?", "Why it was cancelled"),
                ("code_shown?", "flag", "Whether the customer showed the pickup code"),
                ("first_seq?", "int", "The first of several steps that are reported as one"),
                ("count?", "int", "How many steps are reported as one"),
                ("moved?", "[any]", "Units that went to other locations"),
                ("pickup_by_before?", "time?", "The deadline of the pickup before it moved"),
                ("bound?", "[text]", "SKUs whose location became public"),
            ],
        ),
        (
            "Reservation",
            "A promise of units.",
            &[
                ("id", "text", "Its id, created by the server"),
                ("state", STATES, "Its state"),
                ("channel", "text", "The channel of the sale"),
                ("customer", "text?", "For whom"),
                ("purpose", "cart|pickup|delivery|transfer|carry_out", "For what"),
                ("order", "text?", "The order"),
                ("lines", "[ReservationLine]", "The promised lines"),
                ("created_at", "time", "When it was created"),
                ("expires_at", "time?", "When a hold expires; null once it is confirmed"),
                ("pickup_by", "time?", "When a confirmed pickup expires, unless it is collected"),
                ("pickup_code?", "text?", "The code that the customer shows, once the units are ready"),
                ("seq", "int", "The record of its last change"),
                ("history?", "[ReservationStep]", "Its history, the oldest step first; only for a single reservation"),
            ],
        ),
        (
            "ReservationPage",
            "Reservations, the newest first.",
            &[
                ("seq", "int", "The record that this answer reflects at least"),
                ("items", "[Reservation]", "The reservations"),
                ("total?", "int", "With `total=true`: how many match, at most 10,000"),
                ("more?", "flag", "True if more than 10,000 match"),
                ("next", "text?", NEXT),
            ],
        ),
        (
            "PromiseAtRisk",
            "A promise that stock or supply does not cover.",
            &[
                ("reservation", "text", "The reservation"),
                ("quantity", "int?", "Units at risk; null for a channel that gets no numbers"),
                ("state?", STATES, "Its state"),
                ("channel?", "text", "Its channel"),
                ("customer?", "text?", "Its customer"),
                ("order?", "text?", "Its order"),
                ("promised_for?", "time", "The date that was promised"),
                ("expected_at?", "time?", "When the units are expected now"),
            ],
        ),
        (
            "ShortLine",
            "A line that was refused.",
            &[
                ("line", "int", "The number of the line, from 0"),
                ("sku", "text", "The SKU"),
                ("location?", "text?", "Where"),
                ("group?", "text?", "The group"),
                ("requested", "int", "Requested units"),
                ("available?", "int?", "Available units"),
                ("missing?", "int?", "Missing units"),
                (
                    "constraint",
                    "on_hand|reserved|safety_stock|buffer|access|quota|group|supply|capacity|unknown_cell",
                    "The constraint that was short",
                ),
                ("rule?", "text?", "The rule that caused it"),
                (
                    "would_succeed?",
                    "any",
                    "What would succeed: fewer units, other locations, a later date, another fulfilment",
                ),
            ],
        ),
    ],
    tags: &[("reservations", "Reservations and their lives")],
    bounds,
    ..Words::NONE
};

/// The bounds of the words of this folder.
fn bounds() -> Vec<Bound> {
    vec![
        (id(), "RebindLineBody.from"),
        (count(), "LineView.quantity LineView.requested LineView.collected"),
        (json!({"minimum": 1, "maximum": 2_678_400}), "ttl_seconds"),
        (one_of(&["held", "confirmed", "ready", "collected", "cancelled", "expired"]), "state"),
        (json!({"pattern": "^r-"}), "/v1/reservations.after"),
        (json!({"enum": ["pickup_by"]}), "sort"),
    ]
}
