//! Reservations that are over, over the wire: left to the log, told again from it, gone where they left early.

use anaquel_loadtest::client::Answer;
use anaquel_tests::Shop;
use anaquel_tests::folder::{Folder, folder};
use serde_json::{Value, json};

/// A shop with settings of its own.
fn shop(settings: &str) -> (Folder, Shop) {
    let folder = folder();
    let path = folder.path().join("settings.toml");
    std::fs::write(&path, settings).unwrap();
    let shop = Shop::with(&["--config", path.to_str().unwrap()]);
    (folder, shop)
}

const LEFT_TO_THE_LOG: &str = "[reservations]\nrecent_bytes = 0\n";

fn path(record: &Value, step: &str) -> String {
    format!("/v1/reservations/{}/{step}", record["id"].as_str().unwrap())
}

fn get(shop: &mut Shop, record: &Value) -> Answer {
    shop.client.get(&format!("/v1/reservations/{}", record["id"].as_str().unwrap())).unwrap()
}

/// Every page of a list; pages may be short.
fn pages(shop: &mut Shop, query: &str) -> Vec<Value> {
    let (mut items, mut after) = (Vec::new(), String::new());
    loop {
        let page = shop.client.get(&format!("/v1/reservations?{query}{after}")).unwrap();
        assert_eq!(page.status, 200, "{}", page.json());
        let page = page.json();
        items.extend(page["items"].as_array().unwrap().clone());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return items,
        }
    }
}

#[test]
fn a_repeat_of_any_step_of_what_is_over_is_the_first_answer_byte_for_byte() {
    let (_folder, mut shop) = shop(LEFT_TO_THE_LOG);
    shop.receive("A", "s1", 50);
    let body = json!({"channel": "web", "customer": "c-1", "order": "o-1", "lines": [{"sku": "A", "location": "s1", "quantity": 3}]});
    let mut asked: Vec<(String, String, Value, u16, Vec<u8>)> = Vec::new();
    let mut ask = |shop: &mut Shop, path: String, key: String, body: Value| {
        let first = shop.client.post_keyed(&path, &key, &body).unwrap();
        asked.push((path, key, body, first.status, first.body.clone()));
        first.json()
    };
    for nth in 0..4 {
        let made = ask(&mut shop, "/v1/reservations".into(), format!("made-{nth}"), body.clone());
        for again in 0..3 {
            ask(&mut shop, path(&made, "extend"), format!("e-{nth}-{again}"), json!({"ttl_seconds": 1000 + again}));
        }
        let part = json!({"lines": [{"sku": "A", "quantity": 1}]});
        ask(&mut shop, path(&made, "cancel"), format!("part-{nth}"), part.clone());
        if nth % 2 == 0 {
            ask(&mut shop, path(&made, "confirm"), format!("confirm-{nth}"), json!({"order": "o-2"}));
            ask(&mut shop, path(&made, "ready"), format!("ready-{nth}"), json!({}));
            ask(&mut shop, path(&made, "collect"), format!("some-{nth}"), part);
            ask(&mut shop, path(&made, "collect"), format!("all-{nth}"), json!({}));
        } else {
            ask(&mut shop, path(&made, "cancel"), format!("whole-{nth}"), json!({"reason": "no"}));
        }
    }
    let check = |shop: &mut Shop| {
        for (path, key, body, status, first) in &asked {
            let again = shop.client.post_keyed(path, key, body).unwrap();
            assert_eq!(again.header("idempotent-replayed"), Some("true"), "{path} {key}");
            assert_eq!((again.status, &again.body), (*status, first), "{path} {key}");
        }
    };
    check(&mut shop);
    let mut shop = shop.restarted();
    check(&mut shop);
    let mut shop = shop.killed_and_restarted();
    check(&mut shop);
    let collected = pages(&mut shop, "customer=c-1&state=collected&limit=1");
    assert_eq!(collected.len(), 2);
    // Without a key: what is reached is told as it is, what cannot happen is refused with the state.
    for (step, status) in [("collect", 200), ("ready", 200), ("confirm", 200), ("cancel", 409), ("extend", 409)] {
        let body = if step == "extend" { json!({"ttl_seconds": 60}) } else { json!({}) };
        let answer = shop.client.post(&path(&collected[0], step), &body).unwrap();
        assert_eq!(answer.status, status, "{step}: {}", answer.json());
        match status {
            200 => assert_eq!(answer.json(), collected[0], "{step}"),
            _ => assert_eq!((answer.slug(), &answer.json()["state"]), ("wrong-state".into(), &json!("collected"))),
        }
    }
}

#[test]
fn what_left_memory_early_is_gone_and_what_never_was_is_not_found() {
    let (_folder, mut shop) = shop("[reservations]\nrecent_bytes = 0\nclosed_bytes = 0\n");
    shop.receive("A", "s1", 50);
    let body = json!({"channel": "web", "lines": [{"sku": "A", "location": "s1", "quantity": 1}]});
    let made = shop.client.post_keyed("/v1/reservations", "k-1", &body).unwrap();
    let record = made.json();
    let cancelled = shop.client.post_keyed(&path(&record, "cancel"), "k-2", &json!({})).unwrap();
    assert_eq!(cancelled.status, 200);
    shop.reserved("A", "s1", 1);
    let gone = get(&mut shop, &record);
    assert_eq!((gone.status, gone.slug().as_str()), (410, "gone"), "{}", gone.json());
    assert!(gone.json()["detail"].as_str().unwrap().contains("reservations.closed_bytes"));
    let step = shop.client.post(&path(&record, "confirm"), &json!({})).unwrap();
    assert_eq!((step.status, step.slug().as_str()), (410, "gone"), "{}", step.json());
    // Its keys are kept, and tell the first answers.
    let again = shop.client.post_keyed("/v1/reservations", "k-1", &body).unwrap();
    assert_eq!((again.status, &again.body), (201, &made.body));
    let again = shop.client.post_keyed(&path(&record, "cancel"), "k-2", &json!({})).unwrap();
    assert_eq!((again.status, &again.body), (200, &cancelled.body));
    for never in ["r-00000-1", "r-1", "nonsense"] {
        assert_eq!(shop.client.get(&format!("/v1/reservations/{never}")).unwrap().status, 404, "{never}");
    }
    assert!(pages(&mut shop, "state=cancelled").is_empty());
}

#[test]
fn a_hold_that_is_extended_again_and_again_stays_small() {
    const TIMES: usize = 400;
    let mut shop = Shop::default();
    shop.receive("A", "s1", 5);
    let held = shop.reserved("A", "s1", 1);
    for _ in 0..TIMES {
        assert_eq!(shop.step(&held, "extend", &json!({"ttl_seconds": 900})).status, 200);
    }
    let answer = get(&mut shop, &held);
    assert!(answer.body.len() < 1500, "{} bytes", answer.body.len());
    let history = &answer.json()["history"];
    assert_eq!((history.as_array().unwrap().len(), &history[1]["count"]), (2, &json!(TIMES)));
}

#[test]
fn the_changes_of_a_reservation_have_a_bound_that_the_refusal_names() {
    let (_folder, mut shop) = shop("[reservations]\nchanges_max = 3\n");
    shop.receive("A", "s1", 50);
    let held = shop.reserved("A", "s1", 20);
    let part = json!({"lines": [{"sku": "A", "quantity": 1}]});
    for nth in 0..3 {
        assert_eq!(shop.client.post_keyed(&path(&held, "cancel"), &format!("k-{nth}"), &part).unwrap().status, 200);
    }
    let refused = shop.client.post_keyed(&path(&held, "cancel"), "k-3", &part).unwrap();
    assert_eq!((refused.status, refused.slug().as_str()), (409, "wrong-state"));
    assert_eq!(refused.json()["limit"], "reservations.changes_max");
    assert_eq!(shop.step(&held, "extend", &json!({"ttl_seconds": 900})).json()["limit"], "reservations.changes_max");
    assert_eq!(shop.step(&held, "confirm", &json!({})).status, 200);
    assert_eq!(shop.step(&held, "collect", &json!({})).json()["state"], "collected");
}

#[test]
fn shortages_and_lists_answer_beside_any_number_of_closed_reservations() {
    const CLOSED: usize = 600;
    let (_folder, mut shop) = shop(LEFT_TO_THE_LOG);
    shop.receive("A", "s1", 100);
    for _ in 0..CLOSED {
        let held = shop.reserved("A", "s1", 1);
        assert_eq!(shop.step(&held, "cancel", &json!({})).status, 200);
    }
    let open: Vec<_> = (0..3).map(|_| shop.reserved("A", "s1", 30)).collect();
    assert_eq!(shop.step(&open[1], "confirm", &json!({})).status, 200);
    let sale = json!({"kind": "sale", "sku": "A", "location": "s1", "quantity": 45});
    assert_eq!(shop.client.post("/v1/stock/movements", &json!({"movements": [sale]})).unwrap().status, 200);
    let shortages = shop.client.get("/v1/shortages").unwrap().json();
    let promises = shortages["items"][0]["promises"].as_array().unwrap();
    let told: Vec<_> = promises.iter().map(|promise| (&promise["reservation"], promise["quantity"].as_u64())).collect();
    assert_eq!(told, [(&open[1]["id"], Some(5)), (&open[2]["id"], Some(30))]);
    for (query, count) in [
        ("state=confirmed", 1),
        ("state=held&location=s1", 2),
        ("state=held&channel=web&limit=1", 2),
        ("channel=web&state=cancelled&limit=1000", CLOSED),
        ("location=s1&limit=1000", CLOSED + 3),
        ("customer=nobody", 0),
        ("pickup_code=ABCDEF", 0),
    ] {
        let items = pages(&mut shop, query);
        assert_eq!(items.len(), count, "{query}");
        let seqs: Vec<_> = items.iter().map(|item| item["created_at"].as_str().unwrap().to_owned()).collect();
        assert!(seqs.is_sorted_by(|one, other| one >= other), "newest first: {query}");
    }
}
