//! Texts of orders in the OpenAPI document: calls, examples, records.

use anaquel_engine::event::Purpose;
use anaquel_engine::kernel::tender::Tender;
use anaquel_engine::orders::OrderState;
use anaquel_engine::orders::payment::{PaymentState, RefundState};
use anaquel_engine::prices::row::AMOUNT_MAX;
use serde_json::json;

use crate::http::document::bounds::{customer, id, outside};
use crate::http::document::words::{Bound, NEXT, STATES, STEP, Words};
use crate::subjects::orders::bodies::limits::{CHARGES_MAX, CODES_MAX, FULFILMENTS_MAX, LINES_MAX, PAYMENTS_MAX};
use crate::subjects::orders::bodies::money::TOLD_TENDERS;
use crate::subjects::orders::bodies::place::PURPOSES;

const ORDER: &[(&str, &str)] = &[("200", "Order")];

/// The texts of orders.
pub static WORDS: Words = Words {
    calls: &[
        (
            "GET /v1/orders",
            "Orders that match all parameters, the newest first, without pickup codes.",
            &[("200", "OrderPage")],
        ),
        (
            "POST /v1/orders/find",
            "Opens an order to whoever has its token: the customer on a page, or a till that was shown it.",
            &[("200", "Order")],
        ),
        (
            "POST /v1/orders",
            "Each fulfilment becomes a reservation: all units are held, or none. Each line has the price in force at \
             the record that makes it, which no longer moves. `confirm` makes everything final in the same step; then \
             payments that are captured or authorised must cover the total, unless `pay_at_handover`. `dry_run` prices \
             and plans it, and writes nothing. A price or a discount by hand needs the scope `refund`.",
            &[("201", "Order"), ("200", "Order")],
        ),
        (
            "GET /v1/orders/{order}",
            "The record with its history. Pickup codes are told to a key with `sell` for the channel of the order.",
            ORDER,
        ),
        (
            "POST /v1/orders/{order}/confirm",
            "Every hold becomes final in one step. Payments that are captured or authorised must cover the total, \
             unless `pay_at_handover`.",
            ORDER,
        ),
        ("POST /v1/orders/{order}/extend", "All holds of an open order get the same new deadline.", ORDER),
        (
            "PUT /v1/orders/{order}/fulfilments",
            "While it is open. A line that stays has its id, and keeps its price up to its former quantity; units that \
             are added are priced now, as a line of their own. What both plans hold is never free in between.",
            ORDER,
        ),
        (
            "PUT /v1/orders/{order}/fulfilments/{fulfilment}",
            "While it is confirmed or ready, and before any unit of it is handed over. Prices and payments stay. \
             `location` moves all of it: the new one takes and the old one gives back in one step, and it has a new \
             reservation.",
            ORDER,
        ),
        (
            "POST /v1/orders/{order}/payments",
            "In every state. A payment whose id is known says what became of it: `authorized` becomes `captured`, \
             `voided` or `failed`. Cash is captured at once. What is captured for an order that has ended is \
             `refund_due`.",
            ORDER,
        ),
        (
            "POST /v1/orders/{order}/refunds",
            "In every state. Pays back `refund_due`, or says what became of a refund. Any division but that of the plan \
             needs the scope `refund`.",
            ORDER,
        ),
        (
            "POST /v1/orders/{order}/receipts",
            "Where payments cover the order, a receipt covers all of its units, else those that were handed over, less \
             those that stand on one; a series of credit notes takes back what is cancelled and stands on receipts. If \
             nothing is left, none is issued.",
            ORDER,
        ),
        (
            "POST /v1/orders/{order}/fulfilments/{fulfilment}/ready",
            "The reservation's step. The answer has the pickup code.",
            ORDER,
        ),
        (
            "POST /v1/orders/{order}/fulfilments/{fulfilment}/collect",
            "The reservation's step, with payments. What is captured or authorised must cover all units handed over \
             and the charges; with `pay_at_handover`, what is captured.",
            ORDER,
        ),
        ("POST /v1/orders/{order}/fulfilments/{fulfilment}/bind", "The reservation's step.", ORDER),
        (
            "POST /v1/orders/{order}/cancel",
            "The total falls by what the units are worth. Cancelling the last units of an order of which nothing was \
             handed over cancels its charges. `refunds` left out are planned: to the payments, latest first, cash last.",
            ORDER,
        ),
        (
            "GET /v1/customers/{customer}/history",
            "Orders and sales of a customer in all channels, the newest first.",
            &[("200", "OrderPage")],
        ),
    ],
    examples: &[
        ("POST /v1/orders/find", r#"{"token": "o-7K2M9-4W1Q0GZ6T3V8Y5B2N7C9D0E1F2"}"#),
        (
            "POST /v1/orders",
            r#"{"order": "W-1007", "channel": "web", "customer": "c-81", "currency": "EUR",
                "fulfilments": [{"purpose": "delivery", "group": "spain", "lines": [{"sku": "TSHIRT-RED-M", "quantity": 1}]}],
                "charges": [{"charge": "shipping", "amount": 395}]}"#,
        ),
        ("POST /v1/orders/{order}/confirm", r#"{"channel": "web", "pay_at_handover": true}"#),
        ("POST /v1/orders/{order}/extend", r#"{"ttl_seconds": 900}"#),
        (
            "PUT /v1/orders/{order}/fulfilments",
            r#"{"channel": "web", "fulfilments": [{"purpose": "delivery", "group": "spain", "lines": [{"line": "1", "sku": "TSHIRT-RED-M", "quantity": 2}]}]}"#,
        ),
        (
            "PUT /v1/orders/{order}/fulfilments/{fulfilment}",
            r#"{"channel": "contact-centre", "promised_for": "2035-01-11T18:00:00Z"}"#,
        ),
        (
            "POST /v1/orders/{order}/payments",
            r#"{"payments": [{"payment": "p1", "tender": "card", "amount": 4390, "reference": "psp-9", "state": "authorized"}]}"#,
        ),
        (
            "POST /v1/orders/{order}/refunds",
            r#"{"refunds": [{"tender": "card", "amount": 395, "state": "done", "reference": "psp-10"}]}"#,
        ),
        ("POST /v1/orders/{order}/receipts", r#"{"series": "ES-WEB-27"}"#),
        ("POST /v1/orders/{order}/fulfilments/{fulfilment}/ready", "{}"),
        (
            "POST /v1/orders/{order}/fulfilments/{fulfilment}/collect",
            r#"{"payments": [{"tender": "cash", "amount": 4390, "given": 5000}]}"#,
        ),
        ("POST /v1/orders/{order}/fulfilments/{fulfilment}/bind", "{}"),
        ("POST /v1/orders/{order}/cancel", r#"{"channel": "contact-centre", "reason": "changed her mind"}"#),
    ],
    records: &[
        (
            "OrderLine",
            "A line: units of one SKU, at a price that no longer moves.",
            &[
                ("line", "text", "Its id within the order"),
                ("sku", "text", "The SKU"),
                ("quantity", "int", "Units"),
                ("unit_amount", "int", "The price of a unit, in minor units"),
                ("price_list", "text?", "The list that says so; null if it was given by hand"),
                ("discount", "int", "What is taken off the whole line"),
                ("amount", "int", "unit_amount × quantity − discount"),
                ("tax_rate", "int?", "In hundredths of a percent; null if the tax class has no rate there"),
                ("by_hand", "flag", "Whether the price or the discount was given by hand"),
                ("price_differs", "flag", "Whether it is not the price that was in force when it was sold"),
                ("handed_over", "int", "Units handed over"),
                ("cancelled", "int", "Units cancelled"),
                ("cancelled_amount", "int", "What the cancelled units are worth"),
                ("returned", "int", "Units that came back"),
                ("brought_back", "int", "What returned and cancelled units are worth"),
                ("components", "any?", "Of a kit: its parts"),
            ],
        ),
        (
            "OrderCharge",
            "A charge, such as shipping.",
            &[
                ("charge", "text", "Its id within the order"),
                ("amount", "int", "In minor units"),
                ("tax_rate", "int?", "In hundredths of a percent"),
                ("cancelled_amount", "int", "What of it is cancelled"),
                ("brought_back", "int", "What of it is cancelled, or came back by returns"),
            ],
        ),
        (
            "FulfilmentLine",
            "Units of a line in one fulfilment.",
            &[("line", "text", "The line"), ("quantity", "int", "Units")],
        ),
        (
            "Fulfilment",
            "What leaves one location, or one group, in one way: a reservation.",
            &[
                ("fulfilment", "text", "Its id within the order"),
                ("purpose", "carry_out|pickup|delivery", "In which way"),
                ("location?", "text", "The location"),
                ("group?", "text", "The group, in place of a location"),
                ("reservation", "text?", "Its reservation; null of a sale"),
                ("state", STATES, "The state of its reservation"),
                ("lines", "[FulfilmentLine]", "Its units"),
                ("address", "any?", "The address, for keys that sell, or hand over there"),
                ("pickup_by", "time?", "When it expires if it is not collected"),
                ("pickup_code", "text?", "The code that the customer shows; never in lists"),
                ("promised_for", "time?", "For when it is promised"),
                ("tracking", "text?", "The carrier's tracking number"),
            ],
        ),
        (
            "OrderTax",
            "The sums of one tax rate.",
            &[
                ("rate", "int", "In hundredths of a percent"),
                ("base", "int", "Without the tax"),
                ("tax", "int", "The tax"),
            ],
        ),
        (
            "OrderPayment",
            "Money that came for an order.",
            &[
                ("payment", "text", "Its id within the order"),
                ("tender", TENDERS, "Its form"),
                ("amount", "int", "In minor units"),
                ("state", "authorized|captured|voided|failed", "Its state"),
                ("reference", "text?", "The document of who processed it"),
                ("wallet", "text?", "The wallet"),
                ("points", "int?", "The points"),
                ("given", "int?", "Cash that was handed over, before change"),
                ("channel", "text", "Through which channel it was told"),
                ("location", "text?", "At which location"),
                ("till", "text?", "At which till"),
                ("occurred_at", "time", "When it happened"),
                ("business_date", "text", "The day of the location's books"),
            ],
        ),
        (
            "OrderRefund",
            "Money that goes back.",
            &[
                ("refund", "text", "Its id within the order"),
                ("tender", TENDERS, "Its form"),
                ("amount", "int", "In minor units"),
                ("state", "pending|done|failed", "Its state"),
                ("payment", "text?", "The payment that it takes back"),
                ("wallet", "text?", "The wallet"),
                ("reference", "text?", "The document of who processed it"),
                ("channel", "text", "Through which channel it was told"),
                ("location", "text?", "At which location"),
                ("till", "text?", "At which till"),
                ("occurred_at", "time", "When it happened"),
                ("business_date", "text", "The day of the location's books"),
            ],
        ),
        (
            "OrderPoints",
            "Points of an order.",
            &[("earned", "int", "Points that it earned"), ("spent", "int", "Points that paid for it")],
        ),
        ("OrderStep", "One step of an order's life.", STEP),
        (
            "Order",
            "What a customer has agreed to, with prices that no longer move.",
            &[
                ("order", "text?", "Its id; null with `dry_run`"),
                (
                    "token",
                    "text?",
                    "Opens it to whoever has it, by `POST /v1/orders/find`; only in the one record, for a key with `sell` for \
                     its channel, or with `shop`; null otherwise",
                ),
                ("state", "open|confirmed|completed|cancelled|expired", "Its state"),
                ("channel", "text", "The channel that made it"),
                ("begun_in", "text", "The channel of its cart, or its own"),
                ("customer", "text?", "The customer"),
                ("cart", "text?", "The cart that it comes from"),
                ("reference", "text?", "The order that it adds to"),
                ("currency", "text", "The currency of all its amounts"),
                ("lines", "[OrderLine]", "The lines"),
                ("fulfilments", "[Fulfilment]", "What leaves where, and how"),
                ("charges", "[OrderCharge]", "The charges"),
                ("offers", "[any]", "What was taken off, and by which offer"),
                ("subtotal", "int", "Σ unit_amount × quantity, as agreed"),
                ("discount", "int", "What is taken off, as agreed: subtotal − discount is Σ amount of lines"),
                ("tax", "int", "The tax inside the total"),
                ("taxes", "[OrderTax]", "The same by rate"),
                ("total", "int", "Σ amount − cancelled_amount of lines and charges"),
                ("paid", "int", "What was captured"),
                ("refunded", "int", "What was paid back, or is to be"),
                ("due", "int", "What is still to be paid"),
                ("refund_due", "int", "What is to be paid back"),
                ("payments", "[OrderPayment]", "The payments"),
                ("refunds", "[OrderRefund]", "The refunds"),
                ("receipts", "[text]", "Its receipts"),
                ("uncredited", "[text]", "Receipts with units that are cancelled, and not credited"),
                ("returns", "[text]", "Its returns"),
                ("points", "OrderPoints", "Its points"),
                ("pay_at_handover", "flag", "Whether it is paid when it is handed over"),
                (
                    "exit?",
                    "OrderExit",
                    "Of a self check-out; told to a key with `sell` for the channel, in the one record",
                ),
                ("till_reference", "text?", "The number that the till printed"),
                ("flags", "[text]", "What is remarkable about it, where it was told late"),
                ("priced_at", "int", "The record whose prices it has"),
                ("created_at", "time", "When it was made"),
                ("expires_at", "time?", "When its holds run out, while it is open"),
                ("history", "[OrderStep]", "The steps, oldest first: the newest 200"),
                ("seq", "int", "The record of its last change"),
                ("dry_run?", "flag", "True if nothing was written"),
            ],
        ),
        (
            "OrderPage",
            "Orders, the newest first.",
            &[
                ("seq", "int", "The record that this answer reflects"),
                ("items", "[Order]", "The orders"),
                ("total?", "int", "With `total=true`: how many match, at most 10,000"),
                ("more?", "flag", "True if more than 10,000 match"),
                ("next", "text?", NEXT),
            ],
        ),
    ],
    tags: &[("orders", "Orders and sales, in all channels")],
    parameters: &[],
    versioned: &[],
    tagged: &[],
    bounds,
};

/// The bounds of the words of this folder.
fn bounds() -> Vec<Bound> {
    let amount = json!({"minimum": 0, "maximum": AMOUNT_MAX});
    let most = |most: usize| json!({"maxItems": most});
    vec![
        (json!({"enum": OrderState::ALL.map(OrderState::as_str)}), "/v1/orders.state"),
        (json!({"enum": STATES.split('|').collect::<Vec<_>>()}), "/v1/orders.fulfilment_state"),
        (json!({"enum": PURPOSES.map(Purpose::as_str)}), "FulfilmentBody.purpose"),
        (json!({"enum": TOLD_TENDERS.map(Tender::as_str)}), "PaymentBody.tender RefundBody.tender"),
        (json!({"enum": PaymentState::ALL.map(PaymentState::as_str)}), "PaymentBody.state"),
        (json!({"enum": RefundState::ALL.map(RefundState::as_str)}), "RefundBody.state"),
        (amount.clone(), "ChargeBody.amount CancelChargeBody.amount PaymentBody.amount PaymentBody.given"),
        (amount.clone(), "RefundBody.amount OrderLineBody.unit_amount OrderLineBody.discount"),
        (amount, "SaleLineBody.unit_amount SaleLineBody.discount OrderBody.expected_total ReplanBody.expected_total"),
        (id(), "ChargeBody.tax_class"),
        (outside(), "charge payment refund fulfilment till till_reference"),
        (customer(), "OrderBody.customer SaleBody.customer"),
        (json!({"minItems": 1, "maxItems": FULFILMENTS_MAX}), "OrderBody.fulfilments[] ReplanBody.fulfilments[]"),
        (most(LINES_MAX), "FulfilmentBody.lines[] SaleBody.lines[]"),
        (most(CHARGES_MAX), "OrderBody.charges[] SaleBody.charges[] OrderCancelBody.charges[]"),
        (most(PAYMENTS_MAX), "OrderBody.payments[] SaleBody.payments[] OrderConfirmBody.payments[]"),
        (most(PAYMENTS_MAX), "HandOverBody.payments[] OrderCancelBody.refunds[]"),
        (json!({"minItems": 1, "maxItems": PAYMENTS_MAX}), "PaymentsBody.payments[] RefundsBody.refunds[]"),
        (most(CODES_MAX), "OrderBody.codes[] SaleBody.codes[]"),
        (json!({"pattern": "^[0-9]{1,20}-[0-9]{1,5}$"}), "/v1/sales.after"),
    ]
}

/// All tenders.
const TENDERS: &str = "cash|card|wallet|points|bank|voucher|on_account|exchange|other";
