//! Orders, receipts and sales that left memory, over HTTP: read as before, and brought back by a step.

use std::time::{Duration, Instant};

use anaquel_loadtest::client::Client;
use anaquel_loadtest::server::verify;
use anaquel_tests::calls::{counts, get, put};
use anaquel_tests::house::House;
use anaquel_tests::selling::{granted, order, pickup, post, refused, sale, selling_shop, seq, step, with};
use anaquel_tests::{Shop, binary};
use serde_json::{Value, json};

/// How long a test waits for the archive.
const PATIENCE: Duration = Duration::from_secs(60);

/// A shop whose orders leave memory as soon as they have ended.
fn forgetful() -> (House, Shop) {
    let house = House::default();
    let config = house.config("[orders]\nmemory_days = 0\n");
    let mut shop = selling_shop(&["--config", &config]);
    let issuer = json!({"tax_id": "B12345678", "name": "Moda S.L.", "address": "Calle Mayor 1", "country": "ES", "timezone": "Europe/Madrid"});
    put(&mut shop.client, "/v1/issuers/es", &issuer);
    put(&mut shop.client, "/v1/series/R", &json!({"issuer": "es", "kind": "receipt", "prefix": "R-"}));
    put(&mut shop.client, "/v1/series/F", &json!({"issuer": "es", "kind": "invoice", "prefix": "F-"}));
    (house, shop)
}

/// What happened, of one kind.
fn events(client: &mut Client, kind: &str) -> Vec<Value> {
    let mut all = get(client, "/v1/events?after=0&limit=1000")["items"].as_array().unwrap().clone();
    all.retain(|event| event["kind"] == kind);
    all
}

/// Waits until so many orders were archived in all.
fn wait_for_archived(client: &mut Client, orders: u64) {
    let begun = Instant::now();
    loop {
        let done: u64 = events(client, "archived").iter().map(|event| event["orders"].as_u64().unwrap()).sum();
        if done >= orders {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{done} of {orders} orders are archived");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// All items of a list, a few a page.
fn list(client: &mut Client, path: &str) -> Vec<Value> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let joins = if path.contains('?') { '&' } else { '?' };
        let page = get(client, &format!("{path}{joins}limit=2{after}"));
        all.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next"].as_str() else { return all };
        after = format!("&after={next}");
    }
}

/// Everything that is read of orders, receipts and sales.
fn reads(client: &mut Client) -> Vec<Value> {
    let lists = [
        "/v1/orders",
        "/v1/orders?customer=c-1",
        "/v1/orders?till_reference=7-1002",
        "/v1/orders?state=completed&from=2020-01-01T00:00:00Z",
        "/v1/customers/c-0/history",
        "/v1/receipts",
        "/v1/receipts?order=T-3",
        "/v1/receipts?series=R&from=2020-01-01T00:00:00Z",
        "/v1/sales",
        "/v1/sales?order=T-2",
        "/v1/sales?customer=c-1",
        "/v1/sales?customer=nobody",
        "/v1/sales?order=nobody",
        "/v1/sales?from=2020-01-01",
    ];
    let mut told: Vec<Value> = lists.iter().map(|path| json!({"list": list(client, path)})).collect();
    for by in [
        "channel,location",
        "tender",
        "tax_rate",
        "business_date,till",
        "tender,business_date&from=2020-01-01",
        "tender&customer=c-1",
        "tender&order=T-1",
        "tax_rate&customer=c-0",
    ] {
        let totals = get(client, &format!("/v1/sales/totals?by={by}"));
        told.push(totals["items"].clone());
    }
    for nth in 0..6 {
        told.push(get(client, &format!("/v1/orders/T-{nth}")));
        told.push(get(client, &format!("/v1/receipts/R:{}", nth + 1)));
    }
    told
}

fn sold(nth: i64) -> Value {
    let more = json!({
        "customer": format!("c-{}", nth % 2),
        "till_reference": format!("7-{}", 1000 + nth),
        "receipt": {"series": "R"},
    });
    with(sale(&format!("T-{nth}"), &[("A", 1), ("C", 1)], 1110), &more)
}

#[test]
fn what_left_memory_is_read_as_before_and_comes_back_for_a_step() {
    let (_house, mut shop) = forgetful();
    // One that does not end stays.
    let asked = with(
        pickup("W-1", &[("B", 1)]),
        &json!({"confirm": true, "payments": [{"tender": "card", "amount": 250, "state": "captured"}]}),
    );
    granted(post(&mut shop.client, "/v1/orders", &asked), 201);
    for nth in 0..6 {
        granted(shop.client.post("/v1/sales", &sold(nth)).unwrap(), 201);
    }
    let before = reads(&mut shop.client);
    wait_for_archived(&mut shop.client, 6);
    assert_eq!(reads(&mut shop.client), before);
    let key = get(&mut shop.client, "/v1/receipts/R:4")["key"].as_str().unwrap().to_owned();
    let copy = shop.client.get(&format!("/r/{key}")).unwrap();
    assert_eq!(copy.status, 200);
    assert_eq!(shop.client.get("/r/00000000000000000000000000000000").unwrap().status, 404);
    assert_eq!(shop.client.get("/v1/orders/T-9").unwrap().status, 404);

    // Told again: the same sale, another one, a number of a till that is taken.
    let again = granted(shop.client.post("/v1/sales", &sold(2)).unwrap(), 200);
    assert_eq!(again, order(&mut shop.client, "T-2"));
    let other = with(sold(2), &json!({"customer": "c-9"}));
    refused(&shop.client.post("/v1/sales", &other).unwrap(), 409, "already-exists");
    let taken = with(sold(9), &json!({"till_reference": "7-1003"}));
    refused(&shop.client.post("/v1/sales", &taken).unwrap(), 409, "already-exists");
    let body = json!({"channel": "web", "purpose": "pickup", "order": "T-5", "lines": [{"sku": "A", "location": "s1", "quantity": 1}]});
    refused(&post(&mut shop.client, "/v1/reservations", &body), 409, "wrong-state");

    // A step brings an order back, and it leaves again.
    let paid = json!({"payments": [{"payment": "late", "tender": "card", "amount": 5, "state": "failed"}]});
    let told = granted(step(&mut shop.client, "T-4", "payments", &paid), 200);
    assert_eq!(told["payments"].as_array().unwrap().len(), 2);
    let recalled = events(&mut shop.client, "recalled");
    assert!(recalled.iter().any(|event| event["orders"] == json!(["T-4"]) && event["receipts"] == json!(["R:5"])));
    assert_eq!(order(&mut shop.client, "T-4"), told);
    let recipient = json!({"tax_id": "B2", "name": "Ana", "address": "Calle 2", "country": "ES"});
    let invoice = post(&mut shop.client, "/v1/receipts/R:1/invoice", &json!({"series": "F", "recipient": recipient}));
    assert_eq!(invoice.status, 200, "{}", invoice.json());
    let again = post(&mut shop.client, "/v1/receipts/R:1/invoice", &json!({"series": "F", "recipient": recipient}));
    refused(&again, 409, "wrong-state");
    refused(&step(&mut shop.client, "T-8", "payments", &paid), 404, "not-found");

    let archived = events(&mut shop.client, "archived").len();
    assert!(archived > 0);
    wait_for_archived(&mut shop.client, 8);
    let before = reads(&mut shop.client);
    let mut shop = shop.killed_and_restarted();
    assert_eq!(reads(&mut shop.client), before);
    let (_folder, data) = shop.stopped();
    verify(binary(), &data).unwrap();
}

/// Waits until so many returns were archived in all.
fn wait_for_returns(client: &mut Client, returns: u64) {
    let begun = Instant::now();
    loop {
        let done: u64 = events(client, "archived").iter().map(|event| event["returns"].as_u64().unwrap()).sum();
        if done >= returns {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{done} of {returns} returns are archived");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn what_left_memory_comes_back_to_be_returned_and_its_returns_leave_after_it() {
    let (_house, mut shop) = forgetful();
    put(&mut shop.client, "/v1/series/CN", &json!({"issuer": "es", "kind": "credit_note", "prefix": "CN-"}));
    for nth in 0..2 {
        granted(shop.client.post("/v1/sales", &sold(nth)).unwrap(), 201);
    }
    wait_for_archived(&mut shop.client, 2);
    let back = |id: &str, order: &str, line: &str| {
        json!({"return": id, "channel": "pos", "location": "s2", "order": order,
            "lines": [{"line": line, "quantity": 1, "condition": "sellable"}], "receipt": {"series": "CN"}})
    };
    let would = with(back("R-0", "T-0", "1"), &json!({"dry_run": true}));
    assert_eq!(granted(shop.client.post("/v1/returns", &would).unwrap(), 200)["value"], 1000);
    let told = granted(shop.client.post("/v1/returns", &back("R-1", "T-0", "1")).unwrap(), 201);
    assert_eq!(told["receipts"], json!(["CN:1"]), "the receipt came back, too");
    let done =
        json!({"refunds": [{"refund": "r1", "tender": "cash", "amount": 1000, "payment": "p1", "state": "done"}]});
    let told = granted(post(&mut shop.client, "/v1/returns/R-1/refunds", &done), 200);
    assert_eq!(told["state"], "settled");
    wait_for_returns(&mut shop.client, 1);
    let reads = |client: &mut Client| {
        let lists = [
            "/v1/returns",
            "/v1/returns?order=T-0",
            "/v1/returns?customer=c-0",
            "/v1/sales",
            "/v1/sales?order=T-0",
            "/v1/sales?customer=c-0",
        ];
        let mut told: Vec<Value> = lists.iter().map(|path| json!({"list": list(client, path)})).collect();
        for by in ["tender", "tender&customer=c-0", "tender&order=T-0"] {
            told.push(get(client, &format!("/v1/sales/totals?by={by}"))["items"].clone());
        }
        told.push(get(client, "/v1/returns/R-1"));
        told
    };
    let before = reads(&mut shop.client);
    assert_eq!(before[0]["list"], json!([told]));
    // Told again, it is the same one; and of the order no more comes back than was bought.
    assert_eq!(granted(shop.client.post("/v1/returns", &back("R-1", "T-0", "1")).unwrap(), 200), told);
    refused(&shop.client.post("/v1/returns", &back("R-1", "T-0", "2")).unwrap(), 409, "already-exists");
    refused(&shop.client.post("/v1/returns", &back("R-2", "T-0", "1")).unwrap(), 409, "not-returnable");
    // By its receipt, of which the archive has the order.
    let by_receipt = json!({"return": "R-3", "channel": "pos", "location": "s1", "receipt": "R:2",
        "lines": [{"sku": "C", "quantity": 1, "condition": "damaged"}]});
    assert_eq!(granted(shop.client.post("/v1/returns", &by_receipt).unwrap(), 201)["order"], "T-1");
    // Goods without a sale leave with their return.
    put(&mut shop.client, "/v1/rules/any", &json!({"kind": "returns", "without_sale": true}));
    let unknown = json!({"return": "R-4", "channel": "pos", "location": "s1", "customer": "c-0",
        "lines": [{"sku": "B", "quantity": 1, "condition": "sellable"}], "refunds": [{"tender": "cash", "amount": 250, "state": "done"}]});
    assert_eq!(granted(shop.client.post("/v1/returns", &unknown).unwrap(), 201)["state"], "settled");
    let before = reads(&mut shop.client);
    assert_eq!(before[0]["list"].as_array().unwrap().len(), 3);
    wait_for_returns(&mut shop.client, 2);
    assert_eq!(reads(&mut shop.client), before);
    let mut shop = shop.killed_and_restarted();
    assert_eq!(reads(&mut shop.client), before);
    // An export has what left memory.
    let export = shop.client.get("/v1/export/returns").unwrap();
    assert_eq!(String::from_utf8(export.body).unwrap().lines().count(), 4);
    let (_folder, data) = shop.stopped();
    verify(binary(), &data).unwrap();
}

#[test]
fn a_file_that_is_loaded_again_years_later_brings_nothing_back() {
    let (_house, mut shop) = forgetful();
    let head = "order,line,occurred_at,channel,location,customer,sku,quantity,amount,discount,code,tender,return\n";
    let mut file = head.to_owned();
    for nth in 0..40 {
        file.push_str(&format!("H-{nth},1,2019-03-01T10:00:00Z,pos,s1,c-1,A,2,598,0,UNO,cash,\n"));
        file.push_str(&format!("H-{nth},1,2019-03-09T10:00:00Z,web,s2,c-1,A,-1,-299,,,card,\n"));
    }
    file.push_str(",1,2019-03-05T10:00:00Z,pos,s1,c-2,B,-1,-250,0,,bank,B-1\n");
    let told = shop.client.import("/v1/import/sales", file.as_bytes()).unwrap().json();
    assert_eq!(counts(&told), (81, 0, 0), "{told}");
    let export = |client: &mut Client| String::from_utf8(client.get("/v1/export/sales").unwrap().body).unwrap();
    let before = export(&mut shop.client);
    wait_for_archived(&mut shop.client, 40);
    wait_for_returns(&mut shop.client, 1);
    assert_eq!(export(&mut shop.client), before, "whatever left memory");
    let seq = seq(&mut shop.client);
    for (file, rows) in [(&file, 81), (&before, 81)] {
        let told = shop.client.import("/v1/import/sales", file.as_bytes()).unwrap().json();
        assert_eq!(counts(&told), (0, rows, 0), "{told}");
    }
    assert_eq!(events(&mut shop.client, "recalled"), Vec::<Value>::new());
    assert_eq!(get(&mut shop.client, "/v1/info")["seq"], seq + 2, "each has one record, its end");
    // What is new of an old order brings that one back, and no other.
    let more = format!(
        "{head}H-3,1,2019-03-10T10:00:00Z,web,s2,c-1,A,-1,-299,,,card,\n,1,2019-03-05T10:00:00Z,pos,s1,c-2,C,-1,-250,0,,bank,B-1\n"
    );
    let file = format!("{file}{}", more.strip_prefix(head).unwrap());
    let told = shop.client.import("/v1/import/sales", file.as_bytes()).unwrap().json();
    assert_eq!(counts(&told), (1, 81, 1), "{told}");
    assert_eq!((&told["errors"][0]["line"], &told["errors"][0]["field"]), (&json!(84), &json!("return")));
    let recalled = events(&mut shop.client, "recalled");
    let orders: Vec<&Value> = recalled.iter().flat_map(|event| event["orders"].as_array().unwrap()).collect();
    assert!(!orders.is_empty() && orders.iter().all(|order| **order == json!("H-3")), "{recalled:?}");
    let (_folder, data) = shop.stopped();
    verify(binary(), &data).unwrap();
}

#[test]
fn a_return_whose_order_never_comes_leaves_memory_though_it_is_not_finished() {
    let (_house, mut shop) = forgetful();
    let at = jiff::Timestamp::now().checked_sub(jiff::SignedDuration::from_secs(3600)).unwrap();
    let late = json!({"return": "R-1", "channel": "pos", "location": "s1", "order": "T-99", "customer": "c-7", "occurred_at": format!("{at:.3}"),
        "lines": [{"sku": "B", "quantity": 2, "condition": "inspect"}], "refunds": [{"tender": "cash", "amount": 500, "state": "pending"}]});
    let told = granted(post(&mut shop.client, "/v1/returns", &late), 201);
    assert_eq!((&told["state"], &told["flags"]), (&json!("received"), &json!(["over_returned"])));
    let rows = list(&mut shop.client, "/v1/sales");
    wait_for_returns(&mut shop.client, 1);
    assert_eq!(get(&mut shop.client, "/v1/returns/R-1"), told);
    assert_eq!(list(&mut shop.client, "/v1/returns?state=received"), std::slice::from_ref(&told));
    assert_eq!(list(&mut shop.client, "/v1/sales"), rows);
    assert_eq!(list(&mut shop.client, "/v1/sales?customer=c-7"), rows);
    // Told again it is the same one; a step brings it back.
    assert_eq!(granted(post(&mut shop.client, "/v1/returns", &late), 200), told);
    let seen = json!({"lines": [{"line": told["lines"][0]["line"], "quantity": 2, "condition": "sellable"}]});
    granted(post(&mut shop.client, "/v1/returns/R-1/inspect", &seen), 200);
    let done = json!({"refunds": [{"refund": "r1", "tender": "cash", "amount": 500, "state": "done"}]});
    assert_eq!(granted(post(&mut shop.client, "/v1/returns/R-1/refunds", &done), 200)["state"], "settled");
    assert_eq!(shop.cell("B", "s1"), (12, 0, 12));
    let mut shop = shop.killed_and_restarted();
    assert_eq!(list(&mut shop.client, "/v1/sales"), rows, "once");
    let (_folder, data) = shop.stopped();
    verify(binary(), &data).unwrap();
}
