//! A caller that is told bands is told no number from which one could be computed.

use std::collections::BTreeSet;

use anaquel_loadtest::client::{Answer, Client};
use anaquel_loadtest::socket::Socket;
use anaquel_tests::house::{House, ask};
use serde_json::{Value, json};

use super::done;

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
