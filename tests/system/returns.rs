//! What comes back: to the shelf, or to the quarantine of its place, where nobody is promised it.

use anaquel_loadtest::server::verify;
use anaquel_tests::calls::get;
use anaquel_tests::{Shop, binary};
use serde_json::{Value, json};

fn returned(shop: &mut Shop, condition: &str, quantity: u32) -> Value {
    let movement =
        json!({"kind": "return", "sku": "A", "location": "s1", "quantity": quantity, "condition": condition});
    let answer = shop.client.post("/v1/stock/movements", &json!({"movements": [movement]})).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.json()["items"][0].clone()
}

#[test]
fn what_somebody_has_to_look_at_is_promised_to_nobody() {
    let mut shop = Shop::default();
    let locations = b"location,groups\ns1,all\n";
    assert_eq!(shop.client.import("/v1/import/locations", locations).unwrap().json()["accepted"], 1);
    shop.receive("A", "s1", 5);
    assert_eq!(returned(&mut shop, "sellable", 1)["location"], "s1");
    let inside = returned(&mut shop, "inspect", 2);
    let quarantine = inside["location"].as_str().unwrap().to_owned();
    assert_ne!(quarantine, "s1");
    assert_eq!(
        (&inside["on_hand"], &inside["available"], &inside["condition"]),
        (&json!(2), &json!(0), &json!("inspect"))
    );
    assert_eq!(returned(&mut shop, "damaged", 3)["location"], quarantine.as_str(), "one a place");
    assert_eq!(shop.cell("A", "s1"), (6, 0, 6));
    assert_eq!(shop.cell("A", &quarantine), (5, 0, 0));

    // No list has it, and each shows it to who asks.
    let places = |told: &Value| {
        let of = |item: &Value| item["location"].as_str().unwrap().to_owned();
        told["items"].as_array().unwrap().iter().map(of).collect::<Vec<_>>()
    };
    let both = vec!["s1".to_owned(), quarantine.clone()];
    for path in ["/v1/availability?sku=A", "/v1/stock?sku=A", "/v1/locations"] {
        assert_eq!(places(&get(&mut shop.client, path)), ["s1"], "{path}");
        let asked = format!("{path}{}quarantine=true", if path.contains('?') { '&' } else { '?' });
        assert_eq!(places(&get(&mut shop.client, &asked)), both, "{asked}");
    }
    let shown = get(&mut shop.client, &format!("/v1/locations/{quarantine}"));
    assert_eq!((&shown["kind"], &shown["quarantine_of"]), (&json!("quarantine"), &json!("s1")));
    for kind in ["stock", "locations", "groups"] {
        let file = shop.client.get(&format!("/v1/export/{kind}")).unwrap().body;
        assert!(!String::from_utf8_lossy(&file).contains(&quarantine), "{kind}");
    }

    // Nobody is promised it: not by name, not on order, and no rule frees it.
    let backorder = json!({"kind": "backorder", "units": 9, "lead_days": 1});
    assert_eq!(shop.client.put("/v1/rules/ahead", &backorder).unwrap().status, 200);
    shop.declare_channels(&["web"]);
    let free = json!({"kind": "safety_stock", "units": 0, "skus": ["A"], "channels": ["web"]});
    assert_eq!(shop.client.put("/v1/rules/free", &free).unwrap().status, 200);
    let line = json!({"sku": "A", "location": quarantine, "quantity": 1, "latest": "2100-01-01T00:00:00Z"});
    let refused = shop.client.post("/v1/reservations", &json!({"channel": "web", "lines": [line]})).unwrap();
    assert_eq!(refused.status, 409, "{}", refused.json());
    assert_eq!(shop.cell("A", &quarantine), (5, 0, 0));

    // People say nothing of it: it is as it is.
    for (path, body) in [
        (format!("/v1/locations/{quarantine}"), json!({"name": "Mine"})),
        ("/v1/groups/all".to_owned(), json!({"locations": ["s1", quarantine]})),
        ("/v1/rules/q".to_owned(), json!({"kind": "access", "allow": true, "locations": [quarantine]})),
    ] {
        assert_eq!(shop.client.put(&path, &body).unwrap().status, 400, "{path}");
    }
    let bad = |movement: Value| json!({"movements": [movement]});
    for (movement, field) in [
        (json!({"kind": "return", "sku": "A", "location": "s1", "quantity": 1, "condition": "broken"}), "condition"),
        (json!({"kind": "sale", "sku": "A", "location": "s1", "quantity": 1, "condition": "damaged"}), "condition"),
        (json!({"kind": "sale", "sku": "A", "location": quarantine, "quantity": 1}), "kind"),
    ] {
        let refused = shop.client.post("/v1/stock/movements", &bad(movement.clone())).unwrap();
        assert_eq!(refused.status, 400, "{movement}");
        assert!(refused.json()["detail"].as_str().unwrap().contains(field), "{}", refused.json());
    }

    // It leaves by damage and by a count, and comes back from the log and from a checkpoint as it was.
    let damage = json!({"kind": "damage", "sku": "A", "location": quarantine, "quantity": 1});
    assert_eq!(shop.client.post("/v1/stock/movements", &bad(damage)).unwrap().status, 200);
    let count = json!({"counts": [{"sku": "A", "location": quarantine, "on_hand": 3}, {"sku": "B", "location": quarantine, "on_hand": 1}]});
    assert_eq!(shop.client.post("/v1/stock/counts", &count).unwrap().status, 200);
    let hash = get(&mut shop.client, "/v1/info")["state_hash"].clone();
    let shop = shop.killed_and_restarted();
    let mut shop = shop.restarted();
    assert_eq!(get(&mut shop.client, "/v1/info")["state_hash"], hash);
    assert_eq!((shop.cell("A", &quarantine), shop.cell("B", &quarantine)), ((3, 0, 0), (1, 0, 0)));
    assert_eq!(returned(&mut shop, "inspect", 1)["location"], quarantine.as_str());
    let hash = get(&mut shop.client, "/v1/info")["state_hash"].clone();
    let (_folder, data) = shop.stopped();
    assert_eq!(hash, *verify(binary(), &data).unwrap());
}

#[test]
fn a_quarantine_takes_a_name_that_nobody_has() {
    let mut shop = Shop::default();
    shop.receive("A", "s1", 5);
    shop.receive("A", "quarantine:s1", 5);
    let inside = returned(&mut shop, "damaged", 1);
    assert_ne!(inside["location"], "quarantine:s1", "that is somebody's place");
    assert_eq!(shop.cell("A", "quarantine:s1"), (5, 0, 5));
}
