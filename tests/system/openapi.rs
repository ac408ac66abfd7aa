//! The OpenAPI document against the answers of the server that serves it: every call is made with the document's own
//! examples on the demo's data, and every member of every answer is described.

use std::collections::BTreeSet;

use anaquel_loadtest::client::Answer;
use anaquel_tests::Shop;
use serde_json::{Value, json};

const METHODS: [&str; 4] = ["get", "post", "put", "delete"];

fn document(shop: &mut Shop) -> Value {
    shop.client.get("/openapi.json").unwrap().json()
}

/// Every call of the document: method and path.
fn calls(document: &Value) -> Vec<(String, String)> {
    let paths = document["paths"].as_object().unwrap();
    let of = |(path, item): (&String, &Value)| -> Vec<(String, String)> {
        item.as_object().unwrap().keys().map(|method| (method.to_uppercase(), path.clone())).collect()
    };
    paths.iter().flat_map(of).collect()
}

#[test]
fn every_call_says_what_it_does_and_answers() {
    let mut shop = Shop::default();
    let document = document(&mut shop);
    assert_eq!(document["openapi"].as_str().map(|version| &version[..3]), Some("3.1"));
    assert!(document["servers"].as_array().is_some_and(|servers| !servers.is_empty()));
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, call) in item.as_object().unwrap() {
            assert!(METHODS.contains(&method.as_str()), "{method} {path}");
            for word in ["summary", "description", "operationId"] {
                assert!(call[word].as_str().is_some_and(|text| !text.is_empty()), "{method} {path} has no {word}");
            }
            for (status, answer) in call["responses"].as_object().unwrap() {
                let described = answer["description"].as_str().is_some_and(|text| !text.is_empty());
                assert!(described, "{method} {path}: {status} has no description");
                if status.starts_with('2') {
                    let content = answer["content"].as_object();
                    let has_schema = content.is_some_and(|all| all.values().all(|one| one["schema"].is_object()));
                    assert!(has_schema, "{method} {path}: {status} has no schema");
                }
            }
            let body = call.pointer("/requestBody/content/application~1json");
            assert!(body.is_none_or(|body| body.get("example").is_some()), "{method} {path}: no example of a body");
        }
    }
    let text = document.to_string();
    for reference in text.split("\"#/").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(document.pointer(&format!("/{reference}")).is_some(), "{reference} refers to nothing");
    }
}

/// A walk through the whole API.
struct Walk {
    shop: Shop,
    document: Value,
    made: BTreeSet<(String, String)>,
    wrong: Vec<String>,
    /// Keys that were sent.
    keys: u32,
}

impl Walk {
    /// Makes a call with the document's examples, or with what stands in their place; `values` fills the path and what
    /// follows it.
    fn call(&mut self, method: &str, path: &str, values: &[&str], query: &str, body: Option<Value>) -> Value {
        let call = self.document["paths"][path][method.to_lowercase()].clone();
        assert!(call.is_object(), "{method} {path} is not in the document");
        self.made.insert((method.to_owned(), path.to_owned()));
        let mut actual = path.to_owned();
        for value in values {
            let (from, to) = (actual.find('{').unwrap(), actual.find('}').unwrap());
            actual.replace_range(from..=to, value);
        }
        let example = call.pointer("/requestBody/content/application~1json/example");
        let body = body.or_else(|| example.cloned());
        let answer = match &body {
            Some(body) => {
                // A key, where one may be given, is another for each call.
                self.keys += 1;
                let key = format!("walk-{}", self.keys);
                let takes_key =
                    call["parameters"].as_array().into_iter().flatten().any(|of| of["name"] == "Idempotency-Key");
                let json = [("Content-Type", "application/json"), ("Idempotency-Key", key.as_str())];
                let headers = if takes_key { &json[..] } else { &json[..1] };
                self.shop
                    .client
                    .send(method, &format!("{actual}{query}"), headers, body.to_string().as_bytes())
                    .unwrap()
            }
            None => self.shop.client.send(method, &format!("{actual}{query}"), &[], b"").unwrap(),
        };
        self.check(&format!("{method} {path}"), &call, &answer);
        if answer.header("content-type").is_some_and(|kind| kind.contains("json")) {
            answer.json()
        } else {
            Value::Null
        }
    }

    /// The receipt of an order that is handed over, by an issuer whose receipts are told to an authority.
    fn receipts_of(&mut self, order: &str) {
        self.call(
            "PUT",
            "/v1/issuers/{issuer}",
            &["es"],
            "",
            Some(json!({"scheme": "verifactu", "country": "ES",
            "tax_id": "B12345678", "name": "Moda S.L.", "address": "Calle Mayor 1", "timezone": "Europe/Madrid"})),
        );
        self.call("PUT", "/v1/series/{series}", &["ES-WEB-27"], "", None);
        let invoices = json!({"issuer": "es", "kind": "invoice", "prefix": "INV-27-"});
        self.call("PUT", "/v1/series/{series}", &["ES-INVOICE-27"], "", Some(invoices));
        self.call("POST", "/v1/orders/{order}/receipts", &[order], "", None);
        let page = self.call("GET", "/v1/receipts", &[], "?fiscal=pending", None);
        let issued = page["items"][0]["receipt"].as_str().unwrap().to_owned();
        let told = self.call("GET", "/v1/receipts/{receipt}", &[&issued], "", None);
        self.call("GET", "/r/{key}", &[told["key"].as_str().unwrap()], "", None);
        for step in ["fiscal", "invoice"] {
            self.call("POST", &format!("/v1/receipts/{{receipt}}/{step}"), &[&issued], "", None);
        }
    }

    /// What the demo retailer took back, and what comes.
    fn returns(&mut self) {
        let of = "/v1/returns/{return}";
        let made = self.call("POST", "/v1/returns", &[], "", None);
        let paid = json!({"refunds": [{"refund": "r1", "tender": "cash", "amount": made["value"], "payment": "p1", "state": "done"}]});
        self.call("POST", &format!("{of}/refunds"), &[made["return"].as_str().unwrap()], "", Some(paid));
        self.call("POST", &format!("{of}/inspect"), &["R-1001"], "", None);
        self.call("POST", &format!("{of}/receive"), &["R-1002"], "", None);
        let announced = json!({"return": "R-1003", "channel": "web", "order": "W-1004", "announced": true,
            "lines": [{"line": "1", "quantity": 1}]});
        self.call("POST", "/v1/returns", &[], "", Some(announced));
        self.call("POST", &format!("{of}/cancel"), &["R-1003"], "", None);
        self.call("GET", of, &["R-1001"], "", None);
        self.call("GET", "/v1/returns", &[], "?state=received", None);
    }

    /// The answer is one that the document tells of, and every member of it is described.
    fn check(&mut self, call: &str, operation: &Value, answer: &Answer) {
        let told = &operation["responses"][answer.status.to_string()];
        assert!(told.is_object(), "{call}: {} is not told: {}", answer.status, String::from_utf8_lossy(&answer.body));
        assert!(answer.status < 300, "{call}: {}", String::from_utf8_lossy(&answer.body));
        let kind = answer.header("content-type").unwrap().split(';').next().unwrap();
        let content = &told["content"][kind];
        assert!(content.is_object(), "{call}: {kind} is not told");
        for (name, _) in told["headers"].as_object().into_iter().flatten().filter(|(name, _)| *name == "ETag") {
            assert!(answer.header(&name.to_lowercase()).is_some(), "{call}: has no {name}");
        }
        if kind != "application/json" {
            return;
        }
        let value = answer.json();
        let mut schema = content["schema"].clone();
        schema["components"] = self.document["components"].clone();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let wrong: Vec<String> =
            validator.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        self.wrong.extend(wrong.iter().map(|wrong| format!("{call}: {wrong}")));
        let mut unknown = Vec::new();
        undescribed(&self.document, &content["schema"], &value, call, &mut unknown);
        self.wrong.extend(unknown.iter().map(|unknown| format!("not described: {unknown}")));
    }
}

/// Members of `value` that `schema` says nothing of.
fn undescribed(document: &Value, schema: &Value, value: &Value, at: &str, unknown: &mut Vec<String>) {
    let mut parts = Vec::new();
    collect(document, schema, &mut parts);
    match value {
        Value::Array(items) => {
            for part in parts.iter().filter_map(|part| part.get("items")) {
                items.iter().for_each(|item| undescribed(document, part, item, at, unknown));
            }
        }
        Value::Object(members) => {
            let open = |part: &Value| part.get("additionalProperties").is_some_and(|more| *more != json!(false));
            if parts.iter().any(open) || parts.iter().all(|part| part.get("properties").is_none()) {
                return;
            }
            for (name, value) in members {
                match parts.iter().find_map(|part| part["properties"].get(name)) {
                    Some(schema) => undescribed(document, schema, value, &format!("{at}.{name}"), unknown),
                    None => unknown.push(format!("{at}.{name}")),
                }
            }
        }
        _ => {}
    }
}

/// A schema, and what it is made of.
fn collect(document: &Value, schema: &Value, parts: &mut Vec<Value>) {
    if let Some(reference) = schema["$ref"].as_str() {
        return collect(document, document.pointer(reference.trim_start_matches('#')).unwrap(), parts);
    }
    parts.push(schema.clone());
    for of in ["allOf", "oneOf", "anyOf"] {
        schema[of].as_array().into_iter().flatten().for_each(|part| collect(document, part, parts));
    }
}

#[test]
fn every_answer_is_as_the_document_says() {
    let mut shop = Shop::with(&["--demo"]);
    let document = document(&mut shop);
    let mut walk = Walk { shop, document, made: BTreeSet::new(), wrong: Vec::new(), keys: 0 };
    for path in ["/healthz", "/readyz", "/metrics", "/v1/info", "/v1/backup"] {
        walk.call("GET", path, &[], "", None);
    }
    for path in ["/v1/skus", "/v1/locations", "/v1/groups", "/v1/channels", "/v1/rules"] {
        walk.call("GET", path, &[], "?limit=5", None);
    }
    for (path, id) in [
        ("/v1/skus/{sku}", "SHIRT-GREEN-M"),
        ("/v1/locations/{location}", "es-900"),
        ("/v1/groups/{group}", "madrid"),
        ("/v1/channels/{channel}", "kiosk"),
        ("/v1/rules/{rule}", "outlets-keep-two"),
    ] {
        walk.call("PUT", path, &[id], "", None);
        walk.call("GET", path, &[id], "", None);
    }
    let nobody = json!({"locations": []});
    walk.call("PUT", "/v1/groups/{group}", &["madrid"], "", Some(nobody));
    for (path, id) in [
        ("/v1/skus/{sku}", "SHIRT-GREEN-M"),
        ("/v1/locations/{location}", "es-900"),
        ("/v1/groups/{group}", "madrid"),
        ("/v1/channels/{channel}", "kiosk"),
    ] {
        walk.call("DELETE", path, &[id], "", None);
    }
    let found = json!({"movements": [{"kind": "receipt", "sku": "MADE-UP", "location": "nowhere", "quantity": 1}]});
    walk.call("POST", "/v1/stock/movements", &[], "", Some(found));
    for path in ["/v1/skus", "/v1/locations"] {
        let page = walk.call("GET", path, &[], "?declared=false", None);
        assert_eq!(page["items"][0]["declared"], false, "{page}");
    }
    let a_sku = "?sku=TSHIRT-RED-M";
    walk.call("GET", "/v1/availability", &[], &format!("{a_sku}&channel=web"), None);
    walk.call("GET", "/v1/availability", &[], &format!("{a_sku}&group=spain&channel=web"), None);
    walk.call("POST", "/v1/availability/query", &[], "", None);
    walk.call("GET", "/v1/stock", &[], a_sku, None);
    walk.call("GET", "/v1/rules/explain", &[], &format!("{a_sku}&location=es-002&channel=web"), None);
    walk.call("GET", "/v1/pickup", &[], &format!("{a_sku}:2&near=40.41,-3.70&channel=web"), None);
    let (list, class) = ("/v1/price-lists/{price_list}", "/v1/tax-classes/{tax_class}");
    walk.call("PUT", list, &["spain-mid-season"], "", None);
    walk.call("PUT", class, &["books"], "", None);
    walk.call("PUT", "/v1/prices", &[], "", None);
    walk.call("GET", "/v1/prices", &[], &format!("{a_sku}&ended=true"), None);
    walk.call("POST", "/v1/prices/query", &[], "", None);
    walk.call("GET", "/v1/prices/explain", &[], &format!("{a_sku}&channel=web&currency=EUR&location=es-002"), None);
    walk.call("GET", list, &["spain-mid-season"], "", None);
    walk.call("GET", list, &["base"], "", None);
    walk.call("GET", "/v1/price-lists", &[], "", None);
    walk.call("GET", class, &["books"], "", None);
    walk.call("GET", "/v1/tax-classes", &[], "", None);
    walk.call("DELETE", list, &["spain-mid-season"], "", None);
    walk.call("DELETE", class, &["books"], "", None);
    let (issuer, series) = ("/v1/issuers/{issuer}", "/v1/series/{series}");
    walk.call("PUT", issuer, &["es"], "", None);
    walk.call("PUT", series, &["ES-WEB-27"], "", None);
    walk.call("GET", issuer, &["es"], "", None);
    walk.call("GET", series, &["ES-WEB-27"], "", None);
    walk.call("GET", "/v1/issuers", &[], "", None);
    walk.call("GET", "/v1/series", &[], "", None);
    walk.call("GET", "/v1/receipts", &[], "?fiscal=pending", None);
    walk.call("DELETE", series, &["ES-WEB-27"], "", None);
    walk.call("DELETE", issuer, &["es"], "", None);

    let reserve = "/v1/reservations";
    let held = walk.call("POST", reserve, &[], "", None)["id"].as_str().unwrap().to_owned();
    for step in ["extend", "confirm", "ready"] {
        walk.call("POST", &format!("/v1/reservations/{{id}}/{step}"), &[&held], "", None);
    }
    walk.call("PUT", "/v1/reservations/{id}/pickup-by", &[&held], "", None);
    walk.call("POST", "/v1/reservations/{id}/collect", &[&held], "", None);
    let other = walk.call("POST", reserve, &[], "", None)["id"].as_str().unwrap().to_owned();
    walk.call("POST", "/v1/reservations/{id}/cancel", &[&other], "", None);
    let of_group = json!({"channel": "web", "lines": [{"sku": "TSHIRT-RED-M", "group": "spain", "quantity": 1}]});
    let of_group = walk.call("POST", reserve, &[], "", Some(of_group))["id"].as_str().unwrap().to_owned();
    walk.call("POST", "/v1/reservations/{id}/rebind", &[&of_group], "", None);
    walk.call("POST", "/v1/reservations/{id}/bind", &[&of_group], "", None);
    for id in [&held, &other, &of_group] {
        walk.call("GET", "/v1/reservations/{id}", &[id], "", None);
    }
    walk.call("GET", reserve, &[], "?limit=3", None);
    walk.call("POST", "/v1/sourcing", &[], "", None);
    let order = json!({"channel": "web", "destination": {"location": "es-002"}, "lines": [{"sku": "TSHIRT-RED-M", "quantity": 2}]});
    walk.call("POST", "/v1/sourcing", &[], "", Some(order));

    walk.call("POST", "/v1/stock/movements", &[], "", None);
    walk.call("POST", "/v1/stock/counts", &[], "", None);
    walk.call("PUT", "/v1/supply", &[], "", None);
    let waits = json!({"channel": "web", "lines": [{"sku": "TSHIRT-RED-M", "location": "mx-w01", "quantity": 140, "latest": "2035-02-01T00:00:00Z"}]});
    let waiting = walk.call("POST", reserve, &[], "", Some(waits))["id"].as_str().unwrap().to_owned();
    let fewer = json!({"supplies": [{"supply": "PO-4711", "sku": "TSHIRT-RED-M", "location": "mx-w01", "quantity": 1, "expected_at": "2035-03-10T09:00:00Z"}]});
    walk.call("PUT", "/v1/supply", &[], "", Some(fewer));
    let broken =
        json!({"movements": [{"kind": "damage", "sku": "TSHIRT-RED-M", "location": "mx-w01", "quantity": 100}]});
    walk.call("POST", "/v1/stock/movements", &[], "", Some(broken));
    let short = walk.call("GET", "/v1/shortages", &[], "", None);
    assert!(!short["items"][0]["promises"].as_array().unwrap().is_empty(), "{short}");
    assert!(!short["items"][0]["waiting"].as_array().unwrap().is_empty(), "{short}");
    walk.call("GET", "/v1/supply", &[], "", None);
    walk.call("GET", "/v1/reservations/{id}", &[&waiting], "", None);

    let came =
        json!({"movements": [{"kind": "receipt", "sku": "TSHIRT-RED-M", "location": "mx-w01", "quantity": 500}]});
    walk.call("POST", "/v1/stock/movements", &[], "", Some(came));
    let cart = walk.call("POST", "/v1/carts", &[], "", None);
    walk.call("POST", "/v1/carts/find", &[], "", Some(json!({"token": cart["token"]})));
    walk.call("PUT", "/v1/carts/{cart}/lines", &["k-5"], "", None);
    walk.call("PUT", "/v1/carts/{cart}/customer", &["k-5"], "", None);
    walk.call("POST", "/v1/carts/{cart}/hold", &["k-5"], "", None);
    walk.call("GET", "/v1/carts/{cart}", &["k-5"], "", None);
    walk.call("GET", "/v1/carts", &[], "?customer=c-81", None);
    walk.call("POST", "/v1/carts/{cart}/close", &["k-5"], "", None);
    let order = "/v1/orders/{order}";
    let made = walk.call("POST", "/v1/orders", &[], "", None);
    walk.call("PUT", &format!("{order}/fulfilments"), &["W-1007"], "", None);
    for step in ["extend", "payments", "confirm"] {
        walk.call("POST", &format!("{order}/{step}"), &["W-1007"], "", None);
    }
    let part = format!("{order}/fulfilments/{{fulfilment}}");
    walk.call("PUT", &part, &["W-1007", "1"], "", None);
    for step in ["bind", "ready", "collect"] {
        walk.call("POST", &format!("{part}/{step}"), &["W-1007", "1"], "", None);
    }
    walk.receipts_of("W-1007");
    walk.call("POST", &format!("{order}/refunds"), &["W-1007"], "", None);
    let lines = &made["lines"];
    let other = json!({"order": "W-1008", "channel": "web", "currency": "EUR",
        "fulfilments": [{"purpose": "delivery", "group": "spain", "lines": [{"sku": lines[0]["sku"], "quantity": 1}]}]});
    walk.call("POST", "/v1/orders", &[], "", Some(other));
    walk.call("POST", &format!("{order}/cancel"), &["W-1008"], "", None);
    walk.call("GET", order, &["W-1007"], "", None);
    walk.call("GET", "/v1/orders", &[], "?customer=c-81", None);
    let token = json!({"token": walk.call("GET", order, &["W-1007"], "", None)["token"]});
    walk.call("POST", "/v1/orders/find", &[], "", Some(token));
    walk.call("GET", "/v1/customers/{customer}/history", &["c-81"], "", None);
    walk.call("POST", "/v1/sales", &[], "", None);
    let checkout = json!({"order": "T-exit", "channel": "pos", "location": "es-001", "currency": "EUR",
        "lines": [{"sku": "TSHIRT-RED-M", "quantity": 1}], "payments": [{"tender": "card", "amount": 10_000}],
        "self_checkout": true});
    let sold = walk.call("POST", "/v1/sales", &[], "", Some(checkout));
    let code = json!({"code": sold["exit"]["code"], "checked": [{"sku": "TSHIRT-RED-M", "quantity": 1}]});
    walk.call("POST", &format!("{order}/exit"), &["T-exit"], "", Some(code));
    walk.call("GET", "/v1/sales", &[], "", None);
    walk.call("GET", "/v1/sales/totals", &[], "?by=channel,location,till,business_date,tax_rate", None);
    walk.call("GET", "/v1/sales/totals", &[], "?by=tender", None);
    walk.returns();
    walk.call("POST", "/v1/transfers", &[], "", None);
    walk.call("PUT", "/v1/transfers/{transfer}", &["T-1"], "", None);
    for step in ["ready", "ship", "receive", "cancel"] {
        walk.call("POST", &format!("/v1/transfers/{{transfer}}/{step}"), &["T-1"], "", None);
    }
    walk.call("GET", "/v1/transfers/{transfer}", &["T-1"], "", None);
    walk.call("GET", "/v1/transfers", &[], "?from=mx-w01&state=received", None);
    let policy = "/v1/replenishment/{policy}";
    walk.call("PUT", policy, &["nightly"], "", None);
    let needs = json!({"kind": "min_max", "to": {"groups": ["spain"]}, "from": ["mx-w01"], "min": 500, "max": 600});
    walk.call("PUT", policy, &["nightly"], "", Some(needs));
    walk.call("GET", policy, &["nightly"], "", None);
    walk.call("GET", "/v1/replenishment", &[], "", None);
    walk.call("GET", "/v1/replenishment/explain", &[], &format!("{a_sku}&location=es-002"), None);
    walk.call("POST", "/v1/replenishment/run", &[], "", None);
    let ran = walk.call("POST", "/v1/replenishment/run", &[], "", Some(json!({})))["run"].as_str().unwrap().to_owned();
    let ran = walk.call("GET", "/v1/replenishment/runs/{run}", &[&ran], "?limit=5", None);
    assert!(!ran["items"].as_array().unwrap().is_empty(), "{ran}");
    walk.call("DELETE", policy, &["nightly"], "", None);

    walk.call("GET", "/v1/events", &[], "?after=0&limit=1000", None);
    walk.call("POST", "/v1/what-if", &[], "", None);
    walk.call("POST", "/v1/clock/trust", &[], "", None);
    walk.call("POST", "/v1/find", &[], "", None);
    walk.call("GET", "/v1/feeds/till", &[], "?location=es-001&channel=pos&currency=EUR", None);
    walk.call("GET", "/v1/metrics/recent", &[], "?seconds=10", None);
    walk.call("GET", "/v1/key", &[], "", None);
    walk.call("GET", "/v1/keys", &[], "", None);
    for kind in ["skus", "locations", "groups", "stock", "rules", "supply"] {
        walk.call("GET", "/v1/export/{kind}", &[kind], "", None);
    }
    let file = b"sku,location,on_hand\nTSHIRT-RED-M,es-002,9\nTSHIRT-RED-M,es-002,x\n";
    let answer = walk.shop.client.send("POST", "/v1/import/stock", &[("Content-Type", "text/csv")], file).unwrap();
    let id = walk.shop.client.get("/v1/imports").unwrap().json()["items"][0]["import"].as_str().unwrap().to_owned();
    walk.call("GET", "/v1/imports", &[], "", None);
    walk.call("GET", "/v1/imports/{import}", &[&id], "", None);
    let import = walk.document["paths"]["/v1/import/{kind}"]["post"].clone();
    walk.check("POST /v1/import/{kind}", &import, &answer);
    walk.made.insert(("POST".to_owned(), "/v1/import/{kind}".to_owned()));
    walk.call("DELETE", "/v1/rules/{rule}", &["outlets-keep-two"], "", None);
    walk.call("GET", "/v1/log", &[], "?from=1&until=1", None);
    walk.call("GET", "/v1/log/checkpoint", &[], "", None);
    // Last: it decides no more, and then again.
    walk.call("POST", "/v1/demote", &[], "", None);
    walk.call("POST", "/v1/promote", &[], "", None);

    assert!(walk.wrong.is_empty(), "{:#?}", walk.wrong);
    // Streams have a document of their own; without keys there is none to revoke: see `revoke.rs`.
    let others = ["/v1/stream", "/v1/stream/sse", "/v1/keys/{id}/revoke"];
    let all = calls(&walk.document).into_iter().filter(|(_, path)| !others.contains(&path.as_str()));
    let left: Vec<_> = all.filter(|call| !walk.made.contains(call)).collect();
    assert!(left.is_empty(), "calls that nobody made: {left:?}");
}

/// A list is asked by the words that its items have: in which states, for which reasons.
#[test]
fn a_list_is_asked_by_the_words_of_its_items() {
    let document = document(&mut Shop::default());
    let meant = |schema: &Value| -> Value {
        let of = schema["$ref"].as_str().and_then(|of| of.strip_prefix('#'));
        of.map_or_else(|| schema.clone(), |of| document.pointer(of).unwrap().clone())
    };
    let (mut seen, mut wrong) = (0, Vec::new());
    for (path, calls) in document["paths"].as_object().unwrap() {
        let call = &calls["get"];
        let page = meant(&call["responses"]["200"]["content"]["application/json"]["schema"]);
        let item = meant(&page["properties"]["items"]["items"]);
        for asked in call["parameters"].as_array().into_iter().flatten() {
            let name = asked["name"].as_str().unwrap();
            let said = meant(&item["properties"][name])["enum"].clone();
            if said.is_array() {
                seen += 1;
                // One that may repeat is a list of them.
                let schema =
                    if asked["schema"]["items"].is_object() { &asked["schema"]["items"] } else { &asked["schema"] };
                if schema["enum"] != said {
                    wrong.push(format!("{path} {name}: {} for {said}", schema["enum"]));
                }
            }
        }
    }
    assert!(seen >= 3 && wrong.is_empty(), "{seen} seen: {wrong:#?}");
}

#[test]
fn a_refusal_is_as_the_document_says() {
    let mut shop = Shop::with(&["--demo"]);
    let document = document(&mut shop);
    let body = json!({"channel": "web", "lines": [{"sku": "TSHIRT-RED-M", "location": "mx-w01", "quantity": 100_000}]});
    let unknown =
        json!({"channel": "web", "lines": [{"sku": "TSHIRT-RED-M", "location": "mx-w01", "quantity": 1}], "colour": 1});
    let reserve = ("POST", "/v1/reservations", "/v1/reservations");
    for ((method, path, actual), body, status) in [
        (reserve, body, 409),
        (reserve, unknown, 400),
        (("DELETE", "/v1/skus/{sku}", "/v1/skus/TSHIRT-RED-M"), json!({}), 409),
        (("PUT", "/v1/skus/{sku}", "/v1/skus/TSHIRT-RED-M"), json!({"tracked": false}), 409),
        (("DELETE", "/v1/locations/{location}", "/v1/locations/es-002"), json!({}), 409),
    ] {
        let json_type = [("Content-Type", "application/json")];
        let answer = shop.client.send(method, actual, &json_type, body.to_string().as_bytes()).unwrap();
        assert_eq!(answer.status, status);
        let told = &document["paths"][path][method.to_lowercase()]["responses"][status.to_string()];
        let mut schema = told["content"]["application/problem+json"]["schema"].clone();
        let mut unknown = Vec::new();
        undescribed(&document, &schema, &answer.json(), "problem", &mut unknown);
        assert!(unknown.is_empty(), "not described: {unknown:?}");
        schema["components"] = document["components"].clone();
        let validator = jsonschema::validator_for(&schema).unwrap();
        assert!(validator.is_valid(&answer.json()), "{:#}", answer.json());
    }
}
