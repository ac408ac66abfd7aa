//! What the OpenAPI document says of this folder: calls, examples, records.

use crate::http::document::words::{NEXT, STATES, Words};

const RESERVED: &[(&str, &str)] = &[("200", "Reservation")];

/// Its part of the document.
pub static WORDS: Words = Words {
    calls: &[
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
                ("pickup_by", "time?", "When a confirmed pickup expires, unless it is collected"),
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
    ],
};
