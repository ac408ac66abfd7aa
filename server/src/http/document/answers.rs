//! What to know of each call before making it, what it answers with, and examples that work, for the document.
//!
//! The views write themselves out by hand where speed asks for it, so their shapes stand here once, in
//! [`records`](super::records). `tests/tests/openapi.rs` holds every answer of a walk through the whole API against them: a member that
//! stands in an answer and not here fails it.

use serde_json::{Value, json};

use crate::http::document::records::RECORDS;

/// A call: method and path, what to know before making it, and the record that each success answers with. A record with a
/// slash is a media type.
type Call = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const RESERVED: &[(&str, &str)] = &[("200", "Reservation")];

const CALLS: &[Call] = &[
    (
        "GET /healthz",
        "For a supervisor: it answers as long as the process does, whatever the state of the store.",
        &[("200", "Alive")],
    ),
    ("GET /metrics", "Every metric begins with `anaquel_`.", &[("200", "text/plain")]),
    ("GET /readyz", "For a load balancer: 503 with the reason while the store takes no writes.", &[("200", "Ready")]),
    (
        "GET /v1/availability",
        "Cells of the SKUs in the locations that are named, or in all that stock them; with `group`, one item for each SKU and \
         group. All items are of one `seq`. With `min_seq` the answer waits until that record is visible.",
        &[("200", "Availability")],
    ),
    (
        "POST /v1/availability/query",
        "The same as `GET /v1/availability` with a body, for a listing page of up to 1,000 SKUs.",
        &[("200", "Availability")],
    ),
    (
        "GET /v1/backup",
        "Everything up to one record, as a file that `anaquel restore` takes; with `after` what came since an earlier one.",
        &[("200", "application/octet-stream")],
    ),
    (
        "DELETE /v1/channels/{channel}",
        "The refusal says what holds it: open reservations, rules, prices. PUT brings it back, with nothing of what was said of it.",
        &[("200", "Retired")],
    ),
    ("GET /v1/channels", "The channels that were declared.", &[("200", "ChannelPage")]),
    ("GET /v1/channels/{channel}", "Its `ETag` goes into the `If-Match` of a change.", &[("200", "ChannelView")]),
    (
        "PUT /v1/channels/{channel}",
        "Declares a channel, or changes it: a field that is left out keeps what is there, and null takes it out.",
        &[("200", "ChannelView")],
    ),
    (
        "POST /v1/clock/trust",
        "Holds stop expiring when the clock jumps. An operator who knows that it is right lets them expire again.",
        &[("200", "ClockTrusted")],
    ),
    (
        "GET /v1/events",
        "Every change, in order, from the record after `after`. With `wait` the answer waits up to so many seconds for one. \
         `Accept: application/x-ndjson` streams one record a line.",
        &[("200", "EventPage")],
    ),
    (
        "GET /v1/export/{kind}",
        "Writes a file that `POST /v1/import/{kind}` takes back without changing anything.",
        &[("200", "text/csv")],
    ),
    (
        "DELETE /v1/groups/{group}",
        "The refusal says what holds it: locations that are in it or have things brought from it, lines that were asked of it, rules.",
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
        "POST /v1/import/{kind}",
        "Reads a file row by row, as it arrives. A row that is refused is told by line and spoils no other; with \
         `atomic=true` it spoils them all. The same file again changes nothing.",
        &[("200", "ImportDone")],
    ),
    ("GET /v1/info", "For an operator, and for tests that compare two servers.", &[("200", "Info")]),
    (
        "DELETE /v1/locations/{location}",
        "The refusal says what holds it: stock, also in its quarantine, open reservations, supply, groups, rules, prices. Its empty \
         quarantine goes with it. PUT brings it back, with nothing of what was said of it.",
        &[("200", "Retired")],
    ),
    (
        "GET /v1/locations",
        "Locations, by id. With `declared=false` those that a movement or a count made up, for somebody to declare or retire.",
        &[("200", "LocationPage")],
    ),
    ("GET /v1/locations/{location}", "Its `ETag` goes into the `If-Match` of a change.", &[("200", "LocationView")]),
    (
        "PUT /v1/locations/{location}",
        "Declares a location, or changes it: a field that is left out keeps what is there, and null takes it out.",
        &[("200", "LocationView")],
    ),
    (
        "GET /v1/pickup",
        "Where a customer can fetch a basket, and when it would be ready there by the hours of the place. A `sku` may be \
         followed by `:` and a number of units.",
        &[("200", "PickupPlaces")],
    ),
    ("GET /v1/prices", "All prices of a SKU that the caller may see.", &[("200", "PricePage")]),
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
    ("GET /v1/rules", "Rules, by id.", &[("200", "RulePage")]),
    (
        "GET /v1/rules/explain",
        "Every rule that holds for a SKU, a location and a channel: which decides, which lose, and to which.",
        &[("200", "RulesExplained")],
    ),
    ("DELETE /v1/rules/{rule}", "The rule stops counting from the `seq` of the answer.", &[("200", "RuleRemoved")]),
    ("GET /v1/rules/{rule}", "Its `ETag` goes into the `If-Match` of a change.", &[("200", "RuleView")]),
    (
        "PUT /v1/rules/{rule}",
        "A rule holds where every list that it names holds, and a list holds where one of its values does.",
        &[("200", "RuleView")],
    ),
    (
        "GET /v1/shortages",
        "For staff to settle: cells whose stock no longer covers what is promised, with the promises at risk.",
        &[("200", "ShortagePage")],
    ),
    (
        "DELETE /v1/skus/{sku}",
        "The refusal says what holds it: stock, open reservations, supply, rules. Its prices go with it. PUT brings it back, with \
         nothing of what was said of it.",
        &[("200", "Retired")],
    ),
    (
        "GET /v1/skus",
        "SKUs, by id. With `declared=false` those that a movement or a count made up, for somebody to declare or retire.",
        &[("200", "SkuPage")],
    ),
    ("GET /v1/skus/{sku}", "Its `ETag` goes into the `If-Match` of a change.", &[("200", "SkuView")]),
    (
        "PUT /v1/skus/{sku}",
        "Declares a SKU, or changes it: a field that is left out keeps what is there, and null takes it out.",
        &[("200", "SkuView")],
    ),
    (
        "POST /v1/sourcing",
        "Splits an order over locations as the policy wants, and promises it in one step. With `dry_run` it shows the plan, \
         what each weight adds, and the runner-up, and promises nothing.",
        &[("200", "SourcingShown"), ("201", "SourcingDone")],
    ),
    ("GET /v1/stock", "Cells of a location or of a SKU, page by page.", &[("200", "CellPage")]),
    (
        "POST /v1/stock/counts",
        "A count is true at its `counted_at`: what moved before it does not count twice, and what moved after it stays in force.",
        &[("200", "CountedCells")],
    ),
    (
        "POST /v1/stock/movements",
        "All rows or none. A till's sale is never refused for want of stock.",
        &[("200", "MovedCells")],
    ),
    (
        "GET /v1/stream",
        "A WebSocket: subscribe to cells, and send commands. See the stream guide for its messages.",
        &[],
    ),
    (
        "GET /v1/stream/sse",
        "The same as a subscription over the socket; the event id is the cursor.",
        &[("200", "text/event-stream")],
    ),
    ("GET /v1/supply", "Cells to which something is to come, with the promises at risk.", &[("200", "SupplyPage")]),
    ("PUT /v1/supply", "A supply with quantity 0 is taken out. A receipt uses supply up.", &[("200", "SupplySet")]),
    ("POST /v1/what-if", "Nothing is touched: the answer comes from a replay of the log.", &[("200", "WhatIf")]),
];

/// Bodies that work on the demo's data, so that trying a call out does something sensible.
const BODIES: &[(&str, &str)] = &[
    (
        "POST /v1/availability/query",
        r#"{"skus": ["TSHIRT-RED-M", "TSHIRT-WHITE-S"], "groups": ["spain"], "channel": "web"}"#,
    ),
    ("PUT /v1/channels/{channel}", r#"{"buffer": 1}"#),
    ("PUT /v1/groups/{group}", r#"{"locations": ["es-001", "es-002"]}"#),
    (
        "PUT /v1/locations/{location}",
        r#"{"name": "Madrid, Atocha", "kind": "store", "timezone": "Europe/Madrid", "latitude": 40.41, "longitude": -3.69, "pickup": true,
            "hours": {"mon": "10:00-14:00,17:00-20:00", "sat": "10:00-21:00"}, "pickup_minutes": 60}"#,
    ),
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
    ("PUT /v1/rules/{rule}", r#"{"kind": "safety_stock", "units": 2, "groups": ["spain"], "channels": ["web"]}"#),
    (
        "PUT /v1/skus/{sku}",
        r#"{"name": "T-shirt, green, M", "unit": "piece", "categories": ["tops"], "attributes": {"colour": "green", "size": "M"}}"#,
    ),
    (
        "POST /v1/sourcing",
        r#"{"channel": "web", "policy": "fewest_shipments", "destination": {"latitude": 40.41, "longitude": -3.7}, "max_shipments": 2,
            "dry_run": true, "lines": [{"sku": "TSHIRT-RED-M", "quantity": 3}]}"#,
    ),
    ("POST /v1/stock/counts", r#"{"counts": [{"sku": "TSHIRT-RED-M", "location": "es-002", "on_hand": 12}]}"#),
    (
        "POST /v1/stock/movements",
        r#"{"movements": [{"kind": "receipt", "sku": "TSHIRT-RED-M", "location": "es-002", "quantity": 5, "reference": "DN-17"}]}"#,
    ),
    (
        "PUT /v1/supply",
        r#"{"supplies": [{"supply": "PO-4711", "sku": "TSHIRT-RED-M", "location": "mx-w01", "quantity": 40, "expected_at": "2035-01-10T09:00:00Z"}]}"#,
    ),
    (
        "POST /v1/what-if",
        r#"{"after": 0, "rules": {"keep-two": {"kind": "safety_stock", "units": 2, "channels": ["web"]}}}"#,
    ),
];

/// Parameters by name, and where it differs by path and name: values of the demo's data. Those that nobody needs are left
/// empty, so that trying a call out does not narrow it.
const PARAMETERS: &[(&str, &str)] = &[
    ("sku", "TSHIRT-RED-M"),
    ("location", "es-002"),
    ("group", "spain"),
    ("channel", "web"),
    ("rule", "outlets-keep-two"),
    ("near", "40.41,-3.70"),
];

/// Headers of answers, by name.
const HEADERS: &[(&str, &str)] = &[
    ("ETag", "The version, for `If-Match` and `If-None-Match`"),
    ("Location", "The path of what was made"),
    ("Idempotent-Replayed", "`true`: the key was used before, and this is the first answer again"),
    ("Retry-After", "Seconds after which another try makes sense"),
];

/// Completes one call: what to know of it, what its successes answer with, their headers, and examples that work.
pub fn complete(method: &str, path: &str, operation: &mut Value) {
    let call = format!("{} {path}", method.to_uppercase());
    if let Some((_, description, answers)) = CALLS.iter().find(|(known, ..)| *known == call) {
        let longer = operation.get("description").and_then(Value::as_str).map(str::to_owned);
        operation["description"] = match longer {
            Some(longer) => format!("{description}\n\n{longer}").into(),
            None => (*description).into(),
        };
        for (status, record) in *answers {
            answer(&mut operation["responses"][*status], record);
        }
    }
    if let Some((_, body)) = BODIES.iter().find(|(known, _)| *known == call) {
        let example: Value = serde_json::from_str(body).unwrap_or_default();
        if let Some(content) = operation.pointer_mut("/requestBody/content/application~1json") {
            content["example"] = example;
        }
    }
    for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
        let name = parameter.get("name").and_then(Value::as_str).unwrap_or_default();
        let needed = parameter.get("required") == Some(&json!(true)) || name == "near";
        let Some((_, value)) = PARAMETERS.iter().find(|(known, _)| *known == name).filter(|_| needed) else { continue };
        parameter["example"] = match parameter.pointer("/schema/type").and_then(Value::as_str) {
            Some("array") => json!([value]),
            _ => json!(value),
        };
    }
    headers(method, path, operation);
}

fn answer(answer: &mut Value, record: &str) {
    if record.contains('/') {
        // What is a stream of events to one reader is a text to another: neither is called wrong.
        let schema = if record == "text/event-stream" { json!({}) } else { json!({"type": "string"}) };
        if answer.pointer("/content").is_none() {
            answer["content"] = json!({record: {"schema": schema}});
        } else if let Some(content) = answer.pointer_mut("/content").and_then(|all| all.get_mut(record)) {
            content["schema"] = schema;
        }
    } else {
        let schema = json!({"$ref": format!("#/components/schemas/{record}")});
        match answer.pointer_mut("/content/application~1json") {
            Some(content) => content["schema"] = schema,
            None => answer["content"] = json!({"application/json": {"schema": schema}}),
        }
        if answer.get("description").and_then(Value::as_str).is_none_or(str::is_empty) {
            let known = RECORDS.iter().find(|(name, ..)| *name == record);
            answer["description"] = known.map_or("As it is", |(_, meaning, _)| meaning).into();
        }
    }
}

fn headers(method: &str, path: &str, operation: &mut Value) {
    let keyed = operation
        .get("parameters")
        .and_then(Value::as_array)
        .is_some_and(|all| all.iter().any(|one| one.get("name") == Some(&json!("Idempotency-Key"))));
    let versioned = path.ends_with('}')
        && matches!(method, "get" | "put")
        && !path.contains("reservations")
        && !path.contains("export");
    if versioned && method == "get" {
        let tags = json!({"type": "string", "minLength": 1, "pattern": r#"^(\*|"[0-9]{1,19}")$"#});
        let known = json!({"name": "If-None-Match", "in": "header", "required": false, "schema": tags,
            "description": "The `ETag` of what the caller knows: if it still is that, the answer is 304"});
        match operation.get_mut("parameters").and_then(Value::as_array_mut) {
            Some(parameters) => parameters.push(known),
            None => operation["parameters"] = json!([known]),
        }
        operation["responses"]["304"] = json!({"description": "It is what the caller knows"});
    }
    let Some(answers) = operation.get_mut("responses").and_then(Value::as_object_mut) else { return };
    for (status, answer) in answers {
        let told: &[(&str, bool)] = match status.as_str() {
            "200" => &[("ETag", versioned), ("Idempotent-Replayed", keyed)],
            "304" => &[("ETag", versioned)],
            "201" => &[("Location", true), ("Idempotent-Replayed", keyed)],
            "429" | "503" => &[("Retry-After", true)],
            _ => &[],
        };
        for (name, _) in told.iter().filter(|(_, holds)| *holds) {
            let meaning = HEADERS.iter().find(|(known, _)| known == name).map_or("", |(_, meaning)| meaning);
            let kind = if *name == "Retry-After" { "integer" } else { "string" };
            answer["headers"][*name] = json!({"description": meaning, "schema": {"type": kind}});
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use super::*;

    #[test]
    fn examples_are_json_and_records_name_records_that_there_are() {
        for (call, body) in BODIES {
            assert!(serde_json::from_str::<Value>(body).is_ok(), "{call}: {body}");
            assert!(CALLS.iter().any(|(known, ..)| known == call), "{call}");
        }
        let text = serde_json::to_string(&crate::http::document::records::schemas()).unwrap();
        for reference in text.split("#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(name.ends_with("View") || RECORDS.iter().any(|(known, ..)| *known == name), "{name}");
        }
    }
}
