//! A data directory of every format that was ever written opens, and goes on in today's.
//!
//! `tests/data/format-1.tar.gz` was made by a build that wrote format 1: two imports, three reservations at different
//! points of their lives, an image of an orderly stop, and one sale after it that was cut off by a kill.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails shall say where")]

use std::path::Path;
use std::process::Command;

use anaquel_loadtest::server::{Server, verify};
use anaquel_tests::binary;
use serde_json::json;

#[test]
fn a_directory_of_format_1_is_what_it_was_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/format-1.tar.gz");
    let unpacked = Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(folder.path()).status().unwrap();
    assert!(unpacked.success());
    let data = folder.path().join("data");

    let server = Server::start(binary(), &data, &[]).unwrap();
    let mut client = server.client();
    let info = client.get("/v1/info").unwrap().json();
    assert_eq!((&info["seq"], &info["cells"]), (&json!(21), &json!(3)));
    assert_eq!(info["state_hash"], "4a6d5577e9f313cc3f75c448e16148e5", "as the build that wrote it showed it");
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
    assert_eq!(client.post("/v1/reservations", &json!({"channel": "pos", "lines": [line]})).unwrap().status, 201);
    let hash = client.get("/v1/info").unwrap().json()["state_hash"].as_str().unwrap().to_owned();
    server.kill().unwrap();
    assert_eq!(verify(binary(), &data).unwrap(), hash);
    let server = Server::start(binary(), &data, &[]).unwrap();
    assert_eq!(server.client().get("/v1/info").unwrap().json()["state_hash"], hash.as_str());
    server.stop().unwrap();
}
