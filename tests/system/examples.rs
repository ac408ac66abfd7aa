//! The examples of `server/examples`, each against a server that is running.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails shall say where")]

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Once;
use std::time::{Duration, Instant};

use anaquel_tests::Shop;
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(60);

/// An example, built with the profile of the tests.
fn example(name: &str) -> PathBuf {
    static BUILT: Once = Once::new();
    let here = std::env::current_exe().unwrap();
    let folder = here.parent().and_then(Path::parent).unwrap().to_owned();
    BUILT.call_once(|| {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--workspace", "--examples", "--quiet"]);
        if folder.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().unwrap().success(), "the examples are built");
    });
    folder.join("examples").join(name)
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(shop: &Shop, name: &str, arguments: &[&str]) -> Running {
    let mut command = Command::new(example(name));
    command.arg(shop.server.address.to_string()).args(arguments).env_remove("ANAQUEL_KEY");
    Running(command.stdout(Stdio::piped()).spawn().unwrap())
}

/// Waits until it has ended well, and tells what it said from there on.
fn said(mut running: Running) -> String {
    let began = Instant::now();
    let status = loop {
        match running.0.try_wait().unwrap() {
            Some(status) => break status,
            None => assert!(began.elapsed() < PATIENCE, "it does not end"),
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let mut text = String::new();
    running.0.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(status.success(), "{status}: {text}");
    text
}

fn shop() -> Shop {
    Shop::with(&["--demo"])
}

#[test]
fn a_checkout_holds_replaces_and_confirms() {
    let mut shop = shop();
    let text = said(start(&shop, "checkout", &[]));
    for part in ["available to promise", "replaces the cart", "paid: confirmed", "done once", "would succeed: {"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let orders = shop.client.get("/v1/reservations?state=confirmed").unwrap().json();
    assert_eq!(orders["items"].as_array().unwrap().len(), 1, "{orders}");
}

#[test]
fn a_till_sells_and_hands_over() {
    let mut shop = shop();
    let line = json!({"sku": "TSHIRT-RED-M", "location": "es-001", "quantity": 1});
    let order = json!({"channel": "web", "purpose": "pickup", "order": "W-1", "confirm": true, "lines": [line]});
    let receipt = json!({"kind": "receipt", "sku": "TSHIRT-RED-M", "location": "es-001", "quantity": 9});
    assert_eq!(shop.client.post("/v1/stock/movements", &json!({"movements": [receipt]})).unwrap().status, 200);
    assert_eq!(shop.client.post("/v1/reservations", &order).unwrap().status, 201);
    let text = said(start(&shop, "till", &["es-001"]));
    assert_eq!(text.matches("is durable at seq").count(), 2, "{text}");
    assert!(text.contains("order W-1: collected"), "{text}");
}

#[test]
fn an_importer_tells_lines_and_changes_nothing_twice() {
    let text = said(start(&shop(), "importer", &[]));
    assert!(text.contains("first run: 2 accepted, 0 unchanged, 1 rejected"), "{text}");
    assert!(text.contains("second run: 0 accepted, 2 unchanged, 1 rejected"), "{text}");
    assert_eq!(text.matches("line 4, location: ").count(), 2, "{text}");
}

#[test]
fn a_stream_reader_misses_nothing_while_it_is_cut_off() {
    let mut shop = shop();
    let mut reader = start(&shop, "stream_reader", &["5", "cut"]);
    let mut lines = BufReader::new(reader.0.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().starts_with("snapshot at seq"));
    // One at a time, since a conflated subscription may tell two changes as one.
    for _ in 0..5 {
        shop.receive("TSHIRT-RED-M", "es-001", 1);
        assert!(lines.next().unwrap().unwrap().starts_with("delta at seq"));
        let _ = lines.next();
    }
    assert!(reader.0.wait().unwrap().success());
}
