//! The examples of `server/examples`, each against a server that is running.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anaquel_tests::Shop;
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(60);

/// An example, which cargo builds beside the tests when it builds everything (`cargo test --workspace`, or
/// `cargo build --workspace --examples`). Where it is absent or older than its source, a test that needs it says so and
/// passes, except on CI.
fn example(name: &str) -> Option<PathBuf> {
    let here = std::env::current_exe().unwrap();
    let built = here.parent().and_then(Path::parent).unwrap().join("examples").join(name);
    let changed = |path: &Path| path.metadata().and_then(|file| file.modified());
    let sources = anaquel_tests::root().join("server/examples");
    let sources = [sources.join(format!("{name}.rs")), sources.join("client/mod.rs")];
    let is_new = |at| sources.iter().all(|source| changed(source).unwrap() <= at);
    if changed(&built).is_ok_and(is_new) {
        return Some(built);
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{} is absent or old", built.display());
    eprintln!("skipped: {} is absent or old; `cargo build --workspace --examples` builds it", built.display());
    None
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(shop: &Shop, example: &Path, arguments: &[&str]) -> Running {
    let mut command = Command::new(example);
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
    let Some(example) = example("checkout") else { return };
    let mut shop = shop();
    let text = said(start(&shop, &example, &[]));
    for part in [
        "available to promise",
        "replaces the cart",
        "paid: confirmed",
        "done once",
        "-2 over ",
        ", due 0",
        "would succeed: {",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let orders = shop.client.get("/v1/reservations?state=confirmed&customer=c-81").unwrap().json();
    assert_eq!(orders["items"].as_array().unwrap().len(), 2, "{orders}");
}

#[test]
fn a_till_sells_and_hands_over() {
    let Some(example) = example("till") else { return };
    let mut shop = shop();
    let line = json!({"sku": "TSHIRT-RED-M", "location": "es-001", "quantity": 1});
    let order = json!({"channel": "web", "purpose": "pickup", "order": "W-1", "confirm": true, "lines": [line]});
    let receipt = json!({"kind": "receipt", "sku": "TSHIRT-RED-M", "location": "es-001", "quantity": 9});
    assert_eq!(shop.client.post("/v1/stock/movements", &json!({"movements": [receipt]})).unwrap().status, 200);
    assert_eq!(shop.client.post("/v1/reservations", &order).unwrap().status, 201);
    let text = said(start(&shop, &example, &["es-001"]));
    assert_eq!(text.matches("is durable at seq").count(), 2, "{text}");
    assert!(text.contains("-back of ") && text.contains(": settled"), "{text}");
    assert!(text.contains("  cash: "), "{text}");
    assert!(text.contains("order W-1: collected"), "{text}");
}

#[test]
fn an_importer_tells_lines_and_changes_nothing_twice() {
    let Some(example) = example("importer") else { return };
    let text = said(start(&shop(), &example, &[]));
    assert!(text.contains("first run: 2 accepted, 0 unchanged, 1 rejected"), "{text}");
    assert!(text.contains("second run: 0 accepted, 2 unchanged, 1 rejected"), "{text}");
    assert_eq!(text.matches("line 4, location: ").count(), 2, "{text}");
}

#[test]
fn a_stream_reader_misses_nothing_while_it_is_cut_off() {
    let Some(example) = example("stream_reader") else { return };
    let mut shop = shop();
    let mut reader = start(&shop, &example, &["5", "cut"]);
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
