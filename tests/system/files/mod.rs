//! Files as spreadsheets and shops write them, and out and in again.

mod errors;
mod ids;
mod out_and_in;
mod rows;

use std::io::Write;

use anaquel_loadtest::client::Answer;
use anaquel_loadtest::server::run;
use anaquel_tests::{Shop, binary};
use serde_json::Value;

const NDJSON: &str = "application/x-ndjson";

fn sent(shop: &mut Shop, path: &str, media_type: &str, body: &[u8]) -> Answer {
    shop.client.send("POST", path, &[("Content-Type", media_type)], body).unwrap()
}

fn import(shop: &mut Shop, path: &str, body: &str) -> Value {
    let answer = sent(shop, path, "text/csv", body.as_bytes());
    assert_eq!(answer.status, 200, "{path} {}", answer.json());
    answer.json()
}

fn lines_in(shop: &mut Shop, path: &str, body: &str) -> Value {
    let answer = sent(shop, path, NDJSON, body.as_bytes());
    assert_eq!(answer.status, 200, "{path} {}", answer.json());
    answer.json()
}

/// The line, the field and the reason of an error.
fn error(told: &Value, at: usize) -> (u64, Value, String) {
    let error = &told["errors"][at];
    (error["line"].as_u64().unwrap(), error["field"].clone(), error["reason"].as_str().unwrap().to_owned())
}

/// A shop with the location L1 and the SKUs A and B.
fn shop() -> Shop {
    let mut shop = Shop::default();
    import(&mut shop, "/v1/import/locations", "location\nL1\n");
    import(&mut shop, "/v1/import/skus", "sku\nA\nB\n");
    shop
}

/// A path segment, percent-encoded.
fn encoded(id: &str) -> String {
    let byte =
        |byte: u8| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    id.bytes().map(byte).collect()
}

fn packed(text: &str) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(text.as_bytes()).unwrap();
    out.finish().unwrap()
}

fn said(arguments: &[&str]) -> (i32, String) {
    let output = run(binary(), arguments).unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), text)
}
