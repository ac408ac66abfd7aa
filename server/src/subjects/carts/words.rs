//! Texts of this folder in the OpenAPI document: calls, examples, records.

use anaquel_engine::carts::line::{CODES_MAX, LINES_MAX};
use anaquel_engine::carts::merge::MergeRule;
use serde_json::json;

use crate::http::document::bounds::{count, customer, outside};
use crate::http::document::words::{Bound, NEXT, Words};
use crate::subjects::carts::bodies::{PURPOSES, TTL_MAX, TTL_MIN};

const CART: &[(&str, &str)] = &[("200", "Cart")];

/// The texts of this folder.
pub static WORDS: Words = Words {
    calls: &[
        (
            "GET /v1/carts",
            "All carts of a customer that are not forgotten, in all states, the newest first, without their tokens.",
            &[("200", "CartPage")],
        ),
        (
            "POST /v1/carts",
            "A cart promises nothing. A customer has one open cart a currency: if they have one, it gets the lines and \
             codes, and nothing else of it changes. A cart without a customer needs a line, and lives \
             `carts.anonymous_seconds` at most. Beyond `carts.open_max` open carts, the one longest untouched that \
             holds nothing expires.",
            &[("201", "Cart"), ("200", "Cart")],
        ),
        (
            "POST /v1/carts/find",
            "The cart with this token, in any channel. The token is in the body, because addresses are logged.",
            CART,
        ),
        (
            "GET /v1/carts/{cart}",
            "Prices, taxes and what is available are those of now, at the `seq` of the answer; `ETag` is the `version` \
             of the cart alone, for `If-Match`.",
            CART,
        ),
        (
            "PUT /v1/carts/{cart}/lines",
            "Each line gets this quantity, whatever it had: two devices that set one line end with one of the two \
             quantities. 0 takes a line out, and lines that are not named stay.",
            CART,
        ),
        (
            "PUT /v1/carts/{cart}/customer",
            "If the customer has an open cart in this currency, that one stays and this one becomes `merged`, in one \
             step: of a SKU in both, the lines of each are summed, and `merge` says which quantity remains, on their \
             first line of it. The other lines come after. Lines beyond 100 are left out, and listed in `dropped`. What \
             this cart held is released; what theirs holds stays held.",
            &[("200", "MergedCart")],
        ),
        (
            "POST /v1/carts/{cart}/hold",
            "All lines or none, unless `allow_partial`. The new hold replaces the one before in the same step, so its \
             units are never available to others in between. Only the steps of the cart change the reservation; it \
             expires by itself.",
            CART,
        ),
        ("POST /v1/carts/{cart}/close", "Releases what the cart holds.", CART),
    ],
    examples: &[
        (
            "POST /v1/carts",
            r#"{"cart": "k-5", "channel": "web", "currency": "EUR", "customer": "c-81", "location": "es-002", "lines": [{"sku": "TSHIRT-RED-M", "quantity": 2}], "codes": ["ENERO10"]}"#,
        ),
        ("POST /v1/carts/find", r#"{"token": "0123456789abcdef0123456789abcdef"}"#),
        ("PUT /v1/carts/{cart}/lines", r#"{"channel": "web", "lines": [{"sku": "TSHIRT-RED-M", "quantity": 1}]}"#),
        ("PUT /v1/carts/{cart}/customer", r#"{"customer": "c-81", "merge": "max"}"#),
        (
            "POST /v1/carts/{cart}/hold",
            r#"{"channel": "web", "purpose": "pickup", "location": "es-002", "ttl_seconds": 900}"#,
        ),
        ("POST /v1/carts/{cart}/close", "{}"),
    ],
    records: &[
        (
            "CartLine",
            "One line of a cart, with its price and stock of now.",
            &[
                ("line", "text", "Its id in the cart"),
                ("sku", "text", "The SKU"),
                ("quantity", "int", "Units"),
                ("unit_amount", "int?", "The price of a unit in minor units; null if there is none in force"),
                ("amount", "int?", "The price of all units; null without a price, or above 10^12"),
                (
                    "available",
                    "int?",
                    "Units that can be promised to the cart's channel at its location, or where it is held; null without \
                     a place, or if the channel gets no numbers",
                ),
            ],
        ),
        (
            "DroppedLine",
            "A line that a merge left out.",
            &[("line", "text", "Its id"), ("sku", "text", "The SKU"), ("quantity", "int", "Units")],
        ),
        (
            "CartStep",
            "One step of a cart's life.",
            &[
                ("seq", "int", "The record"),
                ("time", "time", "When"),
                ("kind", "text", "The kind"),
                ("channel", "text?", "The channel"),
                ("location", "text?", "Where"),
                ("actor", "text?", "Who"),
            ],
        ),
        ("Cart", "What a customer is thinking of.", CART_MEMBERS),
        (
            "MergedCart",
            "The customer's cart after the step.",
            &[
                ("cart", "text", "Its id"),
                ("dropped", "[DroppedLine]", "Lines beyond 100, which were left out"),
                ("*", "any", "The other members of a cart"),
            ],
        ),
        (
            "CartPage",
            "Carts of a customer, the newest first.",
            &[
                ("seq", "int", "The record that this answer reflects"),
                ("items", "[Cart]", "The carts"),
                ("next", "text?", NEXT),
            ],
        ),
    ],
    tags: &[("carts", "Carts")],
    parameters: &[],
    versioned: &[],
    tagged: &[
        "/v1/carts",
        "/v1/carts/find",
        "/v1/carts/{cart}",
        "/v1/carts/{cart}/lines",
        "/v1/carts/{cart}/customer",
        "/v1/carts/{cart}/hold",
        "/v1/carts/{cart}/close",
    ],
    bounds,
};

/// The bounds of the words of this folder.
fn bounds() -> Vec<Bound> {
    vec![
        (outside(), "cart line code codes"),
        (count(), "CartLineBody.quantity"),
        (json!({"maxItems": LINES_MAX}), "CartBody.lines[]"),
        (json!({"maxItems": CODES_MAX}), "CartBody.codes[]"),
        (json!({"minimum": TTL_MIN, "maximum": TTL_MAX}), "CartBody.ttl_seconds"),
        (customer(), "CartBody.customer CartLinesBody.customer CartCustomerBody.customer CartHoldBody.customer"),
        (customer(), "CartCloseBody.customer /v1/carts.customer /v1/carts/{cart}.customer"),
        (json!({"pattern": "^[0-9A-Fa-f]{32}$"}), "token"),
        (json!({"enum": MergeRule::ALL.map(MergeRule::as_str)}), "merge"),
        (json!({"enum": PURPOSES.map(anaquel_engine::event::Purpose::as_str)}), "CartHoldBody.purpose"),
    ]
}

/// The members of a cart.
const CART_MEMBERS: &[(&str, &str, &str)] = &[
    ("cart", "text", "Its id"),
    (
        "token?",
        "text",
        "Its secret, 32 hexadecimal digits, which opens it to other channels: in answers about this one cart, to keys \
         of its channel",
    ),
    ("state", "open|ordered|merged|expired|closed", "Its state"),
    ("channel", "text", "The channel that began it"),
    ("customer", "text?", "The customer"),
    ("location", "text?", "The location at which prices and stock are looked up"),
    ("currency", "text", "The currency of its amounts"),
    ("lines", "[CartLine]", "The lines"),
    ("codes", "[text]", "The codes"),
    ("offers", "[any]", "The offers that apply"),
    ("subtotal", "int", "The sum of the amounts of its lines"),
    ("discount", "int", "What offers take off"),
    ("tax", "int", "The tax that the total contains, worked out once for each rate"),
    ("total", "int", "What the customer would pay"),
    ("holds", "[text]", "The reservations that it holds"),
    ("merged_into", "text?", "The cart that it was merged into"),
    ("order", "text?", "The order that took it"),
    ("updated_at", "time", "When it was last changed"),
    ("expires_at", "time", "When it expires unless it is changed"),
    ("history", "[CartStep]", "The last 20 steps, oldest first"),
    ("version", "int", "The record of its last change"),
    ("seq", "int", "The record that prices and stock reflect"),
];
