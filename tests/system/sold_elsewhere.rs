//! Sales of before this log: files of them become completed orders in the ledger, move nothing unless they are asked to,
//! and what goes out comes in again.

use std::sync::Barrier;

use anaquel_loadtest::client::Client;
use anaquel_loadtest::server::{run, verify};
use anaquel_tests::calls::{counts, get, put};
use anaquel_tests::selling::{granted, order, pickup, post, refused, sale, selling_shop, seq, step, with};
use anaquel_tests::{Shop, binary};
use serde_json::{Value, json};

const HEAD: &str = "order,line,occurred_at,channel,location,customer,sku,quantity,amount,discount,code,tender\n";

/// Loads rows, each without its head.
fn load(client: &mut Client, query: &str, rows: &str) -> Value {
    let answer = client.import(&format!("/v1/import/sales{query}"), format!("{HEAD}{rows}").as_bytes()).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.json()
}

/// The rows of the ledger that match.
fn rows(client: &mut Client, query: &str) -> Vec<Value> {
    let page = get(client, &format!("/v1/sales?limit=1000{query}"));
    assert!(page["next"].is_null(), "{page}");
    page["items"].as_array().unwrap().clone()
}

/// An order of before this log as it is read: its due is that of a shop without imported returns only if none came back.
fn read(client: &mut Client, id: &str) -> Value {
    get(client, &format!("/v1/orders/{id}"))
}

/// The line, the field and the reason of each error.
fn errors(told: &Value) -> Vec<(u64, String, String)> {
    let text = |item: &Value, name: &str| item[name].as_str().unwrap_or_default().to_owned();
    let of = |item: &Value| (item["line"].as_u64().unwrap(), text(item, "field"), text(item, "reason"));
    told["errors"].as_array().unwrap().iter().map(of).collect()
}

fn export(client: &mut Client, kind: &str) -> String {
    let answer = client.get(&format!("/v1/export/{kind}")).unwrap();
    assert_eq!(answer.status, 200, "{kind}");
    String::from_utf8(answer.body).unwrap()
}

#[test]
fn rows_of_an_order_become_one_completed_order_and_move_nothing() {
    let mut shop = selling_shop(&[]);
    put(&mut shop.client, "/v1/locations/s1", &json!({"timezone": "America/Mexico_City"}));
    let (before, balance) = (shop.cell("A", "s1"), get(&mut shop.client, "/v1/series"));
    let file = "H-1,1,2019-03-01T02:00:00Z,pos,s1,c-1,A,2,1800,200,ENERO10,cash\n\
                H-1,2,2019-03-01T02:00:00Z,pos,s1,c-1,B,3,1000,0,,card\n\
                H-2,,2019-03-02T20:00:00Z,web,s2,,C,1,110,,,\n";
    let told = load(&mut shop.client, "", file);
    assert_eq!(counts(&told), (3, 0, 0), "{told}");
    let one = order(&mut shop.client, "H-1");
    assert_eq!((&one["state"], &one["customer"], &one["channel"]), (&json!("completed"), &json!("c-1"), &json!("pos")));
    assert_eq!((&one["total"], &one["paid"], &one["due"]), (&json!(2800), &json!(2800), &json!(0)));
    assert_eq!((&one["currency"], &one["created_at"]), (&json!("EUR"), &json!("2019-03-01T02:00:00.000Z")));
    let part = &one["fulfilments"][0];
    assert_eq!(
        (&part["purpose"], &part["location"], &part["state"]),
        (&json!("carry_out"), &json!("s1"), &json!("collected"))
    );
    let paid: Vec<_> =
        one["payments"].as_array().unwrap().iter().map(|one| (one["tender"].clone(), one["amount"].clone())).collect();
    assert_eq!(paid, [(json!("cash"), json!(1800)), (json!("card"), json!(1000))]);
    assert_eq!(one["history"][0]["kind"], "order_imported");
    let ledger = rows(&mut shop.client, "&order=H-1");
    let said: Vec<_> =
        ledger.iter().map(|row| (row["quantity"].clone(), row["amount"].clone(), row["discount"].clone())).collect();
    assert_eq!(said, [(json!(2), json!(1800), json!(200)), (json!(3), json!(1000), json!(0))], "as the file says");
    for row in &ledger {
        assert_eq!((&row["absorbed"], &row["kind"]), (&json!(true), &json!("sale")));
        assert_eq!(row["business_date"], "2019-02-28", "by the time zone of the location");
    }
    assert_eq!(order(&mut shop.client, "H-2")["payments"][0]["tender"], "other");
    // Nothing moved, no number was used, and the lists and sums have it.
    assert_eq!((shop.cell("A", "s1"), get(&mut shop.client, "/v1/series")), (before, balance));
    let history = get(&mut shop.client, "/v1/customers/c-1/history");
    assert_eq!(history["items"][0]["order"], "H-1");
    let sums = get(&mut shop.client, "/v1/sales/totals?by=tender&from=2019-02-01&to=2019-02-28");
    assert_eq!(sums["items"].as_array().unwrap().len(), 2, "{sums}");
    let events = get(&mut shop.client, "/v1/events?after=0&limit=1000");
    let imported = events["items"].as_array().unwrap().iter().filter(|event| event["kind"] == "order_imported").count();
    assert_eq!(imported, 2, "a record for each order");
    // A closed order takes no other step, and its id is in use.
    refused(&shop.client.post("/v1/sales", &sale("H-1", &[("A", 1)], 1000)).unwrap(), 409, "already-exists");
    refused(&step(&mut shop.client, "H-1", "cancel", &json!({"channel": "pos"})), 409, "wrong-state");
    let hash = get(&mut shop.client, "/v1/info")["state_hash"].clone();
    let (_folder, data) = shop.stopped();
    assert_eq!(hash, *verify(binary(), &data).unwrap());
}

#[test]
fn the_same_rows_again_change_nothing_and_other_content_is_refused_by_line() {
    let mut shop = selling_shop(&[]);
    let file = "H-1,1,2019-03-01T02:00:00Z,pos,s1,c-1,A,2,1800,200,ENERO10,cash\n\
                H-1,2,2019-03-01T02:00:00Z,pos,s1,c-1,B,3,1000,0,,card\n\
                H-1,,2019-04-01T02:00:00Z,web,s2,c-1,B,-1,-333,,,card\n";
    assert_eq!(counts(&load(&mut shop.client, "", file)), (3, 0, 0));
    let before = read(&mut shop.client, "H-1");
    for _ in 0..2 {
        assert_eq!(counts(&load(&mut shop.client, "", file)), (0, 3, 0));
    }
    // Also after a kill, and what a file leaves out is not compared.
    shop = shop.killed_and_restarted();
    let fewer = "H-1,,2019-03-01T02:00:00Z,pos,s1,,A,2,1800,,,\n";
    assert_eq!(counts(&load(&mut shop.client, "", fewer)), (0, 1, 0));
    assert_eq!(read(&mut shop.client, "H-1"), before);
    for (row, field) in [
        ("H-1,1,2019-03-01T02:00:00Z,pos,s1,c-1,A,2,1801,200,ENERO10,cash\n", "order"),
        ("H-1,1,2019-03-01T02:00:01Z,pos,s1,c-1,A,2,1800,200,ENERO10,cash\n", "order"),
        ("H-1,1,2019-03-01T02:00:00Z,pos,s1,c-2,A,2,1800,200,ENERO10,cash\n", "order"),
        ("H-1,1,2019-03-01T02:00:00Z,pos,s1,c-1,A,2,1800,200,FEBRERO,cash\n", "order"),
        ("H-1,1,2019-03-01T02:00:00Z,pos,s1,c-1,A,2,1800,200,ENERO10,bank\n", "order"),
        ("H-1,3,2019-03-01T02:00:00Z,pos,s1,c-1,C,1,110,0,,cash\n", "order"),
        ("H-1,,2019-04-02T02:00:00Z,web,s2,c-1,B,-3,-999,,,card\n", "quantity"),
    ] {
        let told = load(&mut shop.client, "", row);
        assert_eq!(counts(&told), (0, 0, 1), "{row} {told}");
        assert_eq!(errors(&told)[0].1, field, "{row} {told}");
    }
    assert_eq!(read(&mut shop.client, "H-1"), before);
    // A row that is there once is not known twice.
    let twice = "H-1,1,2019-03-01T02:00:00Z,pos,s1,c-1,A,2,1800,200,ENERO10,cash\n".repeat(2);
    assert_eq!(counts(&load(&mut shop.client, "", &twice)), (0, 1, 1));
}

#[test]
fn a_negative_quantity_is_a_return_and_never_more_than_was_bought() {
    let mut shop = selling_shop(&[]);
    let before = shop.cell("A", "s1");
    let sold = "H-1,a,2019-03-01T10:00:00Z,pos,s1,c-1,A,2,598,0,,cash\n\
                H-1,b,2019-03-01T10:00:00Z,pos,s1,c-1,A,1,299,0,,cash\n\
                H-1,c,2019-03-01T10:00:00Z,pos,s1,c-1,B,3,598,299,,card\n";
    assert_eq!(counts(&load(&mut shop.client, "", sold)), (3, 0, 0));
    // Of the line that is named, then of the others of the SKU; the amount is what the units are worth if it is left out.
    let back = "H-1,b,2019-03-05T10:00:00Z,pos,s2,c-1,A,-2,-598,,,cash\n\
                H-9,,2019-03-05T10:00:00Z,pos,s2,,A,-1,-299,,,cash\n\
                H-1,,2019-03-06T10:00:00Z,web,s3,c-1,B,-1,,,,card\n\
                H-1,,2019-03-07T10:00:00Z,web,s3,c-1,B,-3,-598,,,card\n\
                H-1,,2019-03-08T10:00:00Z,web,s3,c-1,C,-1,-110,,,card\n";
    let told = load(&mut shop.client, "", back);
    assert_eq!(counts(&told), (2, 0, 3), "{told}");
    let wrong: Vec<_> = errors(&told).into_iter().map(|(line, field, _)| (line, field)).collect();
    assert_eq!(wrong, [(3, "order".to_owned()), (5, "quantity".to_owned()), (6, "sku".to_owned())], "{told}");
    let one = read(&mut shop.client, "H-1");
    let returned: Vec<_> =
        one["lines"].as_array().unwrap().iter().map(|line| line["returned"].as_i64().unwrap()).collect();
    assert_eq!(returned, [1, 1, 1]);
    assert_eq!((&one["total"], &one["paid"], &one["refunded"]), (&json!(1495), &json!(1495), &json!(797)));
    assert_eq!((&one["due"], &one["refund_due"]), (&json!(0), &json!(0)));
    let refunds: Vec<_> = one["refunds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["tender"].clone(), one["amount"].clone(), one["state"].clone()))
        .collect();
    assert_eq!(refunds, [(json!("cash"), json!(598), json!("done")), (json!("card"), json!(199), json!("done"))]);
    let ledger = rows(&mut shop.client, "&order=H-1");
    let returns: Vec<_> = ledger
        .iter()
        .filter(|row| row["kind"] == "return")
        .map(|row| (row["quantity"].clone(), row["amount"].clone(), row["location"].clone(), row["channel"].clone()))
        .collect();
    assert_eq!(
        returns,
        [(json!(-2), json!(-598), json!("s2"), json!("pos")), (json!(-1), json!(-199), json!("s3"), json!("web"))]
    );
    assert_eq!(shop.cell("A", "s1"), before);
    // In one file with the sale: what is too much is refused, and the sale is not.
    let both = "H-2,,2019-03-01T10:00:00Z,pos,s1,,A,1,299,0,,cash\nH-2,,2019-03-02T10:00:00Z,pos,s1,,A,-2,-598,,,cash\n\
                H-2,,2019-03-03T10:00:00Z,pos,s1,,A,-1,-299,,,cash\n";
    let told = load(&mut shop.client, "", both);
    assert_eq!((counts(&told), errors(&told)[0].0), ((2, 0, 1), 3), "{told}");
    // Later in the same file, as files by time have it: a return of an order that the file made.
    let by_time = "H-3,,2019-03-01T10:00:00Z,pos,s1,,A,2,598,0,,cash\nH-4,,2019-03-01T10:00:00Z,pos,s1,,A,1,299,0,,cash\n\
                   H-3,,2019-03-03T10:00:00Z,pos,s1,,A,-1,-299,,,cash\n";
    assert_eq!(counts(&load(&mut shop.client, "", by_time)), (3, 0, 0));
    assert_eq!(counts(&load(&mut shop.client, "", by_time)), (0, 3, 0));
    assert_eq!(read(&mut shop.client, "H-3")["history"].as_array().unwrap().len(), 2);
    // Of an order that was sold here, goods come back by a return.
    granted(shop.client.post("/v1/sales", &sale("T-1", &[("A", 1)], 1000)).unwrap(), 201);
    let told = load(&mut shop.client, "", "T-1,,2019-03-03T10:00:00Z,pos,s1,,A,-1,-1000,,,cash\n");
    assert!(errors(&told)[0].2.contains("/v1/returns"), "{told}");
    let (_folder, data) = shop.stopped();
    verify(binary(), &data).unwrap();
}

#[test]
fn an_order_is_made_with_all_of_its_rows_or_with_none() {
    let mut shop = selling_shop(&[]);
    let before = seq(&mut shop.client);
    let good = "H-0,,2019-03-01T10:00:00Z,pos,s1,,A,1,299,0,,cash\n";
    let wrong = [
        ("H-1,2,2019-03-01T10:00:00Z,pos,s1,,NEVER,1,299,0,,cash\n", "sku"),
        ("H-1,2,2019-03-01T10:00:00Z,pos,nowhere,,A,1,299,0,,cash\n", "location"),
        ("H-1,2,2019-03-01T10:00:00Z,fair,s1,,A,1,299,0,,cash\n", "channel"),
        ("H-1,2,2019-03-01T10:00:00Z,pos,s1,c-2,A,1,299,0,,cash\n", "customer"),
        ("H-1,2,2019-03-01T10:00:00Z,pos,s1,a@b.es,A,1,299,0,,cash\n", "customer"),
        ("H-1,2,yesterday,pos,s1,,A,1,299,0,,cash\n", "occurred_at"),
        ("H-1,2,2099-03-01T10:00:00Z,pos,s1,,A,1,299,0,,cash\n", "occurred_at"),
        ("H-1,2,2019-03-01T10:00:00Z,pos,s1,,A,0,299,0,,cash\n", "quantity"),
        ("H-1,2,2019-03-01T10:00:00Z,pos,s1,,A,1.5,299,0,,cash\n", "quantity"),
        ("H-1,2,2019-03-01T10:00:00Z,pos,s1,,A,1,-299,0,,cash\n", "amount"),
        ("H-1,2,2019-03-01T10:00:00Z,pos,s1,,A,1,,0,,cash\n", "amount"),
        ("H-1,2,2019-03-01T10:00:00Z,pos,s1,,A,-1,299,0,,cash\n", "amount"),
        ("H-1,2,2019-03-01T10:00:00Z,pos,s1,,A,1,299,-5,,cash\n", "discount"),
        ("H-1,2,2019-03-01T10:00:00Z,pos,s1,,A,1,299,0,,gold\n", "tender"),
        ("H-1,1,2019-03-01T10:00:00Z,pos,s1,c-1,B,1,299,0,,cash\n", "line"),
    ];
    for (row, field) in wrong {
        let file = format!("H-1,1,2019-03-01T10:00:00Z,pos,s1,c-1,A,1,299,0,,cash\n{row}{good}");
        let told = load(&mut shop.client, "", &file);
        let errors = errors(&told);
        assert_eq!(errors.iter().map(|(line, ..)| *line).collect::<Vec<_>>(), [2, 3], "{row} {told}");
        assert!(errors[0].2.contains("another row") && errors[1].1 == field, "{row} {told}");
        assert_eq!(shop.client.get("/v1/orders/H-1").unwrap().status, 404);
    }
    assert_eq!(read(&mut shop.client, "H-0")["total"], 299, "the other order is loaded");
    // The unknown names are named with the remedy, and created on request.
    let file = "H-1,,2019-03-01T10:00:00Z,fair,nowhere,,NEVER,1,299,0,,cash\n";
    let told = load(&mut shop.client, "", file);
    assert!(errors(&told)[0].2.contains("create=true"), "{told}");
    assert_eq!(counts(&load(&mut shop.client, "?create=true", file)), (1, 0, 0));
    assert_eq!(read(&mut shop.client, "H-1")["fulfilments"][0]["location"], "nowhere");
    // One wrong row of an atomic file rejects all of it.
    let before_atomic = seq(&mut shop.client);
    assert!(before_atomic > before);
    let file = format!(
        "{HEAD}H-5,,2019-03-01T10:00:00Z,pos,s1,,A,1,299,0,,cash\nH-6,,2019-03-01T10:00:00Z,pos,s1,,A,-1,-299,0,,cash\n"
    );
    let answer = shop.client.import("/v1/import/sales?atomic=true&stock=true", file.as_bytes()).unwrap();
    assert_eq!(answer.status, 400, "{}", answer.json());
    assert_eq!((seq(&mut shop.client), shop.cell("A", "s1")), (before_atomic, (10, 0, 10)));
    // A column that does not exist is refused by name, and so is the option of another kind.
    let answer = shop.client.import("/v1/import/sales", b"order,colour\n1,2\n").unwrap();
    assert_eq!((answer.status, &answer.json()["field"]), (400, &json!("colour")));
    let answer = shop.client.import("/v1/import/stock?stock=true", b"sku,location,on_hand\n").unwrap();
    assert_eq!((answer.status, &answer.json()["field"]), (400, &json!("stock")));
}

#[test]
fn rejected_rows_come_with_all_rows_of_their_order_over_chunks() {
    let mut shop = selling_shop(&[]);
    // 4,000 rows are one chunk: the order that stands across its end is not cut.
    let mut file = HEAD.to_owned();
    for nth in 0..3999 {
        file.push_str(&format!("X-{nth},,2019-03-01T10:00:00Z,pos,s1,,A,1,100,0,,cash\n"));
    }
    for nth in 0..3 {
        file.push_str(&format!("Y,{nth},2019-03-01T10:00:00Z,pos,s1,,A,1,100,0,,cash\n"));
    }
    for nth in 0..2001 {
        file.push_str(&format!("Z,{nth},2019-03-01T10:00:00Z,pos,s1,,A,1,100,0,,cash\n"));
    }
    file.push_str(
        "W,1,2019-03-01T10:00:00Z,pos,s1,,A,1,100,0,,cash\nW,2,2019-03-01T10:00:00Z,pos,s1,,A,1,100,0,,gold\n",
    );
    let told = shop.client.import("/v1/import/sales?rejects=true", file.as_bytes()).unwrap().json();
    assert_eq!(counts(&told), (4002, 0, 2003), "{}", told["errors"][0]);
    assert_eq!(read(&mut shop.client, "Y")["total"], 300);
    let rejects = told["rejects"].as_str().unwrap();
    assert_eq!(rejects.lines().count(), 2004, "the header, and each rejected row");
    // Corrected, the file of rejects loads.
    let rows: Vec<&str> = rejects.lines().filter(|line| line.starts_with("order,") || line.starts_with("W,")).collect();
    let corrected = rows.join("\n").replace("gold", "card") + "\n";
    let told = shop.client.import("/v1/import/sales", corrected.as_bytes()).unwrap().json();
    assert_eq!(counts(&told), (2, 0, 0), "{told}");
    assert_eq!(counts(&shop.client.import("/v1/import/sales", file.as_bytes()).unwrap().json()), (0, 4003, 2002));
    let (_folder, data) = shop.stopped();
    verify(binary(), &data).unwrap();
}

#[test]
fn stock_moves_on_request_unless_a_count_has_it() {
    let mut shop = selling_shop(&[]);
    shop.receive("C", "s3", 5);
    let file =
        "H-1,,2019-03-01T10:00:00Z,pos,s1,,A,2,598,0,,cash\nH-1,,2019-03-02T10:00:00Z,pos,s1,,A,-1,-299,0,,cash\n";
    assert_eq!(counts(&load(&mut shop.client, "?stock=true", file)), (2, 0, 0));
    assert_eq!(shop.cell("A", "s1"), (9, 0, 9));
    assert_eq!(counts(&load(&mut shop.client, "?stock=true", file)), (0, 2, 0));
    assert_eq!(shop.cell("A", "s1"), (9, 0, 9), "the same rows again move nothing");
    let absorbed: Vec<_> = rows(&mut shop.client, "&order=H-1").iter().map(|row| row["absorbed"].clone()).collect();
    assert_eq!(absorbed, [json!(false), json!(false)]);
    let count = json!({"counts": [{"sku": "A", "location": "s1", "on_hand": 7}]});
    assert_eq!(shop.client.post("/v1/stock/counts", &count).unwrap().status, 200);
    let file = "H-2,,2019-03-01T10:00:00Z,pos,s1,,A,2,598,0,,cash\n";
    assert_eq!(counts(&load(&mut shop.client, "?stock=true", file)), (1, 0, 0));
    assert_eq!(shop.cell("A", "s1"), (7, 0, 7), "the count has it");
    assert_eq!(rows(&mut shop.client, "&order=H-2")[0]["absorbed"], true);
    let (_folder, data) = shop.stopped();
    verify(binary(), &data).unwrap();
}

#[test]
fn what_goes_out_comes_in_again_here_and_elsewhere() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    let history = "H-1,a,2019-03-01T10:00:00Z,pos,s1,c-1,A,3,1000,17,UNO;DOS,cash\n\
                   H-1,b,2019-03-01T10:05:00Z,pos,s2,c-1,B,2,500,,,card\n\
                   H-1,a,2019-03-09T10:00:00Z,web,s2,c-1,A,-1,-333,,,bank\n";
    assert_eq!(counts(&load(client, "", history)), (3, 0, 0));
    let charges = json!({"charges": [{"charge": "bag", "amount": 100}], "customer": "=1+1"});
    granted(client.post("/v1/sales", &with(sale("T-1", &[("A", 2), ("C", 1)], 2210), &charges)).unwrap(), 201);
    let paid = json!({"payments": [{"tender": "card", "amount": 3000, "state": "captured"}], "confirm": true});
    granted(client.post("/v1/orders", &with(pickup("W-1", &[("A", 3)]), &paid)).unwrap(), 201);
    for units in [1, 2] {
        let lines = json!({"lines": [{"sku": "A", "quantity": units}]});
        granted(post(client, "/v1/orders/W-1/fulfilments/1/collect", &lines), 200);
        // Between both, other rows come: those of an order stand together nevertheless.
        granted(client.post("/v1/sales", &sale(&format!("T-2-{units}"), &[("B", 1)], 250)).unwrap(), 201);
    }
    let file = export(client, "sales");
    assert_eq!(file.lines().count(), 1 + 3 + 3 + 2 + 2, "{file}");
    let before = seq(client);
    let told = client.import("/v1/import/sales", file.as_bytes()).unwrap().json();
    assert_eq!(counts(&told), (0, 10, 0), "{told}");
    assert_eq!(seq(client), before + 1, "one record, its end");
    let ledger = rows(client, "");
    let mut other = Shop::default();
    let told = other.client.import("/v1/import/sales?create=true", file.as_bytes()).unwrap().json();
    assert_eq!(counts(&told), (10, 0, 0), "{told}");
    let again = export(&mut other.client, "sales");
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&again), sorted(&file));
    let sum = |rows: &[Value], name: &str| rows.iter().map(|row| row[name].as_i64().unwrap()).sum::<i64>();
    let theirs = rows(&mut other.client, "");
    for name in ["quantity", "amount", "discount"] {
        assert_eq!(sum(&theirs, name), sum(&ledger, name), "{name}");
    }
    let (_folder, data) = other.stopped();
    verify(binary(), &data).unwrap();
}

#[test]
fn goods_that_came_back_without_an_order_go_out_and_come_in_again() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    put(client, "/v1/rules/any", &json!({"kind": "returns", "without_sale": true}));
    granted(client.post("/v1/sales", &sale("T-1", &[("A", 2)], 2000)).unwrap(), 201);
    let line = |sku: &str, quantity: i64| json!({"sku": sku, "quantity": quantity, "condition": "sellable"});
    let unknown = json!({"return": "R-1", "channel": "pos", "location": "s1", "till": "7", "customer": "c-1",
        "lines": [line("A", 2), {"line": "x", "sku": "B", "quantity": 1, "condition": "damaged"}],
        "refunds": [{"tender": "cash", "amount": 2250, "state": "done"}]});
    granted(post(client, "/v1/returns", &unknown), 201);
    // Its money is still to be paid back.
    granted(
        post(
            client,
            "/v1/returns",
            &json!({"return": "R-2", "channel": "web", "location": "s2", "lines": [line("C", 3)]}),
        ),
        201,
    );
    // Told late: more than was bought, of which a part is of the order; and of an order that never comes.
    let at = jiff::Timestamp::now().checked_sub(jiff::SignedDuration::from_secs(3600)).unwrap();
    for (id, order, units, amount) in [("R-3", "T-1", 3, 2500), ("R-4", "T-99", 1, 0)] {
        let refunds =
            if amount > 0 { json!([{"tender": "voucher", "amount": amount, "state": "done"}]) } else { json!([]) };
        let body = json!({"return": id, "channel": "pos", "location": "s1", "order": order, "occurred_at": format!("{at:.3}"),
            "lines": [line("A", units)], "refunds": refunds});
        granted(post(client, "/v1/returns", &body), 201);
    }
    let file = export(client, "sales");
    let alone: Vec<&str> = file.lines().filter(|line| line.starts_with(',')).collect();
    assert_eq!(alone.len(), 5, "{file}");
    assert!(alone[0].ends_with(",R-1") && alone[3].ends_with(",R-3"), "{file}");
    // Here nothing changes.
    let before = seq(client);
    for _ in 0..2 {
        let told = client.import("/v1/import/sales", file.as_bytes()).unwrap().json();
        assert_eq!(counts(&told), (0, 7, 0), "{told}");
    }
    assert_eq!(seq(client), before + 2, "the ends of two imports");
    // Elsewhere it is made, once, and goes out as it came in.
    let mut other = Shop::default();
    let told = other.client.import("/v1/import/sales?create=true", file.as_bytes()).unwrap().json();
    assert_eq!(counts(&told), (7, 0, 0), "{told}");
    assert_eq!(export(&mut other.client, "sales"), file);
    let told = get(&mut other.client, "/v1/returns/R-1");
    assert_eq!(
        (&told["state"], &told["unreferenced"], &told["value"]),
        (&json!("settled"), &json!(true), &json!(2250))
    );
    assert_eq!((&told["refunds"][0]["tender"], &told["refund_due"]), (&json!("cash"), &json!(0)));
    assert_eq!((&told["customer"], &told["till"], &told["order"]), (&json!("c-1"), &json!("7"), &Value::Null));
    assert_eq!(told["history"][0]["kind"], "return_imported");
    for row in rows(&mut other.client, "") {
        assert_eq!(row["absorbed"], true, "nothing moves");
    }
    other = other.killed_and_restarted();
    let told = other.client.import("/v1/import/sales", file.as_bytes()).unwrap().json();
    assert_eq!(counts(&told), (0, 7, 0), "{told}");
    assert_eq!(export(&mut other.client, "sales"), file);
    // With stock, the goods come to the shelf, once.
    let mut third = Shop::default();
    for _ in 0..2 {
        third.client.import("/v1/import/sales?create=true&stock=true", file.as_bytes()).unwrap();
    }
    assert_eq!((third.cell("C", "s2"), third.cell("B", "s1")), ((3, 0, 3), (1, 0, 1)));
    for shop in [shop, other, third] {
        let (_folder, data) = shop.stopped();
        verify(binary(), &data).unwrap();
    }
}

#[test]
fn a_return_of_a_file_is_made_with_all_of_its_rows_or_with_none() {
    let mut shop = selling_shop(&[]);
    let head = format!("{},return\n", HEAD.trim_end());
    let mut load =
        |rows: &str| shop.client.import("/v1/import/sales", format!("{head}{rows}").as_bytes()).unwrap().json();
    let good = ",1,2019-03-05T10:00:00Z,pos,s1,c-1,A,-1,-299,,,cash,B-1\n";
    for (row, field) in [
        (",2,2019-03-05T10:00:00Z,pos,s1,c-1,A,1,299,,,cash,B-1\n", "quantity"),
        (",2,2019-03-05T10:00:00Z,pos,s1,c-1,A,-1,,,,cash,B-1\n", "amount"),
        (",2,2019-03-05T10:00:00Z,pos,s1,c-1,NEVER,-1,-299,,,cash,B-1\n", "sku"),
        (",2,2019-03-05T10:00:00Z,pos,s2,c-1,A,-1,-299,,,cash,B-1\n", "location"),
        (",2,2019-03-05T10:00:00Z,web,s1,c-1,A,-1,-299,,,cash,B-1\n", "channel"),
        (",2,2019-03-05T10:00:00Z,pos,s1,c-2,A,-1,-299,,,cash,B-1\n", "customer"),
        (",2,yesterday,pos,s1,c-1,A,-1,-299,,,cash,B-1\n", "occurred_at"),
    ] {
        let told = load(&format!("{good}{row}"));
        assert_eq!(counts(&told), (0, 0, 2), "{row} {told}");
        let errors = errors(&told);
        assert!(errors[0].2.contains("another row") && errors[1].1 == field, "{row} {told}");
    }
    for (row, field) in [
        (",,2019-03-05T10:00:00Z,pos,s1,c-1,A,-1,-299,,,cash,\n", "order"),
        ("H-1,,2019-03-05T10:00:00Z,pos,s1,c-1,A,-1,-299,,,cash,B-1\n", "return"),
    ] {
        let told = load(row);
        assert_eq!((counts(&told), errors(&told)[0].1.as_str()), ((0, 0, 1), field), "{row} {told}");
    }
    assert_eq!(counts(&load(good)), (1, 0, 0));
    // A row that is there once is not known twice; another content is refused by name.
    let told = load(&format!("{good}{good}"));
    assert_eq!((counts(&told), errors(&told)[0].1.as_str()), ((0, 1, 1), "return"), "{told}");
    let told = load(&good.replace("-299", "-298"));
    assert_eq!((counts(&told), errors(&told)[0].1.as_str()), ((0, 0, 1), "return"), "{told}");
}

#[test]
fn json_lines_and_the_command_line_load_the_same() {
    let shop = selling_shop(&[]);
    let line = json!({"order": "J-1", "occurred_at": "2019-03-01T10:00:00Z", "channel": "pos", "location": "s1",
        "sku": "A", "quantity": 2, "amount": 598, "code": ["UNO"], "tender": "cash", "currency": "GBP"});
    let mut client = shop.server.client();
    let headers = [("Content-Type", "application/x-ndjson")];
    let told = client.send("POST", "/v1/import/sales", &headers, format!("{line}\n").as_bytes()).unwrap().json();
    assert_eq!(counts(&told), (1, 0, 0), "{told}");
    assert_eq!(order(&mut client, "J-1")["currency"], "GBP");
    let url = format!("http://{}", shop.server.address);
    let file = shop.file("till.csv", "Ticket,When,Units,Total\nK-1,2019-03-01T10:00:00Z,2,598\n");
    let arguments = [
        "import",
        "sales",
        &file,
        "--url",
        &url,
        "--map",
        "order=Ticket",
        "--map",
        "occurred_at=When",
        "--map",
        "quantity=Units",
        "--map",
        "amount=Total",
        "--set",
        "channel=pos",
        "--set",
        "location=s1",
        "--set",
        "sku=A",
        "--set",
        "currency=USD",
        "--stock",
    ];
    let output = run(binary(), &arguments).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(order(&mut client, "K-1")["currency"], "USD");
    let moved = rows(&mut client, "&order=K-1");
    assert_eq!(moved[0]["absorbed"], false);
    for kind in ["sales", "orders", "receipts"] {
        let output = run(binary(), &["export", kind, "--url", &url]).unwrap();
        assert!(output.status.success(), "{kind}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.starts_with(if kind == "receipts" { "receipt," } else { "order," }), "{kind}: {text}");
    }
    let refused = run(binary(), &["import", "stock", &file, "--url", &url, "--stock"]).unwrap();
    assert!(!refused.status.success());
    // A directory that no server has open, and its file of rejects.
    let (folder, data) = shop.stopped();
    let rows = folder.path().join("more.csv");
    std::fs::write(&rows, format!("{HEAD}L-1,,2019-03-01T10:00:00Z,pos,s1,,A,2,598,0,,cash\n")).unwrap();
    let arguments = ["import", "sales", rows.to_str().unwrap(), "--data", data.to_str().unwrap()];
    let output = run(binary(), &arguments).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    verify(binary(), &data).unwrap();
}

/// Loads a file of `rows` rows twice at once, and one that a kill cuts off; each comes to `amount`.
fn at_once_and_through_a_kill(file: &str, rows: u64, amount: i64) {
    let mut shop = selling_shop(&[]);
    let barrier = Barrier::new(2);
    let told: Vec<Value> = std::thread::scope(|scope| {
        let load = || {
            let mut client = shop.server.client();
            barrier.wait();
            client.import("/v1/import/sales", file.as_bytes()).unwrap().json()
        };
        let both: Vec<_> = (0..2).map(|_| scope.spawn(load)).collect();
        both.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let all = |name: &str| told.iter().map(|told| told[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!((all("accepted"), all("unchanged"), all("rejected")), (rows, rows, 0), "{told:?}");
    shop = shop.killed_and_restarted();
    let sums = |shop: &mut Shop| {
        let totals = get(&mut shop.client, "/v1/sales/totals");
        (totals["items"][0]["rows"].clone(), totals["items"][0]["amount"].clone())
    };
    assert_eq!(sums(&mut shop), (json!(rows), json!(amount)));
    // A file that was cut off by the end of the process is loaded again, whatever of it is there.
    let more = file.replace("X-", "Y-");
    let (mut client, cut) = (shop.server.client(), more.clone());
    let sent = std::thread::spawn(move || client.import("/v1/import/sales", cut.as_bytes()).is_ok());
    shop = shop.killed_and_restarted();
    let _ = sent.join().unwrap();
    let told = shop.client.import("/v1/import/sales", more.as_bytes()).unwrap().json();
    assert_eq!((counts(&told).0 + counts(&told).1, counts(&told).2), (rows, 0), "{told}");
    assert_eq!(sums(&mut shop), (json!(2 * rows), json!(2 * amount)));
    let hash = get(&mut shop.client, "/v1/info")["state_hash"].clone();
    let (_folder, data) = shop.stopped();
    assert_eq!(hash, *verify(binary(), &data).unwrap());
}

#[test]
fn two_loads_of_one_file_at_once_make_each_order_once_also_through_a_kill() {
    let mut file = HEAD.to_owned();
    for nth in 0..5000 {
        file.push_str(&format!("X-{},{nth},2019-03-01T10:00:00Z,pos,s1,,A,1,100,0,,cash\n", nth / 5));
    }
    at_once_and_through_a_kill(&file, 5000, 500_000);
}

#[test]
fn two_loads_of_one_file_at_once_make_each_return_once_also_through_a_kill() {
    let mut file = format!("{},return\n", HEAD.trim_end());
    for nth in 0..1000 {
        file.push_str(&format!("X-{nth},1,2019-03-01T10:00:00Z,pos,s1,,A,2,200,0,,cash,\n"));
        file.push_str(&format!("X-{nth},,2019-03-02T10:00:00Z,web,s2,,A,-1,-100,,,cash,\n"));
        file.push_str(&format!(",1,2019-03-03T10:00:00Z,pos,s1,,B,-1,-50,,,cash,X-B{nth}\n"));
        file.push_str(&format!(",2,2019-03-03T10:00:00Z,pos,s1,,C,-1,-10,,,cash,X-B{nth}\n"));
    }
    at_once_and_through_a_kill(&file, 4000, 40_000);
}

#[test]
fn exports_have_no_codes_addresses_or_keys() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    let issuer = json!({"tax_id": "B12345678", "name": "Anaquel SL", "address": "Calle 1", "country": "ES",
        "timezone": "Europe/Madrid", "scheme": "none", "environment": "test"});
    put(client, "/v1/issuers/es", &issuer);
    put(client, "/v1/series/S", &json!({"issuer": "es", "kind": "receipt", "prefix": "S-"}));
    let address = json!({"street": "Calle del Secreto 5"});
    let mut body = pickup("W-1", &[("A", 1)]);
    body["fulfilments"][0]["address"] = address;
    let more = json!({"payments": [{"tender": "card", "amount": 1000, "state": "captured"}], "confirm": true,
        "customer": "c-7", "receipt": {"series": "S"}});
    granted(client.post("/v1/orders", &with(body, &more)).unwrap(), 201);
    let ready = granted(post(client, "/v1/orders/W-1/fulfilments/1/ready", &json!({})), 200);
    let code = ready["fulfilments"][0]["pickup_code"].as_str().unwrap().to_owned();
    let checkout = with(sale("T-1", &[("A", 1)], 1000), &json!({"self_checkout": true}));
    let sold = granted(client.post("/v1/sales", &checkout).unwrap(), 201);
    let exit = sold["exit"]["code"].as_str().unwrap().to_owned();
    let receipt = get(client, &format!("/v1/receipts/{}", ready["receipts"][0].as_str().unwrap()));
    let key = receipt["key"].as_str().unwrap().to_owned();
    for kind in ["orders", "sales", "receipts"] {
        let file = export(client, kind);
        let found = if kind == "receipts" { "S:1" } else { "T-1" };
        assert!(file.contains(found), "{kind}: {file}");
        for secret in [code.as_str(), exit.as_str(), key.as_str(), "Secreto"] {
            assert!(!file.contains(secret), "{kind} has {secret}: {file}");
        }
    }
    let orders = export(client, "orders");
    let row = orders.lines().find(|line| line.starts_with("W-1,")).unwrap();
    assert!(row.contains("confirmed,web") && row.contains("c-7") && row.contains("\"\"sku\"\":\"\"A\"\""), "{row}");
    assert_eq!(client.get("/v1/export/carts").unwrap().status, 404);
    let answer = client.import("/v1/import/orders", b"order\n1\n").unwrap();
    assert_eq!(answer.status, 404, "orders are only read");
}
