//! Exports carry no formula that a spreadsheet would run.

use std::process::Command;

use anaquel_tests::{Shop, binary};
use serde_json::json;

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
