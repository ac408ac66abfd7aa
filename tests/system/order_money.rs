//! The money of orders: payments, refunds, cancels, and the equations that hold at every step.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use anaquel_loadtest::client::Client;
use anaquel_loadtest::server::verify;
use anaquel_seeds::Numbers;
use anaquel_tests::binary;
use anaquel_tests::calls::get;
use anaquel_tests::house::{House, ask};
use anaquel_tests::selling::{
    declare, fulfilment, granted, key, order, pickup, post, refused, selling_shop, step, with,
};
use serde_json::{Value, json};

/// How long something may take that happens by itself.
const PATIENCE: Duration = Duration::from_secs(20);

/// A payment by card.
fn card(id: &str, amount: i64, state: &str) -> Value {
    json!({"payments": [{"payment": id, "tender": "card", "amount": amount, "state": state, "reference": "psp-1"}]})
}

#[test]
fn a_payment_is_added_or_says_what_became_of_it() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    granted(client.post("/v1/orders", &pickup("W-1", &[("A", 2)])).unwrap(), 201);
    refused(&client.post("/v1/orders/W-1/payments", &card("c", 2000, "authorized")).unwrap(), 400, "invalid-request");
    let told = granted(step(client, "W-1", "payments", &card("c", 2000, "authorized")), 200);
    assert_eq!((&told["paid"], &told["due"], &told["state"]), (&json!(0), &json!(2000), &json!("open")));
    // Told again with the same content it changes nothing, with other content it is refused.
    let again = granted(step(client, "W-1", "payments", &card("c", 2000, "authorized")), 200);
    assert_eq!(again["seq"], told["seq"]);
    refused(&step(client, "W-1", "payments", &card("c", 1999, "authorized")), 409, "already-exists");
    let captured = granted(step(client, "W-1", "payments", &card("c", 2000, "captured")), 200);
    assert_eq!((&captured["paid"], &captured["due"]), (&json!(2000), &json!(0)));
    refused(&step(client, "W-1", "payments", &card("c", 2000, "voided")), 400, "invalid-request");
    // Cash is captured at once; an id that is left out is the next that is free.
    let more = json!({"till": "3", "location": "s2", "channel": "pos", "payments": [{"tender": "cash", "amount": 10}]});
    let told = granted(step(client, "W-1", "payments", &more), 200);
    let cash = &told["payments"][1];
    assert_eq!(
        (&cash["state"], &cash["channel"], &cash["location"], &cash["till"]),
        (&json!("captured"), &json!("pos"), &json!("s2"), &json!("3"))
    );
    assert_eq!((&told["refund_due"], &told["paid"]), (&json!(10), &json!(2010)));
    // A failed and a voided one cover nothing.
    granted(client.post("/v1/orders", &pickup("W-2", &[("A", 1)])).unwrap(), 201);
    for (id, state) in [("f", "failed"), ("v", "voided")] {
        granted(step(client, "W-2", "payments", &card(id, 1000, "authorized")), 200);
        granted(step(client, "W-2", "payments", &card(id, 1000, state)), 200);
    }
    let told = refused(&step(client, "W-2", "confirm", &json!({"channel": "web"})), 409, "unbalanced");
    assert_eq!(told["tendered"], 0);
    refused(
        &client.post_keyed("/v1/orders/NEVER/payments", &key(), &card("c", 1, "captured")).unwrap(),
        404,
        "not-found",
    );
}

#[test]
fn what_is_captured_for_an_order_that_ended_is_due_back() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    granted(client.post("/v1/orders", &with(pickup("W-1", &[("A", 1)]), &card("c", 1000, "authorized"))).unwrap(), 201);
    let ended = granted(step(client, "W-1", "cancel", &json!({"channel": "web", "reason": "no"})), 200);
    assert_eq!((&ended["state"], &ended["refund_due"]), (&json!("cancelled"), &json!(0)));
    assert_eq!(get(client, "/v1/orders?to_void=true")["items"][0]["order"], "W-1");
    let late = granted(step(client, "W-1", "payments", &card("c", 1000, "captured")), 200);
    assert_eq!((&late["state"], &late["refund_due"]), (&json!("cancelled"), &json!(1000)));
    assert_eq!(get(client, "/v1/orders?to_void=true")["items"], json!([]));
    // More than is due is not paid back, and less is, bit by bit.
    let back = |id: &str, amount: i64, state: &str| json!({"refunds": [{"refund": id, "tender": "card", "amount": amount, "state": state}]});
    refused(&client.post("/v1/orders/W-1/refunds", &back("r", 1, "done")).unwrap(), 400, "invalid-request");
    let told = refused(&step(client, "W-1", "refunds", &back("r", 1001, "done")), 409, "unbalanced");
    assert_eq!((&told["due"], &told["tendered"]), (&json!(1000), &json!(1001)));
    let told = granted(step(client, "W-1", "refunds", &back("r", 400, "pending")), 200);
    assert_eq!((&told["refunded"], &told["refund_due"]), (&json!(400), &json!(600)));
    let told = granted(step(client, "W-1", "refunds", &back("r", 400, "failed")), 200);
    assert_eq!((&told["refunded"], &told["refund_due"]), (&json!(0), &json!(1000)), "what failed is due again");
    refused(&step(client, "W-1", "refunds", &back("r", 300, "done")), 409, "already-exists");
    let told = granted(step(client, "W-1", "refunds", &back("s", 1000, "done")), 200);
    assert_eq!((&told["refunded"], &told["refund_due"]), (&json!(1000), &json!(0)));
}

#[test]
fn three_for_598_two_collected_and_one_cancelled_come_to_398_and_nothing_is_due() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    let line = json!({"sku": "A", "quantity": 3, "unit_amount": 299, "discount": 299});
    let body = json!({"order": "W-1", "channel": "web", "currency": "EUR", "confirm": true, "pay_at_handover": true,
        "fulfilments": [{"purpose": "pickup", "location": "s1", "lines": [line]}]});
    granted(client.post("/v1/orders", &body).unwrap(), 201);
    let two = |cash: i64| json!({"channel": "pos", "location": "s1", "lines": [{"sku": "A", "quantity": 2}], "payments": [{"tender": "cash", "amount": cash}]});
    let told = refused(&step(client, "W-1", "fulfilments/1/collect", &two(397)), 409, "unbalanced");
    assert_eq!((&told["due"], &told["tendered"]), (&json!(398), &json!(397)));
    let told = granted(step(client, "W-1", "fulfilments/1/collect", &two(398)), 200);
    assert_eq!((&told["paid"], &told["due"], &told["total"]), (&json!(398), &json!(200), &json!(598)));
    let one = json!({"channel": "pos", "lines": [{"line": "1", "quantity": 1}]});
    refused(&client.post("/v1/orders/W-1/cancel", &one).unwrap(), 400, "invalid-request");
    let told = granted(step(client, "W-1", "cancel", &one), 200);
    assert_eq!((&told["total"], &told["due"], &told["refund_due"]), (&json!(398), &json!(0), &json!(0)));
    assert_eq!((&told["state"], &told["lines"][0]["cancelled_amount"]), (&json!("completed"), &json!(200)));
    assert_eq!((&told["subtotal"], &told["discount"]), (&json!(897), &json!(299)), "as agreed");
    // 398 at 21 %.
    assert_eq!(told["tax"], 69);
    assert_eq!(shop.cell("A", "s1"), (8, 0, 8));
}

#[test]
fn a_cancel_gives_back_what_is_not_handed_over_and_what_was_paid_for_it() {
    let mut shop = selling_shop(&[]);
    let body = json!({"order": "W-1", "channel": "web", "currency": "EUR", "confirm": true,
        "fulfilments": [fulfilment("pickup", "s1", &[("A", 2)]), fulfilment("delivery", "s2", &[("B", 4)])],
        "charges": [{"charge": "shipping", "amount": 395}],
        "payments": [{"payment": "cash", "tender": "cash", "amount": 1395}, {"payment": "card", "tender": "card", "amount": 2000, "state": "captured"}]});
    granted(shop.client.post("/v1/orders", &body).unwrap(), 201);
    // By line: the plan is to the card first, cash last.
    let told = granted(
        step(
            &mut shop.client,
            "W-1",
            "cancel",
            &json!({"channel": "web", "lines": [{"line": "2", "quantity": 3}], "reason": "less"}),
        ),
        200,
    );
    assert_eq!((&told["total"], &told["refunded"], &told["refund_due"]), (&json!(2645), &json!(750), &json!(0)));
    let refund = &told["refunds"][0];
    assert_eq!(
        (&refund["tender"], &refund["amount"], &refund["state"], &refund["payment"]),
        (&json!("card"), &json!(750), &json!("pending"), &json!("card"))
    );
    assert_eq!(shop.cell("B", "s2"), (10, 1, 9));
    // A charge is cancelled only where it is named.
    let told = granted(
        step(
            &mut shop.client,
            "W-1",
            "cancel",
            &json!({"channel": "web", "charges": [{"charge": "shipping", "amount": 95}]}),
        ),
        200,
    );
    assert_eq!((&told["total"], &told["charges"][0]["cancelled_amount"]), (&json!(2550), &json!(95)));
    assert_eq!(told["state"], "confirmed");
    for (more, field) in [
        (json!({"charges": [{"charge": "shipping", "amount": 301}]}), "charges[0].amount"),
        (json!({"charges": [{"charge": "gift", "amount": 1}]}), "charges[0].charge"),
        (json!({"lines": [{"line": "9", "quantity": 1}]}), "lines[0].line"),
        (json!({"lines": [{"line": "2", "quantity": 2}]}), "lines[0].quantity"),
        (json!({"lines": []}), "lines"),
        (json!({"reason": "x".repeat(256)}), "reason"),
    ] {
        let answer = step(&mut shop.client, "W-1", "cancel", &with(json!({"channel": "web"}), &more));
        assert_eq!((answer.status, &answer.json()["field"]), (400, &json!(field)), "{}", answer.json());
    }
    // The last units of an order of which nothing was handed over cancel its charges.
    let told = granted(shop.client.post("/v1/orders/W-1/cancel", &json!({"channel": "web"})).unwrap(), 200);
    assert_eq!(
        (&told["state"], &told["total"], &told["refunded"], &told["refund_due"]),
        (&json!("cancelled"), &json!(0), &json!(3395), &json!(0))
    );
    let cash: i64 = told["refunds"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["tender"] == "cash")
        .map(|one| one["amount"].as_i64().unwrap())
        .sum();
    assert_eq!(cash, 1395);
    assert_eq!((shop.cell("A", "s1"), shop.cell("B", "s2")), ((10, 0, 10), (10, 0, 10)));
    let again = granted(shop.client.post("/v1/orders/W-1/cancel", &json!({"channel": "web"})).unwrap(), 200);
    assert_eq!(again["seq"], told["seq"], "what is reached is 200");
}

#[test]
fn any_division_of_refunds_but_the_plans_needs_the_scope_refund() {
    let house = House::default();
    let admin = house.key("admin", &["admin"], &[]);
    let (seller, chief) = (house.key("seller", &["sell"], &[]), house.key("chief", &["sell", "refund"], &[]));
    let server = house.serve(&[]);
    let mut client = server.client();
    let mut own = server.client().with_key(&admin);
    declare(&mut own);
    let receipt = json!({"movements": [{"kind": "receipt", "sku": "A", "location": "s1", "quantity": 10}]});
    assert_eq!(own.post("/v1/stock/movements", &receipt).unwrap().status, 200);
    let paid = json!({"confirm": true, "payments": [{"payment": "k", "tender": "card", "amount": 600, "state": "captured"},
        {"payment": "c", "tender": "cash", "amount": 400}]});
    for id in ["W-1", "W-2"] {
        granted(ask(&mut client, &seller, "POST", "/v1/orders", &with(pickup(id, &[("A", 1)]), &paid)), 201);
    }
    let mut cancel = |key: &str, id: &str, refunds: Value| {
        let body = json!({"channel": "web", "refunds": refunds}).to_string();
        let (bearer, own_key) = (format!("Bearer {key}"), anaquel_tests::selling::key());
        let headers = [
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/json"),
            ("Idempotency-Key", own_key.as_str()),
        ];
        client.send("POST", &format!("/v1/orders/{id}/cancel"), &headers, body.as_bytes()).unwrap()
    };
    let all_cash = json!([{"tender": "cash", "amount": 1000, "state": "done"}]);
    assert_eq!(refused(&cancel(&seller, "W-1", all_cash.clone()), 403, "forbidden")["scope"], "refund");
    let short = json!([{"tender": "card", "amount": 600, "state": "done"}]);
    refused(&cancel(&seller, "W-1", short), 409, "unbalanced");
    let planned =
        json!([{"tender": "card", "amount": 600, "state": "done"}, {"tender": "cash", "amount": 400, "state": "done"}]);
    granted(cancel(&seller, "W-1", planned), 200);
    granted(cancel(&chief, "W-2", all_cash), 200);
}

#[test]
fn a_pickup_that_expires_counts_as_cancelled_and_is_due_back() {
    let mut shop = selling_shop(&[]);
    let soon = jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_secs(1)).unwrap();
    let body = json!({"order": "W-1", "channel": "web", "currency": "EUR", "confirm": true,
        "fulfilments": [with(fulfilment("pickup", "s1", &[("A", 2)]), &json!({"pickup_by": format!("{soon:.3}")})), fulfilment("delivery", "s2", &[("B", 1)])],
        "payments": [{"tender": "card", "amount": 2250, "state": "captured"}]});
    granted(shop.client.post("/v1/orders", &body).unwrap(), 201);
    let until = Instant::now() + PATIENCE;
    let told = loop {
        let told = order(&mut shop.client, "W-1");
        if told["fulfilments"][0]["state"] == "expired" {
            break told;
        }
        assert!(Instant::now() < until, "{told}");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!((&told["state"], &told["total"], &told["refund_due"]), (&json!("confirmed"), &json!(250), &json!(2000)));
    assert_eq!((&told["lines"][0]["cancelled"], &told["lines"][0]["cancelled_amount"]), (&json!(2), &json!(2000)));
    assert_eq!(told["history"].as_array().unwrap().last().unwrap()["kind"], "order_lapsed");
    assert_eq!(shop.cell("A", "s1"), (10, 0, 10));
    let back = json!({"refunds": [{"tender": "card", "amount": 2000, "state": "done"}]});
    assert_eq!(granted(step(&mut shop.client, "W-1", "refunds", &back), 200)["refund_due"], 0);
}

#[test]
fn two_who_do_it_at_once_do_it_once() {
    let mut shop = selling_shop(&[]);
    let paid = json!({"confirm": true, "payments": [{"tender": "card", "amount": 2000, "state": "captured"}]});
    for nth in 0..20 {
        let id = format!("W-{nth}");
        granted(shop.client.post("/v1/orders", &with(pickup(&id, &[("A", 2)]), &paid)).unwrap(), 201);
        // One hands over what the other cancels: one of both gets each unit.
        let start = Barrier::new(2);
        let (collected, cancelled) = std::thread::scope(|scope| {
            let ask = |path: String, body: Value| {
                let (start, mut client) = (&start, shop.server.client());
                scope.spawn(move || {
                    start.wait();
                    post(&mut client, &path, &body)
                })
            };
            let one = ask(format!("/v1/orders/{id}/fulfilments/1/collect"), json!({}));
            let other = ask(format!("/v1/orders/{id}/cancel"), json!({"channel": "web"}));
            (one.join().unwrap(), other.join().unwrap())
        });
        let told = order(&mut shop.client, &id);
        let state = told["state"].as_str().unwrap();
        match (collected.status, cancelled.status) {
            (200, 409) => assert_eq!(state, "completed"),
            (409, 200) => assert_eq!(state, "cancelled"),
            other => panic!("{other:?}: {told}"),
        }
        shop.receive("A", "s1", told["lines"][0]["handed_over"].as_i64().unwrap().max(1));
    }
    let (_folder, data) = shop.stopped();
    verify(binary(), &data).unwrap();
}

/// One random step of an order.
fn random_step(client: &mut Client, numbers: &mut Numbers, id: &str) {
    let told = order(client, id);
    let lines = told["lines"].as_array().unwrap();
    let line = &lines[numbers.below(lines.len() as u64) as usize];
    let units = 1 + numbers.below(3);
    let due = told["due"].as_i64().unwrap();
    let (path, body) = match numbers.below(9) {
        0 => ("confirm", json!({"channel": "web", "pay_at_handover": numbers.below(2) == 0})),
        1 => ("payments", json!({"payments": [{"tender": "cash", "amount": numbers.below(due.max(1) as u64 + 10)}]})),
        2 => (
            "payments",
            json!({"payments": [{"payment": "k", "tender": "card", "amount": 700, "state": "authorized"}]}),
        ),
        3 => {
            ("payments", json!({"payments": [{"payment": "k", "tender": "card", "amount": 700, "state": "captured"}]}))
        }
        4 => ("fulfilments/1/collect", json!({"lines": [{"sku": line["sku"], "quantity": units}]})),
        5 => ("fulfilments/2/collect", json!({"payments": [{"tender": "cash", "amount": due}]})),
        6 => ("cancel", json!({"channel": "web", "lines": [{"line": line["line"], "quantity": units}]})),
        7 => (
            "refunds",
            json!({"refunds": [{"tender": "card", "amount": numbers.below(told["refund_due"].as_u64().unwrap() + 5), "state": "done"}]}),
        ),
        _ if numbers.below(6) == 0 => ("cancel", json!({"channel": "web"})),
        _ => ("fulfilments/1/ready", json!({})),
    };
    let answer = step(client, id, path, &body);
    assert!([200, 400, 404, 409].contains(&answer.status), "{path} {body}: {}", answer.json());
    let after = order(client, id);
    if answer.status != 200 {
        assert_eq!(after, told, "a refusal leaves nothing: {}", answer.json());
    }
}

#[test]
fn the_equations_hold_at_every_step_of_random_orders() {
    let mut shop = selling_shop(&[]);
    for sku in ["A", "B", "C"] {
        for place in ["s1", "s2"] {
            shop.receive(sku, place, 10_000);
        }
    }
    let mut numbers = Numbers::new(0x0bde5);
    let mut orders = Vec::new();
    for nth in 0..40 {
        let id = format!("R-{nth}");
        let mut line = |sku: &str| {
            let quantity = 1 + numbers.below(7) as i64;
            let discount = numbers.below(100 * quantity as u64);
            json!({"sku": sku, "quantity": quantity, "discount": discount})
        };
        let body = json!({"order": id, "channel": "web", "currency": "EUR", "charges": [{"charge": "s", "amount": 395}], "fulfilments": [
            {"purpose": "pickup", "location": "s1", "lines": [line("A"), line("C")]}, {"purpose": "delivery", "location": "s2", "lines": [line("B")]}]});
        granted(shop.client.post("/v1/orders", &body).unwrap(), 201);
        for _ in 0..25 {
            random_step(&mut shop.client, &mut numbers, &id);
        }
        orders.push(order(&mut shop.client, &id));
    }
    // The ledger has what left, no more and no less, and the log proves it.
    for (sku, place) in [("A", "s1"), ("B", "s2"), ("C", "s1")] {
        let left: i64 = orders
            .iter()
            .flat_map(|order| order["lines"].as_array().unwrap())
            .filter(|line| line["sku"] == sku)
            .map(|line| line["handed_over"].as_i64().unwrap())
            .sum();
        let on_hand = shop.cell(sku, place).0;
        assert_eq!(10_010 - on_hand, left, "{sku}");
        let rows = get(&mut shop.client, &format!("/v1/sales?sku={sku}&limit=1000"));
        let sold: i64 = rows["items"].as_array().unwrap().iter().map(|row| row["quantity"].as_i64().unwrap()).sum();
        assert_eq!((sold, &rows["next"]), (left, &Value::Null), "{sku}");
    }
    let mut shop = shop.killed_and_restarted();
    for told in &orders {
        assert_eq!(&order(&mut shop.client, told["order"].as_str().unwrap()), told);
    }
    let (_folder, data) = shop.stopped();
    verify(binary(), &data).unwrap();
}
