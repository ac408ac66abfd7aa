//! Texts of this folder in the OpenAPI document: calls, examples, records.

use anaquel_engine::receipts::issuer::{Environment, Scheme};
use anaquel_engine::receipts::receipt::FiscalState;
use anaquel_engine::receipts::series::{DIGITS_MAX, FIRST_MAX, ReceiptKind};
use serde_json::json;

use crate::http::document::bounds::{id, some_text, time};
use crate::http::document::words::{Bound, DURABLE, NEXT, Words};

const ISSUER: &[(&str, &str)] = &[("200", "Issuer")];
const SERIES: &[(&str, &str)] = &[("200", "Series")];
const RECEIPT: &[(&str, &str)] = &[("200", "Receipt")];

/// The texts of this folder.
pub static WORDS: Words = Words {
    calls: &[
        ("GET /v1/issuers", "Issuers, by id.", &[("200", "IssuerPage")]),
        ("GET /v1/issuers/{issuer}", "Its `ETag` goes into the `If-Match` of a change.", ISSUER),
        (
            "PUT /v1/issuers/{issuer}",
            "An issuer is a legal entity that issues receipts. All of its receipts form one chain. Once it has issued one, only \
             `name` and `address` change; a receipt keeps showing those with which it was issued.",
            ISSUER,
        ),
        ("DELETE /v1/issuers/{issuer}", "While a series is of it, it stays.", &[("200", "IssuerRemoved")]),
        ("GET /v1/series", "Series, by id.", &[("200", "SeriesPage")]),
        (
            "GET /v1/series/{series}",
            "`next` is the number that the next receipt gets. Numbers have no gap: no refusal, crash or retry uses one up.",
            SERIES,
        ),
        (
            "PUT /v1/series/{series}",
            "A series is a row of numbers of one issuer: `prefix`, then at least `digits` digits. A new year is a new series. After \
             its first number only `locations`, `channels` and `closed` change. A prefix that could print what another series of the \
             issuer prints is refused (`number-taken`).",
            SERIES,
        ),
        ("DELETE /v1/series/{series}", "A series that gave a number stays; close it.", &[("200", "SeriesRemoved")]),
        (
            "GET /v1/receipts",
            "In the order of issue. A key that is bound to channels or locations sees their receipts. `key` is in no list.",
            &[("200", "ReceiptPage")],
        ),
        (
            "GET /v1/receipts/{receipt}",
            "A receipt is never changed and never deleted; only `fiscal` moves on. With `Accept: text/html` it is a page to print, \
             with its QR code.",
            RECEIPT,
        ),
        (
            "POST /v1/receipts/{receipt}/invoice",
            "A full invoice in place of one or more simplified receipts of one issuer and currency, with their lines less what credit \
             notes took back. Each receipt is replaced once. Later credit notes correct the invoice.",
            RECEIPT,
        ),
        (
            "POST /v1/receipts/{receipt}/fiscal",
            "`pending` becomes `accepted` or `rejected`, and `rejected` becomes `accepted`. The same again changes nothing. The server \
             signs nothing and speaks to no authority: whoever does reads `GET /v1/receipts?fiscal=pending` in order.",
            RECEIPT,
        ),
        (
            "GET /r/{key}",
            "For the customer, without an API key: not cached, not indexed, without the customer's id, and of a recipient only what the \
             document must show.",
            &[("200", "text/html")],
        ),
    ],
    examples: &[
        (
            "PUT /v1/issuers/{issuer}",
            r#"{"tax_id": "B12345678", "name": "Anaquel Moda S.L.", "address": "Calle Mayor 1, 28013 Madrid", "country": "ES",
            "timezone": "Europe/Madrid", "scheme": "verifactu", "environment": "test"}"#,
        ),
        (
            "PUT /v1/series/{series}",
            r#"{"issuer": "es", "kind": "receipt", "prefix": "WEB-27-", "digits": 6, "channels": ["web"]}"#,
        ),
        (
            "POST /v1/receipts/{receipt}/invoice",
            r#"{"series": "ES-INVOICE-27", "recipient": {"tax_id": "12345678Z", "name": "Ana García", "address": "Calle Menor 2, Madrid",
            "postcode": "28001", "country": "ES"}}"#,
        ),
        ("POST /v1/receipts/{receipt}/fiscal", r#"{"state": "accepted", "authority_id": "A-3RT56789XYZ12"}"#),
    ],
    records: &[
        (
            "Issuer",
            "A legal entity that issues receipts.",
            &[
                ("issuer", "text", "Its id"),
                ("tax_id", "text", "The number under which the tax authority knows it"),
                ("name", "text", "Its legal name"),
                ("address", "text", "Its address"),
                ("country", "text", "ISO 3166 code of its country"),
                ("timezone", "text", "Its receipts are dated there"),
                ("scheme", "none|verifactu", "How its receipts are chained"),
                ("environment", "production|test", "Which of the authority's systems they are meant for"),
                ("seq", "int", "The record of its last change"),
            ],
        ),
        ("IssuerPage", "Issuers, by id.", &[("items", "[Issuer]", "The issuers"), ("next", "text?", NEXT)]),
        ("IssuerRemoved", "The issuer is no more.", &[("issuer", "text", "Its id"), ("seq", "int", DURABLE)]),
        (
            "SeriesLast",
            "The last receipt of a series.",
            &[("receipt", "text", "The receipt"), ("hash", "text", "Its hash, in hexadecimal")],
        ),
        (
            "Series",
            "A row of numbers of one issuer.",
            &[
                ("series", "text", "Its id"),
                ("issuer", "text", "Its issuer"),
                ("kind", "receipt|invoice|credit_note", "What its receipts are"),
                ("prefix", "text", "What its numbers begin with"),
                ("digits", "int", "The digits that they have at least"),
                ("first", "int", "Its first number"),
                ("locations", "[text]", "Only at these locations; at all, if there are none"),
                ("channels", "[text]", "Only through these channels"),
                ("closed", "flag", "Whether it issues no more"),
                ("next", "int", "The number that its next receipt gets"),
                ("issued", "int", "The numbers that it gave"),
                ("last", "SeriesLast?", "Its last receipt"),
                ("seq", "int", "The record of its last change; numbers that it gives are none"),
            ],
        ),
        ("SeriesPage", "Series, by id.", &[("items", "[Series]", "The series"), ("next", "text?", NEXT)]),
        ("SeriesRemoved", "The series is no more.", &[("series", "text", "Its id"), ("seq", "int", DURABLE)]),
        (
            "ReceiptLine",
            "A line. On a credit note quantity, discount and amount are negative.",
            &[
                ("line", "text", "The line of the order"),
                ("sku", "text", "The SKU"),
                ("name", "text?", "What it is called"),
                ("quantity", "units", "Units"),
                ("unit_amount", "int", "What one costs"),
                ("discount", "units", "What is off"),
                ("amount", "units", "`unit_amount` × `quantity` − `discount`"),
                ("tax_rate", "int", "In hundredths of a percent"),
            ],
        ),
        (
            "ReceiptCharge",
            "A charge.",
            &[
                ("charge", "text", "The charge of the order"),
                ("amount", "units", "How much; negative on a credit note"),
                ("tax_rate", "int", "In hundredths of a percent"),
            ],
        ),
        (
            "ReceiptTax",
            "The tax at one rate, worked out once on the sum at that rate.",
            &[
                ("rate", "int", "In hundredths of a percent"),
                ("base", "units", "The sum without the tax"),
                ("tax", "units", "The tax"),
            ],
        ),
        (
            "ReceiptTender",
            "How it was paid, or repaid.",
            &[
                ("tender", "cash|card|wallet|points|bank|voucher|on_account|exchange|other", "In which form"),
                ("amount", "units", "How much; negative on a credit note"),
                ("given?", "int", "What was handed over in cash, if it was told"),
            ],
        ),
        (
            "Recipient",
            "To whom a receipt is made out.",
            &[
                ("tax_id", "text", "The number under which the tax authority knows them"),
                ("name", "text", "Their name"),
                ("address", "text", "Their address"),
                ("postcode", "text?", "Their postcode"),
                ("country", "text", "ISO 3166 code of their country"),
            ],
        ),
        (
            "ReceiptChain",
            "The place of a receipt in the chain of its issuer.",
            &[
                ("position", "int", "1, 2, 3 and so on, over all series of the issuer"),
                ("previous", "text", "The hash of the receipt before; empty for the first"),
                (
                    "hash",
                    "text",
                    "SHA-256 in hexadecimal: with the scheme `none` of `previous` and the receipt as canonical JSON without `chain`, \
                     `fiscal` and `key`; with `verifactu` of what the authority says",
                ),
            ],
        ),
        (
            "ReceiptFiscal",
            "How a receipt stands with the authority.",
            &[
                ("state", "none|pending|accepted|rejected", "What was said; `none` where nothing is asked for"),
                ("type", "text?", "F1, F2, F3, R1 or R5"),
                ("authority_id", "text?", "The authority's id of it"),
                ("signature", "text?", "A signature"),
                ("qr", "text?", "What its QR code says"),
                ("at", "time?", "When the last was said"),
                ("errors", "[text]", "What is wrong with it"),
            ],
        ),
        (
            "Receipt",
            "A numbered document.",
            &[
                ("receipt", "text", "Its id: `<series>:<n>`"),
                ("kind", "receipt|invoice|credit_note", "What it is: simplified, full, or taking back"),
                ("series", "text", "Its series"),
                ("number", "text", "Its number as it is printed"),
                ("issuer", "text", "Its issuer"),
                ("issued_at", "time", "The time of the log, in whole seconds"),
                ("occurred_at", "time", "When the operation was"),
                ("order", "text?", "The order"),
                ("return", "text?", "The return"),
                ("replaces", "[text]", "Simplified receipts that it replaces"),
                ("corrects", "[text]", "Receipts that it corrects"),
                ("customer", "text?", "The customer"),
                ("recipient", "Recipient?", "To whom it is made out"),
                ("channel", "text", "The channel"),
                ("location", "text?", "The location"),
                ("till", "text?", "The till"),
                ("lines", "[ReceiptLine]", "Its lines"),
                ("charges", "[ReceiptCharge]", "Its charges"),
                ("taxes", "[ReceiptTax]", "The tax, by rate"),
                ("total", "units", "The sum of lines and charges; negative on a credit note"),
                ("currency", "text", "ISO 4217"),
                ("tenders", "[ReceiptTender]", "How it was paid"),
                ("chain", "ReceiptChain", "Its place in the chain of its issuer"),
                ("fiscal", "ReceiptFiscal", "How it stands with the authority"),
                ("key?", "text", "The customer's copy is at `/r/<key>`; in no list"),
                ("seq", "int", "The record that issued it"),
            ],
        ),
        (
            "ReceiptPage",
            "Receipts, in the order of issue.",
            &[
                ("seq", "int", "The record that this reflects"),
                ("items", "[Receipt]", "The receipts"),
                ("next", "text?", NEXT),
            ],
        ),
    ],
    tags: &[("receipts", "Issuers, series, receipts")],
    parameters: &[("issuer", "es"), ("series", "ES-WEB-27")],
    versioned: &["/v1/issuers/{issuer}"],
    // The numbers of a series move without a new version.
    tagged: &["/v1/series/{series}"],
    bounds,
};

/// The bounds of the words of this folder.
fn bounds() -> Vec<Bound> {
    let receipt = json!({"pattern": "^[A-Za-z0-9._:/-]{1,128}:[0-9]{1,18}$"});
    vec![
        (id(), "issuer series /v1/issuers.after /v1/series.after"),
        (
            receipt.clone(),
            "/v1/receipts/{receipt}.receipt /v1/receipts/{receipt}/invoice.receipt /v1/receipts/{receipt}/fiscal.receipt",
        ),
        (receipt, "InvoiceBody.receipts /v1/receipts.after"),
        (json!({"maxItems": 100}), "InvoiceBody.receipts[] FiscalBody.errors[]"),
        (json!({"pattern": "^[A-Z]{2}$"}), "country"),
        (json!({"minLength": 1, "maxLength": 20, "pattern": r#"^[ -~]*$"#}), "tax_id"),
        (json!({"maxLength": 20}), "postcode"),
        (json!({"maxLength": 59, "pattern": r#"^[ !#$%(-;?-~]*$"#}), "SeriesBody.prefix"),
        (json!({"minimum": 1, "maximum": DIGITS_MAX}), "digits"),
        (json!({"minimum": 1, "maximum": FIRST_MAX}), "first"),
        (json!({"enum": ReceiptKind::ALL.map(ReceiptKind::as_str)}), "SeriesBody.kind"),
        (json!({"enum": Scheme::ALL.map(Scheme::as_str)}), "scheme"),
        (json!({"enum": Environment::ALL.map(Environment::as_str)}), "environment"),
        (json!({"enum": FiscalState::ALL.map(FiscalState::as_str)}), "/v1/receipts.fiscal"),
        (json!({"enum": ["accepted", "rejected"]}), "FiscalBody.state"),
        (some_text(), "address authority_id qr errors"),
        (json!({"minLength": 1, "maxLength": 16_384}), "signature"),
        (json!({"pattern": "^[0-9a-f]{32}$"}), "/r/{key}.key"),
        (time(), "/v1/receipts.from /v1/receipts.to"),
    ]
}
