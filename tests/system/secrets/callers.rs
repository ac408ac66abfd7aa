//! What another caller has is not shown, and no host name reads anything that the server does not answer to.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;

use anaquel_loadtest::client::Client;
use anaquel_loadtest::server::Server;
use anaquel_loadtest::socket::Socket;
use anaquel_tests::Shop;
use anaquel_tests::house::{House, ask};
use serde_json::{Value, json};

use super::done;

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

/// Sends a head as it is; the status and the body of the answer.
pub(super) fn raw(server: &Server, head: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap_or_default().parse().unwrap_or(0);
    (status, answer.split_once("\r\n\r\n").map_or_else(String::new, |(_, body)| body.to_owned()))
}

/// How long an answer may take.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);
