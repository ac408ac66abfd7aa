//! Where each unit of an order comes from, as a client sees it.

use anaquel_tests::Shop;
use serde_json::{Value, json};

/// A warehouse in Zaragoza, stores in Madrid and Toledo.
fn shop() -> Shop {
    let mut shop = Shop::default();
    for (location, latitude, longitude, kind) in
        [("dc", 41.65, -0.88, "warehouse"), ("madrid", 40.42, -3.70, "store"), ("toledo", 39.86, -4.03, "store")]
    {
        let pickup = kind == "store";
        let body = json!({"kind": kind, "latitude": latitude, "longitude": longitude, "pickup": pickup});
        assert_eq!(shop.client.put(&format!("/v1/locations/{location}"), &body).unwrap().status, 200);
    }
    for (sku, location, units) in
        [("A", "dc", 9), ("B", "dc", 9), ("A", "madrid", 2), ("B", "toledo", 1), ("C", "toledo", 1)]
    {
        shop.receive(sku, location, units);
    }
    shop
}

fn order(lines: &[(&str, i64)], more: Value) -> Value {
    let lines: Vec<_> = lines.iter().map(|(sku, quantity)| json!({"sku": sku, "quantity": quantity})).collect();
    let mut body = json!({"channel": "web", "lines": lines, "destination": {"latitude": 40.4, "longitude": -3.7}});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn places(told: &Value) -> Vec<Value> {
    told["shipments"].as_array().unwrap().iter().map(|shipment| shipment["location"].clone()).collect()
}

#[test]
fn an_order_is_planned_and_promised_in_one_step() {
    let mut shop = shop();
    let seq = shop.seq();
    let body = order(&[("A", 2), ("B", 1)], json!({"dry_run": true}));
    let shown = shop.client.post("/v1/sourcing", &body).unwrap();
    assert_eq!(shown.status, 200, "{}", shown.json());
    let shown = shown.json();
    assert_eq!(places(&shown["plan"]), ["madrid", "toledo"]);
    assert!(shown["runner_up"]["score"].as_f64() > shown["plan"]["score"].as_f64(), "{shown}");
    assert!(shown["plan"]["parts"]["distance"].as_f64().unwrap() > 0.0);
    assert_eq!(shop.seq(), seq, "a dry run touches nothing");

    let body =
        order(&[("A", 1), ("A", 1), ("B", 1)], json!({"policy": "fewest_shipments", "order": "W-1", "confirm": true}));
    let made = shop.client.post_keyed("/v1/sourcing", "k1", &body).unwrap();
    assert_eq!(made.status, 201, "{}", made.json());
    let told = made.json();
    assert_eq!(told["shipments"][0]["lines"][0], json!({"sku": "A", "quantity": 2, "waiting": 0}));
    assert_eq!(
        (&told["reservation"]["state"], &told["reservation"]["purpose"]),
        (&json!("confirmed"), &json!("delivery"))
    );
    assert_eq!(shop.cell("A", "dc"), (9, 2, 7));
    let again = shop.client.post_keyed("/v1/sourcing", "k1", &body).unwrap();
    assert_eq!((again.json(), again.header("idempotent-replayed")), (told, Some("true")));
    assert_eq!(shop.cell("A", "dc"), (9, 2, 7));
    let body = order(&[("A", 3)], json!({}));
    assert_eq!(shop.client.post_keyed("/v1/sourcing", "k1", &body).unwrap().slug(), "idempotency-mismatch");
    shop.killed_and_restarted().stopped();
}

#[test]
fn limits_and_refusals_say_what_would_succeed() {
    let mut shop = shop();
    let post = |shop: &mut Shop, body: Value| shop.client.post("/v1/sourcing", &body).unwrap();
    let one = post(&mut shop, order(&[("A", 1), ("C", 1)], json!({"policy": "whole_order"})));
    assert_eq!((one.status, one.slug().as_str()), (409, "insufficient-stock"), "{}", one.json());
    let line = one.json()["lines"][0].clone();
    assert_eq!((&line["constraint"], &line["would_succeed"]["max_shipments"]), (&json!("group"), &json!(2)), "{line}");
    let two = post(&mut shop, order(&[("A", 1), ("C", 1)], json!({"max_shipments": 2, "dry_run": true}))).json();
    assert_eq!(places(&two["plan"]), ["madrid", "toledo"]);
    let much = post(&mut shop, order(&[("C", 5), ("X", 1)], json!({}))).json();
    let told: Vec<_> = much["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (line["constraint"].clone(), line["available"].clone()))
        .collect();
    assert_eq!(told, [(json!("on_hand"), json!(1)), (json!("unknown_cell"), json!(0))]);
    let some = post(&mut shop, order(&[("C", 5)], json!({"allow_partial": true})));
    assert_eq!((some.status, &some.json()["shipments"][0]["lines"][0]["quantity"]), (201, &json!(1)));
    // Who is not told numbers is not told them by a plan either, nor by what would succeed.
    let hide = json!({"kind": "band", "exact": false, "skus": ["C"]});
    assert_eq!(shop.client.put("/v1/rules/hide", &hide).unwrap().status, 200);
    let shown = post(
        &mut shop,
        order(&[("C", 500)], json!({"dry_run": true, "allow_partial": true, "locations": ["dc", "toledo", "toledo"]})),
    );
    assert_eq!((shown.status, shown.slug().as_str()), (409, "insufficient-stock"), "nothing is left: {}", shown.json());
    shop.receive("C", "toledo", 4);
    let shown = post(&mut shop, order(&[("C", 500)], json!({"dry_run": true, "allow_partial": true}))).json();
    assert_eq!(shown["plan"]["shipments"][0]["lines"][0], json!({"sku": "C", "quantity": null}), "{shown}");
    assert!(shown["plan"].get("score").is_none() && shown["plan"]["missing"][0]["quantity"].is_null());
    let refused = post(&mut shop, order(&[("C", 500)], json!({}))).json();
    assert_eq!(
        (&refused["lines"][0]["available"], &refused["lines"][0]["would_succeed"]["quantity"]),
        (&Value::Null, &Value::Null)
    );
    shop.client.delete("/v1/rules/hide").unwrap();
    // Only what a store may have brought is picked up there.
    let pickup = json!({"purpose": "pickup", "destination": {"location": "madrid"}});
    assert_eq!(post(&mut shop, order(&[("B", 1)], pickup.clone())).status, 409);
    shop.client.put("/v1/groups/near", &json!({"locations": ["madrid", "toledo"]})).unwrap();
    let services = json!({"latitude": 40.42, "longitude": -3.70, "transfer_group": "near", "transfer_minutes": 60});
    assert_eq!(shop.client.put("/v1/locations/madrid", &services).unwrap().status, 200);
    let brought = post(&mut shop, order(&[("A", 1), ("B", 1)], pickup));
    assert_eq!((brought.status, places(&brought.json())), (201, vec![json!("madrid"), json!("toledo")]));
    shop.declare_channels(&["web", "app"]);
    // A day's limit, and a quota that the plan cannot see, are found out by asking again.
    let rule = |shop: &mut Shop, id: &str, body: Value| {
        let answer = shop.client.put(&format!("/v1/rules/{id}"), &body).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.json());
    };
    rule(
        &mut shop,
        "keep",
        json!({"kind": "quota", "units": 1, "skus": ["A"], "locations": ["madrid"], "channels": ["app"]}),
    );
    let elsewhere = post(&mut shop, order(&[("A", 1)], json!({})));
    assert_eq!((elsewhere.status, places(&elsewhere.json())), (201, vec![json!("dc")]), "{}", elsewhere.json());
    rule(&mut shop, "day", json!({"kind": "capacity", "orders_per_day": 0, "location_kinds": ["warehouse"]}));
    let full = post(&mut shop, order(&[("A", 1)], json!({}))).json();
    assert_eq!(full["lines"][0]["constraint"], "capacity", "{full}");
    // An order that is worth little is fetched, where somebody has it.
    rule(&mut shop, "little", json!({"kind": "pickup_only", "below": 2000, "currency": "EUR"}));
    shop.client.import("/v1/import/prices", b"sku,currency,amount\nA,EUR,1500\n").unwrap();
    let little = post(&mut shop, order(&[("A", 1)], json!({}))).json();
    let line = &little["lines"][0];
    assert_eq!(
        (&line["constraint"], &line["rule"], &line["would_succeed"]),
        (&json!("access"), &json!("little"), &json!({})),
        "nothing that would not succeed"
    );
    let worth = post(&mut shop, order(&[("A", 1)], json!({"value": {"amount": 2000, "currency": "EUR"}}))).json();
    assert_eq!(worth["lines"][0]["constraint"], "capacity");
}

#[test]
fn buyers_at_once_get_each_unit_once() {
    let shop = shop();
    let address = shop.client.address();
    let sold: usize = std::thread::scope(|scope| {
        let buy = || {
            let mut client = anaquel_loadtest::client::Client::new(address);
            let body = order(&[("A", 1)], json!({}));
            (0..10).filter(|_| client.post("/v1/sourcing", &body).unwrap().status == 201).count()
        };
        let buyers: Vec<_> = (0..4).map(|_| scope.spawn(buy)).collect();
        buyers.into_iter().map(|buyer| buyer.join().unwrap()).sum()
    });
    assert_eq!(sold, 11, "nine and two");
    shop.stopped();
}

#[test]
fn bad_orders_are_told_by_field() {
    let mut shop = shop();
    for (more, field) in [
        (json!({"lines": []}), "lines"),
        (json!({"lines": [{"sku": "A", "quantity": 0}]}), "lines[0].quantity"),
        (json!({"policy": "cheapest"}), "policy"),
        (json!({"policy": "nearest", "weights": {"stock": 1.0}}), "weights"),
        (json!({"weights": {"stock": -1.0}}), "weights.stock"),
        (json!({"policy": "nearest", "destination": null}), "destination"),
        (json!({"destination": {"latitude": 99.0, "longitude": 0.0}}), "destination.latitude"),
        (json!({"destination": {"latitude": 9.0}}), "destination"),
        (json!({"purpose": "cart"}), "purpose"),
        (json!({"purpose": "pickup"}), "destination"),
        (json!({"max_shipments": 0}), "max_shipments"),
        (json!({"locations": [], "policy": "priority"}), "locations"),
        (json!({"colour": "red"}), "colour"),
    ] {
        let answer = shop.client.post("/v1/sourcing", &order(&[("A", 1)], more.clone())).unwrap();
        assert_eq!((answer.status, answer.slug().as_str()), (400, "invalid-request"), "{more}: {}", answer.json());
        assert!(answer.json()["detail"].as_str().unwrap().contains(field), "{field}: {}", answer.json());
    }
    let nowhere = order(&[("A", 1)], json!({"purpose": "pickup", "destination": {"location": "dc"}}));
    let nowhere = shop.client.post("/v1/sourcing", &nowhere).unwrap();
    assert_eq!((nowhere.status, &nowhere.json()["lines"][0]["constraint"]), (409, &json!("access")));
    let lost = order(&[("A", 1)], json!({"destination": {"location": "atlantis"}}));
    assert_eq!(shop.client.post("/v1/sourcing", &lost).unwrap().status, 404);
}
