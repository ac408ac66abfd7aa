//! The live stream, as a client meets it.

use std::time::Instant;

use anaquel_loadtest::socket::{Heard, Mirror, PATIENCE, Socket};
use anaquel_tests::Shop;
use anaquel_tests::folder::folder;
use serde_json::{Value, json};

fn connect(shop: &Shop) -> Socket {
    Socket::connect(shop.server.address).unwrap()
}

fn subscribe(socket: &mut Socket, id: &str, skus: &[&str]) -> Value {
    socket.send(&json!({"op": "subscribe", "id": id, "skus": skus})).unwrap();
    socket.message().unwrap()
}

/// Hears what its subscription is told until it knows everything up to `seq`.
fn catch_up(socket: &mut Socket, mirror: &mut Mirror, seq: u64) {
    while mirror.seq.is_none_or(|known| known < seq) {
        mirror.hear(&socket.message().unwrap()).unwrap();
    }
}

fn cell(mirror: &Mirror, sku: &str, location: &str) -> (i64, i64, i64, i64) {
    mirror.cells[&(sku.to_owned(), location.to_owned())]
}

#[test]
fn a_snapshot_and_then_every_change() {
    let mut shop = Shop::default();
    shop.receive("A", "s0", 5);
    let mut socket = connect(&shop);
    let snapshot = subscribe(&mut socket, "s1", &["A", "NEW"]);
    assert_eq!(
        (&snapshot["type"], &snapshot["id"], &snapshot["more"]),
        (&json!("snapshot"), &json!("s1"), &json!(false))
    );
    assert_eq!(snapshot["unknown"], json!(["NEW"]));
    let expected =
        json!({"sku": "A", "location": "s0", "on_hand": 5, "reserved": 0, "safety_stock": 0, "available": 5});
    assert_eq!(snapshot["items"], json!([expected]));

    let record = shop.reserved("A", "s0", 2);
    let delta = socket.message().unwrap();
    assert_eq!((&delta["type"], &delta["seq"]), (&json!("delta"), &record["seq"]));
    assert_eq!(delta["prev_seq"], snapshot["seq"]);
    let expected =
        json!({"sku": "A", "location": "s0", "on_hand": 5, "reserved": 2, "safety_stock": 0, "available": 3});
    assert_eq!(delta["items"], json!([expected]));

    // A step that changes no cell is no change; the next one follows on what was told before.
    assert_eq!(shop.step(&record, "confirm", &json!({})).status, 200);
    assert_eq!(shop.step(&record, "collect", &json!({})).status, 200);
    let collected = socket.message().unwrap();
    assert_eq!(collected["prev_seq"], delta["seq"]);
    assert_eq!((&collected["items"][0]["on_hand"], &collected["items"][0]["reserved"]), (&json!(3), &json!(0)));

    // What nobody had heard of is told once it is there.
    shop.receive("NEW", "s7", 1);
    let born = socket.message().unwrap();
    assert_eq!((&born["items"][0]["sku"], &born["items"][0]["location"]), (&json!("NEW"), &json!("s7")));
}

#[test]
fn imports_counts_expiries_and_safety_stock_are_changes_like_any_other() {
    let mut shop = Shop::default();
    shop.receive("A", "s0", 5);
    let mut socket = connect(&shop);
    let mut mirror = Mirror::default();
    mirror.hear(&subscribe(&mut socket, "s1", &["A"])).unwrap();
    let line = json!([{"sku": "A", "location": "s0", "quantity": 4}]);
    let hold =
        shop.client.post("/v1/reservations", &json!({"channel": "web", "ttl_seconds": 1, "lines": line})).unwrap();
    assert_eq!(hold.status, 201);
    mirror.hear(&socket.message().unwrap()).unwrap();
    assert_eq!(cell(&mirror, "A", "s0"), (5, 4, 0, 1));
    // It expires by itself, and is told.
    mirror.hear(&socket.message().unwrap()).unwrap();
    assert_eq!(cell(&mirror, "A", "s0"), (5, 0, 0, 5));
    let csv = b"sku,location,on_hand,safety_stock\nA,s0,9,2\n";
    let imported = shop.client.import("/v1/import/stock", csv).unwrap();
    assert_eq!(imported.json()["accepted"], 1, "{}", imported.json());
    mirror.hear(&socket.message().unwrap()).unwrap();
    assert_eq!(cell(&mirror, "A", "s0"), (9, 0, 2, 7));
    let counts = json!({"counts": [{"sku": "A", "location": "s0", "on_hand": 8}]});
    assert_eq!(shop.client.post("/v1/stock/counts", &counts).unwrap().status, 200);
    mirror.hear(&socket.message().unwrap()).unwrap();
    assert_eq!(cell(&mirror, "A", "s0"), (8, 0, 2, 6));
}

#[test]
fn places_groups_and_channels_select() {
    let mut shop = Shop::default();
    for location in ["s0", "s1", "s2"] {
        shop.receive("A", location, 5);
        shop.receive("B", location, 5);
    }
    assert_eq!(shop.client.put("/v1/groups/g", &json!({"locations": ["s0", "s1"]})).unwrap().status, 200);
    assert_eq!(shop.client.put("/v1/channels/web", &json!({"buffer": 1})).unwrap().status, 200);
    let mut socket = connect(&shop);
    socket.send(&json!({"op": "subscribe", "id": "g", "groups": ["g"], "skus": ["A"], "channel": "web"})).unwrap();
    let mut group = Mirror::default();
    group.hear(&socket.message().unwrap()).unwrap();
    assert_eq!(group.cells.len(), 2);
    assert_eq!(cell(&group, "A", "s0"), (5, 0, 0, 4), "what web leaves to others is not available to it");
    let mut place = connect(&shop);
    place.send(&json!({"op": "subscribe", "id": "p", "locations": ["s2"]})).unwrap();
    let mut store = Mirror::default();
    store.hear(&place.message().unwrap()).unwrap();
    assert_eq!(store.cells.len(), 2, "all SKUs of the place");

    shop.receive("B", "s2", 1);
    store.hear(&place.message().unwrap()).unwrap();
    assert_eq!(cell(&store, "B", "s2").0, 6);
    // s1 leaves the group, s2 joins it; then the buffer changes.
    assert_eq!(shop.client.put("/v1/groups/g", &json!({"locations": ["s0", "s2"]})).unwrap().status, 200);
    while !group.cells.contains_key(&("A".into(), "s2".into())) {
        group.hear(&socket.message().unwrap()).unwrap();
    }
    assert!(!group.cells.contains_key(&("A".into(), "s1".into())));
    assert_eq!(shop.client.put("/v1/channels/web", &json!({"buffer": 3})).unwrap().status, 200);
    while cell(&group, "A", "s0").3 != 2 {
        group.hear(&socket.message().unwrap()).unwrap();
    }
    assert!(group.resets.is_empty());
}

#[test]
fn skus_are_tracked_and_let_go_of_inside_the_chain() {
    let mut shop = Shop::default();
    for sku in ["A", "B", "C"] {
        shop.receive(sku, "s0", 5);
    }
    let mut socket = connect(&shop);
    let mut mirror = Mirror::default();
    mirror.hear(&subscribe(&mut socket, "s1", &["A"])).unwrap();
    socket.send(&json!({"op": "track", "id": "s1", "skus": ["C"]})).unwrap();
    let snapshot = socket.message().unwrap();
    assert_eq!((&snapshot["type"], &snapshot["items"][0]["sku"]), (&json!("snapshot"), &json!("C")));
    mirror.hear(&snapshot).unwrap();
    shop.receive("C", "s0", 1);
    let delta = socket.message().unwrap();
    assert_eq!(delta["prev_seq"], snapshot["seq"]);
    mirror.hear(&delta).unwrap();
    socket.send(&json!({"op": "untrack", "id": "s1", "skus": ["A"]})).unwrap();
    let gone = socket.message().unwrap();
    assert_eq!(gone["removed"], json!([{"sku": "A", "location": "s0"}]));
    mirror.hear(&gone).unwrap();
    shop.receive("A", "s0", 1);
    shop.receive("C", "s0", 1);
    mirror.hear(&socket.message().unwrap()).unwrap();
    assert_eq!(mirror.cells.len(), 1);
    assert_eq!(cell(&mirror, "C", "s0").0, 7);
    // The cursor of what is selected now goes on; one subscription does not end another.
    let answer = socket.ask(&json!({"op": "unsubscribe", "id": "s1"})).unwrap();
    assert_eq!((&answer["type"], &answer["status"]), (&json!("result"), &json!(200)));
    shop.receive("C", "s0", 1);
    socket.send(&json!({"op": "subscribe", "id": "s2", "skus": ["C"], "cursor": mirror.cursor})).unwrap();
    mirror.hear(&socket.message().unwrap()).unwrap();
    assert_eq!(cell(&mirror, "C", "s0").0, 8);
}

#[test]
fn a_cursor_goes_on_exactly_through_a_kill_or_says_why_not() {
    let mut shop = Shop::default();
    shop.receive("A", "s0", 100);
    let wanted = |cursor: &Option<String>, mode: &str| json!({"op": "subscribe", "id": "s", "skus": ["A"], "mode": mode, "cursor": cursor});
    let mut socket = connect(&shop);
    let mut lossless = Mirror::default();
    socket.send(&wanted(&None, "lossless")).unwrap();
    lossless.hear(&socket.message().unwrap()).unwrap();
    let mut conflated = lossless.clone();
    drop(socket);
    for _ in 0..10 {
        shop.reserved("A", "s0", 1);
    }
    let mut shop = shop.killed_and_restarted();
    for _ in 0..10 {
        shop.reserved("A", "s0", 1);
    }
    let seq = shop.seq();
    let mut socket = connect(&shop);
    socket.send(&wanted(&lossless.cursor, "lossless")).unwrap();
    catch_up(&mut socket, &mut lossless, seq);
    assert_eq!((lossless.deltas, cell(&lossless, "A", "s0")), (20, (100, 20, 0, 80)));
    let mut socket = connect(&shop);
    socket.send(&wanted(&conflated.cursor, "conflated")).unwrap();
    catch_up(&mut socket, &mut conflated, seq);
    assert_eq!((conflated.deltas, cell(&conflated, "A", "s0")), (1, (100, 20, 0, 80)));

    // Nothing was missed: the first thing to come is a heartbeat, with a cursor as good as the last.
    let mut socket = connect(&shop);
    socket.send(&wanted(&conflated.cursor, "conflated")).unwrap();
    let Heard::Message(heartbeat) = socket.hear().unwrap() else { panic!("a heartbeat was expected") };
    assert_eq!(heartbeat["type"], "heartbeat");
    assert!(heartbeat["seq"].as_u64().unwrap() >= seq);
    socket.send(&json!({"op": "unsubscribe", "id": "s"})).unwrap();
    socket.send(&wanted(&heartbeat["cursors"]["s"].as_str().map(str::to_owned), "conflated")).unwrap();
    shop.reserved("A", "s0", 1);
    let _ = socket.message().unwrap();
    conflated.seq = heartbeat["seq"].as_u64();
    conflated.hear(&socket.message().unwrap()).unwrap();
    assert_eq!(cell(&conflated, "A", "s0").1, 21);

    let other = Shop::default();
    for (shop, cursor, reason) in [
        (&other, conflated.cursor.clone().unwrap(), "epoch-changed"),
        (&shop, "made up".into(), "cursor-unknown"),
        (&shop, conflated.cursor.clone().unwrap().replace(char::is_alphabetic, "0"), "epoch-changed"),
    ] {
        let mut socket = connect(shop);
        socket.send(&wanted(&Some(cursor), "conflated")).unwrap();
        let reset = socket.message().unwrap();
        assert_eq!((&reset["type"], &reset["reason"]), (&json!("reset"), &json!(reason)));
        assert_eq!(socket.message().unwrap()["type"], "snapshot");
    }
    // Another selection is another stream.
    let mut socket = connect(&shop);
    socket.send(&json!({"op": "subscribe", "id": "s", "skus": ["A", "B"], "cursor": conflated.cursor})).unwrap();
    assert_eq!(socket.message().unwrap()["reason"], "selection-changed");
}

#[test]
fn commands_are_those_of_http() {
    let mut shop = Shop::default();
    shop.receive("A", "s0", 5);
    let mut socket = connect(&shop);
    let lines = json!([{"sku": "A", "location": "s0", "quantity": 2}]);
    let reserve = json!({"op": "reserve", "id": "r1", "idempotency_key": "k-1", "channel": "pos", "lines": lines});
    let first = socket.ask(&reserve).unwrap();
    assert_eq!((&first["type"], &first["status"]), (&json!("result"), &json!(201)));
    let id = first["body"]["id"].as_str().unwrap().to_owned();
    // The same key again, over the socket and over HTTP: the same promise, once.
    let again = socket.ask(&reserve).unwrap();
    assert_eq!((&again["body"], &again["replayed"]), (&first["body"], &json!(true)));
    let body = json!({"lines": lines, "channel": "pos"});
    let over_http = shop.client.post_keyed("/v1/reservations", "k-1", &body).unwrap();
    assert_eq!((over_http.json(), over_http.header("idempotent-replayed")), (first["body"].clone(), Some("true")));
    let mut other = reserve.clone();
    other["lines"][0]["quantity"] = json!(1);
    assert_eq!(socket.ask(&other).unwrap()["status"], 422);

    let mut step = |op: &str, more: Value| {
        let mut message = json!({"op": op, "id": "x", "reservation": id});
        message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        socket.ask(&message).unwrap()
    };
    assert!(step("extend", json!({"ttl_seconds": 60}))["body"]["expires_at"].is_string());
    assert_eq!(step("confirm", json!({"order": "W-1"}))["body"]["order"], "W-1");
    let ready = step("ready", json!({}));
    assert!(ready["body"]["pickup_code"].is_string());
    let wrong = step("collect", json!({"pickup_code": "WRONG"}));
    assert_eq!(
        (&wrong["type"], &wrong["status"], &wrong["problem"]["type"]),
        (&json!("error"), &json!(403), &json!("/problems/forbidden"))
    );
    let part = json!({"idempotency_key": "c-1", "lines": [{"sku": "A", "quantity": 1}]});
    assert_eq!(step("collect", part)["body"]["lines"][0]["collected"], 1);
    assert_eq!(step("collect", json!({"lines": [{"sku": "A", "quantity": 1}]}))["status"], 400, "lines need a key");
    assert_eq!(step("cancel", json!({"reason": "no show"}))["body"]["state"], "cancelled");

    let sale = json!({"op": "sale", "id": "t", "sku": "A", "location": "s0", "quantity": 1, "reference": "till-1", "idempotency_key": "t-1"});
    assert_eq!(socket.ask(&sale).unwrap()["body"]["items"][0]["on_hand"], 3);
    let movement = json!({"kind": "sale", "sku": "A", "location": "s0", "quantity": 1, "reference": "till-1"});
    let repeat = json!({"op": "movements", "id": "t", "movements": [movement], "idempotency_key": "t-1"});
    assert_eq!(socket.ask(&repeat).unwrap()["replayed"], true);
    let counts = json!({"op": "counts", "id": "c", "counts": [{"sku": "A", "location": "s0", "on_hand": 9}]});
    assert_eq!(socket.ask(&counts).unwrap()["body"]["items"][0]["delta"], 6);
    let asked = socket.ask(&json!({"op": "availability", "id": "q", "skus": ["A", "Z"]})).unwrap();
    assert_eq!((&asked["body"]["items"][0]["available"], &asked["body"]["unknown"]), (&json!(9), &json!(["Z"])));
    let short = json!({"op": "reserve", "id": "r2", "channel": "pos", "lines": [{"sku": "A", "location": "s0", "quantity": 99}]});
    let refused = socket.ask(&short).unwrap();
    assert_eq!((&refused["status"], &refused["problem"]["lines"][0]["constraint"]), (&json!(409), &json!("on_hand")));
}

#[test]
fn commands_are_pipelined() {
    let mut shop = Shop::default();
    shop.receive("A", "s0", 300);
    let mut socket = connect(&shop);
    for at in 0..1000 {
        let lines = json!([{"sku": "A", "location": "s0", "quantity": 1}]);
        socket.send(&json!({"op": "reserve", "id": format!("r{at}"), "channel": "pos", "lines": lines})).unwrap();
    }
    let mut statuses = std::collections::BTreeMap::<u64, u32>::new();
    for _ in 0..1000 {
        *statuses.entry(socket.message().unwrap()["status"].as_u64().unwrap()).or_default() += 1;
    }
    assert_eq!(statuses, [(201, 300), (409, 700)].into());
    assert_eq!(shop.cell("A", "s0"), (300, 300, 0));
}

#[test]
fn what_makes_no_sense_is_told_and_the_socket_lives_on() {
    let mut shop = Shop::default();
    shop.receive("A", "s0", 5);
    let mut socket = connect(&shop);
    let cases = [
        ("nonsense", None, "the body"),
        ("[]", None, "the body"),
        (r#"{"op": "subscribe"}"#, None, "id"),
        (r#"{"op": "subscribe", "id": 7}"#, None, "id"),
        (r#"{"op": "subscribe", "id": ""}"#, None, "id"),
        (r#"{"id": "x"}"#, Some("x"), "op"),
        (r#"{"op": "dance", "id": "x"}"#, Some("x"), "op"),
        (r#"{"op": "subscribe", "id": "x"}"#, Some("x"), "skus"),
        (r#"{"op": "subscribe", "id": "x", "skus": ["A"], "colour": "red"}"#, Some("x"), "colour"),
        (r#"{"op": "subscribe", "id": "x", "skus": ["caf\u0007"]}"#, Some("x"), "skus[0]"),
        (r#"{"op": "subscribe", "id": "x", "skus": ["A"], "mode": "often"}"#, Some("x"), "mode"),
        (r#"{"op": "subscribe", "id": "x", "skus": "A"}"#, Some("x"), "skus"),
        (r#"{"op": "track", "id": "x", "skus": ["A"]}"#, Some("x"), "subscription"),
        (r#"{"op": "unsubscribe", "id": "x"}"#, Some("x"), "subscription"),
        (r#"{"op": "confirm", "id": "x"}"#, Some("x"), "reservation"),
        (r#"{"op": "confirm", "id": "x", "reservation": "r-0"}"#, Some("x"), "reservation"),
        (r#"{"op": "reserve", "id": "x", "channel": "pos", "lines": []}"#, Some("x"), "lines"),
        (r#"{"op": "reserve", "id": "x", "channel": "pos", "lines": [{"sku": "A"}]}"#, Some("x"), "lines[0]"),
    ];
    for (text, id, names) in cases {
        socket.send_text(text).unwrap();
        let error = socket.message().unwrap();
        assert_eq!(error["type"], "error", "{text}: {error}");
        assert_eq!(error["id"].as_str(), id, "{text}: {error}");
        assert_eq!(error["status"], error["problem"]["status"]);
        assert!(error["problem"]["detail"].as_str().unwrap().contains(names), "{text}: {error}");
    }
    socket.send_raw(b"{}", false).unwrap();
    assert!(socket.message().unwrap()["problem"]["detail"].as_str().unwrap().contains("binary"));
    // Twice the same id, and the first lives on.
    assert_eq!(subscribe(&mut socket, "s1", &["A"])["type"], "snapshot");
    assert_eq!(subscribe(&mut socket, "s1", &["B"])["status"], 400);
    shop.receive("A", "s0", 1);
    assert_eq!(socket.message().unwrap()["type"], "delta");
}

#[test]
fn what_breaks_the_protocol_is_told_and_ends_the_socket() {
    let shop = Shop::default();
    let huge = format!(r#"{{"op": "subscribe", "id": "x", "skus": ["{}"]}}"#, "A".repeat(2 << 20));
    for (bytes, status, code) in [(huge.as_bytes(), 413, 1009), (&b"\xff\xfe"[..], 400, 1007)] {
        let mut socket = connect(&shop);
        let _ = socket.send_raw(bytes, true);
        let error = socket.message().unwrap();
        assert_eq!((&error["type"], &error["status"]), (&json!("error"), &json!(status)), "{error}");
        assert_eq!(socket.closed().unwrap().0, code);
    }
    let plain = shop.server.client().get("/v1/stream").unwrap();
    assert_eq!((plain.status, plain.slug().as_str()), (400, "invalid-request"));
}

#[test]
fn limits_are_named() {
    let folder = folder();
    let file = folder.path().join("anaquel.toml");
    std::fs::write(&file, "[stream]\nsockets = 2\nsubscriptions = 2\nkeys = 6\nsubscription_keys = 4\nhello_seconds = 1\nheartbeat_seconds = 1\n").unwrap();
    let mut shop = Shop::with(&["--config", file.to_str().unwrap()]);
    shop.receive("A", "s0", 1);
    let mut socket = connect(&shop);
    let limit = |answer: &Value| answer["problem"]["limit"].as_str().unwrap_or_default().to_owned();
    assert_eq!(limit(&subscribe(&mut socket, "a", &["A", "B", "C", "D", "E"])), "stream.subscription_keys");
    assert_eq!(subscribe(&mut socket, "a", &["A", "B", "C", "D"])["type"], "snapshot");
    assert_eq!(limit(&subscribe(&mut socket, "b", &["A", "B", "C"])), "stream.keys");
    socket.send(&json!({"op": "track", "id": "a", "skus": ["E"]})).unwrap();
    let refused = socket.message().unwrap();
    assert_eq!((limit(&refused), &refused["status"]), ("stream.subscription_keys".into(), &json!(429)));
    assert_eq!(subscribe(&mut socket, "b", &["A"])["type"], "snapshot");
    assert_eq!(limit(&subscribe(&mut socket, "c", &["A"])), "stream.subscriptions");
    let mut silent = connect(&shop);
    assert!(Socket::connect(shop.server.address).is_err(), "two sockets are the limit");
    let refused = shop.client.get("/v1/stream/sse?sku=A").unwrap();
    assert_eq!((refused.status, refused.json()["limit"].as_str()), (503, Some("stream.sockets")));
    assert_eq!(silent.closed().unwrap(), (4002, "hello-timeout".into()));
}

#[test]
fn an_orderly_stop_says_so() {
    let shop = Shop::default();
    let mut socket = connect(&shop);
    let _stopped = shop.stopped();
    assert_eq!(socket.closed().unwrap(), (1012, "server-stopping".into()));
}

#[test]
fn every_frame_is_as_the_document_says() {
    let mut shop = Shop::default();
    shop.receive("A", "s0", 5);
    let document = shop.client.get("/asyncapi.json").unwrap().json();
    let schemas = &document["components"]["schemas"];
    let validator = |name: &str| {
        let schema = json!({"$ref": format!("#/components/schemas/{name}"), "components": document["components"]});
        jsonschema::draft202012::new(&schema).unwrap()
    };
    let validate = |name: &str, message: &Value| {
        let errors: Vec<String> = validator(name).iter_errors(message).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{name}: {errors:?}: {message}");
    };
    let mut said = std::collections::BTreeSet::new();
    let mut say = |socket: &mut Socket, message: Value| {
        let op = message["op"].as_str().unwrap();
        let name = if schemas[op].is_object() { op } else { "command" };
        validate(name, &message);
        socket.send(&message).unwrap();
        said.insert(name.to_owned());
    };
    let mut heard = std::collections::BTreeMap::<String, Value>::new();
    // Hears until something was said: whatever is asked for before that could make it unnecessary.
    let mut hear = |socket: &mut Socket, until: &dyn Fn(&Value) -> bool| {
        let began = Instant::now();
        loop {
            assert!(began.elapsed() < PATIENCE, "it was never said; {heard:?}");
            let Heard::Message(message) = socket.hear().unwrap() else { panic!("it ended with {heard:?}") };
            let kind = message["type"].as_str().unwrap().to_owned();
            validate(&kind, &message);
            let is_it = until(&message);
            heard.insert(kind, message);
            if is_it {
                break;
            }
        }
    };
    let mut socket = connect(&shop);
    let reserve = json!({"op": "reserve", "id": "r", "idempotency_key": "k", "channel": "web", "lines": [{"sku": "A", "location": "s0", "quantity": 1}]});
    say(
        &mut socket,
        json!({"op": "subscribe", "id": "s", "skus": ["A", "NEW SKU"], "channel": "web", "mode": "lossless", "cursor": null}),
    );
    hear(&mut socket, &|message| message["type"] == "snapshot");
    say(&mut socket, json!({"op": "subscribe", "id": "t", "skus": ["A"], "cursor": "made up"}));
    hear(&mut socket, &|message| message["type"] == "reset");
    say(&mut socket, json!({"op": "follow", "id": "f", "kinds": ["reservation"], "locations": ["s0"], "cursor": null}));
    hear(&mut socket, &|message| message["type"] == "result" && message["id"] == "f");
    say(&mut socket, reserve.clone());
    say(&mut socket, reserve);
    // Both tell of the reservation, in either order.
    let told = std::cell::Cell::new((false, false));
    hear(&mut socket, &|message| {
        let (delta, event) = told.get();
        let is = |kind: &str, id: &str| message["type"] == kind && message["id"] == id;
        told.set((delta || is("delta", "s"), event || is("event", "f")));
        told.get() == (true, true)
    });
    say(&mut socket, json!({"op": "confirm", "id": "c", "reservation": "r-AAAAA-1"}));
    say(&mut socket, json!({"op": "sale", "id": "x", "sku": "A", "location": "s0", "quantity": 1}));
    hear(&mut socket, &|message| message["type"] == "result" && message["id"] == "x");
    say(&mut socket, json!({"op": "track", "id": "s", "skus": ["B"]}));
    say(&mut socket, json!({"op": "untrack", "id": "s", "skus": ["A"]}));
    say(&mut socket, json!({"op": "unsubscribe", "id": "t"}));
    hear(&mut socket, &|message| message.get("removed").is_some());
    socket.send_text("nonsense").unwrap();
    hear(&mut socket, &|message| message["type"] == "error" && message["id"].is_null());
    hear(&mut socket, &|message| message["type"] == "heartbeat");
    let kinds: Vec<_> = heard.keys().map(String::as_str).collect();
    assert_eq!(kinds, ["delta", "error", "event", "heartbeat", "reset", "result", "snapshot"]);
    // The document says something: a frame that is not as it says is none.
    for (kind, frame) in &heard {
        let mut more = frame.clone();
        more["surprise"] = json!(1);
        assert!(!validator(kind).is_valid(&more), "{kind} may have any field");
        let mut less = frame.clone();
        less.as_object_mut().unwrap().remove("type");
        assert!(!validator(kind).is_valid(&less), "{kind} needs no type");
    }
    assert_eq!(said.len(), 6, "{said:?}");
}

/// The next Server-Sent Event: id, kind, data.
fn next_event(lines: &mut impl Iterator<Item = String>) -> (Option<String>, String, Value) {
    let (mut id, mut kind, mut data) = (None, String::new(), Value::Null);
    for line in lines {
        match line.split_once(": ") {
            Some(("id", text)) => id = Some(text.to_owned()),
            Some(("event", text)) => text.clone_into(&mut kind),
            Some(("data", text)) => data = serde_json::from_str(text).unwrap(),
            _ if line.is_empty() && !kind.is_empty() => return (id, kind, data),
            // A retry, an empty id, or the length of a chunk.
            _ => {}
        }
    }
    panic!("the stream ended");
}

fn events(shop: &Shop, query: &str, last: Option<&str>) -> impl Iterator<Item = String> + use<> {
    use std::io::{BufRead, BufReader, Write};
    let mut stream = std::net::TcpStream::connect(shop.server.address).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
    let last = last.map(|last| format!("Last-Event-ID: {last}\r\n")).unwrap_or_default();
    write!(stream, "GET /v1/stream/sse?{query} HTTP/1.1\r\nHost: localhost\r\n{last}\r\n").unwrap();
    BufReader::new(stream).lines().map(|line| line.unwrap().trim_end().to_owned())
}

#[test]
fn server_sent_events_tell_the_same_and_resume() {
    let mut shop = Shop::default();
    shop.receive("A", "s0", 5);
    let mut lines = events(&shop, "sku=A&location=s0&channel=web", None);
    let mut mirror = Mirror::default();
    let (id, kind, snapshot) = next_event(&mut lines);
    assert_eq!((kind.as_str(), id.as_deref()), ("snapshot", snapshot["cursor"].as_str()));
    mirror.hear(&snapshot).unwrap();
    shop.reserved("A", "s0", 1);
    let (last, kind, delta) = next_event(&mut lines);
    assert_eq!(kind, "delta");
    mirror.hear(&delta).unwrap();
    drop(lines);
    shop.reserved("A", "s0", 1);
    let shop = shop.killed_and_restarted();
    let mut lines = events(&shop, "sku=A&location=s0&channel=web", last.as_deref());
    let (_, _, delta) = next_event(&mut lines);
    mirror.hear(&delta).unwrap();
    assert_eq!(cell(&mirror, "A", "s0"), (5, 2, 0, 3));
    let (id, kind, heartbeat) = next_event(&mut lines);
    assert_eq!((kind.as_str(), id.as_deref()), ("heartbeat", heartbeat["cursors"]["sse"].as_str()));
    let mut lines = events(&shop, "sku=A", last.as_deref());
    assert_eq!(next_event(&mut lines).2["reason"], "selection-changed");
    for wrong in ["", "sku=A&mode=often", "sku=A&colour=red", "location=caf%C3%A9"] {
        let answer = shop.server.client().get(&format!("/v1/stream/sse?{wrong}")).unwrap();
        assert_eq!((answer.status, answer.slug().as_str()), (400, "invalid-request"), "{wrong}");
    }
}

#[test]
fn the_page_and_the_client_are_part_of_the_binary() {
    let shop = Shop::default();
    let mut client = shop.server.client();
    for (path, media_type) in [
        ("/live", "text/html"),
        ("/live/live.js", "text/javascript"),
        ("/live/live.css", "text/css"),
        ("/anaquel.js", "text/javascript"),
        ("/anaquel.d.ts", "application/typescript"),
        ("/screens/screens.css", "text/css"),
        ("/screens/scan.js", "text/javascript"),
        ("/home/home.js", "text/javascript"),
        ("/asyncapi.json", "application/json"),
    ] {
        let answer = client.get(path).unwrap();
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.header("content-type").unwrap().starts_with(media_type), "{path}");
        let tag = answer.header("etag").unwrap().to_owned();
        assert_eq!(client.send("GET", path, &[("If-None-Match", &tag)], b"").unwrap().status, 304);
    }
    let module = String::from_utf8(client.get("/anaquel.js").unwrap().body).unwrap();
    assert!(module.lines().count() < 600, "small enough to be read");
    let imports =
        module.lines().filter(|line| !line.starts_with("//") && (line.contains("import(") || line.contains("import ")));
    assert!(imports.into_iter().all(|line| line.contains("\"node:")), "without dependencies");
}
