//! Transfers over HTTP: what each call answers, who sees them, and units that are kept through tills that move goods all at
//! once and a server that is killed.
//!
//! `TILLS_STEPS=n` and `TILLS_KILLS=n` make the run of the tills longer: 1,500 steps and 5 kills if nothing is said.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use anaquel_loadtest::client::{Answer, Client};
use anaquel_loadtest::server::verify;
use anaquel_seeds::Numbers;
use anaquel_tests::calls::{get, put};
use anaquel_tests::house::{House, ask};
use anaquel_tests::{Shop, binary};
use serde_json::{Value, json};

const SOON: &str = "2099-01-05T09:00:00Z";

/// Three places, and units of A and B in the first.
fn shop() -> Shop {
    let mut shop = Shop::default();
    shop.declare_channels(&["web"]);
    for place in ["s1", "s2", "s3"] {
        put(&mut shop.client, &format!("/v1/locations/{place}"), &json!({}));
    }
    shop.receive("A", "s1", 10);
    shop.receive("B", "s1", 10);
    shop
}

fn body(id: &str, units: u32) -> Value {
    json!({"transfer": id, "from": "s1", "to": "s2", "reason": "on_demand", "expected_at": SOON,
        "lines": [{"sku": "A", "quantity": units}, {"sku": "B", "quantity": 1}]})
}

/// Where each step of a transfer is asked for.
fn step(id: &str, step: &str) -> String {
    format!("/v1/transfers/{id}/{step}")
}

#[track_caller]
fn granted(answer: Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{}", answer.json());
    answer.json()
}

#[track_caller]
fn refused(answer: &Answer, status: u16, slug: &str) {
    assert_eq!((answer.status, answer.slug().as_str()), (status, slug), "{}", answer.json());
}

#[test]
fn a_transfer_is_made_moved_and_told_step_by_step() {
    let mut shop = shop();
    let client = &mut shop.client;
    let made = client.post("/v1/transfers", &body("T-1", 4)).unwrap();
    assert_eq!(made.header("location"), Some("/v1/transfers/T-1"));
    let draft = granted(made, 201);
    assert_eq!(
        (&draft["state"], &draft["reservation"], &draft["reason"]),
        (&json!("draft"), &Value::Null, &json!("on_demand"))
    );
    assert_eq!(get(client, "/v1/transfers/T-1"), draft);
    // Its own id is its key: the same again is the same, and anything else is not.
    assert_eq!(granted(client.post("/v1/transfers", &body("T-1", 4)).unwrap(), 200), draft);
    let other = client.post("/v1/transfers", &body("T-1", 5)).unwrap();
    refused(&other, 409, "already-exists");
    assert_eq!(other.json()["seq"], draft["history"][0]["seq"]);

    let changed = put(client, "/v1/transfers/T-1", &{
        let mut body = body("T-1", 6);
        body.as_object_mut().unwrap().remove("transfer");
        body
    });
    assert_eq!(changed["lines"][0]["quantity"], 6);
    let ready = granted(client.post(&step("T-1", "ready"), &json!({})).unwrap(), 200);
    assert_eq!((&ready["state"], &ready["lines"][0]["reserved"]), (&json!("ready"), &json!(6)));
    let promise = get(client, &format!("/v1/reservations/{}", ready["reservation"].as_str().unwrap()));
    assert_eq!((&promise["channel"], &promise["purpose"]), (&json!("transfer"), &json!("transfer")));
    refused(&client.put("/v1/transfers/T-1", &body("T-1", 2)).unwrap(), 409, "wrong-state");
    let supply = get(client, "/v1/supply?location=s2");
    assert_eq!(supply["items"][0]["supplies"][0]["quantity"], 6, "{supply}");

    // Nobody else moves what is promised for it.
    let id = promise["id"].as_str().unwrap();
    for way in ["cancel", "collect", "ready"] {
        refused(&client.post(&format!("/v1/reservations/{id}/{way}"), &json!({})).unwrap(), 409, "wrong-state");
    }
    let through = json!({"channel": "transfer", "lines": [{"sku": "A", "location": "s1", "quantity": 1}]});
    refused(&client.post("/v1/reservations", &through).unwrap(), 400, "invalid-request");

    refused(&client.post(&step("T-1", "receive"), &json!({"close": true})).unwrap(), 409, "wrong-state");
    let some = json!({"lines": [{"sku": "A", "quantity": 5}], "tracking": "DHL-1"});
    refused(&client.post(&step("T-1", "ship"), &some).unwrap(), 400, "invalid-request");
    let left = granted(client.post_keyed(&step("T-1", "ship"), "ship-1", &some).unwrap(), 200);
    assert_eq!((&left["state"], &left["tracking"]), (&json!("in_transit"), &json!("DHL-1")));
    assert_eq!((&left["lines"][0]["shipped"], &left["lines"][1]["shipped"]), (&json!(5), &json!(0)));
    assert_eq!(client.post(&step("T-1", "ship"), &json!({})).unwrap().json(), left, "it left once");
    refused(&client.post(&step("T-1", "ready"), &json!({})).unwrap(), 409, "wrong-state");
    refused(&client.post(&step("T-1", "cancel"), &json!({})).unwrap(), 400, "invalid-request");

    let arrives = json!({"lines": [{"sku": "A", "quantity": 2, "damaged": 1}], "reference": "note-1"});
    refused(&client.post(&step("T-1", "receive"), &arrives).unwrap(), 400, "invalid-request");
    let first = client.post_keyed(&step("T-1", "receive"), "in-1", &arrives).unwrap();
    let again = client.post_keyed(&step("T-1", "receive"), "in-1", &arrives).unwrap();
    assert_eq!((&again.body, again.header("idempotent-replayed")), (&first.body, Some("true")));
    let by_note = client.post_keyed(&step("T-1", "receive"), "in-2", &arrives).unwrap();
    assert_eq!(by_note.body, first.body, "known by its document");
    assert_eq!((first.status, &first.json()["state"]), (200, &json!("partially_received")));
    assert_eq!(first.json()["lines"][0]["outstanding"], 2);
    let over = granted(client.post(&step("T-1", "cancel"), &json!({"units": "returned"})).unwrap(), 200);
    assert_eq!((&over["state"], &over["lines"][0]["returned"]), (&json!("received"), &json!(2)));
    refused(&client.post(&step("T-1", "cancel"), &json!({"units": "returned"})).unwrap(), 409, "wrong-state");
    assert_eq!(shop.cell("A", "s1"), (7, 0, 7));
    assert_eq!(shop.cell("A", "s2"), (2, 0, 2));
    assert_eq!(shop.cell("A", "quarantine:s2"), (1, 0, 0));
    assert_eq!(shop.cell("B", "s1"), (10, 0, 10));

    let events = get(&mut shop.client, "/v1/events?after=0&limit=1000");
    let kinds: Vec<_> =
        events["items"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap()).collect();
    let of_transfers: Vec<_> = kinds.into_iter().filter(|kind| kind.starts_with("transfer_")).collect();
    let all = ["drafted", "redrafted", "ready", "shipped", "received", "cancelled"];
    assert_eq!(of_transfers, all.map(|kind| format!("transfer_{kind}")));
    let told: Vec<_> = over["history"].as_array().unwrap().iter().map(|step| step["kind"].as_str().unwrap()).collect();
    assert_eq!(told, of_transfers, "its history is what the log tells");
    let mut shop = shop.killed_and_restarted();
    assert_eq!(get(&mut shop.client, "/v1/transfers/T-1"), over);
    let (_folder, data) = shop.stopped();
    verify(binary(), &data).unwrap();
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let mut shop = shop();
    let client = &mut shop.client;
    for (field, value, named) in [
        ("from", json!("nowhere"), "from"),
        ("to", json!("s1"), "to"),
        ("to", json!("nowhere"), "to"),
        ("reason", json!("whim"), "reason"),
        ("lines", json!([]), "lines"),
        ("lines", json!([{"sku": "A", "quantity": 1}, {"sku": "A", "quantity": 1}]), "lines[1].sku"),
        ("lines", json!([{"sku": "Z", "quantity": 1}]), "lines[0].sku"),
        ("lines", json!([{"sku": "A", "quantity": 0}]), "lines[0].quantity"),
        ("expected_at", json!("soon"), "expected_at"),
        ("transfer", json!(""), "transfer"),
        ("found", json!(1), "found"),
    ] {
        let mut body = body("T-9", 1);
        body[field] = value;
        let answer = client.post("/v1/transfers", &body).unwrap();
        refused(&answer, 400, "invalid-request");
        let told = answer.json();
        assert!(told.to_string().contains(named), "{named}: {told}");
    }
    let mut unnamed = body("T-9", 1);
    unnamed.as_object_mut().unwrap().remove("transfer");
    refused(&client.post("/v1/transfers", &unnamed).unwrap(), 400, "invalid-request");
    let named = client.post_keyed("/v1/transfers", "make-1", &unnamed).unwrap();
    let id = granted(named.clone(), 201)["transfer"].as_str().unwrap().to_owned();
    let again = client.post_keyed("/v1/transfers", "make-1", &unnamed).unwrap();
    assert_eq!((again.status, &again.body, again.header("location")), (201, &named.body, named.header("location")));
    refused(&client.post_keyed("/v1/transfers", "make-1", &body("T-8", 1)).unwrap(), 422, "idempotency-mismatch");
    // Found, and so told again under its key.
    let mut as_it_is = Vec::new();
    client.post("/v1/transfers", &body("T-2", 1)).unwrap();
    for _ in 0..2 {
        as_it_is.push(client.post_keyed("/v1/transfers", "make-2", &body("T-2", 1)).unwrap());
    }
    assert_eq!((as_it_is[0].status, as_it_is[1].status), (200, 200), "{}", as_it_is[1].json());
    assert_eq!(as_it_is[0].body, as_it_is[1].body);

    let mut much = body("T-3", 11);
    much["ready"] = json!(true);
    let short = client.post("/v1/transfers", &much).unwrap();
    refused(&short, 409, "insufficient-stock");
    assert_eq!(
        (&short.json()["lines"][0]["requested"], &short.json()["lines"][0]["available"]),
        (&json!(11), &json!(10))
    );
    assert_eq!(client.get("/v1/transfers/T-3").unwrap().status, 404);
    much["allow_partial"] = json!(true);
    assert_eq!(granted(client.post("/v1/transfers", &much).unwrap(), 201)["lines"][0]["reserved"], 10);
    for way in ["ready", "ship", "receive", "cancel"] {
        refused(&client.post(&step("nobody", way), &json!({})).unwrap(), 404, "not-found");
    }
    let ahead = json!({"occurred_at": "2099-01-01T00:00:00Z"});
    refused(&client.post(&step("T-3", "ship"), &ahead).unwrap(), 400, "invalid-request");
    let long_ago = json!({"occurred_at": "2020-01-01T00:00:00Z"});
    refused(&client.post(&step("T-3", "ship"), &long_ago).unwrap(), 400, "invalid-request");
    let back = client.post(&step("T-3", "cancel"), &json!({"units": "eaten"})).unwrap();
    refused(&back, 400, "invalid-request");
    assert_eq!(granted(client.post(&step("T-3", "cancel"), &json!({})).unwrap(), 200)["state"], "cancelled");
    assert_eq!(get(client, &format!("/v1/transfers/{id}"))["state"], "draft");
    assert_eq!(shop.cell("A", "s1"), (10, 0, 10));
}

#[test]
fn a_list_has_what_is_asked_for_page_by_page() {
    let mut shop = shop();
    let client = &mut shop.client;
    for nth in 0..7 {
        let mut one = body(&format!("T-{nth}"), 1);
        one["ready"] = json!(nth % 2 == 0);
        if nth == 3 {
            one["to"] = json!("s3");
            one["reason"] = json!("order");
            one["order"] = json!("W-1");
            one["lines"] = json!([{"sku": "B", "quantity": 1}]);
        }
        granted(client.post("/v1/transfers", &one).unwrap(), 201);
    }
    let found = |client: &mut Client, query: &str| -> Vec<String> {
        let page = get(client, &format!("/v1/transfers?{query}"));
        page["items"].as_array().unwrap().iter().map(|item| item["transfer"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(found(client, "state=ready"), ["T-6", "T-4", "T-2", "T-0"]);
    for query in ["to=s3", "reason=order", "order=W-1", "from=s1&to=s3&state=draft&sku=B"] {
        assert_eq!(found(client, query), ["T-3"], "{query}");
    }
    assert_eq!(found(client, "sku=A").len(), 6);
    assert_eq!(found(client, "sku=A&to=s3").len() + found(client, "run=r").len(), 0);
    for (query, status) in
        [("state=lost", 400), ("reason=whim", 400), ("from=nowhere", 404), ("sku=Z", 404), ("colour=red", 400)]
    {
        assert_eq!(client.get(&format!("/v1/transfers?{query}")).unwrap().status, status, "{query}");
    }
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page = get(client, &format!("/v1/transfers?limit=2{after}"));
        all.extend(page["items"].as_array().unwrap().iter().map(|item| item["transfer"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(all, ["T-6", "T-5", "T-4", "T-3", "T-2", "T-1", "T-0"]);
}

#[test]
fn a_key_sees_and_moves_what_is_of_its_places() {
    let house = House::default();
    let all = house.key("all", &["stock", "read", "import", "admin"], &[]);
    let reader = house.key("reader", &["read", "reserve"], &[]);
    let of_one = house.key("one", &["stock"], &["--location", "s1"]);
    let of_three = house.key("three", &["stock"], &["--location", "s3"]);
    let server = house.serve(&[]);
    let client = &mut server.client();
    for place in ["s1", "s2", "s3"] {
        assert_eq!(ask(client, &all, "PUT", &format!("/v1/locations/{place}"), &json!({})).status, 200);
    }
    let rows = ["A", "B"].map(|sku| json!({"kind": "receipt", "sku": sku, "location": "s1", "quantity": 9}));
    assert_eq!(ask(client, &all, "POST", "/v1/stock/movements", &json!({"movements": rows})).status, 200);
    for (method, path) in [("POST", "/v1/transfers"), ("GET", "/v1/transfers"), ("GET", "/v1/transfers/T-1")] {
        let sent = if method == "POST" { body("T-1", 1) } else { Value::Null };
        assert_eq!(ask(client, &reader, method, path, &sent).status, 403, "{method} {path}");
    }
    assert_eq!(ask(client, &of_three, "POST", "/v1/transfers", &body("T-1", 1)).status, 403);
    let mut ready = body("T-1", 1);
    ready["ready"] = json!(true);
    assert_eq!(ask(client, &of_one, "POST", "/v1/transfers", &ready).status, 201);
    for (key, status, listed) in [(&all, 200, 1), (&of_one, 200, 1), (&of_three, 404, 0)] {
        assert_eq!(ask(client, key, "GET", "/v1/transfers/T-1", &Value::Null).status, status);
        let page = ask(client, key, "GET", "/v1/transfers", &Value::Null).json();
        assert_eq!(page["items"].as_array().unwrap().len(), listed, "{page}");
    }
    for (way, sent) in
        [("ready", json!({})), ("ship", json!({})), ("receive", json!({"close": true})), ("cancel", json!({}))]
    {
        assert_eq!(ask(client, &of_three, "POST", &step("T-1", way), &sent).status, 404, "{way}");
    }
    // Nor does a draft of its own become one of others.
    let mut away = body("T-2", 1);
    (away["from"], away["to"]) = (json!("s2"), json!("s1"));
    assert_eq!(ask(client, &of_one, "POST", "/v1/transfers", &away).status, 201);
    away["to"] = json!("s3");
    assert_eq!(ask(client, &of_one, "PUT", "/v1/transfers/T-2", &away).status, 403);
    let told = ask(client, &of_one, "POST", &step("T-1", "ship"), &json!({})).json();
    assert_eq!((&told["state"], &told["history"][1]["actor"]), (&json!("in_transit"), &json!("one")), "{told}");
    server.stop().unwrap();
    verify(binary(), &house.data()).unwrap();
}

const PLACES: u64 = 30;
const SKUS: u64 = 8;
const TILLS: u64 = 4;

/// What all tills know.
#[derive(Default)]
struct Tills {
    /// By SKU, the units that movements, counts and hand-overs brought or took.
    units: Mutex<BTreeMap<String, i64>>,
    transfers: Mutex<Vec<String>>,
    holds: Mutex<Vec<String>>,
    /// Requests without an answer.
    unanswered: Mutex<Vec<(String, String, Value)>>,
    steps: AtomicU64,
    done: Mutex<BTreeMap<String, (u64, u64)>>,
}

impl Tills {
    /// Notes what an answer says of units.
    fn heard(&self, path: &str, sent: &Value, answer: &Answer) {
        let kind = path.rsplit('/').next().unwrap();
        let kind = if path.contains("/v1/transfers/") { format!("transfer {kind}") } else { kind.to_owned() };
        let is_done = answer.status < 300;
        let mut done = self.done.lock().unwrap();
        let of = done.entry(kind).or_default();
        *if is_done { &mut of.0 } else { &mut of.1 } += 1;
        assert!(answer.status < 500, "{path} {sent}: {}", answer.json());
        if !is_done {
            return;
        }
        let told = answer.json();
        let mut units = self.units.lock().unwrap();
        let mut add = |sku: &Value, change: i64| *units.entry(sku.as_str().unwrap().to_owned()).or_default() += change;
        match path {
            "/v1/stock/movements" => {
                let row = &sent["movements"][0];
                let sign = if row["kind"] == "sale" { -1 } else { 1 };
                add(&row["sku"], sign * row["quantity"].as_i64().unwrap());
            }
            "/v1/stock/counts" => add(&told["items"][0]["sku"], told["items"][0]["delta"].as_i64().unwrap()),
            "/v1/reservations" => self.holds.lock().unwrap().push(told["id"].as_str().unwrap().to_owned()),
            "/v1/transfers" => self.transfers.lock().unwrap().push(told["transfer"].as_str().unwrap().to_owned()),
            path if path.ends_with("/collect") => {
                for line in told["lines"].as_array().unwrap() {
                    add(&line["sku"], -line["collected"].as_i64().unwrap());
                }
            }
            _ => {}
        }
    }

    /// Sends something under a key; false where nobody answers any more.
    fn send(&self, client: &mut Client, key: &str, path: &str, sent: &Value) -> bool {
        match client.post_keyed(path, key, sent) {
            Ok(answer) => {
                self.heard(path, sent, &answer);
                true
            }
            Err(_) => {
                self.unanswered.lock().unwrap().push((key.to_owned(), path.to_owned(), sent.clone()));
                false
            }
        }
    }

    fn pick(numbers: &mut Numbers, from: &Mutex<Vec<String>>, takes: bool) -> Option<String> {
        let mut all = from.lock().unwrap();
        // The newest are those that still change.
        let recent = (all.len() as u64).min(40);
        let nth = all.len().checked_sub(1)? - numbers.below(recent) as usize;
        Some(if takes { all.remove(nth) } else { all[nth].clone() })
    }

    /// One step of a till; false where nobody answers any more.
    fn step(&self, client: &mut Client, numbers: &mut Numbers) -> bool {
        let nth = self.steps.fetch_add(1, Ordering::Relaxed);
        let key = format!("k-{nth}");
        let sku = format!("A{}", numbers.below(SKUS));
        let place = format!("p{}", numbers.below(PLACES));
        let units = 1 + numbers.below(5);
        let (path, sent) = match numbers.below(16) {
            0..=3 => {
                let kind = ["sale", "sale", "receipt", "return"][numbers.below(4) as usize];
                let mut row = json!({"kind": kind, "sku": sku, "location": place, "quantity": units});
                if kind == "return" && numbers.below(2) == 0 {
                    row["condition"] = json!("damaged");
                }
                ("/v1/stock/movements".to_owned(), json!({"movements": [row]}))
            }
            4 => {
                let row = json!({"sku": sku, "location": place, "on_hand": 15 + numbers.below(9)});
                ("/v1/stock/counts".to_owned(), json!({"counts": [row]}))
            }
            5 | 6 => {
                let mut line = json!({"sku": sku, "location": place, "quantity": units});
                if numbers.below(2) == 0 {
                    line["latest"] = json!("2099-02-01T00:00:00Z");
                }
                ("/v1/reservations".to_owned(), json!({"channel": "web", "confirm": true, "lines": [line]}))
            }
            7 => {
                let way = ["cancel", "collect"][numbers.below(2) as usize];
                let Some(id) = Self::pick(numbers, &self.holds, true) else { return true };
                (format!("/v1/reservations/{id}/{way}"), json!({}))
            }
            8 | 9 => {
                let to = format!("p{}", numbers.below(PLACES));
                let other = format!("A{}", numbers.below(SKUS));
                let line = |sku: &str, units: u64| json!({"sku": sku, "quantity": units});
                let mut lines = vec![line(&sku, units)];
                if other != sku {
                    lines.push(line(&other, 1 + numbers.below(4)));
                }
                let mut sent = json!({"from": place, "to": to, "reason": "rebalance", "lines": lines});
                sent["ready"] = json!(numbers.below(2) == 0);
                sent["allow_partial"] = json!(numbers.below(2) == 0);
                if numbers.below(4) > 0 {
                    sent["expected_at"] = json!(SOON);
                }
                ("/v1/transfers".to_owned(), sent)
            }
            of_transfer => {
                let Some(id) = Self::pick(numbers, &self.transfers, false) else { return true };
                let Ok(known) = client.get(&format!("/v1/transfers/{id}")) else { return false };
                let lines = known.json()["lines"].as_array().cloned().unwrap_or_default();
                let some = |field: &str, more: u64, numbers: &mut Numbers| -> Vec<Value> {
                    let units = |line: &Value| line[field].as_u64().unwrap() + more;
                    let some = lines.iter().filter(|line| units(line) > 0);
                    some.map(|line| json!({"sku": line["sku"], "quantity": 1 + numbers.below(units(line))})).collect()
                };
                match of_transfer {
                    10 => (step(&id, "ready"), json!({"allow_partial": true})),
                    11 | 12 => {
                        let lines = some("reserved", 0, numbers);
                        let sent = if numbers.below(3) == 0 { json!({"lines": lines}) } else { json!({}) };
                        (step(&id, "ship"), sent)
                    }
                    13 | 14 => {
                        let more = u64::from(numbers.below(6) == 0);
                        let mut lines = some("outstanding", more, numbers);
                        if numbers.below(4) == 0
                            && let Some(line) = lines.first_mut()
                        {
                            line["damaged"] = json!(1);
                        }
                        (step(&id, "receive"), json!({"lines": lines, "close": numbers.below(4) == 0}))
                    }
                    _ if numbers.below(3) == 0 => {
                        let units = ["returned", "written_off"][numbers.below(2) as usize];
                        (step(&id, "cancel"), json!({"units": units}))
                    }
                    _ => return true,
                }
            }
        };
        self.send(client, &key, &path, &sent)
    }
}

/// All items of a list.
fn all(client: &mut Client, path: &str) -> Vec<Value> {
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let page = get(client, &format!("{path}{}limit=1000{after}", if path.contains('?') { "&" } else { "?" }));
        found.extend(page["items"].as_array().unwrap().iter().cloned());
        match &page["next"] {
            Value::Null => return found,
            Value::String(next) => after = format!("&after={next}"),
            next => after = format!("&after={next}"),
        }
    }
}

/// Σ on_hand + Σ outstanding is what movements, counts and hand-overs say, and what transfers say of surplus and missing
/// units; what is to come is what is promised or outstanding.
fn check(client: &mut Client, tills: &Tills, when: &str) {
    let mut sums: BTreeMap<String, i64> = BTreeMap::new();
    for sku in 0..SKUS {
        let sku = format!("A{sku}");
        for item in all(client, &format!("/v1/stock?sku={sku}&quarantine=true")) {
            *sums.entry(sku.clone()).or_default() += item["on_hand"].as_i64().unwrap();
        }
    }
    let mut expected = tills.units.lock().unwrap().clone();
    let mut to_come: BTreeMap<(String, String), u64> = BTreeMap::new();
    for transfer in all(client, "/v1/transfers") {
        let dated = !transfer["expected_at"].is_null();
        let name = format!("transfer:{}", transfer["history"][0]["seq"]);
        for line in transfer["lines"].as_array().unwrap() {
            let number = |field: &str| line[field].as_i64().unwrap();
            let sku = line["sku"].as_str().unwrap().to_owned();
            let gone = number("received") + number("damaged") + number("missing") + number("returned");
            assert_eq!(number("shipped") + number("surplus"), gone + number("outstanding"), "{when}: {transfer}");
            *sums.entry(sku.clone()).or_default() += number("outstanding");
            *expected.entry(sku.clone()).or_default() += number("surplus") - number("missing");
            let open = (number("reserved") + number("outstanding")) as u64;
            if dated && open > 0 {
                to_come.insert((name.clone(), sku), open);
            }
        }
    }
    assert_eq!(sums, expected, "{when}: units in all places and on their way");
    let mut told = BTreeMap::new();
    for cell in all(client, "/v1/supply") {
        for supply in cell["supplies"].as_array().unwrap() {
            let of = (supply["supply"].as_str().unwrap().to_owned(), cell["sku"].as_str().unwrap().to_owned());
            told.insert(of, supply["quantity"].as_u64().unwrap());
        }
    }
    assert_eq!(told, to_come, "{when}: what is to come is promised or on its way, and nothing else");
}

#[test]
fn tills_that_move_goods_all_at_once_lose_no_unit_in_a_server_that_is_killed() {
    let seed = anaquel_seeds::seed();
    let mut numbers = Numbers::new(seed.value());
    let steps = anaquel_seeds::number("TILLS_STEPS").unwrap_or(1500);
    let kills = anaquel_seeds::number("TILLS_KILLS").unwrap_or(5);
    let began = std::time::Instant::now();
    let mut shop = Shop::default();
    shop.declare_channels(&["web"]);
    let tills = Tills::default();
    for place in 0..PLACES {
        put(&mut shop.client, &format!("/v1/locations/p{place}"), &json!({}));
        for sku in 0..SKUS {
            let row =
                json!({"kind": "receipt", "sku": format!("A{sku}"), "location": format!("p{place}"), "quantity": 20});
            let sent = json!({"movements": [row]});
            assert!(tills.send(&mut shop.client, &format!("first-{place}-{sku}"), "/v1/stock/movements", &sent));
        }
    }
    let mut cut_off = 0;
    for round in 0..=kills {
        let upto = steps * (round + 1) / (kills + 1);
        // A kill comes while some of them are under way.
        let killed_at = upto - numbers.below(20).min(upto / 2);
        let address = shop.server.address;
        shop = std::thread::scope(|scope| {
            for _ in 0..TILLS {
                let mut numbers = Numbers::new(numbers.draw());
                let tills = &tills;
                scope.spawn(move || {
                    let mut client = Client::new(address);
                    while tills.steps.load(Ordering::Relaxed) < upto && tills.step(&mut client, &mut numbers) {}
                });
            }
            if round == kills {
                return shop;
            }
            while tills.steps.load(Ordering::Relaxed) < killed_at {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            shop.killed_and_restarted()
        });
        // Whoever has no answer asks again, in any order.
        let unanswered = std::mem::take(&mut *tills.unanswered.lock().unwrap());
        cut_off += unanswered.len();
        for (key, path, sent) in unanswered {
            assert!(tills.send(&mut shop.client, &key, &path, &sent));
        }
        tills.steps.fetch_max(upto, Ordering::Relaxed);
        check(&mut shop.client, &tills, &format!("after kill {round}"));
    }
    let transfers = all(&mut shop.client, "/v1/transfers");
    let mut states: BTreeMap<&str, u64> = BTreeMap::new();
    transfers.iter().for_each(|transfer| *states.entry(transfer["state"].as_str().unwrap()).or_default() += 1);
    println!(
        "{} steps, {kills} kills, {cut_off} cut off, {} transfers {states:?} in {:.1} s; done and refused: {:?}",
        tills.steps.load(Ordering::Relaxed),
        transfers.len(),
        began.elapsed().as_secs_f64(),
        tills.done.lock().unwrap()
    );
    assert!(states.contains_key("received") && transfers.len() as u64 > steps / 40, "{states:?}");
    let (_folder, data) = shop.stopped();
    verify(binary(), &data).unwrap();
}
