//! A return that is tried with `dry_run` answers what the return itself would; and one that is told late is booked, whatever
//! became of its series of receipts meanwhile.

use anaquel_loadtest::client::{Answer, Client};
use anaquel_loadtest::server::verify;
use anaquel_tests::binary;
use anaquel_tests::calls::{get, put};
use anaquel_tests::house::{House, ask};
use anaquel_tests::selling::{declare, granted, post, refused, sale, selling_shop, set_prices, with};
use serde_json::{Value, json};

/// So many seconds ago.
fn ago(seconds: i64) -> String {
    let at = jiff::Timestamp::now().checked_sub(jiff::SignedDuration::from_secs(seconds)).unwrap();
    format!("{at:.3}")
}

fn series(client: &mut Client) {
    let issuer = json!({"tax_id": "B12345678", "name": "Shop", "address": "Mayor 1", "country": "ES", "timezone": "Europe/Madrid"});
    put(client, "/v1/issuers/es", &issuer);
    for (name, kind) in [("R", "receipt"), ("R2", "receipt"), ("CN", "credit_note"), ("CN2", "credit_note")] {
        put(
            client,
            &format!("/v1/series/{name}"),
            &json!({"issuer": "es", "kind": kind, "prefix": format!("{name}-")}),
        );
    }
}

/// Units of a line that come back to a place.
fn back(order: &str, location: &str, lines: &[(&str, i64, &str)]) -> Value {
    let line = |(line, quantity, condition): &(&str, i64, &str)| json!({"line": line, "quantity": quantity, "condition": condition});
    json!({"channel": "pos", "location": location, "order": order, "lines": lines.iter().map(line).collect::<Vec<_>>()})
}

/// The status, the slug and the members by which a refusal is understood.
fn refusal(answer: &Answer) -> (u16, Value) {
    let mut told = answer.json();
    for member in ["instance", "trace"] {
        told.as_object_mut().unwrap().remove(member);
    }
    (answer.status, told)
}

/// What a return says of goods and money.
fn brings(told: &Value) -> Value {
    let refund = |one: &Value| json!([one["refund"], one["tender"], one["amount"], one["state"], one["payment"]]);
    let refunds: Vec<Value> = told["refunds"].as_array().unwrap().iter().map(refund).collect();
    let members = ["state", "lines", "charges", "value", "refund_due", "order", "customer", "currency", "unreferenced"];
    let members: Vec<&Value> = members.iter().map(|member| &told[member]).collect();
    json!([members, refunds])
}

#[test]
fn a_trial_answers_what_the_return_itself_would() {
    let house = House::default();
    let admin = house.key("a", &["admin"], &[]);
    let till = house.key("till", &["sell", "read"], &[]);
    let server = house.serve(&[]);
    let mut own = server.client().with_key(&admin);
    declare(&mut own);
    put(&mut own, "/v1/channels/pos", &json!({}));
    series(&mut own);
    put(&mut own, "/v1/series/CN2", &json!({"closed": true}));
    let mut client = server.client();
    let sold = with(
        sale("T-1", &[("A", 4)], 4000),
        &json!({"receipt": {"series": "R"}, "payments": [{"tender": "cash", "amount": 1500}, {"tender": "card", "amount": 2500}]}),
    );
    granted(ask(&mut client, &admin, "POST", "/v1/sales", &sold), 201);
    granted(ask(&mut client, &admin, "POST", "/v1/sales", &sale("T-2", &[("B", 1)], 250)), 201);
    // A quarantine, and a cell that can take no more.
    let damaged = with(back("T-2", "s1", &[("1", 1, "damaged")]), &json!({"return": "R-0"}));
    granted(ask(&mut client, &admin, "POST", "/v1/returns", &damaged), 201);
    for units in [1_000_000_000, 1_000_000_000] {
        let movement = json!({"kind": "receipt", "sku": "A", "location": "s3", "quantity": units});
        granted(own.post("/v1/stock/movements", &json!({"movements": [movement]})).unwrap(), 200);
    }
    let locations = get(&mut own, "/v1/locations?quarantine=true");
    let quarantine = locations["items"].as_array().unwrap().iter().find(|item| item["kind"] == "quarantine").unwrap();
    let quarantine = quarantine["location"].as_str().unwrap();

    let one = |more: Value| with(back("T-1", "s1", &[("1", 1, "sellable")]), &more);
    let money = |tender: &str, amount: i64| json!({"tender": tender, "amount": amount, "state": "done"});
    let line = |sku: &str| json!({"sku": sku, "quantity": 1});
    let cases = [
        (&admin, one(json!({"refunds": [money("cash", 999)]})), "unbalanced"),
        (&admin, one(json!({"refunds": [money("cash", 600), money("bank", 401)]})), "unbalanced"),
        (
            &admin,
            one(json!({"refunds": [with(money("cash", 1000), &json!({"payment": "nobody"}))]})),
            "invalid-request",
        ),
        (&till, one(json!({"refunds": [money("cash", 1000)]})), "forbidden"),
        (&admin, one(json!({"location": quarantine})), "invalid-request"),
        (&admin, one(json!({"location": "s3"})), "invalid-request"),
        (&admin, one(json!({"receipt": {"series": "nobody"}})), "invalid-request"),
        (&admin, one(json!({"receipt": {"series": "R"}})), "invalid-request"),
        (&admin, one(json!({"receipt": {"series": "CN2"}})), "wrong-state"),
        (&admin, one(json!({"exchange": {"lines": [line("A"), line("B")]}})), "unbalanced"),
        (&admin, one(json!({"exchange": {"lines": [line("UNPRICED")]}})), "price-mismatch"),
        (&admin, one(json!({"lines": [{"line": "1", "quantity": 5, "condition": "sellable"}]})), "not-returnable"),
        (&admin, one(json!({"charges": [{"charge": "shipping", "amount": 1}]})), "invalid-request"),
        (&admin, one(json!({"order": "T-9"})), "not-found"),
        (
            &admin,
            with(back("T-1", "s1", &[]), &json!({"lines": [{"sku": "A", "quantity": 5}], "announced": true})),
            "invalid-request",
        ),
    ];
    for (who, body, slug) in cases {
        let seq = get(&mut own, "/v1/info")["seq"].clone();
        let body = with(body, &json!({"return": "R-1"}));
        let would = ask(&mut client, who, "POST", "/v1/returns", &with(body.clone(), &json!({"dry_run": true})));
        let is = ask(&mut client, who, "POST", "/v1/returns", &body);
        assert_eq!(is.slug(), slug, "{body} {}", is.json());
        assert_eq!(refusal(&would), refusal(&is), "{body}");
        assert_eq!(get(&mut own, "/v1/info")["seq"], seq, "{body}");
    }
    let granted_cases = [
        one(json!({"refunds": [money("bank", 300), money("cash", 700)]})),
        one(json!({"exchange": {"lines": [line("C")]}, "refunds": [money("card", 890)]})),
        one(json!({"receipt": {"series": "CN"}})),
        with(back("T-1", "s2", &[("1", 1, "inspect")]), &json!({"announced": true})),
    ];
    for (nth, body) in granted_cases.into_iter().enumerate() {
        let would = granted(
            ask(&mut client, &admin, "POST", "/v1/returns", &with(body.clone(), &json!({"dry_run": true}))),
            200,
        );
        let body = with(body, &json!({"return": format!("R-{}", nth + 1)}));
        let is = granted(ask(&mut client, &admin, "POST", "/v1/returns", &body), 201);
        assert_eq!(brings(&would), brings(&is), "{body}");
    }
}

#[test]
fn what_was_told_late_is_booked_without_the_receipt_that_its_series_no_longer_issues() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    series(client);
    set_prices(client, &[("A", 1000)]);
    let receipted = json!({"receipt": {"series": "R"}});
    granted(client.post("/v1/sales", &with(sale("T-1", &[("A", 4)], 4000), &receipted)).unwrap(), 201);
    // One series is closed while the tills are offline, another goes to another place, a third to another channel.
    put(client, "/v1/series/CN", &json!({"closed": true}));
    put(client, "/v1/series/CN2", &json!({"locations": ["s2"]}));
    // A receipt that is asked for by itself names its series without more.
    let unknown = post(client, "/v1/orders/T-1/receipts", &json!({"series": "nobody"}));
    assert_eq!(refused(&unknown, 400, "invalid-request")["field"], "series");
    let late = json!({"occurred_at": ago(3600)});
    let note = |id: &str, series: &str| {
        with(back("T-1", "s1", &[("1", 1, "sellable")]), &json!({"return": id, "receipt": {"series": series}}))
    };
    refused(&post(client, "/v1/returns", &note("R-1", "CN")), 409, "wrong-state");
    assert_eq!(
        refused(&post(client, "/v1/returns", &note("R-1", "CN2")), 400, "invalid-request")["field"],
        "receipt.series"
    );
    for (id, series) in [("R-1", "CN"), ("R-2", "CN2")] {
        let told = granted(post(client, "/v1/returns", &with(note(id, series), &late)), 201);
        assert_eq!((&told["flags"], &told["receipts"]), (&json!(["receipt_missing"]), &json!([])), "{told}");
    }
    assert_eq!(get(client, "/v1/orders/T-1")["flags"], json!([]), "it is the return that has no note");
    // What is malformed is refused, however late it is told.
    refused(&post(client, "/v1/returns", &with(note("R-3", "nobody"), &late)), 400, "invalid-request");
    // An announced return that comes late.
    let announced = with(back("T-1", "s1", &[("1", 1, "sellable")]), &json!({"return": "R-4", "announced": true}));
    granted(post(client, "/v1/returns", &announced), 201);
    let received = with(
        json!({"channel": "pos", "location": "s1", "lines": [{"line": "1", "quantity": 1}], "receipt": {"series": "CN"}}),
        &late,
    );
    let told = granted(post(client, "/v1/returns/R-4/receive", &received), 200);
    assert_eq!(told["flags"], json!(["receipt_missing"]));
    // A sale, and an exchange.
    put(client, "/v1/series/R", &json!({"closed": true}));
    put(client, "/v1/series/R2", &json!({"channels": ["web"]}));
    for (id, series) in [("T-2", "R"), ("T-3", "R2")] {
        let mut sold = with(sale(id, &[("A", 1)], 1000), &json!({"receipt": {"series": series}}));
        let status = client.post("/v1/sales", &sold).unwrap().status;
        assert_eq!(status, if series == "R" { 409 } else { 400 });
        sold["lines"][0]["unit_amount"] = json!(1000);
        let told = granted(client.post("/v1/sales", &with(sold, &late)).unwrap(), 201);
        assert_eq!((&told["flags"], &told["receipts"]), (&json!(["receipt_missing"]), &json!([])), "{told}");
    }
    let exchange = json!({"lines": [{"sku": "B", "quantity": 1, "unit_amount": 250}], "receipt": {"series": "R"}});
    let body = with(back("T-1", "s1", &[("1", 1, "sellable")]), &json!({"return": "R-5", "exchange": exchange}));
    refused(&post(client, "/v1/returns", &body), 409, "wrong-state");
    let told = granted(post(client, "/v1/returns", &with(body, &late)), 201);
    let taken = get(client, &format!("/v1/orders/{}", told["exchange"].as_str().unwrap()));
    assert_eq!(taken["flags"], json!(["receipt_missing"]), "{taken}");
    let (_folder, data) = shop.stopped();
    verify(binary(), &data).unwrap();
}
