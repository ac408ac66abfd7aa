//! Files in and out: good ones, bad ones, real ones.

use anaquel_loadtest::selling::quarter::{self, QuarterPlan};
use anaquel_loadtest::selling::replay_shop::{self, Cancels, ShopPlan};
use anaquel_loadtest::selling::{clock, script};
use anaquel_loadtest::server::run;
use anaquel_tests::calls::counts;
use anaquel_tests::{Shop, binary, shared_data};
use serde_json::{Value, json};

fn import(shop: &mut Shop, path: &str, body: &[u8]) -> Value {
    let answer = shop.client.import(path, body).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.json()
}

#[test]
fn bad_rows_are_told_by_line_and_spoil_nothing() {
    let mut shop = Shop::default();
    let mut csv = b"\xef\xbb\xbfsku,location,on_hand,counted_at,safety_stock\r\n".to_vec();
    csv.extend_from_slice(b"A,s1,5,,\r\n"); // 2
    csv.extend_from_slice(b"A,s2,-5,,\r\n"); // 3
    csv.extend_from_slice(b"caf\xe9,s1,5,,\r\n"); // 4: Latin-1
    csv.extend_from_slice(b"B,s1\r\n"); // 5: too few fields
    csv.extend_from_slice(b"\"C,s1,5,,\r\n"); // 6: an open quote
    csv.extend_from_slice(b"\r\n"); // 7: blank
    csv.extend_from_slice(b"\"D\",s1,7,2026-01-01T00:00:00Z,2\r\n"); // 8
    csv.extend_from_slice(b"E,s1,99999999999,,\r\n"); // 9
    csv.extend_from_slice(b"F,s 1,1,,\r\n"); // 10
    csv.extend_from_slice(b"G,s1,1,yesterday,\r\n"); // 11
    csv.extend_from_slice(b"H,s1,1,,9"); // 12: no line end
    let told = import(&mut shop, "/v1/import/stock?create=true", &csv);
    assert_eq!(counts(&told), (4, 0, 6), "{told}");
    let lines: Vec<_> =
        told["errors"].as_array().unwrap().iter().map(|error| error["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [4, 5, 6, 9, 10, 11]);
    let fields: Vec<_> = told["errors"].as_array().unwrap().iter().map(|error| error["field"].clone()).collect();
    assert_eq!(
        fields,
        [Value::Null, Value::Null, Value::Null, json!("on_hand"), json!("location"), json!("counted_at")]
    );
    assert_eq!(shop.cell("D", "s1"), (7, 0, 5));
    assert_eq!(shop.cell("A", "s2"), (-5, 0, 0), "what tills sold beyond what was known");
    let unknown = shop.client.get("/v1/availability?sku=B&sku=C&sku=E").unwrap().json();
    assert_eq!(unknown["unknown"], json!(["B", "C", "E"]));
}

#[test]
fn a_repeat_of_what_is_known_is_unchanged() {
    let mut shop = Shop::default();
    let csv = b"sku,location,on_hand,counted_at\nA,s1,5,2026-01-01T00:00:00Z\nB,s1,6,2026-01-01T00:00:00Z\n";
    assert_eq!(counts(&import(&mut shop, "/v1/import/stock?create=true", csv)), (2, 0, 0));
    assert_eq!(counts(&import(&mut shop, "/v1/import/stock", csv)), (0, 2, 0));
    let csv = b"sku,name,attr.colour,categories\nA,Shirt,red,tops;sale\n";
    assert_eq!(counts(&import(&mut shop, "/v1/import/skus", csv)), (1, 0, 0));
    assert_eq!(counts(&import(&mut shop, "/v1/import/skus", csv)), (0, 1, 0));
    assert_eq!(counts(&import(&mut shop, "/v1/import/skus", b"sku,name,unit\nA,,piece\n")), (1, 0, 0));
    let sku = shop.client.get("/v1/skus/A").unwrap().json();
    assert_eq!(
        (&sku["name"], &sku["unit"], &sku["attributes"]),
        (&json!("Shirt"), &json!("piece"), &json!({"colour": "red"}))
    );
}

#[test]
fn unknown_places_are_refused_unless_they_may_be_created() {
    let mut shop = Shop::default();
    let csv = b"sku,location,on_hand\nA,s1,5\n";
    let told = import(&mut shop, "/v1/import/stock", csv);
    assert_eq!((counts(&told), &told["errors"][0]["field"]), ((0, 0, 1), &json!("sku")));
    assert_eq!(counts(&import(&mut shop, "/v1/import/stock?create=true", csv)), (1, 0, 0));
}

#[test]
fn headers_are_checked_before_anything_is_loaded() {
    let mut shop = Shop::default();
    for (header, field) in
        [("sku,location", "on_hand"), ("sku,location,on_hand,colour", "colour"), ("sku,sku,location,on_hand", "sku")]
    {
        let answer = shop.client.import("/v1/import/stock", format!("{header}\nA,s1,5,6\n").as_bytes()).unwrap();
        assert_eq!((answer.status, answer.slug().as_str()), (400, "invalid-request"), "{header}");
        assert!(answer.json()["detail"].as_str().unwrap().contains(field), "{}", answer.json());
    }
    let empty = shop.client.import("/v1/import/stock", b"").unwrap();
    assert!(empty.json()["detail"].as_str().unwrap().contains("header"), "{}", empty.json());
}

#[test]
fn an_atomic_import_is_all_or_nothing() {
    let mut shop = Shop::default();
    let answer = shop
        .client
        .import("/v1/import/stock?atomic=true&create=true", b"sku,location,on_hand\nA,s1,5\nB,s1,some\n")
        .unwrap();
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["errors"][0]["line"], 3);
    assert_eq!(shop.seq(), 0);
    assert_eq!(
        counts(&import(
            &mut shop,
            "/v1/import/stock?atomic=true&create=true",
            b"sku,location,on_hand\nA,s1,5\nB,s1,1\n"
        )),
        (2, 0, 0)
    );
}

#[test]
fn json_lines_say_the_same() {
    let mut shop = Shop::default();
    let rows = "{\"location\":\"s1\",\"groups\":[\"a\",\"b\"],\"latitude\":40.4,\"longitude\":-3.7,\"pickup\":true}\nnot json\n{\"location\":\"s2\",\"colour\":1}\n";
    let answer = shop
        .client
        .send("POST", "/v1/import/locations", &[("Content-Type", "application/x-ndjson")], rows.as_bytes())
        .unwrap();
    assert_eq!(counts(&answer.json()), (1, 0, 2), "{}", answer.json());
    assert_eq!(shop.client.get("/v1/locations/s1").unwrap().json()["groups"], json!(["a", "b"]));
}

#[test]
fn a_keyed_import_is_loaded_once() {
    let mut shop = Shop::default();
    let headers = [("Content-Type", "text/csv"), ("Idempotency-Key", "night-1")];
    let csv = b"sku,location,on_hand\nA,s1,5\n";
    let path = "/v1/import/stock?create=true";
    let first = shop.client.send("POST", path, &headers, csv).unwrap();
    shop.receive("A", "s1", 1);
    let again = shop.client.send("POST", path, &headers, csv).unwrap();
    assert_eq!((again.header("idempotent-replayed"), &again.body), (Some("true"), &first.body));
    assert_eq!(shop.cell("A", "s1").0, 6);
    let other = shop.client.send("POST", path, &headers, b"sku,location,on_hand\nA,s1,7\n").unwrap();
    assert_eq!(other.slug(), "idempotency-mismatch");
}

#[test]
fn what_is_exported_can_be_loaded_again() {
    let mut shop = Shop::default();
    import(
        &mut shop,
        "/v1/import/locations",
        "location,name,latitude,longitude,groups\ns1,\"One, \"\"the\"\" first\",1.5,-2.5,a;b\n".as_bytes(),
    );
    import(&mut shop, "/v1/import/skus", b"sku,name,attr.colour\nA,Shirt,red\nB,,\n");
    import(&mut shop, "/v1/import/stock", b"sku,location,on_hand,safety_stock\nA,s1,5,1\n");
    import(&mut shop, "/v1/import/prices", b"sku,currency,amount,channel\nA,EUR,1995,\nA,EUR,1795,web\n");
    let mut other = Shop::default();
    for kind in ["locations", "skus", "stock", "prices", "groups"] {
        let exported = shop.client.get(&format!("/v1/export/{kind}")).unwrap().body;
        let told = import(&mut other, &format!("/v1/import/{kind}"), &exported);
        assert_eq!(told["rejected"], 0, "{kind} {told}");
        assert_eq!(other.client.get(&format!("/v1/export/{kind}")).unwrap().body, exported, "{kind}");
    }
}

#[test]
fn the_command_line_loads_shows_and_proves() {
    let shop = Shop::default();
    let good = shop.file("stock.csv", "sku,location,on_hand\nA,s1,5\nB,s1,6\n");
    let bad = shop.file("bad.csv", "sku,location,on_hand\nA,s1,some\n");
    let url = format!("http://{}", shop.server.address);
    let said = |arguments: &[&str]| {
        let output = run(binary(), arguments).unwrap();
        let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), text)
    };
    let (code, text) = said(&["import", "stock", &good, "--url", &url, "--create"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("2 accepted, 0 unchanged, 0 rejected"), "{text}");
    let (code, text) = said(&["import", "stock", &bad, "--url", &url]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("line 2: on_hand"), "{text}");
    let (code, text) = said(&["export", "stock", "--url", &url]);
    assert_eq!((code, text.lines().count()), (0, 3), "{text}");
    let (_folder, data) = shop.stopped();
    let data = data.to_str().unwrap();
    assert!(said(&["import", "stock", &good, "--data", data]).1.contains("durable at seq"));
    assert_eq!(said(&["export", "stock", "--data", data]).1.lines().count(), 3);
    assert!(said(&["inspect", "--data", data, "--limit", "3"]).1.contains("\"kind\":\"defined\""));
    assert!(said(&["inspect", "--data", data, "--summary"]).1.contains("state hash"));
    assert!(said(&["verify", "--data", data]).1.contains("every invariant holds"));
    assert_ne!(said(&["verify", "--data", "/nowhere/at/all"]).0, 0);
    assert!(said(&["completions", "bash"]).1.contains("_anaquel"));
    assert!(said(&["serve", "--print-config"]).1.contains("listen = \"127.0.0.1:7070\""));
    assert!(said(&["--help"]).1.contains("verify"));
}

#[test]
fn the_demo_is_a_believable_retailer() {
    let mut shop = Shop::with(&["--demo"]);
    let info = shop.client.get("/v1/info").unwrap().json();
    assert_eq!(info["locations"], 42);
    assert!(info["skus"].as_u64().unwrap() > 2500 && info["cells"].as_u64().unwrap() > 20_000, "{info}");
    let stock = shop.client.get("/v1/stock?location=es-001&limit=1000").unwrap().json();
    let on_hand: Vec<i64> =
        stock["items"].as_array().unwrap().iter().map(|item| item["on_hand"].as_i64().unwrap()).collect();
    assert!(on_hand.contains(&0) && on_hand.iter().any(|units| *units > 5), "uneven");
    // One of its orders expires a second after it is made.
    let begun = std::time::Instant::now();
    while shop.client.get("/v1/orders/W-1006").unwrap().json()["state"] != "expired" {
        assert!(begun.elapsed().as_secs() < 20, "an order of the demo expires");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let info = shop.client.get("/v1/info").unwrap().json();
    let mut shop = shop.restarted();
    assert_eq!(shop.client.get("/v1/info").unwrap().json()["seq"], info["seq"], "it is loaded once");
}

/// sunrise-2020: `channels.json` became 18 locations, `inventory-stores.csv` and `inventory-stores-us.csv` 1,020 cells of
/// ten of them, and `inventory.csv`, whose supply channel is empty, 102 cells of one location more, the central one.
#[test]
fn the_sunrise_stock_loads_and_answers() {
    let Some(folder) = shared_data("sunrise-2020") else { return };
    let mut shop = Shop::default();
    let channels: Value = serde_json::from_slice(&std::fs::read(folder.join("channels.json")).unwrap()).unwrap();
    let mut locations = String::from("location,name,kind,latitude,longitude\ncentral,Central,warehouse,,\n");
    for channel in channels.as_array().unwrap() {
        let place = &channel["geoLocation"]["coordinates"];
        let name = channel["name"]["en"].as_str().unwrap_or_default();
        locations.push_str(&format!("{},{name},store,{},{}\n", channel["key"].as_str().unwrap(), place[1], place[0]));
    }
    assert_eq!(counts(&import(&mut shop, "/v1/import/locations", locations.as_bytes())), (19, 0, 0));
    let mut rows = 0;
    for file in ["inventory.csv", "inventory-stores.csv", "inventory-stores-us.csv"] {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        let mut csv = String::from("sku,on_hand,location\n");
        for line in text.lines().skip(1).filter(|line| !line.trim().is_empty()) {
            let central = if line.trim_end().ends_with(',') { "central" } else { "" };
            csv.push_str(&format!("{}{central}\n", line.trim_end()));
        }
        let told = import(&mut shop, "/v1/import/stock?create=true", csv.as_bytes());
        // Locations are known, SKUs are made by the first file that names them.
        rows += told["accepted"].as_u64().unwrap() + told["unchanged"].as_u64().unwrap();
        assert_eq!(told["rejected"], 0, "{file} {told}");
    }
    assert_eq!(rows, 1122);
    assert_eq!(shop.client.get("/v1/info").unwrap().json()["cells"], 1122);
    assert_eq!(shop.cell("M0E20000000F1YP", "sunrise-store-boston-2").0, 556);
    let everywhere = shop.client.get("/v1/availability?sku=M0E20000000ET8Q").unwrap().json();
    assert_eq!(everywhere["items"].as_array().unwrap().len(), 11);
}

/// A slice of the quarter; `anaquel-loadtest replay FOLDER` replays all of it.
#[test]
fn a_slice_of_the_tills_quarter_ends_with_three_everywhere() {
    let Some(folder) = shared_data("dunnhumby-2017q1") else { return };
    let mut shop = Shop::default();
    let report = anaquel_loadtest::replay::run(&folder, shop.server.address, Some(20_000)).unwrap();
    assert!(report.twice > 100 && report.reserved > 100, "{report:?}");
    let hash = shop.client.get("/v1/info").unwrap().json()["state_hash"].clone();
    let (_folder, data) = shop.stopped();
    assert_eq!(hash, *anaquel_loadtest::server::verify(binary(), &data).unwrap());
}

/// The same slice as sales with prices, each told late with its own time; `anaquel-loadtest replay-sales FOLDER` sells
/// all of it.
#[test]
fn a_slice_of_the_tills_quarter_comes_to_what_its_files_come_to() {
    let Some(folder) = shared_data("dunnhumby-2017q1") else { return };
    if let Err(error) = script::is_possible().and_then(|()| clock::is_possible()) {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{error:#}");
        eprintln!("skipped: {error:#}");
        return;
    }
    let place = anaquel_tests::folder::folder();
    let plan = QuarterPlan { lines: Some(20_000), now: false };
    let report = quarter::run(binary(), place.path(), &folder, plan).expect("every cell and every sum is exact");
    assert!(report.sales >= report.baskets && report.twice > 100 && report.returns > 50, "{report:?}");
}

/// A slice of a real web shop, live and as history; `anaquel-loadtest replay-shop FOLDER` sells all of it. No line of the
/// slice needs several orders.
#[test]
fn a_slice_of_the_web_shop_comes_to_what_its_file_comes_to_live_and_as_history() {
    let Some(folder) = shared_data("uci-online-retail") else { return };
    if let Err(error) = script::is_possible().and_then(|()| clock::is_possible()) {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{error:#}");
        eprintln!("skipped: {error:#}");
        return;
    }
    let place = anaquel_tests::folder::folder();
    let plan = ShopPlan { lines: Some(25_000), now: false };
    let report = replay_shop::run(binary(), place.path(), &folder, plan).expect("every count and every sum is exact");
    let expected = Cancels {
        taken: 100,
        of_several_orders: 0,
        more_than_bought: 1,
        never_bought: 264,
        all_taken_before: 4,
        unreferenced: 32,
    };
    assert_eq!((report.live, report.history), (expected, expected), "{report:?}");
    assert!(report.orders > 50 && report.twice > 50 && report.agree > 10, "{report:?}");
}
