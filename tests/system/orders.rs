//! Orders over HTTP: making them, their prices, planning them anew, confirming, expiring, and who may do what.

use std::time::{Duration, Instant};

use anaquel_loadtest::server::verify;
use anaquel_tests::binary;
use anaquel_tests::calls::{get, put, send};
use anaquel_tests::house::{House, ask};
use anaquel_tests::selling::{
    declare, fulfilment, granted, order, pickup, refused, selling_shop, seq, set_prices, step, with,
};
use serde_json::{Value, json};

/// How long something may take that happens by itself.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn an_order_holds_its_units_at_the_prices_in_force_and_tells_the_whole_record() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    let body = json!({"order": "W-1", "channel": "web", "customer": "c-81", "currency": "EUR", "reference": "W-0",
        "fulfilments": [
            {"purpose": "pickup", "location": "s1", "lines": [{"sku": "A", "quantity": 2}, {"line": "x", "sku": "C", "quantity": 3}]},
            {"fulfilment": "home", "purpose": "delivery", "group": "city", "address": {"street": "Mayor 1"}, "promised_for": "2099-01-01T00:00:00Z",
             "lines": [{"sku": "B", "quantity": 1}]}],
        "charges": [{"charge": "shipping", "amount": 395}],
        "payments": [{"tender": "card", "amount": 500, "reference": "psp-9", "state": "authorized"}],
        "codes": ["ENERO10"], "expected_total": 2975, "ttl_seconds": 900});
    let made = client.post("/v1/orders", &body).unwrap();
    assert_eq!(made.header("location"), Some("/v1/orders/W-1"));
    let told = granted(made, 201);
    let members = [
        "order",
        "state",
        "channel",
        "begun_in",
        "token",
        "customer",
        "cart",
        "reference",
        "currency",
        "lines",
        "fulfilments",
        "charges",
        "offers",
        "subtotal",
        "discount",
        "tax",
        "taxes",
        "total",
        "paid",
        "refunded",
        "due",
        "refund_due",
        "payments",
        "refunds",
        "receipts",
        "uncredited",
        "returns",
        "points",
        "pay_at_handover",
        "till_reference",
        "flags",
        "priced_at",
        "created_at",
        "expires_at",
        "history",
        "seq",
    ];
    for member in members {
        assert!(told.get(member).is_some(), "{member} in {told}");
    }
    let known = told.as_object().unwrap().keys().filter(|name| !members.contains(&name.as_str()));
    assert_eq!(known.collect::<Vec<_>>(), Vec::<&String>::new());
    assert_eq!((&told["state"], &told["begun_in"], &told["cart"]), (&json!("open"), &json!("web"), &Value::Null));
    let names: Vec<&Value> = told["lines"].as_array().unwrap().iter().map(|line| &line["line"]).collect();
    assert_eq!(names, ["1", "x", "3"], "in the order of the request, over all fulfilments");
    let names: Vec<&Value> = told["fulfilments"].as_array().unwrap().iter().map(|one| &one["fulfilment"]).collect();
    assert_eq!(names, ["1", "home"]);
    let line = &told["lines"][0];
    assert_eq!(
        (&line["unit_amount"], &line["amount"], &line["price_list"]),
        (&json!(1000), &json!(2000), &json!("base"))
    );
    assert_eq!((&line["tax_rate"], &line["by_hand"], &line["components"]), (&json!(2100), &json!(false), &Value::Null));
    assert_eq!(told["lines"][1]["tax_rate"], 1000);
    assert_eq!((&told["total"], &told["due"], &told["paid"]), (&json!(2975), &json!(2975), &json!(0)));
    // Once per rate on the sum at that rate: 2000 + 250 + 395 at 21 %, 330 at 10 %.
    let taxes = json!([{"rate": 1000, "base": 300, "tax": 30}, {"rate": 2100, "base": 2186, "tax": 459}]);
    assert_eq!(told["taxes"], taxes);
    let (first, second) = (&told["fulfilments"][0], &told["fulfilments"][1]);
    assert_eq!(
        (&first["state"], &first["location"], &first["pickup_code"]),
        (&json!("held"), &json!("s1"), &Value::Null)
    );
    assert_eq!(first["lines"], json!([{"line": "1", "quantity": 2}, {"line": "x", "quantity": 3}]));
    assert_eq!((&second["group"], &second["address"]["street"]), (&json!("city"), &json!("Mayor 1")));
    assert!(second.get("location").is_none() && first.get("group").is_none());
    let paid = &told["payments"][0];
    assert_eq!(
        (&paid["state"], &paid["channel"], &paid["wallet"]),
        (&json!("authorized"), &json!("web"), &Value::Null)
    );
    assert_eq!(
        (told["priced_at"].as_u64().unwrap() < told["seq"].as_u64().unwrap(), &told["points"]),
        (true, &json!({"earned": 0, "spent": 0}))
    );
    assert_eq!(told["history"].as_array().unwrap().len(), 1);
    assert_eq!(told["history"][0]["kind"], "order_placed");
    assert_eq!(order(client, "W-1"), told);
    // A fulfilment is a reservation: it is the order's, and holds its units.
    let id = first["reservation"].as_str().unwrap();
    let held = get(client, &format!("/v1/reservations/{id}"));
    assert_eq!((&held["order"], &held["state"], &held["purpose"]), (&json!("W-1"), &json!("held"), &json!("pickup")));
    assert_eq!(held["expires_at"], told["expires_at"], "all of them run out together");
    assert_eq!(shop.cell("A", "s1"), (10, 2, 8));
    assert_eq!(shop.cell("C", "s1"), (10, 3, 7));
}

#[test]
fn an_order_of_two_pickups_and_a_delivery_that_fails_in_its_last_line_holds_nothing() {
    let mut shop = selling_shop(&[]);
    let before = shop.seq();
    let body = json!({"order": "W-1", "channel": "web", "currency": "EUR", "fulfilments": [
        fulfilment("pickup", "s1", &[("A", 1)]), fulfilment("pickup", "s2", &[("A", 1)]),
        {"purpose": "delivery", "group": "city", "lines": [{"sku": "B", "quantity": 1}, {"line": "last", "sku": "C", "quantity": 21}]}]});
    let short = refused(&shop.client.post("/v1/orders", &body).unwrap(), 409, "insufficient-stock");
    assert_eq!(short["lines"][0]["line"], "last", "{short}");
    assert_eq!((&short["lines"][0]["sku"], &short["lines"][0]["requested"]), (&json!("C"), &json!(21)));
    for (sku, place) in [("A", "s1"), ("A", "s2"), ("B", "s1"), ("B", "s2"), ("C", "s1"), ("C", "s2")] {
        assert_eq!(shop.cell(sku, place), (10, 0, 10));
    }
    assert_eq!(shop.client.get("/v1/orders/W-1").unwrap().status, 404);
    let events = get(&mut shop.client, &format!("/v1/events?after={before}&limit=1000"));
    let kinds: Vec<&Value> = events["items"].as_array().unwrap().iter().map(|event| &event["kind"]).collect();
    assert!(!kinds.iter().any(|kind| kind.as_str().unwrap().starts_with("order_")), "{kinds:?}");
}

#[test]
fn a_dry_run_prices_and_plans_and_writes_nothing() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    let before = seq(client);
    let body = with(
        pickup("W-1", &[("A", 2), ("C", 1)]),
        &json!({"dry_run": true, "charges": [{"charge": "wrap", "amount": 100}]}),
    );
    // No key is needed for what writes nothing.
    let mut unnamed = body.clone();
    unnamed.as_object_mut().unwrap().remove("order");
    for body in [&body, &unnamed] {
        let told = granted(client.post("/v1/orders", body).unwrap(), 200);
        assert_eq!((&told["total"], &told["order"], &told["dry_run"]), (&json!(2210), &Value::Null, &json!(true)));
        assert_eq!(told["fulfilments"][0]["reservation"], Value::Null);
    }
    let many = with(pickup("W-1", &[("A", 11)]), &json!({"dry_run": true}));
    let short = refused(&client.post("/v1/orders", &many).unwrap(), 409, "insufficient-stock");
    assert_eq!((&short["lines"][0]["line"], &short["lines"][0]["available"]), (&json!("1"), &json!(10)));
    let other = with(body.clone(), &json!({"expected_total": 1}));
    assert_eq!(refused(&client.post("/v1/orders", &other).unwrap(), 409, "price-mismatch")["total"], 2210);
    let unpriced = with(pickup("W-1", &[("UNPRICED", 1)]), &json!({"dry_run": true}));
    refused(&client.post("/v1/orders", &unpriced).unwrap(), 409, "price-mismatch");
    let unknown = with(pickup("W-1", &[("NEVER", 1)]), &json!({"dry_run": true}));
    refused(&client.post("/v1/orders", &unknown).unwrap(), 400, "invalid-request");
    let unpaid = with(body, &json!({"confirm": true}));
    refused(&client.post("/v1/orders", &unpaid).unwrap(), 409, "unbalanced");
    assert_eq!(seq(client), before);
    assert_eq!(client.get("/v1/orders/W-1").unwrap().status, 404);
    assert_eq!(shop.cell("A", "s1"), (10, 0, 10));
}

#[test]
fn another_total_than_expected_and_a_line_without_a_price_are_a_mismatch() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    let body = with(pickup("W-1", &[("A", 1), ("B", 2)]), &json!({"expected_total": 1400}));
    let told = refused(&client.post("/v1/orders", &body).unwrap(), 409, "price-mismatch");
    assert_eq!((&told["total"], &told["lines"][0]["actual"]), (&json!(1500), &json!(1000)));
    let told = refused(
        &client.post("/v1/orders", &pickup("W-1", &[("A", 1), ("UNPRICED", 1)])).unwrap(),
        409,
        "price-mismatch",
    );
    assert_eq!(told["lines"], json!([{"line": "2", "expected": null, "actual": null}]));
    // In another currency nothing has a price.
    let pounds = with(pickup("W-1", &[("A", 1)]), &json!({"currency": "GBP"}));
    refused(&client.post("/v1/orders", &pounds).unwrap(), 409, "price-mismatch");
    assert_eq!(shop.cell("A", "s1"), (10, 0, 10));
    granted(shop.client.post("/v1/orders", &with(body, &json!({"expected_total": 1500}))).unwrap(), 201);
}

#[test]
fn the_price_of_a_line_is_the_one_in_force_when_the_line_was_made() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    put(
        client,
        "/v1/price-lists/web-sale",
        &json!({"currency": "EUR", "kind": "sale", "priority": 1, "channels": ["web"]}),
    );
    put(client, "/v1/prices", &json!({"prices": [{"price_list": "web-sale", "sku": "A", "amount": 800}]}));
    let before = granted(client.post("/v1/orders", &pickup("W-1", &[("A", 1)])).unwrap(), 201);
    assert_eq!(
        (&before["lines"][0]["unit_amount"], &before["lines"][0]["price_list"]),
        (&json!(800), &json!("web-sale"))
    );
    let now = jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_millis(50)).unwrap();
    put(client, "/v1/price-lists/web-sale", &json!({"ends_at": format!("{now:.3}")}));
    let until = Instant::now() + PATIENCE;
    // In no line made at or after its end, and in every one before.
    let mut nth = 2;
    loop {
        let told = granted(client.post("/v1/orders", &pickup(&format!("W-{nth}"), &[("A", 1)])).unwrap(), 201);
        let ended = told["created_at"].as_str().unwrap() >= format!("{now:.3}").as_str();
        let expected = if ended { 1000 } else { 800 };
        assert_eq!(told["lines"][0]["unit_amount"], expected, "{told}");
        granted(step(client, &format!("W-{nth}"), "cancel", &json!({"channel": "web"})), 200);
        if ended {
            break;
        }
        assert!(Instant::now() < until);
        nth += 1;
    }
    assert_eq!(order(client, "W-1")["lines"][0]["unit_amount"], 800, "it no longer moves");
}

#[test]
fn a_price_by_hand_needs_the_scope_refund_and_is_marked() {
    let house = House::default();
    let admin = house.key("admin", &["admin"], &[]);
    let (seller, chief) = (house.key("seller", &["sell"], &[]), house.key("chief", &["sell", "refund"], &[]));
    let server = house.serve(&[]);
    let mut client = server.client();
    let mut own = server.client().with_key(&admin);
    declare(&mut own);
    own.put("/v1/channels/web", &json!({"buffer": 0})).unwrap();
    let receipt = json!({"movements": [{"kind": "receipt", "sku": "A", "location": "s1", "quantity": 10}]});
    assert_eq!(own.post("/v1/stock/movements", &receipt).unwrap().status, 200);
    let by_hand = |id: &str, more: Value| {
        let line = with(json!({"sku": "A", "quantity": 3}), &more);
        json!({"order": id, "channel": "web", "currency": "EUR", "fulfilments": [{"purpose": "pickup", "location": "s1", "lines": [line]}]})
    };
    for more in [json!({"unit_amount": 299}), json!({"discount": 1})] {
        let answer = ask(&mut client, &seller, "POST", "/v1/orders", &by_hand("W-1", more));
        assert_eq!(refused(&answer, 403, "forbidden")["scope"], "refund");
    }
    let three_for_two = by_hand("W-1", json!({"unit_amount": 299, "discount": 299}));
    let told = granted(ask(&mut client, &chief, "POST", "/v1/orders", &three_for_two), 201);
    let line = &told["lines"][0];
    assert_eq!((&line["amount"], &line["by_hand"], &line["price_list"]), (&json!(598), &json!(true), &Value::Null));
    let too_much = by_hand("W-2", json!({"discount": 3001}));
    assert!(
        refused(&ask(&mut client, &chief, "POST", "/v1/orders", &too_much), 400, "invalid-request")["field"]
            == "fulfilments[0].lines[0].discount"
    );
}

#[test]
fn an_order_under_an_id_of_the_callers_is_its_own_key() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    let body = pickup("W-1", &[("A", 1)]);
    let made = granted(client.post("/v1/orders", &body).unwrap(), 201);
    assert_eq!(granted(client.post("/v1/orders", &body).unwrap(), 200), made, "the same body again");
    let other = refused(&client.post("/v1/orders", &pickup("W-1", &[("A", 2)])).unwrap(), 409, "already-exists");
    assert_eq!(other["seq"], made["seq"]);
    // With the order as it is by now, also after a restart.
    let paid = json!({"channel": "web", "payments": [{"tender": "cash", "amount": 1000}]});
    let confirmed = granted(step(client, "W-1", "confirm", &paid), 200);
    let mut shop = shop.killed_and_restarted();
    let client = &mut shop.client;
    assert_eq!(granted(client.post("/v1/orders", &body).unwrap(), 200), confirmed);
    // One that the server names needs a key, and a repeat is the first answer.
    let mut unnamed = body;
    unnamed.as_object_mut().unwrap().remove("order");
    refused(&client.post("/v1/orders", &unnamed).unwrap(), 400, "invalid-request");
    let first = client.post_keyed("/v1/orders", "k-1", &unnamed).unwrap();
    let name = first.json()["order"].as_str().unwrap().to_owned();
    assert!(first.status == 201 && name.starts_with("o-") && name.len() == 14, "{name}");
    granted(step(client, &name, "cancel", &json!({"channel": "web"})), 200);
    let again = client.post_keyed("/v1/orders", "k-1", &unnamed).unwrap();
    assert_eq!((again.status, &again.body, again.header("idempotent-replayed")), (201, &first.body, Some("true")));
    let mut shop = shop.restarted();
    assert_eq!(shop.client.post_keyed("/v1/orders", "k-1", &unnamed).unwrap().body, first.body);
    assert_eq!(shop.cell("A", "s1"), (10, 1, 9), "one was given back");
    let (_folder, data) = shop.stopped();
    verify(binary(), &data).unwrap();
}

#[test]
fn confirm_makes_every_hold_final_once_the_total_is_covered() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    let body = json!({"order": "W-1", "channel": "web", "currency": "EUR",
        "fulfilments": [fulfilment("pickup", "s1", &[("A", 1)]), fulfilment("delivery", "s2", &[("B", 2)])],
        "payments": [{"payment": "card", "tender": "card", "amount": 1000, "state": "authorized"}]});
    granted(client.post("/v1/orders", &body).unwrap(), 201);
    let less = json!({"channel": "pos", "payments": [{"tender": "cash", "amount": 499}]});
    let told = refused(&step(client, "W-1", "confirm", &less), 409, "unbalanced");
    assert_eq!((&told["due"], &told["tendered"]), (&json!(1500), &json!(1499)));
    assert_eq!(order(client, "W-1")["payments"].as_array().unwrap().len(), 1, "a refusal leaves nothing");
    let enough = json!({"channel": "pos", "location": "s1", "till": "4", "pickup_by": "2099-01-01T00:00:00Z",
        "payments": [{"tender": "cash", "amount": 500, "given": 2000}]});
    // Payments come with a key, so that a repeat is no second payment.
    refused(&client.post("/v1/orders/W-1/confirm", &enough).unwrap(), 400, "invalid-request");
    let done = granted(step(client, "W-1", "confirm", &enough), 200);
    assert_eq!((&done["state"], &done["expires_at"], &done["paid"]), (&json!("confirmed"), &Value::Null, &json!(500)));
    let states: Vec<&Value> = done["fulfilments"].as_array().unwrap().iter().map(|one| &one["state"]).collect();
    assert_eq!(states, ["confirmed", "confirmed"]);
    assert_eq!(done["fulfilments"][0]["pickup_by"], "2099-01-01T00:00:00.000Z");
    assert_eq!(done["fulfilments"][1]["pickup_by"], Value::Null, "of its pickups only");
    let cash = &done["payments"][1];
    assert_eq!(
        (&cash["state"], &cash["given"], &cash["till"], &cash["location"], &cash["channel"]),
        (&json!("captured"), &json!(2000), &json!("4"), &json!("s1"), &json!("pos"))
    );
    assert_eq!(
        (&done["history"][1]["kind"], &done["history"][1]["channel"]),
        (&json!("order_confirmed"), &json!("pos"))
    );
    // What is reached is 200.
    let again = granted(client.post("/v1/orders/W-1/confirm", &json!({"channel": "web"})).unwrap(), 200);
    assert_eq!(again["seq"], done["seq"]);
    // In one step with the order.
    let at_once = with(pickup("W-2", &[("A", 1)]), &json!({"confirm": true}));
    refused(&client.post("/v1/orders", &at_once).unwrap(), 409, "unbalanced");
    let at_once = with(at_once, &json!({"payments": [{"tender": "card", "amount": 1000, "state": "authorized"}]}));
    assert_eq!(granted(client.post("/v1/orders", &at_once).unwrap(), 201)["state"], "confirmed");
    let later = with(pickup("W-3", &[("A", 1)]), &json!({"confirm": true, "pay_at_handover": true}));
    let later = granted(client.post("/v1/orders", &later).unwrap(), 201);
    assert_eq!(
        (&later["state"], &later["pay_at_handover"], &later["due"]),
        (&json!("confirmed"), &json!(true), &json!(1000))
    );
}

#[test]
fn extend_is_of_open_orders_and_of_all_their_holds() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    let body = json!({"order": "W-1", "channel": "web", "currency": "EUR", "ttl_seconds": 60,
        "fulfilments": [fulfilment("pickup", "s1", &[("A", 1)]), fulfilment("pickup", "s2", &[("A", 1)])]});
    let made = granted(client.post("/v1/orders", &body).unwrap(), 201);
    let later = granted(client.post("/v1/orders/W-1/extend", &json!({"ttl_seconds": 900})).unwrap(), 200);
    assert!(later["expires_at"].as_str() > made["expires_at"].as_str(), "{later}");
    for one in later["fulfilments"].as_array().unwrap() {
        let held = get(client, &format!("/v1/reservations/{}", one["reservation"].as_str().unwrap()));
        assert_eq!(held["expires_at"], later["expires_at"]);
    }
    granted(step(client, "W-1", "confirm", &json!({"channel": "web", "pay_at_handover": true})), 200);
    let told =
        refused(&client.post("/v1/orders/W-1/extend", &json!({"ttl_seconds": 900})).unwrap(), 409, "wrong-state");
    assert_eq!((&told["order"], &told["state"]), (&json!("W-1"), &json!("confirmed")));
}

#[test]
fn the_holds_of_an_order_run_out_all_together_in_one_step() {
    let mut shop = selling_shop(&[]);
    let body = json!({"order": "W-1", "channel": "web", "currency": "EUR", "ttl_seconds": 1,
        "fulfilments": [fulfilment("pickup", "s1", &[("A", 1)]), fulfilment("pickup", "s2", &[("A", 1), ("B", 2)])],
        "payments": [{"payment": "c", "tender": "card", "amount": 500, "state": "captured"},
            {"payment": "d", "tender": "card", "amount": 300, "state": "authorized"}]});
    granted(shop.client.post("/v1/orders", &body).unwrap(), 201);
    let until = Instant::now() + PATIENCE;
    let told = loop {
        let told = order(&mut shop.client, "W-1");
        if told["state"] == "expired" {
            break told;
        }
        assert!(Instant::now() < until, "{told}");
        std::thread::sleep(Duration::from_millis(50));
    };
    let states: Vec<&Value> = told["fulfilments"].as_array().unwrap().iter().map(|one| &one["state"]).collect();
    assert_eq!(states, ["expired", "expired"]);
    assert_eq!(
        (shop.cell("A", "s1"), shop.cell("A", "s2"), shop.cell("B", "s2")),
        ((10, 0, 10), (10, 0, 10), (10, 0, 10))
    );
    let client = &mut shop.client;
    let events = get(client, "/v1/events?after=0&limit=1000");
    let ended: Vec<&Value> =
        events["items"].as_array().unwrap().iter().filter(|event| event["kind"] == "order_expired").collect();
    assert_eq!(ended.len(), 1, "one record: {ended:?}");
    // What is captured for it is due back; what is authorised is listed until somebody voids it.
    assert_eq!((&told["total"], &told["paid"]), (&json!(0), &json!(500)), "{told}");
    assert_eq!(told["refund_due"], 500);
    let to_void = get(client, "/v1/orders?to_void=true");
    assert_eq!(to_void["items"][0]["order"], "W-1");
    let voided = json!({"payments": [{"payment": "d", "tender": "card", "amount": 300, "state": "voided"}]});
    granted(step(client, "W-1", "payments", &voided), 200);
    assert_eq!(get(client, "/v1/orders?to_void=true")["items"], json!([]));
    refused(&step(client, "W-1", "confirm", &json!({"channel": "web"})), 409, "wrong-state");
}

#[test]
fn a_new_plan_keeps_the_prices_of_lines_that_stay_and_never_frees_what_both_plans_hold() {
    let mut shop = selling_shop(&[]);
    let body = json!({"order": "W-1", "channel": "web", "currency": "EUR",
        "fulfilments": [fulfilment("pickup", "s1", &[("A", 6), ("B", 1)])]});
    let made = granted(shop.client.post("/v1/orders", &body).unwrap(), 201);
    set_prices(&mut shop.client, &[("A", 1200), ("B", 300)]);
    // Nine are held of ten: six of this order's, so a plan for nine fits only if its own are not in its way.
    let other = granted(shop.client.post("/v1/orders", &pickup("W-2", &[("A", 1)])).unwrap(), 201);
    assert_eq!(other["lines"][0]["unit_amount"], 1200);
    let plan = json!({"channel": "contact-centre", "expected_total": 6 * 1000 + 3 * 1200, "fulfilments": [
        {"purpose": "pickup", "location": "s1", "lines": [{"line": "1", "sku": "A", "quantity": 9}]}]});
    let told = granted(send(&mut shop.client, "PUT", "/v1/orders/W-1/fulfilments", &[], &plan), 200);
    let lines = told["lines"].as_array().unwrap();
    let amounts: Vec<(i64, i64)> =
        lines.iter().map(|line| (line["quantity"].as_i64().unwrap(), line["unit_amount"].as_i64().unwrap())).collect();
    assert_eq!(amounts, [(6, 1000), (3, 1200)], "what is added is a line of its own: {told}");
    assert_eq!(told["expires_at"], made["expires_at"]);
    assert_eq!(shop.cell("A", "s1"), (10, 10, 0));
    assert_eq!(shop.cell("B", "s1"), (10, 0, 10));
    // What does not fit changes nothing.
    let more = json!({"channel": "web", "fulfilments": [
        {"purpose": "pickup", "location": "s1", "lines": [{"line": "1", "sku": "A", "quantity": 10}]}]});
    refused(&send(&mut shop.client, "PUT", "/v1/orders/W-1/fulfilments", &[], &more), 409, "insufficient-stock");
    let wrong = json!({"channel": "web", "expected_total": 1, "fulfilments": [
        {"purpose": "pickup", "location": "s1", "lines": [{"line": "1", "sku": "A", "quantity": 1}]}]});
    refused(&send(&mut shop.client, "PUT", "/v1/orders/W-1/fulfilments", &[], &wrong), 409, "price-mismatch");
    assert_eq!(order(&mut shop.client, "W-1"), told);
    // To another location, with fewer units: they keep their price.
    let elsewhere = json!({"channel": "web", "fulfilments": [
        {"purpose": "delivery", "location": "s2", "lines": [{"line": "1", "sku": "A", "quantity": 2}]}]});
    let told = granted(send(&mut shop.client, "PUT", "/v1/orders/W-1/fulfilments", &[], &elsewhere), 200);
    assert_eq!((&told["total"], &told["fulfilments"][0]["purpose"]), (&json!(2000), &json!("delivery")));
    assert_eq!((shop.cell("A", "s1"), shop.cell("A", "s2")), ((10, 1, 9), (10, 2, 8)));
    granted(step(&mut shop.client, "W-1", "confirm", &json!({"channel": "web", "pay_at_handover": true})), 200);
    refused(&send(&mut shop.client, "PUT", "/v1/orders/W-1/fulfilments", &[], &elsewhere), 409, "wrong-state");
}

#[test]
fn bad_orders_are_refused_by_name() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    let good = || pickup("W-1", &[("A", 1)]);
    let line = |more: Value| json!([{"purpose": "pickup", "location": "s1", "lines": [with(json!({"sku": "A", "quantity": 1}), &more)]}]);
    let lines = |count: usize| json!([{"purpose": "pickup", "location": "s1", "lines": vec![json!({"sku": "A", "quantity": 1}); count]}]);
    let many = |count: usize| vec![fulfilment("pickup", "s1", &[("A", 1)]); count];
    let cases = [
        (json!({"policy": "fastest"}), "policy"),
        (json!({"max_shipments": 1}), "max_shipments"),
        (json!({"destination": {}}), "destination"),
        (json!({"allow_partial": true}), "allow_partial"),
        (json!({"supersedes": "r-1"}), "supersedes"),
        (json!({"colour": "red"}), "colour"),
        (json!({"currency": "EURO"}), "currency"),
        (json!({"channel": "transfer"}), "channel"),
        (json!({"customer": "a@b.c"}), "customer"),
        (json!({"customer": "+34600"}), "customer"),
        (json!({"cart_version": 7}), "cart_version"),
        (json!({"ttl_seconds": 0}), "ttl_seconds"),
        (json!({"expected_total": -1}), "expected_total"),
        (json!({"fulfilments": []}), "fulfilments"),
        (json!({"fulfilments": many(21)}), "fulfilments"),
        (json!({"fulfilments": lines(101)}), "fulfilments"),
        (json!({"fulfilments": [{"purpose": "pickup", "location": "s1", "lines": []}]}), "fulfilments[0].lines"),
        (
            json!({"fulfilments": [{"purpose": "cart", "location": "s1", "lines": [{"sku": "A", "quantity": 1}]}]}),
            "fulfilments[0].purpose",
        ),
        (
            json!({"fulfilments": [{"purpose": "pickup", "lines": [{"sku": "A", "quantity": 1}]}]}),
            "fulfilments[0].location",
        ),
        (
            json!({"fulfilments": [{"purpose": "pickup", "location": "nowhere", "lines": [{"sku": "A", "quantity": 1}]}]}),
            "fulfilments[0].location",
        ),
        (
            json!({"fulfilments": [{"purpose": "pickup", "location": "s1", "group": "city", "lines": [{"sku": "A", "quantity": 1}]}]}),
            "fulfilments[0].group",
        ),
        (
            json!({"fulfilments": [{"purpose": "pickup", "location": "s1", "policy": "p", "lines": [{"sku": "A", "quantity": 1}]}]}),
            "fulfilments[0].policy",
        ),
        (
            json!({"fulfilments": [{"fulfilment": "x", "purpose": "pickup", "location": "s1", "lines": [{"sku": "A", "quantity": 1}]},
            {"fulfilment": "x", "purpose": "pickup", "location": "s1", "lines": [{"sku": "A", "quantity": 1}]}]}),
            "fulfilments[1].fulfilment",
        ),
        (
            json!({"fulfilments": [{"purpose": "pickup", "location": "s1", "lines": [{"sku": "A", "quantity": 1}, {"line": "1", "sku": "B", "quantity": 1}]}]}),
            "fulfilments[0].lines[1].line",
        ),
        (json!({"fulfilments": line(json!({"quantity": 0}))}), "fulfilments[0].lines[0].quantity"),
        (json!({"fulfilments": line(json!({"quantity": 1.5}))}), "fulfilments[0].lines[0].quantity"),
        (
            json!({"fulfilments": line(json!({"unit_amount": 1_000_000_000_001_i64}))}),
            "fulfilments[0].lines[0].unit_amount",
        ),
        (
            json!({"fulfilments": line(json!({"quantity": 2, "unit_amount": 500_000_000_001_i64}))}),
            "fulfilments[0].lines[0].unit_amount",
        ),
        (json!({"fulfilments": line(json!({"discount": 1001}))}), "fulfilments[0].lines[0].discount"),
        (json!({"charges": [{"charge": "x", "amount": -1}]}), "charges[0].amount"),
        (json!({"charges": [{"charge": "x", "amount": 1}, {"charge": "x", "amount": 1}]}), "charges[1].charge"),
        (json!({"charges": vec![json!({"charge": "x", "amount": 1}); 21]}), "charges"),
        (json!({"payments": [{"tender": "wallet", "amount": 1}]}), "payments[0].tender"),
        (json!({"payments": [{"tender": "points", "amount": 1}]}), "payments[0].tender"),
        (json!({"payments": [{"tender": "exchange", "amount": 1}]}), "payments[0].tender"),
        (
            json!({"payments": [{"tender": "card", "amount": 1, "state": "captured", "wallet": "w-1"}]}),
            "payments[0].wallet",
        ),
        (json!({"payments": [{"tender": "card", "amount": 1}]}), "payments[0].state"),
        (json!({"payments": [{"tender": "cash", "amount": 1, "state": "authorized"}]}), "payments[0].state"),
        (json!({"payments": [{"tender": "cash", "amount": 5, "given": 4}]}), "payments[0].given"),
        (
            json!({"payments": [{"tender": "card", "amount": 1_000_000_000_001_i64, "state": "captured"}]}),
            "payments[0].amount",
        ),
        (
            json!({"payments": [{"payment": "a", "tender": "cash", "amount": 1}, {"payment": "a", "tender": "cash", "amount": 1}]}),
            "payments[1].payment",
        ),
        (json!({"payments": vec![json!({"tender": "cash", "amount": 1}); 51]}), "payments"),
        (json!({"codes": vec!["X"; 21]}), "codes"),
    ];
    let before = seq(client);
    for (more, field) in cases {
        let answer = client.post("/v1/orders", &with(good(), &more)).unwrap();
        assert_eq!(answer.status, 400, "{more}: {}", answer.json());
        assert_eq!(answer.json()["field"], field, "{more}: {}", answer.json());
    }
    assert_eq!(seq(client), before);
    refused(&client.post("/v1/orders", &with(good(), &json!({"cart": "k-404"}))).unwrap(), 404, "not-found");
    granted(client.post("/v1/orders", &good()).unwrap(), 201);
}

#[test]
fn a_key_sells_through_its_channels_and_at_its_locations_only() {
    let house = House::default();
    let admin = house.key("admin", &["admin"], &[]);
    let till = house.key("till", &["sell", "fulfil"], &["--channel", "pos", "--location", "s1"]);
    let web = house.key("web", &["sell"], &["--channel", "web"]);
    let (reader, hands) = (house.key("reader", &["read"], &[]), house.key("hands", &["fulfil"], &["--location", "s1"]));
    let server = house.serve(&[]);
    let mut client = server.client();
    let mut own = server.client().with_key(&admin);
    declare(&mut own);
    for channel in ["web", "pos"] {
        own.put(&format!("/v1/channels/{channel}"), &json!({"buffer": 0})).unwrap();
    }
    for place in ["s1", "s2"] {
        let receipt = json!({"movements": [{"kind": "receipt", "sku": "A", "location": place, "quantity": 10}]});
        assert_eq!(own.post("/v1/stock/movements", &receipt).unwrap().status, 200);
    }
    let at = |id: &str, channel: &str, place: &str| json!({"order": id, "channel": channel, "currency": "EUR", "fulfilments": [with(fulfilment("pickup", place, &[("A", 1)]), &json!({"address": {"door": 7}}))]});
    refused(&ask(&mut client, &reader, "POST", "/v1/orders", &at("X", "web", "s1")), 403, "forbidden");
    refused(&ask(&mut client, &web, "POST", "/v1/orders", &at("X", "pos", "s1")), 403, "forbidden");
    refused(&ask(&mut client, &till, "POST", "/v1/orders", &at("X", "pos", "s2")), 403, "forbidden");
    let paid_later =
        |id: &str, place: &str| with(at(id, "web", place), &json!({"confirm": true, "pay_at_handover": true}));
    assert_eq!(
        refused(&ask(&mut client, &web, "POST", "/v1/orders", &paid_later("X", "s1")), 403, "forbidden")["scope"],
        "fulfil"
    );
    granted(ask(&mut client, &web, "POST", "/v1/orders", &at("W-1", "web", "s1")), 201);
    granted(ask(&mut client, &web, "POST", "/v1/orders", &at("W-2", "web", "s2")), 201);
    // The till sees what is to be picked up at its place; of others there is nothing.
    granted(ask(&mut client, &till, "GET", "/v1/orders/W-1", &Value::Null), 200);
    refused(&ask(&mut client, &till, "GET", "/v1/orders/W-2", &Value::Null), 404, "not-found");
    refused(
        &ask(&mut client, &till, "POST", "/v1/orders/W-2/confirm", &json!({"channel": "pos", "pay_at_handover": true})),
        404,
        "not-found",
    );
    let list = ask(&mut client, &till, "GET", "/v1/orders?location=s1", &Value::Null).json();
    assert_eq!(list["items"].as_array().unwrap().len(), 1, "{list}");
    refused(&ask(&mut client, &till, "GET", "/v1/orders", &Value::Null), 403, "forbidden");
    granted(
        ask(&mut client, &till, "POST", "/v1/orders/W-1/confirm", &json!({"channel": "pos", "pay_at_handover": true})),
        200,
    );
    // The code is told to whom made it, and to who sells through the channel of the order; never in a list.
    let ready = granted(ask(&mut client, &hands, "POST", "/v1/orders/W-1/fulfilments/1/ready", &json!({})), 200);
    let code = ready["fulfilments"][0]["pickup_code"].as_str().unwrap().to_owned();
    assert_eq!(ready["fulfilments"][0]["address"]["door"], 7, "at its places");
    let code_for = |client: &mut anaquel_loadtest::client::Client, key: &str| {
        ask(client, key, "GET", "/v1/orders/W-1", &Value::Null).json()["fulfilments"][0]["pickup_code"].clone()
    };
    assert_eq!(code_for(&mut client, &hands), Value::Null, "the customer shows it");
    assert_eq!(code_for(&mut client, &till), Value::Null, "of another channel");
    assert_eq!(code_for(&mut client, &web), code.as_str());
    let list = ask(&mut client, &web, "GET", "/v1/orders?channel=web", &Value::Null).json().to_string();
    assert!(!list.contains(&code), "{list}");
    let events = own.get("/v1/events?after=0&limit=1000").unwrap().json().to_string();
    assert!(!events.contains(&code), "not in the log either");
    refused(&ask(&mut client, &web, "POST", "/v1/orders/W-1/fulfilments/1/collect", &json!({})), 403, "forbidden");
}

#[test]
fn orders_are_listed_by_what_they_are_newest_first() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    for nth in 1..=5 {
        let more = json!({"customer": format!("c-{}", nth % 2), "channel": if nth < 4 { "web" } else { "app" }});
        granted(client.post("/v1/orders", &with(pickup(&format!("W-{nth}"), &[("A", 1)]), &more)).unwrap(), 201);
    }
    granted(step(client, "W-2", "confirm", &json!({"channel": "web", "pay_at_handover": true})), 200);
    let sold = json!({"order": "T-1", "channel": "pos", "location": "s2", "till": "4", "till_reference": "4-17", "customer": "c-1", "currency": "EUR",
        "lines": [{"sku": "A", "quantity": 1}], "payments": [{"tender": "cash", "amount": 1000}]});
    granted(client.post("/v1/sales", &sold).unwrap(), 201);
    let names = |client: &mut anaquel_loadtest::client::Client, path: &str| -> Vec<String> {
        let items = get(client, path)["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["order"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(client, "/v1/orders"), ["T-1", "W-5", "W-4", "W-3", "W-2", "W-1"]);
    for (query, expected) in [
        ("customer=c-1", vec!["T-1", "W-5", "W-3", "W-1"]),
        ("channel=app", vec!["W-5", "W-4"]),
        ("location=s2", vec!["T-1"]),
        ("till=4", vec!["T-1"]),
        ("till_reference=4-17", vec!["T-1"]),
        ("state=confirmed", vec!["W-2"]),
        ("state=completed", vec!["T-1"]),
        ("fulfilment_state=confirmed", vec!["W-2"]),
        ("fulfilment_state=held&channel=web", vec!["W-3", "W-1"]),
        ("to=2001-01-01T00:00:00Z", vec![]),
        ("from=2001-01-01T00:00:00Z&channel=app", vec!["W-5", "W-4"]),
    ] {
        assert_eq!(names(client, &format!("/v1/orders?{query}")), expected, "{query}");
    }
    // Page by page.
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = get(client, &format!("/v1/orders?limit=2{after}"));
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        seen.extend(items.iter().map(|item| item["order"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(seen, ["T-1", "W-5", "W-4", "W-3", "W-2", "W-1"]);
    assert_eq!(
        names(client, "/v1/customers/c-1/history"),
        ["T-1", "W-5", "W-3", "W-1"],
        "orders and sales, in all channels"
    );
    for bad in ["state=sold", "fulfilment_state=x", "to_void=maybe", "from=today", "colour=red", "limit=0"] {
        assert_eq!(client.get(&format!("/v1/orders?{bad}")).unwrap().status, 400, "{bad}");
    }
}
