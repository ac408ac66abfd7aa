//! Idempotency keys and limits, as clients meet them: what a repeat is told, whose room a key takes, what a supply that
//! came is, and how much may be asked for.

use anaquel_loadtest::client::{Answer, Client};
use anaquel_loadtest::server::Server;
use anaquel_loadtest::socket::Socket;
use anaquel_tests::calls::send;
use anaquel_tests::house::House;
use anaquel_tests::{Shop, binary};
use serde_json::{Value, json};

const SOON: &str = "2100-01-05T09:00:00.000Z";
const LATER: &str = "2100-02-01T09:00:00.000Z";

fn keyed(client: &mut Client, method: &str, path: &str, key: &str, body: &Value) -> Answer {
    send(client, method, path, &[("Idempotency-Key", key)], body)
}

fn movement(sku: &str, quantity: i64) -> Value {
    json!({"movements": [{"kind": "receipt", "sku": sku, "location": "s1", "quantity": quantity}]})
}

fn order(channel: &str, quantity: i64) -> Value {
    json!({"channel": channel, "lines": [{"sku": "A", "location": "s1", "quantity": quantity}]})
}

/// Every route that sets something: the first answer again, whatever became of the thing since, also after a restart and
/// also where the version that it was for is gone.
#[test]
fn a_repeated_put_is_told_its_first_answer() {
    let mut shop = Shop::default();
    shop.client.put("/v1/locations/s1", &json!({"name": "One"})).unwrap();
    let supply = |quantity: i64, date: &str| json!({"supplies": [{"supply": "PO", "sku": "A", "location": "s1", "quantity": quantity, "expected_at": date}]});
    let routes = [
        ("/v1/skus/A", json!({"name": "one"}), json!({"name": "two"})),
        ("/v1/locations/s1", json!({"name": "one", "groups": ["g"]}), json!({"name": "two", "groups": ["h"]})),
        ("/v1/groups/all", json!({"locations": ["s1"]}), json!({"locations": []})),
        ("/v1/channels/web", json!({"buffer": 1}), json!({"buffer": 2})),
        ("/v1/rules/r", json!({"kind": "safety_stock", "units": 1}), json!({"kind": "safety_stock", "units": 2})),
        ("/v1/supply", supply(5, SOON), supply(7, LATER)),
    ];
    let mut told = Vec::new();
    for (path, one, two) in &routes {
        // Of two keys none is known to be meant.
        let keys = [("Content-Type", "application/json"), ("Idempotency-Key", "k1"), ("Idempotency-Key", "k2")];
        let both = shop.client.send("PUT", path, &keys, one.to_string().as_bytes()).unwrap();
        assert_eq!((both.status, &both.json()["field"]), (400, &json!("Idempotency-Key")), "{path}");
        let first = keyed(&mut shop.client, "PUT", path, "k1", one);
        assert_eq!((first.status, first.header("idempotent-replayed")), (200, None), "{path}: {}", first.json());
        // To say what is known is answered, and kept, too.
        let same = keyed(&mut shop.client, "PUT", path, "k2", one);
        assert_eq!((same.status, same.header("idempotent-replayed")), (200, None), "{path}");
        assert_eq!(same.header("etag"), first.header("etag"), "{path}");
        assert_eq!(shop.client.put(path, two).unwrap().status, 200, "{path}");
        told.push((first, same));
    }
    for _ in 0..2 {
        for ((path, one, two), (first, same)) in routes.iter().zip(&told) {
            let now = shop.client.get(path).unwrap().json();
            for (key, before) in [("k1", first), ("k2", same)] {
                let again = keyed(&mut shop.client, "PUT", path, key, one);
                assert_eq!((again.status, again.header("idempotent-replayed")), (200, Some("true")), "{path}");
                assert_eq!((again.json(), again.header("etag")), (before.json(), before.header("etag")), "{path}");
                let stale = [("Idempotency-Key", key), ("If-Match", "\"1\"")];
                assert_eq!(send(&mut shop.client, "PUT", path, &stale, one).status, 200, "{path}: by its key first");
                assert_eq!(keyed(&mut shop.client, "PUT", path, key, two).slug(), "idempotency-mismatch", "{path}");
            }
            let after = shop.client.get(path).unwrap().json();
            let (mut now, mut after) = (now, after);
            // A list tells the `seq` at which it was read.
            for item in [&mut now, &mut after] {
                item.as_object_mut().unwrap().remove("seq");
            }
            assert_eq!(now, after, "{path}: nothing happened twice");
        }
        let gone = keyed(&mut shop.client, "DELETE", "/v1/rules/r", "d", &Value::Null);
        assert_eq!(gone.status, 200, "removed once, and told so again: {}", gone.json());
        shop.client.put("/v1/rules/r", &routes[4].2).unwrap();
        shop = shop.killed_and_restarted();
    }
    let (_folder, data) = shop.stopped();
    anaquel_loadtest::server::verify(binary(), &data).unwrap();
}

fn open(shop: &mut Shop, supply: &str) -> i64 {
    let told = shop.client.get("/v1/supply").unwrap().json();
    let supplies = told["items"].as_array().unwrap().iter().flat_map(|item| item["supplies"].as_array().unwrap());
    supplies.filter(|row| row["supply"] == supply).map(|row| row["quantity"].as_i64().unwrap()).sum()
}

fn tell(shop: &mut Shop, supply: &str, quantity: i64) {
    let row = json!({"supply": supply, "sku": "A", "location": "s1", "quantity": quantity, "expected_at": SOON});
    let answer = shop.client.put("/v1/supply", &json!({"supplies": [row]})).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.json());
}

/// What came does not come again, however often it is told, and whenever the server was started anew.
#[test]
fn a_supply_that_came_stays_used_up() {
    let mut shop = Shop::default();
    for path in ["/v1/skus/A", "/v1/locations/s1"] {
        assert_eq!(shop.client.put(path, &json!({})).unwrap().status, 200);
    }
    tell(&mut shop, "PO-1", 5);
    shop.receive("A", "s1", 5);
    tell(&mut shop, "PO-2", 10);
    shop.receive("A", "s1", 4);
    tell(&mut shop, "PO-3", 6);
    tell(&mut shop, "PO-3", 0);
    for restart in 0..3 {
        for quantity in [5, 3, 0, 5] {
            tell(&mut shop, "PO-1", quantity);
            assert_eq!(open(&mut shop, "PO-1"), 0, "{restart}: {quantity} of 5 that came");
        }
        tell(&mut shop, "PO-2", 10);
        assert_eq!(open(&mut shop, "PO-2"), 6, "{restart}: what was told before tells nothing new");
        shop = if restart == 0 { shop.restarted() } else { shop.killed_and_restarted() };
    }
    let refused = shop.client.post(
        "/v1/reservations",
        &json!({"channel": "web", "lines": [
        {"sku": "A", "location": "s1", "quantity": 16, "latest": "2101-01-01T00:00:00Z"}]}),
    );
    assert_eq!(refused.unwrap().status, 409, "nothing that never comes is promised");
    tell(&mut shop, "PO-1", 8);
    assert_eq!(open(&mut shop, "PO-1"), 3, "only the rest");
    tell(&mut shop, "PO-1", 8);
    assert_eq!(open(&mut shop, "PO-1"), 3);
    tell(&mut shop, "PO-2", 0);
    tell(&mut shop, "PO-2", 10);
    assert_eq!(open(&mut shop, "PO-2"), 0, "ended, after some of it came");
    tell(&mut shop, "PO-3", 6);
    assert_eq!(open(&mut shop, "PO-3"), 6, "of which nothing came, and which is told anew");
    let (_folder, data) = shop.stopped();
    anaquel_loadtest::server::verify(binary(), &data).unwrap();
}

/// Ended in order or not, and started again.
fn restarted(house: &House, server: Server, config: &str, in_order: bool) -> (Server, Client) {
    if in_order {
        server.stop().unwrap();
    } else {
        server.kill().unwrap();
    }
    let server = house.serve_with(config);
    let client = server.client();
    (server, client)
}

/// One caller fills its share: it alone is refused, also after a restart; what it did is told again all the same.
#[test]
fn whoever_fills_a_share_of_keys_fills_no_other() {
    let house = House::default();
    let (greedy, honest) = (house.caller("greedy", &["stock"], &[]), house.caller("honest", &["stock"], &[]));
    let ops = house.caller("ops", &["ops"], &[]);
    // A hundred keys.
    let config = "[idempotency]\nbytes = 3900\n";
    let mut server = house.serve_with(config);
    let mut client = server.client();
    let post = |client: &mut Client, who: &str, key: &str| {
        let headers = [("Authorization", who), ("Idempotency-Key", key)];
        send(client, "POST", "/v1/stock/movements", &headers, &movement("A", 1))
    };
    let warnings = |client: &mut Client| client.get("/readyz").unwrap().json()["warnings"].as_array().unwrap().len();
    assert_eq!(warnings(&mut client), 0);
    let mut taken = 0;
    let refused = loop {
        let answer = post(&mut client, &greedy, &format!("g{taken}"));
        if answer.status != 200 {
            break answer;
        }
        taken += 1;
        if taken == 70 {
            assert_eq!(warnings(&mut client), 1, "told before anybody is refused");
        }
    };
    assert_eq!((refused.status, refused.slug().as_str(), taken), (503, "overloaded", 80));
    assert!(refused.header("retry-after").is_some());
    assert!(refused.json()["detail"].as_str().unwrap().contains("idempotency.bytes"), "{}", refused.json());
    for restart in 0..3 {
        assert_eq!(post(&mut client, &honest, &format!("h{restart}")).status, 200, "nobody else is refused");
        assert_eq!(post(&mut client, &greedy, "one more").slug(), "overloaded");
        let again = post(&mut client, &greedy, "g7");
        assert_eq!((again.status, again.header("idempotent-replayed")), (200, Some("true")));
        let bare = send(&mut client, "POST", "/v1/stock/movements", &[("Authorization", &greedy)], &movement("A", 1));
        assert_eq!(bare.status, 200, "without a key, nothing is kept");
        let metrics = send(&mut client, "GET", "/metrics", &[("Authorization", &ops)], &Value::Null);
        let metrics = String::from_utf8_lossy(&metrics.body).into_owned();
        assert!(metrics.contains("anaquel_idempotency_fullest_share 1"), "{metrics}");
        (server, client) = restarted(&house, server, config, restart == 0);
    }
}

fn limited(answer: &Answer) -> (u16, String) {
    (answer.status, answer.json()["limit"].as_str().unwrap_or_default().to_owned())
}

/// What one request asks for, and what is open at a time, by channel and by key, over every way in.
#[test]
fn limits_of_channels_and_keys_hold_over_every_way_in() {
    let house = House::default();
    let stock = house.caller("stock", &["stock", "import"], &[]);
    let till = house.caller("till", &["reserve"], &["--open-holds", "1", "--line-units", "4"]);
    let shop = house.caller("shop", &["reserve", "read"], &[]);
    let config = "[limits.channel.market]\nline_units = 5\nrequest_units = 7\nrequest_lines = 3\nopen_holds = 2\n\
                  open_reservations = 3\nhold_seconds = 60\n";
    let mut server = house.serve_with(config);
    let mut client = server.client();
    let asked =
        send(&mut client, "POST", "/v1/stock/movements", &[("Authorization", &stock)], &movement("A", 1_000_000));
    assert_eq!(asked.status, 200);
    let reserve = |client: &mut Client, who: &str, body: &Value| {
        send(client, "POST", "/v1/reservations", &[("Authorization", who)], body)
    };
    let market = |quantity: i64| {
        let mut body = order("market", quantity);
        body["ttl_seconds"] = 60.into();
        body
    };
    let mut greedy = market(1_000_000_000);
    greedy["allow_partial"] = true.into();
    let of = |limit: &str| format!("limits.channel.market.{limit}");
    assert_eq!(limited(&reserve(&mut client, &shop, &greedy)), (400, of("line_units")));
    let mut two = market(4);
    two["lines"].as_array_mut().unwrap().push(json!({"sku": "A", "location": "s1", "quantity": 4}));
    assert_eq!(limited(&reserve(&mut client, &shop, &two)), (400, of("request_units")));
    let line = json!({"sku": "A", "location": "s1", "quantity": 1});
    let many = json!({"channel": "market", "ttl_seconds": 60, "lines": [line, line, line, line]});
    assert_eq!(limited(&reserve(&mut client, &shop, &many)), (400, of("request_lines")));
    assert_eq!(limited(&reserve(&mut client, &shop, &order("market", 1))), (400, of("hold_seconds")));
    let source = json!({"channel": "market", "purpose": "delivery", "ttl_seconds": 60,
        "lines": [{"sku": "A", "quantity": 6}]});
    let sourced = send(&mut client, "POST", "/v1/sourcing", &[("Authorization", &shop)], &source);
    assert_eq!(limited(&sourced), (400, of("line_units")), "{}", sourced.json());
    let mut socket = Socket::connect_with(server.address, &[("authorization", &shop)]).unwrap();
    let mut message = market(6);
    (message["op"], message["id"]) = ("reserve".into(), "r".into());
    assert_eq!(socket.ask(&message).unwrap()["problem"]["limit"], of("line_units"));
    drop(socket);

    // What is open counts, whoever opened it, and through restarts.
    let held = reserve(&mut client, &shop, &market(1)).json();
    assert_eq!(reserve(&mut client, &shop, &market(1)).status, 201);
    for restart in 0..2 {
        let refused = reserve(&mut client, &shop, &market(1));
        assert_eq!(limited(&refused), (429, of("open_holds")), "{restart}: {}", refused.json());
        assert!(refused.header("retry-after").is_some());
        (server, client) = restarted(&house, server, config, restart == 0);
    }
    let mut next = market(1);
    next["supersedes"] = held["id"].clone();
    let next = reserve(&mut client, &shop, &next);
    assert_eq!(next.status, 201, "one for another is none more: {}", next.json());
    let step = |client: &mut Client, record: &Value, step: &str| {
        let path = format!("/v1/reservations/{}/{step}", record["id"].as_str().unwrap());
        send(client, "POST", &path, &[("Authorization", &shop)], &json!({}))
    };
    assert_eq!(step(&mut client, &next.json(), "confirm").status, 200);
    assert_eq!(reserve(&mut client, &shop, &market(1)).status, 201, "what is confirmed is held no more");
    let mut paid = market(1);
    paid["confirm"] = true.into();
    assert_eq!(limited(&reserve(&mut client, &shop, &paid)), (429, of("open_reservations")));
    assert_eq!(step(&mut client, &next.json(), "cancel").status, 200);
    assert_eq!(reserve(&mut client, &shop, &paid).status, 201);

    // A key's own limits, whatever the channel, and nobody else's.
    assert_eq!(limited(&reserve(&mut client, &till, &order("pos", 5))), (400, "key.limits.line_units".to_owned()));
    let held = reserve(&mut client, &till, &order("pos", 4));
    assert_eq!(held.status, 201);
    for restart in 0..2 {
        assert_eq!(limited(&reserve(&mut client, &till, &order("pos", 1))), (429, "key.limits.open_holds".to_owned()));
        assert_eq!(reserve(&mut client, &shop, &order("pos", 1000)).status, 201, "{restart}: others are not bound");
        (server, client) = restarted(&house, server, config, restart == 0);
    }
    assert_eq!(step(&mut client, &held.json(), "cancel").status, 200);
    assert_eq!(reserve(&mut client, &till, &order("pos", 1)).status, 201);
    server.stop().unwrap();
    anaquel_loadtest::server::verify(binary(), &house.data()).unwrap();
}
