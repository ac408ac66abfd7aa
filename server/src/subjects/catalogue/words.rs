//! What the OpenAPI document says of this folder: calls, examples, records.

use crate::http::document::words::{DURABLE, NEXT, Words};

/// Its part of the document.
pub static WORDS: Words = Words {
    calls: &[
        (
            "DELETE /v1/channels/{channel}",
            "The refusal says what holds it: open reservations, rules, prices, price lists. PUT brings it back, with nothing of what was said of it.",
            &[("200", "Retired")],
        ),
        ("GET /v1/channels", "The channels that were declared.", &[("200", "ChannelPage")]),
        ("GET /v1/channels/{channel}", "Its `ETag` goes into the `If-Match` of a change.", &[("200", "ChannelView")]),
        (
            "PUT /v1/channels/{channel}",
            "Declares a channel, or changes it: a field that is left out keeps its value, and null takes it out.",
            &[("200", "ChannelView")],
        ),
        (
            "DELETE /v1/groups/{group}",
            "The refusal says what holds it: locations that are in it or have things brought from it, lines that were asked of it, rules, price lists, tax classes.",
            &[("200", "Retired")],
        ),
        ("GET /v1/groups", "Groups of locations, by id.", &[("200", "GroupPage")]),
        ("GET /v1/groups/{group}", "Its `ETag` goes into the `If-Match` of a change.", &[("200", "GroupView")]),
        (
            "PUT /v1/groups/{group}",
            "Sets the members of a group; left out they stay, and null takes all out. A location may be in many groups.",
            &[("200", "GroupView")],
        ),
        (
            "DELETE /v1/locations/{location}",
            "The refusal says what holds it: stock, also in its quarantine, open reservations, supply, groups, rules, prices, price lists, tax classes. Its empty \
         quarantine goes with it. PUT brings it back, with nothing of what was said of it.",
            &[("200", "Retired")],
        ),
        (
            "GET /v1/locations",
            "Locations, by id. With `declared=false` those that a movement or a count made up, to be declared or retired.",
            &[("200", "LocationPage")],
        ),
        (
            "GET /v1/locations/{location}",
            "Its `ETag` goes into the `If-Match` of a change.",
            &[("200", "LocationView")],
        ),
        (
            "PUT /v1/locations/{location}",
            "Declares a location, or changes it: a field that is left out keeps its value, and null takes it out.",
            &[("200", "LocationView")],
        ),
        (
            "DELETE /v1/skus/{sku}",
            "The refusal says what holds it: stock, open reservations, supply, rules. Its prices go with it. PUT brings it back, with \
         nothing of what was said of it.",
            &[("200", "Retired")],
        ),
        (
            "GET /v1/skus",
            "SKUs, by id. With `declared=false` those that a movement or a count made up, to be declared or retired.",
            &[("200", "SkuPage")],
        ),
        ("GET /v1/skus/{sku}", "Its `ETag` goes into the `If-Match` of a change.", &[("200", "SkuView")]),
        (
            "PUT /v1/skus/{sku}",
            "Declares a SKU, or changes it: a field that is left out keeps its value, and null takes it out.",
            &[("200", "SkuView")],
        ),
    ],
    examples: &[
        ("PUT /v1/channels/{channel}", r#"{"buffer": 1}"#),
        ("PUT /v1/groups/{group}", r#"{"locations": ["es-001", "es-002"]}"#),
        (
            "PUT /v1/locations/{location}",
            r#"{"name": "Madrid, Atocha", "kind": "store", "timezone": "Europe/Madrid", "latitude": 40.41, "longitude": -3.69, "pickup": true,
            "hours": {"mon": "10:00-14:00,17:00-20:00", "sat": "10:00-21:00"}, "pickup_minutes": 60}"#,
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
            "The thing is no more. One of the four ids is there.",
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
            "What holds a thing, of one kind.",
            &[
                ("count", "int", "How many there are; of the reservations of a SKU at most 1,000 are counted"),
                ("some", "[text]", "Some of them by name, where they have one"),
            ],
        ),
    ],
};
