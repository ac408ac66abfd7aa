//! How rows are read: quotes, separators, columns, numbers and prices.

use std::collections::BTreeMap;

use anaquel_tests::Shop;
use anaquel_tests::calls::counts;
use serde_json::json;

use super::{error, import, lines_in, sent, shop};

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
