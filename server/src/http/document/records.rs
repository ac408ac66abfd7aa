//! The records in answers: their members and their meaning.

use serde_json::{Map, Value, json};

use crate::http::document::words::Words;

/// The schemas of all records, by name.
pub fn schemas(words: &[&Words]) -> Map<String, Value> {
    let records = words.iter().flat_map(|words| words.records);
    records.map(|(name, meaning, members)| ((*name).to_owned(), record(meaning, members))).collect()
}

fn record(meaning: &str, members: &[(&str, &str, &str)]) -> Value {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    let mut schema = json!({"type": "object", "description": meaning});
    for (name, holds, meaning) in members {
        if *name == "*" {
            schema["additionalProperties"] = true.into();
            continue;
        }
        let known = name.strip_suffix('?');
        if known.is_none() {
            required.push(Value::from(*name));
        }
        properties.insert(known.unwrap_or(name).to_owned(), member(holds, meaning));
    }
    schema["properties"] = properties.into();
    schema["required"] = required.into();
    schema
}

fn member(holds: &str, meaning: &str) -> Value {
    let mut schema = holding(holds);
    match schema.get("$ref") {
        // The schema describes the record; the description adds its meaning for this member.
        Some(_) => json!({"allOf": [schema], "description": meaning}),
        None => {
            schema["description"] = meaning.into();
            schema
        }
    }
}

fn holding(holds: &str) -> Value {
    if let Some(holds) = holds.strip_suffix('?') {
        let mut schema = holding(holds);
        if schema.get("$ref").is_some() {
            return json!({"oneOf": [schema, {"type": "null"}]});
        }
        if let Some(kind) = schema.get("type").cloned() {
            schema["type"] = json!([kind, "null"]);
        }
        if let Some(Value::Array(values)) = schema.get_mut("enum") {
            values.push(Value::Null);
        }
        return schema;
    }
    if let Some(item) = holds.strip_prefix('[').and_then(|holds| holds.strip_suffix(']')) {
        return json!({"type": "array", "items": holding(item)});
    }
    match holds {
        "text" => json!({"type": "string"}),
        "int" => json!({"type": "integer", "format": "int64", "minimum": 0}),
        "units" => json!({"type": "integer", "format": "int64"}),
        "number" => json!({"type": "number", "format": "double"}),
        "flag" => json!({"type": "boolean"}),
        "time" => json!({"type": "string", "format": "date-time"}),
        "map" => json!({"type": "object", "additionalProperties": {"type": "string"}}),
        "any" => json!({"type": "object", "additionalProperties": true}),
        choice if choice.contains('|') => json!({"type": "string", "enum": choice.split('|').collect::<Vec<_>>()}),
        record => json!({"$ref": format!("#/components/schemas/{record}")}),
    }
}
