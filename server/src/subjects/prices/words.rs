//! What the OpenAPI document says of prices: calls, examples, records, bounds of words.

use anaquel_engine::prices::row::AMOUNT_MAX;
use anaquel_engine::prices::tax::{RATE_MAX, RATES_MAX};
use serde_json::json;

use crate::http::document::bounds::{id, one_of, rows, units};
use crate::http::document::words::{Bound, DURABLE, NEXT, Words};

const LIST: &[(&str, &str)] = &[("200", "PriceList")];
const CLASS: &[(&str, &str)] = &[("200", "TaxClass")];

/// Its part of the document.
pub static WORDS: Words = Words {
    calls: &[
        (
            "PUT /v1/prices",
            "Sets up to 1,000 prices, all or none; `amount: null` takes one out. A SKU has up to 200 prices in force or to come. \
             A price that is replaced, taken out or over counts for `at` and `prior_amount` for 60 days more.",
            &[("200", "PricesSet")],
        ),
        (
            "GET /v1/prices",
            "All prices of a SKU that the caller may see, by price list: those in force and to come, and with `ended=true` those \
             that ended in the last 60 days.",
            &[("200", "PricePage")],
        ),
        (
            "POST /v1/prices/query",
            "What each line costs, all at one `seq`. Of the prices in force in the lists that hold, the list with the highest \
             `priority` wins, then the lowest amount, then the first list by id. Within a list the largest `min_quantity` that the \
             quantity reaches counts, then the price for a location, then the one for a channel, then the latest `starts_at`.",
            &[("200", "PriceAnswer")],
        ),
        (
            "GET /v1/prices/explain",
            "The list that wins, those that lost, and to which; and the rate at which it is taxed there.",
            &[("200", "PriceExplained")],
        ),
        ("GET /v1/price-lists", "Price lists, by id, `base` among them.", &[("200", "PriceListPage")]),
        ("GET /v1/price-lists/{price_list}", "Its `ETag` goes into the `If-Match` of a change.", LIST),
        (
            "PUT /v1/price-lists/{price_list}",
            "A list holds where every condition that it names does, a condition where one of its values does. It is in force from \
             the record that says so: this one, or one of its own when its date comes. Up to 1,000 lists. `base` is there by itself.",
            LIST,
        ),
        (
            "DELETE /v1/price-lists/{price_list}",
            "Take its prices out first, or let them end.",
            &[("200", "PriceListRemoved")],
        ),
        ("GET /v1/tax-classes", "Tax classes, by id.", &[("200", "TaxClassPage")]),
        ("GET /v1/tax-classes/{tax_class}", "Its `ETag` goes into the `If-Match` of a change.", CLASS),
        (
            "PUT /v1/tax-classes/{tax_class}",
            "A SKU names its class in `tax_class`, and is of the class `standard` if it names none. Where no rate holds, and where \
             there is no such class, the rate is 0.",
            CLASS,
        ),
        ("DELETE /v1/tax-classes/{tax_class}", "While a SKU names it, it stays.", &[("200", "TaxClassRemoved")]),
    ],
    examples: &[
        (
            "PUT /v1/prices",
            r#"{"prices": [{"price_list": "web", "sku": "TSHIRT-RED-M", "amount": 1195},
            {"sku": "TSHIRT-RED-M", "currency": "EUR", "amount": 1095, "min_quantity": 10}]}"#,
        ),
        (
            "POST /v1/prices/query",
            r#"{"lines": [{"sku": "TSHIRT-RED-M", "quantity": 1}], "channel": "web", "currency": "EUR"}"#,
        ),
        (
            "PUT /v1/price-lists/{price_list}",
            r#"{"name": "Spain, mid-season", "currency": "EUR", "kind": "sale", "channels": ["web", "app"], "groups": ["spain"], "priority": 20,
            "starts_at": "2030-06-01T00:00:00Z", "ends_at": "2030-06-15T00:00:00Z"}"#,
        ),
        (
            "PUT /v1/tax-classes/{tax_class}",
            r#"{"name": "Books", "rates": [{"rate": 400, "groups": ["spain"]}, {"rate": 0}]}"#,
        ),
    ],
    records: &[
        (
            "PricesSet",
            "What became of prices.",
            &[
                ("seq", "int", DURABLE),
                ("changed", "int", "Prices that say something else from here on"),
                ("unchanged", "int", "Prices that were so already"),
            ],
        ),
        (
            "Price",
            "A price of a SKU.",
            &[
                ("price_list", "text", "The price list"),
                ("sku", "text", "The SKU"),
                ("channel", "text?", "Of `base`: the channel that it holds for; null for all"),
                ("location", "text?", "Of `base`: the location that it holds for; null for all"),
                ("currency", "text", "ISO 4217"),
                ("amount", "int", "In minor units of the currency"),
                ("min_quantity", "int", "From so many units on"),
                ("starts_at", "time?", "From when on it holds, where that was said"),
                ("ends_at", "time?", "Until when, that moment excluded"),
                ("state", "in_force|to_come|ended", "What it is now, by its own dates"),
                ("from", "time", "From when on it really holds"),
                ("until", "time?", "When it was taken out, or another took its place"),
            ],
        ),
        (
            "PricePage",
            "Prices of a SKU.",
            &[
                ("seq", "int", "The record that this reflects"),
                ("items", "[Price]", "The prices"),
                ("next", "text?", NEXT),
            ],
        ),
        (
            "PriceLine",
            "What a line costs.",
            &[
                ("sku", "text", "The SKU"),
                ("quantity", "int", "Units"),
                ("currency", "text", "ISO 4217"),
                ("amount", "int", "Of one unit, in minor units of the currency"),
                ("price_list", "text", "The price list that says so"),
                ("regular_amount", "int?", "The best of regular lists alone"),
                (
                    "prior_amount",
                    "int?",
                    "Where a sale wins: the lowest amount that was in force in the 30 days before the reduction began; null \
                     where there was none",
                ),
                ("ends_at", "time?", "Until when, as far as the price and its list say"),
            ],
        ),
        (
            "PriceAnswer",
            "What lines cost, all at one `seq`.",
            &[
                ("seq", "int", "The record that this reflects"),
                ("items", "[PriceLine]", "The lines that have a price, in the order in which they were asked"),
                ("missing", "[text]", "SKUs without a price, each once"),
            ],
        ),
        (
            "PriceVerdict",
            "What became of a price list that has prices of the SKU.",
            &[
                ("price_list", "text", "The price list"),
                ("kind", "regular|sale", "What it is for"),
                ("priority", "units", "The highest wins"),
                ("verdict", "wins|loses|does_not_hold", "What became of it"),
                (
                    "because",
                    "text?",
                    "Why it loses: `priority`, `amount` or `id`; why it does not hold: `currency`, `channel`, `place`, `dates` \
                     or `rows` (none of its prices is in force for so many units, that channel and that location)",
                ),
                ("loses_to", "text?", "The list that wins over it"),
                ("amount", "int?", "The amount of the price that counts within it"),
                ("min_quantity", "int?", "Of that price"),
                ("starts_at", "time?", "Of that price"),
                ("ends_at", "time?", "Of that price"),
            ],
        ),
        (
            "PriceExplained",
            "Why something costs what it costs.",
            &[
                ("seq", "int", "The record that this reflects"),
                ("sku", "text", "The SKU"),
                ("channel", "text", "Through which channel"),
                ("location", "text?", "At which location"),
                ("group", "text?", "From whichever location of which group"),
                ("currency", "text", "ISO 4217"),
                ("quantity", "int", "Units"),
                ("at", "time", "The moment"),
                ("amount", "int?", "Of one unit; null where there is no price"),
                ("price_list", "text?", "The list that wins"),
                ("regular_amount", "int?", "The best of regular lists alone"),
                ("prior_amount", "int?", "The lowest amount in the 30 days before the reduction began"),
                ("reduced_since", "time?", "When the reduction began, where a sale wins"),
                ("ends_at", "time?", "Until when, as far as the price and its list say"),
                ("tax_class", "text", "The tax class of the SKU"),
                ("tax_rate", "int", "The rate there, in hundredths of a percent"),
                ("lists", "[PriceVerdict]", "Lists with prices of the SKU; the one that wins first"),
            ],
        ),
        (
            "PriceList",
            "A price list.",
            &[
                ("price_list", "text", "Its id"),
                ("name", "text?", "What people call it"),
                ("currency", "text?", "The currency of its prices; null for `base`, which has every one"),
                ("kind", "regular|sale", "What it is for"),
                ("channels", "[text]", "Only through these channels; through all, if there are none"),
                ("locations", "[text]", "Only at these locations"),
                ("groups", "[text]", "Only at the locations of these groups"),
                ("includes_tax", "flag", "True: prices include tax"),
                ("priority", "units", "The highest wins"),
                ("starts_at", "time?", "From when on it is in force"),
                ("ends_at", "time?", "Until when, that moment excluded"),
                ("in_force", "flag", "Whether it counts now"),
                ("seq", "int", "The record of its last change"),
            ],
        ),
        (
            "PriceListPage",
            "Price lists, by id.",
            &[("items", "[PriceList]", "The price lists"), ("next", "text?", NEXT)],
        ),
        (
            "PriceListRemoved",
            "The price list is no more.",
            &[("price_list", "text", "Its id"), ("seq", "int", DURABLE)],
        ),
        (
            "TaxRate",
            "A rate of a tax class.",
            &[
                ("rate", "int", "In hundredths of a percent"),
                ("locations", "[text]", "Only at these locations"),
                ("groups", "[text]", "Only at the locations of these groups"),
            ],
        ),
        (
            "TaxClass",
            "A tax class.",
            &[
                ("tax_class", "text", "Its id"),
                ("name", "text?", "What people call it"),
                ("rates", "[TaxRate]", "Its rates"),
                ("seq", "int", "The record of its last change"),
            ],
        ),
        ("TaxClassPage", "Tax classes, by id.", &[("items", "[TaxClass]", "The tax classes"), ("next", "text?", NEXT)]),
        ("TaxClassRemoved", "The tax class is no more.", &[("tax_class", "text", "Its id"), ("seq", "int", DURABLE)]),
    ],
    tags: &[("prices", "Prices, price lists, tax classes")],
    parameters: &[("price_list", "spain-mid-season"), ("tax_class", "books")],
    versioned: &["/v1/price-lists/{price_list}", "/v1/tax-classes/{tax_class}"],
    tagged: &[],
    bounds,
};

/// The bounds of the words of this folder.
fn bounds() -> Vec<Bound> {
    vec![
        (rows(), "prices[]"),
        (json!({"minItems": 1, "maxItems": 200}), "PriceQueryBody.lines[]"),
        (id(), "price_list tax_class /v1/price-lists.after /v1/tax-classes.after"),
        (json!({"minimum": 0, "maximum": AMOUNT_MAX}), "PriceRowBody.amount"),
        (units(), "min_quantity"),
        (json!({"minimum": 0, "maximum": RATE_MAX}), "rate"),
        (json!({"maxItems": RATES_MAX}), "rates[]"),
        (json!({"minimum": -1_000_000, "maximum": 1_000_000}), "PriceListBody.priority"),
        (one_of(&["regular", "sale"]), "PriceListBody.kind"),
        (json!({"enum": [true]}), "PriceListBody.includes_tax"),
    ]
}
