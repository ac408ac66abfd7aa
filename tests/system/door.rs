//! The door: who may come in, what they may do, and what is written down of it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anaquel_loadtest::client::{Answer, Client};
use anaquel_loadtest::socket::{Heard, Socket};
use anaquel_tests::binary;
use anaquel_tests::house::{House, ask, bearer};
use serde_json::{Value, json};

const SCOPES: [&str; 15] = [
    "read",
    "reserve",
    "fulfil",
    "stock",
    "import",
    "rules",
    "sell",
    "shop",
    "refund",
    "customers",
    "wallet",
    "marketing",
    "node",
    "ops",
    "admin",
];

/// The public part of a key.
fn id_of(key: &str) -> &str {
    key.split('_').nth(1).unwrap()
}

fn refusal(answer: &Answer) -> (u16, String) {
    (answer.status, answer.slug())
}

fn forbidden() -> (u16, String) {
    (403, "forbidden".to_owned())
}

/// What is somebody else's is not there.
fn not_found() -> (u16, String) {
    (404, "not-found".to_owned())
}

fn unauthorized() -> (u16, String) {
    (401, "unauthorized".to_owned())
}

/// Waits until something is so; what a server takes in by itself it takes in soon.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(10), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A path with something in place of what its template leaves open.
fn fill(template: &str) -> String {
    let mut parts = template.split('{');
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |path, part| format!("{path}x{}", part.split_once('}').unwrap().1))
}

/// Every route of the document, with each scope alone: those that it names open it, no other does, and without a key
/// nothing does.
#[test]
fn every_route_opens_to_its_scopes_and_to_no_other() {
    let house = House::default();
    let keys: Vec<_> = SCOPES.iter().map(|scope| (*scope, house.key(scope, &[scope], &[]))).collect();
    let admin = &keys.last().unwrap().1;
    let server = house.serve(&[]);
    let mut client = server.client();
    let document = client.get("/openapi.json").unwrap().json();
    let seq = |client: &mut Client| ask(client, admin, "GET", "/v1/info", &Value::Null).json()["seq"].clone();
    let (mut routes, mut checked) = (0, 0);
    for (template, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Some(operation) = operation.as_object().filter(|operation| operation.contains_key("responses")) else {
                continue;
            };
            let allowed: Vec<&str> = operation
                .get("security")
                .and_then(Value::as_array)
                .map_or(&[][..], Vec::as_slice)
                .iter()
                .flat_map(|needed| needed["key"].as_array().unwrap())
                .map(|scope| scope.as_str().unwrap())
                .collect();
            // A stream that is not asked for properly ends at once.
            let path = fill(&template.replace("{kind}", "skus").replace("/sse", "/sse?mode=none"));
            let method = method.to_ascii_uppercase();
            let body = if method == "GET" { Value::Null } else { json!({}) };
            let text = if body.is_null() { String::new() } else { body.to_string() };
            let headers = [("Content-Type", "application/json")];
            let stranger = client.send(&method, &path, &headers, text.as_bytes()).unwrap();
            routes += 1;
            if allowed.is_empty() {
                assert!(!template.starts_with("/v1"), "{method} {template} needs no scope: it is open to all");
                assert_ne!(stranger.status, 401, "{method} {template}");
                continue;
            }
            assert_eq!(refusal(&stranger), unauthorized(), "{method} {template}");
            assert_eq!(stranger.header("www-authenticate"), Some("Bearer"));
            for (scope, key) in &keys {
                let before = seq(&mut client);
                let answer = ask(&mut client, key, &method, &path, &body);
                let is_open = allowed.contains(scope) || *scope == "admin";
                assert_eq!(is_open, answer.status != 403, "{method} {template} with {scope}: {}", answer.json());
                assert_ne!(answer.status, 401, "{method} {template} with {scope}");
                if !is_open {
                    assert_eq!(refusal(&answer), forbidden());
                    assert_eq!(seq(&mut client), before, "{method} {template} with {scope} changed something");
                }
                checked += 1;
            }
        }
    }
    assert!(routes > 40 && checked > 300, "{routes} routes, {checked} pairs");
}

/// The same for what is asked for over a socket.
#[test]
fn every_message_of_a_socket_needs_what_its_route_needs() {
    let house = House::default();
    let messages = [
        (
            json!({"op": "reserve", "channel": "web", "lines": [{"sku": "A", "location": "s", "quantity": 1}]}),
            "reserve",
        ),
        (
            json!({"op": "reserve", "channel": "web", "lines": [{"sku": "A", "location": "s", "quantity": 1}], "idempotency_key": "k"}),
            "reserve",
        ),
        (json!({"op": "confirm", "reservation": "r"}), "reserve"),
        (json!({"op": "cancel", "reservation": "r"}), "reserve"),
        (json!({"op": "extend", "reservation": "r", "ttl_seconds": 9}), "reserve"),
        (json!({"op": "pickup_by", "reservation": "r", "pickup_by": null}), "reserve"),
        (json!({"op": "bind", "reservation": "r"}), "reserve"),
        (json!({"op": "rebind", "reservation": "r", "lines": []}), "reserve"),
        (json!({"op": "ready", "reservation": "r"}), "fulfil"),
        (json!({"op": "collect", "reservation": "r"}), "fulfil"),
        (json!({"op": "movements", "movements": []}), "stock"),
        (json!({"op": "sale", "sku": "A", "location": "s", "quantity": 1}), "stock"),
        (json!({"op": "counts", "counts": []}), "stock"),
        (json!({"op": "availability", "skus": ["A"]}), "read"),
    ];
    let keys: Vec<_> = SCOPES
        .iter()
        .map(|scope| {
            // To be on the socket at all is to read.
            let with_read: Vec<_> = ["read", scope].into_iter().collect();
            (*scope, house.key(scope, &with_read, &[]))
        })
        .collect();
    let server = house.serve(&[]);
    for (scope, key) in &keys {
        let mut socket = Socket::connect_with(server.address, &[("authorization", &bearer(key))]).unwrap();
        for (at, (message, needed)) in messages.iter().enumerate() {
            let mut message = message.clone();
            message["id"] = json!(format!("m{at}"));
            let answer = socket.ask(&message).unwrap();
            let is_open = scope == needed || *scope == "admin" || *needed == "read";
            assert_eq!(is_open, answer["status"] != 403, "{message} with {scope}: {answer}");
        }
    }
    for headers in [vec![], vec![("authorization", "Bearer nobody")]] {
        let refused = Socket::connect_with(server.address, &headers).unwrap_err().to_string();
        assert!(refused.contains("401"), "{refused}");
    }
    // A browser brings its key as a subprotocol.
    let protocols = format!("anaquel, anaquel.key.{}", keys[0].1);
    let mut socket = Socket::connect_with(server.address, &[("sec-websocket-protocol", &protocols)]).unwrap();
    socket.send(&json!({"op": "subscribe", "id": "s"})).unwrap();
    assert_eq!(socket.message().unwrap()["type"], "error", "all of everything is no subscription, but it was read");
}

/// A till of store 14 sells from store 14, through its own channel.
#[test]
fn a_bound_key_stays_where_it_belongs() {
    let house = House::default();
    let all = ["read", "reserve", "fulfil", "stock"];
    let till = house.key("till-14", &all, &["--channel", "pos", "--location", "s14"]);
    let web = house.key("web", &["read", "reserve"], &["--channel", "web"]);
    let boss = house.key("boss", &["admin"], &[]);
    let server = house.serve(&[]);
    let mut client = server.client();
    let receipt =
        |location: &str| json!({"movements": [{"kind": "receipt", "sku": "A", "location": location, "quantity": 9}]});
    assert_eq!(refusal(&ask(&mut client, &till, "POST", "/v1/stock/movements", &receipt("s15"))), forbidden());
    for location in ["s14", "s15"] {
        let key = if location == "s14" { &till } else { &boss };
        assert_eq!(ask(&mut client, key, "POST", "/v1/stock/movements", &receipt(location)).status, 200);
    }
    let count = json!({"counts": [{"sku": "A", "location": "s15", "on_hand": 1}]});
    assert_eq!(refusal(&ask(&mut client, &till, "POST", "/v1/stock/counts", &count)), forbidden());
    let supply = json!({"supplies": [{"supply": "P", "sku": "A", "location": "s15", "quantity": 1, "expected_at": "2030-01-01T00:00:00Z"}]});
    assert_eq!(refusal(&ask(&mut client, &till, "PUT", "/v1/supply", &supply)), forbidden());
    let reserve = |channel: &str, location: &str| json!({"channel": channel, "lines": [{"sku": "A", "location": location, "quantity": 1}]});
    for (channel, location) in [("web", "s14"), ("pos", "s15")] {
        let answer = ask(&mut client, &till, "POST", "/v1/reservations", &reserve(channel, location));
        assert_eq!(refusal(&answer), forbidden(), "{channel} {location}");
    }
    let group = json!({"channel": "pos", "lines": [{"sku": "A", "group": "g", "quantity": 1}]});
    assert_eq!(refusal(&ask(&mut client, &till, "POST", "/v1/reservations", &group)), forbidden());
    let source = json!({"channel": "pos", "lines": [{"sku": "A", "quantity": 1}], "policy": "nearest"});
    assert_eq!(refusal(&ask(&mut client, &till, "POST", "/v1/sourcing", &source)), forbidden());
    let made = ask(&mut client, &till, "POST", "/v1/reservations", &reserve("pos", "s14"));
    assert_eq!(made.status, 201, "{}", made.json());

    // What was ordered on the web for store 14 is handed over there; what is in store 15 is not.
    let of_web = |client: &mut Client, location| {
        let made = ask(client, &web, "POST", "/v1/reservations", &reserve("web", location)).json();
        format!("/v1/reservations/{}", made["id"].as_str().unwrap())
    };
    let (here, there) = (of_web(&mut client, "s14"), of_web(&mut client, "s15"));
    assert_eq!(ask(&mut client, &till, "GET", &here, &Value::Null).status, 200);
    assert_eq!(refusal(&ask(&mut client, &till, "GET", &there, &Value::Null)), not_found());
    assert_eq!(ask(&mut client, &web, "POST", &format!("{here}/confirm"), &json!({})).status, 200);
    assert_eq!(ask(&mut client, &till, "POST", &format!("{here}/collect"), &json!({})).status, 200);
    assert_eq!(refusal(&ask(&mut client, &till, "POST", &format!("{there}/cancel"), &json!({}))), not_found());
    let of_till = format!("/v1/reservations/{}", made.json()["id"].as_str().unwrap());
    assert_eq!(refusal(&ask(&mut client, &web, "POST", &format!("{of_till}/cancel"), &json!({}))), not_found());
    assert_eq!(refusal(&ask(&mut client, &till, "POST", &format!("{of_till}/bind"), &json!({}))), forbidden());
    // Nobody's hold is given up for another's, and nothing is done to what is not there to be looked at.
    let mut superseding = reserve("pos", "s14");
    superseding["supersedes"] = json!(there.rsplit('/').next().unwrap());
    assert_eq!(refusal(&ask(&mut client, &till, "POST", "/v1/reservations", &superseding)), not_found());
    let mut on_socket = superseding.clone();
    on_socket["op"] = json!("reserve");
    on_socket["id"] = json!("r");
    let mut socket = Socket::connect_with(server.address, &[("authorization", &bearer(&till))]).unwrap();
    assert_eq!(socket.ask(&on_socket).unwrap()["status"], 404);
    let coming = there.rsplit_once('-').unwrap().0.to_owned() + "-999999";
    assert_eq!(ask(&mut client, &till, "POST", &format!("{coming}/cancel"), &json!({})).status, 404);
    // What is over is still nobody else's to read.
    assert_eq!(ask(&mut client, &boss, "POST", &format!("{there}/cancel"), &json!({})).status, 200);
    assert_eq!(refusal(&ask(&mut client, &till, "GET", &there, &Value::Null)), not_found());
    // Of what is short, a till is told of its own cells, and of the promises in them.
    for location in ["s14", "s15"] {
        let sold = json!({"movements": [{"kind": "sale", "sku": "A", "location": location, "quantity": 20}]});
        assert_eq!(ask(&mut client, &boss, "POST", "/v1/stock/movements", &sold).status, 200);
    }
    let short = ask(&mut client, &till, "GET", "/v1/shortages", &Value::Null).json();
    let places: Vec<_> = short["items"].as_array().unwrap().iter().map(|item| item["location"].clone()).collect();
    assert_eq!(places, [json!("s14")], "{short}");
    assert_eq!(refusal(&ask(&mut client, &web, "GET", "/v1/shortages", &Value::Null)), forbidden());
    for (path, status) in [
        ("/v1/reservations?location=s14", 200),
        ("/v1/reservations?location=s15", 403),
        ("/v1/reservations", 403),
        ("/v1/availability?sku=A&channel=pos", 200),
        ("/v1/availability?sku=A&channel=web", 403),
        ("/v1/availability?sku=A", 403),
    ] {
        assert_eq!(ask(&mut client, &till, "GET", path, &Value::Null).status, status, "{path}");
    }
    let query = json!({"skus": ["A"], "channel": "web"});
    assert_eq!(refusal(&ask(&mut client, &till, "POST", "/v1/availability/query", &query)), forbidden());
    let mut socket = Socket::connect_with(server.address, &[("authorization", &bearer(&till))]).unwrap();
    let subscribe =
        |channel: Value| json!({"op": "subscribe", "id": channel.to_string(), "skus": ["A"], "channel": channel});
    for (channel, kind) in [(json!("web"), "error"), (Value::Null, "error"), (json!("pos"), "snapshot")] {
        socket.send(&subscribe(channel.clone())).unwrap();
        assert_eq!(socket.message().unwrap()["type"], kind, "{channel}");
    }
}

/// A revoked key is out at once, with everything that it has open; a rotated one goes on for a while beside the new one.
#[test]
fn a_revoked_key_is_out_at_once() {
    let house = House::default();
    let (old, other) = (house.key("shop", &["read"], &[]), house.key("other", &["read"], &[]));
    let server = house.serve(&[]);
    let mut client = server.client();
    let connect = |key: &str| Socket::connect_with(server.address, &[("authorization", &bearer(key))]).unwrap();
    let (mut socket, mut staying) = (connect(&old), connect(&other));
    let new = house.keys(&["rotate", id_of(&old)]);
    let mut events = TcpStream::connect(server.address).unwrap();
    write!(events, "GET /v1/stream/sse?sku=A HTTP/1.1\r\nHost: a\r\nAuthorization: {}\r\n\r\n", bearer(&old)).unwrap();
    let mut begun = [0; 12];
    events.read_exact(&mut begun).unwrap();
    assert_eq!(&begun, b"HTTP/1.1 200");
    let mut status = |key: &str| ask(&mut client, key, "GET", "/v1/skus", &Value::Null).status;
    eventually("the new key is known", || status(&new) == 200);
    assert_eq!(status(&old), 200, "both are good for a while");
    house.keys(&["revoke", id_of(&old)]);
    eventually("the old key is out", || status(&old) == 401);
    assert_eq!((status(&new), status(&other)), (200, 200));
    assert_eq!(socket.closed().unwrap(), (4401, "unauthorized".to_owned()));
    events.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut rest = Vec::new();
    events.read_to_end(&mut rest).ok();
    assert!(rest.ends_with(b"0\r\n\r\n"), "the events end: {:?}", String::from_utf8_lossy(&rest));
    let answer = staying.ask(&json!({"op": "availability", "id": "a", "skus": ["A"]})).unwrap();
    assert_eq!(answer["type"], "result", "{answer}");
    let listed = house.keys(&["list"]);
    assert!(listed.contains("revoked") && !listed.contains(old.rsplit('_').next().unwrap()), "{listed}");

    // A file that is broken, or gone, opens nothing.
    std::fs::write(house.data().join("keys.json"), "{").unwrap();
    eventually("it is told", || house.log().contains("cannot read the keys"));
    assert_eq!((status(&new), status("nobody")), (200, 401));
    std::fs::remove_file(house.data().join("keys.json")).unwrap();
    eventually("it is told", || house.log().contains("the file of keys is missing"));
    assert_eq!((status(&new), status("nobody")), (200, 401));
}

#[test]
fn the_first_key_locks_the_door() {
    let house = House::default();
    let server = house.serve(&[]);
    let mut client = server.client();
    assert_eq!(client.get("/v1/info").unwrap().status, 200);
    assert!(house.log().contains("no keys: everyone"), "it says so");
    let mut socket = Socket::connect(server.address).unwrap();
    let key = house.key("ops", &["ops"], &[]);
    eventually("the door is locked", || client.get("/v1/info").unwrap().status == 401);
    assert_eq!(socket.closed().unwrap().0, 4401);
    assert_eq!(ask(&mut client, &key, "GET", "/v1/info", &Value::Null).status, 200);
    for path in ["/healthz", "/readyz", "/docs/", "/openapi.json"] {
        assert_eq!(client.get(path).unwrap().status, 200, "{path} is for all");
    }
}

#[test]
fn nobody_is_served_by_accident() {
    let started = |house: &House, arguments: &[&str]| {
        let mut command = Command::new(binary());
        command.args(["serve", "--data"]).arg(house.data()).args(["--listen", "0.0.0.0:0"]).args(arguments);
        command
    };
    let refused = |house: &House, arguments: &[&str]| {
        let output = started(house, arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    let house = House::default();
    let said = refused(&house, &[]);
    assert!(said.contains("a key (anaquel keys add) and TLS") && said.contains("--insecure"), "{said}");
    house.key("boss", &["admin"], &[]);
    let said = refused(&house, &[]);
    assert!(said.contains("set up TLS"), "{said}");
    let port = anaquel_loadtest::server::free_address().unwrap().port();
    let listen = format!("0.0.0.0:{port}");
    let mut insecure = Command::new(binary())
        .args(["serve", "--insecure", "--listen", &listen, "--data"])
        .arg(house.data())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut client = Client::new(([127, 0, 0, 1], port).into());
    eventually("who insists is served", || client.get("/readyz").is_ok_and(|answer| answer.status == 200));
    insecure.kill().unwrap();
    insecure.wait().unwrap();
}

/// Who, from where, under which key, and for which request; and no secret in any log line.
#[test]
fn what_was_done_is_written_down_and_secrets_are_not() {
    let house = House::default();
    let till = house.key("till-14", &["stock", "reserve"], &[]);
    let boss = house.key("boss", &["admin"], &[]);
    let config = house.config("[log]\nlevel = \"trace\"\n");
    let server = house.serve(&["--config", &config]);
    let mut client = server.client();
    let authorization = bearer(&till);
    let headers = [
        ("Authorization", authorization.as_str()),
        ("Content-Type", "application/json"),
        ("X-Request-Id", "till-14.0007"),
        ("Idempotency-Key", "receipt-1"),
    ];
    let body = json!({"movements": [{"kind": "receipt", "sku": "A", "location": "s", "quantity": 2}]}).to_string();
    let moved = client.send("POST", "/v1/stock/movements", &headers, body.as_bytes()).unwrap();
    assert_eq!((moved.status, moved.header("x-request-id")), (200, Some("till-14.0007")));
    let mut socket = Socket::connect_with(server.address, &[("authorization", &bearer(&boss))]).unwrap();
    let line = json!({"sku": "A", "location": "s", "quantity": 1});
    let authorization_of_boss = bearer(&boss);
    let reserved = socket.ask(&json!({"op": "reserve", "id": "r", "channel": "web", "lines": [line]})).unwrap();
    assert_eq!(reserved["status"], 201, "{reserved}");
    let _ = ask(&mut client, "anq_wrong_key", "GET", "/v1/info", &Value::Null);
    let again = socket.ask(&json!({"op": "sale", "id": "s", "sku": "A", "location": "s", "quantity": 1})).unwrap();
    let csv = [("Authorization", authorization_of_boss.as_str()), ("Content-Type", "text/csv")];
    let imported = client.send("POST", "/v1/import/stock", &csv, b"sku,location,on_hand\nA,s,7\n").unwrap();
    assert_eq!(imported.status, 200, "{}", imported.json());
    let cause = |client: &mut Client, seq: &Value| {
        let path = format!("/v1/events?after={}&limit=1", seq.as_u64().unwrap() - 1);
        ask(client, &boss, "GET", &path, &Value::Null).json()["items"][0]["cause"].clone()
    };
    let of_till = cause(&mut client, &moved.json()["seq"]);
    let expected = json!({
        "actor": "till-14", "address": "127.0.0.1", "channel": null, "idempotency_key": "receipt-1",
        "key": id_of(&till), "reference": null, "request": "till-14.0007", "traceparent": null,
    });
    assert_eq!(of_till, expected);
    let of_boss = cause(&mut client, &reserved["body"]["seq"]);
    assert_eq!((&of_boss["actor"], &of_boss["key"]), (&json!("boss"), &json!(id_of(&boss))));
    let requests = [&reserved, &again].map(|answer| cause(&mut client, &answer["body"]["seq"])["request"].clone());
    assert!(
        requests[0].as_str().unwrap().ends_with("/r") && requests[1].as_str().unwrap().ends_with("/s"),
        "{requests:?}"
    );
    // Every record of an import is somebody's, not only its last.
    let rows = json!(imported.json()["seq"].as_u64().unwrap() - 1);
    for seq in [&rows, &imported.json()["seq"]] {
        assert_eq!(cause(&mut client, seq)["key"], id_of(&boss), "{seq}");
    }
    // Under a rotated key a repeat is still one; under another caller's it is another request.
    let server = {
        server.kill().unwrap();
        house.serve(&["--config", &config])
    };
    let mut client = server.client();
    assert_eq!(cause(&mut client, &moved.json()["seq"]), expected, "also after a restart");
    let rotated = house.keys(&["rotate", id_of(&till)]);
    let mut again = |key: &str| {
        let authorization = bearer(key);
        let headers = [headers[1], headers[3], ("Authorization", authorization.as_str())];
        client.send("POST", "/v1/stock/movements", &headers, body.as_bytes()).unwrap()
    };
    eventually("the rotated key is known", || again(&rotated).status == 200);
    assert_eq!(again(&rotated).header("idempotent-replayed"), Some("true"));
    assert_eq!(again(&boss).header("idempotent-replayed"), None);
    drop(server);
    let log = house.log();
    assert!(log.contains("/v1/stock/movements"), "requests are in it");
    for key in [&till, &boss, &rotated] {
        let secret = key.rsplit('_').next().unwrap();
        assert!(!log.contains(secret), "a secret is in the log");
    }
    assert!(!log.contains("wrong_key"), "not even a wrong one");
}

#[test]
fn pages_of_others_open_no_sockets() {
    let house = House::default();
    let config = house.config("[auth]\norigins = [\"https://shop.example\"]\n");
    let server = house.serve(&["--config", &config]);
    let own = format!("http://{}", server.address);
    // Whatever writes is asked where it comes from, too: a page may send a form without being asked anything by its browser.
    for (origin, opens) in [(None, true), (Some("https://shop.example"), true), (Some("https://evil.example"), false)] {
        let headers: Vec<_> = origin.map(|origin| ("Origin", origin)).into_iter().collect();
        let body = br#"{"movements": [{"kind": "receipt", "sku": "A", "location": "s", "quantity": 1}]}"#;
        let answer = server.client().send("POST", "/v1/stock/movements", &headers, body).unwrap();
        assert_eq!(answer.status == 200, opens, "{origin:?}: {}", answer.json());
    }
    for (origin, opens) in
        [("https://shop.example", true), (own.as_str(), true), ("https://evil.example", false), ("null", false)]
    {
        assert_eq!(Socket::connect_with(server.address, &[("origin", origin)]).is_ok(), opens, "{origin}");
    }
}

#[test]
fn more_than_is_allowed_is_told_when_to_come_again() {
    let house = House::default();
    let (busy, calm) = (house.key("busy", &["read"], &[]), house.key("calm", &["read"], &[]));
    let config = house.config("[limits]\nkey_requests_per_second = 2\n");
    let server = house.serve(&["--config", &config]);
    let mut client = server.client();
    let mut refused = 0;
    let began = Instant::now();
    while refused < 3 {
        assert!(began.elapsed() < Duration::from_secs(60), "nothing is too much");
        let answer = ask(&mut client, &busy, "GET", "/v1/skus", &Value::Null);
        if answer.status != 200 {
            assert_eq!(refusal(&answer), (429, "too-many-requests".to_owned()));
            assert_eq!(answer.header("retry-after"), Some("1"));
            assert_eq!(answer.json()["limit"], "limits.key_requests_per_second");
            refused += 1;
        }
    }
    assert_eq!(ask(&mut client, &calm, "GET", "/v1/skus", &Value::Null).status, 200, "who asks little is served");
    // Its own handshake may be too much for a moment.
    let mut socket = None;
    eventually("a handshake is let in", || {
        socket = Socket::connect_with(server.address, &[("authorization", &bearer(&busy))]).ok();
        socket.is_some()
    });
    let mut socket = socket.unwrap();
    let ask = json!({"op": "availability", "id": "a", "skus": ["A"]});
    eventually("messages count as requests do", || socket.ask(&ask).unwrap()["status"] == 429);

    // An address, whoever it is.
    let house = House::default();
    let config = house.config("[limits]\naddress_requests_per_second = 2\n");
    let server = house.serve(&["--config", &config]);
    let mut client = server.client();
    eventually("an address asks too much", || {
        let told = client.get("/v1/skus").unwrap().json();
        told["limit"] == "limits.address_requests_per_second"
    });
    assert_eq!(client.get("/readyz").unwrap().status, 200, "health is never too much");
}

mod tokens {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use ring::rand::SystemRandom;
    use ring::rsa::KeyPair as RsaKeyPair;
    use ring::signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
        RsaPublicKeyComponents,
    };

    /// A key that was made for this test, and opens nothing.
    const RSA_KEY: &[u8] = include_bytes!("../data/rsa-test-key.der");

    fn base64(bytes: impl AsRef<[u8]>) -> String {
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn now() -> i64 {
        jiff::Timestamp::now().as_second()
    }

    fn token(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
        let signed = format!("{}.{}", base64(header.to_string()), base64(claims.to_string()));
        let signature = sign(signed.as_bytes());
        format!("{signed}.{}", base64(signature))
    }

    #[test]
    fn tokens_open_the_door_only_if_everything_about_them_is_right() {
        let random = SystemRandom::new();
        let ed = Ed25519KeyPair::from_pkcs8(Ed25519KeyPair::generate_pkcs8(&random).unwrap().as_ref()).unwrap();
        let stranger = Ed25519KeyPair::from_pkcs8(Ed25519KeyPair::generate_pkcs8(&random).unwrap().as_ref()).unwrap();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let ec = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap();
        let point = ec.public_key().as_ref();
        let rsa = RsaKeyPair::from_der(RSA_KEY).unwrap();
        let RsaPublicKeyComponents { n, e } = RsaPublicKeyComponents::<Vec<u8>>::from(rsa.public());
        let jwks = json!({"keys": [
            {"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": base64(ed.public_key())},
            {"kty": "OKP", "crv": "Ed25519", "kid": "enc", "use": "enc", "x": base64(ed.public_key())},
            {"kty": "RSA", "kid": "rsa", "n": base64(n), "e": base64(e)},
            {"kty": "odd"},
            {"kty": "EC", "crv": "P-256", "kid": "ec", "x": base64(&point[1..33]), "y": base64(&point[33..])},
        ]});
        let house = House::default();
        let path = house.folder().join("jwks.json");
        std::fs::write(&path, jwks.to_string()).unwrap();
        let config = house.config(&format!(
            "[auth]\njwks = {:?}\nissuer = \"https://login.example\"\naudience = \"anaquel\"\n",
            path.to_str().unwrap()
        ));
        let server = house.serve(&["--config", &config]);
        let mut client = server.client();
        let by_ed = |bytes: &[u8]| ed.sign(bytes).as_ref().to_vec();
        let by_ec = |bytes: &[u8]| ec.sign(&random, bytes).unwrap().as_ref().to_vec();
        let (of_ed, of_ec) = (json!({"alg": "EdDSA", "kid": "ed"}), json!({"alg": "ES256", "kid": "ec"}));
        let good = json!({
            "sub": "ana", "scope": "openid read ops", "exp": now() + 600,
            "iss": "https://login.example", "aud": ["anaquel", "other"],
        });
        let with = |name: &str, value: Value| {
            let mut claims = good.clone();
            claims[name] = value;
            claims
        };
        let without = |name: &str| {
            let mut claims = good.clone();
            claims.as_object_mut().unwrap().remove(name);
            claims
        };
        let mut status = |token: &str, path: &str| ask(&mut client, token, "GET", path, &Value::Null).status;
        let by_rsa = |bytes: &[u8]| {
            let mut signature = vec![0; rsa.public().modulus_len()];
            rsa.sign(&RSA_PKCS1_SHA256, &random, bytes, &mut signature).unwrap();
            signature
        };
        let of_rsa = json!({"alg": "RS256", "kid": "rsa"});
        let genuine = [token(&of_ed, &good, by_ed), token(&of_ec, &good, by_ec), token(&of_rsa, &good, by_rsa)];
        for token in genuine {
            assert_eq!((status(&token, "/v1/skus"), status(&token, "/v1/info")), (200, 200));
            assert_eq!(status(&token, "/v1/reservations"), 403, "it has not that scope");
            let mut broken = token.clone();
            let last = broken.pop().unwrap();
            broken.push(if last == 'A' { 'Q' } else { 'A' });
            assert_eq!(status(&broken, "/v1/skus"), 401);
        }
        let none = token(&json!({"alg": "none", "kid": "ed"}), &good, |_| Vec::new());
        // The classic: the public key, which everybody has, as a shared secret.
        let public = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, ed.public_key().as_ref());
        let shared = token(&json!({"alg": "HS256", "kid": "ed"}), &good, |bytes| {
            ring::hmac::sign(&public, bytes).as_ref().to_vec()
        });
        for (what, token) in [
            ("no algorithm", none),
            ("a shared secret", shared),
            ("a stranger's signature", token(&of_ed, &good, |bytes| stranger.sign(bytes).as_ref().to_vec())),
            ("another key's", token(&of_ed, &good, by_ec)),
            ("an unknown key", token(&json!({"alg": "EdDSA", "kid": "other"}), &good, by_ed)),
            ("no key", token(&json!({"alg": "EdDSA"}), &good, by_ed)),
            ("another algorithm than its key's", token(&json!({"alg": "ES256", "kid": "ed"}), &good, by_ed)),
            ("expired", token(&of_ed, &with("exp", json!(now() - 60)), by_ed)),
            ("no expiry", token(&of_ed, &without("exp"), by_ed)),
            ("not yet", token(&of_ed, &with("nbf", json!(now() + 600)), by_ed)),
            ("another audience", token(&of_ed, &with("aud", json!("shop")), by_ed)),
            ("no audience", token(&of_ed, &without("aud"), by_ed)),
            ("another issuer", token(&of_ed, &with("iss", json!("https://evil.example")), by_ed)),
            ("no issuer", token(&of_ed, &without("iss"), by_ed)),
            ("nobody", token(&of_ed, &without("sub"), by_ed)),
            ("bound to nothing", token(&of_ed, &with("locations", json!([])), by_ed)),
            ("a key for encryption", token(&json!({"alg": "EdDSA", "kid": "enc"}), &good, by_ed)),
            ("expiring at the end of time", token(&of_ed, &with("exp", json!(-1)), by_ed)),
            (
                "a head that must be understood",
                token(&json!({"alg": "EdDSA", "kid": "ed", "crit": ["exp"]}), &good, by_ed),
            ),
            ("an empty list of that", token(&json!({"alg": "EdDSA", "kid": "ed", "crit": []}), &good, by_ed)),
            ("such a list that is none", token(&json!({"alg": "EdDSA", "kid": "ed", "crit": null}), &good, by_ed)),
            ("a subject without end", token(&of_ed, &with("sub", json!("a".repeat(257))), by_ed)),
            ("an empty subject", token(&of_ed, &with("sub", json!("")), by_ed)),
            ("nonsense", "a.b.c".to_owned()),
            ("nothing", String::new()),
        ] {
            assert_eq!(status(&token, "/v1/skus"), 401, "{what}");
        }
        let longest = token(&of_ed, &with("sub", json!("a".repeat(256))), by_ed);
        assert_eq!(status(&longest, "/v1/skus"), 200);
        // Bound tokens are bound, and what cannot be is not theirs.
        let bound = token(&of_ed, &with("locations", json!(["s14"])), by_ed);
        assert_eq!((status(&bound, "/v1/skus"), status(&bound, "/v1/info")), (200, 403));

        // Subjects of one signing key ask for themselves.
        let limits = "[limits]\nkey_requests_per_second = 2\n";
        let text = std::fs::read_to_string(&config).unwrap();
        let limited = House::default();
        let limited_server = limited.serve(&["--config", &limited.config(&format!("{text}{limits}"))]);
        let mut asking = limited_server.client();
        let mut ask_as = |sub: &str| {
            let token = token(&of_ed, &with("sub", json!(sub)), by_ed);
            ask(&mut asking, &token, "GET", "/v1/skus", &Value::Null).status
        };
        eventually("one subject asks too much", || ask_as("busy") == 429);
        for n in 0..20 {
            assert_eq!(ask_as(&format!("calm-{n}")), 200, "another subject is served");
        }

        // A key that is taken out of the file signs nothing any more.
        let good = token(&of_ed, &good, by_ed);
        let mut socket = Socket::connect_with(server.address, &[("authorization", &bearer(&good))]).unwrap();
        std::fs::write(&path, json!({"keys": [jwks["keys"][4]]}).to_string()).unwrap();
        eventually("its key is gone", || status(&good, "/v1/skus") == 401);
        assert!(matches!(socket.hear(), Ok(Heard::Closed(4401, _))));
    }
}

mod tls {
    use super::*;

    use anaquel_tests::tls;
    use rcgen::{CertifiedKey, generate_simple_self_signed};
    use rustls::pki_types::CertificateDer;

    /// Writes a new certificate for localhost.
    fn certify(folder: &Path) -> CertificateDer<'static> {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(folder.join("key.pem"), signing_key.serialize_pem()).unwrap();
        std::fs::write(folder.join("cert.pem"), cert.pem()).unwrap();
        cert.der().clone()
    }

    fn connect(address: std::net::SocketAddr, trusted: &CertificateDer<'static>) -> std::io::Result<String> {
        let mut stream = tls::connect(address, trusted)?;
        write!(stream, "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    #[test]
    fn the_certificate_is_taken_in_without_a_restart() {
        let house = House::default();
        let folder = house.folder();
        let first = certify(folder);
        let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
        let config = house
            .config(&format!("[tls]\ncertificate = {certificate:?}\nkey = {key:?}\n[limits]\nheader_seconds = 1\n"));
        let address = anaquel_loadtest::server::free_address().unwrap();
        let log = std::fs::File::create(house.data().with_extension("log")).unwrap();
        let mut server = Command::new(binary())
            .args(["serve", "--config", &config, "--listen", &address.to_string(), "--data"])
            .arg(house.data())
            .stderr(log)
            .spawn()
            .unwrap();
        eventually("it answers", || connect(address, &first).is_ok_and(|answer| answer.starts_with("HTTP/1.1 200")));
        assert!(house.log().contains("https://"), "{}", house.log());
        // Plain HTTP gets no answer, and silence no patience.
        let mut silent = TcpStream::connect(address).unwrap();
        silent.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        assert_eq!(silent.read(&mut [0; 1]).unwrap(), 0, "a handshake that never comes is not waited for");
        let mut plain = TcpStream::connect(address).unwrap();
        plain.write_all(b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        let _ = plain.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
        let second = certify(folder);
        eventually("the new one is shown", || connect(address, &second).is_ok());
        assert!(connect(address, &first).is_err(), "the old one is not shown any more");
        std::fs::write(folder.join("cert.pem"), "broken").unwrap();
        eventually("it is told", || house.log().contains("cannot read the certificate"));
        assert!(connect(address, &second).is_ok(), "the previous one stays in use");
        server.kill().unwrap();
        server.wait().unwrap();
    }

    #[test]
    fn half_a_certificate_is_no_certificate() {
        let house = House::default();
        for (config, reason) in [
            ("[tls]\ncertificate = \"a.pem\"\n", "belong together"),
            ("[tls]\ncertificate = \"a.pem\"\nkey = \"b.pem\"\n", "tls.certificate: a.pem"),
            ("[auth]\norigins = [\"*\"]\n", "auth.origins"),
            ("[auth]\njwks = \"none.json\"\n", "none.json"),
            ("[auth]\nkeys = \"none.json\"\n", "auth.keys: none.json"),
        ] {
            let config = house.config(config);
            let mut command = Command::new(binary());
            command.args(["serve", "--listen", "127.0.0.1:0", "--config", &config, "--data"]).arg(house.data());
            let output = command.output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.code() == Some(2) && said.contains(reason), "{said}");
        }
    }
}
