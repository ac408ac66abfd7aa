//! What a reader must know before each call, what the call answers with, and working examples, for the document.
//!
//! For speed, the views write their JSON by hand, so their shapes are defined once, in [`records`](super::records).
//! `tests/system/openapi.rs` checks every answer of a walk through the whole API against them: a member that is in an
//! answer but not in the record fails the test.

use serde_json::{Value, json};

use crate::http::document::words::Words;

/// Response headers, by name.
const HEADERS: &[(&str, &str)] = &[
    ("ETag", "The version, for `If-Match` and `If-None-Match`"),
    ("Location", "The path of the new item"),
    ("Idempotent-Replayed", "`true`: the key was used before, and this is the first answer again"),
    ("Retry-After", "Seconds to wait before the next attempt"),
];

/// Completes one call: its description, its successful answers, their headers, and working examples.
pub fn complete(words: &[&Words], method: &str, path: &str, operation: &mut Value) {
    let call = format!("{} {path}", method.to_uppercase());
    if let Some((_, description, answers)) =
        words.iter().flat_map(|words| words.calls).find(|(known, ..)| *known == call)
    {
        let longer = operation.get("description").and_then(Value::as_str).map(str::to_owned);
        operation["description"] = match longer {
            Some(longer) => format!("{description}\n\n{longer}").into(),
            None => (*description).into(),
        };
        for (status, record) in *answers {
            answer(words, &mut operation["responses"][*status], record);
        }
    }
    if let Some((_, body)) = words.iter().flat_map(|words| words.examples).find(|(known, _)| *known == call) {
        let example: Value = serde_json::from_str(body).unwrap_or_default();
        if let Some(content) = operation.pointer_mut("/requestBody/content/application~1json") {
            content["example"] = example;
        }
    }
    for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
        let name = parameter.get("name").and_then(Value::as_str).unwrap_or_default();
        let needed = parameter.get("required") == Some(&json!(true)) || name == "near";
        let mut known = words.iter().flat_map(|words| words.parameters);
        let Some((_, value)) = known.find(|(known, _)| *known == name).filter(|_| needed) else { continue };
        parameter["example"] = match parameter.pointer("/schema/type").and_then(Value::as_str) {
            Some("array") => json!([value]),
            _ => json!(value),
        };
    }
    let is_versioned = words.iter().any(|words| words.versioned.contains(&path));
    // A list has no version, and what is removed has none any more.
    let is_list = method == "get" && !path.ends_with('}');
    let has_item = method != "delete" && !is_list;
    let is_tagged = has_item && words.iter().any(|words| words.tagged.contains(&path));
    headers(method, is_versioned && matches!(method, "get" | "put"), is_tagged, operation);
}

fn answer(words: &[&Words], answer: &mut Value, record: &str) {
    if record.contains('/') {
        // Some readers see an event stream as a stream, others as a text: the empty schema allows both.
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
            let known = words.iter().flat_map(|words| words.records).find(|(name, ..)| *name == record);
            answer["description"] = known.map_or("As it is", |(_, meaning, _)| meaning).into();
        }
    }
}

fn headers(method: &str, versioned: bool, tagged: bool, operation: &mut Value) {
    let keyed = operation
        .get("parameters")
        .and_then(Value::as_array)
        .is_some_and(|all| all.iter().any(|one| one.get("name") == Some(&json!("Idempotency-Key"))));
    if versioned && method == "get" {
        let tags = json!({"type": "string", "minLength": 1, "pattern": r#"^(\*|"[0-9]{1,19}")$"#});
        let known = json!({"name": "If-None-Match", "in": "header", "required": false, "schema": tags,
            "description": "The `ETag` that the caller has: if it is current, the answer is 304"});
        match operation.get_mut("parameters").and_then(Value::as_array_mut) {
            Some(parameters) => parameters.push(known),
            None => operation["parameters"] = json!([known]),
        }
        operation["responses"]["304"] = json!({"description": "The caller has the current version"});
    }
    let Some(answers) = operation.get_mut("responses").and_then(Value::as_object_mut) else { return };
    for (status, answer) in answers {
        let told: &[(&str, bool)] = match status.as_str() {
            "200" => &[("ETag", versioned || tagged), ("Idempotent-Replayed", keyed)],
            "304" => &[("ETag", versioned)],
            "201" => &[("ETag", tagged), ("Location", true), ("Idempotent-Replayed", keyed)],
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
