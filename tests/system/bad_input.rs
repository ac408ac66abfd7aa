//! Bad input gets the answer of the contract, and the log holds nothing of it.

use anaquel_tests::Shop;
use anaquel_tests::folder::folder;
use serde_json::{Value, json};

/// Sends `body` and expects `status`, `slug` and a detail that names `field`; and that nothing was logged.
#[track_caller]
fn refused(shop: &mut Shop, method: &str, path: &str, body: &[u8], status: u16, slug: &str, field: &str) {
    let before = shop.seq();
    let answer = shop.client.send(method, path, &[("Content-Type", "application/json")], body).unwrap();
    let said = answer.json();
    assert_eq!((answer.status, answer.slug().as_str()), (status, slug), "{path} {said}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    for member in ["title", "status", "detail"] {
        assert!(!said[member].is_null(), "{member} in {said}");
    }
    assert!(said["detail"].as_str().unwrap().contains(field), "{field} in {said}");
    assert_eq!(shop.seq(), before, "the log holds nothing of it");
}

fn line(sku: &str, location: &str, quantity: &Value) -> Value {
    json!({"sku": sku, "location": location, "quantity": quantity})
}

#[test]
fn reservations() {
    let mut shop = Shop::default();
    shop.receive("A", "s1", 5);
    let mut check = |body: Value, field: &str| {
        refused(&mut shop, "POST", "/v1/reservations", body.to_string().as_bytes(), 400, "invalid-request", field);
    };
    let good = line("A", "s1", &json!(1));
    check(json!({"channel": "web", "lines": [good], "colour": "red"}), "colour");
    check(json!({"lines": [good]}), "channel");
    check(json!({"channel": "web"}), "lines");
    check(json!({"channel": "web", "lines": []}), "lines");
    check(json!({"channel": "web", "lines": vec![good.clone(); 101]}), "lines");
    check(json!({"channel": "web", "lines": "A"}), "lines");
    check(json!({"channel": 7, "lines": [good]}), "channel");
    check(json!({"channel": "we b", "lines": [good]}), "channel");
    check(json!({"channel": "w\u{0}", "lines": [good]}), "channel");
    check(json!({"channel": "x".repeat(129), "lines": [good]}), "channel");
    for quantity in [json!(0), json!(-1), json!(1_000_000_001), json!(1e30), json!("1"), json!(1.5), json!(null)] {
        check(json!({"channel": "web", "lines": [line("A", "s1", &quantity)]}), "lines[0].quantity");
    }
    check(json!({"channel": "web", "lines": [line("A\n", "s1", &json!(1))]}), "lines[0].sku");
    check(json!({"channel": "web", "lines": [line("A", "", &json!(1))]}), "lines[0].location");
    for ttl in [0, -1, 2_678_401] {
        check(json!({"channel": "web", "ttl_seconds": ttl, "lines": [good]}), "ttl_seconds");
    }
    check(json!({"channel": "web", "purpose": "fun", "lines": [good]}), "purpose");
    check(json!([1, 2]), "");
    // What is written without the names of its members is no object, wherever it stands.
    check(json!(["web", [good]]), "the body: invalid type: sequence, expected an object");
    check(json!({"channel": "web", "lines": [["A", "s1", null, 1]]}), "lines[0]");
    for body in [&b"{"[..], b"", b"\xff\xfe{}", b"{\"channel\":\"web\",\"lines\":[]}}", b"null"] {
        refused(&mut shop, "POST", "/v1/reservations", body, 400, "invalid-request", "");
    }
    let held = shop.reserved("A", "s1", 1);
    for step in ["confirm", "ready", "collect", "cancel", "extend", "bind", "rebind"] {
        let path = format!("/v1/reservations/{}/{step}", held["id"].as_str().unwrap());
        refused(&mut shop, "POST", &path, b"[null,null]", 400, "invalid-request", "expected an object");
    }
    let unknown = json!({"channel": "web", "lines": [line("nobody", "s1", &json!(1))]}).to_string();
    refused(&mut shop, "POST", "/v1/reservations", unknown.as_bytes(), 409, "insufficient-stock", "nobody");
}

#[test]
fn steps() {
    let mut shop = Shop::default();
    shop.receive("A", "s1", 5);
    let held = shop.reserved("A", "s1", 1);
    let path = |step: &str| format!("/v1/reservations/{}/{step}", held["id"].as_str().unwrap());
    for step in ["confirm", "ready", "collect", "cancel", "extend"] {
        refused(&mut shop, "POST", &path(step), b"{\"what\":1}", 400, "invalid-request", "what");
        for id in ["r-1", "x", "r-ZZZZZ-5", "%00", "%FF"] {
            let path = format!("/v1/reservations/{id}/{step}");
            let body: &[u8] = if step == "extend" { b"{\"ttl_seconds\":5}" } else { b"{}" };
            refused(&mut shop, "POST", &path, body, 404, "not-found", "");
        }
    }
    refused(&mut shop, "POST", &path("confirm"), b"{\"pickup_by\":\"tomorrow\"}", 400, "invalid-request", "pickup_by");
    refused(
        &mut shop,
        "POST",
        &path("confirm"),
        b"{\"pickup_by\":\"2001-01-01T00:00:00Z\"}",
        400,
        "invalid-request",
        "pickup_by",
    );
    for body in [&b"{}"[..], b"{\"ttl_seconds\":0}", b"{\"ttl_seconds\":99999999}"] {
        refused(&mut shop, "POST", &path("extend"), body, 400, "invalid-request", "ttl_seconds");
    }
}

#[test]
fn movements_and_counts() {
    let mut shop = Shop::default();
    shop.receive("A", "s1", 5);
    let mut check = |path: &str, body: Value, field: &str| {
        refused(&mut shop, "POST", path, body.to_string().as_bytes(), 400, "invalid-request", field);
    };
    let movement = |kind: &str, quantity: Value| json!({"movements": [{"kind": kind, "sku": "A", "location": "s1", "quantity": quantity}]});
    let path = "/v1/stock/movements";
    for kind in ["receipt", "sale", "return", "damage"] {
        for quantity in [json!(0), json!(-1), json!(1_000_000_001)] {
            check(path, movement(kind, quantity), "movements[0].quantity");
        }
    }
    check(path, movement("adjustment", json!(0)), "movements[0].quantity");
    check(path, movement("theft", json!(1)), "movements[0].kind");
    check(path, json!({"movements": []}), "movements");
    let many: Vec<Value> = vec![movement("sale", json!(1))["movements"][0].clone(); 1001];
    check(path, json!({"movements": many}), "movements");
    let mut when = movement("sale", json!(1));
    when["movements"][0]["occurred_at"] = json!("2999-01-01T00:00:00Z");
    check(path, when, "movements[0].occurred_at");
    let count = |on_hand: Value| json!({"counts": [{"sku": "A", "location": "s1", "on_hand": on_hand}]});
    for on_hand in [json!(-1), json!(1_000_000_001), json!("many")] {
        check("/v1/stock/counts", count(on_hand), "counts[0].on_hand");
    }
    check(
        "/v1/stock/counts",
        json!({"counts": [{"sku": "A", "location": "s1", "on_hand": 1, "counted_at": "2999-01-01T00:00:00Z"}]}),
        "counts[0].counted_at",
    );
}

#[test]
fn one_bad_movement_refuses_all() {
    let mut shop = Shop::default();
    shop.receive("A", "s1", 5);
    let rows = json!({"movements": [
        {"kind": "sale", "sku": "A", "location": "s1", "quantity": 1},
        {"kind": "sale", "sku": "B", "location": "s1", "quantity": 0},
    ]});
    refused(
        &mut shop,
        "POST",
        "/v1/stock/movements",
        rows.to_string().as_bytes(),
        400,
        "invalid-request",
        "movements[1].quantity",
    );
    assert_eq!(shop.cell("A", "s1"), (5, 0, 5));
}

#[test]
fn queries_paths_and_methods() {
    let mut shop = Shop::default();
    shop.receive("A", "s1", 5);
    let mut check = |method: &str, path: &str, status: u16, slug: &str, field: &str| {
        refused(&mut shop, method, path, b"", status, slug, field);
    };
    check("GET", "/v1/availability", 400, "invalid-request", "sku");
    check("GET", "/v1/availability?sku=A&colour=red", 400, "invalid-request", "colour");
    check("GET", "/v1/availability?sku=A%0A", 400, "invalid-request", "sku");
    check("GET", "/v1/availability?sku=A&min_seq=-1", 400, "invalid-request", "min_seq");
    check("GET", "/v1/availability?sku=A&location=s1&group=g", 400, "invalid-request", "groups");
    check("GET", "/v1/stock", 400, "invalid-request", "location");
    check("GET", "/v1/stock?location=nowhere", 404, "not-found", "location");
    check("GET", "/v1/stock?location=s1&limit=1001", 400, "invalid-request", "limit");
    check("GET", "/v1/reservations?state=lost", 400, "invalid-request", "state");
    check("GET", "/v1/reservations?after=x", 400, "invalid-request", "after");
    check("GET", "/v1/events?wait=3600", 400, "invalid-request", "wait");
    check("GET", "/v1/reservations/r-1", 404, "not-found", "");
    check("GET", "/nowhere", 404, "not-found", "/nowhere");
    check("DELETE", "/v1/stock", 405, "method-not-allowed", "DELETE");
    check("POST", "/v1/import/colours", 404, "not-found", "");
}

#[test]
fn bodies_that_are_too_large_or_of_another_kind() {
    let mut shop = Shop::default();
    let large = vec![b' '; 10 << 20];
    refused(&mut shop, "POST", "/v1/reservations", &large, 413, "payload-too-large", "");
    for path in ["/v1/reservations", "/v1/stock/movements", "/v1/stock/counts"] {
        let answer = shop.client.send("POST", path, &[("Content-Type", "text/plain")], b"{}").unwrap();
        assert_eq!((answer.status, answer.slug().as_str()), (415, "unsupported-media-type"));
    }
    let answer = shop.client.send("POST", "/v1/import/stock", &[("Content-Type", "application/json")], b"{}").unwrap();
    assert_eq!(answer.slug(), "unsupported-media-type");
    let long = "k".repeat(256);
    let body = json!({"channel": "web", "lines": [line("A", "s1", &json!(1))]});
    assert_eq!(shop.client.post_keyed("/v1/reservations", &long, &body).unwrap().status, 400);
    assert_eq!(shop.client.post_keyed("/v1/reservations", "\"open", &body).unwrap().status, 400);
}

#[test]
fn a_connection_that_says_nothing_is_closed() {
    use std::io::{Read, Write};
    let folder = folder();
    let config = folder.path().join("anaquel.toml");
    std::fs::write(&config, "[limits]\nheader_seconds = 1\n").unwrap();
    let shop = Shop::with(&["--config", config.to_str().unwrap()]);
    let mut slow = std::net::TcpStream::connect(shop.server.address).unwrap();
    slow.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Half").unwrap();
    slow.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
    let mut rest = Vec::new();
    // Closed, with or without a word; not held open for ever.
    slow.read_to_end(&mut rest).unwrap();
}

/// Longer than it takes to stop, shorter than what a connection would be waited for.
#[test]
fn a_connection_that_says_nothing_does_not_hold_up_a_stop() {
    let shop = Shop::default();
    let _silent = std::net::TcpStream::connect(shop.server.address).unwrap();
    // It was taken in before the next one was answered.
    assert_eq!(shop.server.client().get("/readyz").unwrap().status, 200);
    let began = std::time::Instant::now();
    shop.server.stop().unwrap();
    assert!(began.elapsed() < std::time::Duration::from_secs(8), "{:?}", began.elapsed());
}
