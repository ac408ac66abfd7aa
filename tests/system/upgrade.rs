//! A data directory of every format that was ever written opens, and goes on in today's.
//!
//! `tests/data/format-1.tar.gz` was made by a build that wrote format 1: two imports, three reservations at different
//! points of their lives, a checkpoint of an orderly stop, and one sale after it that was cut off by a kill. `format-2.tar.gz`
//! was made by one that wrote format 2: rules, a group, a hold asked of it in the checkpoint, and its binding behind that.
//! `format-3.tar.gz`: supply, an allowance and a promise of them in the checkpoint, and a receipt that fills one unit behind it.
//! `format-5.tar.gz`: hours of two locations, the second behind the checkpoint and under a key, and two pickups, one of them where
//! today none is taken. `format-6.tar.gz`: a return in quarantine and an order in the checkpoint, a SKU that is retired and
//! a count that found what the books say behind it, each under a key. `format-7.tar.gz`: prices and a
//! transfer in the checkpoint; a price that was set anew and a SKU that was retired with its price behind it.

use std::path::Path;
use std::process::Command;

use anaquel_loadtest::client::Client;
use anaquel_loadtest::server::{Server, verify};
use anaquel_tests::binary;
use anaquel_tests::folder::{Folder, folder};
use serde_json::{Value, json};

fn unpack(archive: &str) -> Folder {
    let folder = folder();
    let archive = anaquel_tests::root().join("tests/data").join(archive);
    let unpacked = Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(folder.path()).status().unwrap();
    assert!(unpacked.success());
    folder
}

/// The cells: SKU, location, on hand, reserved.
fn stock(client: &mut Client) -> String {
    let told = client.get("/v1/availability?sku=A&sku=B").unwrap().json();
    let cell = |item: &Value| {
        let text = |name: &str| item[name].as_str().unwrap().to_owned();
        format!("{} {} {} {}", text("sku"), text("location"), item["on_hand"], item["reserved"])
    };
    let mut cells: Vec<_> = told["items"].as_array().unwrap().iter().map(cell).collect();
    cells.sort_unstable();
    cells.join(", ")
}

const STOCK_1: &str = "A s1 8 1, A s2 20 5, B s1 2 1";
const STOCK_2: &str = "A s1 5 3, A s2 5 0, B s1 3 0";
const STOCK_3: &str = "A s1 5 0, A s2 3 0, B s1 3 3";

/// After a kill the log proves what the server showed, and a restart shows it again.
fn goes_on(server: Server, data: &Path) {
    let hash = server.client().get("/v1/info").unwrap().json()["state_hash"].as_str().unwrap().to_owned();
    server.kill().unwrap();
    assert_eq!(verify(binary(), data).unwrap(), hash);
    let server = Server::start(binary(), data, &[]).unwrap();
    assert_eq!(server.client().get("/v1/info").unwrap().json()["state_hash"], hash.as_str());
    server.stop().unwrap();
}

#[test]
fn a_directory_of_format_1_is_what_it_was_and_goes_on() {
    let folder = unpack("format-1.tar.gz");
    let data = folder.path().join("data");

    let server = Server::start(binary(), &data, &[]).unwrap();
    let mut client = server.client();
    let info = client.get("/v1/info").unwrap().json();
    assert_eq!((&info["seq"], &info["cells"]), (&json!(21), &json!(3)));
    assert_eq!(stock(&mut client), STOCK_1, "as the build that wrote it showed it");
    let order = client.get("/v1/reservations/r-ARM9V-12").unwrap().json();
    assert_eq!((&order["state"], &order["pickup_code"]), (&json!("ready"), &json!("WYV2VX")));
    assert_eq!(order["lines"][0], json!({"sku": "A", "location": "s1", "requested": 2, "quantity": 2, "collected": 1}));
    let kinds: Vec<_> = order["history"].as_array().unwrap().iter().map(|step| step["kind"].clone()).collect();
    assert_eq!(kinds, ["reserved", "confirmed", "ready", "collected"]);
    // A request that was answered by the old build is answered the same by this one.
    let again =
        json!({"channel": "web", "lines": [{"sku": "A", "location": "s2", "quantity": 5}], "ttl_seconds": 2_678_400});
    let again = client.post_keyed("/v1/reservations", "k2", &again).unwrap();
    assert_eq!((again.status, &again.json()["id"]), (201, &json!("r-ARM9V-13")));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));

    // From here on the log has two formats.
    let rule = client.put("/v1/rules/all", &json!({"kind": "safety_stock", "units": 2})).unwrap();
    assert_eq!(rule.status, 200, "{}", rule.json());
    let line = json!({"sku": "A", "group": "g", "quantity": 1});
    assert_eq!(client.post("/v1/reservations", &json!({"channel": "web", "lines": [line]})).unwrap().status, 201);
    goes_on(server, &data);
}

#[test]
fn a_directory_of_format_3_is_what_it_was_and_goes_on() {
    let folder = unpack("format-3.tar.gz");
    let data = folder.path().join("data");
    let server = Server::start(binary(), &data, &[]).unwrap();
    let mut client = server.client();
    let info = client.get("/v1/info").unwrap().json();
    assert_eq!((&info["seq"], &info["cells"]), (&json!(8), &json!(3)));
    assert_eq!(stock(&mut client), STOCK_3, "as the build that wrote it showed it");
    let hold = client.get("/v1/reservations/r-505A9-7").unwrap().json();
    assert_eq!((&hold["lines"][0]["quantity"], &hold["lines"][0]["waiting"]), (&json!(4), &json!(1)), "{hold}");

    // From here on the log has two formats.
    let receipt = json!({"movements": [{"kind": "receipt", "sku": "B", "location": "s1", "quantity": 1}]});
    assert_eq!(client.post("/v1/stock/movements", &receipt).unwrap().status, 200);
    let hold = client.get("/v1/reservations/r-505A9-7").unwrap().json();
    assert_eq!(hold["lines"][0]["waiting"], json!(0), "{hold}");
    goes_on(server, &data);
}

#[test]
fn a_directory_of_format_2_is_what_it_was_and_goes_on() {
    let folder = unpack("format-2.tar.gz");
    let data = folder.path().join("data");
    let server = Server::start(binary(), &data, &[]).unwrap();
    let mut client = server.client();
    let info = client.get("/v1/info").unwrap().json();
    assert_eq!((&info["seq"], &info["cells"]), (&json!(9), &json!(3)));
    assert_eq!(stock(&mut client), STOCK_2, "as the build that wrote it showed it");
    let hold = client.get("/v1/reservations/r-D6HX9-8").unwrap().json();
    let places: Vec<_> = hold["lines"].as_array().unwrap().iter().map(|line| line["location"].clone()).collect();
    assert_eq!(places, [Value::Null, json!("s1")], "{hold}");
    let refused = json!({"channel": "web", "lines": [{"sku": "B", "location": "s1", "quantity": 1}]});
    let refused = client.post("/v1/reservations", &refused).unwrap().json();
    assert_eq!((&refused["lines"][0]["rule"], &refused["lines"][0]["constraint"]), (&json!("share"), &json!("quota")));

    // From here on the log has two formats.
    let row =
        json!({"supply": "PO", "sku": "A", "location": "s1", "quantity": 9, "expected_at": "2109-01-01T00:00:00Z"});
    assert_eq!(client.put("/v1/supply", &json!({"supplies": [row]})).unwrap().status, 200);
    let line = json!({"sku": "A", "location": "s1", "quantity": 9, "latest": "2109-01-02T00:00:00Z"});
    let made = client.post("/v1/reservations", &json!({"channel": "app", "lines": [line]})).unwrap();
    assert_eq!(made.status, 201, "{}", made.json());
    goes_on(server, &data);
}

#[test]
fn a_directory_of_format_5_is_what_it_was_and_goes_on() {
    let folder = unpack("format-5.tar.gz");
    let data = folder.path().join("data");
    let server = Server::start(binary(), &data, &[]).unwrap();
    let mut client = server.client();
    let info = client.get("/v1/info").unwrap().json();
    assert_eq!((&info["seq"], &info["cells"]), (&json!(15), &json!(3)));
    let place = client.get("/v1/locations/s1").unwrap().json();
    assert_eq!((&place["hours"]["mon"], &place["hours"]["sun"]), (&json!("10:00-14:00,17:00-20:00"), &json!("closed")));
    let unknown = client.get("/v1/locations/s2").unwrap().json();
    assert_eq!(unknown["hours"], Value::Null, "nobody said when people work there");
    // A request that was answered by the old build is answered the same by this one.
    let again = json!({"timezone": "UTC", "hours": {"wed": "09:00-17:00"}});
    let headers = [("Content-Type", "application/json"), ("Idempotency-Key", "p5")];
    let again = client.send("PUT", "/v1/locations/s3", &headers, again.to_string().as_bytes()).unwrap();
    assert_eq!((again.status, again.header("idempotent-replayed")), (200, Some("true")), "{}", again.json());
    assert_eq!(again.json()["hours"]["wed"], "09:00-17:00");
    // What was promised stands; from here on the place takes none.
    let line = json!({"sku": "A", "location": "s1", "quantity": 1});
    let refused = json!({"channel": "web", "purpose": "pickup", "lines": [line]});
    let refused = client.post("/v1/reservations", &refused).unwrap().json();
    assert_eq!(refused["lines"][0]["constraint"], "access", "{refused}");
    let order = "/v1/reservations/r-B4ZVJ-2D1NSRK9YC6890JRGPGFQAYE62";
    let moved = client.put(&format!("{order}/pickup-by"), &json!({"pickup_by": "2109-01-01T00:00:00Z"})).unwrap();
    assert_eq!(moved.status, 200, "{}", moved.json());

    // From here on the log has two formats.
    let special = json!([{"date": "2027-01-06", "hours": []}]);
    let set = json!({"pickup": false, "hours": {"mon": "10:00-11:00"}, "special_hours": special});
    assert_eq!(client.put("/v1/locations/s1", &set).unwrap().status, 200);
    goes_on(server, &data);
}

#[test]
fn a_directory_of_format_6_is_what_it_was_and_goes_on() {
    let folder = unpack("format-6.tar.gz");
    let data = folder.path().join("data");
    let server = Server::start(binary(), &data, &[]).unwrap();
    let mut client = server.client();
    let info = client.get("/v1/info").unwrap().json();
    assert_eq!((&info["seq"], &info["cells"]), (&json!(16), &json!(3)));
    assert_eq!(stock(&mut client), "A s1 9 3, B s2 4 0", "as the build that wrote it showed it");
    // Requests that were answered by the old build are answered the same by this one.
    let line = json!({"sku": "A", "location": "s1", "quantity": 3});
    let again = json!({"channel": "web", "lines": [line], "confirm": true, "order": "W-6"});
    let again = client.post_keyed("/v1/reservations", "k6", &again).unwrap();
    assert_eq!((again.status, &again.json()["id"]), (201, &json!("r-ZF0SQ-4Q596FT6N3E7P772K0MYZ2MT6M")));
    let headers = [("Content-Type", "application/json"), ("Idempotency-Key", "d6")];
    let again = client.send("DELETE", "/v1/skus/OLD", &headers, b"").unwrap();
    assert_eq!((again.status, again.header("idempotent-replayed")), (200, Some("true")), "{}", again.json());

    // From here on the log has two formats.
    let lines = json!([{"sku": "A", "quantity": 2}]);
    let transfer = json!({"transfer": "T-1", "from": "s1", "to": "s2", "reason": "on_demand", "lines": lines,
        "ready": true});
    assert_eq!(client.post("/v1/transfers", &transfer).unwrap().status, 201);
    assert_eq!(client.post("/v1/transfers/T-1/ship", &json!({})).unwrap().status, 200);
    assert_eq!(stock(&mut client), "A s1 7 3, B s2 4 0");
    goes_on(server, &data);
}

#[test]
fn a_directory_of_format_7_is_what_it_was_and_goes_on() {
    let folder = unpack("format-7.tar.gz");
    let data = folder.path().join("data");
    let server = Server::start(binary(), &data, &[]).unwrap();
    let mut client = server.client();
    let info = client.get("/v1/info").unwrap().json();
    assert_eq!((&info["seq"], &info["cells"]), (&json!(20), &json!(3)));
    assert_eq!(info["state_parts"]["prices"], "63cc7eaf52f00997131a3aa9cc31d4e4", "as the build that wrote it had it");
    assert_eq!(info["files_hash"], "f9ecb96aa147a9059c9709eddf57ef6d");
    assert_eq!(stock(&mut client), "A s1 9 2, A s2 3 0, B s2 4 0");
    let told = client.get("/v1/prices?sku=A").unwrap().json();
    let price = |row: &Value| (row["amount"].clone(), row["channel"].clone(), row["location"].clone());
    let prices: Vec<_> = told["items"].as_array().unwrap().iter().map(price).collect();
    let expected =
        [(1895, Value::Null, Value::Null), (1795, json!("web"), Value::Null), (39_900, Value::Null, json!("s1"))];
    assert_eq!(prices, expected.map(|(amount, channel, location)| (json!(amount), channel, location)), "{told}");
    // Requests that were answered by the old build are answered the same by this one.
    let headers = [("Content-Type", "application/json"), ("Idempotency-Key", "d7")];
    let again = client.send("DELETE", "/v1/skus/OLD", &headers, b"").unwrap();
    assert_eq!((again.status, again.header("idempotent-replayed")), (200, Some("true")), "{}", again.json());

    // From here on the log has two formats.
    assert_eq!(client.put("/v1/price-lists/sale", &json!({"currency": "EUR", "kind": "sale"})).unwrap().status, 200);
    let rows =
        json!([{"price_list": "sale", "sku": "A", "amount": 1500}, {"sku": "B", "currency": "EUR", "amount": 600}]);
    assert_eq!(client.put("/v1/prices", &json!({"prices": rows})).unwrap().status, 200);
    let asked = json!({"lines": [{"sku": "A"}, {"sku": "B"}], "channel": "web", "currency": "EUR"});
    let told = client.post("/v1/prices/query", &asked).unwrap().json();
    let amounts = (&told["items"][0]["amount"], &told["items"][0]["prior_amount"], &told["items"][1]["amount"]);
    assert_eq!(amounts, (&json!(1500), &json!(1795), &json!(600)), "{told}");
    goes_on(server, &data);
}
