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
///
/// The repeat of a step of a cart is answered with the cart as it is: with which cart, and whether it was created.
fn told<'a>(call: &Call, answer: &'a Answer) -> (u16, Vec<(&'a str, &'a str)>, String) {
    let is_cart = call.path.starts_with("/v1/carts");
    let of_the_answer = if is_cart { &["content-type", "location"][..] } else { &["content-type", "etag", "location"] };
    let headers = answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let headers = headers.filter(|(name, _)| of_the_answer.contains(name)).collect();
    let body = match is_cart {
        true => json!([answer.json()["cart"], answer.json()["token"], answer.json()["dropped"]]).to_string(),
        false => std::str::from_utf8(&answer.body).unwrap().to_owned(),
    };
    (answer.status, headers, body)
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

/// A cart that holds units; its id, which nobody had before.
fn cart(shop: &mut Shop) -> String {
    let id = format!("k-at-{}", shop.seq());
    let lines = json!([{"sku": "A", "quantity": 2}]);
    let body = json!({"cart": id, "channel": "web", "currency": "EUR", "location": "s1", "lines": lines});
    assert_eq!(shop.client.post("/v1/carts", &body).unwrap().status, 201);
    let body = json!({"channel": "web", "purpose": "cart", "location": "s1", "ttl_seconds": 86_400});
    assert_eq!(shop.client.post(&format!("/v1/carts/{id}/hold"), &body).unwrap().status, 200);
    id
}

/// An order of two units after these steps; its id, which nobody had before.
fn order(shop: &mut Shop, steps: &[(&str, Value)]) -> String {
    let price = json!({"prices": [{"sku": "A", "currency": "EUR", "amount": 500}]});
    assert_eq!(shop.client.put("/v1/prices", &price).unwrap().status, 200);
    let id = format!("o-at-{}", shop.seq());
    let lines = json!([{"sku": "A", "quantity": 2}]);
    let body = json!({"order": id, "channel": "web", "currency": "EUR", "ttl_seconds": 86_400,
        "fulfilments": [{"purpose": "pickup", "location": "s1", "lines": lines}]});
    let answer = shop.client.post("/v1/orders", &body).unwrap();
    assert_eq!(answer.status, 201, "{}", answer.json());
    for (step, body) in steps {
        let key = format!("{id} {step}");
        let answer = shop.client.post_keyed(&format!("/v1/orders/{id}/{step}"), &key, body).unwrap();
        assert_eq!(answer.status, 200, "{step}: {}", answer.json());
    }
    id
}

/// A sale of two units; its order, which nobody had before.
fn sold(shop: &mut Shop) -> String {
    order(shop, &[]);
    let id = format!("s-at-{}", shop.seq());
    let body = json!({"order": id, "channel": "web", "location": "s1", "currency": "EUR",
        "payments": [{"tender": "cash", "amount": 1000}], "lines": [{"sku": "A", "quantity": 2}]});
    let answer = shop.client.post("/v1/sales", &body).unwrap();
    assert_eq!(answer.status, 201, "{}", answer.json());
    id
}

/// A return of both units of a sale, to be looked at.
fn returned(shop: &mut Shop, more: &Value) -> String {
    let order = sold(shop);
    let id = format!("r-at-{}", shop.seq());
    let mut body = json!({"return": id, "channel": "web", "location": "s1", "order": order,
        "lines": [{"line": "1", "quantity": 2, "condition": "inspect"}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = shop.client.post("/v1/returns", &body).unwrap();
    assert_eq!(answer.status, 201, "{}", answer.json());
    id
}

/// An issuer with a series of receipts and one of invoices; the ids of the series, which nobody had before.
fn series(shop: &mut Shop) -> (String, String) {
    let class = json!({"rates": [{"rate": 2100}]});
    assert_eq!(shop.client.put("/v1/tax-classes/standard", &class).unwrap().status, 200);
    let issuer = json!({"tax_id": "B12345678", "address": "Calle Mayor 1", "country": "ES", "name": "Moda S.L.",
        "timezone": "Europe/Madrid", "scheme": "verifactu", "environment": "test"});
    assert_eq!(shop.client.put("/v1/issuers/es", &issuer).unwrap().status, 200);
    let at = shop.seq();
    let mut make = |kind: &str| {
        let id = format!("{kind}-{at}");
        let body = json!({"issuer": "es", "kind": kind, "prefix": format!("{kind}{at}/")});
        assert_eq!(shop.client.put(&format!("/v1/series/{id}"), &body).unwrap().status, 200);
        id
    };
    (make("receipt"), make("invoice"))
}

/// A receipt of an order that is confirmed, and a series of invoices of its issuer.
fn receipt(shop: &mut Shop) -> (String, String) {
    let (receipts, invoices) = series(shop);
    let paid = json!([{"tender": "cash", "amount": 1000}]);
    let confirmed = json!({"channel": "web", "payments": paid, "receipt": {"series": receipts}});
    let id = order(shop, &[("confirm", confirmed)]);
    let told = get(&mut shop.client, &format!("/v1/orders/{id}"));
    (told["receipts"][0].as_str().unwrap().to_owned(), invoices)
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
        "POST /v1/carts" => {
            let (unnamed, known) = (json!([{"sku": "A", "quantity": 1 + nth}]), cart(shop));
            let body = |lines: &Value| json!({"channel": "web", "currency": "EUR", "lines": lines});
            let mut theirs = body(&unnamed);
            theirs["customer"] = json!(format!("c-of-{known}"));
            [body(&unnamed), theirs.clone(), theirs].map(|body| (path.to_owned(), body.to_string())).into()
        }
        "PUT /v1/carts/{cart}/lines" => {
            let lines = json!([{"sku": "A", "quantity": 5 + nth}]);
            one(with("cart", &cart(shop)), json!({"channel": "web", "lines": lines}))
        }
        "PUT /v1/carts/{cart}/customer" => {
            let (first, second) = (cart(shop), cart(shop));
            let theirs = json!({"customer": format!("c-at-{first}"), "merge": "sum"});
            [one(with("cart", &first), theirs.clone()), one(with("cart", &second), theirs)].concat()
        }
        "POST /v1/carts/{cart}/hold" => {
            let body = json!({"channel": "web", "purpose": "pickup", "location": "s1", "ttl_seconds": 86_400});
            one(with("cart", &cart(shop)), body)
        }
        "POST /v1/carts/{cart}/close" => one(with("cart", &cart(shop)), json!({})),
        "POST /v1/orders" => {
            order(shop, &[]);
            let fulfilments =
                json!([{"purpose": "pickup", "location": "s1", "lines": [{"sku": "A", "quantity": 1 + nth}]}]);
            one(
                path.to_owned(),
                json!({"channel": "web", "currency": "EUR", "ttl_seconds": 86_400, "fulfilments": fulfilments}),
            )
        }
        "POST /v1/sales" => {
            order(shop, &[]);
            let payments = json!([{"tender": "cash", "amount": 500 * (1 + nth)}]);
            one(
                path.to_owned(),
                json!({"channel": "web", "location": "s1", "currency": "EUR", "payments": payments,
                "lines": [{"sku": "A", "quantity": 1 + nth}]}),
            )
        }
        "POST /v1/orders/{order}/exit" => {
            order(shop, &[]);
            let payments = json!([{"tender": "cash", "amount": 500}]);
            let body = json!({"order": format!("x-at-{}", shop.seq()), "channel": "web", "location": "s1",
                "currency": "EUR", "payments": payments, "lines": [{"sku": "A", "quantity": 1}],
                "self_checkout": true});
            let sold = shop.client.post("/v1/sales", &body).unwrap();
            assert_eq!(sold.status, 201, "{}", sold.json());
            let path = with("order", sold.json()["order"].as_str().unwrap());
            one(path, json!({"code": sold.json()["exit"]["code"], "actor": format!("door {nth}")}))
        }
        "POST /v1/returns" => {
            let lines = json!([{"line": "1", "quantity": 1 + nth, "condition": "sellable"}]);
            let order = sold(shop);
            one(path.to_owned(), json!({"channel": "web", "location": "s1", "order": order, "lines": lines}))
        }
        "POST /v1/returns/{return}/receive" => {
            let lines = json!([{"line": "1", "quantity": 1 + nth, "condition": "sellable"}]);
            let id = returned(shop, &json!({"announced": true}));
            one(with("return", &id), json!({"channel": "web", "location": "s1", "lines": lines}))
        }
        "POST /v1/returns/{return}/inspect" => {
            let lines = json!([{"line": "1", "quantity": 1 + nth, "condition": "sellable"}]);
            one(with("return", &returned(shop, &json!({}))), json!({"lines": lines}))
        }
        "POST /v1/returns/{return}/refunds" => {
            let refund = json!({"refund": "r1", "tender": "cash", "amount": 1000, "payment": "p1",
                "state": if nth == 0 { "done" } else { "failed" }});
            one(with("return", &returned(shop, &json!({}))), json!({"refunds": [refund]}))
        }
        "POST /v1/returns/{return}/cancel" => {
            let id = returned(shop, &json!({"announced": true}));
            one(with("return", &id), json!({"reason": format!("kept it {nth}")}))
        }
        "PUT /v1/issuers/{issuer}" => {
            series(shop);
            one(with("issuer", "es"), json!({"name": format!("Moda {nth} S.L.")}))
        }
        "DELETE /v1/issuers/{issuer}" => {
            let id = format!("issuer-{}", shop.seq());
            let issuer =
                json!({"tax_id": "B1", "name": "M", "address": "C", "country": "ES", "timezone": "Europe/Madrid"});
            assert_eq!(shop.client.put(&format!("/v1/issuers/{id}"), &issuer).unwrap().status, 200);
            vec![(with("issuer", &id), String::new())]
        }
        "PUT /v1/series/{series}" => {
            let (id, _) = series(shop);
            one(with("series", &id), json!({"digits": 7 + nth}))
        }
        "DELETE /v1/series/{series}" => {
            let (id, _) = series(shop);
            vec![(with("series", &id), String::new())]
        }
        "POST /v1/orders/{order}/receipts" => {
            let (receipts, _) = series(shop);
            let confirmed = ("confirm", json!({"channel": "web", "payments": [{"tender": "cash", "amount": 1000}]}));
            one(with("order", &order(shop, &[confirmed])), json!({"series": receipts}))
        }
        "POST /v1/receipts/{receipt}/fiscal" => {
            let (id, _) = receipt(shop);
            one(with("receipt", &id), json!({"state": "accepted", "authority_id": format!("csv-{nth}")}))
        }
        "POST /v1/receipts/{receipt}/invoice" => {
            let (id, invoices) = receipt(shop);
            let recipient = json!({"tax_id": "12345678Z", "name": "Ana", "address": "Calle 2", "country": "ES"});
            one(with("receipt", &id), json!({"series": invoices, "recipient": recipient}))
        }
        "POST /v1/orders/{order}/extend" => one(with("order", &order(shop, &[])), json!({"ttl_seconds": 86_400 + nth})),
        "POST /v1/orders/{order}/confirm" => {
            one(with("order", &order(shop, &[])), json!({"channel": "web", "pay_at_handover": true}))
        }
        "POST /v1/orders/{order}/payments" => {
            let payments = json!([{"tender": "cash", "amount": 1 + nth}]);
            one(with("order", &order(shop, &[])), json!({"payments": payments}))
        }
        "POST /v1/orders/{order}/refunds" => {
            let too_much = json!({"payments": [{"tender": "cash", "amount": 2000}]});
            let refunds = json!([{"tender": "cash", "amount": 1 + nth, "state": "done"}]);
            one(with("order", &order(shop, &[("payments", too_much)])), json!({"refunds": refunds}))
        }
        "POST /v1/orders/{order}/cancel" => {
            let part = json!({"channel": "web", "lines": [{"line": "1", "quantity": 1}]});
            let (first, second) = (order(shop, &[]), order(shop, &[]));
            [one(with("order", &first), json!({"channel": "web"})), one(with("order", &second), part)].concat()
        }
        "PUT /v1/orders/{order}/fulfilments" => {
            let lines = json!([{"line": "1", "sku": "A", "quantity": 3 + nth}]);
            let fulfilments = json!([{"purpose": "pickup", "location": "s1", "lines": lines}]);
            one(with("order", &order(shop, &[])), json!({"channel": "web", "fulfilments": fulfilments}))
        }
        "PUT /v1/orders/{order}/fulfilments/{fulfilment}" => {
            let confirmed = ("confirm", json!({"channel": "web", "pay_at_handover": true}));
            let path = with("order", &order(shop, &[confirmed])).replace("{fulfilment}", "1");
            one(path, json!({"channel": "web", "address": {"door": nth}}))
        }
        "POST /v1/orders/{order}/fulfilments/{fulfilment}/bind" => {
            one(with("order", &order(shop, &[])).replace("{fulfilment}", "1"), json!({}))
        }
        "POST /v1/orders/{order}/fulfilments/{fulfilment}/ready" => {
            let confirmed = ("confirm", json!({"channel": "web", "pay_at_handover": true}));
            one(with("order", &order(shop, &[confirmed])).replace("{fulfilment}", "1"), json!({}))
        }
        "POST /v1/orders/{order}/fulfilments/{fulfilment}/collect" => {
            let confirmed = ("confirm", json!({"channel": "web", "pay_at_handover": true}));
            let path = with("order", &order(shop, &[confirmed])).replace("{fulfilment}", "1");
            one(path, json!({"lines": [{"sku": "A", "quantity": 1}], "payments": [{"tender": "cash", "amount": 500}]}))
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
        "POST /v1/import/sales" => csv(format!(
            "order,occurred_at,channel,location,sku,quantity,amount\nH-{nth},2019-03-01T10:00:00Z,web,s1,A,1,500\n"
        )),
        _ => Vec::new(),
    }
}

/// Sends all again: the first answers, and nothing in the log.
fn repeat(shop: &mut Shop, done: &[(Call, Answer)], when: &str) {
    let seq = shop.seq();
    for (call, first) in done {
        let again = call.send(shop);
        assert_eq!(told(call, &again), told(call, first), "{when}: {call:?}");
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
                assert_eq!(told(&call, &again), told(&call, &first), "at once: {call:?}");
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
