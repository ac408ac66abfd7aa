//! Sales over HTTP: one step at a till, offline tills, the one sales ledger and its sums.

use std::collections::BTreeMap;

use anaquel_loadtest::client::Client;
use anaquel_loadtest::server::verify;
use anaquel_tests::binary;
use anaquel_tests::calls::{get, put};
use anaquel_tests::house::{House, ask};
use anaquel_tests::selling::{
    declare, fulfilment, granted, key, order, pickup, post, refused, sale, selling_shop, seq, set_prices, step, with,
};
use serde_json::{Value, json};

/// So many seconds from now.
fn seconds(seconds: i64) -> String {
    let at = jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap();
    format!("{at:.3}")
}

/// The rows of the ledger that match.
fn rows(client: &mut Client, query: &str) -> Vec<Value> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page = get(client, &format!("/v1/sales?{query}&limit=3{after}"));
        all.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next"].as_str() else { return all };
        after = format!("&after={next}");
    }
}

fn sum(rows: &[Value], name: &str) -> i64 {
    rows.iter().map(|row| row[name].as_i64().unwrap()).sum()
}

#[test]
fn a_sale_is_an_order_in_one_step() {
    let mut shop = selling_shop(&[]);
    let before = shop.seq();
    let body = with(
        sale("T-1", &[("A", 2), ("C", 1)], 2210),
        &json!({"customer": "c-1", "till_reference": "7-118", "charges": [{"charge": "bag", "amount": 100}]}),
    );
    let made = shop.client.post("/v1/sales", &body).unwrap();
    assert_eq!(made.header("location"), Some("/v1/orders/T-1"));
    let told = granted(made, 201);
    assert_eq!(
        (&told["state"], &told["total"], &told["paid"], &told["due"]),
        (&json!("completed"), &json!(2210), &json!(2210), &json!(0))
    );
    assert_eq!((&told["lines"][0]["handed_over"], &told["till_reference"]), (&json!(2), &json!("7-118")));
    let one = &told["fulfilments"][0];
    assert_eq!(
        (&one["purpose"], &one["state"], &one["location"], &one["reservation"]),
        (&json!("carry_out"), &json!("collected"), &json!("s1"), &Value::Null)
    );
    let paid = &told["payments"][0];
    assert_eq!((&paid["till"], &paid["location"], &paid["state"]), (&json!("7"), &json!("s1"), &json!("captured")));
    assert_eq!(told["history"].as_array().unwrap().len(), 1);
    assert_eq!(order(&mut shop.client, "T-1"), told);
    assert_eq!((shop.cell("A", "s1"), shop.cell("C", "s1")), ((8, 0, 8), (9, 0, 9)));
    let events = get(&mut shop.client, &format!("/v1/events?after={before}&limit=1000"));
    let kinds: Vec<&str> =
        events["items"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["order_sold"], "one record");
    assert_eq!(events["items"][0]["sold"].as_array().unwrap().len(), 3);
    let ledger = rows(&mut shop.client, "order=T-1");
    let told: Vec<(Value, Value, i64, i64)> = ledger
        .iter()
        .map(|row| {
            (
                row["sku"].clone(),
                row["charge"].clone(),
                row["quantity"].as_i64().unwrap(),
                row["amount"].as_i64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [(json!("A"), Value::Null, 2, 2000), (json!("C"), Value::Null, 1, 110), (Value::Null, json!("bag"), 0, 100)]
    );
    for row in &ledger {
        assert_eq!(
            (&row["kind"], &row["channel"], &row["location"], &row["till"], &row["customer"], &row["currency"]),
            (&json!("sale"), &json!("pos"), &json!("s1"), &json!("7"), &json!("c-1"), &json!("EUR"))
        );
        assert_eq!(row["absorbed"], false);
        for member in
            ["seq", "time", "occurred_at", "business_date", "return", "receipt", "line", "kit", "discount", "tax_rate"]
        {
            assert!(row.get(member).is_some(), "{member} in {row}");
        }
    }
    let today = format!("{}", jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date());
    assert_eq!(ledger[0]["business_date"], today.as_str());
}

#[test]
fn stock_is_never_a_reason_to_refuse_a_sale() {
    let mut shop = selling_shop(&[]);
    assert_eq!(shop.reserved("A", "s1", 4)["state"], "held");
    granted(shop.client.post("/v1/sales", &sale("T-1", &[("A", 13)], 13_000)).unwrap(), 201);
    let (on_hand, reserved, available) = shop.cell("A", "s1");
    assert_eq!((on_hand, reserved), (-3, 4));
    assert!(available <= 0, "{available}");
    assert!(!get(&mut shop.client, "/v1/shortages")["items"].as_array().unwrap().is_empty());
}

#[test]
fn a_sale_is_paid_and_priced_or_it_is_not_made() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    let before = seq(client);
    let told = refused(&client.post("/v1/sales", &sale("T-1", &[("A", 2)], 1999)).unwrap(), 409, "unbalanced");
    assert_eq!((&told["due"], &told["tendered"]), (&json!(2000), &json!(1999)));
    refused(
        &client.post("/v1/sales", &sale("T-1", &[("A", 1), ("UNPRICED", 1)], 1000)).unwrap(),
        409,
        "price-mismatch",
    );
    // A price by hand is kept, and marked (a server without keys asks nobody for a scope).
    let by_hand = with(sale("T-2", &[], 1), &json!({"lines": [{"sku": "UNPRICED", "quantity": 1, "unit_amount": 1}]}));
    for (more, field) in [
        (json!({"self_checkout": 1}), "self_checkout"),
        (json!({"location": "nowhere"}), "location"),
        (json!({"lines": []}), "lines"),
        (json!({"lines": vec![json!({"sku": "A", "quantity": 1}); 101]}), "lines"),
        (json!({"lines": [{"sku": "A", "quantity": 1, "latest": "2099-01-01T00:00:00Z"}]}), "lines[0].latest"),
        (json!({"lines": [{"sku": "A", "quantity": 1, "location": "s2"}]}), "lines[0].location"),
        (json!({"till": null, "till_reference": "7-1"}), "till_reference"),
        (json!({"expected_total": -1}), "expected_total"),
        (json!({"payments": [{"tender": "points", "amount": 1}]}), "payments[0].tender"),
        (json!({"occurred_at": seconds(180)}), "occurred_at"),
        (json!({"occurred_at": seconds(-31 * 86_400)}), "occurred_at"),
    ] {
        let answer = client.post("/v1/sales", &with(sale("T-1", &[("A", 1)], 1000), &more)).unwrap();
        assert_eq!((answer.status, &answer.json()["field"]), (400, &json!(field)), "{more}: {}", answer.json());
    }
    assert_eq!(seq(client), before, "nothing was written");
    let told = granted(client.post("/v1/sales", &by_hand).unwrap(), 201);
    assert_eq!((&told["lines"][0]["by_hand"], &told["total"]), (&json!(true), &json!(1)));
}

#[test]
fn a_sale_that_comes_twice_is_sold_once() {
    let mut shop = selling_shop(&[]);
    let body = with(sale("T-1", &[("A", 1)], 1000), &json!({"till_reference": "7-1"}));
    let made = granted(shop.client.post("/v1/sales", &body).unwrap(), 201);
    assert_eq!(granted(shop.client.post("/v1/sales", &body).unwrap(), 200), made);
    let other = with(body.clone(), &json!({"customer": "c-9"}));
    assert_eq!(refused(&shop.client.post("/v1/sales", &other).unwrap(), 409, "already-exists")["seq"], made["seq"]);
    // The number of a till is unique for its location and till.
    let twice = with(sale("T-2", &[("A", 1)], 1000), &json!({"till_reference": "7-1"}));
    refused(&shop.client.post("/v1/sales", &twice).unwrap(), 409, "already-exists");
    let elsewhere = with(twice.clone(), &json!({"location": "s2"}));
    granted(shop.client.post("/v1/sales", &elsewhere).unwrap(), 201);
    let found = get(&mut shop.client, "/v1/orders?till=7&till_reference=7-1&location=s1");
    assert_eq!((found["items"].as_array().unwrap().len(), &found["items"][0]["order"]), (1, &json!("T-1")));
    // One that the server names needs a key.
    let mut unnamed = body;
    unnamed.as_object_mut().unwrap().remove("order");
    unnamed.as_object_mut().unwrap().remove("till_reference");
    refused(&shop.client.post("/v1/sales", &unnamed).unwrap(), 400, "invalid-request");
    let first = shop.client.post_keyed("/v1/sales", "k", &unnamed).unwrap();
    assert_eq!(first.status, 201);
    let mut shop = shop.killed_and_restarted();
    let again = shop.client.post_keyed("/v1/sales", "k", &unnamed).unwrap();
    assert_eq!((again.status, &again.body), (201, &first.body));
    assert_eq!(shop.cell("A", "s1"), (8, 0, 8));
    let (_folder, data) = shop.stopped();
    verify(binary(), &data).unwrap();
}

#[test]
fn a_sale_told_late_is_booked_as_it_was() {
    let mut shop = selling_shop(&[]);
    let late = |id: &str, at: &str| {
        json!({"order": id, "channel": "pos", "location": "s1", "till": "7", "currency": "EUR", "occurred_at": at,
            "lines": [{"sku": "A", "quantity": 1, "unit_amount": 900}, {"sku": "B", "quantity": 2, "unit_amount": 250}],
            "payments": [{"tender": "cash", "amount": 10}]})
    };
    let mut unnamed = late("T-1", &seconds(-3600));
    unnamed.as_object_mut().unwrap().remove("order");
    assert_eq!(post(&mut shop.client, "/v1/sales", &unnamed).json()["field"], "order", "it names its own id");
    let body = late("T-1", &seconds(-3600));
    // Its prices are kept, marked where they are not what was in force; what does not add up is told.
    let hours_ago = body["occurred_at"].as_str().unwrap().to_owned();
    set_prices(&mut shop.client, &[("A", 1500)]);
    let told = granted(shop.client.post("/v1/sales", &with(body, &json!({}))).unwrap(), 201);
    let marks: Vec<(&Value, &Value)> =
        told["lines"].as_array().unwrap().iter().map(|line| (&line["unit_amount"], &line["price_differs"])).collect();
    assert_eq!(marks[0].0, 900);
    assert_eq!(marks[0].1, true);
    assert_eq!(
        (&told["flags"], &told["due"], &told["lines"][0]["by_hand"]),
        (&json!(["unbalanced"]), &json!(told["total"].as_i64().unwrap() - 10), &json!(false))
    );
    assert_eq!(told["payments"][0]["occurred_at"], hours_ago.as_str());
    let ledger = rows(&mut shop.client, "order=T-1");
    assert!(ledger.iter().all(|row| row["occurred_at"] == hours_ago.as_str() && row["time"] != row["occurred_at"]));
    // Within two minutes it is now: decided like any other.
    let now = with(sale("T-2", &[("A", 1)], 10), &json!({"occurred_at": seconds(-60)}));
    refused(&shop.client.post("/v1/sales", &now).unwrap(), 409, "unbalanced");
    // Where a count that was made since has it already, the stock stays.
    let before = shop.cell("B", "s2").0;
    let count = json!({"counts": [{"sku": "B", "location": "s2", "on_hand": before}]});
    assert_eq!(shop.client.post("/v1/stock/counts", &count).unwrap().status, 200);
    let earlier = json!({"order": "T-3", "channel": "pos", "location": "s2", "currency": "EUR", "occurred_at": seconds(-600),
        "lines": [{"sku": "B", "quantity": 2, "unit_amount": 250}], "payments": [{"tender": "cash", "amount": 500}]});
    granted(shop.client.post("/v1/sales", &earlier).unwrap(), 201);
    assert_eq!(shop.cell("B", "s2").0, before);
    assert_eq!(rows(&mut shop.client, "order=T-3")[0]["absorbed"], true);
    let (_folder, data) = shop.stopped();
    verify(binary(), &data).unwrap();
}

#[test]
fn telling_late_needs_the_scope_stock() {
    let house = House::default();
    let admin = house.key("admin", &["admin"], &[]);
    let bound = ["--channel", "pos", "--location", "s1"];
    let (shop, till) = (house.key("shop", &["sell"], &bound), house.key("till", &["sell", "stock"], &bound));
    let server = house.serve(&[]);
    let mut client = server.client();
    let mut own = server.client().with_key(&admin);
    declare(&mut own);
    let body = json!({"order": "T-1", "channel": "pos", "location": "s1", "currency": "EUR", "occurred_at": seconds(-3600),
        "lines": [{"sku": "A", "quantity": 1, "unit_amount": 900}], "payments": [{"tender": "cash", "amount": 900}]});
    assert_eq!(refused(&ask(&mut client, &shop, "POST", "/v1/sales", &body), 403, "forbidden")["scope"], "stock");
    granted(ask(&mut client, &till, "POST", "/v1/sales", &body), 201);
    // What an offline till asked for is no price by hand; online it is.
    let now = with(body.clone(), &json!({"order": "T-2", "occurred_at": null}));
    assert_eq!(refused(&ask(&mut client, &till, "POST", "/v1/sales", &now), 403, "forbidden")["scope"], "refund");
    let elsewhere = with(sale("T-3", &[("A", 1)], 1000), &json!({"location": "s2"}));
    refused(&ask(&mut client, &till, "POST", "/v1/sales", &elsewhere), 403, "forbidden");
    // A bound key reads the ledger of its place.
    assert_eq!(
        ask(&mut client, &till, "GET", "/v1/sales?location=s1", &Value::Null).json()["items"].as_array().unwrap().len(),
        1
    );
    refused(&ask(&mut client, &till, "GET", "/v1/sales", &Value::Null), 403, "forbidden");
    refused(&ask(&mut client, &till, "GET", "/v1/sales/totals?location=s2", &Value::Null), 403, "forbidden");
}

#[test]
fn sales_and_orders_of_all_channels_are_one_ledger_whose_sums_add_up() {
    let mut shop = selling_shop(&[]);
    let sold = [
        sale("T-1", &[("A", 1), ("C", 2)], 1220),
        with(sale("T-2", &[("B", 4)], 1000), &json!({"till": "8", "payments": [{"tender": "card", "amount": 1000}]})),
        with(sale("T-3", &[("A", 2)], 2000), &json!({"location": "s2", "customer": "c-1"})),
    ];
    for body in &sold {
        granted(shop.client.post("/v1/sales", body).unwrap(), 201);
    }
    let web = json!({"order": "W-1", "channel": "web", "customer": "c-1", "currency": "EUR", "confirm": true,
        "fulfilments": [fulfilment("pickup", "s1", &[("A", 3)]), fulfilment("delivery", "s2", &[("B", 1)])],
        "charges": [{"charge": "shipping", "amount": 395}],
        "payments": [{"payment": "k", "tender": "card", "amount": 3645, "state": "authorized"}]});
    granted(shop.client.post("/v1/orders", &web).unwrap(), 201);
    let part = json!({"channel": "pos", "location": "s1", "till": "7", "lines": [{"sku": "A", "quantity": 2}]});
    granted(step(&mut shop.client, "W-1", "fulfilments/1/collect", &part), 200);
    granted(step(&mut shop.client, "W-1", "fulfilments/2/collect", &json!({})), 200);
    granted(step(&mut shop.client, "W-1", "cancel", &json!({"channel": "web"})), 200);
    let captured = json!({"channel": "web", "payments": [{"payment": "k", "tender": "card", "amount": 3645, "state": "captured"}]});
    granted(step(&mut shop.client, "W-1", "payments", &captured), 200);
    let back = json!({"channel": "pos", "location": "s2", "till": "9", "refunds": [{"tender": "card", "amount": 1000, "state": "done", "payment": "k"}]});
    granted(step(&mut shop.client, "W-1", "refunds", &back), 200);

    // What left is what was sold, for each SKU and place.
    for (sku, place) in [("A", "s1"), ("A", "s2"), ("B", "s1"), ("B", "s2"), ("C", "s1"), ("C", "s2")] {
        let sold = sum(&rows(&mut shop.client, &format!("sku={sku}&location={place}")), "quantity");
        assert_eq!(10 - shop.cell(sku, place).0, sold, "{sku} {place}");
    }
    let client = &mut shop.client;
    let all = rows(client, "channel=pos").into_iter().chain(rows(client, "channel=web")).collect::<Vec<_>>();
    assert_eq!(sum(&all, "amount"), 1220 + 1000 + 2000 + 2000 + 250 + 395);
    assert_eq!(sum(&rows(client, ""), "amount"), sum(&all, "amount"), "each row is in one channel");
    let in_order: Vec<u64> = rows(client, "").iter().map(|row| row["seq"].as_u64().unwrap()).collect();
    assert!(in_order.is_sorted(), "{in_order:?}");
    for (query, count) in [
        ("customer=c-1", 4),
        ("till=7", 5),
        ("sku=B", 2),
        ("order=W-1", 3),
        ("to=2001-01-01T00:00:00Z", 0),
        ("from=2001-01-01", 7),
    ] {
        assert_eq!(rows(client, query).len(), count, "{query}");
    }
    // The sums of any division are those of the rows.
    let mut total = |by: &str| get(client, &format!("/v1/sales/totals?by={by}"))["items"].as_array().unwrap().clone();
    for by in
        ["", "channel", "location", "till", "business_date", "tax_rate", "channel,location,till,business_date,tax_rate"]
    {
        let items = total(by);
        let names: Vec<&str> = by.split(',').filter(|name| !name.is_empty()).collect();
        let mut expected: BTreeMap<String, (i64, i64, i64)> = BTreeMap::new();
        for row in &all {
            let of: Vec<&Value> = names.iter().map(|name| &row[*name]).collect();
            let sums = expected.entry(json!(of).to_string()).or_default();
            *sums = (sums.0 + row["quantity"].as_i64().unwrap(), sums.1 + row["amount"].as_i64().unwrap(), sums.2 + 1);
        }
        let told: BTreeMap<String, (i64, i64, i64)> = items
            .iter()
            .map(|item| {
                let of: Vec<&Value> = names.iter().map(|name| &item[*name]).collect();
                (
                    json!(of).to_string(),
                    (
                        item["quantity"].as_i64().unwrap(),
                        item["amount"].as_i64().unwrap(),
                        item["rows"].as_i64().unwrap(),
                    ),
                )
            })
            .collect();
        assert_eq!(told, expected, "{by}");
    }
    // Money stands where, when and at which till it was captured or paid back.
    let money: Vec<(String, String, String, String, i64)> = total("location,till,tender")
        .iter()
        .map(|item| {
            let text = |name: &str| item[name].as_str().unwrap_or("-").to_owned();
            (text("location"), text("till"), text("tender"), text("kind"), item["amount"].as_i64().unwrap())
        })
        .collect();
    let expected = [
        ("-", "-", "card", "payment", 3645),
        ("s1", "7", "cash", "payment", 1220),
        ("s1", "8", "card", "payment", 1000),
        ("s2", "7", "cash", "payment", 2000),
        ("s2", "9", "card", "refund", 1000),
    ];
    let expected: Vec<_> =
        expected.map(|(a, b, c, d, n)| (a.to_owned(), b.to_owned(), c.to_owned(), d.to_owned(), n)).into();
    assert_eq!(money, expected);
    for bad in ["by=tender,tax_rate", "by=colour", "by=till,till", "by=tender&sku=A", "from=today", "limit=3"] {
        assert_eq!(client.get(&format!("/v1/sales/totals?{bad}")).unwrap().status, 400, "{bad}");
    }
}

#[test]
fn the_ledger_spreads_a_discount_over_what_is_handed_over() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    let line = json!({"sku": "A", "quantity": 3, "unit_amount": 299, "discount": 299});
    let body = json!({"order": "W-1", "channel": "web", "currency": "EUR", "confirm": true, "pay_at_handover": true,
        "fulfilments": [{"purpose": "pickup", "location": "s1", "lines": [line]}]});
    granted(client.post("/v1/orders", &body).unwrap(), 201);
    for cash in [199, 199, 200] {
        let one = json!({"lines": [{"sku": "A", "quantity": 1}], "payments": [{"tender": "cash", "amount": cash}]});
        granted(step(client, "W-1", "fulfilments/1/collect", &one), 200);
    }
    let told: Vec<(i64, i64)> = rows(client, "order=W-1")
        .iter()
        .map(|row| (row["amount"].as_i64().unwrap(), row["discount"].as_i64().unwrap()))
        .collect();
    assert_eq!(told, [(199, 100), (199, 100), (200, 99)]);
}

#[test]
fn many_tills_sell_at_once_and_each_sale_is_there_once() {
    let mut shop = selling_shop(&[]);
    shop.receive("A", "s1", 1000);
    const TILLS: i64 = 4;
    const EACH: i64 = 25;
    std::thread::scope(|scope| {
        for till in 0..TILLS {
            let mut client = shop.server.client();
            scope.spawn(move || {
                for nth in 0..EACH {
                    let more = json!({"till": till.to_string(), "till_reference": format!("{till}-{nth}")});
                    let body = with(sale(&format!("T-{till}-{nth}"), &[("A", 1 + nth % 2)], 2000), &more);
                    assert_eq!(client.post("/v1/sales", &body).unwrap().status, 201);
                    assert_eq!(client.post("/v1/sales", &body).unwrap().status, 200);
                }
            });
        }
    });
    let sold = rows(&mut shop.client, "sku=A");
    assert_eq!(sold.len() as i64, TILLS * EACH);
    assert_eq!(1010 - shop.cell("A", "s1").0, sum(&sold, "quantity"));
    let shop = shop.killed_and_restarted();
    let mut shop = shop.restarted();
    assert_eq!(rows(&mut shop.client, "sku=A"), sold, "from the log, and from a checkpoint");
    let (_folder, data) = shop.stopped();
    verify(binary(), &data).unwrap();
}

#[test]
fn prices_that_change_while_tills_sell_are_those_of_the_record() {
    let mut shop = selling_shop(&[]);
    shop.receive("A", "s1", 1000);
    std::thread::scope(|scope| {
        let mut changes = shop.server.client();
        scope.spawn(move || {
            for amount in 0..60 {
                let row = json!({"sku": "A", "currency": "EUR", "amount": 1000 + amount});
                put(&mut changes, "/v1/prices", &json!({"prices": [row]}));
            }
        });
        for till in 0..2 {
            let mut client = shop.server.client();
            scope.spawn(move || {
                for nth in 0..40 {
                    let answer =
                        client.post("/v1/sales", &sale(&format!("T-{till}-{nth}"), &[("A", 1)], 2000)).unwrap();
                    assert!([201, 503].contains(&answer.status), "{}", answer.json());
                }
            });
        }
    });
    let client = &mut shop.client;
    let events = get(client, "/v1/events?after=0&limit=1000");
    let mut in_force = 1000;
    let mut sold = 0;
    for event in events["items"].as_array().unwrap() {
        match event["kind"].as_str().unwrap() {
            "prices_set" => {
                let set = event["prices"].as_array().unwrap();
                in_force =
                    set.iter().find(|row| row["sku"] == "A").map_or(in_force, |row| row["amount"].as_i64().unwrap());
            }
            "order_sold" => {
                assert_eq!(event["lines"][0]["unit_amount"], in_force, "{event}");
                sold += 1;
            }
            _ => {}
        }
    }
    assert!(sold > 0, "at least one was sold");
}

#[test]
fn an_order_of_another_kind_is_no_sale_and_the_other_way_round() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    granted(client.post("/v1/orders", &pickup("X-1", &[("A", 1)])).unwrap(), 201);
    refused(&client.post("/v1/sales", &sale("X-1", &[("A", 1)], 1000)).unwrap(), 409, "already-exists");
    granted(client.post("/v1/sales", &sale("X-2", &[("A", 1)], 1000)).unwrap(), 201);
    refused(&client.post("/v1/orders", &pickup("X-2", &[("A", 1)])).unwrap(), 409, "already-exists");
    for way in ["ready", "collect"] {
        let answer = client.post_keyed(&format!("/v1/orders/X-2/fulfilments/1/{way}"), &key(), &json!({})).unwrap();
        assert!([200, 409].contains(&answer.status), "{way}: {}", answer.json());
    }
    assert_eq!(order(client, "X-2")["state"], "completed");
}

#[test]
fn nonsense_in_a_filter_is_refused_by_name() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    for nth in 0..3 {
        granted(client.post("/v1/sales", &sale(&format!("T-{nth}"), &[("A", 1), ("B", 1)], 1250)).unwrap(), 201);
    }
    let both = [
        ("location=nowhere", 404, "location"),
        ("location=a%20b", 400, "location"),
        ("sku=NEVER", 404, "SKU"),
        ("channel=a%20b", 400, "channel"),
        ("till=%20x", 400, "till"),
        ("customer=%0A", 400, "customer"),
        ("order=", 400, "order"),
        ("from=today", 400, "from"),
        ("from=2027-02-30", 400, "from"),
        ("to=2027-13-01", 400, "to"),
        ("to=2027-01-01T25:00:00Z", 400, "to"),
        ("from=2027-02-02&to=2027-02-01", 400, "to"),
        ("from=2027-02-01T00:00:01Z&to=2027-02-01T00:00:00Z", 400, "to"),
        ("from=2027-02-01&from=2027-02-02", 400, "from"),
        ("min_seq=-1", 400, "min_seq"),
        ("colour=red", 400, "colour"),
    ];
    for path in ["/v1/sales", "/v1/sales/totals"] {
        for (query, status, named) in both {
            let answer = client.get(&format!("{path}?{query}")).unwrap();
            assert_eq!(answer.status, status, "{path}?{query} {}", answer.json());
            let told = answer.json();
            assert!(told["detail"].as_str().unwrap().contains(named), "{path}?{query} {told}");
            assert!(status != 400 || told["field"] == named, "{path}?{query} {told}");
        }
    }
    for path in ["/v1/orders", "/v1/receipts"] {
        let span = "from=2027-02-02T00:00:00Z&to=2027-02-01T00:00:00Z";
        assert_eq!(refused(&client.get(&format!("{path}?{span}")).unwrap(), 400, "invalid-request")["field"], "to");
    }
    let next = |client: &mut Client, path: &str| match &get(client, path)["next"] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let (own, of_orders) = (next(client, "/v1/sales?limit=1"), next(client, "/v1/orders?limit=1"));
    let of_other = next(client, "/v1/sales?limit=1&sku=B");
    for (query, field) in [
        ("limit=0".to_owned(), "limit"),
        ("limit=1001".to_owned(), "limit"),
        ("limit=many".to_owned(), "limit"),
        ("after=x".to_owned(), "after"),
        (format!("after={of_orders}"), "after"),
        (format!("after={of_other}"), "after"),
        (format!("after={own}&sku=B"), "after"),
    ] {
        let answer = client.get(&format!("/v1/sales?{query}")).unwrap();
        assert_eq!(refused(&answer, 400, "invalid-request")["field"], field, "{query}");
    }
    // A page of another length goes on.
    let rest = get(client, &format!("/v1/sales?limit=1000&after={own}"));
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next"]), (5, &Value::Null));
}
