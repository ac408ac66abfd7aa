//! Prepares requests for every route of the served OpenAPI document as bytes, with valid and invalid values. Values
//! without a schema are invented from the name of the field.

use anaquel_seeds::Numbers;
use anyhow::Context;
use serde_json::{Map, Value, json};

use super::network::{BAITS, CHANNEL, MIXES, Network, TRIPLES, VOIDS, shop_cell};
use super::wire::request;

/// The maximum depth of bodies.
const DEPTH: u32 = 6;

/// Valid and invalid messages of a socket.
const OPERATIONS: [&str; 17] = [
    "subscribe",
    "track",
    "untrack",
    "unsubscribe",
    "reserve",
    "confirm",
    "ready",
    "collect",
    "cancel",
    "extend",
    "bind",
    "rebind",
    "movements",
    "counts",
    "sale",
    "availability",
    "ready-steady",
];

/// Generates values.
pub(super) struct Maker<'a> {
    pub document: &'a Value,
    pub network: Network,
    pub numbers: Numbers,
}

impl Maker<'_> {
    /// This many requests of each route, for one caller.
    pub fn requests(&mut self, headers: &str, each: usize) -> anyhow::Result<Vec<Vec<u8>>> {
        let document = self.document;
        let paths = document.get("paths").and_then(Value::as_object).context("the document has paths")?;
        let mut requests = Vec::new();
        for (template, item) in paths {
            for (method, operation) in item.as_object().into_iter().flatten() {
                let is_operation = operation.get("responses").is_some();
                for _ in 0..if is_operation { each } else { 0 } {
                    requests.push(self.request(&method.to_ascii_uppercase(), template, operation, headers));
                }
            }
        }
        Ok(requests)
    }

    fn request(&mut self, method: &str, template: &str, operation: &Value, headers: &str) -> Vec<u8> {
        let (mut path, mut query) = (template.to_owned(), String::new());
        for parameter in operation.get("parameters").and_then(Value::as_array).into_iter().flatten() {
            let name = parameter.get("name").and_then(Value::as_str).unwrap_or_default();
            let schema = parameter.get("schema").unwrap_or(&Value::Null);
            match parameter.get("in").and_then(Value::as_str) {
                Some("path") => {
                    let value = word(&self.value(schema, name, DEPTH, method == "GET"));
                    path = path.replace(&format!("{{{name}}}"), &encoded(&value));
                }
                Some("query") if self.numbers.below(3) > 0 => {
                    for _ in 0..=self.numbers.below(3) {
                        let value = match self.value(schema, name, DEPTH, method == "GET") {
                            Value::Array(values) => values.first().map(word).unwrap_or_default(),
                            value => word(&value),
                        };
                        query.push(if query.is_empty() { '?' } else { '&' });
                        query.push_str(&format!("{name}={}", encoded(&value)));
                    }
                }
                _ => {}
            }
        }
        let content = operation.pointer("/requestBody/content").and_then(Value::as_object);
        let body = match content.and_then(|content| content.iter().next()) {
            Some((kind, content)) if kind == "application/json" => {
                self.value(content.get("schema").unwrap_or(&Value::Null), "body", DEPTH, false).to_string()
            }
            Some(_) => "sku,location,on_hand\nBAIT-00,att-00000,7\n\"\n".to_owned(),
            None => String::new(),
        };
        let key = match self.numbers.below(4) {
            0 => format!("Idempotency-Key: r-{}\r\n", self.numbers.below(1 << 40)),
            _ => String::new(),
        };
        request(method, &(path + &query), &format!("{headers}{key}"), body.as_bytes())
    }

    /// A message for a socket.
    pub fn message(&mut self) -> String {
        let op = OPERATIONS.get(self.numbers.below(OPERATIONS.len() as u64) as usize).copied().unwrap_or_default();
        let mut message = Map::new();
        message.insert("op".into(), op.into());
        message.insert("id".into(), format!("m{}", self.numbers.below(8)).into());
        for name in ["skus", "locations", "groups", "channel", "mode", "cursor", "lines", "reservation", "ttl_seconds"]
        {
            if self.numbers.below(2) == 0 {
                let value = match name {
                    "skus" | "locations" | "groups" => {
                        let count = [1, 3, 1000].get(self.numbers.below(3) as usize).copied().unwrap_or(1);
                        let one = name.trim_end_matches('s');
                        (0..count).map(|_| Value::from(self.text(one, false))).collect()
                    }
                    "lines" => json!([self.line()]),
                    "mode" => json!(["conflated", "lossless", "x"].get(self.numbers.below(3) as usize)),
                    "ttl_seconds" => self.integer(&Value::Null),
                    _ => self.text(name, false).into(),
                };
                message.insert(name.into(), value);
            }
        }
        Value::Object(message).to_string()
    }

    fn line(&mut self) -> Value {
        let (sku, quantity) = (self.text("sku", false), self.integer(&Value::Null));
        match self.numbers.below(2) {
            0 => json!({"sku": sku, "location": self.text("location", false), "quantity": quantity}),
            _ => json!({"sku": sku, "group": self.text("group", false), "quantity": quantity}),
        }
    }

    /// A value of a schema or, now and then, an invalid one.
    fn value(&mut self, schema: &Value, name: &str, depth: u32, is_read: bool) -> Value {
        if depth == 0 || self.numbers.below(16) == 0 {
            return self.nonsense();
        }
        if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
            let document = self.document;
            let target = document.pointer(target.trim_start_matches('#')).unwrap_or(&Value::Null);
            return self.value(target, name, depth - 1, is_read);
        }
        for either in ["oneOf", "anyOf", "allOf", "enum"] {
            if let Some(values) = schema.get(either).and_then(Value::as_array).filter(|values| !values.is_empty()) {
                let one = values.get(self.numbers.below(values.len() as u64) as usize).unwrap_or(&Value::Null);
                return if either == "enum" { one.clone() } else { self.value(one, name, depth - 1, is_read) };
            }
        }
        let kind = match schema.get("type") {
            Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str),
            kind => kind.and_then(Value::as_str),
        };
        match kind {
            Some("object") => self.object(schema, depth, is_read),
            Some("array") => {
                let count = [1, 1, 2, 5, 0, 120].get(self.numbers.below(6) as usize).copied().unwrap_or(1);
                let items = schema.get("items").unwrap_or(&Value::Null);
                (0..count).map(|_| self.value(items, name.trim_end_matches('s'), depth - 1, is_read)).collect()
            }
            Some("integer") => self.integer(schema),
            Some("number") => json!(self.numbers.below(1 << 20) as f64 / 1000.0 - 500.0),
            Some("boolean") => (self.numbers.below(2) == 0).into(),
            _ => self.text(name, is_read).into(),
        }
    }

    fn object(&mut self, schema: &Value, depth: u32, is_read: bool) -> Value {
        let mut object = Map::new();
        let required = schema.get("required").and_then(Value::as_array);
        for (name, of) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let is_required = required.is_some_and(|required| required.iter().any(|one| one == name));
            if self.numbers.below(20) < if is_required { 19 } else { 8 } {
                object.insert(name.clone(), self.value(of, name, depth - 1, is_read));
            }
        }
        if self.numbers.below(20) == 0 {
            object.insert("what_is_this".into(), self.nonsense());
        }
        Value::Object(object)
    }

    fn integer(&mut self, schema: &Value) -> Value {
        let bound = |name: &str| schema.get(name).and_then(Value::as_i64);
        let known = [bound("minimum").unwrap_or(0), bound("maximum").unwrap_or(1_000_000_000)];
        let odd = [-1, 0, 1, 2, 7, 1000, 4_294_967_296, i64::MAX, i64::MIN];
        let values: Vec<i64> = known.into_iter().chain([1, 2, 3, 10]).chain(odd).collect();
        values.get(self.numbers.below(values.len() as u64) as usize).copied().unwrap_or(1).into()
    }

    /// A word that fits the field's name, often a known one.
    fn text(&mut self, name: &str, is_read: bool) -> String {
        let (choice, n) = (self.numbers.below(10), self.numbers.below(1 << 20));
        let network = self.network;
        match name {
            "sku" | "skus" => match choice {
                0..3 => network.wide(n),
                3..5 => format!("MIX-{:02}", n % MIXES),
                5 => format!("TRI-{:02}", n % TRIPLES),
                6 => format!("BAIT-{:02}", n % BAITS),
                7 => format!("VOID-{:03}", n % VOIDS),
                8 if is_read => shop_cell(n).0,
                _ => format!("made-up-{n}"),
            },
            "location" | "locations" => match choice {
                0..6 => network.place(n),
                6..8 => format!("mix-{}", ["a", "b", "c", "d", "e"].get(n as usize % 5).copied().unwrap_or("a")),
                8 => format!("shop-{}", n % 4),
                _ => format!("nowhere-{n}"),
            },
            "group" | "groups" | "transfer_group" => match choice {
                0..3 => "att-all".into(),
                3..6 => format!("att-belt-{}", n % 16),
                6..9 => "mix-all".into(),
                _ => format!("made-up-{n}"),
            },
            "channel" | "channels" if choice < 8 => CHANNEL.into(),
            "channel" | "channels" => format!("channel-{n}"),
            "near" => "40.41,-3.70".into(),
            "id" | "reservation" | "supersedes" => format!("r-{n}"),
            "cursor" | "after" | "next" => format!("{n}"),
            "purpose" => ["cart", "pickup", "delivery"].get(n as usize % 3).copied().unwrap_or("cart").into(),
            "policy" => ["nearest", "balance", "stores_last"].get(n as usize % 3).copied().unwrap_or("nearest").into(),
            _ if name.ends_with("_at") || name.ends_with("_by") || name == "latest" => "2099-01-11T00:00:00Z".into(),
            _ => format!("{name}-{n}"),
        }
    }

    fn nonsense(&mut self) -> Value {
        match self.numbers.below(9) {
            0 => Value::Null,
            1 => json!(-1),
            2 => json!(1e308),
            3 => "x".repeat(10_000).into(),
            4 => json!([]),
            5 => json!({}),
            6 => "\u{0}\u{202e}=cmd|' /C calc'!A0".into(),
            7 => json!(9_007_199_254_740_993_u64),
            _ => json!([[[[[[true]]]]]]),
        }
    }
}

/// A value in the form of a path or query.
fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b':' | b',' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_asked_with_values_of_its_schema() {
        let document = json!({
            "paths": {"/v1/things/{id}": {"post": {
                "parameters": [{"name": "id", "in": "path", "schema": {"type": "string"}},
                               {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 9}}],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}},
                "responses": {}
            }}},
            "components": {"schemas": {"Thing": {"type": "object", "required": ["sku"], "properties": {
                "sku": {"type": "string"}, "again": {"$ref": "#/components/schemas/Thing"}
            }}}}
        });
        let network = Network { places: 10, skus: 3 };
        let mut maker = Maker { document: &document, network, numbers: Numbers::new(7) };
        let requests = maker.requests("Host: h\r\n", 50).unwrap_or_default();
        assert_eq!(requests.len(), 50);
        let texts: Vec<_> = requests.iter().map(|request| String::from_utf8_lossy(request)).collect();
        assert!(texts.iter().all(|text| text.starts_with("POST /v1/things/") && !text.contains("{id}")));
        assert!(texts.iter().any(|text| text.contains("WIDE-")) && texts.iter().any(|text| text.contains("limit=9")));
    }
}
