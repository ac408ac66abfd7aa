//! Self check-out: a sale without a till answers with an exit, which passes once.

use anaquel_loadtest::client::Client;
use anaquel_loadtest::server::verify;
use anaquel_tests::calls::get;
use anaquel_tests::folder::{Folder, folder};
use anaquel_tests::house::{House, ask};
use anaquel_tests::selling::{declare, granted, key, order, refused, sale, selling_shop, with};
use anaquel_tests::{Shop, binary};
use serde_json::{Value, json};

/// A sale of one A without a till.
fn checkout(client: &mut Client, id: &str, customer: Option<&str>) -> Value {
    let body = with(sale(id, &[("A", 1)], 1000), &json!({"self_checkout": true, "customer": customer}));
    granted(client.post("/v1/sales", &body).unwrap(), 201)
}

fn exit(client: &mut Client, sold: &Value, more: &Value) -> anaquel_loadtest::client::Answer {
    let body = with(json!({"code": sold["exit"]["code"]}), more);
    let id = sold["order"].as_str().unwrap();
    client.post_keyed(&format!("/v1/orders/{id}/exit"), &key(), &body).unwrap()
}

/// Whether and why a bag is looked into.
fn reason(sold: &Value) -> (bool, Value) {
    (sold["exit"]["audit"].as_bool().unwrap(), sold["exit"]["reason"].clone())
}

#[test]
fn an_exit_passes_once_with_its_code() {
    let (mut shop, _settings) = shop_with(0);
    let client = &mut shop.client;
    let sold = checkout(client, "T-1", None);
    assert_eq!((&sold["exit"]["state"], reason(&sold)), (&json!("open"), (false, Value::Null)));
    assert_eq!(order(client, "T-1")["exit"], sold["exit"], "in the one record");
    assert_eq!(get(client, "/v1/orders")["items"][0]["exit"], Value::Null, "in no list");
    let events = get(client, "/v1/events?after=0&limit=1000").to_string();
    assert!(!events.contains(sold["exit"]["code"].as_str().unwrap()), "{events}");
    let wrong = client.post("/v1/orders/T-1/exit", &json!({"code": "00000000"})).unwrap();
    refused(&wrong, 403, "forbidden");
    for (body, field) in [
        (json!({"code": ""}), "code"),
        (json!({"code": "1", "checked": [{"sku": "A", "quantity": 0}]}), "checked[0].quantity"),
        (json!({"code": "1", "colour": 1}), "colour"),
    ] {
        let answer = client.post("/v1/orders/T-1/exit", &body).unwrap();
        assert_eq!((answer.status, &answer.json()["field"]), (400, &json!(field)), "{}", answer.json());
    }
    let unknown = exit(client, &sold, &json!({"checked": [{"sku": "NEVER", "quantity": 1}]}));
    assert_eq!(refused(&unknown, 400, "invalid-request")["field"], "checked[0].sku");
    let body = json!({"code": sold["exit"]["code"], "actor": "maria", "checked": [{"sku": "A", "quantity": 1}]});
    let one = key();
    let first = client.post_keyed("/v1/orders/T-1/exit", &one, &body).unwrap();
    let passed = granted(first, 200);
    assert_eq!((&passed["exit"]["state"], &passed["exit"]["actor"]), (&json!("passed"), &json!("maria")));
    let again = client.post_keyed("/v1/orders/T-1/exit", &one, &body).unwrap();
    assert_eq!((again.status, again.json()), (200, passed.clone()), "the same request again is its first answer");
    let again = refused(&exit(client, &sold, &json!({})), 409, "wrong-state");
    assert_eq!((&again["state"], &again["order"]), (&json!("passed"), &sold["order"]), "{again}");
    assert_eq!(passed["history"][1]["kind"], "order_exited");
    // An order that was sold at a till has none, and neither has one that does not exist.
    granted(client.post("/v1/sales", &sale("T-2", &[("A", 1)], 1000)).unwrap(), 201);
    assert_eq!(order(client, "T-2")["exit"], Value::Null);
    for id in ["T-2", "NEVER"] {
        let answer = client.post(&format!("/v1/orders/{id}/exit"), &json!({"code": "1"})).unwrap();
        refused(&answer, 404, "not-found");
    }
    shop = shop.killed_and_restarted();
    assert_eq!(order(&mut shop.client, "T-1")["exit"]["state"], "passed");
}

/// A shop where this share of the bags is looked into; its settings are in the folder.
fn shop_with(percent: u8) -> (Shop, Folder) {
    let folder = folder();
    let path = folder.path().join("settings.toml");
    std::fs::write(&path, format!("[self_checkout]\naudit_percent = {percent}\n")).unwrap();
    (selling_shop(&["--config", path.to_str().unwrap()]), folder)
}

#[test]
fn ten_wrong_codes_close_an_exit_for_an_hour() {
    let mut shop = selling_shop(&[]);
    let client = &mut shop.client;
    let (one, two) = (checkout(client, "T-1", None), checkout(client, "T-2", None));
    for _ in 0..10 {
        let wrong = client.post("/v1/orders/T-1/exit", &json!({"code": "00000000"})).unwrap();
        refused(&wrong, 403, "forbidden");
    }
    let closed = exit(client, &one, &json!({}));
    assert!(closed.header("retry-after").is_some());
    refused(&closed, 429, "too-many-requests");
    assert_eq!(order(client, "T-1")["exit"]["state"], "open");
    // Right codes do not count, and another exit is not closed.
    granted(exit(client, &two, &json!({})), 200);
    for _ in 0..12 {
        refused(&exit(client, &two, &json!({})), 409, "wrong-state");
    }
}

#[test]
fn a_customers_first_and_the_three_after_a_mismatch_are_looked_into() {
    let (mut shop, _settings) = shop_with(0);
    shop.receive("A", "s1", 100);
    let client = &mut shop.client;
    let first = checkout(client, "T-1", Some("c-1"));
    assert_eq!(reason(&first), (true, json!("first")));
    granted(exit(client, &first, &json!({})), 200);
    let second = checkout(client, "T-2", Some("c-1"));
    assert_eq!(reason(&second), (false, Value::Null));
    assert_eq!(reason(&checkout(client, "T-3", Some("c-2"))), (true, json!("first")), "of each customer");
    assert_eq!(reason(&checkout(client, "T-4", None)), (false, Value::Null));
    let bag = json!({"checked": [{"sku": "A", "quantity": 1}, {"sku": "B", "quantity": 1}], "actor": "door"});
    let stopped = granted(exit(client, &second, &bag), 200);
    assert_eq!(stopped["exit"]["state"], "stopped");
    assert_eq!(refused(&exit(client, &second, &json!({})), 409, "wrong-state")["state"], "stopped");
    // A start in between forgets nothing: neither from the log nor from a checkpoint.
    shop = shop.killed_and_restarted();
    let third = checkout(&mut shop.client, "T-5", Some("c-1"));
    assert_eq!(reason(&third), (true, json!("mismatch")));
    shop = shop.restarted();
    for id in ["T-6", "T-7"] {
        assert_eq!(reason(&checkout(&mut shop.client, id, Some("c-1"))), (true, json!("mismatch")), "{id}");
    }
    assert_eq!(reason(&checkout(&mut shop.client, "T-8", Some("c-1"))), (false, Value::Null));
    assert_eq!(reason(&checkout(&mut shop.client, "T-9", Some("c-2"))), (false, Value::Null), "another customer");
    let hash = get(&mut shop.client, "/v1/info")["state_hash"].clone();
    let (_folder, data) = shop.stopped();
    assert_eq!(hash, *verify(binary(), &data).unwrap());
}

#[test]
fn two_first_check_outs_at_once_are_one_first() {
    let (mut shop, _settings) = shop_with(0);
    shop.receive("A", "s1", 1000);
    for round in 0..20 {
        let customer = format!("c-{round}");
        let told: Vec<Value> = std::thread::scope(|scope| {
            let sell = |nth: usize| {
                let (mut client, customer) = (shop.server.client(), customer.clone());
                scope.spawn(move || checkout(&mut client, &format!("T-{customer}-{nth}"), Some(&customer)))
            };
            let both: Vec<_> = (0..2).map(sell).collect();
            both.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let firsts = told.iter().filter(|sold| sold["exit"]["reason"] == "first").count();
        assert_eq!(firsts, 1, "{told:?}");
    }
    // Two at the door with one code: one passes.
    let sold = checkout(&mut shop.client, "T-last", None);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let pass = || exit(&mut shop.server.client(), &sold, &json!({})).status;
        let both: Vec<_> = (0..2).map(|_| scope.spawn(pass)).collect();
        both.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(statuses.contains(&200) && statuses.contains(&409), "{statuses:?}");
}

#[test]
fn the_sample_is_a_share_of_all_and_is_said() {
    let (mut shop, _settings) = shop_with(100);
    assert_eq!(reason(&checkout(&mut shop.client, "T-1", None)), (true, json!("sample")));
    assert_eq!(reason(&checkout(&mut shop.client, "T-2", Some("c-1"))), (true, json!("first")));
    assert_eq!(reason(&checkout(&mut shop.client, "T-3", Some("c-1"))), (true, json!("sample")));
}

#[test]
fn only_who_sells_in_the_channel_sees_an_exit() {
    let house = House::default();
    let admin = house.key("admin", &["admin"], &[]);
    let (phone, web) =
        (house.key("phone", &["sell"], &["--channel", "pos"]), house.key("web", &["sell"], &["--location", "s1"]));
    let keeper = house.key("keeper", &["fulfil"], &["--location", "s1"]);
    let server = house.serve(&[]);
    let mut client = server.client();
    let mut as_admin = server.client().with_key(&admin);
    declare(&mut as_admin);
    let body = with(sale("T-1", &[("A", 1)], 1000), &json!({"self_checkout": true}));
    let sold = ask(&mut client, &phone, "POST", "/v1/sales", &body);
    assert_eq!(sold.status, 201, "{}", sold.json());
    let code = sold.json()["exit"]["code"].clone();
    assert!(code.is_string());
    for (key, sees) in [(&phone, true), (&web, true), (&keeper, false)] {
        let told = ask(&mut client, key, "GET", "/v1/orders/T-1", &Value::Null);
        assert_eq!(told.status, 200, "{}", told.json());
        assert_eq!(told.json()["exit"].is_object(), sees, "{}", told.json());
    }
    let refused = ask(&mut client, &keeper, "POST", "/v1/orders/T-1/exit", &json!({"code": code}));
    assert_eq!(refused.status, 403, "the scope sell");
}
