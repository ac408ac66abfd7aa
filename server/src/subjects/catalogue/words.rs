//! Texts of this folder in the OpenAPI document: calls, examples, records, bounds of words.

use anaquel_engine::barcodes::PATTERNS_MAX;
use serde_json::json;

use crate::http::document::bounds::one_of;
use crate::http::document::words::{Bound, DURABLE, NEXT, Words};
use crate::wire::TEXT_BYTES_MAX;

/// The texts of this folder.
pub static WORDS: Words = Words {
    calls: &[
        (
            "DELETE /v1/channels/{channel}",
            "A refusal lists what holds the channel: open reservations, rules, prices, price lists. PUT declares it again, without \
             its former settings.",
            &[("200", "Retired")],
        ),
        (
            "GET /v1/channels",
            "Channels, by id. `declared=false` lists those that promises created while none was declared, to be declared or retired.",
            &[("200", "ChannelPage")],
        ),
        ("GET /v1/channels/{channel}", "Send its `ETag` as `If-Match` of a change.", &[("200", "ChannelView")]),
        (
            "PUT /v1/channels/{channel}",
            "Declares a channel, or changes it: a field that is left out keeps its value, and null removes it.",
            &[("200", "ChannelView")],
        ),
        (
            "DELETE /v1/groups/{group}",
            "A refusal lists what holds the group: locations that are in it or that it supplies, lines of \
             reservations, rules, price lists, tax classes.",
            &[("200", "Retired")],
        ),
        ("GET /v1/groups", "Groups of locations, by id.", &[("200", "GroupPage")]),
        ("GET /v1/groups/{group}", "Send its `ETag` as `If-Match` of a change.", &[("200", "GroupView")]),
        (
            "PUT /v1/groups/{group}",
            "Sets the members of a group: if left out, they stay, and null removes all. A location may be in many \
             groups.",
            &[("200", "GroupView")],
        ),
        (
            "DELETE /v1/locations/{location}",
            "A refusal lists what holds the location: stock, also in its quarantine, open reservations, supply, \
             groups, rules, prices, price lists, tax classes. An empty quarantine is retired with it. PUT declares it again, without its former \
             fields.",
            &[("200", "Retired")],
        ),
        (
            "GET /v1/locations",
            "Locations, by id. `declared=false` lists those that a movement or a count created, to be declared or \
             retired.",
            &[("200", "LocationPage")],
        ),
        ("GET /v1/locations/{location}", "Send its `ETag` as `If-Match` of a change.", &[("200", "LocationView")]),
        (
            "PUT /v1/locations/{location}",
            "Declares a location, or changes it: a field that is left out keeps its value, and null removes it.",
            &[("200", "LocationView")],
        ),
        (
            "DELETE /v1/skus/{sku}",
            "A refusal lists what holds the SKU: stock, open reservations, supply, rules. Its prices are removed with \
             it. PUT declares it again, without its former fields.",
            &[("200", "Retired")],
        ),
        (
            "GET /v1/skus",
            "SKUs, by id. `declared=false` lists those that a movement or a count created, to be declared or retired.",
            &[("200", "SkuPage")],
        ),
        ("GET /v1/skus/{sku}", "Send its `ETag` as `If-Match` of a change.", &[("200", "SkuView")]),
        (
            "PUT /v1/skus/{sku}",
            "Declares a SKU, or changes it: a field that is left out keeps its value, and null removes it.",
            &[("200", "SkuView")],
        ),
    ],
    examples: &[
        ("PUT /v1/channels/{channel}", r#"{"buffer": 1}"#),
        ("PUT /v1/groups/{group}", r#"{"locations": ["es-001", "es-002"]}"#),
        (
            "PUT /v1/locations/{location}",
            r#"{"name": "Madrid, Atocha", "kind": "store", "timezone": "Europe/Madrid", "latitude": 40.41, "longitude": -3.69, "pickup": true,
            "hours": {"mon": "10:00-14:00,17:00-20:00", "sat": "10:00-21:00"}, "pickup_minutes": 60,
            "currency": "EUR", "address": "Avenida Ciudad de Barcelona 8, 28007 Madrid", "barcodes": ["2IIIIIIWWWWWC"]}"#,
        ),
        (
            "PUT /v1/skus/{sku}",
            r#"{"name": "T-shirt, green, M", "unit": "piece", "categories": ["tops"], "attributes": {"colour": "green", "size": "M"}}"#,
        ),
    ],
    records: &[
        ("SkuPage", "SKUs.", &[("items", "[SkuView]", "The SKUs"), ("next", "text?", NEXT)]),
        ("LocationPage", "Locations.", &[("items", "[LocationView]", "The locations"), ("next", "text?", NEXT)]),
        ("GroupPage", "Groups.", &[("items", "[GroupView]", "The groups"), ("next", "text?", NEXT)]),
        ("ChannelPage", "Channels.", &[("items", "[ChannelView]", "The channels"), ("next", "text?", NEXT)]),
        (
            "Retired",
            "The retired or removed item. One of the four ids is present.",
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
            "What holds an item, of one kind.",
            &[
                ("count", "int", "How many there are; of the reservations of a SKU, at most 1,000 are counted"),
                ("some", "[text]", "Some of them by name, if they have names"),
            ],
        ),
    ],
    tags: &[("catalogue", "SKUs, locations, groups, channels")],
    parameters: &[("sku", "TSHIRT-RED-M"), ("location", "es-002"), ("group", "spain"), ("channel", "web")],
    versioned: &["/v1/skus/{sku}", "/v1/locations/{location}", "/v1/groups/{group}", "/v1/channels/{channel}"],
    tagged: &[],
    bounds,
};

/// The bounds of the words of this folder.
fn bounds() -> Vec<Bound> {
    const CLOCK: &str = "(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)";
    let open = format!("{CLOCK}-{CLOCK}");
    vec![
        (json!({"minimum": 0, "maximum": 44_640}), "pickup_minutes transfer_minutes"),
        (json!({"minimum": 0, "maximum": 9}), "decimals"),
        (json!({"minimum": -90, "maximum": 90}), "latitude"),
        (json!({"minimum": -180, "maximum": 180}), "longitude"),
        (json!({"pattern": format!("^{CLOCK}$")}), "pickup_cutoff"),
        (one_of(&["mon", "tue", "wed", "thu", "fri", "sat", "sun"]), "hours.name"),
        (json!({"pattern": format!("^(closed|{open}(, ?{open})*)?$")}), "hours.value"),
        (one_of(&["store", "warehouse", "supplier"]), "LocationBody.kind location_kinds"),
        (json!({"pattern": "^[0-9]{8}([0-9]{4,6})?$"}), "/v1/skus.gtin"),
        (json!({"minLength": 1, "maxLength": TEXT_BYTES_MAX}), "LocationBody.address"),
        (json!({"maxItems": PATTERNS_MAX}), "LocationBody.barcodes[]"),
        (json!({"pattern": "^[0-9IWP]{7}([0-9IWP]{4,6})?C$"}), "LocationBody.barcodes"),
    ]
}
