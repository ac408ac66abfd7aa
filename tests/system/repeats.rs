//! Every operation that takes an idempotency key: its repeat is its first answer, byte for byte, at once, after a kill, and
//! from the checkpoint of an orderly stop. The operations are those of the OpenAPI document.

use std::collections::BTreeSet;

use anaquel_loadtest::client::Answer;
use anaquel_tests::calls::{get, put};
use anaquel_tests::files::KINDS;
use anaquel_tests::{Shop, binary};
use serde_json::{Value, json};

/// What is sent under a key of its own.
#[derive(Debug)]
struct Call {
    method: String,
    path: String,
    media_type: &'static str,
    body: String,
    key: String,
}

impl Call {
    fn send(&self, shop: &mut Shop) -> Answer {
        let headers = [("Content-Type", self.media_type), ("Idempotency-Key", self.key.as_str())];
        shop.client.send(&self.method, &self.path, &headers, self.body.as_bytes()).unwrap()
    }
}

/// What a client can compare: all of an answer but the headers of the connection and of the moment.
fn told(answer: &Answer) -> (u16, Vec<(&str, &str)>, &str) {
    let of_the_answer = ["content-type", "etag", "location"];
    let headers = answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let headers = headers.filter(|(name, _)| of_the_answer.contains(name)).collect();
    (answer.status, headers, std::str::from_utf8(&answer.body).unwrap())
}

/// The operations that take a key, as `METHOD /path`; an import is one of each kind.
fn keyed_operations(document: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let parameters = operation["parameters"].as_array();
            if !parameters.is_some_and(|all| all.iter().any(|one| one["name"] == "Idempotency-Key")) {
                continue;
            }
            let operation = format!("{} {path}", method.to_uppercase());
            match operation.strip_suffix("/import/{kind}") {
                Some(before) => found.extend(KINDS.iter().map(|kind| format!("{before}/import/{kind}"))),
                None => drop(found.insert(operation)),
            }
        }
    }
    found
}

/// Two locations of a group, and much of two SKUs in each; a third SKU is for rules. They are about no cell that a repeat
/// shows: `available` and `safety_stock` of moved cells are told by the rules in force when the repeat comes.
fn opened() -> Shop {
    let mut shop = Shop::default();
    shop.declare_channels(&["web"]);
    put(&mut shop.client, "/v1/skus/R", &json!({}));
    for location in ["s1", "s2"] {
        let body = json!({"latitude": 40.4, "longitude": -3.7, "pickup": true, "groups": ["all"]});
        put(&mut shop.client, &format!("/v1/locations/{location}"), &body);
        for sku in ["A", "B"] {
            shop.receive(sku, location, 1000);
        }
    }
    shop
}

fn hold(shop: &mut Shop) -> Value {
    shop.reserved("A", "s1", 3)
}

/// A hold on the group, which has no location yet.
fn hold_in_group(shop: &mut Shop) -> Value {
    let line = json!({"sku": "A", "group": "all", "quantity": 3});
    let answer = shop.client.post("/v1/reservations", &json!({"channel": "web", "lines": [line]})).unwrap();
    assert_eq!(answer.status, 201, "{}", answer.json());
    answer.json()
}

/// A hold after more steps.
fn stepped(shop: &mut Shop, steps: &[&str]) -> Value {
    let record = hold(shop);
    for step in steps {
        let answer = shop.step(&record, step, &json!({}));
        assert_eq!(answer.status, 200, "{step}: {}", answer.json());
    }
    record
}

fn transfer_body(nth: u64) -> Value {
    let lines = json!([{"sku": "A", "quantity": 4 + nth}]);
    json!({"from": "s1", "to": "s2", "reason": "rebalance", "expected_at": "2099-01-05T09:00:00Z", "lines": lines})
}

/// A policy by which nothing is moved.
fn policy(nth: u64) -> Value {
    json!({"kind": "min_max", "to": {"locations": ["s2"]}, "from": ["s1"], "skus": ["B"], "min": 1, "max": 2 + nth})
}

/// A transfer after some steps; its id, which nobody had before.
fn transfer(shop: &mut Shop, steps: &[&str]) -> String {
    let id = format!("T-at-{}", shop.seq());
    let mut body = transfer_body(0);
    body["transfer"] = id.clone().into();
    let made = shop.client.post("/v1/transfers", &body).unwrap();
    assert_eq!(made.status, 201, "{}", made.json());
    for step in steps {
        let answer = shop.client.post(&format!("/v1/transfers/{id}/{step}"), &json!({})).unwrap();
        assert_eq!(answer.status, 200, "{step}: {}", answer.json());
    }
    id
}

/// What an operation is tried with: paths whose ids are filled in, and bodies. Nothing where the operation is not known
/// here. `nth` makes each time differ from the one before.
fn examples(shop: &mut Shop, operation: &str, nth: u64) -> Vec<(String, String)> {
    let (_, path) = operation.split_once(' ').unwrap();
    let with = |name: &str, value: &str| path.replace(&format!("{{{name}}}"), value);
    let of = |record: &Value| path.replace("{id}", record["id"].as_str().unwrap());
    let one = |path: String, body: Value| vec![(path, body.to_string())];
    let csv = |text: String| vec![(path.to_owned(), text)];
    let units = json!([{"sku": "A", "location": "s1", "quantity": 1}]);
    match operation {
        "POST /v1/reservations" => {
            let line = |place: &str, name: &str| json!({"sku": "A", place: name, "quantity": 1 + nth});
            let superseded = hold(shop)["id"].clone();
            [
                json!({"channel": "web", "customer": "c-1", "lines": [line("location", "s1"), line("location", "s2")]}),
                json!({"channel": "web", "lines": [line("group", "all")]}),
                json!({"channel": "web", "order": "W-1", "confirm": true, "lines": [line("location", "s1")]}),
                json!({"channel": "web", "supersedes": superseded, "lines": [line("location", "s1")]}),
            ]
            .map(|body| (path.to_owned(), body.to_string()))
            .into()
        }
        "POST /v1/reservations/{id}/confirm" => one(of(&hold(shop)), json!({"order": format!("W-{nth}")})),
        "POST /v1/reservations/{id}/ready" => one(of(&stepped(shop, &["confirm"])), json!({})),
        "POST /v1/reservations/{id}/collect" => {
            let (some, all) = (stepped(shop, &["confirm"]), stepped(shop, &["confirm", "ready"]));
            [one(of(&some), json!({"lines": units})), one(of(&all), json!({}))].concat()
        }
        "POST /v1/reservations/{id}/cancel" => {
            let (some, all) = (hold(shop), hold(shop));
            [one(of(&some), json!({"lines": units})), one(of(&all), json!({"reason": "changed"}))].concat()
        }
        "POST /v1/reservations/{id}/extend" => one(of(&hold(shop)), json!({"ttl_seconds": 1200})),
        "PUT /v1/reservations/{id}/pickup-by" => {
            one(of(&stepped(shop, &["confirm"])), json!({"pickup_by": "2099-01-11T20:00:00Z"}))
        }
        "POST /v1/reservations/{id}/bind" => one(of(&hold_in_group(shop)), json!({})),
        "POST /v1/reservations/{id}/rebind" => {
            one(of(&hold(shop)), json!({"lines": [{"sku": "A", "location": "s2", "quantity": 2}]}))
        }
        "POST /v1/sourcing" => {
            let lines = json!([{"sku": "A", "quantity": 2}, {"sku": "B", "quantity": 1 + nth}]);
            let near = json!({"latitude": 40.4, "longitude": -3.7});
            one(path.to_owned(), json!({"channel": "web", "destination": near, "lines": lines}))
        }
        "POST /v1/stock/movements" => ["receipt", "sale", "return", "adjustment", "damage"]
            .map(|kind| {
                let row = |location: &str| json!({"kind": kind, "sku": "B", "location": location, "quantity": 1 + nth});
                (path.to_owned(), json!({"movements": [row("s1"), row("s2")]}).to_string())
            })
            .into(),
        "POST /v1/stock/counts" => {
            let row = json!({"sku": "B", "location": "s2", "on_hand": 500 + nth});
            one(path.to_owned(), json!({"counts": [row]}))
        }
        "PUT /v1/supply" => {
            let row = json!({"supply": "PO-1", "sku": "B", "location": "s1", "quantity": 5 + nth,
                "expected_at": "2099-01-05T09:00:00Z"});
            one(path.to_owned(), json!({"supplies": [row]}))
        }
        "PUT /v1/skus/{sku}" => one(with("sku", "A"), json!({"name": format!("A {nth}")})),
        "PUT /v1/locations/{location}" => one(with("location", "s1"), json!({"name": format!("s1 {nth}")})),
        "PUT /v1/groups/{group}" => {
            let members: &[&str] = if nth.is_multiple_of(2) { &["s1"] } else { &["s1", "s2"] };
            one(with("group", "some"), json!({"locations": members}))
        }
        "PUT /v1/channels/{channel}" => one(with("channel", "app"), json!({"buffer": nth})),
        "PUT /v1/rules/{rule}" => {
            one(with("rule", "keep"), json!({"kind": "safety_stock", "units": nth, "skus": ["R"]}))
        }
        "DELETE /v1/skus/{sku}"
        | "DELETE /v1/locations/{location}"
        | "DELETE /v1/groups/{group}"
        | "DELETE /v1/channels/{channel}"
        | "DELETE /v1/replenishment/{policy}"
        | "DELETE /v1/price-lists/{price_list}"
        | "DELETE /v1/tax-classes/{tax_class}"
        | "DELETE /v1/rules/{rule}" => {
            let (before, _) = path.split_once('{').unwrap();
            let path = format!("{before}gone-{nth}");
            let body = match before {
                "/v1/rules/" => json!({"kind": "safety_stock", "units": 1, "skus": ["R"]}),
                "/v1/channels/" => json!({"buffer": 1}),
                "/v1/replenishment/" => policy(nth),
                "/v1/price-lists/" => json!({"currency": "EUR"}),
                _ => json!({}),
            };
            put(&mut shop.client, &path, &body);
            vec![(path, String::new())]
        }
        "POST /v1/transfers" => {
            let (unnamed, ready) = (transfer_body(nth), transfer_body(nth));
            let known = transfer(shop, &[]);
            let [mut ready, mut same] = [ready, transfer_body(0)];
            (ready["transfer"], ready["ready"]) = (json!(format!("T-{nth}")), json!(true));
            same["transfer"] = known.into();
            [unnamed, ready, same].map(|body| (path.to_owned(), body.to_string())).into()
        }
        "PUT /v1/transfers/{transfer}" => one(with("transfer", &transfer(shop, &[])), transfer_body(1 + nth)),
        "POST /v1/transfers/{transfer}/ready" => {
            let (draft, ready) = (transfer(shop, &[]), transfer(shop, &["ready"]));
            [one(with("transfer", &draft), json!({})), one(with("transfer", &ready), json!({}))].concat()
        }
        "POST /v1/transfers/{transfer}/ship" => {
            let (some, all) = (transfer(shop, &["ready"]), transfer(shop, &["ready"]));
            let lines = json!([{"sku": "A", "quantity": 1 + nth}]);
            [one(with("transfer", &some), json!({"lines": lines})), one(with("transfer", &all), json!({}))].concat()
        }
        "POST /v1/transfers/{transfer}/receive" => {
            let (some, all) = (transfer(shop, &["ready", "ship"]), transfer(shop, &["ready", "ship"]));
            let lines = json!([{"sku": "A", "quantity": 1 + nth, "damaged": nth}, {"sku": "B", "quantity": 1}]);
            let closes = json!({"close": true});
            [one(with("transfer", &some), json!({"lines": lines})), one(with("transfer", &all), closes)].concat()
        }
        "POST /v1/transfers/{transfer}/cancel" => {
            let (before, after) = (transfer(shop, &["ready"]), transfer(shop, &["ready", "ship"]));
            let units = json!({"units": if nth == 0 { "returned" } else { "written_off" }});
            [one(with("transfer", &before), json!({})), one(with("transfer", &after), units)].concat()
        }
        "PUT /v1/price-lists/{price_list}" => {
            one(with("price_list", "list"), json!({"currency": "EUR", "priority": nth, "channels": ["web"]}))
        }
        "PUT /v1/prices" => {
            one(path.to_owned(), json!({"prices": [{"sku": "R", "currency": "EUR", "amount": 1 + nth}]}))
        }
        "PUT /v1/tax-classes/{tax_class}" => one(with("tax_class", "books"), json!({"rates": [{"rate": nth}]})),
        "PUT /v1/replenishment/{policy}" => one(with("policy", "keep"), policy(nth)),
        "POST /v1/replenishment/run" => {
            put(&mut shop.client, "/v1/replenishment/run-now", &policy(0));
            one(path.to_owned(), json!({"policies": ["run-now"]}))
        }
        "POST /v1/import/channels" => csv(format!("channel,buffer\nimported,{nth}\n")),
        "POST /v1/import/locations" => csv(format!("location,name\ni1,One {nth}\ni2,Two {nth}\n")),
        "POST /v1/import/skus" => csv(format!("sku,name\nI1,One {nth}\nI2,Two {nth}\n")),
        "POST /v1/import/stock" => csv(format!("sku,location,on_hand\nI1,i1,{}\nI2,i1,wrong\n", 10 + nth)),
        "POST /v1/import/groups" => csv(format!("group,locations\nimported-{nth},i1;i2\n")),
        "POST /v1/import/prices" => csv(format!("sku,currency,amount\nI1,EUR,{}\n", 1000 + nth)),
        "POST /v1/import/rules" => csv(format!("rule,kind,units,skus\nimported,safety_stock,{},I1\n", 1 + nth)),
        "POST /v1/import/supply" => {
            csv(format!("supply,sku,location,quantity,expected_at\nPO-2,I1,i1,{},2099-01-05T09:00:00Z\n", 5 + nth))
        }
        _ => Vec::new(),
    }
}

/// Sends all again: the first answers, and nothing in the log.
fn repeat(shop: &mut Shop, done: &[(Call, Answer)], when: &str) {
    let seq = shop.seq();
    for (call, first) in done {
        let again = call.send(shop);
        assert_eq!(told(&again), told(first), "{when}: {call:?}");
        assert_eq!(again.header("idempotent-replayed"), Some("true"), "{when}: {call:?}");
    }
    // What is decided anew would be logged, if only as a count that was confirmed.
    assert_eq!(shop.seq(), seq, "{when}: something was logged");
}

#[test]
fn every_repeat_is_the_first_answer_byte_for_byte() {
    let mut shop = opened();
    let operations = keyed_operations(&get(&mut shop.client, "/openapi.json"));
    assert!(operations.len() >= 30, "{operations:?}");
    let mut done: Vec<(Call, Answer)> = Vec::new();
    let mut unknown = Vec::new();
    // The second time makes something else of what the first one made.
    for nth in 0..2 {
        for operation in &operations {
            let all = examples(&mut shop, operation, nth);
            if all.is_empty() {
                unknown.push(operation);
            }
            let (method, path) = operation.split_once(' ').unwrap();
            let media_type = if path.contains("/import/") { "text/csv" } else { "application/json" };
            for (path, body) in all {
                let key = format!("k-{}", done.len());
                let call = Call { method: method.to_owned(), path, media_type, body, key };
                let first = call.send(&mut shop);
                assert!((200..300).contains(&first.status), "{call:?}: {}", String::from_utf8_lossy(&first.body));
                assert_eq!(first.header("idempotent-replayed"), None, "{call:?}");
                let again = call.send(&mut shop);
                assert_eq!(told(&again), told(&first), "at once: {call:?}");
                done.push((call, first));
            }
        }
    }
    assert!(unknown.is_empty(), "operations that take a key, and have no example here: {unknown:?}");

    // Every one of them was logged under its key; the kinds are what this test is about.
    let events = get(&mut shop.client, "/v1/events?after=0&limit=1000");
    assert_eq!(events["next"], Value::Null, "one page has all");
    let keyed =
        events["items"].as_array().unwrap().iter().filter(|event| event["cause"]["idempotency_key"].is_string());
    let (keys, kinds): (BTreeSet<_>, BTreeSet<_>) = keyed
        .map(|event| (event["cause"]["idempotency_key"].as_str().unwrap(), event["kind"].as_str().unwrap()))
        .unzip();
    println!("{} keys, {} operations, kinds: {kinds:?}", keys.len(), operations.len());
    let silent: Vec<_> = done.iter().filter(|(call, _)| !keys.contains(call.key.as_str())).collect();
    assert!(silent.is_empty(), "not logged under their keys: {silent:#?}");

    repeat(&mut shop, &done, "later");
    let mut shop = shop.killed_and_restarted();
    repeat(&mut shop, &done, "after a kill");
    let mut shop = shop.restarted();
    repeat(&mut shop, &done, "from the checkpoint of an orderly stop");
    shop.receive("A", "s1", 1);
    let mut shop = shop.killed_and_restarted();
    repeat(&mut shop, &done, "from a checkpoint and what came after it");
    let (_folder, data) = shop.stopped();
    anaquel_loadtest::server::verify(binary(), &data).unwrap();
}
