//! Shelves: short picks that count them in one step, and counts that leave out what is set aside.

use anaquel_loadtest::client::Client;
use anaquel_loadtest::server::verify;
use anaquel_tests::binary;
use anaquel_tests::calls::get;
use anaquel_tests::house::{House, ask};
use anaquel_tests::selling::{granted, key, order, post, refused, selling_shop};
use serde_json::{Value, json};

/// A confirmed pickup of some units of A in s1, paid at the hand-over.
fn pickup(client: &mut Client, id: &str, quantity: u32) -> Value {
    let body = json!({"order": id, "channel": "web", "currency": "EUR", "confirm": true, "pay_at_handover": true,
        "fulfilments": [{"fulfilment": "f", "purpose": "pickup", "location": "s1", "lines": [{"line": "1", "sku": "A", "quantity": quantity}]}]});
    granted(post(client, "/v1/orders", &body), 201)
}

fn cell(client: &mut Client) -> (i64, i64, i64) {
    let item = get(client, "/v1/availability?sku=A&location=s1")["items"][0].clone();
    let number = |name: &str| item[name].as_i64().unwrap();
    (number("on_hand"), number("reserved"), number("available"))
}

fn short(quantity: u32, shelf: u32) -> Value {
    json!({"channel": "pos", "reason": "not found", "lines": [{"line": "1", "quantity": quantity, "shelf": shelf}]})
}

/// Ten units in the books; two are set aside for one order. Of four that are picked for another, one is found, and the shelf
/// is empty: what is there is two and one.
#[test]
fn what_is_not_found_is_offered_to_nobody() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    pickup(client, "READY", 2);
    granted(post(client, "/v1/orders/READY/fulfilments/f/ready", &json!({})), 200);
    pickup(client, "PICK", 4);
    assert_eq!(cell(client), (10, 6, 4));
    let before = get(client, "/v1/info")["seq"].as_u64().unwrap();
    let told = granted(post(client, "/v1/orders/PICK/cancel", &short(3, 0)), 200);
    assert_eq!((&told["lines"][0]["cancelled"], &told["total"]), (&json!(3), &json!(1000)), "{told}");
    assert_eq!(cell(client), (3, 3, 0), "nothing of what was not found is promised again");
    let kinds: Vec<Value> = get(client, &format!("/v1/events?after={before}"))["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["kind"].clone())
        .collect();
    assert_eq!(kinds, [json!("order_cancelled"), json!("counted")], "one step, in one batch");
    // A repeat under its key counts nothing again; another picker is told what is left.
    let (body, same) = (short(1, 5), key());
    let first = client.post_keyed("/v1/orders/PICK/cancel", &same, &body).unwrap();
    assert_eq!((first.status, cell(client)), (200, (7, 2, 5)));
    let again = client.post_keyed("/v1/orders/PICK/cancel", &same, &body).unwrap();
    assert_eq!((again.header("idempotent-replayed"), again.json()), (Some("true"), first.json()));
    assert_eq!(cell(client), (7, 2, 5));
    refused(&post(client, "/v1/orders/PICK/cancel", &short(1, 5)), 409, "wrong-state");

    pickup(client, "TWO", 2);
    for (wrong, field) in [
        (json!({"line": "1", "quantity": 1, "shelf": -1}), "lines[0].shelf"),
        (json!({"line": "1", "quantity": 1, "location": "s1"}), "lines[0].location"),
        (json!({"line": "1", "quantity": 1, "shelf": 1, "location": "s2"}), "lines[0].location"),
        (json!({"line": "9", "quantity": 1, "shelf": 1}), "lines[0].line"),
        (json!({"line": "1", "quantity": 9, "shelf": 1}), "lines[0].quantity"),
    ] {
        let body = json!({"channel": "pos", "lines": [wrong]});
        let told = refused(&post(client, "/v1/orders/TWO/cancel", &body), 400, "invalid-request");
        assert_eq!(told["field"], field, "{told}");
    }
    assert_eq!(order(client, "TWO")["lines"][0]["cancelled"], 0, "a refusal leaves nothing");
    assert_eq!(cell(client), (7, 4, 3));
    let hash = get(client, "/v1/info")["state_hash"].clone();
    let mut shop = shop.killed_and_restarted();
    assert_eq!(get(&mut shop.client, "/v1/info")["state_hash"], hash);
    let (_folder, data) = shop.stopped();
    verify(binary(), &data).unwrap();
}

/// Who hands over may tell that units are not there, with their shelf, and cancel nothing else.
#[test]
fn a_short_pick_needs_the_scope_fulfil_alone() {
    let house = House::default();
    let admin = house.key("admin", &["admin"], &[]);
    let store = house.key("store", &["fulfil"], &["--location", "s1"]);
    let other = house.key("other", &["fulfil"], &["--location", "s2"]);
    let server = house.serve(&[]);
    let mut client = server.client();
    let mut call = |method: &str, path: &str, body: Value| {
        let answer = ask(&mut client, &admin, method, path, &body);
        assert!(answer.status < 300, "{path}: {}", answer.json());
    };
    for place in ["s1", "s2"] {
        call("PUT", &format!("/v1/locations/{place}"), json!({"pickup": true}));
        let row = json!({"kind": "receipt", "sku": "A", "location": place, "quantity": 9});
        call("POST", "/v1/stock/movements", json!({"movements": [row]}));
    }
    call("PUT", "/v1/prices", json!({"prices": [{"sku": "A", "currency": "EUR", "amount": 100}]}));
    let part = |name: &str, place: &str| {
        json!({"fulfilment": name, "purpose": "pickup", "location": place,
        "lines": [{"line": name, "sku": "A", "quantity": 2}]})
    };
    call(
        "POST",
        "/v1/orders",
        json!({"order": "O", "channel": "web", "currency": "EUR", "confirm": true,
        "pay_at_handover": true, "fulfilments": [part("1", "s1"), part("2", "s2")]}),
    );
    let mut cancel = |caller: &str, body: &Value| {
        let text = body.to_string();
        let bearer = format!("Bearer {caller}");
        let idempotency = key();
        let headers = [
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/json"),
            ("Idempotency-Key", idempotency.as_str()),
        ];
        client.send("POST", "/v1/orders/O/cancel", &headers, text.as_bytes()).unwrap()
    };
    let without = json!({"channel": "web", "lines": [{"line": "1", "quantity": 1}]});
    assert_eq!(refused(&cancel(&store, &without), 403, "forbidden")["scope"], "sell");
    assert_eq!(refused(&cancel(&store, &json!({"channel": "web"})), 403, "forbidden")["scope"], "sell");
    refused(&cancel(&other, &short(1, 0)), 403, "forbidden");
    let told = granted(cancel(&store, &short(1, 3)), 200);
    assert_eq!(told["lines"][0]["cancelled"], 1);
}

#[test]
fn a_count_of_a_shelf_leaves_out_what_is_set_aside() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    pickup(client, "READY", 3);
    granted(post(client, "/v1/orders/READY/fulfilments/f/ready", &json!({})), 200);
    pickup(client, "NOT-YET", 2);
    let body = |on_hand: u32, more: Value| {
        let mut body = json!({"counts": [{"sku": "A", "location": "s1", "on_hand": on_hand}]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let mut count = |on_hand: u32, more: Value| post(client, "/v1/stock/counts", &body(on_hand, more)).json();
    let told = count(6, json!({"put_aside": "excluded", "dry_run": true}));
    let item = &told["items"][0];
    assert_eq!((&item["expected"], &item["counted"], &item["delta"]), (&json!(10), &json!(9), &json!(-1)), "{told}");
    assert_eq!(told["dry_run"], true);
    let told = count(6, json!({"dry_run": true}));
    assert_eq!((&told["items"][0]["counted"], &told["items"][0]["delta"]), (&json!(6), &json!(-4)));
    let told = count(6, json!({"put_aside": "excluded"}));
    assert_eq!((&told["items"][0]["counted"], &told["items"][0]["delta"]), (&json!(9), &json!(-1)), "{told}");
    // Counted before anything was set aside: it was still on the shelf.
    let told = count(
        9,
        json!({"put_aside": "excluded", "dry_run": true, "counts": [
        {"sku": "A", "location": "s1", "on_hand": 9, "counted_at": "2000-01-01T00:00:00Z"}]}),
    );
    assert_eq!((&told["items"][0]["counted"], &told["items"][0]["outdated"]), (&json!(9), &json!(true)), "{told}");
    let told = count(4, json!({"dry_run": true, "counts": [{"sku": "NEW", "location": "s1", "on_hand": 4}]}));
    assert_eq!((&told["items"][0]["expected"], &told["items"][0]["delta"]), (&json!(0), &json!(4)));
    assert_eq!(count(1, json!({"put_aside": "some"}))["field"], "put_aside");
    assert_eq!(cell(client), (9, 5, 4), "what is only asked changes nothing");
    assert_eq!(get(client, "/v1/availability?sku=NEW")["unknown"], json!(["NEW"]));
}
