//! The served OpenAPI document: the handlers' own descriptions, completed with the rules for every call.
//!
//! A word has one meaning in the whole API, so its bounds are defined once: in [`bounds`], or in the [`words`] of the
//! only subject that uses it. So are the answers that every call may give. `tests/schemathesis/run` tests the server against the document.

#[allow(clippy::indexing_slicing, reason = "a name that a JSON object lacks is added to it")]
mod answers;
pub mod bounds;
#[allow(clippy::indexing_slicing, reason = "a name that a JSON object lacks is added to it")]
mod records;
pub mod words;

use serde_json::{Map, Value, json};
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

use crate::http::document::words::Words;
use crate::http::middleware::admission::SCHEME;

/// The document before the handlers add their paths.
#[derive(OpenApi)]
#[openapi(
    modifiers(&KeyScheme),
    info(
        title = "Anaquel",
        description = "Real-time stock availability: how many of this can be promised, here, now, and taking one \
                       without promising it twice. Every answer that carries stock carries the `seq` it reflects; \
                       every 2xx answer to a write is durable. Errors are RFC 9457 problem documents.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    )
)]
pub struct ApiDoc;

/// The security scheme: how callers authenticate.
struct KeyScheme;

impl utoipa::Modify for KeyScheme {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let description = "An API key of `anaquel keys add`, or a JSON Web Token. Each call lists its scopes; one of \
                           them is sufficient. A server without keys requires none.";
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(description)).build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme(SCHEME, SecurityScheme::Http(scheme));
    }
}

#[cfg(test)]
pub use records::schemas;

/// The document as the server serves it.
pub fn complete(document: &utoipa::openapi::OpenApi, subjects: &[&Words]) -> Value {
    let mut document = serde_json::to_value(document).unwrap_or_default();
    let words = bounds::of(subjects);
    if let Some(schemas) = object(&mut document, "/components/schemas") {
        let views: Vec<(String, Value)> =
            CATALOGUE.iter().filter_map(|(name, id)| view(schemas.get(*name)?, name, id)).collect();
        schemas.extend(views);
        for (name, schema) in schemas.iter_mut() {
            bound_members(schema, name, &words);
        }
        // Records define their own bounds: an answer may hold values that a request body may not.
        schemas.extend(records::schemas(subjects));
        schemas.insert("Problem".to_owned(), problem());
    }
    if let Some(document) = document.as_object_mut() {
        let server = json!({"url": "/", "description": "The server that serves this document"});
        document.insert("servers".to_owned(), json!([server]));
        let tags = subjects.iter().flat_map(|words| words.tags);
        let tags: Vec<Value> = tags.map(|(name, says)| json!({"name": name, "description": says})).collect();
        document.insert("tags".to_owned(), tags.into());
    }
    let mut reservation_calls = Vec::new();
    for_calls(&mut document, |method, path, operation| {
        let id = call_id(method, path);
        operation["operationId"] = id.clone().into();
        if path.starts_with("/v1/reservations/{id}") {
            reservation_calls.push(id);
        }
        let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
        parameters.into_iter().flatten().for_each(|parameter| bound_parameter(parameter, path, &words));
        if let Some(body) = operation.pointer_mut("/requestBody/content/application~1json/schema") {
            required_of(body);
        }
        // Without its own `security`, a call would inherit the global requirement.
        if operation.get("security").is_none() {
            operation["security"] = json!([]);
        }
        problems(operation);
        answers::complete(subjects, method, path, operation);
    });
    names(&mut document);
    drop_unused(&mut document);
    for (call, id) in [("/v1/reservations", "/id"), ("/v1/sourcing", "/reservation/id")] {
        let answer = format!("/paths/{}/post/responses/201", call.replace('/', "~1"));
        let promised = object(&mut document, &answer).into_iter();
        promised.for_each(|promised| drop(promised.insert("links".to_owned(), links(&reservation_calls, id))));
    }
    document
}

/// Describes `names` of every list and record: the parameter, and the member of the answer.
fn names(document: &mut Value) {
    let parameter = json!({"name": "names", "in": "query", "required": false, "schema": {"type": "boolean"},
        "description": "Whether to add `names`: those of the SKUs and locations in the answer"});
    let mut told = Vec::new();
    for_calls(document, |method, path, operation| {
        let content = operation.pointer("/responses/200/content/application~1json/schema/$ref");
        let schema = content.and_then(Value::as_str).and_then(|of| of.rsplit('/').next()).map(str::to_owned);
        let Some(schema) = schema.filter(|_| method == "get" && path.starts_with("/v1/")) else { return };
        told.push(schema);
        match operation.get_mut("parameters").and_then(Value::as_array_mut) {
            Some(parameters) => parameters.push(parameter.clone()),
            None => operation["parameters"] = json!([parameter]),
        }
    });
    let member = json!({"$ref": "#/components/schemas/Names"});
    let Some(schemas) = object(document, "/components/schemas") else { return };
    for name in told {
        let properties = schemas.get_mut(&name).and_then(|schema| schema.pointer_mut("/properties"));
        if let Some(properties) = properties.and_then(Value::as_object_mut) {
            properties.entry("names").or_insert_with(|| member.clone());
        }
    }
    let of = |what: &str| {
        json!({"type": "object", "description": format!("By the id of the {what}; null without a name"),
        "additionalProperties": {"type": ["string", "null"]}})
    };
    let names = json!({"type": "object", "description": "Names for people, with `names=true`",
        "required": ["skus", "locations"], "properties": {"skus": of("SKU"), "locations": of("location")}});
    schemas.insert("Names".to_owned(), names);
}

/// Removes schemas that nothing refers to, and then those that only they referred to.
fn drop_unused(document: &mut Value) {
    loop {
        let text = document.to_string();
        let is_used = |name: &String| text.contains(&format!("\"#/components/schemas/{name}\""));
        let Some(schemas) = object(document, "/components/schemas") else { return };
        let before = schemas.len();
        schemas.retain(|name, _| is_used(name));
        if schemas.len() == before {
            return;
        }
    }
}

fn for_calls(document: &mut Value, mut call: impl FnMut(&str, &str, &mut Value)) {
    for (path, item) in object(document, "/paths").into_iter().flatten() {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            call(method, path, operation);
        }
    }
}

/// One name for each call, such as `post_reservations_by_id_confirm`.
fn call_id(method: &str, path: &str) -> String {
    let path = path.trim_start_matches("/v1").replace('{', "by_").replace('}', "");
    format!("{method}{}", path.replace(['/', '-'], "_"))
}

/// An optional member is absent, which differs from null.
fn required_of(schema: &mut Value) {
    if let Some(Value::Array(either)) = schema.get_mut("oneOf") {
        either.retain(|one| one.get("type").is_none_or(|kind| kind != "null"));
        if let [one] = either.as_mut_slice() {
            *schema = one.take();
        }
    } else if let Some(Value::Array(kinds)) = schema.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [kind] = kinds.as_mut_slice() {
            schema["type"] = kind.take();
        }
    }
}

/// Adds the bounds of a word to a schema.
fn bound(schema: &mut Value, owner: &str, name: &str, words: &Map<String, Value>) {
    if !is(schema, "array") {
        return extend(schema, words.get(&format!("{owner}.{name}")).or_else(|| words.get(name)));
    }
    extend(schema, words.get(&format!("{owner}.{name}[]")).or_else(|| words.get(&format!("{name}[]"))));
    if let Some(item) = schema.get_mut("items") {
        bound(item, owner, name, words);
    }
}

fn is(schema: &Value, kind: &str) -> bool {
    match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().any(|one| one == kind),
        one => one.is_some_and(|one| one == kind),
    }
}

fn extend(schema: &mut Value, bounds: Option<&Value>) {
    let (nullable, is_text) = (is(schema, "null"), is(schema, "string"));
    let (Some(schema), Some(bounds)) = (schema.as_object_mut(), bounds.and_then(Value::as_object)) else { return };
    let fits = |bound: &str| bound != "pattern" || is_text;
    schema.extend(bounds.clone().into_iter().filter(|(bound, _)| fits(bound)));
    // The type's variant for "no value" is not an allowed value.
    if let Some(Value::Array(values)) = schema.get("enum")
        && schema.get("default").is_some_and(|default| !values.contains(default))
    {
        schema.remove("default");
    }
    // An enumeration must list null if it is allowed.
    if let (true, Some(Value::Array(values))) = (nullable, schema.get_mut("enum")) {
        values.push(Value::Null);
    }
}

/// Adds bounds to the members of a schema and of its parts.
fn bound_members(schema: &mut Value, owner: &str, words: &Map<String, Value>) {
    for (name, member) in object(schema, "/properties").into_iter().flatten() {
        bound(member, owner, name, words);
        // A map: bounds for its names and its values.
        if let Some(values) = member.get_mut("additionalProperties").filter(|values| values.is_object()) {
            bound(values, name, "value", words);
            if let Some(names) = words.get(&format!("{name}.name")) {
                member.as_object_mut().into_iter().for_each(|member| {
                    member.insert("propertyNames".to_owned(), names.clone());
                });
            }
        }
    }
    let parts = schema.get_mut("allOf").and_then(Value::as_array_mut);
    parts.into_iter().flatten().for_each(|part| bound_members(part, owner, words));
}

fn bound_parameter(parameter: &mut Value, path: &str, words: &Map<String, Value>) {
    let name = parameter.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    if let Some(schema) = parameter.get_mut("schema") {
        required_of(schema);
        bound(schema, path, &name, words);
        if schema["type"] == "integer" && schema.get("maximum").is_none() {
            schema["maximum"] = i64::MAX.into();
        }
    }
}

/// Resources that are set as a whole, and the word for their id. The answer repeats the body and adds the `seq`.
const CATALOGUE: &[(&str, &str)] = &[
    ("SkuBody", "sku"),
    ("LocationBody", "location"),
    ("GroupBody", "group"),
    ("ChannelBody", "channel"),
    ("RuleBody", "rule"),
];

/// The schema of the answer to a set resource.
fn view(body: &Value, name: &str, id: &str) -> Option<(String, Value)> {
    let mut view = body.clone();
    let members = view.as_object_mut()?;
    members.remove("additionalProperties");
    members.insert("required".to_owned(), json!([id]));
    let properties = members.get_mut("properties")?.as_object_mut()?;
    properties.insert(id.to_owned(), json!({"type": "string", "description": "Its id"}));
    let seq = json!({"type": "integer", "minimum": 0, "description": "The `seq` of the change; after one"});
    properties.insert("seq".to_owned(), seq);
    if matches!(name, "SkuBody" | "LocationBody" | "ChannelBody") {
        let by = if name == "ChannelBody" { "a promise" } else { "a movement or a count" };
        let what = format!("False while only {by} created it: declare it, or retire it");
        let declared = json!({"type": "boolean", "description": what});
        properties.insert("declared".to_owned(), declared);
    }
    if name == "LocationBody" {
        let of = json!({"type": "string", "description": "For a quarantine: the location whose returns it holds"});
        properties.insert("quarantine_of".to_owned(), of);
        if let Some(Value::Array(kinds)) = properties.get_mut("kind").and_then(|kind| kind.get_mut("enum")) {
            kinds.push("quarantine".into());
        }
    }
    if name == "RuleBody" {
        properties
            .insert("in_force".to_owned(), json!({"type": "boolean", "description": "Whether it is in force now"}));
        let since = json!({"type": "integer", "minimum": 0, "description": "The `seq` since which `in_force` has its \
            value"});
        properties.insert("since".to_owned(), since);
    }
    Some((name.replace("Body", "View"), view))
}

/// An error response (RFC 9457).
fn problem() -> Value {
    json!({
        "type": "object",
        "description": "An error. Its kind adds more members.",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string", "pattern": "^/problems/", "description": "The kind, for programs"},
            "title": {"type": "string", "description": "The kind, for people"},
            "status": {"type": "integer", "minimum": 400, "maximum": 599, "description": "As in the status line"},
            "detail": {"type": "string", "description": "What is wrong, and the remedy"},
            "field": {"type": "string", "description": "`invalid-request`: the field, as a path"},
            "lines": {"type": "array", "items": {"$ref": "#/components/schemas/ShortLine"}, "description": "`insufficient-stock`: \
                the short lines"},
            "state": {"type": "string", "description": "`wrong-state`: the state of the reservation, or `held`"},
            "held_by": {
                "type": "object",
                "additionalProperties": {"$ref": "#/components/schemas/Holders"},
                "description": "`wrong-state`: what prevents that a SKU, a location, a group or a channel is retired, \
                                or that a price list or a tax class is removed: `stock`, `quarantine`, \
                                `reservations`, `supplies`, `rules`, `groups`, `locations`, `prices`, `price_lists`, \
                                `tax_classes`, `skus`"
            },
            "sku": {"type": "string", "description": "`held`: the SKU"},
            "location": {"type": "string", "description": "`held`: the location"},
            "group": {"type": "string", "description": "`held`: the group"},
            "channel": {"type": "string", "description": "`held`: the channel"},
            "price_list": {"type": "string", "description": "`held`: the price list"},
            "tax_class": {"type": "string", "description": "`held`: the tax class"},
            "scope": {"type": "string", "description": "`forbidden`: the required scope"},
            "limit": {"type": "string", "description": "The setting whose limit is reached"},
            "most": {"type": "integer", "description": "The value of that setting"},
            "version": {"type": "integer", "description": "`stale-version`: the current version"},
            "oldest": {"type": "integer", "description": "`gone`: the oldest record in the log"},
            "seq": {"type": "integer", "description": "The record that the error concerns, or that is durable now"},
            "outcome": {"type": "string", "enum": ["unknown"], "description": "`read-only`: it is unknown whether the \
                write took effect; a repeat with the same key returns the result later"},
            "rejected": {"type": "integer", "description": "For an atomic import: the number of rejected rows"},
            "errors": {"type": "array", "items": {"$ref": "#/components/schemas/ImportError"}, "description": "For an \
                atomic import: the reasons"},
            "damaged_seq": {"type": "integer", "description": "`internal`: the record that is unreadable"}
        }
    })
}

/// Errors that every call may return.
const EVERYWHERE: &[(&str, &str)] = &[
    ("400", "invalid-request: names the field and the remedy"),
    ("401", "unauthorized: the key is missing or unknown"),
    ("403", "forbidden: the key has other scopes, channels or locations"),
    ("404", "not-found: something that the request names is unknown"),
    ("429", "too-many-requests: with Retry-After, if the time is known"),
    ("500", "internal: the server log has an entry under the request's id"),
    ("503", "overloaded or read-only: with Retry-After"),
];

/// Errors that every call with a body may return.
const WITH_BODY: &[(&str, &str)] = &[
    ("408", "timeout: the body did not arrive"),
    ("413", "payload-too-large"),
    ("415", "unsupported-media-type"),
    ("422", "idempotency-mismatch"),
];

fn problems(operation: &mut Value) {
    let guarded = operation.get("security").and_then(Value::as_array).is_some_and(|needs| !needs.is_empty());
    let with_body = operation.get("requestBody").is_some();
    let Some(answers) = object(operation, "/responses") else { return };
    let everywhere = EVERYWHERE.iter().filter(|_| guarded);
    for (status, description) in everywhere.chain(WITH_BODY.iter().filter(|_| with_body)) {
        answers.entry(*status).or_insert_with(|| json!({"description": description}));
    }
    for (status, answer) in answers.iter_mut() {
        let Some(answer) = answer.as_object_mut() else { continue };
        if status.starts_with(['4', '5']) && guarded {
            let content = answer.remove("content").unwrap_or_default();
            let schema = json!({"$ref": "#/components/schemas/Problem"});
            let told = match content.pointer("/application~1json/example") {
                Some(example) => json!({"schema": schema, "example": example}),
                None => json!({"schema": schema}),
            };
            answer.insert("content".to_owned(), json!({"application/problem+json": told}));
        } else if let Some(reference) =
            answer.get_mut("content").and_then(|body| body.pointer_mut("/application~1json/schema/$ref"))
        {
            let name = reference.as_str().and_then(|reference| reference.rsplit('/').next()).unwrap_or_default();
            if CATALOGUE.iter().any(|(body, _)| *body == name) {
                *reference = format!("#/components/schemas/{}", name.replace("Body", "View")).into();
            }
        }
    }
}

/// Links from a new reservation to its next operations.
fn links(calls: &[String], id: &str) -> Value {
    let id = format!("$response.body#{id}");
    let link = |call: &String| (call.clone(), json!({"operationId": call, "parameters": {"id": id}}));
    Value::Object(calls.iter().map(link).collect())
}

fn object<'a>(value: &'a mut Value, pointer: &str) -> Option<&'a mut Map<String, Value>> {
    value.pointer_mut(pointer)?.as_object_mut()
}
