//! Holds and pickups as clients see them: several holds replaced by one, codes that are demanded and cannot be guessed, and
//! advice that works when it is followed.

use std::time::Duration;

use anaquel_loadtest::client::{Answer, Client};
use anaquel_loadtest::socket::Socket;
use anaquel_tests::house::{House, ask, bearer};
use anaquel_tests::{Shop, binary};
use serde_json::{Value, json};

const AT_ONCE: usize = 24;

fn line(sku: &str, units: u32) -> Value {
    json!({"sku": sku, "location": "s1", "quantity": units})
}

fn state(shop: &mut Shop, record: &Value) -> Value {
    let path = format!("/v1/reservations/{}", record["id"].as_str().unwrap());
    shop.client.get(&path).unwrap().json()["state"].clone()
}

#[test]
fn a_guests_cart_and_ones_own_become_one() {
    let mut shop = Shop::default();
    shop.receive("A", "s1", 3);
    shop.receive("B", "s1", 1);
    let guest = shop.reserved("A", "s1", 1);
    let own = shop.reserved("A", "s1", 2);
    let refused = shop.client.post("/v1/reservations", &json!({"channel": "web", "lines": [line("A", 3)]})).unwrap();
    assert_eq!(refused.status, 409, "there is not one more");
    let both = json!({"channel": "web", "supersedes": [guest["id"], own["id"]], "lines": [line("A", 3), line("B", 1)]});
    let made = shop.client.post_keyed("/v1/reservations", "merge", &both).unwrap();
    assert_eq!(made.status, 201, "{}", made.json());
    assert_eq!([state(&mut shop, &guest), state(&mut shop, &own)], ["cancelled", "cancelled"]);
    assert_eq!(shop.cell("A", "s1"), (3, 3, 0));
    // One record, which tells of both.
    let made = made.json();
    let path = format!("/v1/events?after={}&limit=1", made["seq"].as_u64().unwrap() - 1);
    let event = shop.client.get(&path).unwrap().json()["items"][0].clone();
    let told: Vec<_> = event["supersedes"].as_array().unwrap().iter().map(|old| old["reservation"].clone()).collect();
    assert_eq!((&event["kind"], told), (&json!("reserved"), vec![guest["id"].clone(), own["id"].clone()]));
    // Neither is ever confirmed, nor replaced again; a repeat is told the first answer, also after a kill.
    for old in [&guest, &own] {
        let late = shop.step(old, "confirm", &json!({}));
        assert_eq!((late.status, &late.json()["state"]), (409, &json!("cancelled")));
    }
    let again = json!({"channel": "web", "supersedes": [made["id"], own["id"]], "lines": [line("A", 1)]});
    let wrong = shop.client.post("/v1/reservations", &again).unwrap();
    assert_eq!((wrong.status, wrong.slug().as_str()), (409, "wrong-state"), "{}", wrong.json());
    let told = wrong.json();
    assert_eq!((&told["state"], &told["field"]), (&json!("cancelled"), &json!("supersedes[1]")), "{told}");
    assert_eq!(told["reservation"], own["id"]);
    let mut shop = shop.killed_and_restarted();
    let repeated = shop.client.post_keyed("/v1/reservations", "merge", &both).unwrap();
    assert_eq!((repeated.json(), repeated.header("idempotent-replayed")), (made.clone(), Some("true")));
    assert_eq!((state(&mut shop, &guest), shop.cell("A", "s1")), (json!("cancelled"), (3, 3, 0)));
    // One by itself, as ever, and what the socket is told is the same.
    let mut socket = Socket::connect(shop.client.address()).unwrap();
    let mut message =
        json!({"op": "reserve", "id": "r", "channel": "web", "supersedes": made["id"], "lines": [line("A", 1)]});
    let one = socket.ask(&message).unwrap();
    assert_eq!(one["status"], 201, "{one}");
    message["supersedes"] = json!([one["body"]["id"]]);
    assert_eq!(socket.ask(&message).unwrap()["status"], 201);
    assert_eq!((shop.cell("A", "s1"), shop.cell("B", "s1")), ((3, 1, 2), (1, 0, 1)));
    let (_folder, data) = shop.stopped();
    anaquel_loadtest::server::verify(binary(), &data).unwrap();
}

#[test]
fn what_is_to_be_replaced_is_checked_by_field() {
    let mut shop = Shop::default();
    shop.receive("A", "s1", 3);
    let held = shop.reserved("A", "s1", 1);
    let with = |supersedes: Value| json!({"channel": "web", "supersedes": supersedes, "lines": [line("A", 1)]});
    for (supersedes, status, field) in [
        (json!([held["id"], "r-XXXXX-1"]), 404, "supersedes[1]"),
        (json!("r-XXXXX-1"), 404, "supersedes"),
        (json!(vec![held["id"].clone(); 17]), 400, "supersedes"),
        (json!([held["id"], 7]), 400, "supersedes[1]"),
        (json!({"id": held["id"]}), 400, "supersedes"),
        (json!(true), 400, "supersedes"),
    ] {
        let refused = shop.client.post("/v1/reservations", &with(supersedes.clone())).unwrap();
        assert_eq!(
            (refused.status, &refused.json()["field"]),
            (status, &json!(field)),
            "{supersedes}: {}",
            refused.json()
        );
    }
    assert_eq!((state(&mut shop, &held), shop.cell("A", "s1")), (json!("held"), (3, 1, 2)));
    for nothing in [Value::Null, json!([])] {
        let made = shop.client.post("/v1/reservations", &with(nothing)).unwrap();
        assert_eq!(made.status, 201, "{}", made.json());
        assert_eq!(shop.step(&made.json(), "cancel", &json!({})).status, 200);
    }
    let twice = shop.client.post("/v1/reservations", &with(json!([held["id"], held["id"]]))).unwrap();
    assert_eq!((twice.status, shop.cell("A", "s1")), (201, (3, 1, 2)));
    // Many that would have the same hold: one does.
    let held = twice.json()["id"].clone();
    let address = shop.client.address();
    let ask = move |held: Value| {
        let mut client = Client::new(address);
        let body = json!({"channel": "web", "supersedes": [held], "lines": [line("A", 1)]});
        client.post("/v1/reservations", &body).unwrap().status
    };
    let asking: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            std::thread::spawn({
                let held = held.clone();
                move || ask(held)
            })
        })
        .collect();
    let statuses: Vec<u16> = asking.into_iter().map(|ask| ask.join().unwrap()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert_eq!(shop.cell("A", "s1"), (3, 1, 2));
}

#[test]
fn a_bound_key_replaces_only_what_is_its_own() {
    let house = House::default();
    let boss = house.key("boss", &["admin"], &[]);
    let web = house.key("web", &["reserve"], &["--channel", "web"]);
    let till = house.key("till", &["read", "reserve"], &["--channel", "pos", "--location", "s1"]);
    let server = house.serve(&[]);
    let mut client = server.client();
    for channel in ["web", "pos"] {
        assert_eq!(ask(&mut client, &boss, "PUT", &format!("/v1/channels/{channel}"), &json!({})).status, 200);
    }
    for place in ["s1", "s2"] {
        let row = json!({"kind": "receipt", "sku": "A", "location": place, "quantity": 9});
        assert_eq!(ask(&mut client, &boss, "POST", "/v1/stock/movements", &json!({"movements": [row]})).status, 200);
    }
    let reserve = |client: &mut Client, key: &str, channel: &str, place: &str, supersedes: Value| {
        let line = json!({"sku": "A", "location": place, "quantity": 1});
        let body = json!({"channel": channel, "supersedes": supersedes, "lines": [line]});
        ask(client, key, "POST", "/v1/reservations", &body)
    };
    let id = |answer: Answer| answer.json()["id"].clone();
    let own = id(reserve(&mut client, &web, "web", "s1", Value::Null));
    let other = id(reserve(&mut client, &boss, "pos", "s1", Value::Null));
    let refused = reserve(&mut client, &web, "web", "s1", json!([own, other]));
    assert_eq!((refused.status, &refused.json()["field"]), (404, &json!("supersedes[1]")), "{}", refused.json());
    let there = id(reserve(&mut client, &boss, "pos", "s2", Value::Null));
    let refused = reserve(&mut client, &till, "pos", "s1", json!([other, there]));
    assert_eq!((refused.status, &refused.json()["field"]), (404, &json!("supersedes[1]")), "another place's");
    let mut socket = Socket::connect_with(server.address, &[("authorization", &bearer(&till))]).unwrap();
    let message = json!({"op": "reserve", "id": "r", "channel": "pos", "supersedes": [there], "lines": [line("A", 1)]});
    assert_eq!(socket.ask(&message).unwrap()["status"], 404);
    for held in [&own, &other, &there] {
        let record =
            ask(&mut client, &boss, "GET", &format!("/v1/reservations/{}", held.as_str().unwrap()), &Value::Null);
        assert_eq!(record.json()["state"], "held");
    }
    let more = id(reserve(&mut client, &web, "web", "s2", Value::Null));
    assert_eq!(reserve(&mut client, &web, "web", "s1", json!([own, more])).status, 201);
}

/// A pickup that is put aside, and its code.
fn put_aside(client: &mut Client, boss: &str, channel: &str) -> (String, Value) {
    let line = json!({"sku": "A", "location": "s1", "quantity": 2});
    let body = json!({"channel": channel, "purpose": "pickup", "confirm": true, "lines": [line]});
    let made = ask(client, boss, "POST", "/v1/reservations", &body);
    assert_eq!(made.status, 201, "{}", made.json());
    let path = format!("/v1/reservations/{}", made.json()["id"].as_str().unwrap());
    let ready = ask(client, boss, "POST", &format!("{path}/ready"), &json!({}));
    assert_eq!(ready.status, 200, "{}", ready.json());
    (path, ready.json()["pickup_code"].clone())
}

fn stocked(house: &House, settings: &str) -> (anaquel_loadtest::server::Server, Client, String) {
    let boss = house.key("boss", &["admin"], &[]);
    let server = house.serve_with(settings);
    let mut client = server.client();
    let row = json!({"kind": "receipt", "sku": "A", "location": "s1", "quantity": 99});
    assert_eq!(ask(&mut client, &boss, "POST", "/v1/stock/movements", &json!({"movements": [row]})).status, 200);
    assert_eq!(ask(&mut client, &boss, "PUT", "/v1/locations/s1", &json!({"pickup": true})).status, 200);
    (server, client, boss)
}

#[test]
fn a_pickup_code_is_demanded_where_the_settings_say_so() {
    let house = House::default();
    let (server, mut client, boss) = stocked(&house, "[reservations]\npickup_code_required = true\n");
    let (path, code) = put_aside(&mut client, &boss, "web");
    let collect =
        |client: &mut Client, path: &str, body: Value| ask(client, &boss, "POST", &format!("{path}/collect"), &body);
    let without = collect(&mut client, &path, json!({}));
    assert_eq!((without.status, without.slug().as_str()), (403, "forbidden"), "{}", without.json());
    assert_eq!(without.json()["field"], "pickup_code");
    let mut socket = Socket::connect_with(server.address, &[("authorization", &bearer(&boss))]).unwrap();
    let id = path.rsplit('/').next().unwrap();
    let told = socket.ask(&json!({"op": "collect", "id": "c", "reservation": id})).unwrap();
    assert_eq!(told["status"], 403, "{told}");
    assert_eq!(collect(&mut client, &path, json!({"pickup_code": "WRONG"})).status, 403);
    let collected = collect(&mut client, &path, json!({"pickup_code": code}));
    assert_eq!((collected.status, &collected.json()["state"]), (200, &json!("collected")));
    // One that has no code yet gets one first; what is sent, or taken along, needs none.
    let body = |purpose: &str| json!({"channel": "web", "purpose": purpose, "confirm": true, "lines": [line("A", 1)]});
    for (purpose, status) in [("pickup", 403), ("delivery", 200), ("cart", 200)] {
        let made = ask(&mut client, &boss, "POST", "/v1/reservations", &body(purpose)).json();
        let path = format!("/v1/reservations/{}", made["id"].as_str().unwrap());
        assert_eq!(collect(&mut client, &path, json!({})).status, status, "{purpose}");
    }
    server.stop().unwrap();
    let server = house.serve_with("[reservations]\npickup_code_required = false\n");
    let mut client = server.client();
    let (path, _) = put_aside(&mut client, &boss, "web");
    assert_eq!(collect(&mut client, &path, json!({})).status, 200, "otherwise it is the staff's own judgement");
}

#[test]
fn lists_of_bound_keys_show_no_codes_nor_do_they_tell_them_to_who_hands_over() {
    let house = House::default();
    let web = house.key("web", &["reserve"], &["--channel", "web"]);
    let till = house.key("till", &["fulfil"], &["--location", "s1"]);
    let (server, mut client, boss) = stocked(&house, "");
    assert_eq!(ask(&mut client, &boss, "PUT", "/v1/channels/web", &json!({})).status, 200);
    let (path, code) = put_aside(&mut client, &boss, "web");
    assert!(code.is_string());
    let get = |client: &mut Client, key: &str, path: &str| ask(client, key, "GET", path, &Value::Null).json();
    let listed = |client: &mut Client, key: &str, query: &str| {
        get(client, key, &format!("/v1/reservations?{query}"))["items"].as_array().unwrap().clone()
    };
    for (key, query) in [(&till, "location=s1"), (&web, "channel=web"), (&till, "location=s1&state=ready")] {
        let items = listed(&mut client, key, query);
        assert_eq!((items.len(), &items[0]["pickup_code"]), (1, &Value::Null), "{items:?}");
    }
    assert_eq!(listed(&mut client, &boss, "state=ready")[0]["pickup_code"], code, "who is not bound keeps all of it");
    // By its id: who reserves tells the customer, who hands over is shown it.
    assert_eq!(get(&mut client, &web, &path)["pickup_code"], code);
    assert_eq!(get(&mut client, &till, &path)["pickup_code"], Value::Null);
    let again = ask(&mut client, &till, "POST", &format!("{path}/ready"), &json!({}));
    assert_eq!(
        (again.status, &again.json()["pickup_code"]),
        (200, &Value::Null),
        "asking for it once more tells nothing"
    );
    let part = json!({"lines": [line("A", 1)], "pickup_code": code});
    let headers = [
        ("Authorization", bearer(&till)),
        ("Content-Type", "application/json".into()),
        ("Idempotency-Key", "p".into()),
    ];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let part = client.send("POST", &format!("{path}/collect"), &headers, part.to_string().as_bytes()).unwrap();
    assert_eq!((part.status, &part.json()["pickup_code"]), (200, &Value::Null), "{}", part.json());
    // A code that a customer shows finds the order; codes are not gone through.
    let code = code.as_str().unwrap();
    assert_eq!(listed(&mut client, &till, &format!("location=s1&pickup_code={code}")).len(), 1);
    for nth in 0..100 {
        assert!(listed(&mut client, &till, &format!("location=s1&pickup_code=00{nth:04}")).is_empty());
    }
    let closed =
        ask(&mut client, &till, "GET", &format!("/v1/reservations?location=s1&pickup_code={code}"), &Value::Null);
    assert_eq!((closed.status, closed.slug().as_str()), (429, "too-many-requests"), "{}", closed.json());
    assert_eq!(listed(&mut client, &till, "location=s1").len(), 1, "lists go on");
    assert_eq!(listed(&mut client, &boss, &format!("pickup_code={code}")).len(), 1, "and nobody else is kept from it");
    // Who makes one is told it, and so is a repeat.
    let made = json!({"channel": "web", "purpose": "pickup", "confirm": true, "lines": [line("A", 1)]});
    let made = ask(&mut client, &boss, "POST", "/v1/reservations", &made).json();
    let path = format!("/v1/reservations/{}/ready", made["id"].as_str().unwrap());
    for _ in 0..2 {
        let ready = client.send("POST", &path, &headers, b"{}").unwrap();
        assert!(ready.json()["pickup_code"].is_string(), "{}", ready.json());
    }
    server.stop().unwrap();
}

#[test]
fn wrong_codes_are_limited_and_logged() {
    let house = House::default();
    let till = house.key("till-14", &["read", "fulfil"], &["--location", "s1"]);
    let (server, mut client, boss) = stocked(&house, "");
    let (path, code) = put_aside(&mut client, &boss, "web");
    let (other, other_code) = put_aside(&mut client, &boss, "web");
    let collect = |client: &mut Client, key: &str, path: &str, code: &str| {
        ask(client, key, "POST", &format!("{path}/collect"), &json!({"pickup_code": code}))
    };
    // Over the socket and over HTTP together, one after the other and at once.
    let mut socket = Socket::connect_with(server.address, &[("authorization", &bearer(&till))]).unwrap();
    let id = path.rsplit('/').next().unwrap();
    for nth in 0..3 {
        let message = json!({"op": "collect", "id": "c", "reservation": id, "pickup_code": format!("0000{nth}")});
        assert_eq!(socket.ask(&message).unwrap()["status"], 403);
    }
    let address = server.address;
    let guess = |nth: usize| {
        let (till, path) = (till.clone(), path.clone());
        std::thread::spawn(move || {
            ask(
                &mut Client::new(address),
                &till,
                "POST",
                &format!("{path}/collect"),
                &json!({"pickup_code": format!("11{nth}")}),
            )
            .status
        })
    };
    let guesses: Vec<_> = (0..AT_ONCE).map(guess).collect();
    let statuses: Vec<u16> = guesses.into_iter().map(|guess| guess.join().unwrap()).collect();
    let wrong = statuses.iter().filter(|status| **status == 403).count();
    assert_eq!((wrong, statuses.len() - wrong), (7, AT_ONCE - 7), "ten tries, however they come: {statuses:?}");
    // Now not even the right one is looked at, whoever has it; advice says when it is again.
    let code = code.as_str().unwrap();
    for key in [&till, &boss] {
        let closed = collect(&mut client, key, &path, code);
        assert_eq!((closed.status, closed.slug().as_str()), (429, "too-many-requests"), "{}", closed.json());
        let seconds: u64 = closed.header("retry-after").unwrap().parse().unwrap();
        assert!((3000..=3601).contains(&seconds), "{seconds}");
        assert_eq!(closed.json()["limit"], "reservations.pickup_code_tries");
    }
    let told = socket.ask(&json!({"op": "collect", "id": "c", "reservation": id, "pickup_code": code})).unwrap();
    assert_eq!(told["status"], 429, "{told}");
    // Of another the code is right, and does not count however often it is shown.
    let other_code = other_code.as_str().unwrap();
    for _ in 0..12 {
        assert_eq!(collect(&mut client, &till, &other, other_code).status, 200);
    }
    // The staff may still hand it over by their own judgement, where that is theirs.
    assert_eq!(ask(&mut client, &till, "POST", &format!("{path}/collect"), &json!({})).status, 200);
    let metrics = ask(&mut client, &boss, "GET", "/metrics", &Value::Null);
    let metrics = String::from_utf8_lossy(&metrics.body).into_owned();
    assert!(metrics.contains("anaquel_wrong_pickup_codes_total 10"), "{metrics}");
    server.stop().unwrap();
    let log = house.log();
    let told = log.lines().filter(|line| line.contains("wrong pickup code")).collect::<Vec<_>>();
    assert_eq!(told.len(), 10, "{told:?}");
    assert!(told.iter().all(|line| line.contains("till-14") && line.contains(id)), "{told:?}");
    assert!(!log.contains(code), "a code is in no log");
}

#[test]
fn a_date_that_moves_with_the_clock_is_good_a_second_later() {
    let mut shop = Shop::default();
    shop.receive("E", "s1", 1);
    let rule = json!({"kind": "backorder", "units": 10, "lead_days": 5, "skus": ["E"]});
    assert_eq!(shop.client.put("/v1/rules/bo", &rule).unwrap().status, 200);
    let mut body = json!({"channel": "web", "lines": [line("E", 4)]});
    let refused = shop.client.post("/v1/reservations", &body).unwrap();
    let would = refused.json()["lines"][0]["would_succeed"].clone();
    assert!(would["latest"].is_string(), "{}", refused.json());
    body["lines"][0]["latest"] = would["latest"].clone();
    // Nothing but time passes.
    std::thread::sleep(Duration::from_millis(1100));
    let made = shop.client.post("/v1/reservations", &body).unwrap();
    assert_eq!(made.status, 201, "{}", made.json());
    // What many ask for when they are told to come again later.
    let seq = shop.seq();
    let path = format!("/v1/availability?sku=E&min_seq={}", seq + 1);
    let early = shop.client.get(&path).unwrap();
    assert_eq!(early.status, 503);
    assert!(early.header("retry-after").is_some());
    shop.receive("E", "s1", 1);
    assert_eq!(shop.client.get(&path).unwrap().status, 200);
}

#[test]
fn who_asks_too_often_is_served_when_they_were_told_to_come() {
    let house = House::default();
    let key = house.key("busy", &["read"], &[]);
    let server = house.serve_with("[limits]\nkey_requests_per_second = 3\n");
    let mut client = server.client();
    let mut followed = 0;
    for _ in 0..200 {
        let answer = ask(&mut client, &key, "GET", "/v1/skus", &Value::Null);
        if answer.status == 200 {
            continue;
        }
        assert_eq!(answer.status, 429);
        let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        std::thread::sleep(Duration::from_secs(seconds));
        assert_eq!(ask(&mut client, &key, "GET", "/v1/skus", &Value::Null).status, 200);
        followed += 1;
        if followed == 2 {
            return;
        }
    }
    panic!("nothing is too much");
}
