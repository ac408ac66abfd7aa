//! Files as spreadsheets and shops write them, and out and in again.

use std::collections::BTreeMap;
use std::io::Write;

use anaquel_loadtest::client::Answer;
use anaquel_loadtest::server::run;
use anaquel_seeds::{Seed, seed};
use anaquel_tests::calls::counts;
use anaquel_tests::files::{KINDS, export, goes_round};
use anaquel_tests::folder::folder;
use anaquel_tests::{Shop, binary};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

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

/// F4: fields with line breaks, as every export with descriptions has them.
#[test]
fn quoted_line_breaks_belong_to_their_row() {
    let mut shop = shop();
    let file = "sku,name,attr.text\r\nA,\"two\r\nlines, and \"\"more\"\"\",\"\n\n\"\r\nB,\" kept \",x\r\nC,\"open\r\nD,d,y\r\n";
    let told = import(&mut shop, "/v1/import/skus", file);
    assert_eq!(counts(&told), (3, 0, 1), "{told}");
    let (line, _, reason) = error(&told, 0);
    assert!(line == 7 && reason.contains("an unclosed quote on this line"), "{told}");
    assert_eq!(shop.client.get("/v1/skus/A").unwrap().json()["name"], "two\r\nlines, and \"more\"");
    assert_eq!(shop.client.get("/v1/skus/B").unwrap().json()["name"], " kept ");
    assert_eq!(shop.client.get("/v1/skus/D").unwrap().json()["name"], "d");
}

/// F5: what may mean two things is refused by line, and nothing of it is stored.
#[test]
fn broken_quotes_and_doubled_members_are_refused_by_line() {
    let mut shop = shop();
    let told = import(&mut shop, "/v1/import/stock", "sku,location,on_hand\nA,L1,\"1\"2\nB,L1,3\n");
    assert_eq!(counts(&told), (1, 0, 1), "{told}");
    let (line, _, reason) = error(&told, 0);
    assert!(line == 2 && reason.contains("after a closing quote"), "{told}");
    for row in [
        r#"{"sku":"A","location":"L1","on_hand":1,"on_hand":2}"#,
        r#"{"sku":"A","location":"L1","on_hand":1,"ON_HAND":2}"#,
        r#"{"sku":"A","location":"L1","on_hand":1,"\u006fn_hand":2}"#,
    ] {
        let told = lines_in(&mut shop, "/v1/import/stock", row);
        assert!(counts(&told) == (0, 0, 1) && error(&told, 0).2.contains("twice"), "{row} {told}");
    }
    let told = lines_in(&mut shop, "/v1/import/skus", r#"{"sku":"A","attributes":{"a":"1","a":"2"}}"#);
    assert!(error(&told, 0).2.contains("twice"), "{told}");
    let answer = shop.client.send(
        "PUT",
        "/v1/skus/A",
        &[("Content-Type", "application/json")],
        br#"{"attributes":{"a":"1","a":"2"}}"#,
    );
    assert_eq!(answer.unwrap().status, 400);
    let cells = shop.client.get("/v1/availability?sku=A").unwrap().json();
    assert_eq!(cells["items"], json!([]), "nothing of it is stored");
}

/// F6: read where it is certain, else refused with the hint.
#[test]
fn separators_names_and_numbers_are_read_where_they_are_certain() {
    let mut shop = shop();
    for separator in [";", "\t", "|", ","] {
        let file = "\u{feff}SKU;Location;ON_HAND;Safety_Stock\r\nA;L1;100.0000;2\r\n;;;\r\n".replace(';', separator);
        let told = import(&mut shop, "/v1/import/stock", &file);
        assert_eq!(told["rejected"], 0, "{separator:?} {told}");
        assert_eq!((shop.cell("A", "L1").0, shop.cell("A", "L1").2), (100, 98));
    }
    let told = import(&mut shop, "/v1/import/stock", "sku;location;on_hand\nA;L1;1.234,00\nA;L1;1.000\n");
    assert_eq!(counts(&told), (0, 0, 2), "{told}");
    let hint = |at| (error(&told, at).0, error(&told, at).1, error(&told, at).2.contains("decimal=comma"));
    assert_eq!((hint(0), hint(1)), ((2, json!("on_hand"), true), (3, json!("on_hand"), true)), "{told}");
    let file = "sku;location;on_hand\nA;L1;1.234,00\nB;L1;-5\n";
    assert_eq!(counts(&import(&mut shop, "/v1/import/stock?decimal=comma", file)), (2, 0, 0));
    assert_eq!((shop.cell("A", "L1").0, shop.cell("B", "L1").0), (1234, -5));
    let file = "sku|location|on_hand\nA|L1|7\n";
    assert_eq!(counts(&import(&mut shop, "/v1/import/stock?delimiter=pipe", file)), (1, 0, 0));
    let told = import(
        &mut shop,
        "/v1/import/locations",
        "location;pickup;ship;latitude;longitude\nL1;TRUE;No;40.417;-3.704\n",
    );
    assert_eq!(counts(&told), (1, 0, 0), "{told}");
    let place = shop.client.get("/v1/locations/L1").unwrap().json();
    assert_eq!((&place["pickup"], &place["ship"], &place["latitude"]), (&json!(true), &json!(false), &json!(40.417)));
    for (query, field) in
        [("delimiter=x", "delimiter"), ("decimal=x", "decimal"), ("map==Title", "map"), ("set=location=", "set")]
    {
        let answer = sent(&mut shop, &format!("/v1/import/stock?{query}"), "text/csv", b"sku,location,on_hand\n");
        assert_eq!((answer.status, &answer.json()["field"]), (400, &json!(field)), "{}", answer.json());
    }
    let workbook = sent(&mut shop, "/v1/import/stock", "text/csv", b"PK\x03\x04\x14\x00\x06\x00");
    assert!(workbook.json()["detail"].as_str().unwrap().contains("save the sheet as CSV"), "{}", workbook.json());
}

/// Columns of other names, columns that are not there, and columns that mean nothing here.
#[test]
fn columns_are_mapped_set_and_passed_over() {
    let mut shop = Shop::default();
    let products = "Handle,Title,Variant SKU,Variant Price,Vendor\nshirt,Shirt,S-1,19.99,Acme\nshirt,,S-2,21,Acme\n";
    let refused = sent(&mut shop, "/v1/import/skus", "text/csv", products.as_bytes());
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(
        refused.status == 400 && detail.contains("ignore_unknown=true") && detail.contains("map=COLUMN=NAME"),
        "{detail}"
    );
    let map = "map=sku=variant%20sku&map=name=Title&map=product=Handle&ignore_unknown=true";
    assert_eq!(counts(&import(&mut shop, &format!("/v1/import/skus?{map}"), products)), (2, 0, 0));
    assert_eq!(shop.client.get("/v1/skus/S-1").unwrap().json()["product"], "shirt");
    let map = "map=sku=Variant%20SKU&map=price=Variant%20Price&set=currency=EUR&ignore_unknown=true";
    assert_eq!(counts(&import(&mut shop, &format!("/v1/import/prices?{map}"), products)), (2, 0, 0));
    let prices = shop.client.get("/v1/prices?sku=S-2").unwrap().json();
    assert_eq!(
        (&prices["items"][0]["amount"], &prices["items"][0]["currency"]),
        (&json!(2100), &json!("EUR")),
        "{prices}"
    );
    // What a row says is stronger than what holds for all.
    import(&mut shop, "/v1/import/locations", "location\ncentral\nshop\n");
    let stock = "sku,qty,location\nS-1,5,\nS-2,6,shop\n";
    let told = import(&mut shop, "/v1/import/stock?map=on_hand=qty&set=location=central", stock);
    assert_eq!(counts(&told), (2, 0, 0), "{told}");
    assert_eq!((shop.cell("S-1", "central").0, shop.cell("S-2", "shop").0), (5, 6));
    // JSON with members inside of others.
    let stores = r#"{"id":1000,"name":"Mall","location":{"lat":44.85,"lon":-93.24},"services":["x"]}"#;
    let map = "map=location=id&map=latitude=location.lat&map=longitude=location.lon&ignore_unknown=true";
    assert_eq!(counts(&lines_in(&mut shop, &format!("/v1/import/locations?{map}"), stores)), (1, 0, 0));
    assert_eq!(shop.client.get("/v1/locations/1000").unwrap().json()["longitude"], -93.24);
    for (query, words) in [
        ("map=sku=Nothing", "no column \"Nothing\""),
        ("map=colour=Title", "not a column of this import"),
        ("map=sku=Title&map=sku=Handle", "given twice"),
        ("set=colour=red", "not a column of this import"),
        ("set=unit=box&set=unit=piece", "unit is said twice"),
    ] {
        let answer = sent(&mut shop, &format!("/v1/import/skus?{query}"), "text/csv", products.as_bytes());
        assert!(answer.status == 400 && answer.json()["detail"].as_str().unwrap().contains(words), "{}", answer.json());
    }
}

/// F8: what is left out is counted, all of it can be asked for, and set right it is loaded as it is.
#[test]
fn thousands_of_errors_are_counted_and_told_as_a_file() {
    let mut shop = shop();
    let mut file = String::from("sku;location;on_hand;note\n");
    (0..5000).for_each(|at| file.push_str(&format!("{};L1;{at};\"a;b\"\n", if at % 2 == 0 { "A" } else { "X" })));
    file.push_str("A;L1;some;\nA;L1;\"1\"2;\nA;L1\n");
    let told = import(&mut shop, "/v1/import/stock?ignore_unknown=true&rejects=true", &file);
    assert_eq!(
        (told["rejected"].clone(), told["errors"].as_array().unwrap().len()),
        (json!(2503), 1000),
        "{}",
        told["rejected"]
    );
    assert_eq!((&told["errors_left_out"], &told["rejects_left_out"]), (&json!(1503), &json!(0)));
    assert!(error(&told, 0).2.contains("X is unknown; declare it first, or pass create=true"), "{:?}", error(&told, 0));
    let rejects = told["rejects"].as_str().unwrap().to_owned();
    let lines: Vec<&str> = rejects.lines().collect();
    assert_eq!(lines.len(), 2504);
    assert_eq!(lines[0], "sku;location;on_hand;note;rejected_line;rejected_field;rejected_reason;rejected_row");
    assert!(lines[1].starts_with("X;L1;1;\"a;b\";3;sku;\"X is unknown"), "{}", lines[1]);
    assert!(lines[2501].starts_with("A;L1;some;;5002;on_hand;"), "{}", lines[2501]);
    assert!(lines[2502].starts_with(";;;;5003;;") && lines[2502].ends_with("\"A;L1;\"\"1\"\"2;\""), "{}", lines[2502]);
    // With X declared, all that could be read comes in; what could not, is not taken for another row.
    import(&mut shop, "/v1/import/skus", "sku\nX\n");
    let again = import(&mut shop, "/v1/import/stock?ignore_unknown=true&rejects=true", &rejects);
    assert_eq!(again["rejected"], 3, "{again}");
    assert_eq!(shop.cell("X", "L1").0, 4999);
    let header = again["rejects"].as_str().unwrap().lines().next().unwrap().to_owned();
    assert_eq!(header, lines[0], "rejects of rejects have the same columns");
    // JSON lines keep their form.
    let rows = "{\"sku\":\"A\",\"location\":\"L1\",\"on_hand\":\"some\"}\nnot json\n";
    let told = lines_in(&mut shop, "/v1/import/stock?rejects=true", rows);
    let rejects: Vec<Value> =
        told["rejects"].as_str().unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        (&rejects[0]["sku"], &rejects[0]["rejected_line"], &rejects[1]["rejected_row"]),
        (&json!("A"), &json!(1), &json!("not json"))
    );
    // A repeat under the same key tells what happened, without the rows.
    let headers = [("Content-Type", "text/csv"), ("Idempotency-Key", "night-1")];
    let file = b"sku,location,on_hand\nnobody,L1,5\n";
    let first = shop.client.send("POST", "/v1/import/stock?rejects=true", &headers, file).unwrap();
    assert!(first.json()["rejects"].is_string());
    let repeat = shop.client.send("POST", "/v1/import/stock?rejects=true", &headers, file).unwrap();
    assert_eq!((repeat.header("idempotent-replayed"), &repeat.json()["rejected"]), (Some("true"), &json!(1)));
    assert!(repeat.json().get("rejects").is_none());
}

/// F8: each surface speaks of its own flags, and an atomic import names the line.
#[test]
fn each_surface_speaks_of_its_own_flags() {
    let mut shop = shop();
    let url = format!("http://{}", shop.server.address);
    let unknown = shop.file("unknown.csv", "sku,location,on_hand\nA,L1,5\nnobody,L1,5\n");
    let (code, text) = said(&["import", "stock", &unknown, "--url", &url]);
    assert!(code == 1 && text.contains("line 3: sku nobody is unknown; declare it first, or pass --create"), "{text}");
    assert!(!text.contains("create=true"), "{text}");
    let (code, text) = said(&["import", "stock", &unknown, "--url", &url, "--atomic"]);
    assert!(code == 1 && text.contains("line 3: sku nobody is unknown"), "{text}");
    assert!(text.contains("none was loaded"), "{text}");
    let german = shop.file("german.csv", "sku;location;on_hand\nA;L1;1.234,00\n");
    let (code, text) = said(&["import", "stock", &german, "--url", &url]);
    assert!(code == 1 && text.contains("line 2: on_hand") && text.contains("--decimal comma"), "{text}");
    assert_eq!(said(&["import", "stock", &german, "--url", &url, "--decimal", "comma"]).0, 0);
    assert_eq!(shop.cell("A", "L1").0, 1234);
    let other = shop.file("other.csv", "Artikel;Ort;Bestand;Farbe\nA;L1;6;rot\n");
    let (code, text) = said(&["import", "stock", &other, "--url", &url]);
    assert!(code != 0 && text.contains("--ignore-unknown") && text.contains("--map"), "{text}");
    let mapped = ["--map", "sku=Artikel", "--map", "location=Ort", "--map", "on_hand=Bestand", "--ignore-unknown"];
    assert_eq!(said(&[&["import", "stock", &other, "--url", &url][..], &mapped].concat()).0, 0);
    assert_eq!(shop.cell("A", "L1").0, 6);
    let lines = shop.file("lines.txt", "{\"sku\":\"B\",\"location\":\"L1\",\"on_hand\":3}\n");
    assert_eq!(said(&["import", "stock", &lines, "--url", &url]).0, 0, "JSON lines are told by the first of them");
    assert_eq!(shop.cell("B", "L1").0, 3);
    // The same without a server, packed, and with a file of rejects.
    let many = "sku,location,on_hand\n".to_owned() + &"nobody,L1,5\n".repeat(1500) + "A,L1,9\n";
    let folder = folder();
    let (file, rejects) = (folder.path().join("many.csv.gz"), folder.path().join("rejects.csv"));
    std::fs::write(&file, packed(&many)).unwrap();
    let (file, rejects) = (file.to_str().unwrap(), rejects.to_str().unwrap());
    let (code, text) = said(&["import", "stock", file, "--url", &url, "--rejects", rejects]);
    assert!(
        code == 1 && text.contains("1 accepted, 0 unchanged, 1500 rejected") && text.contains("rejects.csv"),
        "{text}"
    );
    assert_eq!(std::fs::read_to_string(rejects).unwrap().lines().count(), 1501);
    let (_folder, data) = shop.stopped();
    let data = data.to_str().unwrap();
    std::fs::remove_file(rejects).unwrap();
    let (code, text) = said(&["import", "stock", file, "--data", data]);
    assert!(code == 1 && text.contains("and 1480 more; --rejects FILE"), "{text}");
    assert!(text.contains("or pass --create"), "{text}");
    let (code, text) = said(&["import", "stock", file, "--data", data, "--atomic", "--rejects", rejects]);
    assert!(code == 1 && text.contains("1500 rows are wrong, so none was loaded; the first is line 2: sku"), "{text}");
    assert_eq!(std::fs::read_to_string(rejects).unwrap().lines().count(), 1501);
    assert_eq!(said(&["import", "stock", file, "--data", data, "--create"]).0, 0);
}

/// Packed files, also where they are larger than they look, cut off, or packed in another way.
#[test]
fn packed_imports_are_read_within_bounds() {
    let config = folder();
    let file = config.path().join("anaquel.toml");
    std::fs::write(&file, "[limits]\nimport_bytes = 1000000\n").unwrap();
    let mut shop = Shop::with(&["--config", file.to_str().unwrap()]);
    let gzip = |shop: &mut Shop, coding: &str, body: &[u8]| {
        let headers = [("Content-Type", "text/csv"), ("Content-Encoding", coding)];
        shop.client.send("POST", "/v1/import/stock?create=true", &headers, body).unwrap()
    };
    let good = packed("sku,location,on_hand\nA,L1,7\n");
    let answer = gzip(&mut shop, "gzip", &good);
    assert_eq!((answer.status, answer.json()["accepted"].clone()), (200, json!(1)), "{}", answer.json());
    assert_eq!(shop.cell("A", "L1").0, 7);
    let bomb = packed(&("sku,location,on_hand\n".to_owned() + &"A,L1,7\n".repeat(200_000)));
    assert!(bomb.len() < 100_000);
    let answer = gzip(&mut shop, "gzip", &bomb);
    assert_eq!((answer.status, answer.slug().as_str()), (413, "payload-too-large"), "{}", answer.json());
    let answer = gzip(&mut shop, "gzip", &good[..good.len() - 6]);
    assert!(answer.status == 400 && answer.json()["detail"].as_str().unwrap().contains("gzip"), "{}", answer.json());
    let answer = gzip(&mut shop, "br", b"whatever");
    assert_eq!((answer.status, answer.slug().as_str()), (415, "unsupported-media-type"), "{}", answer.json());
    let plain = sent(&mut shop, "/v1/import/stock", "text/csv", &good);
    assert!(plain.json()["detail"].as_str().unwrap().contains("Content-Encoding: gzip"), "{}", plain.json());
    // The key is bound to what was received, packed as it is.
    let headers = [("Content-Type", "text/csv"), ("Content-Encoding", "gzip"), ("Idempotency-Key", "k")];
    let first = shop.client.send("POST", "/v1/import/stock", &headers, &good).unwrap();
    let again = shop.client.send("POST", "/v1/import/stock", &headers, &good).unwrap();
    assert_eq!((again.header("idempotent-replayed"), &again.body), (Some("true"), &first.body));
}

/// V10, F11: ids of other systems, wherever they are named; an encoded slash stays inside its segment.
#[test]
fn ids_of_other_systems_are_taken_as_they_are() {
    let mut shop = Shop::default();
    import(&mut shop, "/v1/import/locations", "location\nL1\n");
    let long: String = "x".repeat(128);
    let skus = [
        "A+B",
        "CAFÉ-1",
        "O'Neil 5/8\"",
        "#1001",
        "a@b.example",
        "日本語",
        "50% off & (new)",
        "C:\\shop",
        "=1+1",
        "..",
        "x y",
        &long,
    ];
    for sku in skus {
        let path = format!("/v1/skus/{}", encoded(sku));
        assert_eq!(shop.client.put(&path, &json!({"name": sku})).unwrap().status, 200, "{sku}");
        assert_eq!(shop.client.get(&path).unwrap().json()["sku"], sku);
        shop.receive(sku, "L1", 5);
        let read = shop.client.get(&format!("/v1/availability?sku={}", encoded(sku))).unwrap().json();
        assert_eq!((&read["items"][0]["sku"], &read["items"][0]["on_hand"]), (&json!(sku), &json!(5)), "{read}");
        let body = json!({"channel": "web", "customer": sku, "order": sku, "lines": [{"sku": sku, "location": "L1", "quantity": 1}]});
        let record = shop.client.post("/v1/reservations", &body).unwrap();
        assert_eq!(record.status, 201, "{}", record.json());
        assert_eq!((&record.json()["customer"], &record.json()["order"]), (&json!(sku), &json!(sku)));
        assert_eq!(record.json()["lines"][0]["sku"], sku);
        for name in ["customer", "order"] {
            let listed = shop.client.get(&format!("/v1/reservations?{name}={}", encoded(sku))).unwrap().json();
            assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{name} {sku}");
        }
        let sale = json!({"kind": "sale", "sku": sku, "location": "L1", "quantity": 1, "reference": sku});
        assert_eq!(shop.client.post("/v1/stock/movements", &json!({"movements": [sale]})).unwrap().status, 200);
        let supply =
            json!({"supply": sku, "sku": sku, "location": "L1", "quantity": 2, "expected_at": "2099-01-01T00:00:00Z"});
        assert_eq!(shop.client.put("/v1/supply", &json!({"supplies": [supply]})).unwrap().status, 200);
    }
    // What is not percent-encoded UTF-8 is no id, and gives none to anything.
    for bad in ["%FF", "50%", "a%2", "%zz", "%E2%82"] {
        let path = format!("/v1/skus/{bad}");
        let refused = shop.client.put(&path, &json!({})).unwrap();
        assert_eq!((refused.status, &refused.json()["field"]), (400, &json!("path")), "{bad}: {}", refused.json());
        assert_eq!(shop.client.get(&path).unwrap().status, 404, "{bad}");
    }
    let (longer, wide) = (long.clone() + "x", "é".repeat(129));
    for bad in ["", " A", "A ", "A\tB", "A\u{7f}", "A\u{85}B", "A\u{202e}B", "\u{a0}A", &longer, &wide] {
        let line = json!({"kind": "receipt", "sku": bad, "location": "L1", "quantity": 1});
        let answer = shop.client.post("/v1/stock/movements", &json!({"movements": [line]})).unwrap();
        assert_eq!((answer.status, &answer.json()["field"]), (400, &json!("movements[0].sku")), "{bad:?}");
        let order = json!({"channel": "web", "order": bad, "lines": [{"sku": "A+B", "location": "L1", "quantity": 1}]});
        assert_eq!(shop.client.post("/v1/reservations", &order).unwrap().status, 400, "{bad:?}");
    }
    // Places and channels keep to an alphabet that needs no escaping anywhere, and may be as long.
    for id in ["a/b:c._-", &long] {
        let path = encoded(id);
        assert_eq!(shop.client.put(&format!("/v1/locations/{path}"), &json!({})).unwrap().status, 200, "{id}");
        assert_eq!(shop.client.put(&format!("/v1/groups/{path}"), &json!({"locations": [id]})).unwrap().status, 200);
        assert_eq!(shop.client.put(&format!("/v1/channels/{path}"), &json!({"buffer": 0})).unwrap().status, 200);
        for kind in ["locations", "groups", "channels"] {
            assert_eq!(shop.client.get(&format!("/v1/{kind}/{path}")).unwrap().status, 200, "{kind} {id}");
        }
    }
    for id in ["a b", "é", "a\"b", "#1"] {
        assert_eq!(shop.client.put(&format!("/v1/locations/{}", encoded(id)), &json!({})).unwrap().status, 400, "{id}");
    }
    // Of any form, an unknown one is 404.
    for id in ["nobody", "no body", "no/body", "n\u{f6}", "%", "a\tb", &longer] {
        for kind in ["skus", "locations", "groups", "channels", "rules", "reservations"] {
            let answer = shop.client.get(&format!("/v1/{kind}/{}", encoded(id))).unwrap();
            assert_eq!((answer.status, answer.slug().as_str()), (404, "not-found"), "{kind} {id:?}");
        }
    }
    assert_eq!(shop.client.get("/v1/skus/O'Neil%205/8%22").unwrap().status, 404, "a plain slash ends the segment");
    // After a restart they are what they were.
    let mut shop = shop.killed_and_restarted();
    for sku in skus {
        assert_eq!(shop.client.get(&format!("/v1/skus/{}", encoded(sku))).unwrap().json()["name"], sku);
    }
}

/// Numbers that stand for ids in JSON lines: read where their digits are the id, and in no other way.
#[test]
fn numeric_ids_are_read_where_they_are_certain() {
    let mut shop = Shop::default();
    lines_in(&mut shop, "/v1/import/locations", r#"{"location":14,"groups":[1,2]}"#);
    let rows = [
        (r#"{"sku":12345,"location":14,"on_hand":5}"#, true),
        (r#"{"sku":18446744073709551615,"location":14,"on_hand":"6.0"}"#, true),
        (r#"{"sku":1.5,"location":14,"on_hand":5}"#, false),
        (r#"{"sku":1e3,"location":14,"on_hand":5}"#, false),
        (r#"{"sku":123456789012345678901234567890,"location":14,"on_hand":5}"#, false),
        (r#"{"sku":true,"location":14,"on_hand":5}"#, false),
        (r#"{"sku":"A","location":14,"on_hand":5.5}"#, false),
        (r#"{"sku":"A","location":14,"on_hand":true}"#, false),
        (r#"{"sku":"A","location":14,"on_hand":[5]}"#, false),
        (r#"{"sku":["A"],"location":14,"on_hand":5}"#, false),
    ];
    for (row, is_read) in rows {
        let told = lines_in(&mut shop, "/v1/import/stock?create=true", row);
        assert_eq!(told["accepted"] == 1, is_read, "{row} {told}");
        if !is_read {
            let (line, field, reason) = error(&told, 0);
            assert!(line == 1 && field.is_string() && reason.len() > 10, "{told}");
        }
    }
    assert_eq!(shop.cell("12345", "14").0, 5);
    assert_eq!(shop.client.get("/v1/locations/14").unwrap().json()["groups"], json!(["1", "2"]));
    let unknown = shop.client.get("/v1/skus/1000").unwrap();
    assert_eq!(unknown.status, 404, "1e3 made nothing");
}

/// GTINs in all their forms, several of an article, and what spreadsheets do to them.
#[test]
fn an_article_is_found_by_each_of_its_barcodes() {
    let mut shop = Shop::default();
    let file = "sku,gtin\nA,036000291452;4006381333931\nB,96385074\nC,00036000291452\n\
                bad,4006381333932\nshort,36000291452\nsheet,4.00638E+12\n";
    let told = import(&mut shop, "/v1/import/skus", file);
    assert_eq!(counts(&told), (3, 0, 3), "{told}");
    for (at, line, words) in
        [(0, 5, "1 would be right"), (1, 6, "write 036000291452"), (2, 7, "format the column as text")]
    {
        let (found, field, reason) = error(&told, at);
        assert!(found == line && field == "gtin" && reason.contains(words), "{told}");
    }
    let mut found = |gtin: &str| {
        let answer = shop.client.get(&format!("/v1/skus?gtin={gtin}")).unwrap();
        let items = answer.json()["items"].as_array().cloned();
        items.map(|items| items.iter().map(|item| item["sku"].as_str().unwrap().to_owned()).collect::<Vec<_>>())
    };
    assert_eq!(found("036000291452"), Some(vec!["A".into(), "C".into()]), "UPC-A");
    assert_eq!(found("0036000291452"), Some(vec!["A".into(), "C".into()]), "the same as EAN-13");
    assert_eq!(found("4006381333931"), Some(vec!["A".into()]));
    assert_eq!(found("96385074"), Some(vec!["B".into()]), "EAN-8");
    assert_eq!(found("10614141000415"), Some(vec![]));
    assert_eq!(found("4006381333932"), None, "a wrong check digit");
    let put = shop.client.put("/v1/skus/B", &json!({"gtin": "96385075"})).unwrap();
    assert_eq!((put.status, &put.json()["field"]), (400, &json!("gtin")));
    assert_eq!(counts(&import(&mut shop, "/v1/import/skus", "sku,gtin\nB,4006381333931\n")), (1, 0, 0));
    let mut shop = shop.killed_and_restarted();
    let answer = shop.client.get("/v1/skus?gtin=4006381333931&limit=1").unwrap().json();
    assert_eq!((&answer["items"][0]["sku"], answer["next"].is_string()), (&json!("A"), true), "{answer}");
    let next = format!("/v1/skus?gtin=4006381333931&limit=1&after={}", answer["next"].as_str().unwrap());
    let answer = shop.client.get(&next).unwrap().json();
    assert_eq!((&answer["items"][0]["sku"], &answer["next"]), (&json!("B"), &Value::Null));
    assert_eq!(shop.client.get("/v1/skus?gtin=96385074").unwrap().json()["items"], json!([]));
}

/// Currencies that there are, and amounts as shops write them.
#[test]
fn prices_are_read_as_shops_write_them() {
    let mut shop = shop();
    let file = "sku,currency,price\nA,EUR,879.99\nA,JPY,1499\nA,KWD,1.250\nA,MXN,5\n";
    assert_eq!(counts(&import(&mut shop, "/v1/import/prices", file)), (4, 0, 0));
    let prices = shop.client.get("/v1/prices?sku=A").unwrap().json();
    let amounts: BTreeMap<&str, i64> = prices["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|price| (price["currency"].as_str().unwrap(), price["amount"].as_i64().unwrap()))
        .collect();
    assert_eq!(amounts, BTreeMap::from([("EUR", 87_999), ("JPY", 1499), ("KWD", 1250), ("MXN", 500)]));
    let file =
        "sku,currency,amount,price\nA,eur,1,\nA,ZZZ,1,\nA,EUR,19.99,\nA,JPY,,14.5\nA,EUR,1,2\nA,EUR,,\nA,EUR,-1,\n";
    let told = import(&mut shop, "/v1/import/prices", file);
    assert_eq!(counts(&told), (0, 0, 7), "{told}");
    let words = [
        "write EUR",
        "not an ISO 4217 currency",
        "the column price takes",
        "more decimals",
        "one of both",
        "required",
        "negative",
    ];
    for (at, words) in words.iter().enumerate() {
        let (line, field, reason) = error(&told, at);
        assert!(
            line == at as u64 + 2 && field.is_string() && reason.contains(words),
            "{words}: {}",
            told["errors"][at]
        );
    }
    let rule = json!({"kind": "pickup_only", "below": 2000, "currency": "EUX"});
    let refused = shop.client.put("/v1/rules/r", &rule).unwrap();
    assert_eq!((refused.status, &refused.json()["field"]), (400, &json!("currency")));
    let none = sent(&mut shop, "/v1/import/prices", "text/csv", b"sku,currency\nA,EUR\n");
    assert!(none.status == 400 && none.json()["detail"].as_str().unwrap().contains("amount"), "{}", none.json());
}

/// F2: a line as long as a group of 3,500 stores, and stock below zero.
#[test]
fn long_lines_and_stock_below_zero_come_in_as_they_went_out() {
    let mut shop = Shop::default();
    let mut locations = String::from("location,name\n");
    let mut members = Vec::new();
    for at in 0..3500 {
        let id = format!("store-with-a-rather-long-name-{at:04}");
        locations.push_str(&format!("{id},Store {at}\n"));
        members.push(id);
    }
    assert_eq!(counts(&import(&mut shop, "/v1/import/locations", &locations)), (3500, 0, 0));
    assert_eq!(shop.client.put("/v1/groups/all", &json!({"locations": members})).unwrap().status, 200);
    assert!(export(&mut shop, "groups").lines().any(|line| line.len() > 65_536));
    import(&mut shop, "/v1/import/skus", "sku\nA\n");
    import(&mut shop, "/v1/import/stock", &format!("sku,location,on_hand\nA,{},-7\n", members[0]));
    let sale = json!({"movements": [{"kind": "sale", "sku": "A", "location": members[1], "quantity": 3}]});
    assert_eq!(shop.client.post("/v1/stock/movements", &sale).unwrap().status, 200);
    goes_round(&mut shop);
}

/// What draws values from strategies, the same from the same seed.
fn runner(seed: &Seed) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.value().to_le_bytes());
    TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

fn one<T>(runner: &mut TestRunner, strategy: &impl Strategy<Value = T>) -> T {
    strategy.new_tree(runner).unwrap().current()
}

/// Texts of any kind, and those that files trip over.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,30}",
        r#"[ '"=+@;,|\\a\t\r\n\x00\x7f\u{85}\u{a0}\u{ff1d}#%&-]{0,8}"#,
        Just(String::new()),
        Just(" ".to_owned()),
        Just("=\"00123\"".to_owned()),
        Just("#error,".to_owned()),
        Just("a\"b\r\n\"c".to_owned()),
    ]
}

/// What the API takes for an id of another system.
fn outside_id() -> impl Strategy<Value = String> {
    let any = prop_oneof![r"\PC{1,20}", r#"[ '"=+@;,|\\a#%&()/:.-]{1,12}"#];
    let unseen = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
    };
    any.prop_filter("as ids are", move |id| !id.is_empty() && id.trim() == id && !id.contains(unseen))
}

/// F3: a property over the values that the API takes, of every kind of file.
#[test]
fn whatever_the_api_takes_goes_out_and_comes_in_again() {
    let seed = seed();
    let mut runner = runner(&seed);
    let mut shop = Shop::default();
    let put = |shop: &mut Shop, path: &str, body: &Value| {
        let answer = shop.client.put(path, body).unwrap();
        assert_eq!(answer.status, 200, "{path} {body} {}", answer.json());
    };
    let id =
        "[A-Za-z0-9._:/-]{1,12}".prop_filter("not a path by itself", |id| !id.chars().all(|c| matches!(c, '.' | '/')));
    let optional = |strategy: BoxedStrategy<String>| proptest::option::of(strategy);
    let texts = proptest::collection::vec(text().boxed(), 0..4);
    let (mut locations, mut skus, mut channels) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..40 {
        let location = one(&mut runner, &id);
        let place = json!({
            "name": one(&mut runner, &optional(text().boxed())),
            "kind": one(&mut runner, &prop_oneof![Just("store"), Just("warehouse"), Just("supplier")]),
            "latitude": one(&mut runner, &(-90.0..90.0f64)),
            "longitude": one(&mut runner, &(-180.0..180.0f64)),
            "timezone": one(&mut runner, &prop_oneof![Just("Europe/Madrid"), Just("America/Mexico_City"), Just("UTC")]),
            "pickup": one(&mut runner, &any::<bool>()),
            "ship": one(&mut runner, &any::<bool>()),
            "groups": one(&mut runner, &proptest::collection::vec("[a-e./-]", 0..3)),
            "pickup_minutes": one(&mut runner, &(0..44_640)),
        });
        let hours =
            [json!({}), json!({"mon": "10:00-14:00,17:00-20:00", "tue": "closed"}), json!({"sun": "00:00-24:00"})];
        let dates = json!([{"date": "2027-01-06", "hours": []}, {"date": "2027-01-05", "hours": ["10:00-14:00", "17:00-22:00"]}]);
        let mut place = place;
        match locations.len() % 4 {
            3 => place["special_hours"] = dates,
            at => place["hours"] = hours[at].clone(),
        }
        put(&mut shop, &format!("/v1/locations/{}", encoded(&location)), &place);
        locations.push(location);
    }
    for _ in 0..80 {
        let sku = one(&mut runner, &outside_id());
        let mut article = json!({
            "categories": one(&mut runner, &texts),
            "decimals": one(&mut runner, &(0..=9)),
            "attributes": one(&mut runner, &proptest::collection::btree_map("[a-z._:/-]{1,3}", text().boxed(), 0..4)),
        });
        let said = [
            ("name", one(&mut runner, &optional(text().boxed()))),
            ("unit", one(&mut runner, &optional(text().boxed()))),
            ("product", one(&mut runner, &optional(text().boxed()))),
            (
                "gtin",
                one(
                    &mut runner,
                    &proptest::option::of(prop_oneof![
                        Just("96385074".to_owned()),
                        Just("036000291452;4006381333931".to_owned()),
                        Just("4006381333931; 96385074".to_owned())
                    ]),
                ),
            ),
        ];
        for (name, text) in said {
            if let Some(text) = text {
                article[name] = text.into();
            }
        }
        put(&mut shop, &format!("/v1/skus/{}", encoded(&sku)), &article);
        skus.push(sku);
    }
    for _ in 0..8 {
        let channel = one(&mut runner, &id);
        put(
            &mut shop,
            &format!("/v1/channels/{}", encoded(&channel)),
            &json!({"buffer": one(&mut runner, &(0..1000))}),
        );
        channels.push(channel);
    }
    let of = |all: &[String], most: usize| proptest::sample::subsequence(all.to_vec(), 0..=most.min(all.len()));
    for at in 0..8 {
        let members = one(&mut runner, &of(&locations, 20));
        put(&mut shop, &format!("/v1/groups/-g{at}"), &json!({"locations": members}));
    }
    let categories = proptest::collection::vec(text().boxed().prop_filter("not empty", |text| !text.is_empty()), 0..3);
    for at in 0..24 {
        let attributes: BTreeMap<String, String> =
            one(&mut runner, &proptest::collection::btree_map("[a-z._:/-]{1,3}", text().boxed(), 0..3));
        let attributes: Vec<String> = attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut rule = json!({
            "skus": one(&mut runner, &of(&skus, 3)),
            "categories": one(&mut runner, &categories),
            "attributes": attributes,
            "locations": one(&mut runner, &of(&locations, 3)),
            "channels": one(&mut runner, &of(&channels, 2)),
        });
        let effect = match at % 6 {
            0 => json!({"kind": "access", "allow": false}),
            1 => json!({"kind": "safety_stock", "percent": 10, "starts_at": "2030-01-01T00:00:00.5Z"}),
            2 => json!({"kind": "band", "few_left": 3, "exact": false}),
            3 => json!({"kind": "quota", "units": 5, "minimum": 1, "spill_over": true}),
            4 => json!({"kind": "backorder", "units": 5, "lead_days": 3}),
            _ => {
                json!({"kind": "preorder", "units": 5, "available_at": "2031-05-05T05:05:05.055Z", "ends_at": "2032-01-01T00:00:00Z"})
            }
        };
        effect.as_object().unwrap().iter().for_each(|(name, value)| rule[name] = value.clone());
        put(&mut shop, &format!("/v1/rules/r{at}"), &rule);
    }
    for _ in 0..120 {
        let (sku, location) = (
            one(&mut runner, &proptest::sample::select(skus.clone())),
            one(&mut runner, &proptest::sample::select(locations.clone())),
        );
        let kind = one(&mut runner, &prop_oneof![Just("receipt"), Just("sale"), Just("adjustment")]);
        let quantity = one(&mut runner, &(1..1000));
        let moved = json!({"kind": kind, "sku": sku, "location": location, "quantity": quantity, "reference": one(&mut runner, &outside_id())});
        let answer = shop.client.post("/v1/stock/movements", &json!({"movements": [moved]})).unwrap();
        assert_eq!(answer.status, 200, "{moved} {}", answer.json());
        if quantity % 3 == 0 {
            let supply = json!({"supply": one(&mut runner, &outside_id()), "sku": sku, "location": location, "quantity": quantity,
                                "kind": "in_transit", "expected_at": "2099-01-01T00:00:00.001Z"});
            let answer = shop.client.put("/v1/supply", &json!({"supplies": [supply]})).unwrap();
            assert_eq!(answer.status, 200, "{supply} {}", answer.json());
        }
        if quantity % 4 == 0 {
            let row = json!({"sku": sku, "currency": "EUR", "amount": quantity, "channel": channels[0], "location": location});
            assert_eq!(lines_in(&mut shop, "/v1/import/prices", &row.to_string())["rejected"], 0, "{row}");
        }
    }
    goes_round(&mut shop);
}

/// H6: all kinds that there are, on the command line.
#[test]
fn every_kind_is_loaded_and_written_by_the_command_line() {
    let mut shop = Shop::with(&["--demo"]);
    let rule = json!({"kind": "safety_stock", "units": 1, "attributes": ["size=XL;L"]});
    assert_eq!(shop.client.put("/v1/rules/r2", &rule).unwrap().status, 200);
    let url = format!("http://{}", shop.server.address);
    let folder = folder();
    for kind in KINDS {
        let file = folder.path().join(format!("{kind}.csv"));
        let file = file.to_str().unwrap();
        assert_eq!(said(&["export", kind, file, "--url", &url]).0, 0, "{kind}");
        let (code, text) = said(&["import", kind, file, "--url", &url]);
        assert!(code == 0 && text.starts_with("0 accepted, "), "{kind} {text}");
    }
    assert_eq!(shop.client.get("/v1/rules/r2").unwrap().json()["attributes"], json!(["size=XL;L"]));
}

/// Two load the same at once; whatever becomes of it, each row is there once, and both are told.
#[test]
fn two_imports_of_one_file_at_once_are_one() {
    let shop = Shop::default();
    let mut rows = String::from("sku,location,on_hand,counted_at\n");
    (0..6000).for_each(|at| rows.push_str(&format!("A{at},L1,{at},2026-01-01T00:00:00Z\n")));
    let address = shop.server.address;
    let told: Vec<Value> = std::thread::scope(|scope| {
        let load = || {
            let mut client = anaquel_loadtest::client::Client::new(address);
            client.import("/v1/import/stock?create=true&rejects=true", rows.as_bytes()).unwrap().json()
        };
        let both: Vec<_> = (0..2).map(|_| scope.spawn(load)).collect();
        both.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let all = |name: &str| told.iter().map(|told| told[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!((all("accepted"), all("unchanged"), all("rejected")), (6000, 6000, 0), "{told:?}");
    let mut shop = shop.killed_and_restarted();
    assert_eq!(shop.client.get("/v1/info").unwrap().json()["cells"], 6000);
    assert_eq!(shop.cell("A5999", "L1").0, 5999);
}
