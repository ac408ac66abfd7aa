//! Errors of a file, flags of each surface, and the limits of compressed imports.

use anaquel_tests::Shop;
use anaquel_tests::folder::folder;
use serde_json::{Value, json};

use super::{error, import, lines_in, packed, said, sent, shop};

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
