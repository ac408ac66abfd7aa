//! Following orders, transfers, returns, reservations and shortages over the socket: what `/v1/events` has, without a gap,
//! across restarts, and of one's own locations only.

use anaquel_loadtest::socket::{Heard, Socket};
use anaquel_tests::Shop;
use anaquel_tests::house::{House, ask, bearer};
use serde_json::{Value, json};

fn follow(socket: &mut Socket, id: &str, more: &Value) -> Value {
    let mut message = json!({"op": "follow", "id": id});
    message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    socket.send(&message).unwrap();
    socket.message().unwrap()
}

/// The next events of a follower, as many as there are to be.
fn events(socket: &mut Socket, count: usize) -> Vec<Value> {
    (0..count)
        .map(|_| {
            let message = socket.message().unwrap();
            assert_eq!(message["type"], "event", "{message}");
            message
        })
        .collect()
}

/// That nothing more comes: the next message is a heartbeat that is as new as the log.
fn nothing_until(socket: &mut Socket, seq: u64) {
    loop {
        match socket.hear().unwrap() {
            Heard::Message(message) if message["type"] == "heartbeat" => {
                if message["seq"].as_u64().unwrap() >= seq {
                    return;
                }
            }
            other => panic!("{other:?}"),
        }
    }
}

fn two_stores() -> Shop {
    let mut shop = Shop::default();
    shop.declare_channels(&["web"]);
    for location in ["s1", "s2"] {
        shop.client.put(&format!("/v1/locations/{location}"), &json!({"pickup": true, "groups": ["all"]})).unwrap();
        shop.receive("A", location, 100);
    }
    shop
}

/// The records of `/v1/events` after one, of some kinds.
fn logged(shop: &mut Shop, after: u64, kinds: &[&str]) -> Vec<Value> {
    let page = shop.client.get(&format!("/v1/events?after={after}&limit=1000")).unwrap().json();
    let all = page["items"].as_array().unwrap().iter();
    all.filter(|item| kinds.contains(&item["kind"].as_str().unwrap())).cloned().collect()
}

#[test]
fn every_record_comes_once_and_in_order_also_over_a_kill() {
    let mut shop = two_stores();
    let mut socket = Socket::connect(shop.server.address).unwrap();
    let kinds = json!({"kinds": ["reservation", "shortage", "transfer"]});
    let begun = follow(&mut socket, "f", &kinds);
    assert_eq!(begun["type"], "result", "{begun}");
    let start = begun["body"]["seq"].as_u64().unwrap();
    assert_eq!(start, shop.seq());

    let record = shop.reserved("A", "s1", 3);
    shop.step(&record, "confirm", &json!({}));
    shop.step(&record, "ready", &json!({}));
    shop.receive("B", "s1", 1);
    let told = events(&mut socket, 3);
    let kept = ["reserved", "confirmed", "ready", "shortage", "transfer_drafted"];
    let items: Vec<Value> = told.iter().map(|event| event["item"].clone()).collect();
    assert_eq!(items, logged(&mut shop, start, &kept), "as `/v1/events` has them");
    let mut before = start;
    for event in &told {
        assert_eq!(event["prev_seq"], before, "{event}");
        before = event["seq"].as_u64().unwrap();
        assert_eq!(event["item"]["seq"], event["seq"]);
    }
    let cursor = told[1]["cursor"].clone();
    nothing_until(&mut socket, shop.seq());

    // What happens while it is away, and before a kill, is told when it comes back: the last event again, and the rest.
    let sale = json!({"movements": [{"kind": "sale", "sku": "A", "location": "s1", "quantity": 99}]});
    assert_eq!(shop.client.post("/v1/stock/movements", &sale).unwrap().status, 200);
    let mut shop = shop.killed_and_restarted();
    let mut socket = Socket::connect(shop.server.address).unwrap();
    let mut resumed = kinds.clone();
    resumed["cursor"] = cursor.clone();
    let begun = follow(&mut socket, "again", &resumed);
    assert_eq!((&begun["type"], &begun["body"]["cursor"]), (&json!("result"), &cursor), "{begun}");
    let missed = events(&mut socket, 2);
    assert_eq!((&missed[0]["item"]["kind"], &missed[1]["item"]["kind"]), (&json!("ready"), &json!("shortage")));
    assert_eq!(missed[0]["prev_seq"], told[1]["seq"]);
    // And on it goes.
    shop.step(&record, "cancel", &json!({}));
    let live = events(&mut socket, 2);
    assert_eq!((&live[0]["item"]["kind"], &live[1]["item"]["kind"]), (&json!("cancelled"), &json!("shortage_cleared")));
    nothing_until(&mut socket, shop.seq());
}

#[test]
fn a_cursor_that_cannot_be_resumed_is_told_so() {
    let mut shop = two_stores();
    let mut socket = Socket::connect(shop.server.address).unwrap();
    let begun = follow(&mut socket, "f", &json!({"kinds": ["reservation"]}));
    let cursor = begun["body"]["cursor"].as_str().unwrap();
    for (id, cursor, kind, reason) in [
        ("other", cursor, "shortage", "selection-changed"),
        ("no", "1-x", "reservation", "cursor-unknown"),
        ("epoch", &cursor.replacen(&cursor[2..18], "00000000000000ff", 1), "reservation", "epoch-changed"),
    ] {
        let told = follow(&mut socket, id, &json!({"kinds": [kind], "cursor": cursor}));
        assert_eq!((&told["type"], &told["reason"]), (&json!("reset"), &json!(reason)), "{told}");
        assert_eq!(told["seq"], shop.seq());
    }
    // All of them are told what happens from there on.
    let record = shop.reserved("A", "s1", 1);
    let mut told: Vec<Value> = events(&mut socket, 3).iter().map(|event| event["id"].clone()).collect();
    told.sort_by_key(ToString::to_string);
    assert_eq!(told, [json!("epoch"), json!("f"), json!("no")]);
    // One that ended is told nothing more.
    for id in ["epoch", "no"] {
        assert_eq!(socket.ask(&json!({"op": "unsubscribe", "id": id})).unwrap()["type"], "result");
    }
    shop.step(&record, "confirm", &json!({}));
    assert_eq!(events(&mut socket, 1)[0]["id"], "f");
    nothing_until(&mut socket, shop.seq());
    for (wrong, field) in [
        (json!({"kinds": []}), "kinds"),
        (json!({"kinds": ["stock"]}), "kinds[0]"),
        (json!({"kinds": ["order"], "locations": ["a b"]}), "locations[0]"),
        (json!({"kinds": ["order"], "group": "all"}), "group"),
        (json!({"kinds": ["reservation"], "cursor": null}), "id"),
    ] {
        let id = if field == "id" { "f" } else { "wrong" };
        let told = follow(&mut socket, id, &wrong);
        assert_eq!((&told["type"], &told["problem"]["field"]), (&json!("error"), &json!(field)), "{told}");
    }
}

#[test]
fn locations_and_customers_are_followed() {
    let mut shop = two_stores();
    let mut socket = Socket::connect(shop.server.address).unwrap();
    follow(&mut socket, "s2", &json!({"kinds": ["reservation"], "locations": ["s2"]}));
    follow(&mut socket, "c", &json!({"kinds": ["reservation"], "customer": "c-1"}));
    let reserve = |shop: &mut Shop, place: Value, customer: Option<&str>| {
        let mut line = json!({"sku": "A", "quantity": 1});
        line.as_object_mut().unwrap().extend(place.as_object().unwrap().clone());
        let body = json!({"channel": "web", "customer": customer, "lines": [line]});
        let made = shop.client.post("/v1/reservations", &body).unwrap();
        assert_eq!(made.status, 201, "{}", made.json());
        made.json()
    };
    reserve(&mut shop, json!({"location": "s1"}), None);
    reserve(&mut shop, json!({"location": "s1"}), Some("c-1"));
    assert_eq!(events(&mut socket, 1)[0]["id"], "c");
    reserve(&mut shop, json!({"location": "s2"}), None);
    assert_eq!(events(&mut socket, 1)[0]["id"], "s2");
    // Where units without a location are is private, until they get one.
    let open = reserve(&mut shop, json!({"group": "all"}), None);
    nothing_until(&mut socket, shop.seq());
    shop.step(&open, "confirm", &json!({}));
    let bound = shop.step(&open, "bind", &json!({"lines": [{"sku": "A", "location": "s2"}]}));
    assert_eq!(bound.status, 200, "{}", bound.json());
    let told = events(&mut socket, 1);
    assert_eq!((&told[0]["id"], &told[0]["item"]["kind"]), (&json!("s2"), &json!("rebound")), "{told:?}");
}

/// A key of one store hears of this store only, and of cells and callers only what it may know.
#[test]
fn a_bound_key_hears_of_its_own() {
    let house = House::default();
    let admin = house.key("admin", &["admin"], &[]);
    let store = house.key("store", &["read", "fulfil", "stock"], &["--location", "s2"]);
    let reader = house.key("reader", &["read"], &[]);
    let web = house.key("web", &["read", "reserve"], &["--channel", "web"]);
    let server = house.serve_with("[stream]\nheartbeat_seconds = 1\n");
    let mut client = server.client();
    let mut call = |method: &str, path: &str, body: Value| {
        let answer = ask(&mut client, &admin, method, path, &body);
        assert!(answer.status < 300, "{path}: {}", answer.json());
        answer.json()
    };
    for channel in ["web", "app"] {
        call("PUT", &format!("/v1/channels/{channel}"), json!({}));
    }
    for location in ["s1", "s2", "s3"] {
        call("PUT", &format!("/v1/locations/{location}"), json!({"pickup": true}));
        let row = json!({"kind": "receipt", "sku": "A", "location": location, "quantity": 9});
        call("POST", "/v1/stock/movements", json!({"movements": [row]}));
    }
    let connect = |key: &str| Socket::connect_with(server.address, &[("authorization", &bearer(key))]).unwrap();
    let told = follow(&mut connect(&reader), "f", &json!({"kinds": ["order"]}));
    assert_eq!((&told["problem"]["status"], &told["type"]), (&json!(403), &json!("error")), "{told}");
    let mut socket = connect(&store);
    for (wrong, scope) in
        [(json!({"kinds": ["return"]}), "sell"), (json!({"kinds": ["order"], "locations": ["s1"]}), "")]
    {
        let told = follow(&mut socket, "wrong", &wrong);
        assert_eq!(told["problem"]["status"], 403, "{told}");
        assert_eq!(told["problem"]["scope"].as_str().unwrap_or_default(), scope);
    }
    let mut shop_socket = connect(&web);
    follow(&mut socket, "f", &json!({"kinds": ["reservation", "transfer", "order"]}));
    follow(&mut shop_socket, "w", &json!({"kinds": ["reservation"]}));
    let reserve = |location: &str, channel: &str| {
        let lines: Vec<Value> =
            location.split(' ').map(|at| json!({"sku": "A", "location": at, "quantity": 1})).collect();
        json!({"channel": channel, "lines": lines})
    };
    call("POST", "/v1/reservations", reserve("s1", "app"));
    call("POST", "/v1/reservations", reserve("s1 s2", "web"));
    let transfer = json!({"transfer": "T", "from": "s1", "to": "s3", "reason": "rebalance", "lines": [{"sku": "A", "quantity": 1}]});
    call("POST", "/v1/transfers", transfer.clone());
    let mut own = transfer;
    (own["transfer"], own["to"]) = (json!("T2"), json!("s2"));
    call("POST", "/v1/transfers", own);
    let told = events(&mut socket, 2);
    assert_eq!(
        (&told[0]["item"]["kind"], &told[1]["item"]["transfer"]),
        (&json!("reserved"), &json!("T2")),
        "{told:?}"
    );
    let item = &told[0]["item"];
    assert_eq!(item["items"], json!([{"sku": "A", "location": "s2", "quantity": 1, "requested": 1}]), "{item}");
    assert_eq!((&item["cause"]["actor"], &item["cause"]["address"]), (&json!("admin"), &Value::Null));
    let told = events(&mut shop_socket, 1);
    assert_eq!(told[0]["item"]["items"].as_array().unwrap().len(), 2, "it is bound to no location");
    let seq = ask(&mut client, &admin, "GET", "/v1/info", &Value::Null).json()["seq"].as_u64().unwrap();
    nothing_until(&mut socket, seq);
    nothing_until(&mut shop_socket, seq);
}
