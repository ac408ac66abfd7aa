//! Texts of sales in the OpenAPI document: calls, examples, records.

use crate::http::document::words::{NEXT, Words};

/// The texts of sales.
pub static WORDS: Words = Words {
    calls: &[
        (
            "POST /v1/sales",
            "An order with one `carry_out` fulfilment, confirmed, handed over and paid in one step. Stock is never a \
             reason to refuse: the goods are gone. With `occurred_at` it is told late: the prices that the till asked \
             for are kept, and marked where they differ; that needs the scope `stock` and an `order` of its own.",
            &[("201", "Order"), ("200", "Order")],
        ),
        (
            "POST /v1/orders/{order}/exit",
            "At the door, once: the customer of a self check-out shows the code. `checked` is what somebody found in the \
             bag; if it is not what was paid, the customer is stopped, and the next three bags of the same customer are \
             looked into.",
            &[("200", "Order")],
        ),
        (
            "GET /v1/sales",
            "A row for each line that was handed over or came back, whatever the channel, in log order. A charge is a \
             row without SKU, of quantity 0, written with the first hand-over. Returns have negative quantity and \
             amount.",
            &[("200", "SalePage")],
        ),
        (
            "GET /v1/sales/totals",
            "Sums of the same rows, a currency each. With `tender` among `by`: of payments captured and refunds done, \
             each at its own place, till and day, whenever the goods moved. A till's closing report is one \
             `by=tax_rate` and one `by=tender` of a till and a day.",
            &[("200", "SaleTotals")],
        ),
    ],
    examples: &[
        (
            "POST /v1/orders/{order}/exit",
            r#"{"code": "7K2M9Q4T", "checked": [{"sku": "TSHIRT-RED-M", "quantity": 1}], "actor": "maria"}"#,
        ),
        (
            "POST /v1/sales",
            r#"{"channel": "pos", "location": "es-001", "till": "7", "currency": "EUR", "order": "T-es-001-7-118",
            "lines": [{"sku": "TSHIRT-RED-M", "quantity": 1}], "payments": [{"tender": "cash", "amount": 10000, "given": 10000}]}"#,
        ),
    ],
    records: &[
        (
            "OrderExit",
            "The exit of a self check-out.",
            &[
                ("code", "text", "The code that the customer shows"),
                ("audit", "flag", "Whether somebody is to look into the bag"),
                ("reason", "sample|first|mismatch?", "Why"),
                ("state", "open|passed|stopped", "Its state"),
                ("actor", "text?", "Who let the customer pass, or did not"),
            ],
        ),
        (
            "SaleRow",
            "A row of the sales ledger.",
            &[
                ("seq", "int", "The record"),
                ("time", "time", "When it was logged"),
                ("occurred_at", "time", "When it happened"),
                ("business_date", "text", "The day of the location's books"),
                ("kind", "sale|return", "Whether units left or came back"),
                ("channel", "text", "Through which channel"),
                ("location", "text?", "Where the units left or came"),
                ("till", "text?", "The till"),
                ("order", "text?", "The order; null of goods that came back without a sale"),
                ("return", "text?", "The return"),
                ("receipt", "text?", "The receipt"),
                ("customer", "text?", "The customer"),
                ("line", "text?", "The line; null of a charge"),
                ("charge", "text?", "The charge; null of a line"),
                ("sku", "text?", "The SKU; null of a charge"),
                ("kit", "text?", "The kit that it is a part of"),
                ("quantity", "units", "Units: negative if they came back, 0 of a charge"),
                ("amount", "units", "What they are worth: negative if they came back"),
                ("discount", "units", "What of the discount is theirs"),
                ("tax_rate", "int?", "In hundredths of a percent"),
                ("currency", "text", "The currency"),
                ("absorbed", "flag", "Whether a count had it already"),
            ],
        ),
        (
            "SalePage",
            "Rows of the sales ledger, in log order.",
            &[
                ("seq", "int", "The record that this answer reflects"),
                ("items", "[SaleRow]", "The rows"),
                ("next", "text?", NEXT),
            ],
        ),
        (
            "SaleTotal",
            "A sum, with the values that it is told by.",
            &[
                ("channel?", "text", "The channel"),
                ("location?", "text?", "The location"),
                ("till?", "text?", "The till"),
                ("business_date?", "text", "The day of the location's books"),
                ("tender?", "text", "The tender"),
                ("tax_rate?", "int?", "In hundredths of a percent"),
                ("currency", "text", "The currency"),
                ("rows", "int", "Rows, or payments and refunds, in it"),
                ("quantity?", "units", "Units; not of money"),
                ("amount", "units", "In minor units"),
                ("discount?", "units", "What was taken off; not of money"),
                ("kind?", "payment|refund|top_up", "Of money: whether it came or went back"),
            ],
        ),
        (
            "SaleTotals",
            "Sums of the sales ledger.",
            &[
                ("seq", "int", "The record that this answer reflects"),
                ("items", "[SaleTotal]", "The sums"),
                ("next", "text?", NEXT),
            ],
        ),
    ],
    tags: &[],
    parameters: &[],
    versioned: &[],
    tagged: &[],
    bounds: Vec::new,
};
