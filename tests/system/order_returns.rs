//! Returns over HTTP: at any place, in any condition, to the original tender, never more than bought.

use std::time::Duration;

use anaquel_loadtest::client::{Answer, Client};
use anaquel_loadtest::server::verify;
use anaquel_loadtest::socket::Socket;
use anaquel_tests::binary;
use anaquel_tests::calls::{get, put};
use anaquel_tests::house::{House, ask};
use anaquel_tests::selling::{
    declare, fulfilment, granted, key, order, pickup, post, refused, sale, selling_shop, set_prices, step, with,
};
use serde_json::{Value, json};

/// A return of lines of an order at a place.
fn back(order: &str, location: &str, lines: &[(&str, i64, &str)]) -> Value {
    let line = |(line, quantity, condition): &(&str, i64, &str)| json!({"line": line, "quantity": quantity, "condition": condition});
    let lines: Vec<Value> = lines.iter().map(line).collect();
    json!({"channel": "pos", "location": location, "order": order, "lines": lines})
}

fn take_back(client: &mut Client, body: &Value) -> Answer {
    post(client, "/v1/returns", body)
}

/// A step of a return.
fn of_return(client: &mut Client, back: &str, step: &str, body: &Value) -> Answer {
    post(client, &format!("/v1/returns/{back}/{step}"), body)
}

/// So many seconds from now.
fn seconds(seconds: i64) -> String {
    let at = jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap();
    format!("{at:.3}")
}

/// Series of receipts and of credit notes.
fn series(client: &mut Client, scheme: &str) {
    let issuer = json!({"tax_id": "B12345678", "name": "Shop", "address": "Mayor 1", "country": "ES",
        "timezone": "Europe/Madrid", "scheme": scheme, "environment": "test"});
    put(client, "/v1/issuers/es", &issuer);
    for (name, kind, prefix) in [("R", "receipt", "R-"), ("I", "invoice", "I-"), ("CN", "credit_note", "CN-")] {
        put(client, &format!("/v1/series/{name}"), &json!({"issuer": "es", "kind": kind, "prefix": prefix}));
    }
}

/// Three for two: 598 for three units of 299.
fn three_for_two(client: &mut Client, id: &str, more: &Value) -> Value {
    set_prices(client, &[("B", 299)]);
    let body = json!({"order": id, "channel": "pos", "location": "s1", "till": "7", "currency": "EUR",
        "lines": [{"sku": "B", "quantity": 3, "discount": 299}], "payments": [{"tender": "card", "amount": 598}]});
    granted(client.post("/v1/sales", &with(body, more)).unwrap(), 201)
}

#[test]
fn three_for_two_come_back_one_at_a_time_in_three_other_shops() {
    let mut shop = selling_shop(&[]);
    series(&mut shop.client, "verifactu");
    let client = &mut shop.client;
    let recipient = json!({"tax_id": "X1", "name": "Ana", "address": "Sol 1", "postcode": "28001", "country": "ES"});
    three_for_two(client, "T-1", &json!({"receipt": {"series": "I", "recipient": recipient}}));
    let invoice = get(client, "/v1/receipts/I:1");
    assert_eq!(invoice["taxes"], json!([{"rate": 2100, "base": 494, "tax": 104}]));
    let (mut amounts, mut taxes) = (Vec::new(), Vec::new());
    for place in ["s2", "s3", "s1"] {
        let body = with(back("T-1", place, &[("1", 1, "sellable")]), &json!({"receipt": {"series": "CN"}}));
        let told = granted(take_back(client, &body), 201);
        amounts.push(told["value"].as_i64().unwrap());
        assert_eq!((&told["refund_due"], &told["state"]), (&json!(0), &json!("received")), "its refund is pending");
        let refund = &told["refunds"][0];
        assert_eq!((&refund["tender"], &refund["payment"]), (&json!("card"), &json!("p1")));
        let note = get(client, &format!("/v1/receipts/{}", told["receipts"][0].as_str().unwrap()));
        taxes.push(-note["taxes"][0]["tax"].as_i64().unwrap());
        assert_eq!((&note["corrects"], &note["return"]), (&json!(["I:1"]), &told["return"]));
        assert_eq!((&note["fiscal"]["type"], note["total"].as_i64()), (&json!("R1"), amounts.last().map(|one| -one)));
        let refund = json!({"refunds": [with(refund.clone(), &json!({"state": "done"}))]});
        let id = told["return"].as_str().unwrap().to_owned();
        let mut done = refund;
        for member in ["channel", "location", "till", "occurred_at", "business_date", "wallet"] {
            done["refunds"][0].as_object_mut().unwrap().remove(member);
        }
        assert_eq!(granted(of_return(client, &id, "refunds", &done), 200)["state"], "settled");
    }
    assert_eq!((amounts, taxes), (vec![199, 199, 200], vec![35, 34, 35]));
    let told = order(client, "T-1");
    let line = &told["lines"][0];
    assert_eq!((&line["returned"], &line["brought_back"]), (&json!(3), &json!(598)));
    assert_eq!((&told["due"], &told["refund_due"], &told["refunded"]), (&json!(0), &json!(0), &json!(598)));
    assert_eq!(told["returns"].as_array().unwrap().len(), 3);
    refused(&take_back(client, &back("T-1", "s2", &[("1", 1, "sellable")])), 409, "not-returnable");
    assert_eq!((shop.cell("B", "s1"), shop.cell("B", "s2"), shop.cell("B", "s3")), ((8, 0, 8), (11, 0, 11), (1, 0, 1)));
    let (_folder, data) = shop.stopped();
    verify(binary(), &data).unwrap();
}

#[test]
fn what_was_bought_on_the_web_comes_back_in_a_shop_and_stands_there_in_the_ledger() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    let body = json!({"order": "W-1", "channel": "web", "customer": "c-1", "currency": "EUR", "confirm": true,
        "fulfilments": [with(fulfilment("delivery", "s2", &[("A", 2)]), &json!({"fulfilment": "a"}))],
        "charges": [{"charge": "shipping", "amount": 395}],
        "payments": [{"tender": "card", "amount": 2395, "state": "captured"}]});
    granted(client.post("/v1/orders", &body).unwrap(), 201);
    let told = refused(&take_back(client, &back("W-1", "s1", &[("1", 1, "sellable")])), 409, "not-returnable");
    assert_eq!(
        told["lines"],
        json!([{"line": "1", "sku": null, "requested": 1, "returnable": 0, "reason": "not_handed_over"}])
    );
    granted(step(client, "W-1", "fulfilments/a/collect", &json!({})), 200);
    let body = with(
        back("W-1", "s1", &[("1", 1, "sellable")]),
        &json!({"return": "R-1", "till": "7", "charges": [{"charge": "shipping", "amount": 395}]}),
    );
    let made = take_back(client, &body);
    assert_eq!(made.header("location"), Some("/v1/returns/R-1"));
    let told = granted(made, 201);
    let members = [
        "return",
        "state",
        "channel",
        "location",
        "order",
        "customer",
        "lines",
        "charges",
        "value",
        "refund_due",
        "refunds",
        "exchange",
        "points_taken_back",
        "receipts",
        "unreferenced",
        "flags",
        "history",
        "seq",
    ];
    members.iter().for_each(|member| assert!(told.get(member).is_some(), "{member} in {told}"));
    assert_eq!((&told["value"], &told["customer"], &told["receipts"]), (&json!(1395), &json!("c-1"), &json!([])));
    assert_eq!(get(client, "/v1/returns/R-1"), told);
    let rows = get(client, "/v1/sales?order=W-1");
    let rows = rows["items"].as_array().unwrap();
    let of_return: Vec<&Value> = rows.iter().filter(|row| row["kind"] == "return").collect();
    assert_eq!(of_return.len(), 2, "{rows:?}");
    for row in &of_return {
        assert_eq!(
            (&row["location"], &row["channel"], &row["till"], &row["return"], &row["order"]),
            (&json!("s1"), &json!("pos"), &json!("7"), &json!("R-1"), &json!("W-1"))
        );
    }
    let sum = |name: &str| rows.iter().map(|row| row[name].as_i64().unwrap()).sum::<i64>();
    assert_eq!((sum("quantity"), sum("amount")), (1, 1000));
    // A charge comes back once.
    let again =
        with(back("W-1", "s1", &[("1", 1, "sellable")]), &json!({"charges": [{"charge": "shipping", "amount": 1}]}));
    assert_eq!(refused(&take_back(client, &again), 400, "invalid-request")["field"], "charges[0].amount");
    for list in ["customer=c-1", "order=W-1", "location=s1", "state=received"] {
        assert_eq!(get(client, &format!("/v1/returns?{list}"))["items"], json!([told]), "{list}");
    }
    for list in ["customer=c-2", "order=W-2", "location=s2", "state=settled"] {
        assert_eq!(get(client, &format!("/v1/returns?{list}"))["items"], json!([]), "{list}");
    }
    order(client, "W-1");
    let mut shop = shop.killed_and_restarted();
    assert_eq!(get(&mut shop.client, "/v1/returns/R-1"), told, "also after the process died");
    assert_eq!(shop.cell("A", "s1"), (11, 0, 11));
}

#[test]
fn what_may_not_be_sold_is_available_nowhere_until_somebody_looked_at_it_and_then_once() {
    let mut shop = selling_shop(&[]);
    granted(shop.client.post("/v1/sales", &sale("T-1", &[("A", 6)], 6000)).unwrap(), 201);
    let lines = [("1", 2, "inspect"), ("1", 1, "damaged"), ("1", 1, "sellable")];
    let told = granted(take_back(&mut shop.client, &back("T-1", "s2", &lines)), 201);
    let id = told["return"].as_str().unwrap().to_owned();
    assert_eq!((shop.cell("A", "s1"), shop.cell("A", "s2")), ((4, 0, 4), (11, 0, 11)));
    let inside = |client: &mut Client| {
        let stock = get(client, "/v1/stock?sku=A&quarantine=true");
        let cells = stock["items"].as_array().unwrap().clone();
        let cell = cells.iter().find(|cell| cell["location"].as_str().unwrap().starts_with("quarantine:")).cloned();
        cell.map(|cell| (cell["on_hand"].as_i64().unwrap(), cell["available"].as_i64().unwrap_or(0)))
    };
    assert_eq!(inside(&mut shop.client), Some((3, 0)));
    let look = |quantity: i64, condition: &str| json!({"lines": [{"line": "1", "quantity": quantity, "condition": condition}]});
    let told = granted(of_return(&mut shop.client, &id, "inspect", &look(1, "sellable")), 200);
    assert_eq!((&told["lines"][0]["found_sellable"], &told["state"]), (&json!(1), &json!("received")));
    assert_eq!((shop.cell("A", "s2"), inside(&mut shop.client)), ((12, 0, 12), Some((2, 0))));
    let over = refused(&of_return(&mut shop.client, &id, "inspect", &look(2, "sellable")), 400, "invalid-request");
    assert_eq!(over["field"], "lines[0].quantity", "one is left to look at");
    assert_eq!(inside(&mut shop.client), Some((2, 0)), "nothing of a refused step is left");
    let keyed = key();
    let path = format!("/v1/returns/{id}/inspect");
    let first = shop.client.post_keyed(&path, &keyed, &look(1, "damaged")).unwrap();
    let again = shop.client.post_keyed(&path, &keyed, &look(1, "damaged")).unwrap();
    assert_eq!((first.json(), again.status), (again.json(), 200), "the same again changes nothing");
    assert_eq!((shop.cell("A", "s2"), inside(&mut shop.client)), ((12, 0, 12), Some((1, 0))));
    refused(&of_return(&mut shop.client, &id, "inspect", &look(1, "inspect")), 400, "invalid-request");
    // What left through orders less what came back is what the ledger says, with the quarantine.
    let rows = get(&mut shop.client, "/v1/sales?sku=A");
    let units: i64 = rows["items"].as_array().unwrap().iter().map(|row| row["quantity"].as_i64().unwrap()).sum();
    assert_eq!(units, 2);
    let (_folder, data) = shop.stopped();
    verify(binary(), &data).unwrap();
}

#[test]
fn of_two_tills_that_take_back_the_last_unit_one_does() {
    let mut shop = selling_shop(&[]);
    shop.receive("A", "s1", 1000);
    let rounds = 40;
    for round in 0..rounds {
        let id = format!("T-{round}");
        granted(shop.client.post("/v1/sales", &sale(&id, &[("A", 1)], 1000)).unwrap(), 201);
        let answers: Vec<Answer> = std::thread::scope(|scope| {
            let tills: Vec<_> = ["s1", "s2"]
                .map(|place| {
                    let (mut client, body) = (shop.server.client(), back(&id, place, &[("1", 1, "sellable")]));
                    scope.spawn(move || take_back(&mut client, &body))
                })
                .into_iter()
                .collect();
            tills.into_iter().map(|till| till.join().unwrap()).collect()
        });
        let mut states: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        states.sort_unstable();
        assert_eq!(states, [201, 409]);
        let lost = answers.iter().find(|answer| answer.status == 409).unwrap();
        assert_eq!(refused(lost, 409, "not-returnable")["lines"][0]["reason"], "quantity");
    }
    let (here, there) = (shop.cell("A", "s1").0, shop.cell("A", "s2").0);
    assert_eq!(here + there, 10 + 1000 + 10);
}

#[test]
fn money_goes_back_to_the_tenders_that_paid() {
    let house = House::default();
    let admin = house.key("a", &["admin"], &[]);
    let till = house.key("till", &["sell", "read"], &[]);
    let server = house.serve(&[]);
    let mut own = server.client().with_key(&admin);
    declare(&mut own);
    put(&mut own, "/v1/channels/pos", &json!({}));
    let mut client = server.client();
    let body = json!({"order": "T-1", "channel": "pos", "location": "s1", "currency": "EUR",
        "lines": [{"sku": "A", "quantity": 4}],
        "payments": [{"tender": "cash", "amount": 1500}, {"tender": "card", "amount": 1500, "payment": "c1"},
            {"tender": "card", "amount": 1000, "payment": "c2"}]});
    granted(ask(&mut client, &admin, "POST", "/v1/sales", &body), 201);
    let plan = |told: &Value| {
        let refunds = told["refunds"].as_array().unwrap().clone();
        refunds
            .iter()
            .map(|one| {
                (one["tender"].as_str().unwrap().to_owned(), one["payment"].clone(), one["amount"].as_i64().unwrap())
            })
            .collect::<Vec<_>>()
    };
    let one = with(back("T-1", "s1", &[("1", 3, "sellable")]), &json!({"return": "R-1"}));
    // Tried first: what would come back, and nothing is written.
    let seq = get(&mut own, "/v1/info")["seq"].clone();
    let would =
        granted(ask(&mut client, &till, "POST", "/v1/returns", &with(one.clone(), &json!({"dry_run": true}))), 200);
    assert_eq!((&would["value"], &would["return"], &would["dry_run"]), (&json!(3000), &Value::Null, &json!(true)));
    assert_eq!(get(&mut own, "/v1/info")["seq"], seq);
    let told = granted(ask(&mut client, &till, "POST", "/v1/returns", &one), 201);
    let (c2, c1, cash) = (json!("c2"), json!("c1"), json!("p1"));
    let planned = vec![("card".to_owned(), c2, 1000), ("card".into(), c1, 1500), ("cash".into(), cash.clone(), 500)];
    assert_eq!(plan(&told), planned, "cards first, the latest before the others, and cash last");
    assert_eq!(plan(&would), planned);
    let rest = back("T-1", "s1", &[("1", 1, "sellable")]);
    // Another division needs the scope, and adds up.
    let by_hand =
        with(rest.clone(), &json!({"return": "R-2", "refunds": [{"tender": "card", "amount": 1000, "state": "done"}]}));
    assert_eq!(refused(&ask(&mut client, &till, "POST", "/v1/returns", &by_hand), 403, "forbidden")["scope"], "refund");
    let wrong = with(rest.clone(), &json!({"return": "R-2", "refunds": [{"tender": "card", "amount": 999}]}));
    let told = refused(&ask(&mut client, &admin, "POST", "/v1/returns", &wrong), 409, "unbalanced");
    assert_eq!((&told["due"], &told["tendered"]), (&json!(1000), &json!(999)));
    let as_planned =
        with(rest, &json!({"return": "R-2", "refunds": [{"tender": "cash", "amount": 1000, "payment": "p1"}]}));
    let told = granted(ask(&mut client, &till, "POST", "/v1/returns", &as_planned), 201);
    assert_eq!(plan(&told), vec![("cash".to_owned(), cash, 1000)]);
    // What failed is replaced by another tender.
    let failed = json!({"refunds": [{"refund": "r1", "tender": "cash", "amount": 1000, "payment": "p1", "state": "failed"},
        {"refund": "r2", "tender": "bank", "amount": 1000, "state": "done"}]});
    let headers = [("Authorization", format!("Bearer {till}")), ("Idempotency-Key", key())];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let headers = [headers, vec![("Content-Type", "application/json")]].concat();
    let answer = client.send("POST", "/v1/returns/R-2/refunds", &headers, failed.to_string().as_bytes()).unwrap();
    let told = granted(answer, 200);
    assert_eq!((&told["state"], &told["refund_due"]), (&json!("settled"), &json!(0)));
    // Money stands where and when it moved.
    let totals = ask(&mut client, &admin, "GET", "/v1/sales/totals?by=tender", &Value::Null).json();
    let bank = totals["items"].as_array().unwrap().iter().find(|item| item["tender"] == "bank").unwrap().clone();
    assert_eq!((&bank["kind"], &bank["amount"]), (&json!("refund"), &json!(1000)));
}

#[test]
fn an_exchange_is_a_sale_in_the_same_step_and_its_return_goes_to_the_first_tenders() {
    let mut shop = selling_shop(&[]);
    series(&mut shop.client, "none");
    let before = shop.seq();
    let body =
        with(sale("T-1", &[("A", 1), ("C", 1)], 1110), &json!({"payments": [{"tender": "card", "amount": 1110}]}));
    granted(shop.client.post("/v1/sales", &body).unwrap(), 201);
    let lines = json!([{"sku": "B", "quantity": 1}]);
    // Less than what comes back: the rest is refunded.
    let swap = with(
        back("T-1", "s1", &[("1", 1, "sellable")]),
        &json!({"return": "R-1", "exchange": {"lines": lines, "receipt": {"series": "R"}}, "receipt": {"series": "CN"}}),
    );
    let told = granted(take_back(&mut shop.client, &swap), 201);
    let refunds: Vec<(&str, i64, &str)> = told["refunds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["tender"].as_str().unwrap(), one["amount"].as_i64().unwrap(), one["state"].as_str().unwrap()))
        .collect();
    assert_eq!(refunds, [("exchange", 250, "done"), ("card", 750, "pending")]);
    assert_eq!(told["receipts"], json!([]), "the units stand on no receipt");
    let taken = order(&mut shop.client, told["exchange"].as_str().unwrap());
    assert_eq!((&taken["state"], &taken["total"], &taken["due"]), (&json!("completed"), &json!(250), &json!(0)));
    let paid = &taken["payments"][0];
    assert_eq!(
        (&paid["tender"], &paid["amount"], &paid["reference"]),
        (&json!("exchange"), &json!(250), &json!("R-1"))
    );
    assert_eq!(taken["receipts"], json!(["R:1"]));
    let events = get(&mut shop.client, &format!("/v1/events?after={before}&limit=100"));
    let kinds: Vec<&str> =
        events["items"].as_array().unwrap().iter().map(|one| one["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["order_sold", "return_received"], "one record");
    assert_eq!((shop.cell("A", "s1"), shop.cell("B", "s1")), ((10, 0, 10), (9, 0, 9)));
    // More than what comes back: the rest is paid, or it is refused and nothing is left.
    let more = |payments: Value| {
        let lines = json!([{"sku": "A", "quantity": 1}]);
        with(
            back("T-1", "s1", &[("2", 1, "sellable")]),
            &json!({"return": "R-2", "exchange": {"lines": lines, "payments": payments}}),
        )
    };
    let seq = shop.seq();
    refused(&take_back(&mut shop.client, &more(json!([]))), 409, "unbalanced");
    assert_eq!((shop.seq(), shop.cell("A", "s1"), shop.cell("C", "s1")), (seq, (10, 0, 10), (9, 0, 9)));
    let told = granted(take_back(&mut shop.client, &more(json!([{"tender": "cash", "amount": 890}]))), 201);
    let second = order(&mut shop.client, told["exchange"].as_str().unwrap());
    assert_eq!(second["paid"], 1000);
    // What was taken in exchange comes back: cash to cash, the rest to the card of the first order.
    let id = second["order"].as_str().unwrap();
    let told = granted(take_back(&mut shop.client, &back(id, "s2", &[("1", 1, "sellable")])), 201);
    let refunds: Vec<(&str, i64)> = told["refunds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["tender"].as_str().unwrap(), one["amount"].as_i64().unwrap()))
        .collect();
    assert_eq!(refunds, [("card", 110), ("cash", 890)]);
    order(&mut shop.client, "T-1");
    let (_folder, data) = shop.stopped();
    verify(binary(), &data).unwrap();
}

#[test]
fn announced_goods_hold_nothing_and_come_wherever_they_come() {
    let mut shop = selling_shop(&[]);
    granted(shop.client.post("/v1/sales", &sale("T-1", &[("A", 2), ("B", 1)], 2250)).unwrap(), 201);
    let body = json!({"return": "R-1", "channel": "web", "order": "T-1", "announced": true,
        "lines": [{"line": "1", "quantity": 2}, {"sku": "B", "quantity": 1, "condition": "inspect", "reason": "too big"}]});
    let told = granted(take_back(&mut shop.client, &body), 201);
    assert_eq!((&told["state"], &told["value"], &told["location"]), (&json!("announced"), &json!(0), &Value::Null));
    assert!(told["expires_at"].is_string());
    assert_eq!(shop.cell("A", "s1"), (8, 0, 8));
    // Another return takes one of them meanwhile: what counts is what can come back when they come.
    granted(take_back(&mut shop.client, &back("T-1", "s1", &[("1", 1, "sellable")])), 201);
    let come = |lines: Value| json!({"channel": "pos", "location": "s2", "lines": lines});
    let both = come(json!([{"line": "1", "quantity": 2, "condition": "sellable"}]));
    assert_eq!(
        refused(&of_return(&mut shop.client, "R-1", "receive", &both), 409, "not-returnable")["lines"][0]["returnable"],
        1
    );
    let three = come(json!([{"line": "1", "quantity": 3, "condition": "sellable"}]));
    refused(&of_return(&mut shop.client, "R-1", "receive", &three), 400, "invalid-request");
    let unseen = come(json!([{"line": "1", "quantity": 1}]));
    let told = refused(&of_return(&mut shop.client, "R-1", "receive", &unseen), 400, "invalid-request");
    assert_eq!(told["field"], "lines[0].condition");
    let some = come(json!([{"line": "1", "quantity": 1, "condition": "sellable"}, {"line": "2", "quantity": 1}]));
    let told = granted(of_return(&mut shop.client, "R-1", "receive", &some), 200);
    assert_eq!((&told["state"], &told["value"], &told["location"]), (&json!("received"), &json!(1250), &json!("s2")));
    assert_eq!((&told["lines"][1]["condition"], &told["lines"][1]["reason"]), (&json!("inspect"), &json!("too big")));
    assert_eq!((shop.cell("A", "s2"), shop.cell("B", "s2")), ((11, 0, 11), (10, 0, 10)));
    refused(&of_return(&mut shop.client, "R-1", "receive", &some), 409, "wrong-state");
    refused(&of_return(&mut shop.client, "R-1", "cancel", &json!({})), 409, "wrong-state");
    // Kept after all.
    granted(shop.client.post("/v1/sales", &sale("T-2", &[("C", 1)], 110)).unwrap(), 201);
    let body = json!({"return": "R-2", "channel": "web", "order": "T-2", "announced": true, "lines": [{"sku": "C", "quantity": 1}]});
    granted(take_back(&mut shop.client, &body), 201);
    for _ in 0..2 {
        let told = granted(of_return(&mut shop.client, "R-2", "cancel", &json!({"reason": "kept it"})), 200);
        assert_eq!(told["state"], "cancelled");
    }
    refused(&of_return(&mut shop.client, "R-2", "receive", &come(json!([]))), 409, "wrong-state");
    refused(
        &of_return(
            &mut shop.client,
            "R-2",
            "inspect",
            &json!({"lines": [{"line": "1", "quantity": 1, "condition": "sellable"}]}),
        ),
        409,
        "wrong-state",
    );
    let (_folder, data) = shop.stopped();
    verify(binary(), &data).unwrap();
}

#[test]
fn rules_say_what_may_come_back_and_for_how_long() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    let reason =
        |answer: &Answer| refused(answer, 409, "not-returnable")["lines"][0]["reason"].as_str().unwrap().to_owned();
    granted(client.post("/v1/sales", &sale("T-1", &[("A", 1), ("B", 1)], 1250)).unwrap(), 201);
    let late = with(
        sale("T-2", &[], 0),
        &json!({"lines": [{"sku": "A", "quantity": 1, "unit_amount": 1000}],
        "payments": [{"tender": "cash", "amount": 1000}], "occurred_at": seconds(-2 * 86_400)}),
    );
    granted(client.post("/v1/sales", &late).unwrap(), 201);
    put(client, "/v1/rules/no-b", &json!({"kind": "returns", "skus": ["B"], "allow": false}));
    put(client, "/v1/rules/day", &json!({"kind": "returns", "skus": ["A"], "days": 1}));
    let told = get(client, "/v1/rules/explain?sku=A&location=s1");
    assert_eq!(
        (&told["in_force"]["returns"]["days"], &told["in_force"]["returns"]["allow"]),
        (&json!(1), &json!(true))
    );
    assert_eq!(reason(&take_back(client, &back("T-1", "s1", &[("2", 1, "sellable")]))), "excluded");
    assert_eq!(reason(&take_back(client, &back("T-2", "s1", &[("1", 1, "sellable")]))), "window");
    let wider = with(back("T-2", "s1", &[("1", 1, "sellable")]), &json!({"return": "R-1"}));
    put(client, "/v1/rules/wide", &json!({"kind": "returns", "skus": ["A"], "locations": ["s1"], "days": 3}));
    granted(take_back(client, &wider), 201);
    // A parcel that came back is never too late.
    put(client, "/v1/rules/wide", &json!({"kind": "returns", "skus": ["A"], "locations": ["s1"], "days": 0}));
    let late = with(
        sale("T-3", &[], 0),
        &json!({"lines": [{"sku": "A", "quantity": 1, "unit_amount": 1000}],
        "payments": [{"tender": "cash", "amount": 1000}], "occurred_at": seconds(-3 * 86_400)}),
    );
    granted(client.post("/v1/sales", &late).unwrap(), 201);
    assert_eq!(reason(&take_back(client, &back("T-3", "s1", &[("1", 1, "sellable")]))), "window");
    let mut body = back("T-3", "s1", &[("1", 1, "sellable")]);
    body["lines"][0]["reason"] = json!("undelivered");
    granted(take_back(client, &body), 201);
    let wrong = client.put("/v1/rules/x", &json!({"kind": "returns", "days": 4000})).unwrap();
    assert_eq!(refused(&wrong, 400, "invalid-request")["field"], "days");
    let wrong = client.put("/v1/rules/x", &json!({"kind": "access", "allow": true, "days": 4})).unwrap();
    assert_eq!(refused(&wrong, 400, "invalid-request")["field"], "days");
}

#[test]
fn goods_without_a_sale_are_worth_the_lowest_price_of_sixty_days() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    set_prices(client, &[("A", 800)]);
    set_prices(client, &[("A", 900)]);
    let body = |more: Value| {
        with(
            json!({"channel": "pos", "location": "s1", "lines": [{"sku": "A", "quantity": 2, "condition": "sellable"}]}),
            &more,
        )
    };
    let told = refused(&take_back(client, &body(json!({}))), 409, "not-returnable");
    assert_eq!(told["lines"][0]["reason"], "unknown_sale", "no rule allows it");
    put(client, "/v1/rules/any", &json!({"kind": "returns", "without_sale": true}));
    let told = granted(take_back(client, &body(json!({"return": "R-1"}))), 201);
    assert_eq!((&told["value"], &told["unreferenced"], &told["order"]), (&json!(1600), &json!(true), &Value::Null));
    assert_eq!((&told["refund_due"], &told["state"], &told["refunds"]), (&json!(1600), &json!("received"), &json!([])));
    let paid = json!({"refunds": [{"tender": "cash", "amount": 1600, "state": "done"}]});
    assert_eq!(granted(of_return(client, "R-1", "refunds", &paid), 200)["state"], "settled");
    let at_once = body(json!({"return": "R-2", "refunds": [{"tender": "voucher", "amount": 1600, "state": "done"}]}));
    assert_eq!(granted(take_back(client, &at_once), 201)["state"], "settled");
    let rows = get(client, "/v1/sales?sku=A");
    let row = &rows["items"][0];
    assert_eq!(
        (&row["order"], &row["return"], &row["quantity"], &row["amount"]),
        (&Value::Null, &json!("R-1"), &json!(-2), &json!(-1600))
    );
    assert_eq!((&row["tax_rate"], &row["currency"]), (&json!(2100), &json!("EUR")));
    let mut unpriced = body(json!({}));
    unpriced["lines"][0]["sku"] = json!("UNPRICED");
    refused(&take_back(client, &with(unpriced.clone(), &json!({"currency": "EUR"}))), 409, "price-mismatch");
    assert_eq!(refused(&take_back(client, &unpriced), 400, "invalid-request")["field"], "currency");
    assert_eq!(shop.cell("A", "s1"), (14, 0, 14));
    let (_folder, data) = shop.stopped();
    verify(binary(), &data).unwrap();
}

#[test]
fn what_an_offline_till_took_back_is_booked_whatever_can_come_back() {
    let mut shop = selling_shop(&[]);
    let sold = with(sale("T-1", &[("A", 2)], 2000), &json!({"occurred_at": seconds(-7000)}));
    let mut sold = sold;
    sold["lines"][0]["unit_amount"] = json!(1000);
    granted(shop.client.post("/v1/sales", &sold).unwrap(), 201);
    let unnamed = with(back("T-1", "s1", &[("1", 1, "sellable")]), &json!({"occurred_at": seconds(-3600)}));
    assert_eq!(refused(&take_back(&mut shop.client, &unnamed), 400, "invalid-request")["field"], "return");
    let mut body = with(
        back("T-1", "s1", &[("1", 3, "sellable")]),
        &json!({"return": "R-1", "occurred_at": seconds(-3600), "refunds": [{"tender": "cash", "amount": 2500, "state": "done"}]}),
    );
    body["lines"][0]["sku"] = json!("A");
    let told = granted(take_back(&mut shop.client, &body), 201);
    assert_eq!(
        (&told["flags"], &told["unreferenced"], &told["value"]),
        (&json!(["over_returned"]), &json!(true), &json!(2500))
    );
    assert_eq!((&told["refund_due"], &told["state"]), (&json!(0), &json!("settled")));
    assert_eq!(shop.cell("A", "s1"), (11, 0, 11));
    // The same again, once its key is forgotten, is the same return.
    let again = granted(take_back(&mut shop.client, &body), 200);
    assert_eq!((again["return"].clone(), shop.cell("A", "s1")), (told["return"].clone(), (11, 0, 11)));
    let mut other = body.clone();
    other["lines"][0]["quantity"] = json!(1);
    refused(&take_back(&mut shop.client, &other), 409, "already-exists");
    let told = order(&mut shop.client, "T-1");
    assert_eq!((&told["lines"][0]["returned"], &told["returns"]), (&json!(2), &json!(["R-1"])));
    // An order that nobody knows yet.
    let unknown = json!({"return": "R-2", "channel": "pos", "location": "s2", "order": "T-99", "occurred_at": seconds(-3600),
        "lines": [{"sku": "B", "quantity": 1, "condition": "damaged"}], "refunds": [{"tender": "cash", "amount": 250, "payment": "p9", "state": "done"}]});
    let told = granted(take_back(&mut shop.client, &unknown), 201);
    assert_eq!(told["currency"], "EUR", "that of its prices");
    assert_eq!((&told["order"], &told["flags"]), (&json!("T-99"), &json!(["over_returned"])));
    assert_eq!(shop.cell("B", "s2"), (10, 0, 10));
    // A count after it has it already.
    put(&mut shop.client, "/v1/channels/pos", &json!({}));
    let count = json!({"counts": [{"sku": "C", "location": "s1", "on_hand": 10}]});
    granted(shop.client.post("/v1/stock/counts", &count).unwrap(), 200);
    let mut sold = with(sale("T-3", &[("C", 1)], 110), &json!({"occurred_at": seconds(-3700)}));
    sold["lines"][0]["unit_amount"] = json!(110);
    granted(shop.client.post("/v1/sales", &sold).unwrap(), 201);
    let counted =
        with(back("T-3", "s1", &[("1", 1, "sellable")]), &json!({"return": "R-3", "occurred_at": seconds(-3600)}));
    granted(take_back(&mut shop.client, &counted), 201);
    assert_eq!(shop.cell("C", "s1"), (10, 0, 10));
    let rows = get(&mut shop.client, "/v1/sales?order=T-3");
    assert!(rows["items"].as_array().unwrap().iter().all(|row| row["absorbed"] == true), "{rows}");
    let mut shop = shop.killed_and_restarted();
    assert_eq!(get(&mut shop.client, "/v1/returns/R-2")["value"], 250);
    let (_folder, data) = shop.stopped();
    verify(binary(), &data).unwrap();
}

#[test]
fn a_return_by_receipt_is_one_of_its_order_and_a_credit_note_takes_back_what_stands_on_it() {
    let mut shop = selling_shop(&[]);
    series(&mut shop.client, "none");
    let client = &mut shop.client;
    let body = with(sale("T-1", &[("A", 2), ("C", 1)], 2110), &json!({"receipt": {"series": "R"}}));
    granted(client.post("/v1/sales", &body).unwrap(), 201);
    let by_receipt = json!({"return": "R-1", "channel": "pos", "location": "s2", "receipt": "R:1",
        "lines": [{"sku": "A", "quantity": 1, "condition": "sellable"}]});
    let told = granted(take_back(client, &by_receipt), 201);
    assert_eq!((&told["order"], &told["receipts"]), (&json!("T-1"), &json!([])));
    let both = json!({"return": "R-2", "channel": "pos", "location": "s2", "bought_on": "R:1", "receipt": {"series": "CN"},
        "lines": [{"sku": "A", "quantity": 1, "condition": "sellable"}, {"line": "2", "quantity": 1, "condition": "damaged"}]});
    let told = granted(take_back(client, &both), 201);
    let note = get(client, &format!("/v1/receipts/{}", told["receipts"][0].as_str().unwrap()));
    assert_eq!(
        (&note["corrects"], &note["total"], &note["kind"]),
        (&json!(["R:1"]), &json!(-1110), &json!("credit_note"))
    );
    assert_eq!(note["tenders"], json!([{"tender": "cash", "amount": -1110}]));
    assert_eq!(get(client, "/v1/series/CN")["issued"], 1);
    for (wrong, field) in [
        (json!({"receipt": "R:1", "order": "T-1"}), "order"),
        (json!({"receipt": 7}), "receipt"),
        (json!({"receipt": "R-1"}), "receipt"),
        (json!({"receipt": {"series": "CN", "why": 1}, "order": "T-1"}), "receipt"),
        (json!({"order": "T-1", "customer": "c-1"}), "customer"),
        (json!({"order": "T-1", "announced": true, "refunds": []}), "refunds"),
    ] {
        let body = with(
            json!({"channel": "pos", "location": "s2", "lines": [{"sku": "A", "quantity": 1, "condition": "sellable"}]}),
            &wrong,
        );
        let told = refused(&take_back(client, &body), 400, "invalid-request");
        assert!(told["field"].as_str().is_some_and(|told| told.starts_with(field)), "{told}");
    }
    refused(
        &take_back(client, &with(by_receipt.clone(), &json!({"return": "R-9", "receipt": "R:9"}))),
        404,
        "not-found",
    );
    let wrong = with(back("T-1", "s2", &[("1", 1, "sellable")]), &json!({"return": "R-8"}));
    assert_eq!(refused(&take_back(client, &wrong), 409, "not-returnable")["lines"][0]["reason"], "quantity");
    let unknown = json!({"return": "R-8", "channel": "pos", "location": "s2", "order": "T-1",
        "lines": [{"sku": "B", "quantity": 1, "condition": "sellable"}]});
    assert_eq!(refused(&take_back(client, &unknown), 409, "not-returnable")["lines"][0]["reason"], "unknown_sale");
    refused(&take_back(client, &back("T-9", "s2", &[("1", 1, "sellable")])), 404, "not-found");
    let no_key = client.post("/v1/returns", &back("T-1", "s2", &[("1", 1, "sellable")])).unwrap();
    assert_eq!(refused(&no_key, 400, "invalid-request")["field"], "Idempotency-Key");
    let inside = back("T-1", "quarantine:s2", &[("1", 1, "sellable")]);
    assert_eq!(refused(&take_back(client, &inside), 400, "invalid-request")["field"], "location");
}

#[test]
fn units_that_come_back_fill_who_waits_and_what_is_taken_in_exchange_comes_first() {
    let mut shop = selling_shop(&[]);
    granted(shop.client.post("/v1/sales", &sale("T-1", &[("A", 10)], 10_000)).unwrap(), 201);
    put(&mut shop.client, "/v1/rules/later", &json!({"kind": "backorder", "skus": ["A"], "units": 5, "lead_days": 3}));
    let latest = "2099-01-01T00:00:00Z";
    let waiting = json!({"channel": "web", "purpose": "pickup", "confirm": true,
        "lines": [{"sku": "A", "location": "s1", "quantity": 1, "latest": latest}]});
    let waiting = granted(shop.client.post("/v1/reservations", &waiting).unwrap(), 201);
    assert_eq!(shop.cell("A", "s1").0, 0);
    // The same size again: what comes back is taken along, and nobody else gets it.
    let swap = with(
        back("T-1", "s1", &[("1", 1, "sellable")]),
        &json!({"exchange": {"lines": [{"sku": "A", "quantity": 1}]}}),
    );
    granted(take_back(&mut shop.client, &swap), 201);
    assert_eq!(shop.cell("A", "s1").0, 0);
    let id = waiting["id"].as_str().unwrap();
    let still = get(&mut shop.client, &format!("/v1/reservations/{id}"));
    assert!(still["lines"][0]["promised_for"].is_string(), "{still}");
    granted(take_back(&mut shop.client, &back("T-1", "s1", &[("1", 1, "sellable")])), 201);
    assert_eq!(shop.cell("A", "s1"), (1, 1, 0), "the unit is the one who waited's");
    let (_folder, data) = shop.stopped();
    verify(binary(), &data).unwrap();
}

#[test]
fn a_till_takes_back_over_its_socket() {
    let mut shop = selling_shop(&[]);
    granted(shop.client.post("/v1/sales", &sale("T-1", &[("A", 1)], 1000)).unwrap(), 201);
    let mut socket = Socket::connect(shop.server.address).unwrap();
    let body = with(
        back("T-1", "s1", &[("1", 1, "sellable")]),
        &json!({"op": "order_return", "id": "1", "idempotency_key": "k-1"}),
    );
    let told = socket.ask(&body).unwrap();
    assert_eq!((&told["status"], &told["body"]["value"]), (&json!(201), &json!(1000)), "{told}");
    assert_eq!(socket.ask(&with(body, &json!({"id": "2"}))).unwrap()["body"], told["body"]);
    assert_eq!(shop.cell("A", "s1"), (10, 0, 10));
}

#[test]
fn a_cancelled_rest_a_collected_part_and_a_return_add_up_on_one_line() {
    let mut shop = selling_shop(&[]);
    series(&mut shop.client, "none");
    let client = &mut shop.client;
    let body = with(
        pickup("W-1", &[("A", 7)]),
        &json!({"confirm": true,
        "payments": [{"tender": "card", "amount": 7000, "state": "captured"}], "receipt": {"series": "R"}}),
    );
    granted(client.post("/v1/orders", &body).unwrap(), 201);
    let some = json!({"lines": [{"sku": "A", "quantity": 4}]});
    granted(step(client, "W-1", "fulfilments/1/collect", &some), 200);
    granted(
        step(
            client,
            "W-1",
            "cancel",
            &json!({"channel": "web", "lines": [{"line": "1", "quantity": 2}], "receipt": {"series": "CN"}}),
        ),
        200,
    );
    let note = with(back("W-1", "s2", &[("1", 3, "sellable")]), &json!({"receipt": {"series": "CN"}}));
    let told = granted(take_back(client, &note), 201);
    assert_eq!((&told["value"], &told["receipts"]), (&json!(3000), &json!(["CN:2"])));
    assert_eq!(get(client, "/v1/receipts/CN:2")["total"], -3000);
    let told = order(client, "W-1");
    let line = &told["lines"][0];
    assert_eq!(
        (&line["handed_over"], &line["cancelled"], &line["returned"], &line["brought_back"]),
        (&json!(4), &json!(2), &json!(3), &json!(5000))
    );
    assert_eq!((&told["state"], &told["due"], &told["refund_due"]), (&json!("confirmed"), &json!(0), &json!(0)));
    assert_eq!(told["uncredited"], json!([]));
}

/// The record of a return is there whole, or not at all, whenever the process dies.
#[test]
fn a_return_is_there_whole_or_not_at_all_whenever_the_process_dies() {
    let mut shop = selling_shop(&[]);
    shop.receive("A", "s1", 100);
    for round in 0..8 {
        let id = format!("T-{round}");
        granted(shop.client.post("/v1/sales", &sale(&id, &[("A", 1)], 1000)).unwrap(), 201);
        let (address, body) = (
            shop.server.address,
            with(back(&id, "s2", &[("1", 1, "sellable")]), &json!({"return": format!("R-{round}")})),
        );
        let asking =
            std::thread::spawn(move || Client::new(address).post("/v1/returns", &body).map(|answer| answer.status));
        std::thread::sleep(Duration::from_micros(300 * round));
        shop = shop.killed_and_restarted();
        let told = asking.join().unwrap();
        let there = shop.client.get(&format!("/v1/returns/R-{round}")).unwrap().status == 200;
        if told.is_ok_and(|status| status == 201) {
            assert!(there, "what was answered is there");
        }
        let of_order = order(&mut shop.client, &id);
        assert_eq!(of_order["lines"][0]["returned"], i64::from(there));
        // Told again, it is there once.
        let again = with(back(&id, "s2", &[("1", 1, "sellable")]), &json!({"return": format!("R-{round}")}));
        let status = shop.client.post("/v1/returns", &again).unwrap().status;
        assert_eq!(status, if there { 200 } else { 201 });
    }
    assert_eq!(shop.cell("A", "s2"), (18, 0, 18));
    let (_folder, data) = shop.stopped();
    verify(binary(), &data).unwrap();
}

#[test]
fn a_return_and_its_order_do_not_both_pay_one_sum_back() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    granted(client.post("/v1/sales", &sale("T-1", &[("A", 1)], 1000)).unwrap(), 201);
    granted(take_back(client, &with(back("T-1", "s1", &[("1", 1, "sellable")]), &json!({"return": "R-1"}))), 201);
    let failed =
        json!({"refunds": [{"refund": "r1", "tender": "cash", "amount": 1000, "payment": "p1", "state": "failed"}]});
    assert_eq!(granted(of_return(client, "R-1", "refunds", &failed), 200)["refund_due"], 1000);
    let paid = json!({"refunds": [{"tender": "bank", "amount": 1000, "state": "done"}]});
    granted(step(client, "T-1", "refunds", &paid), 200);
    assert_eq!(refused(&of_return(client, "R-1", "refunds", &paid), 409, "unbalanced")["due"], 0);
    order(client, "T-1");
}

#[test]
fn units_beyond_what_a_number_holds_are_refused_by_name() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    granted(client.post("/v1/sales", &sale("T-1", &[("A", 1), ("A", 1)], 2000)).unwrap(), 201);
    let announced = json!({"return": "R-1", "channel": "web", "order": "T-1", "announced": true, "lines": [{"sku": "A", "quantity": 2}]});
    let told = granted(take_back(client, &announced), 201);
    let lines: Vec<(&Value, &Value)> =
        told["lines"].as_array().unwrap().iter().map(|line| (&line["line"], &line["quantity"])).collect();
    assert_eq!(lines, [(&json!("1"), &json!(1)), (&json!("2"), &json!(1))], "oldest first, each what it has");
    let most = json!({"line": "1", "quantity": 1_000_000_000, "condition": "sellable"});
    let body = json!({"channel": "pos", "location": "s1", "lines": [most, most, most, most, most]});
    assert_eq!(
        refused(&of_return(client, "R-1", "receive", &body), 400, "invalid-request")["field"],
        "lines[0].quantity"
    );
    let three = with(announced, &json!({"return": "R-2", "lines": [{"sku": "A", "quantity": 3}]}));
    assert_eq!(refused(&take_back(client, &three), 400, "invalid-request")["field"], "lines[0].quantity");
    put(client, "/v1/rules/any", &json!({"kind": "returns", "without_sale": true}));
    put(client, "/v1/skus/D", &json!({}));
    set_prices(client, &[("D", 2000)]);
    let dear = json!({"return": "R-3", "channel": "pos", "location": "s1", "lines": [{"sku": "D", "quantity": 1_000_000_000, "condition": "sellable"}]});
    assert_eq!(refused(&take_back(client, &dear), 400, "invalid-request")["field"], "lines[0].quantity");
    granted(
        of_return(
            client,
            "R-1",
            "receive",
            &json!({"channel": "pos", "location": "s1", "lines": [
            {"line": "1", "quantity": 1, "condition": "sellable"}, {"line": "2", "quantity": 1, "condition": "sellable"}]}),
        ),
        200,
    );
}

#[test]
fn a_payment_of_the_callers_own_name_stands_beside_the_exchange() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    granted(client.post("/v1/sales", &sale("T-1", &[("C", 1)], 110)).unwrap(), 201);
    let swap = with(
        back("T-1", "s1", &[("1", 1, "sellable")]),
        &json!({"exchange": {"lines": [{"sku": "B", "quantity": 1}],
            "payments": [{"payment": "exchange", "tender": "card", "amount": 140}]}}),
    );
    let told = granted(take_back(client, &swap), 201);
    let taken = order(client, told["exchange"].as_str().unwrap());
    let payments: Vec<(&str, i64)> = taken["payments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["payment"].as_str().unwrap(), one["amount"].as_i64().unwrap()))
        .collect();
    assert_eq!(payments, [("exchange", 140), ("exchange-2", 110)]);
}

#[test]
fn a_bound_key_sees_and_changes_returns_of_its_own() {
    let house = House::default();
    let admin = house.key("a", &["admin"], &[]);
    let web = house.key("web", &["sell", "read"], &["--channel", "web"]);
    let store = house.key("store", &["sell", "read"], &["--channel", "pos", "--location", "s2"]);
    let server = house.serve(&[]);
    let mut own = server.client().with_key(&admin);
    declare(&mut own);
    for channel in ["web", "pos"] {
        put(&mut own, &format!("/v1/channels/{channel}"), &json!({}));
    }
    let mut client = server.client();
    granted(
        ask(
            &mut client,
            &admin,
            "POST",
            "/v1/sales",
            &with(sale("T-1", &[("A", 2)], 2000), &json!({"customer": "c-1"})),
        ),
        201,
    );
    let told = with(back("T-1", "s1", &[("1", 1, "sellable")]), &json!({"return": "R-1"}));
    granted(ask(&mut client, &admin, "POST", "/v1/returns", &told), 201);
    let announced = json!({"return": "R-2", "channel": "pos", "order": "T-1", "announced": true, "lines": [{"line": "1", "quantity": 1}]});
    granted(ask(&mut client, &admin, "POST", "/v1/returns", &announced), 201);
    for key in [&web, &store] {
        refused(&ask(&mut client, key, "GET", "/v1/returns/R-1", &Value::Null), 404, "not-found");
        let listed = ask(&mut client, key, "GET", "/v1/returns?customer=c-1&location=s2", &Value::Null);
        assert_eq!(listed.json()["items"], json!([]), "{} {}", listed.status, listed.json());
        refused(&ask(&mut client, key, "POST", "/v1/returns/R-2/cancel", &json!({})), 404, "not-found");
    }
    // What is announced may come to any place.
    let authorization = format!("Bearer {store}");
    let headers =
        [("Authorization", authorization.as_str()), ("Content-Type", "application/json"), ("Idempotency-Key", "k")];
    let come =
        json!({"channel": "pos", "location": "s2", "lines": [{"line": "1", "quantity": 1, "condition": "sellable"}]});
    let answer = client.send("POST", "/v1/returns/R-2/receive", &headers, come.to_string().as_bytes()).unwrap();
    granted(answer, 200);
    assert_eq!(ask(&mut client, &store, "GET", "/v1/returns/R-2", &Value::Null).status, 200);
}
