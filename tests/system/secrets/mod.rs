//! What is told to whom: numbers, what is somebody else's, the names that the server answers to; and what a file or a
//! number may carry.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use anaquel_loadtest::client::{Answer, Client};
use anaquel_loadtest::server::Server;
use anaquel_loadtest::socket::Socket;
use anaquel_tests::house::{House, ask};
use anaquel_tests::{Shop, binary};
use serde_json::{Value, json};

/// What is granted to somebody with a key.
fn done(client: &mut Client, key: &str, method: &str, path: &str, body: &Value) -> Value {
    let answer = ask(client, key, method, path, body);
    assert!((200..300).contains(&answer.status), "{method} {path}: {}", answer.json());
    answer.json()
}

/// How long an answer may take.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// Sends a head as it is; the status and the body of the answer.
fn raw(server: &Server, head: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap_or_default().parse().unwrap_or(0);
    (status, answer.split_once("\r\n\r\n").map_or_else(String::new, |(_, body)| body.to_owned()))
}

/// A page whose name its owner has pointed here reads nothing; who says nothing of whom they mean, or says it twice, is
/// told so. Whether the process lives is told to whoever asks by whatever name.
#[test]
fn a_strangers_name_reads_nothing() {
    let open = Shop::default();
    let house = House::default();
    house.key("boss", &["admin"], &[]);
    let locked = house.serve(&[]);
    let ask = |server: &Server, version: &str, path: &str, hosts: &[&str]| {
        let hosts: String = hosts.iter().map(|host| format!("Host: {host}\r\n")).collect();
        raw(server, &format!("GET {path} HTTP/{version}\r\n{hosts}Connection: close\r\n\r\n"))
    };
    let address = open.server.address.to_string();
    for host in ["localhost", "LocalHost:1", "127.0.0.1", "127.0.0.1:9999", "[::1]:7070", "localhost.", &address] {
        for path in ["/v1/skus", "/openapi.json", "/docs/"] {
            assert_eq!(ask(&open.server, "1.1", path, &[host]).0, 200, "{host} {path}");
        }
    }
    for host in
        ["evil.example", "evil.example:7070", "localhost.evil.example", "127.0.0.1.nip.io", "10.0.0.1", "0.0.0.0"]
    {
        for path in
            ["/v1/skus", "/v1/events", "/metrics", "/openapi.json", "/docs/", "/nothing", "/v1/stream/sse?sku=A"]
        {
            let (status, body) = ask(&open.server, "1.1", path, &[host]);
            assert_eq!(status, 403, "{host} {path}");
            assert!(body.contains("/problems/forbidden") && body.contains("auth.hosts"), "{body}");
        }
        // With keys, a name gives nobody anything.
        assert_eq!(ask(&locked, "1.1", "/v1/skus", &[host]).0, 401, "{host}");
    }
    for server in [&open.server, &locked] {
        for hosts in [
            &[][..],
            &[""],
            &["localhost", "localhost"],
            &["localhost", "evil.example"],
            &["a b"],
            &["a@localhost"],
            &["localhost:x"],
        ] {
            let (status, body) = ask(server, "1.1", "/v1/skus", hosts);
            assert!(status == 400 && body.contains("\"field\":\"Host\""), "{hosts:?}: {status} {body}");
            assert_eq!(ask(server, "1.1", "/healthz", hosts).0, 200, "{hosts:?}");
        }
        for path in ["/healthz", "/readyz"] {
            assert_eq!(ask(server, "1.1", path, &["whatever.example"]).0, 200);
            assert_eq!(ask(server, "1.0", path, &[]).0, 200);
        }
    }
    assert_eq!(ask(&open.server, "1.0", "/v1/skus", &[]).0, 400);
    assert_eq!(ask(&locked, "1.0", "/v1/skus", &[]).0, 401);
    // The address of a request in absolute form counts as well.
    let head = |target: &str, host: &str| {
        format!("GET {target}/v1/skus HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
    };
    assert_eq!(raw(&open.server, &head("http://localhost", "evil.example")).0, 403);
    assert_eq!(raw(&open.server, &head("http://evil.example", "localhost")).0, 403);
    assert_eq!(raw(&open.server, &head("http://localhost", "localhost")).0, 200);
    // A socket is opened no other way.
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let mut stream = TcpStream::connect(open.server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET /v1/stream HTTP/1.1\r\nHost: evil.example\r\n{upgrade}\r\n").unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 403");
    // Names that are the server's own are set.
    let named = Shop::default();
    let config = named.file("hosts.toml", "[auth]\nhosts = [\"stock.example\"]\n");
    let named = Shop::with(&["--config", &config]);
    assert_eq!(ask(&named.server, "1.1", "/v1/skus", &["Stock.example:443"]).0, 200);
    assert_eq!(ask(&named.server, "1.1", "/v1/skus", &["shop.example"]).0, 403);
}

/// What is another channel's, or stands in another place, is answered for as what does not exist, word for word.
#[test]
fn what_is_anothers_is_not_there() {
    let house = House::default();
    let all = ["read", "reserve", "fulfil", "stock"];
    let mkt = house.key("mkt", &["read", "reserve", "fulfil"], &["--channel", "mkt"]);
    let till = house.key("till", &all, &["--location", "s15"]);
    let boss = house.key("boss", &["admin"], &[]);
    let server = house.serve(&[]);
    let mut client = server.client();
    let receipt = json!({"movements": [{"kind": "receipt", "sku": "A", "location": "s14", "quantity": 90}]});
    done(&mut client, &boss, "POST", "/v1/stock/movements", &receipt);
    done(&mut client, &boss, "PUT", "/v1/locations/s14", &json!({}));
    let lines = json!([{"sku": "A", "location": "s14", "quantity": 1}]);
    let hold = json!({"channel": "web", "order": "W-1", "customer": "c", "lines": lines});
    let theirs = done(&mut client, &boss, "POST", "/v1/reservations", &hold);
    let id = theirs["id"].as_str().unwrap().to_owned();
    let ready = done(
        &mut client,
        &boss,
        "POST",
        "/v1/reservations",
        &json!({"channel": "web", "purpose": "pickup", "confirm": true, "lines": lines}),
    );
    let ready = done(
        &mut client,
        &boss,
        "POST",
        &format!("/v1/reservations/{}/ready", ready["id"].as_str().unwrap()),
        &json!({}),
    );
    let nobodys = id.rsplit_once('-').unwrap().0.to_owned() + "-987654";
    for key in [&mkt, &till] {
        let mut socket = Socket::connect_with(server.address, &[("authorization", &format!("Bearer {key}"))]).unwrap();
        let steps = [
            ("confirm", json!({})),
            ("ready", json!({})),
            ("collect", json!({})),
            ("collect", json!({"pickup_code": ready["pickup_code"]})),
            ("cancel", json!({})),
            ("extend", json!({"ttl_seconds": 60})),
            ("bind", json!({})),
            ("rebind", json!({"lines": [{"sku": "A", "location": "s14"}]})),
        ];
        for (step, body) in &steps {
            let told = [&id, &nobodys].map(|id| {
                let answer = ask(&mut client, key, "POST", &format!("/v1/reservations/{id}/{step}"), body);
                let mut message = body.clone();
                message["op"] = json!(step);
                message["id"] = json!("x");
                message["reservation"] = json!(id);
                let on_socket = socket.ask(&message).unwrap();
                assert_eq!(
                    (on_socket["status"].as_u64(), &on_socket["problem"]),
                    (Some(404), &answer.json()),
                    "{step}"
                );
                (answer.status, answer.json())
            });
            assert_eq!(told[0].0, 404, "{step}: {}", told[0].1);
            assert_eq!(told[0], told[1], "{step}");
        }
        let told = [&id, &nobodys].map(|id| {
            let answer = ask(&mut client, key, "GET", &format!("/v1/reservations/{id}"), &Value::Null);
            (answer.status, answer.json())
        });
        assert_eq!((told[0].0, &told[0]), (404, &told[1]));
        let elsewhere = if key == &till { "s15" } else { "s14" };
        let told = [id.as_str(), nobodys.as_str(), "r-00000-1", "nothing"].map(|id| {
            let superseding = json!({"channel": "mkt", "supersedes": id, "lines": [{"sku": "A", "location": elsewhere, "quantity": 1}]});
            let answer = ask(&mut client, key, "POST", "/v1/reservations", &superseding);
            (answer.status, answer.json())
        });
        assert_eq!(told[0].0, 404, "{}", told[0].1);
        assert!(told.iter().all(|one| one == &told[0]), "{told:?}");
    }
    let listed = done(&mut client, &mkt, "GET", "/v1/reservations?channel=mkt&order=W-1", &Value::Null);
    assert_eq!(listed["items"], json!([]));
    assert_eq!(ask(&mut client, &mkt, "GET", "/v1/reservations?channel=web", &Value::Null).status, 403);
    // Nothing of it happened.
    assert_eq!(done(&mut client, &boss, "GET", &format!("/v1/reservations/{id}"), &Value::Null)["state"], "held");
}

/// Rules, channels and prices are seen by those whom they concern.
#[test]
fn rules_and_channels_are_seen_by_those_they_concern() {
    let house = House::default();
    let mkt = house.key("mkt", &["read", "reserve"], &["--channel", "mkt"]);
    let till = house.key("till", &["read", "stock"], &["--location", "s1"]);
    let reader = house.key("reader", &["read"], &[]);
    let boss = house.key("boss", &["admin"], &[]);
    let server = house.serve(&[]);
    let mut client = server.client();
    for (channel, buffer) in [("web", 77), ("mkt", 3), ("pos", 0)] {
        done(&mut client, &boss, "PUT", &format!("/v1/channels/{channel}"), &json!({"buffer": buffer}));
    }
    for location in ["s1", "s2"] {
        done(&mut client, &boss, "PUT", &format!("/v1/locations/{location}"), &json!({"kind": "store"}));
        let receipt = json!({"movements": [{"kind": "receipt", "sku": "A", "location": location, "quantity": 10}]});
        done(&mut client, &boss, "POST", "/v1/stock/movements", &receipt);
    }
    done(&mut client, &boss, "PUT", "/v1/groups/g", &json!({"locations": ["s2"]}));
    let rules = [
        ("all", json!({"kind": "safety_stock", "units": 1}), true, true),
        ("web-quota", json!({"kind": "quota", "units": 8, "channels": ["web"]}), false, true),
        ("mkt-quota", json!({"kind": "quota", "units": 1, "channels": ["mkt"]}), true, true),
        ("both", json!({"kind": "access", "allow": true, "channels": ["mkt", "pos"]}), true, true),
        ("at-s1", json!({"kind": "capacity", "orders_per_day": 9, "locations": ["s1"]}), true, true),
        ("at-s2", json!({"kind": "capacity", "orders_per_day": 8, "locations": ["s2"]}), true, false),
        ("in-g", json!({"kind": "backorder", "units": 5, "lead_days": 1, "groups": ["g"]}), true, false),
        (
            "warehouses",
            json!({"kind": "backorder", "units": 6, "lead_days": 1, "location_kinds": ["warehouse"]}),
            true,
            false,
        ),
        ("stores", json!({"kind": "backorder", "units": 7, "lead_days": 1, "location_kinds": ["store"]}), true, true),
    ];
    for (rule, body, ..) in &rules {
        done(&mut client, &boss, "PUT", &format!("/v1/rules/{rule}"), body);
    }
    let mut listed = |key: &str, limit: usize| {
        let (mut found, mut after) = (BTreeSet::new(), String::new());
        loop {
            let page = done(&mut client, key, "GET", &format!("/v1/rules?limit={limit}{after}"), &Value::Null);
            let items = page["items"].as_array().unwrap();
            found.extend(items.iter().map(|item| item["rule"].as_str().unwrap().to_owned()));
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return found,
            }
        }
    };
    for limit in [1, 2, 1000] {
        let of = |seen: fn(&(&str, Value, bool, bool)) -> bool| {
            rules.iter().filter(|rule| seen(rule)).map(|rule| rule.0.to_owned()).collect::<BTreeSet<_>>()
        };
        assert_eq!(listed(&mkt, limit), of(|rule| rule.2));
        assert_eq!(listed(&till, limit), of(|rule| rule.3));
        assert_eq!(listed(&reader, limit), of(|_| true));
        assert_eq!(listed(&boss, limit), of(|_| true));
    }
    let nothing = ask(&mut client, &mkt, "GET", "/v1/rules/nothing", &Value::Null).json();
    for (rule, _, by_mkt, by_till) in &rules {
        for (key, seen) in [(&mkt, *by_mkt), (&till, *by_till), (&boss, true)] {
            let answer = ask(&mut client, key, "GET", &format!("/v1/rules/{rule}"), &Value::Null);
            assert_eq!(answer.status, if seen { 200 } else { 404 }, "{rule}: {}", answer.json());
            assert!(seen || answer.json() == nothing, "{}", answer.json());
        }
    }
    assert_eq!(done(&mut client, &mkt, "GET", "/v1/rules/both", &Value::Null)["channels"], json!(["mkt"]));
    let why = done(&mut client, &mkt, "GET", "/v1/rules/explain?sku=A&location=s1&channel=mkt", &Value::Null);
    assert!(!why.to_string().contains("web"), "{why}");
    let why = done(&mut client, &till, "GET", "/v1/rules/explain?sku=A&location=s2", &Value::Null);
    assert!(!why.to_string().contains("at-s2") && !why.to_string().contains("in-g"), "{why}");
    // A refusal names a rule only to whom it concerns.
    let wanted = json!({"channel": "mkt", "lines": [{"sku": "A", "location": "s1", "quantity": 9}]});
    for (key, may_name) in [(&mkt, false), (&boss, true)] {
        let refused = ask(&mut client, key, "POST", "/v1/reservations", &wanted);
        assert_eq!(refused.status, 409, "{}", refused.json());
        assert!(may_name || !refused.json().to_string().contains("web"), "{}", refused.json());
    }
    let channels = |client: &mut Client, key: &str| {
        let page = done(client, key, "GET", "/v1/channels", &Value::Null);
        assert_eq!(page["next"], Value::Null);
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["channel"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(channels(&mut client, &mkt), ["mkt"]);
    assert_eq!(channels(&mut client, &boss).len(), 3);
    assert_eq!(channels(&mut client, &reader).len(), 3);
    let mut told = |channel: &str| {
        let answer = ask(&mut client, &mkt, "GET", &format!("/v1/channels/{channel}"), &Value::Null);
        (answer.status, answer.json())
    };
    assert_eq!(told("mkt").0, 200);
    assert_eq!((told("web").0, told("web")), (404, told("nothing")));
    let csv = b"sku,currency,amount,channel\nA,EUR,1999,\nA,EUR,1777,web\nA,EUR,1555,mkt\n";
    let authorization = format!("Bearer {boss}");
    let headers = [("Authorization", authorization.as_str()), ("Content-Type", "text/csv")];
    assert_eq!(client.send("POST", "/v1/import/prices", &headers, csv).unwrap().json()["accepted"], 3);
    let prices = done(&mut client, &mkt, "GET", "/v1/prices?sku=A", &Value::Null);
    assert!(prices["items"].as_array().unwrap().len() == 2 && !prices.to_string().contains("web"), "{prices}");
}

/// Whether it is a time as the wire writes it, `2027-01-15T12:00:00.000Z`.
fn is_time(text: &str) -> bool {
    let marks: Vec<char> = text.chars().filter(|c| !c.is_ascii_digit()).collect();
    text.len() == 24 && marks == ['-', '-', 'T', ':', ':', '.', 'Z']
}

/// What gives the stock away.
struct Private(BTreeSet<u64>);

impl Private {
    /// Whether a JSON document has one of the numbers, or two that lead to one.
    fn check(&self, what: &str, value: &Value) {
        let mut numbers = Vec::new();
        self.walk(what, "", value, &mut numbers);
        for one in &numbers {
            for other in &numbers {
                let led = [one + other, one.abs_diff(*other)].iter().any(|number| self.0.contains(number));
                assert!(!led, "{what}: {one} and {other} in {value}");
            }
        }
    }

    fn walk(&self, what: &str, field: &str, value: &Value, numbers: &mut Vec<u64>) {
        match value {
            Value::Number(number) => {
                let number = number.as_f64().unwrap().abs() as u64;
                // What they said themselves is no secret.
                if what.contains(&number.to_string()) {
                    return;
                }
                assert!(!self.0.contains(&number), "{what}: {field} is {number}");
                numbers.push(number);
            }
            // The milliseconds of a clock are three digits by chance.
            Value::String(text) if is_time(text) => {}
            Value::String(text) if !["cursor", "id", "reservation", "state_hash", "next"].contains(&field) => {
                for digits in text.split(|c: char| !c.is_ascii_digit()).filter(|digits| digits.len() < 18) {
                    let number = digits.parse().unwrap_or(0);
                    assert!(!self.0.contains(&number), "{what}: {field} is {text}");
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.walk(what, field, item, numbers)),
            Value::Object(members) => members.iter().for_each(|(field, item)| self.walk(what, field, item, numbers)),
            _ => {}
        }
    }
}

/// A channel that is told bands walks every call of the document, and a socket, as a key that is bound to it and as its
/// name: no answer has a number that gives the stock away.
#[test]
fn bands_are_all_that_is_told_to_who_is_told_bands() {
    let house = House::default();
    let scopes = ["read", "reserve", "fulfil", "stock"];
    let bound = house.key("mkt", &scopes, &["--channel", "mkt"]);
    let free = house.key("free", &["read", "reserve", "fulfil"], &[]);
    let boss = house.key("boss", &["admin"], &[]);
    let server = house.serve(&[]);
    let mut client = server.client();
    let movement = |kind: &str, location: &str, quantity: i64| json!({"movements": [{"kind": kind, "sku": "A", "location": location, "quantity": quantity}]});
    for (location, latitude) in [("s1", 40.0), ("s2", 41.0)] {
        let place = json!({"latitude": latitude, "longitude": -3.0});
        done(&mut client, &boss, "PUT", &format!("/v1/locations/{location}"), &place);
    }
    done(&mut client, &boss, "PUT", "/v1/groups/g", &json!({"locations": ["s1", "s2"]}));
    done(&mut client, &boss, "PUT", "/v1/channels/mkt", &json!({"buffer": 0}));
    done(&mut client, &boss, "PUT", "/v1/channels/pos", &json!({"buffer": 0}));
    done(&mut client, &boss, "POST", "/v1/stock/movements", &movement("receipt", "s1", 8317));
    done(&mut client, &boss, "POST", "/v1/stock/movements", &movement("receipt", "s2", 5113));
    done(
        &mut client,
        &boss,
        "PUT",
        "/v1/rules/bands",
        &json!({"kind": "band", "few_left": 7, "exact": false, "channels": ["mkt"]}),
    );
    done(&mut client, &boss, "PUT", "/v1/rules/safe", &json!({"kind": "safety_stock", "percent": 15}));
    let of_pos = json!({"channel": "pos", "lines": [{"sku": "A", "location": "s1", "quantity": 1291}]});
    done(&mut client, &boss, "POST", "/v1/reservations", &of_pos);
    let supply = json!({"supplies": [{"supply": "PO-1", "sku": "A", "location": "s1", "quantity": 4931, "expected_at": "2050-01-01T00:00:00Z"}]});
    done(&mut client, &boss, "PUT", "/v1/supply", &supply);

    // On hand, reserved, held back, free, available, to come, orderable: of each cell, of the group, and after each sale.
    let mut private = BTreeSet::new();
    let share = |on_hand: u64| (on_hand * 15).div_ceil(100);
    for sold in 0..40 {
        let (one, other) = (8317 - sold, 5113);
        let available = one - 1291 - share(one);
        private.extend([one, 1291, share(one), one - 1291, available, 4931, available + 4931, one - share(one)]);
        private.extend([other, share(other), other - share(other), one + other, available + other - share(other)]);
    }
    let private = Private(private);
    let look = |what: &str, answer: &Answer| {
        for (name, value) in
            answer.headers.iter().filter(|(name, _)| name != "content-length" && name != "x-request-id")
        {
            private.check(what, &json!({name: value}));
        }
        match serde_json::from_slice::<Value>(&answer.body) {
            Ok(body) => private.check(what, &body),
            Err(_) => assert!(answer.body.is_empty() || answer.status == 200, "{what}"),
        }
    };
    // A hold of its own, and one that waits to be ready.
    let own = |client: &mut Client, key: &str, quantity: u64| {
        let hold = json!({"channel": "mkt", "purpose": "pickup", "lines": [{"sku": "A", "location": "s1", "quantity": quantity}]});
        done(client, key, "POST", "/v1/reservations", &hold)["id"].as_str().unwrap().to_owned()
    };
    let document = client.get("/openapi.json").unwrap().json();
    let mut walked = 0;
    // What a policy would move follows from what there is.
    let policy = json!({"kind": "min_max", "to": {"locations": ["s1"]}, "from": ["s2"], "min": 9000, "max": 20000});
    let run = json!({"dry_run": true});
    for (method, path, body) in [
        ("PUT", "/v1/replenishment/p", &policy),
        ("POST", "/v1/replenishment/run", &run),
        ("DELETE", "/v1/replenishment/p", &Value::Null),
    ] {
        assert_eq!(ask(&mut client, &bound, method, path, body).status, 403, "{method} {path}");
    }
    for key in [&bound, &free] {
        let id = own(&mut client, key, 2);
        let line = |quantity: u64| json!({"sku": "A", "location": "s1", "quantity": quantity});
        let short = |quantity: u64, latest: Option<&str>| {
            let mut line = line(quantity);
            if let Some(latest) = latest {
                line["latest"] = json!(latest);
            }
            json!({"channel": "mkt", "lines": [line]})
        };
        let sourced = |quantity: u64, dry_run: bool, weights: Value| json!({"channel": "mkt", "dry_run": dry_run, "weights": weights, "lines": [{"sku": "A", "quantity": quantity}]});
        let stock_weights = json!({"stock": 1.0, "cover": 1.0});
        let bodies = |template: &str| -> Vec<Value> {
            match template {
                "/v1/availability/query" => vec![
                    json!({"skus": ["A", "X"], "channel": "mkt"}),
                    json!({"skus": ["A"], "channel": "mkt", "groups": ["g"]}),
                    json!({"skus": ["A"], "channel": "mkt", "locations": ["s2", "s9"]}),
                ],
                "/v1/stock/movements" => {
                    vec![movement("sale", "s1", 1), movement("receipt", "s1", 1), movement("damage", "s1", 1)]
                }
                "/v1/stock/counts" => vec![json!({"counts": [{"sku": "A", "location": "s1", "on_hand": 8300}]})],
                "/v1/supply" => vec![
                    json!({"supplies": [{"supply": "PO-2", "sku": "A", "location": "s1", "quantity": 0, "expected_at": "2051-01-01T00:00:00Z"}]}),
                ],
                "/v1/reservations" => vec![
                    short(9001, None),
                    short(60_001, Some("2060-01-01T00:00:00Z")),
                    json!({"channel": "mkt", "lines": [{"sku": "A", "group": "g", "quantity": 20_001}]}),
                    json!({"channel": "mkt", "lines": [line(9001), {"sku": "A", "location": "s2", "quantity": 6001}]}),
                    json!({"channel": "mkt", "supersedes": id, "lines": [line(9001)]}),
                    json!({"channel": "mkt", "lines": [line(1)]}),
                ],
                "/v1/sourcing" => vec![
                    sourced(3, true, Value::Null),
                    sourced(3, true, stock_weights.clone()),
                    sourced(9001, true, stock_weights.clone()),
                    sourced(20_001, true, Value::Null),
                    sourced(20_001, false, Value::Null),
                    sourced(2, false, Value::Null),
                ],
                "/v1/reservations/{id}/rebind" => vec![json!({"lines": [{"sku": "A", "location": "s2"}]})],
                "/v1/reservations/{id}/extend" => vec![json!({"ttl_seconds": 900})],
                "/v1/reservations/{id}/collect" => vec![json!({"lines": [{"sku": "A", "quantity": 9001}]}), json!({})],
                _ => vec![json!({})],
            }
        };
        let queries = [
            "",
            "channel=mkt",
            "sku=A",
            "sku=A&channel=mkt",
            "location=s1&channel=mkt",
            "sku=A&location=s1&channel=mkt",
            "sku=A&group=g&channel=mkt",
            "sku=A:9001&channel=mkt",
            "sku=A:3&channel=mkt&near=40.5,-3&radius_km=900",
            "sku=A:3&sku=A:6000&channel=mkt",
            "sku=A&location=s1",
            "location=s1",
        ];
        for (template, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let Some(operation) = operation.as_object().filter(|operation| operation.contains_key("responses"))
                else {
                    continue;
                };
                if template.starts_with("/v1/stream") {
                    continue;
                }
                let named: Vec<_> =
                    operation.get("parameters").and_then(Value::as_array).into_iter().flatten().collect();
                let takes = |query: &str| {
                    query.split('&').filter(|part| !part.is_empty()).all(|part| {
                        named.iter().any(|one| one["name"] == part.split('=').next().unwrap() && one["in"] == "query")
                    })
                };
                let path = template.replace("{id}", &id).replace("{sku}", "A").replace("{location}", "s1");
                let path = path.replace("{group}", "g").replace("{channel}", "mkt").replace("{kind}", "stock");
                let method = method.to_ascii_uppercase();
                let takes_channel = takes("channel=x") || ["POST", "PUT"].contains(&method.as_str());
                // Who is bound to nothing and names no channel is nobody whose numbers are held back.
                let is_asked =
                    |query: &str| key == &bound || query.contains("channel") || !takes_channel || method != "GET";
                let rules: &[&str] = if path.contains("{rule}") { &["bands", "safe"] } else { &[""] };
                for rule in rules {
                    let path = path.replace("{rule}", rule);
                    for query in queries.iter().filter(|query| takes(query) && is_asked(query)) {
                        let path = if query.is_empty() { path.clone() } else { format!("{path}?{query}") };
                        let bodies = if method == "GET" { vec![Value::Null] } else { bodies(template) };
                        for body in bodies {
                            let answer = ask(&mut client, key, &method, &path, &body);
                            assert!(answer.status < 500, "{method} {path}: {}", answer.json());
                            look(&format!("{method} {path} {body}"), &answer);
                            walked += 1;
                        }
                    }
                }
            }
        }
        let mut socket = Socket::connect_with(server.address, &[("authorization", &format!("Bearer {key}"))]).unwrap();
        for mode in ["conflated", "lossless"] {
            let subscribe = json!({"op": "subscribe", "id": mode, "skus": ["A"], "channel": "mkt", "mode": mode});
            socket.send(&subscribe).unwrap();
            private.check(mode, &socket.message().unwrap());
        }
        done(&mut client, &boss, "POST", "/v1/stock/movements", &movement("sale", "s1", 1));
        for _ in 0..2 {
            private.check("a change", &socket.message().unwrap());
        }
        for message in [
            json!({"op": "availability", "id": "a", "skus": ["A"], "channel": "mkt"}),
            json!({"op": "availability", "id": "b", "skus": ["A"], "groups": ["g"], "channel": "mkt"}),
            json!({"op": "reserve", "id": "c", "channel": "mkt", "lines": [line(9001)]}),
            json!({"op": "cancel", "id": "e", "reservation": id}),
            json!({"op": "counts", "id": "f", "counts": [{"sku": "A", "location": "s2", "on_hand": 5113}]}),
        ] {
            // What it counts is its own to say.
            if key == &bound || message["op"] != "counts" {
                let answer = socket.ask(&message).unwrap();
                let mut told = answer.clone();
                if message["op"] == "counts" {
                    assert_eq!(answer["status"], 200, "{answer}");
                    told["body"]["items"][0]["counted"].take();
                }
                private.check(&message.to_string(), &told);
            }
        }
    }
    assert!(walked > 120, "{walked}");
    // What it is promised beyond what is there says how much was there, unless that is not told either; and where there is
    // no room says how much room there is.
    let over = json!({"channel": "mkt", "lines": [{"sku": "A", "location": "s1", "quantity": 9000, "latest": "2060-01-01T00:00:00Z"}]});
    let waits = done(&mut client, &bound, "POST", "/v1/reservations", &over);
    assert_eq!(
        (waits["lines"][0].get("waiting"), waits["lines"][0]["quantity"].as_u64()),
        (Some(&Value::Null), Some(9000)),
        "{waits}"
    );
    let path = format!("/v1/reservations/{}", waits["id"].as_str().unwrap());
    let read = done(&mut client, &bound, "GET", &path, &Value::Null);
    assert_eq!(read["lines"][0]["waiting"], Value::Null);
    done(&mut client, &bound, "POST", &format!("{path}/confirm"), &json!({}));
    for step in ["ready", "collect"] {
        let refused = ask(&mut client, &bound, "POST", &format!("{path}/{step}"), &json!({}));
        assert_eq!((refused.status, refused.slug().as_str()), (409, "wrong-state"));
        assert!(
            !refused.json()["detail"].as_str().unwrap().contains(|c: char| c.is_ascii_digit()),
            "{}",
            refused.json()
        );
    }
    done(&mut client, &bound, "POST", &format!("{path}/cancel"), &json!({}));
    let id = own(&mut client, &bound, 5001);
    let moved = ask(
        &mut client,
        &bound,
        "POST",
        &format!("/v1/reservations/{id}/rebind"),
        &json!({"lines": [{"sku": "A", "location": "s2"}]}),
    );
    assert_eq!((moved.status, &moved.json()["lines"][0]["available"]), (409, &Value::Null), "{}", moved.json());
}

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

/// Texts that a spreadsheet would run go out so that it does not, and come in again as they were; or raw, where that is
/// asked for.
#[test]
fn no_export_is_run_and_each_comes_back() {
    let mut shop = Shop::default();
    let nasty = [
        "=1+1",
        "+1",
        "-2",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "'=1",
        "''=1",
        "'",
        "'t Hooft",
        "a\nb",
        "a\u{0}b",
        " padded ",
        "\u{a0}x",
        "a;=1",
        "a,=cmd|' /C calc'!A0",
        "'\"quoted\"",
        "\"x\"",
        "\u{ff1d}1",
        "5' 3\"",
        "a\u{85}",
        "=HYPERLINK(\"http://evil.example\")",
    ];
    for (at, text) in nasty.iter().enumerate() {
        let body = json!({"name": text, "unit": text, "product": text, "categories": [text, "b;c", "plain"], "attributes": {"colour": text}});
        let put = shop.client.put(&format!("/v1/skus/-S{at}"), &body).unwrap();
        assert_eq!(put.status, 200, "{}", put.json());
        let put = shop
            .client
            .put(&format!("/v1/locations/-L{at}"), &json!({"name": text, "latitude": -40.5, "longitude": -3.7}))
            .unwrap();
        assert_eq!(put.status, 200, "{}", put.json());
    }
    let sale = json!({"movements": [{"kind": "sale", "sku": "-S1", "location": "-L1", "quantity": 2}]});
    assert_eq!(shop.client.post("/v1/stock/movements", &sale).unwrap().status, 200);
    shop.client.put("/v1/groups/-g", &json!({"locations": ["-L1", "-L2"]})).unwrap();
    let rule =
        json!({"kind": "safety_stock", "units": 1, "categories": ["=1+1", "b;c"], "attributes": ["colour==1+1"]});
    assert_eq!(shop.client.put("/v1/rules/-r", &rule).unwrap().status, 200);
    let listed = |shop: &mut Shop, kind: &str| {
        shop.client.get(&format!("/v1/{kind}?limit=1000")).unwrap().json()["items"].clone()
    };
    let kinds = ["skus", "locations", "groups", "stock", "rules"];
    let exports: Vec<_> =
        kinds.iter().map(|kind| shop.client.get(&format!("/v1/export/{kind}")).unwrap().body).collect();
    for (kind, csv) in kinds.iter().zip(&exports) {
        let text = String::from_utf8(csv.clone()).unwrap();
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
        for cell in text.lines().skip(1).flat_map(|line| line.split([',', ';'])) {
            let cell = cell.trim_start_matches('"');
            let is_number = cell.parse::<f64>().is_ok();
            assert!(is_number || !cell.starts_with(['=', '+', '-', '@', '\u{ff1d}']), "{kind}: {cell:?} in {text}");
        }
        // On the spot it changes nothing.
        let seq = shop.seq();
        let told = shop.client.import(&format!("/v1/import/{kind}"), csv).unwrap().json();
        assert_eq!((&told["accepted"], &told["rejected"]), (&json!(0), &json!(0)), "{kind}: {told} {seq}");
    }
    assert!(String::from_utf8_lossy(&exports[3]).contains(",-2,"), "a number stays one");
    // Elsewhere it makes the same shop.
    let mut other = Shop::default();
    for at in [1, 0, 2, 3, 4] {
        let query = if kinds[at] == "stock" { "?create=true" } else { "" };
        let told = other.client.import(&format!("/v1/import/{}{query}", kinds[at]), &exports[at]).unwrap().json();
        assert_eq!(told["rejected"], 0, "{}: {told}", kinds[at]);
    }
    for kind in ["skus", "locations", "groups"] {
        assert_eq!(listed(&mut other, kind), listed(&mut shop, kind), "{kind}");
    }
    assert_eq!(other.cell("-S1", "-L1").0, -2);
    let conditions = |shop: &mut Shop| {
        let rule = shop.client.get("/v1/rules/-r").unwrap().json();
        (rule["categories"].clone(), rule["attributes"].clone())
    };
    assert_eq!(conditions(&mut other), conditions(&mut shop));
    // Raw is what it says, and comes in as it is.
    let raw = String::from_utf8(shop.client.get("/v1/export/skus?raw=true").unwrap().body).unwrap();
    assert!(raw.contains("\n-S0,=1+1,") && !raw.contains("'=1+1"), "{raw}");
    let plain = b"sku,name\nR,'=1\n";
    for (query, name) in [("?raw=true", "'=1"), ("", "=1")] {
        assert_eq!(shop.client.import(&format!("/v1/import/skus{query}"), plain).unwrap().json()["accepted"], 1);
        assert_eq!(shop.client.get("/v1/skus/R").unwrap().json()["name"], name);
    }
    let (folder, data) = shop.stopped();
    for (more, start) in [(&[][..], "'-S0"), (&["--raw"], "-S0")] {
        let file = folder.path().join("out.csv");
        let output = Command::new(binary())
            .arg("export")
            .arg("skus")
            .arg(&file)
            .arg("--data")
            .arg(&data)
            .args(more)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(std::fs::read_to_string(&file).unwrap().lines().nth(1).unwrap().starts_with(start));
    }
}

/// Whoever sets a thing while others set it, too, gets an answer and a tag of one version.
#[test]
fn an_answer_and_its_tag_are_of_one_version() {
    let shop = Shop::default();
    let address = shop.server.address;
    let sent = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..6u64)
            .map(|writer| {
                scope.spawn(move || {
                    let mut client = Client::new(address);
                    let mut seen = Vec::new();
                    for round in 0..40u64 {
                        let buffer = writer * 1000 + round;
                        let answer = client.put("/v1/channels/web", &json!({"buffer": buffer})).unwrap();
                        assert_eq!(answer.status, 200, "{}", answer.json());
                        let read = client.get("/v1/channels/web").unwrap();
                        for answer in [answer, read] {
                            let tag = answer.header("etag").unwrap().trim_matches('"').parse::<u64>().unwrap();
                            seen.push((tag, answer.json()["buffer"].as_u64().unwrap()));
                        }
                        let rule =
                            client.put("/v1/rules/r", &json!({"kind": "safety_stock", "units": buffer})).unwrap();
                        assert_eq!(rule.status, 200, "{}", rule.json());
                        let tag = rule.header("etag").unwrap().trim_matches('"').parse::<u64>().unwrap();
                        seen.push((1_000_000 + tag, rule.json()["units"].as_u64().unwrap()));
                    }
                    seen
                })
            })
            .collect();
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect::<Vec<_>>()
    });
    let mut versions = std::collections::BTreeMap::new();
    for (version, buffer) in sent {
        assert_eq!(*versions.entry(version).or_insert(buffer), buffer, "version {version} is two things");
    }
    assert!(versions.len() > 200);
}
