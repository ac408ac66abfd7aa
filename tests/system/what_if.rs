//! What-if, as operations ask it: yesterday's demand under other rules and with other stock.

use std::time::{Duration, Instant};

use anaquel_tests::Shop;
use serde_json::{Value, json};

fn ask(shop: &mut Shop, body: Value) -> Value {
    let answer = shop.client.post("/v1/what-if", &body).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.json()
}

#[test]
fn demand_that_was_lost_is_replayed_under_other_rules() {
    let mut shop = Shop::default();
    shop.receive("A", "s1", 10);
    shop.receive("A", "s2", 1);
    shop.declare_channels(&["web"]);
    let rule = json!({"kind": "safety_stock", "units": 4, "channels": ["web"]});
    assert_eq!(shop.client.put("/v1/rules/keep", &rule).unwrap().status, 200);
    assert_eq!([3, 3, 3].map(|units| shop.reserve("A", "s1", units).status), [201, 201, 409]);
    // What was refused is noted in the log within seconds, and survives a kill.
    let (before, started) = (shop.seq(), Instant::now());
    let noted = loop {
        let events = shop.client.get(&format!("/v1/events?after={before}&wait=10")).unwrap().json();
        if let Some(event) = events["items"].as_array().unwrap().first() {
            break event.clone();
        }
        assert!(started.elapsed() < Duration::from_secs(30), "nothing was noted");
    };
    assert_eq!(noted["kind"], "demand_lost");
    let lost = json!({"sku": "A", "location": "s1", "group": null, "channel": "web", "order": false, "purpose": "cart", "requests": 1, "units": 3});
    assert_eq!(noted["lost"][0], lost);
    let mut shop = shop.killed_and_restarted();
    let (seq, hash) = (shop.seq(), shop.client.get("/v1/info").unwrap().json()["state_hash"].clone());

    let same = ask(&mut shop, json!({}));
    assert_eq!(same["actual"], json!({"accepted": 2, "accepted_units": 6, "refused": 1, "lost_units": 3}));
    assert_eq!((&same["what_if"], &same["last_seq"]), (&same["actual"], &json!(seq)));
    let without = ask(&mut shop, json!({"rules": {"keep": null}}));
    assert_eq!(without["difference"], json!({"accepted": 1, "accepted_units": 3, "refused": -1, "lost_units": -3}));
    let item = &without["items"][0];
    assert_eq!(
        (&item["location"], &item["channel"], &item["what_if"]["accepted"]),
        (&json!("s1"), &json!("web"), &json!(3))
    );
    let more = json!({"kind": "safety_stock", "percent": 90});
    assert_eq!(ask(&mut shop, json!({"rules": {"keep": more}}))["what_if"]["accepted"], 0);
    let less = ask(&mut shop, json!({"stock": [{"sku": "A", "location": "s1", "quantity": -8}]}));
    assert_eq!(less["what_if"]["accepted"], 0, "{less}");
    let none = ask(&mut shop, json!({"from": "2100-01-01T00:00:00Z"}));
    assert_eq!((&none["records"], &none["actual"]["accepted"]), (&json!(0), &json!(0)));
    assert_eq!(
        (shop.seq(), shop.client.get("/v1/info").unwrap().json()["state_hash"].clone()),
        (seq, hash),
        "nothing was touched"
    );
    shop.stopped();
}

#[test]
fn bad_questions_are_told_by_field() {
    let mut shop = Shop::default();
    shop.receive("A", "s1", 1);
    for (body, field) in [
        (json!({"rules": {"r": {"kind": "safety_stock"}}}), "rules.r.units"),
        (json!({"rules": {"r r": null}}), "rules.r r"),
        (json!({"stock": [{"sku": "A", "location": "s1", "quantity": 3_000_000_000_i64}]}), "stock[0].quantity"),
        (json!({"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}), "to"),
        (json!({"since": 1}), "since"),
    ] {
        let answer = shop.client.post("/v1/what-if", &body).unwrap();
        assert_eq!((answer.status, answer.slug().as_str()), (400, "invalid-request"), "{body}");
        assert!(answer.json()["detail"].as_str().unwrap().contains(field), "{field}: {}", answer.json());
    }
    let unknown =
        shop.client.post("/v1/what-if", &json!({"stock": [{"sku": "X", "location": "s1", "quantity": 1}]})).unwrap();
    assert_eq!(unknown.status, 400, "{}", unknown.json());
}
