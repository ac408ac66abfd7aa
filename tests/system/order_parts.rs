//! The fulfilments of orders, which are reservations: handing over, moving, and what may be asked of the reservation itself.

use anaquel_loadtest::socket::Socket;
use anaquel_tests::Shop;
use anaquel_tests::calls::{get, send};
use anaquel_tests::selling::{fulfilment, granted, order, pickup, refused, selling_shop, step, with};
use serde_json::{Value, json};

/// A confirmed order of one pickup that is paid.
fn paid_order(shop: &mut Shop, id: &str, units: i64) -> Value {
    let more = json!({"confirm": true, "payments": [{"payment": "k", "tender": "card", "amount": 1000 * units, "state": "captured"}]});
    granted(shop.client.post("/v1/orders", &with(pickup(id, &[("A", units)]), &more)).unwrap(), 201)
}

/// The reservation of its first fulfilment.
fn reservation(order: &Value) -> String {
    order["fulfilments"][0]["reservation"].as_str().unwrap().to_owned()
}

#[test]
fn a_pickup_is_made_ready_and_collected_bit_by_bit() {
    let mut shop = selling_shop(&[]);
    paid_order(&mut shop, "W-1", 3);
    let client = &mut shop.client;
    let ready = granted(client.post("/v1/orders/W-1/fulfilments/1/ready", &json!({})).unwrap(), 200);
    let one = &ready["fulfilments"][0];
    assert_eq!((&one["state"], one["pickup_code"].as_str().map(str::len)), (&json!("ready"), Some(6)));
    let code = one["pickup_code"].as_str().unwrap().to_owned();
    let wrong = json!({"pickup_code": "XXXXXX"});
    refused(&client.post("/v1/orders/W-1/fulfilments/1/collect", &wrong).unwrap(), 403, "forbidden");
    let two = json!({"channel": "pos", "location": "s1", "lines": [{"sku": "A", "quantity": 2}], "pickup_code": code, "tracking": "1Z-88"});
    refused(&client.post("/v1/orders/W-1/fulfilments/1/collect", &two).unwrap(), 400, "invalid-request");
    let first = client.post_keyed("/v1/orders/W-1/fulfilments/1/collect", "c-1", &two).unwrap();
    let told = granted(first.clone(), 200);
    assert_eq!((&told["state"], &told["lines"][0]["handed_over"]), (&json!("confirmed"), &json!(2)));
    assert_eq!(told["fulfilments"][0]["tracking"], "1Z-88");
    let rest = granted(client.post("/v1/orders/W-1/fulfilments/1/collect", &json!({})).unwrap(), 200);
    assert_eq!((&rest["state"], &rest["fulfilments"][0]["state"]), (&json!("completed"), &json!("collected")));
    // The repeat is the first answer, though more happened since; what is reached is 200.
    let again = client.post_keyed("/v1/orders/W-1/fulfilments/1/collect", "c-1", &two).unwrap();
    assert_eq!((&again.body, again.header("idempotent-replayed")), (&first.body, Some("true")));
    assert_eq!(
        granted(client.post("/v1/orders/W-1/fulfilments/1/collect", &json!({})).unwrap(), 200)["seq"],
        rest["seq"]
    );
    assert_eq!(shop.cell("A", "s1"), (7, 0, 7));
    refused(&step(&mut shop.client, "W-1", "cancel", &json!({"channel": "web"})), 409, "wrong-state");
    refused(&shop.client.post("/v1/orders/W-1/fulfilments/9/ready", &json!({})).unwrap(), 404, "not-found");
}

#[test]
fn after_ten_wrong_codes_a_code_is_closed() {
    let mut shop = selling_shop(&[]);
    paid_order(&mut shop, "W-1", 1);
    let client = &mut shop.client;
    let ready = granted(client.post("/v1/orders/W-1/fulfilments/1/ready", &json!({})).unwrap(), 200);
    let code = ready["fulfilments"][0]["pickup_code"].clone();
    for _ in 0..10 {
        refused(
            &client.post("/v1/orders/W-1/fulfilments/1/collect", &json!({"pickup_code": "XXXXXX"})).unwrap(),
            403,
            "forbidden",
        );
    }
    let path = "/v1/orders/W-1/fulfilments/1/collect".to_owned();
    for path in [path, format!("/v1/reservations/{}/collect", reservation(&ready))] {
        refused(&client.post(&path, &json!({"pickup_code": code})).unwrap(), 429, "too-many-requests");
    }
    assert_eq!(shop.cell("A", "s1"), (10, 1, 9));
}

#[test]
fn ready_bind_and_collect_of_the_reservation_count_for_its_order() {
    let mut shop = selling_shop(&[]);
    let made = paid_order(&mut shop, "W-1", 2);
    let id = reservation(&made);
    let client = &mut shop.client;
    let ready = client.post(&format!("/v1/reservations/{id}/ready"), &json!({})).unwrap();
    assert_eq!((ready.status, &ready.json()["state"], &ready.json()["order"]), (200, &json!("ready"), &json!("W-1")));
    let told = order(client, "W-1");
    assert_eq!(
        (&told["fulfilments"][0]["state"], &told["history"][1]["kind"]),
        (&json!("ready"), &json!("order_ready"))
    );
    let part = json!({"lines": [{"sku": "A", "quantity": 1}]});
    let path = format!("/v1/reservations/{id}/collect");
    let first = client.post_keyed(&path, "r-1", &part).unwrap();
    assert_eq!((first.status, &first.json()["lines"][0]["collected"]), (200, &json!(1)));
    assert_eq!(order(client, "W-1")["lines"][0]["handed_over"], 1);
    assert_eq!(client.post(&path, &json!({})).unwrap().json()["state"], "collected");
    let again = client.post_keyed(&path, "r-1", &part).unwrap();
    assert_eq!((&again.body, again.header("idempotent-replayed")), (&first.body, Some("true")));
    let told = order(client, "W-1");
    assert_eq!((&told["state"], &told["lines"][0]["handed_over"]), (&json!("completed"), &json!(2)));
    let rows = get(client, "/v1/sales?order=W-1");
    assert_eq!(rows["items"].as_array().unwrap().len(), 2, "each hand-over has its row: {rows}");
    // Units of a group get their location.
    let group = json!({"order": "W-2", "channel": "web", "currency": "EUR", "confirm": true, "pay_at_handover": true,
        "fulfilments": [{"purpose": "delivery", "group": "city", "lines": [{"sku": "B", "quantity": 1}]}]});
    let made = granted(client.post("/v1/orders", &group).unwrap(), 201);
    let id = reservation(&made);
    let bound = client.post(&format!("/v1/reservations/{id}/bind"), &json!({})).unwrap();
    assert!(bound.status == 200 && bound.json()["lines"][0]["location"].is_string(), "{}", bound.json());
    assert_eq!(order(client, "W-2")["history"][1]["kind"], "order_bound");
    // Money is told to the order: where it is due, the reservation is not collected.
    let told =
        refused(&client.post(&format!("/v1/reservations/{id}/collect"), &json!({})).unwrap(), 409, "wrong-state");
    assert_eq!((&told["order"], &told["state"]), (&json!("W-2"), &json!("confirmed")));
}

#[test]
fn confirm_extend_cancel_and_supersedes_of_an_orders_reservation_are_refused_naming_it() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    let made = granted(client.post("/v1/orders", &pickup("W-1", &[("A", 1)])).unwrap(), 201);
    let id = reservation(&made);
    for (way, body) in [("confirm", json!({})), ("extend", json!({"ttl_seconds": 900})), ("cancel", json!({}))] {
        let told = refused(&client.post(&format!("/v1/reservations/{id}/{way}"), &body).unwrap(), 409, "wrong-state");
        assert_eq!(told["order"], "W-1", "{way}: {told}");
    }
    let other = json!({"channel": "web", "supersedes": id, "lines": [{"sku": "A", "location": "s1", "quantity": 1}]});
    refused(&client.post("/v1/reservations", &other).unwrap(), 409, "wrong-state");
    // One whose order is of this part is refused; any other is a reference, as before.
    let mine = |order: &str| json!({"channel": "web", "order": order, "lines": [{"sku": "A", "location": "s1", "quantity": 1}]});
    assert_eq!(refused(&client.post("/v1/reservations", &mine("W-1")).unwrap(), 409, "wrong-state")["order"], "W-1");
    assert_eq!(client.post("/v1/reservations", &mine("W-9")).unwrap().status, 201);
    assert_eq!(order(client, "W-1"), made);
}

#[test]
fn a_fulfilment_is_changed_before_any_unit_of_it_is_handed_over() {
    let mut shop = selling_shop(&[]);
    let made = paid_order(&mut shop, "W-1", 4);
    let set = |shop: &mut Shop, more: Value| {
        let body = with(json!({"channel": "contact-centre"}), &more);
        send(&mut shop.client, "PUT", "/v1/orders/W-1/fulfilments/1", &[], &body)
    };
    let told = granted(set(&mut shop, json!({"pickup_by": "2099-01-01T00:00:00Z", "address": {"door": 7}})), 200);
    let one = &told["fulfilments"][0];
    assert_eq!((&one["pickup_by"], &one["address"]), (&json!("2099-01-01T00:00:00.000Z"), &json!({"door": 7})));
    let told = granted(set(&mut shop, json!({"pickup_by": null, "promised_for": "2098-01-01T00:00:00Z"})), 200);
    let one = &told["fulfilments"][0];
    assert_eq!(
        (&one["pickup_by"], &one["address"], &one["promised_for"]),
        (&Value::Null, &json!({"door": 7}), &json!("2098-01-01T00:00:00.000Z")),
        "what is left out stays"
    );
    // To another location, all of it: the new one takes, the old one gives back.
    granted(shop.client.post("/v1/orders/W-1/fulfilments/1/ready", &json!({})).unwrap(), 200);
    let moved = granted(set(&mut shop, json!({"location": "s2"})), 200);
    let one = &moved["fulfilments"][0];
    assert_eq!((&one["location"], &one["state"]), (&json!("s2"), &json!("confirmed")));
    assert_ne!(one["reservation"], made["fulfilments"][0]["reservation"]);
    assert_eq!(one["pickup_code"], Value::Null);
    assert_eq!((&moved["total"], &moved["paid"]), (&made["total"], &made["paid"]));
    assert_eq!((shop.cell("A", "s1"), shop.cell("A", "s2")), ((10, 0, 10), (10, 4, 6)));
    refused(&set(&mut shop, json!({"location": "s3"})), 409, "insufficient-stock");
    assert_eq!((shop.cell("A", "s1"), shop.cell("A", "s2")), ((10, 0, 10), (10, 4, 6)), "nothing is lost by the try");
    let part = json!({"lines": [{"sku": "A", "quantity": 1}]});
    granted(step(&mut shop.client, "W-1", "fulfilments/1/collect", &part), 200);
    refused(&set(&mut shop, json!({"location": "s1"})), 409, "wrong-state");
    refused(&set(&mut shop, json!({"promised_for": null})), 409, "wrong-state");
}

#[test]
fn after_every_hand_over_what_is_covered_reaches_what_was_handed_over_and_the_charges() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    let body = json!({"order": "W-1", "channel": "web", "currency": "EUR", "confirm": true, "pay_at_handover": true,
        "fulfilments": [fulfilment("pickup", "s1", &[("A", 1)]), fulfilment("pickup", "s2", &[("B", 1)])],
        "charges": [{"charge": "wrap", "amount": 100}]});
    granted(client.post("/v1/orders", &body).unwrap(), 201);
    let path = "/v1/orders/W-1/fulfilments/1/collect";
    let told = refused(&client.post(path, &json!({})).unwrap(), 409, "unbalanced");
    assert_eq!((&told["due"], &told["tendered"]), (&json!(1100), &json!(0)));
    // With `pay_at_handover`, what is authorised only does not count.
    let promised = json!({"payments": [{"payment": "k", "tender": "card", "amount": 1100, "state": "authorized"}]});
    refused(&step(client, "W-1", "fulfilments/1/collect", &promised), 409, "unbalanced");
    let captured = json!({"payments": [{"payment": "k", "tender": "card", "amount": 1100, "state": "captured"}]});
    granted(step(client, "W-1", "fulfilments/1/collect", &captured), 200);
    // The charge stands in the ledger with the first hand-over, once.
    let cash = json!({"payments": [{"tender": "cash", "amount": 250}]});
    assert_eq!(granted(step(client, "W-1", "fulfilments/2/collect", &cash), 200)["state"], "completed");
    let rows = get(client, "/v1/sales?order=W-1");
    let rows: Vec<(Value, Value, Value)> = rows["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["sku"].clone(), row["charge"].clone(), row["amount"].clone()))
        .collect();
    assert_eq!(
        rows,
        [
            (json!("A"), Value::Null, json!(1000)),
            (Value::Null, json!("wrap"), json!(100)),
            (json!("B"), Value::Null, json!(250))
        ]
    );
    // Authorised money covers a hand-over that was to be paid before.
    let body = with(
        pickup("W-2", &[("A", 1)]),
        &json!({"confirm": true, "payments": [{"tender": "card", "amount": 1000, "state": "authorized"}]}),
    );
    granted(client.post("/v1/orders", &body).unwrap(), 201);
    assert_eq!(granted(client.post("/v1/orders/W-2/fulfilments/1/collect", &json!({})).unwrap(), 200)["due"], 1000);
}

#[test]
fn a_step_of_an_open_order_that_is_not_confirmed_hands_nothing_over() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    granted(client.post("/v1/orders", &pickup("W-1", &[("A", 1)])).unwrap(), 201);
    for way in ["ready", "collect"] {
        let told = refused(
            &client.post(&format!("/v1/orders/W-1/fulfilments/1/{way}"), &json!({})).unwrap(),
            409,
            "wrong-state",
        );
        assert_eq!((&told["order"], &told["state"]), (&json!("W-1"), &json!("open")), "{way}");
    }
    assert_eq!(shop.cell("A", "s1"), (10, 1, 9));
}

#[test]
fn a_till_sells_and_hands_over_by_the_socket() {
    let mut shop = selling_shop(&[]);
    paid_order(&mut shop, "W-1", 1);
    let mut socket = Socket::connect(shop.server.address).unwrap();
    let sale = json!({"op": "order_sale", "id": "1", "order": "T-1", "channel": "pos", "location": "s1", "currency": "EUR",
        "lines": [{"sku": "A", "quantity": 2}], "payments": [{"tender": "cash", "amount": 2000}]});
    socket.send(&sale).unwrap();
    let told = socket.message().unwrap();
    assert_eq!((&told["id"], &told["status"]), (&json!("1"), &json!(201)), "{told}");
    // The same sale over HTTP is the same one.
    let mut body = sale.clone();
    ["op", "id"].iter().for_each(|name| drop(body.as_object_mut().unwrap().remove(*name)));
    assert_eq!(granted(shop.client.post("/v1/sales", &body).unwrap(), 200)["order"], "T-1");
    let collect = json!({"op": "order_collect", "id": "2", "order": "W-1", "fulfilment": "1", "idempotency_key": "k-7", "lines": [{"sku": "A", "quantity": 1}]});
    socket.send(&collect).unwrap();
    let told = socket.message().unwrap();
    assert_eq!((&told["status"], &told["body"]["state"]), (&json!(200), &json!("completed")), "{told}");
    // And a repeat of a step under its key may use the other transport.
    let body = json!({"lines": [{"sku": "A", "quantity": 1}]});
    let again = shop.client.post_keyed("/v1/orders/W-1/fulfilments/1/collect", "k-7", &body).unwrap();
    assert_eq!((again.status, again.header("idempotent-replayed")), (200, Some("true")));
    socket.send(&json!({"op": "order_collect", "id": "3", "order": "W-1"})).unwrap();
    assert_eq!(socket.message().unwrap()["problem"]["field"], "fulfilment");
    assert_eq!(shop.cell("A", "s1"), (7, 0, 7));
}
