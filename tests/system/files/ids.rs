//! Ids of other systems, numeric ids and barcodes.

use anaquel_tests::Shop;
use anaquel_tests::calls::counts;
use serde_json::{Value, json};

use super::{encoded, error, import, lines_in};

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
