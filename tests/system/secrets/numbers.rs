//! Numbers are exact, however large: lines that add up, and a till that no limit stops.

use anaquel_tests::{Shop, binary};
use serde_json::json;

/// Lines that ask for more of a cell, together, than one may: refused by name, never cut short.
#[test]
fn lines_add_up_exactly() {
    let mut shop = Shop::default();
    for _ in 0..2 {
        shop.receive("A", "s1", 1_000_000_000);
    }
    let supply = |n: u64| json!({"supply": format!("PO-{n}"), "sku": "A", "location": "s1", "quantity": 1_000_000_000, "expected_at": "2050-01-01T00:00:00Z"});
    let supplies: Vec<_> = (0..5).map(supply).collect();
    assert_eq!(shop.client.put("/v1/supply", &json!({"supplies": supplies})).unwrap().status, 200);
    shop.client.put("/v1/groups/g", &json!({"locations": ["s1"]})).unwrap();
    let line = |place: &str, name: &str, quantity: i64, latest: bool| {
        let mut line = json!({"sku": "A", "quantity": quantity});
        line[place] = json!(name);
        if latest {
            line["latest"] = json!("2060-01-01T00:00:00Z");
        }
        line
    };
    for (place, name) in [("location", "s1"), ("group", "g")] {
        for latest in [false, true].into_iter().filter(|latest| !latest || place == "location") {
            for quantities in
                [&[5_000_000_000][..], &[1_000_000_000, 1], &[1_000_000_000; 5], &[999_999_999, 1, 1], &[i64::MAX]]
            {
                for allow_partial in [false, true] {
                    let lines: Vec<_> = quantities.iter().map(|units| line(place, name, *units, latest)).collect();
                    let body = json!({"channel": "web", "allow_partial": allow_partial, "lines": lines});
                    let refused = shop.client.post("/v1/reservations", &body).unwrap();
                    assert_eq!(
                        (refused.status, refused.slug().as_str()),
                        (400, "invalid-request"),
                        "{quantities:?}: {}",
                        refused.json()
                    );
                    let said = refused.json();
                    let field = said["field"].as_str().unwrap();
                    assert!(field.starts_with("lines[") && field.ends_with(".quantity"), "{said}");
                    assert!(said["detail"].as_str().unwrap().contains("1000000000"), "{said}");
                }
            }
        }
    }
    assert_eq!(shop.cell("A", "s1"), (2_000_000_000, 0, 2_000_000_000));
    // What one cell may give is given, to the unit, in however many lines.
    let lines = json!([line("location", "s1", 999_999_999, false), line("location", "s1", 1, false)]);
    let made = shop.client.post("/v1/reservations", &json!({"channel": "web", "lines": lines})).unwrap();
    assert_eq!(made.status, 201, "{}", made.json());
    assert_eq!(shop.cell("A", "s1"), (2_000_000_000, 1_000_000_000, 1_000_000_000));
    let basket = shop.client.get("/v1/pickup?sku=A:1000000000&sku=A:1").unwrap();
    assert_eq!((basket.status, basket.json()["field"].as_str()), (400, Some("sku")), "{}", basket.json());
    shop.stopped();
}

/// However low a cell is and whatever its clock says, a till sells; the answer says what became of it.
#[test]
fn a_till_is_never_refused() {
    let mut shop = Shop::default();
    let sale = |quantity: i64, at: Option<&str>| {
        let mut movement = json!({"kind": "sale", "sku": "A", "location": "s1", "quantity": quantity});
        if let Some(at) = at {
            movement["occurred_at"] = json!(at);
        }
        json!({"movements": [movement]})
    };
    for quantity in [1_000_000_000, 1_000_000_000, 1, 1_000_000_000] {
        let sold = shop.client.post("/v1/stock/movements", &sale(quantity, None)).unwrap();
        assert_eq!(sold.status, 200, "{}", sold.json());
    }
    let sold = shop.client.post("/v1/stock/movements", &sale(1, None)).unwrap().json();
    assert_eq!(
        (&sold["items"][0]["out_of_range"], &sold["items"][0]["on_hand"]),
        (&json!(true), &json!(-2_000_000_000))
    );
    let ahead = shop.client.post("/v1/stock/movements", &sale(1, Some("2099-01-01T00:00:00Z"))).unwrap();
    assert_eq!(ahead.status, 200, "{}", ahead.json());
    assert_ne!(ahead.json()["items"][0]["occurred_at"], "2099-01-01T00:00:00.000Z", "it says when it was taken for");
    let worse = json!({"movements": [{"kind": "damage", "sku": "A", "location": "s1", "quantity": 1}]});
    let refused = shop.client.post("/v1/stock/movements", &worse).unwrap();
    assert_eq!((refused.status, refused.json()["field"].as_str()), (400, Some("movements[0].quantity")));
    let counted = json!({"counts": [{"sku": "A", "location": "s1", "on_hand": 4}]});
    assert_eq!(shop.client.post("/v1/stock/counts", &counted).unwrap().json()["items"][0]["on_hand"], 4);
    let sold = shop.client.post("/v1/stock/movements", &sale(1, None)).unwrap().json();
    assert_eq!((&sold["items"][0]["on_hand"], sold["items"][0].get("out_of_range")), (&json!(3), None));
    let mut shop = shop.killed_and_restarted();
    assert_eq!(shop.cell("A", "s1"), (3, 0, 3));
    let (_folder, data) = shop.stopped();
    anaquel_loadtest::server::verify(binary(), &data).unwrap();
}
