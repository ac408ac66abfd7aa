//! Prices over HTTP: which one counts, when lists and rows begin and end, what a reduction is compared with, who sees what,
//! and writes that are interrupted, come at once, or come twice.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anaquel_loadtest::client::{Answer, Client};
use anaquel_loadtest::server::verify;
use anaquel_tests::calls::{counts, get, put, send};
use anaquel_tests::house::{House, ask};
use anaquel_tests::{Shop, binary};
use serde_json::{Value, json};

/// Three places, a group of the first two, and two SKUs.
fn shop() -> Shop {
    let mut shop = Shop::default();
    shop.declare_channels(&["web", "app", "pos"]);
    for place in ["s1", "s2", "s3"] {
        put(&mut shop.client, &format!("/v1/locations/{place}"), &json!({}));
    }
    put(&mut shop.client, "/v1/groups/city", &json!({"locations": ["s1", "s2"]}));
    for sku in ["A", "B"] {
        put(&mut shop.client, &format!("/v1/skus/{sku}"), &json!({}));
    }
    shop
}

/// So many days from now.
fn days(days: i64) -> String {
    seconds(days * 86_400)
}

fn seconds(seconds: i64) -> String {
    let now = jiff::Timestamp::now();
    let at = now.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap();
    format!("{at:.3}")
}

fn list(client: &mut Client, id: &str, body: &Value) -> Value {
    put(client, &format!("/v1/price-lists/{id}"), body)
}

fn prices(client: &mut Client, rows: &Value) -> Value {
    put(client, "/v1/prices", &json!({"prices": rows}))
}

/// What one line costs for the web channel, or what `more` says.
fn item(client: &mut Client, sku: &str, more: &Value) -> Value {
    let mut body = json!({"lines": [{"sku": sku}], "channel": "web", "currency": "EUR"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = client.post("/v1/prices/query", &body).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.json()["items"][0].clone()
}

fn amount(client: &mut Client, more: &Value) -> Option<i64> {
    item(client, "A", more)["amount"].as_i64()
}

/// Another millisecond begins: what holds for less is no price that was in force.
fn moment() {
    std::thread::sleep(Duration::from_millis(5));
}

fn units(quantity: i64) -> Value {
    json!([{"sku": "A", "quantity": quantity}])
}

#[track_caller]
fn refused(answer: &Answer, status: u16, slug: &str, words: &[&str]) {
    assert_eq!((answer.status, answer.slug().as_str()), (status, slug), "{}", answer.json());
    let told = answer.json().to_string();
    assert!(words.iter().all(|word| told.contains(word)), "{words:?} in {told}");
}

#[test]
fn a_sku_at_100_then_80_for_ten_days_100_for_five_and_on_sale_at_90_was_80_before() {
    let mut shop = shop();
    let client = &mut shop.client;
    list(client, "regular", &json!({"currency": "EUR"}));
    list(client, "sale", &json!({"currency": "EUR", "kind": "sale", "priority": 1}));
    prices(
        client,
        &json!([
            {"price_list": "regular", "sku": "A", "amount": 100, "starts_at": days(-55), "ends_at": days(-25)},
            {"price_list": "regular", "sku": "A", "amount": 80, "starts_at": days(-25), "ends_at": days(-15)},
            {"price_list": "regular", "sku": "A", "amount": 100, "starts_at": days(-15)},
            {"price_list": "sale", "sku": "A", "amount": 90, "starts_at": days(-10), "ends_at": days(5)},
        ]),
    );
    let told = item(client, "A", &json!({}));
    assert_eq!(
        (&told["amount"], &told["price_list"], &told["regular_amount"], &told["prior_amount"]),
        (&json!(90), &json!("sale"), &json!(100), &json!(80)),
        "{told}"
    );
    assert!(told["ends_at"].as_str().unwrap() > days(4).as_str(), "{told}");
    // A reduction that deepens began with its first step, so what it is compared with stays.
    prices(client, &json!([{"price_list": "sale", "sku": "A", "amount": 70, "starts_at": days(-1)}]));
    assert_eq!(item(client, "A", &json!({}))["prior_amount"], 80);
    // Each moment has the price that was in force.
    for (back, expected) in [(-50, 100), (-20, 80), (-12, 100), (-5, 90), (0, 70), (100, 70)] {
        assert_eq!(amount(client, &json!({"at": days(back)})), Some(expected), "{back}");
    }
    assert_eq!(item(client, "A", &json!({"at": days(-20)}))["prior_amount"], Value::Null, "no sale won then");
    let why = get(client, "/v1/prices/explain?sku=A&channel=web&currency=EUR");
    assert_eq!((&why["prior_amount"], &why["price_list"]), (&json!(80), &json!("sale")), "{why}");
    assert!(why["reduced_since"].as_str().unwrap() < days(-9).as_str(), "{why}");
    // One that was never priced before has none.
    prices(client, &json!([{"price_list": "sale", "sku": "B", "amount": 5}]));
    assert_eq!(item(client, "B", &json!({}))["prior_amount"], Value::Null);
}

#[test]
fn the_price_is_that_of_now_too_where_it_was_changed_step_by_step() {
    let mut shop = shop();
    let client = &mut shop.client;
    list(client, "sale", &json!({"currency": "EUR", "kind": "sale", "priority": 1}));
    let row = |amount: i64| json!([{"sku": "A", "currency": "EUR", "amount": amount}]);
    for base in [100, 80, 100] {
        prices(client, &row(base));
        moment();
    }
    prices(client, &json!([{"price_list": "sale", "sku": "A", "amount": 90}]));
    let told = item(client, "A", &json!({}));
    assert_eq!((&told["amount"], &told["prior_amount"]), (&json!(90), &json!(80)), "{told}");
    let kept = get(client, "/v1/prices?sku=A&ended=true");
    let amounts: Vec<_> = kept["items"].as_array().unwrap().iter().map(|row| row["amount"].clone()).collect();
    assert_eq!(amounts, [100, 80, 100, 90].map(|amount| json!(amount)), "{kept}");
    assert_eq!(get(client, "/v1/prices?sku=A")["items"].as_array().unwrap().len(), 2);
}

#[test]
fn a_sale_list_that_ends_at_t_is_in_no_price_at_or_after_t_and_in_every_one_before() {
    let mut shop = shop();
    let client = &mut shop.client;
    prices(client, &json!([{"sku": "A", "currency": "EUR", "amount": 100}]));
    let end = seconds(3);
    let body = json!({"currency": "EUR", "kind": "sale", "priority": 1, "ends_at": end});
    let made = list(client, "sale", &body);
    assert_eq!(made["in_force"], true);
    prices(client, &json!([{"price_list": "sale", "sku": "A", "amount": 90}]));
    let mut seen: Vec<(u64, i64)> = Vec::new();
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(20) {
        // Something happens meanwhile, so that the log goes on.
        moment();
        let movement = json!({"kind": "receipt", "sku": "A", "location": "s1", "quantity": 1});
        client.post("/v1/stock/movements", &json!({"movements": [movement]})).unwrap();
        let body = json!({"lines": [{"sku": "A"}], "channel": "web", "currency": "EUR"});
        let told = client.post("/v1/prices/query", &body).unwrap().json();
        seen.push((told["seq"].as_u64().unwrap(), told["items"][0]["amount"].as_i64().unwrap()));
        if seen.iter().rev().take(20).all(|(_, amount)| *amount == 100) && seen.len() > 20 {
            break;
        }
    }
    let events = get(client, "/v1/events?after=0&limit=1000");
    let mut turned = None;
    for event in events["items"].as_array().unwrap() {
        if event["kind"] == "price_lists_turned" {
            assert_eq!(event["price_lists"], json!([{"price_list": "sale", "in_force": false}]));
            turned = Some((event["seq"].as_u64().unwrap(), event["time"].as_str().unwrap().to_owned()));
        }
    }
    let (turned, time) = turned.expect("its end is in the log");
    assert!(time >= end, "{time} {end}");
    // What was logged before it is of before T, and what was logged after it is of T or later.
    for event in events["items"].as_array().unwrap() {
        let before = event["seq"].as_u64().unwrap() < turned;
        assert_eq!(event["time"].as_str().unwrap() < end.as_str(), before, "{event}");
    }
    for (seq, amount) in &seen {
        assert_eq!(*amount, if *seq < turned { 90 } else { 100 }, "{seq} {turned}");
    }
    assert!(seen.iter().any(|(_, amount)| *amount == 90) && seen.iter().any(|(_, amount)| *amount == 100));
    // Asked later of these moments, it is the same.
    let just_before = end.parse::<jiff::Timestamp>().unwrap() - Duration::from_millis(1);
    assert_eq!(amount(client, &json!({"at": format!("{just_before:.3}")})), Some(90));
    assert_eq!(amount(client, &json!({"at": end})), Some(100));
    assert_eq!(get(client, "/v1/price-lists/sale")["in_force"], false);
}

#[test]
fn within_a_list_the_quantity_counts_first_then_the_place_then_the_channel_then_the_latest() {
    let mut shop = shop();
    let client = &mut shop.client;
    prices(
        client,
        &json!([
            {"sku": "A", "currency": "EUR", "amount": 100},
            {"sku": "A", "currency": "MXN", "amount": 1},
            {"sku": "A", "currency": "EUR", "amount": 101, "starts_at": days(-2)},
            {"sku": "A", "currency": "EUR", "amount": 102, "starts_at": days(-1)},
            {"sku": "A", "currency": "EUR", "amount": 110, "channel": "web"},
            {"sku": "A", "currency": "EUR", "amount": 120, "location": "s1"},
            {"sku": "A", "currency": "EUR", "amount": 130, "location": "s1", "channel": "app"},
            {"sku": "A", "currency": "EUR", "amount": 140, "min_quantity": 5},
            {"sku": "A", "currency": "EUR", "amount": 150, "starts_at": days(1)},
        ]),
    );
    let cases = [
        (json!({"channel": "pos"}), 102),
        (json!({"channel": "pos", "at": seconds(-90_000)}), 101),
        (json!({"channel": "pos", "at": days(2)}), 150),
        (json!({}), 110),
        (json!({"location": "s1"}), 120),
        (json!({"location": "s2"}), 110),
        (json!({"channel": "app", "location": "s1"}), 130),
        (json!({"channel": "app", "location": "s1", "lines": units(4)}), 130),
        (json!({"channel": "app", "location": "s1", "lines": units(5)}), 140),
        (json!({"currency": "MXN"}), 1),
    ];
    for (asked, expected) in cases {
        assert_eq!(amount(client, &asked), Some(expected), "{asked}");
    }
    assert_eq!(amount(client, &json!({"currency": "USD"})), None);
}

#[test]
fn between_lists_the_priority_counts_first_then_the_amount_then_the_id() {
    let mut shop = shop();
    let client = &mut shop.client;
    for (id, body) in [
        ("a", json!({"currency": "EUR"})),
        ("b", json!({"currency": "EUR"})),
        ("low", json!({"currency": "EUR", "priority": -5})),
        ("high", json!({"currency": "EUR", "priority": 5, "channels": ["app"]})),
        ("mxn", json!({"currency": "MXN", "priority": 9})),
        ("here", json!({"currency": "EUR", "priority": 7, "locations": ["s3"]})),
        ("city", json!({"currency": "EUR", "priority": 6, "groups": ["city"], "channels": ["web", "pos"]})),
        ("later", json!({"currency": "EUR", "priority": 8, "starts_at": days(2)})),
    ] {
        list(client, id, &body);
    }
    let row = |list: &str, amount: i64| json!({"price_list": list, "sku": "A", "amount": amount});
    prices(
        client,
        &json!([
            row("a", 50), row("b", 50), row("low", 1), row("high", 60), row("mxn", 7), row("here", 70),
            row("city", 80), row("later", 90), {"sku": "A", "currency": "EUR", "amount": 2},
        ]),
    );
    let mut wins = |asked: Value| {
        let told = item(client, "A", &asked);
        (told["price_list"].as_str().unwrap().to_owned(), told["amount"].as_i64().unwrap())
    };
    assert_eq!(wins(json!({})), ("a".to_owned(), 50), "by id");
    assert_eq!(wins(json!({"channel": "app"})), ("high".to_owned(), 60));
    assert_eq!(wins(json!({"location": "s3"})), ("here".to_owned(), 70));
    assert_eq!(wins(json!({"location": "s1"})), ("city".to_owned(), 80));
    assert_eq!(wins(json!({"channel": "app", "location": "s1"})), ("high".to_owned(), 60));
    assert_eq!(wins(json!({"at": days(3)})), ("later".to_owned(), 90));
    prices(client, &json!([row("b", 49)]));
    let client = &mut shop.client;
    assert_eq!(item(client, "A", &json!({}))["price_list"], "b", "by amount");
    // The answer to why names the winner, and by what each other loses or why it does not hold.
    let why = get(client, "/v1/prices/explain?sku=A&channel=web&currency=EUR&location=s1");
    let verdicts: BTreeSet<(String, String, String)> = why["lists"]
        .as_array()
        .unwrap()
        .iter()
        .map(|list| {
            let text = |field: &str| list[field].as_str().unwrap_or("-").to_owned();
            (text("price_list"), text("because"), text("loses_to"))
        })
        .collect();
    let expected = [
        ("a", "priority", "city"),
        ("b", "priority", "city"),
        ("base", "priority", "city"),
        ("city", "-", "-"),
        ("here", "place", "-"),
        ("high", "channel", "-"),
        ("later", "dates", "-"),
        ("low", "priority", "city"),
        ("mxn", "currency", "-"),
    ];
    let expected = expected.map(|(list, because, to)| (list.to_owned(), because.to_owned(), to.to_owned()));
    assert_eq!(verdicts, expected.into_iter().collect(), "{why}");
    assert_eq!(why["lists"][0]["verdict"], "wins");
}

#[test]
fn what_is_asked_of_a_group_is_priced_as_that_group() {
    let mut shop = shop();
    let client = &mut shop.client;
    list(client, "city", &json!({"currency": "EUR", "priority": 5, "groups": ["city"]}));
    list(client, "s1", &json!({"currency": "EUR", "priority": 9, "locations": ["s1"]}));
    prices(
        client,
        &json!([
            {"price_list": "city", "sku": "A", "amount": 80}, {"price_list": "s1", "sku": "A", "amount": 70},
            {"price_list": "s1", "sku": "B", "amount": 7},
            {"sku": "B", "currency": "EUR", "amount": 5, "location": "s1"}, {"sku": "B", "currency": "EUR", "amount": 6},
        ]),
    );
    assert_eq!(amount(client, &json!({"group": "city"})), Some(80));
    assert_eq!(amount(client, &json!({"location": "s1"})), Some(70));
    assert_eq!(amount(client, &json!({})), None, "nowhere in particular neither holds");
    assert_eq!(item(client, "B", &json!({"group": "city"}))["amount"], 6);
    let both = json!({"lines": units(1), "channel": "web", "currency": "EUR", "location": "s1", "group": "city"});
    refused(&client.post("/v1/prices/query", &both).unwrap(), 400, "invalid-request", &["group", "one of both"]);
    // Membership is that of today.
    put(client, "/v1/groups/city", &json!({"locations": ["s3"]}));
    assert_eq!(amount(client, &json!({"location": "s3"})), Some(80));
    assert_eq!(amount(client, &json!({"location": "s2"})), None);
}

#[test]
fn a_list_keeps_what_is_left_out_and_stays_while_a_price_is_in_it() {
    let mut shop = shop();
    let client = &mut shop.client;
    let body = json!({"name": "Web", "currency": "EUR", "channels": ["web"], "priority": 3, "starts_at": days(-1)});
    let made = list(client, "web", &body);
    let kept = list(client, "web", &json!({"kind": "sale", "starts_at": null}));
    let fields = ["name", "currency", "channels", "priority"];
    assert!(fields.iter().all(|field| kept[field] == made[field]), "{kept}");
    assert_eq!(
        (&kept["kind"], &kept["starts_at"], &kept["includes_tax"]),
        (&json!("sale"), &Value::Null, &json!(true))
    );
    let read = client.get("/v1/price-lists/web").unwrap();
    let tag = read.header("etag").unwrap().to_owned();
    assert_eq!(read.json(), kept);
    let headers = [("If-Match", "\"1\"")];
    let stale = send(client, "PUT", "/v1/price-lists/web", &headers, &json!({"priority": 4}));
    refused(&stale, 412, "stale-version", &["version"]);
    let headers = [("If-Match", tag.as_str())];
    assert_eq!(send(client, "PUT", "/v1/price-lists/web", &headers, &json!({"channels": []})).status, 200);
    let all = get(client, "/v1/price-lists");
    let ids: Vec<_> = all["items"].as_array().unwrap().iter().map(|list| list["price_list"].clone()).collect();
    assert_eq!(ids, ["base", "web"]);
    assert_eq!(get(client, "/v1/price-lists?after=base")["items"][0]["price_list"], "web");
    assert_eq!(get(client, "/v1/price-lists/base")["priority"], -1);

    let delete = |client: &mut Client| send(client, "DELETE", "/v1/price-lists/web", &[], &Value::Null);
    let soon = days(3);
    prices(client, &json!([{"price_list": "web", "sku": "A", "amount": 5, "starts_at": soon}]));
    refused(&delete(client), 409, "wrong-state", &["held_by", "prices", "web"]);
    let other = send(client, "PUT", "/v1/price-lists/web", &[], &json!({"currency": "MXN"}));
    refused(&other, 409, "wrong-state", &["held_by", "prices"]);
    prices(client, &json!([{"price_list": "web", "sku": "A", "amount": null, "starts_at": soon}]));
    // What ended is in nobody's way.
    prices(
        client,
        &json!([{"price_list": "web", "sku": "A", "amount": 5, "starts_at": days(-9), "ends_at": days(-8)}]),
    );
    assert_eq!(delete(client).status, 200);
    refused(&delete(client), 404, "not-found", &[]);
    assert_eq!(amount(client, &json!({"at": days(-8)})), None);
    // The same id again is another list.
    list(client, "web", &json!({"currency": "MXN"}));
    assert_eq!(get(client, "/v1/prices?sku=A&ended=true")["items"].as_array().unwrap().len(), 1);
    let base = send(client, "PUT", "/v1/price-lists/base", &[], &json!({"currency": "EUR"}));
    refused(&base, 400, "invalid-request", &["price_list", "base"]);
    // What a list names is not retired.
    list(client, "of", &json!({"currency": "EUR", "channels": ["app"], "groups": ["city"], "locations": ["s3"]}));
    for path in ["/v1/channels/app", "/v1/groups/city", "/v1/locations/s3"] {
        let held = send(client, "DELETE", path, &[], &Value::Null);
        assert_eq!(held.json()["held_by"]["price_lists"], json!({"count": 1, "some": ["of"]}), "{path}");
    }
}

#[test]
fn bad_prices_are_refused_by_field_with_the_remedy_and_change_nothing() {
    let mut shop = shop();
    let client = &mut shop.client;
    list(client, "l", &json!({"currency": "EUR"}));
    let seq = get(client, "/v1/info")["seq"].clone();
    let good = json!({"sku": "A", "currency": "EUR", "amount": 1});
    let with = |field: &str, value: Value| {
        let mut row = json!({"sku": "A", "currency": "EUR", "amount": 1});
        row[field] = value;
        row
    };
    let cases: [(Value, &str, &str); 14] = [
        (with("sku", json!("C")), "prices[1].sku", "declare it first"),
        (with("price_list", json!("nope")), "prices[1].price_list", "PUT /v1/price-lists/nope"),
        (with("amount", json!(-1)), "prices[1].amount", "not between 0 and 1000000000000"),
        (with("amount", json!(1.5)), "amount", ""),
        (with("min_quantity", json!(0)), "prices[1].min_quantity", "between 1"),
        (with("currency", json!("eur")), "prices[1].currency", "write EUR"),
        (json!({"sku": "A", "amount": 1}), "prices[1].currency", "is required for a price of base"),
        (json!({"price_list": "l", "sku": "A", "amount": 1, "currency": "MXN"}), "prices[1].currency", "EUR"),
        (json!({"price_list": "l", "sku": "A", "amount": 1, "channel": "web"}), "prices[1].channel", "base alone"),
        (with("channel", json!("nobody")), "prices[1].channel", "web"),
        (with("location", json!("nowhere")), "prices[1].location", "declare it first"),
        (with("starts_at", json!("tomorrow")), "prices[1].starts_at", "RFC 3339"),
        (
            json!({"sku": "A", "currency": "EUR", "amount": 1, "starts_at": days(2), "ends_at": days(1)}),
            "prices[1].ends_at",
            "not after starts_at",
        ),
        (with("colour", json!("red")), "colour", "unknown field"),
    ];
    for (row, field, words) in cases {
        let answer = client.put("/v1/prices", &json!({"prices": [good, row]})).unwrap();
        refused(&answer, 400, "invalid-request", &[field, words]);
    }
    let missing = client.put("/v1/prices", &json!({"prices": [{"sku": "A", "currency": "EUR"}]})).unwrap();
    refused(&missing, 400, "invalid-request", &["amount"]);
    for rows in [json!([]), Value::Array(vec![good; 1001])] {
        let answer = client.put("/v1/prices", &json!({"prices": rows})).unwrap();
        refused(&answer, 400, "invalid-request", &["prices", "1 to 1000"]);
    }
    for (body, field, words) in [
        (json!({}), "currency", "is needed"),
        (json!({"currency": "EUR", "kind": "cheap"}), "kind", "regular or sale"),
        (json!({"currency": "EUR", "includes_tax": false}), "includes_tax", "leave this out"),
        (json!({"currency": "EUR", "channels": ["nobody"]}), "channels[0]", "web"),
        (json!({"currency": "EUR", "groups": ["none"]}), "groups[0]", "declare it first"),
        (json!({"currency": "EUR", "priority": 2_000_000}), "priority", "1000000"),
        (json!({"currency": "EUR", "tiers": []}), "tiers", "unknown field"),
        (json!({"currency": "EUR", "starts_at": days(2), "ends_at": days(1)}), "ends_at", "not after"),
    ] {
        let answer = client.put("/v1/price-lists/new", &body).unwrap();
        refused(&answer, 400, "invalid-request", &[field, words]);
    }
    for (body, field, words) in [
        (json!({"at": days(-61)}), "at", "60 days"),
        (json!({"channel": "nobody"}), "channel", "web"),
        (json!({"location": "nowhere"}), "location", "declare it first"),
        (json!({"lines": []}), "lines", "1 to 200"),
        (json!({"lines": vec![json!({"sku": "A"}); 201]}), "lines", "1 to 200"),
        (json!({"lines": units(0)}), "lines[0].quantity", "between 1"),
    ] {
        let mut asked = json!({"lines": units(1), "channel": "web", "currency": "EUR"});
        asked.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        refused(&client.post("/v1/prices/query", &asked).unwrap(), 400, "invalid-request", &[field, words]);
    }
    let class = json!({"rates": [{"rate": 2100}, {"rate": 100_001}]});
    let class = client.put("/v1/tax-classes/books", &class).unwrap();
    refused(&class, 400, "invalid-request", &["rates[1].rate", "2100 is 21 %"]);
    assert_eq!(get(client, "/v1/info")["seq"], seq, "nothing of it is in the log");
    assert_eq!(amount(client, &json!({})), None);
}

#[test]
fn limits_are_refused_by_name() {
    let mut shop = shop();
    let client = &mut shop.client;
    let row = |least: usize| json!({"sku": "A", "currency": "EUR", "amount": 1, "min_quantity": least});
    prices(client, &(1..=200).map(row).collect());
    let more = client.put("/v1/prices", &json!({"prices": [row(201)]})).unwrap();
    refused(&more, 400, "invalid-request", &["price_rows_max", "200", "prices[0].sku"]);
    let file = "sku,currency,amount,min_quantity\nA,EUR,1,300\nB,EUR,1,300\n";
    let told = client.import("/v1/import/prices", file.as_bytes()).unwrap().json();
    assert_eq!((counts(&told), told.to_string().contains("price_rows_max")), ((1, 0, 1), true), "{told}");
}

#[test]
fn a_missing_price_is_told_once_and_others_are_in_order() {
    let mut shop = shop();
    let client = &mut shop.client;
    prices(
        client,
        &json!([{"sku": "B", "currency": "EUR", "amount": 5}, {"sku": "A", "currency": "MXN", "amount": 5}]),
    );
    let lines = json!([{"sku": "A"}, {"sku": "B", "quantity": 2}, {"sku": "never"}, {"sku": "A"}, {"sku": "B"}]);
    let body = json!({"lines": lines, "channel": "web", "currency": "EUR"});
    let told = client.post("/v1/prices/query", &body).unwrap().json();
    assert_eq!(told["missing"], json!(["A", "never"]));
    let items: Vec<_> = told["items"].as_array().unwrap().iter().map(|item| item["quantity"].clone()).collect();
    assert_eq!(items, [2, 1].map(|units| json!(units)), "{told}");
    assert_eq!(told["items"][0]["prior_amount"], Value::Null);
}

#[test]
fn tax_classes_are_set_named_by_skus_and_kept_while_they_are() {
    let mut shop = shop();
    let client = &mut shop.client;
    let rates = json!([{"rate": 2100}, {"rate": 400, "groups": ["city"]}, {"rate": 500, "locations": ["s1"], "groups": ["city"]}]);
    let made = put(client, "/v1/tax-classes/books", &json!({"name": "Books", "rates": rates}));
    assert_eq!(put(client, "/v1/tax-classes/books", &json!({"name": "Old books"}))["rates"], made["rates"]);
    assert_eq!(get(client, "/v1/skus/A")["tax_class"], "standard");
    let sku = put(client, "/v1/skus/A", &json!({"tax_class": "books", "name": "Shirt"}));
    assert_eq!((&sku["tax_class"], &sku["name"]), (&json!("books"), &json!("Shirt")));
    let read = client.get("/v1/skus/A").unwrap();
    assert_eq!(read.json()["tax_class"], "books");
    // Nothing else changes, and its version does.
    put(client, "/v1/skus/A", &json!({"tax_class": "food"}));
    let headers = [("If-Match", read.header("etag").unwrap())];
    refused(&send(client, "PUT", "/v1/skus/A", &headers, &json!({"name": "x"})), 412, "stale-version", &[]);
    put(client, "/v1/skus/A", &json!({"tax_class": "books"}));
    for (place, rate) in [("", 2100), ("&location=s1", 500), ("&location=s2", 400), ("&group=city", 400)] {
        let why = get(client, &format!("/v1/prices/explain?sku=A&channel=web&currency=EUR{place}"));
        assert_eq!((&why["tax_class"], &why["tax_rate"]), (&json!("books"), &json!(rate)), "{place}: {why}");
    }
    let held = send(client, "DELETE", "/v1/tax-classes/books", &[], &Value::Null);
    refused(&held, 409, "wrong-state", &["held_by", "skus", "books"]);
    put(client, "/v1/skus/A", &json!({"tax_class": null}));
    assert_eq!(send(client, "DELETE", "/v1/tax-classes/books", &[], &Value::Null).status, 200);
    let why = get(client, "/v1/prices/explain?sku=A&channel=web&currency=EUR");
    assert_eq!((&why["tax_class"], &why["tax_rate"]), (&json!("standard"), &json!(0)), "an unknown class is 0");
}

#[test]
fn files_of_prices_carry_lists_dates_and_quantities_and_come_back_unchanged() {
    let mut shop = shop();
    let set_lists = |client: &mut Client| {
        list(client, "sale", &json!({"currency": "MXN", "kind": "sale"}));
    };
    set_lists(&mut shop.client);
    let client = &mut shop.client;
    let (from, to) = (days(-5), days(5));
    let file = format!(
        "price_list,sku,channel,location,currency,amount,min_quantity,starts_at,ends_at\n\
         ,A,,,EUR,1995,,,\n,A,web,s1,EUR,1895,3,{from},{to}\nsale,A,,,,9900,,,{to}\nsale,B,,,MXN,500,2,{from},\nbase,B,,,EUR,1,,,{from}\n"
    );
    let import = |client: &mut Client, file: &[u8]| client.import("/v1/import/prices", file).unwrap().json();
    let told = import(client, file.as_bytes());
    assert_eq!(counts(&told), (5, 0, 0), "{told}");
    // As files were before there were lists.
    let old = import(client, b"sku,currency,price,channel\nA,EUR,18.95,\nA,MXN,1,web\n");
    assert_eq!(counts(&old), (2, 0, 0), "{old}");
    let bad = import(client, b"sku,price_list,amount\nA,,5\nA,nope,5\nA,sale,5\n");
    assert_eq!(counts(&bad), (1, 0, 2), "{bad}");
    assert!(bad.to_string().contains("PUT /v1/price-lists/nope"), "{bad}");
    let export = |client: &mut Client| client.get("/v1/export/prices").unwrap().body;
    let written = export(client);
    let lines = written.iter().filter(|byte| **byte == b'\n').count() as u64 - 1;
    assert_eq!(lines, 6, "{}", String::from_utf8_lossy(&written));
    let told = import(client, &written);
    assert_eq!(counts(&told), (0, lines, 0), "{told}");
    let hash = get(client, "/v1/info")["files_hash"].clone();
    let mut other = self::shop();
    set_lists(&mut other.client);
    let told = import(&mut other.client, &written);
    assert_eq!(counts(&told), (lines, 0, 0), "{told}");
    assert_eq!(get(&mut other.client, "/v1/info")["files_hash"], hash);
    assert_eq!(export(&mut other.client), written);
}

#[test]
fn a_bound_key_sees_the_prices_of_its_channels_and_places_and_sets_no_list() {
    let house = House::default();
    let mkt = house.key("mkt", &["read"], &["--channel", "mkt"]);
    let till = house.key("till", &["read"], &["--location", "s1"]);
    let reader = house.key("reader", &["read"], &[]);
    let boss = house.key("boss", &["admin"], &[]);
    let server = house.serve(&[]);
    let mut client = server.client();
    let mut done = |key: &str, method: &str, path: &str, body: &Value| {
        let answer = ask(&mut client, key, method, path, body);
        (answer.status, answer.json())
    };
    for path in ["/v1/channels/web", "/v1/channels/mkt", "/v1/locations/s1", "/v1/locations/s2", "/v1/skus/A"] {
        assert_eq!(done(&boss, "PUT", path, &json!({})).0, 200);
    }
    for (id, body) in [
        ("all", json!({"currency": "EUR"})),
        ("web", json!({"currency": "EUR", "channels": ["web"]})),
        ("both", json!({"currency": "EUR", "channels": ["web", "mkt"]})),
        ("s2", json!({"currency": "EUR", "locations": ["s2"]})),
    ] {
        assert_eq!(done(&boss, "PUT", &format!("/v1/price-lists/{id}"), &body).0, 200);
    }
    let mut rows: Vec<Value> = ["all", "web", "both", "s2"]
        .into_iter()
        .map(|list| json!({"price_list": list, "sku": "A", "amount": 5}))
        .collect();
    for (field, value) in [("channel", "web"), ("channel", "mkt"), ("location", "s1"), ("location", "s2")] {
        rows.push(json!({"sku": "A", "currency": "EUR", "amount": 7, field: value}));
    }
    assert_eq!(done(&boss, "PUT", "/v1/prices", &json!({"prices": rows})).0, 200);
    let mut seen = |key: &str| {
        let (_, lists) = done(key, "GET", "/v1/price-lists", &Value::Null);
        let lists: Vec<String> = lists["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|list| list["price_list"].as_str().unwrap().to_owned())
            .collect();
        let (_, prices) = done(key, "GET", "/v1/prices?sku=A", &Value::Null);
        (lists.join(" "), prices["items"].as_array().unwrap().len(), prices.to_string())
    };
    assert_eq!(seen(&reader).1, 8);
    let (lists, count, text) = seen(&mkt);
    assert_eq!((lists.as_str(), count), ("all base both s2", 6), "{text}");
    assert!(!text.contains("web"), "{text}");
    let (lists, count, text) = seen(&till);
    assert_eq!((lists.as_str(), count), ("all base both web", 6), "{text}");
    assert_eq!(done(&mkt, "GET", "/v1/price-lists/web", &Value::Null).0, 404);
    let (_, both) = done(&mkt, "GET", "/v1/price-lists/both", &Value::Null);
    assert_eq!(both["channels"], json!(["mkt"]));
    let (_, why) = done(&mkt, "GET", "/v1/prices/explain?sku=A&channel=mkt&currency=EUR", &Value::Null);
    assert!(!why.to_string().contains("web"), "{why}");
    let query = |channel: &str, place: &str| json!({"lines": [{"sku": "A"}], "channel": channel, "currency": "EUR", "location": place});
    assert_eq!(done(&mkt, "POST", "/v1/prices/query", &query("web", "s1")).0, 403);
    assert_eq!(done(&mkt, "POST", "/v1/prices/query", &query("mkt", "s1")).0, 200);
    assert_eq!(done(&till, "POST", "/v1/prices/query", &query("web", "s2")).0, 403);
    assert_eq!(done(&till, "POST", "/v1/prices/query", &query("web", "s1")).0, 200);
    assert_eq!(done(&mkt, "PUT", "/v1/price-lists/mine", &json!({"currency": "EUR"})).0, 403);
    assert_eq!(done(&mkt, "PUT", "/v1/tax-classes/mine", &json!({})).0, 403);
    let of = |channel: &str| json!({"prices": [{"sku": "A", "currency": "EUR", "amount": 9, "channel": channel}]});
    assert_eq!(done(&mkt, "PUT", "/v1/prices", &of("mkt")).0, 403);
    assert_eq!(done(&reader, "PUT", "/v1/prices", &of("mkt")).0, 403, "the scope");
}

#[test]
fn what_was_answered_survives_a_kill_and_a_checkpoint_and_the_log_proves_it() {
    let mut shop = shop();
    list(&mut shop.client, "sale", &json!({"currency": "EUR", "kind": "sale", "priority": 1}));
    list(&mut shop.client, "soon", &json!({"currency": "EUR", "priority": 9, "starts_at": seconds(2)}));
    for base in [100, 80, 100] {
        prices(&mut shop.client, &json!([{"sku": "A", "currency": "EUR", "amount": base}]));
        moment();
    }
    let rows =
        json!([{"price_list": "sale", "sku": "A", "amount": 90}, {"price_list": "soon", "sku": "B", "amount": 1}]);
    prices(&mut shop.client, &rows);
    put(&mut shop.client, "/v1/tax-classes/books", &json!({"rates": [{"rate": 400}]}));
    put(&mut shop.client, "/v1/skus/A", &json!({"tax_class": "books"}));
    let told = |shop: &mut Shop| {
        (
            item(&mut shop.client, "A", &json!({})),
            get(&mut shop.client, "/v1/prices?sku=A&ended=true")["items"].clone(),
            get(&mut shop.client, "/v1/tax-classes/books"),
            get(&mut shop.client, "/v1/skus/A"),
        )
    };
    let first = told(&mut shop);
    assert_eq!(first.0["prior_amount"], 80);
    shop = shop.killed_and_restarted();
    assert_eq!(told(&mut shop), first, "from the log");
    // A list whose date comes while nobody is there is in force at once.
    let (folder, data) = shop.stopped();
    std::thread::sleep(Duration::from_secs(2));
    let server = anaquel_loadtest::server::Server::start(binary(), &data, &[]).unwrap();
    let mut client = server.client();
    let started = Instant::now();
    while item(&mut client, "B", &json!({}))["amount"] != 1 {
        assert!(started.elapsed() < Duration::from_secs(10), "it never begins");
    }
    assert_eq!(item(&mut client, "A", &json!({})), first.0, "from a checkpoint");
    let hash = get(&mut client, "/v1/info")["state_hash"].clone();
    server.kill().unwrap();
    assert_eq!(hash, *verify(binary(), &data).unwrap());
    drop(folder);
}

#[test]
fn two_who_set_one_price_or_one_list_at_once_end_with_one_of_the_two() {
    let mut shop = shop();
    list(&mut shop.client, "l", &json!({"currency": "EUR", "priority": 1}));
    let tag = shop.client.get("/v1/price-lists/l").unwrap().header("etag").unwrap().to_owned();
    let outcomes: Vec<(Vec<i64>, u16)> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..4_i64)
            .map(|caller| {
                let (mut client, tag) = (shop.server.client(), tag.clone());
                scope.spawn(move || {
                    let mut said = Vec::new();
                    for nth in 0..25 {
                        let amount = 1000 * caller + nth;
                        let rows = json!([{"price_list": "l", "sku": "A", "amount": amount}, {"price_list": "l", "sku": "B", "amount": amount}]);
                        prices(&mut client, &rows);
                        said.push(amount);
                    }
                    let headers = [("If-Match", tag.as_str())];
                    let body = json!({"priority": caller + 2});
                    (said, send(&mut client, "PUT", "/v1/price-lists/l", &headers, &body).status)
                })
            })
            .collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    let mut statuses: Vec<u16> = outcomes.iter().map(|(_, status)| *status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412, 412, 412]);
    let client = &mut shop.client;
    let (a, b) = (item(client, "A", &json!({})), item(client, "B", &json!({})));
    assert_eq!(a["amount"], b["amount"], "all or none, one after the other");
    assert!(outcomes.iter().any(|(said, _)| said.last().map(|last| json!(last)) == Some(a["amount"].clone())));
    // Nobody's price is lost: each was in force until the next.
    let kept = get(client, "/v1/prices?sku=A&ended=true");
    let rows = kept["items"].as_array().unwrap();
    let chain: Vec<_> = rows.iter().map(|row| (row["from"].clone(), row["until"].clone())).collect();
    assert!(chain.windows(2).all(|pair| pair[0].1 == pair[1].0), "{chain:?}");
    // Lists that are changed field by field at once keep both fields.
    let both = ["name", "channels"];
    std::thread::scope(|scope| {
        for field in both {
            let mut client = shop.server.client();
            scope.spawn(move || {
                let body = if field == "name" { json!({"name": "N"}) } else { json!({"channels": ["web"]}) };
                put(&mut client, "/v1/price-lists/l", &body);
            });
        }
    });
    let list = get(&mut shop.client, "/v1/price-lists/l");
    assert_eq!((&list["name"], &list["channels"]), (&json!("N"), &json!(["web"])));
}

#[test]
fn what_comes_twice_is_done_once_and_answered_as_first() {
    let mut shop = shop();
    let client = &mut shop.client;
    list(client, "l", &json!({"currency": "EUR"}));
    let keyed = |client: &mut Client, method: &str, path: &str, key: &str, body: &Value| {
        let answer = send(client, method, path, &[("Idempotency-Key", key)], body);
        assert_eq!(answer.status, 200, "{}", answer.json());
        (answer.header("idempotent-replayed").is_some(), answer.json())
    };
    let rows = json!({"prices": [{"price_list": "l", "sku": "A", "amount": 7}]});
    let first = keyed(client, "PUT", "/v1/prices", "p1", &rows);
    prices(client, &json!([{"price_list": "l", "sku": "A", "amount": 8}]));
    let seq = get(client, "/v1/info")["seq"].clone();
    let again = keyed(client, "PUT", "/v1/prices", "p1", &rows);
    assert_eq!((again.0, &again.1), (true, &first.1), "under its key");
    assert_eq!(amount(client, &json!({})), Some(8), "and not done again");
    assert_eq!(get(client, "/v1/info")["seq"], seq);
    let other = json!({"prices": [{"price_list": "l", "sku": "A", "amount": 9}]});
    let mismatch = send(client, "PUT", "/v1/prices", &[("Idempotency-Key", "p1")], &other);
    refused(&mismatch, 422, "idempotency-mismatch", &[]);
    // Without a key it says what is so already, and nothing is logged.
    let told = prices(client, &json!([{"price_list": "l", "sku": "A", "amount": 8}]));
    assert_eq!((&told["changed"], &told["unchanged"]), (&json!(0), &json!(1)));
    list(client, "l", &json!({"currency": "EUR"}));
    assert_eq!(get(client, "/v1/info")["seq"], seq);
    let set = keyed(client, "PUT", "/v1/price-lists/l", "l1", &json!({"priority": 2}));
    list(client, "l", &json!({"priority": 3}));
    prices(client, &json!([{"price_list": "l", "sku": "A", "amount": null}]));
    let gone = keyed(client, "DELETE", "/v1/price-lists/l", "l2", &Value::Null);
    let mut shop = shop.killed_and_restarted();
    let client = &mut shop.client;
    assert_eq!(keyed(client, "PUT", "/v1/price-lists/l", "l1", &json!({"priority": 2})), (true, set.1));
    assert_eq!(keyed(client, "DELETE", "/v1/price-lists/l", "l2", &Value::Null), (true, gone.1));
    assert_eq!(client.get("/v1/price-lists/l").unwrap().status, 404);
}

#[test]
fn the_demo_has_two_lists_a_channel_and_a_sale_with_what_it_was_before() {
    let mut shop = Shop::with(&["--demo"]);
    let client = &mut shop.client;
    for channel in ["web", "app", "marketplace", "contact-centre", "pos"] {
        let body = json!({"lines": [{"sku": "TSHIRT-RED-M"}, {"sku": "JEANS-BLACK-M"}], "channel": channel, "currency": "EUR"});
        let told = client.post("/v1/prices/query", &body).unwrap().json();
        let [sale, regular] = [&told["items"][0], &told["items"][1]];
        assert_eq!(sale["price_list"], format!("{channel}-sale"), "{told}");
        assert_eq!(sale["prior_amount"], sale["regular_amount"], "{told}");
        assert!(sale["amount"].as_i64() < sale["regular_amount"].as_i64(), "{told}");
        assert_eq!((&regular["price_list"], &regular["prior_amount"]), (&json!(channel), &Value::Null), "{told}");
    }
}

#[test]
fn the_log_shows_each_change_of_prices() {
    let mut shop = shop();
    let client = &mut shop.client;
    let seq = get(client, "/v1/info")["seq"].as_u64().unwrap();
    list(client, "l", &json!({"currency": "EUR", "channels": ["web"]}));
    prices(client, &json!([{"price_list": "l", "sku": "A", "amount": 7, "ends_at": "2099-01-01T00:00:00Z"}]));
    prices(client, &json!([{"price_list": "l", "sku": "A", "amount": null}]));
    put(client, "/v1/tax-classes/books", &json!({"rates": [{"rate": 400}]}));
    put(client, "/v1/skus/A", &json!({"tax_class": "books"}));
    send(client, "DELETE", "/v1/price-lists/l", &[], &Value::Null);
    let events = get(client, &format!("/v1/events?after={seq}"));
    let items = events["items"].as_array().unwrap();
    let kinds: Vec<_> = items.iter().map(|item| item["kind"].as_str().unwrap()).collect();
    let expected =
        ["price_list_set", "prices_set", "prices_set", "tax_class_set", "sku_tax_classes_set", "price_list_set"];
    assert_eq!(kinds, expected, "{events}");
    let list = &items[0]["price_lists"][0];
    assert_eq!((&list["price_list"], &list["in_force"]), (&json!("l"), &json!(true)));
    let row = &items[1]["prices"][0];
    assert_eq!(
        (&row["sku"], &row["amount"], &row["ends_at"]),
        (&json!("A"), &json!(7), &json!("2099-01-01T00:00:00.000Z"))
    );
    assert_eq!((&items[2]["skus"], &items[2]["prices"][0]["amount"]), (&json!(["A"]), &Value::Null));
    assert_eq!(items[4]["skus"], json!([{"sku": "A", "tax_class": "books"}]));
    assert_eq!(items[5]["price_lists"], json!([{"price_list": "l", "removed": true}]));
}
