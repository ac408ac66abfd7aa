//! Texts of returns in the OpenAPI document: calls, examples, records.

use anaquel_engine::returns::{Condition, ReturnState};
use serde_json::json;

use crate::http::document::bounds::{customer, outside};
use crate::http::document::words::{Bound, NEXT, STEP, Words};
use crate::subjects::orders::bodies::limits::{CHARGES_MAX, LINES_MAX, PAYMENTS_MAX, REFUNDS_MAX};

const RETURN: &[(&str, &str)] = &[("200", "Return")];

/// The texts of returns.
pub static WORDS: Words = Words {
    calls: &[
        (
            "POST /v1/returns",
            "Goods of any order come back to any location. Sellable units go to the shelf; the others go into the \
             quarantine of the location. `sku` takes the lines of the order with it, oldest first. The refunds go to the \
             tenders that paid, as the plan says; any other division needs the scope `refund`. What is taken in \
             `exchange` is sold in the same step, and paid with what comes back. Without `order` and receipt, it needs \
             the scope `refund` and a rule of the kind `returns` that allows it, and a unit is worth the lowest price of \
             the last 60 days. `announced` holds nothing: what counts is what can come back when the goods come. With \
             `occurred_at` it is told late: it has happened, and is never refused for want of units.",
            &[("201", "Return"), ("200", "Return")],
        ),
        ("GET /v1/returns", "Returns that match all parameters, the newest first.", &[("200", "ReturnPage")]),
        ("GET /v1/returns/{return}", "The record with its history.", RETURN),
        (
            "POST /v1/returns/{return}/receive",
            "Announced goods come, at any location: of each line as many units as were announced, fewer, or none.",
            RETURN,
        ),
        (
            "POST /v1/returns/{return}/inspect",
            "Units of the condition `inspect` leave the quarantine: to the shelf, or written off. It can be said again \
             until all of them have been looked at.",
            RETURN,
        ),
        (
            "POST /v1/returns/{return}/refunds",
            "A refund whose id is known says what became of it: `pending` becomes `done` or `failed`. One that failed is \
             replaced by another.",
            RETURN,
        ),
        ("POST /v1/returns/{return}/cancel", "While it is announced.", RETURN),
    ],
    examples: &[
        (
            "POST /v1/returns",
            r#"{"channel": "pos", "location": "es-001", "till": "7", "order": "T-es-001-2-1",
                "lines": [{"line": "1", "quantity": 1, "condition": "sellable", "reason": "too small"}]}"#,
        ),
        (
            "POST /v1/returns/{return}/receive",
            r#"{"channel": "pos", "location": "es-001", "lines": [{"line": "1", "quantity": 1, "condition": "inspect"}]}"#,
        ),
        ("POST /v1/returns/{return}/inspect", r#"{"lines": [{"line": "1", "quantity": 1, "condition": "sellable"}]}"#),
        (
            "POST /v1/returns/{return}/refunds",
            r#"{"refunds": [{"refund": "r1", "tender": "cash", "amount": 1, "state": "done"}]}"#,
        ),
        ("POST /v1/returns/{return}/cancel", r#"{"reason": "kept it"}"#),
    ],
    records: &[
        (
            "ReturnLine",
            "Units of one line that come back in one condition.",
            &[
                ("line", "text", "The line of the order; without one, its id within the return"),
                ("sku", "text", "The SKU"),
                ("quantity", "int", "Units"),
                ("condition", "text?", "`sellable`, `inspect` or `damaged`; null while nobody said"),
                ("found_sellable", "int", "Units that somebody looked at and put on the shelf"),
                ("found_damaged", "int", "Units that somebody looked at and wrote off"),
                ("refund_amount", "int", "What they are worth; 0 while they are announced"),
                ("reason", "text?", "Why they come back"),
                ("unreferenced", "flag", "Whether they belong to no known sale"),
            ],
        ),
        (
            "ReturnCharge",
            "What of a charge comes back.",
            &[("charge", "text", "The charge of the order"), ("amount", "int", "In minor units")],
        ),
        ("ReturnStep", "One step of a return's life.", STEP),
        (
            "Return",
            "Goods that come back, and what is paid back for them.",
            &[
                ("return", "text?", "Its id; null with `dry_run`"),
                ("state", "announced|received|settled|cancelled", "Its state"),
                ("channel", "text", "The channel through which they came, or were announced"),
                ("location", "text?", "Where they came"),
                ("till", "text?", "The till"),
                ("order", "text?", "The order; null of goods without a sale"),
                ("customer", "text?", "The customer"),
                ("currency", "text", "The currency of all its amounts"),
                ("lines", "[ReturnLine]", "The lines"),
                ("charges", "[ReturnCharge]", "The charges"),
                ("value", "int", "What its goods and charges are worth"),
                ("refund_due", "int", "What is still to be paid back"),
                ("refunds", "[OrderRefund]", "The refunds"),
                ("exchange", "text?", "The order that was taken in exchange"),
                ("points_taken_back", "int", "Points that were taken back"),
                ("receipts", "[text]", "Its credit notes"),
                ("unreferenced", "flag", "Whether some of it belongs to no known sale"),
                ("flags", "[text]", "What is remarkable about it: `over_returned`, `receipt_missing`"),
                ("created_at", "time", "When it was made"),
                ("expires_at", "time?", "When it is cancelled if the goods do not come, while it is announced"),
                ("history", "[ReturnStep]", "The steps, oldest first: the newest 200"),
                ("seq", "int", "The record of its last change"),
                ("dry_run?", "flag", "True if nothing was written"),
            ],
        ),
        (
            "ReturnPage",
            "Returns, the newest first.",
            &[
                ("seq", "int", "The record that this answer reflects"),
                ("items", "[Return]", "The returns"),
                ("total?", "int", "With `total=true`: how many match, at most 10,000"),
                ("more?", "flag", "True if more than 10,000 match"),
                ("next", "text?", NEXT),
            ],
        ),
    ],
    tags: &[("returns", "Returns, in all channels")],
    parameters: &[],
    versioned: &[],
    tagged: &[],
    bounds,
};

/// The bounds of the words of this folder.
fn bounds() -> Vec<Bound> {
    let most = |most: usize| json!({"maxItems": most});
    let lines = json!({"minItems": 1, "maxItems": LINES_MAX});
    vec![
        (json!({"enum": ReturnState::ALL.map(ReturnState::as_str)}), "/v1/returns.state"),
        (json!({"enum": Condition::ALL.map(Condition::as_str)}), "ReturnLineBody.condition ReceivedLineBody.condition"),
        (json!({"enum": ["sellable", "damaged"]}), "InspectedLineBody.condition"),
        (json!({"minimum": 0}), "ReceivedLineBody.quantity"),
        (outside(), "return"),
        (customer(), "ReturnBody.customer"),
        (lines, "ReturnBody.lines[] ExchangeBody.lines[] InspectBody.lines[]"),
        (most(LINES_MAX), "ReceiveBody.lines[]"),
        (most(CHARGES_MAX), "ReturnBody.charges[] ReceiveBody.charges[]"),
        (most(REFUNDS_MAX), "ReturnBody.refunds[] ReceiveBody.refunds[]"),
        (most(PAYMENTS_MAX), "ExchangeBody.payments[]"),
        (json!({"minItems": 1, "maxItems": REFUNDS_MAX}), "ReturnRefundsBody.refunds[]"),
    ]
}
