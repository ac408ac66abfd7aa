//! Replenishment: policies, their runs, and why a cell gets what it gets.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anaquel_loadtest::client::Answer;
use anaquel_loadtest::tills::Tills;
use anaquel_tests::{Shop, shared_data};
use serde_json::{Value, json};

fn put(shop: &mut Shop, policy: &str, body: Value) -> Value {
    let answer = shop.client.put(&format!("/v1/replenishment/{policy}"), &body).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.json()
}

fn run(shop: &mut Shop, body: Value) -> Value {
    let answer = shop.client.post("/v1/replenishment/run", &body).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.json()
}

/// Transfers made, and cells short.
fn ran(shop: &mut Shop) -> (i64, i64) {
    let ran = run(shop, json!({}));
    (ran["made"].as_i64().unwrap(), ran["short"].as_i64().unwrap())
}

/// The transfers of a run, the oldest first.
fn transfers(shop: &mut Shop, run: &Value) -> Vec<Value> {
    let path = format!("/v1/transfers?run={}", run["run"].as_str().unwrap());
    let page = shop.client.get(&path).unwrap().json();
    let mut items = page["items"].as_array().unwrap().clone();
    items.reverse();
    items
}

/// From, to, and units of the first line of each.
fn told(transfers: &[Value]) -> Vec<(&str, &str, i64)> {
    let told = |transfer: &'_ Value| -> i64 { transfer["lines"][0]["quantity"].as_i64().unwrap() };
    transfers.iter().map(|one| (one["from"].as_str().unwrap(), one["to"].as_str().unwrap(), told(one))).collect()
}

fn explain(shop: &mut Shop, sku: &str, location: &str) -> Value {
    let answer = shop.client.get(&format!("/v1/replenishment/explain?sku={sku}&location={location}")).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.json()
}

/// Units go over the counter.
fn sell(shop: &mut Shop, sku: &str, location: &str, quantity: i64) {
    let movement = json!({"kind": "sale", "sku": sku, "location": location, "quantity": quantity});
    let answer = shop.client.post("/v1/stock/movements", &json!({"movements": [movement]})).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.json());
}

fn detail(answer: &Answer) -> String {
    answer.json()["detail"].as_str().unwrap().to_owned()
}

#[test]
fn a_position_below_min_is_brought_to_max_and_a_second_run_proposes_nothing() {
    let mut shop = Shop::default();
    shop.receive("A", "w1", 100);
    shop.receive("A", "s1", 3);
    shop.receive("B", "w1", 4);
    shop.receive("B", "s2", 1);
    let body =
        json!({"kind": "min_max", "to": {"locations": ["s1", "s2"]}, "from": ["w1"], "min": 6, "max": 20, "pack": 4});
    put(&mut shop, "stores", body);

    let before = shop.seq();
    let dry = run(&mut shop, json!({"dry_run": true}));
    assert_eq!((&dry["made"], &dry["short"], &dry["run"]), (&json!(2), &json!(1), &Value::Null), "{dry}");
    let first = json!({"policy": "stores", "from": "w1", "to": "s1", "reason": "replenishment",
        "lines": [{"sku": "A", "quantity": 20}]});
    assert_eq!(dry["transfers"][0], first, "17 units are five packs of four");
    assert_eq!(shop.seq(), before, "nothing was written");

    let real = run(&mut shop, json!({}));
    assert_eq!((&real["made"], &real["short"]), (&json!(2), &json!(1)), "{real}");
    let made = transfers(&mut shop, &real);
    assert_eq!(told(&made), [("w1", "s1", 20), ("w1", "s2", 4)]);
    assert!(made.iter().all(|one| one["state"] == "draft" && one["policy"] == "stores" && one["run"] == real["run"]));
    let page = shop.client.get(&format!("/v1/replenishment/runs/{}", real["run"].as_str().unwrap())).unwrap().json();
    let items = json!([{"sku": "B", "location": "s2", "wanted": 20, "given": 4},
        {"sku": "A", "location": "s1", "wanted": 20, "given": 20}]);
    assert_eq!((&page["items"], &page["next"], &page["seq"]), (&items, &Value::Null, &real["seq"]));
    assert_eq!(ran(&mut shop), (0, 1), "drafts count");
    // They are still there after a restart, and what they would move counts until they are cancelled.
    let mut shop = shop.killed_and_restarted();
    assert_eq!(ran(&mut shop), (0, 1));
    let path = format!("/v1/transfers/{}", made[0]["transfer"].as_str().unwrap());
    assert_eq!(shop.client.post(&format!("{path}/cancel"), &json!({})).unwrap().status, 200);
    assert_eq!(ran(&mut shop), (1, 1));
    shop.stopped();
}

#[test]
fn a_place_without_a_cell_gets_what_a_policy_names() {
    let mut shop = Shop::default();
    shop.receive("NEW", "w1", 10);
    shop.receive("OLD", "w1", 10);
    shop.receive("X", "s1", 1);
    let mut body = json!({"kind": "min_max", "to": {"locations": ["s1"]}, "from": ["w1"], "min": 1, "max": 2});
    put(&mut shop, "p", body.clone());
    assert_eq!(ran(&mut shop), (0, 0), "what is not there is not missed");
    body["skus"] = json!(["NEW"]);
    put(&mut shop, "p", body);
    let real = run(&mut shop, json!({"policies": ["p"]}));
    assert_eq!(told(&transfers(&mut shop, &real)), [("w1", "s1", 2)]);
    shop.stopped();
}

#[test]
fn days_of_cover_go_by_what_was_sold() {
    let mut shop = Shop::default();
    for (sku, location, units) in [("A", "w1", 30), ("A", "w2", 100), ("A", "s1", 40), ("A", "s2", 9), ("B", "s1", 9)] {
        shop.receive(sku, location, units);
    }
    sell(&mut shop, "A", "s1", 40);
    let group = shop.client.put("/v1/groups/hubs", &json!({"locations": ["w1", "w2"]})).unwrap();
    assert_eq!(group.status, 200, "{}", group.json());
    let body = json!({"kind": "days_of_cover", "to": {"locations": ["s1", "s2"]}, "from": ["hubs"],
        "cover_days_min": 3, "cover_days_max": 7, "pack": 5});
    put(&mut shop, "cover", body);
    // Forty units at once are some two a day, if nothing else was ever sold.
    let told_why = explain(&mut shop, "A", "s1");
    let rate = told_why["per_day"].as_f64().unwrap();
    assert!((1.9..2.0).contains(&rate), "{told_why}");
    let verdict = json!({"policy": "cover", "verdict": "needs", "below": 6, "up_to": 14, "wanted": 15, "gives": 0});
    assert_eq!((&told_why["position"], &told_why["policies"][0]), (&json!(0), &verdict));
    assert_eq!(explain(&mut shop, "A", "s2")["policies"][0]["verdict"], "does_not_sell");
    let giver = explain(&mut shop, "A", "w2");
    assert_eq!(
        (&giver["policies"][0]["verdict"], &giver["policies"][0]["gives"]),
        (&json!("other_location"), &json!(100))
    );
    assert_eq!((&giver["may_leave"], &giver["days_of_cover"]), (&json!(100), &Value::Null));
    let real = run(&mut shop, json!({}));
    assert_eq!(told(&transfers(&mut shop, &real)), [("w2", "s1", 15)], "the one that has more gives");
    let told_why = explain(&mut shop, "A", "s1");
    assert_eq!((&told_why["parts"]["drafts_in"], &told_why["position"]), (&json!(15), &json!(15)));
    assert_eq!(told_why["policies"][0]["verdict"], "enough");
    assert_eq!(ran(&mut shop), (0, 0));
    shop.stopped();
}

#[test]
fn what_lies_goes_to_where_it_sells() {
    let mut shop = Shop::default();
    for (location, units) in [("s1", 40), ("s2", 10), ("s3", 60)] {
        shop.receive("A", location, units);
    }
    sell(&mut shop, "A", "s1", 40);
    sell(&mut shop, "A", "s3", 1);
    let all = json!(["s1", "s2", "s3"]);
    let body = json!({"kind": "rebalance", "to": {"locations": all}, "from": all, "idle_days": 30, "cover_days_min": 7,
        "cover_days_max": 60, "min": 2});
    put(&mut shop, "even", body);
    let real = run(&mut shop, json!({}));
    assert_eq!((&real["made"], &real["short"]), (&json!(1), &json!(1)), "{real}");
    let made = transfers(&mut shop, &real);
    assert_eq!(told(&made), [("s2", "s1", 8)], "two stay, and what sold today does not lie");
    assert_eq!(made[0]["reason"], "rebalance");
    assert_eq!(ran(&mut shop), (0, 1));
    let timed = shop.client.put("/v1/replenishment/even", &json!({"at": "05:30"})).unwrap();
    assert_eq!((timed.status, detail(&timed)), (400, "at: is not a field of a policy of kind rebalance".to_owned()));
    shop.stopped();
}

#[test]
fn whoever_hears_of_the_end_of_a_run_may_run_the_next() {
    let mut shop = Shop::default();
    shop.receive("A", "w1", 1);
    shop.receive("A", "s1", 1);
    put(
        &mut shop,
        "stores",
        json!({"kind": "min_max", "to": {"locations": ["s1"]}, "from": ["w1"], "min": 0, "max": 1}),
    );
    for _ in 0..300 {
        ran(&mut shop);
    }
    shop.stopped();
}

#[test]
fn mode_ready_promises_at_once_and_rules_for_transfers_are_kept() {
    let mut shop = Shop::default();
    shop.receive("A", "w1", 10);
    shop.receive("A", "w2", 10);
    shop.receive("A", "s1", 1);
    for (rule, body) in [
        ("keep", json!({"kind": "safety_stock", "units": 6, "locations": ["w1"], "channels": ["transfer"]})),
        ("stay", json!({"kind": "access", "allow": false, "locations": ["w2"], "channels": ["transfer"]})),
    ] {
        let answer = shop.client.put(&format!("/v1/rules/{rule}"), &body).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.json());
    }
    let body = json!({"kind": "min_max", "to": {"locations": ["s1"]}, "from": ["w1", "w2"], "min": 5, "max": 20, "mode": "ready"});
    put(&mut shop, "stores", body);
    let real = run(&mut shop, json!({}));
    assert_eq!((&real["made"], &real["short"]), (&json!(1), &json!(1)), "{real}");
    let made = transfers(&mut shop, &real);
    assert_eq!((told(&made), &made[0]["state"]), (vec![("w1", "s1", 4)], &json!("ready")));
    assert_eq!(shop.cell("A", "w1"), (10, 4, 6), "a rule for transfers keeps nothing from others");
    // Without a date it is promised to nobody, and on its way all the same.
    let told_why = explain(&mut shop, "A", "s1");
    assert_eq!((&told_why["position"], &told_why["parts"]["incoming"]), (&json!(5), &json!(4)), "{told_why}");
    assert_eq!(ran(&mut shop), (0, 0));
    let path = format!("/v1/transfers/{}", made[0]["transfer"].as_str().unwrap());
    assert_eq!(shop.client.post(&format!("{path}/ship"), &json!({})).unwrap().status, 200);
    assert_eq!(explain(&mut shop, "A", "s1")["position"], 5);
    let line = json!({"reference": "d-1", "lines": [{"sku": "A", "quantity": 4}]});
    let arrived = shop.client.post_keyed(&format!("{path}/receive"), "k-1", &line).unwrap();
    assert_eq!(arrived.status, 200, "{}", arrived.json());
    assert_eq!((explain(&mut shop, "A", "s1")["position"].clone(), shop.cell("A", "s1").0), (json!(5), 5));
    shop.stopped();
}

#[test]
fn a_policy_keeps_what_is_left_out_and_is_refused_by_field() {
    let mut shop = Shop::default();
    shop.receive("A", "w1", 10);
    shop.receive("A", "s1", 1);
    let path = "/v1/replenishment/p";
    let good = json!({"kind": "min_max", "to": {"locations": ["s1"]}, "from": ["w1"], "min": 5, "max": 20});
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    for (field, value) in [
        ("kind", json!("best")),
        ("kind", Value::Null),
        ("to", json!({})),
        ("to.locations[0]", json!({"locations": ["nowhere"]})),
        ("from", json!([])),
        ("from[1]", json!(["w1", "nowhere"])),
        ("skus[0]", json!(["NONE"])),
        ("min", Value::Null),
        ("max", json!(4)),
        ("cover_days_min", json!(3)),
        ("pack", json!(0)),
        ("mode", json!("now")),
        ("at", json!("25:00")),
        ("colour", json!("red")),
    ] {
        let name = field.split(['.', '[']).next().unwrap();
        let answer = shop.client.put(path, &with(name, value.clone())).unwrap();
        assert_eq!(answer.status, 400, "{field} {value}");
        assert_eq!(answer.json()["field"], *field, "{}", answer.json());
    }
    assert_eq!(shop.client.put("/v1/replenishment/runs", &good).unwrap().status, 400);
    assert_eq!(shop.client.get(path).unwrap().status, 404);

    let set = put(&mut shop, "p", good.clone());
    let read = shop.client.get(path).unwrap();
    assert_eq!((read.json(), read.header("etag")), (set.clone(), Some(format!("\"{}\"", set["seq"]).as_str())));
    let mut again = set.clone();
    for told in ["policy", "seq"] {
        again.as_object_mut().unwrap().remove(told);
    }
    assert_eq!(put(&mut shop, "p", again), set, "what is read can be set, and is no change");
    let more =
        put(&mut shop, "p", json!({"skus": ["A"], "at": "05:30", "mode": "ready", "ends_at": "2100-01-01T00:00:00Z"}));
    assert_eq!((&more["skus"], &more["min"], &more["at"]), (&json!(["A"]), &json!(5), &json!("05:30")), "{more}");
    let less = put(&mut shop, "p", json!({"skus": [], "at": null, "mode": null, "ends_at": null}));
    let same = |name: &str| less[name] == set[name];
    assert!(["skus", "at", "mode", "ends_at", "min", "max", "to", "from", "pack"].into_iter().all(same), "{less}");
    assert_eq!(shop.client.get("/v1/replenishment").unwrap().json()["items"], json!([less]));

    let unknown = shop.client.post("/v1/replenishment/run", &json!({"policies": ["q"]})).unwrap();
    assert_eq!((unknown.status, detail(&unknown)), (400, "policies[0]: the policy q does not exist".to_owned()));
    // A repeat under one key runs once.
    let first = shop.client.post_keyed("/v1/replenishment/run", "run-1", &json!({})).unwrap();
    let second = shop.client.post_keyed("/v1/replenishment/run", "run-1", &json!({})).unwrap();
    assert_eq!((first.status, first.json()), (200, second.json()));
    assert_eq!((&first.json()["made"], second.header("idempotent-replayed")), (&json!(1), Some("true")));
    let seq = shop.seq();
    let gone = shop.client.delete(path).unwrap();
    assert_eq!((gone.status, gone.json()), (200, json!({"policy": "p", "seq": seq + 1})));
    assert_eq!(ran(&mut shop), (0, 0));
    shop.stopped();
}

/// A body that only makes sense beside what was there is answered as first, also once that is gone.
#[test]
fn a_keyed_change_of_a_policy_is_told_its_first_answer_when_the_policy_is_gone() {
    let mut shop = Shop::with(&["--demo"]);
    let whole = json!({"kind": "min_max", "to": {"locations": ["es-001"]}, "from": ["es-002"], "min": 1, "max": 5});
    put(&mut shop, "p", whole);
    let change = |shop: &mut Shop| {
        let headers = [("Content-Type", "application/json"), ("Idempotency-Key", "k")];
        let answer = shop.client.send("PUT", "/v1/replenishment/p", &headers, br#"{"min": 2}"#).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.json());
        (answer.header("idempotent-replayed").is_some(), answer.json())
    };
    let first = change(&mut shop);
    assert_eq!((first.0, &first.1["min"]), (false, &json!(2)));
    assert_eq!(shop.client.send("DELETE", "/v1/replenishment/p", &[], b"").unwrap().status, 200);
    assert_eq!(change(&mut shop), (true, first.1.clone()));
    let mut shop = shop.killed_and_restarted();
    assert_eq!(change(&mut shop), (true, first.1));
    assert_eq!(shop.client.get("/v1/replenishment/p").unwrap().status, 404);
}

#[test]
fn a_run_looks_at_no_more_cells_than_the_settings_say() {
    let mut shop = Shop::default();
    let path = shop.file("settings.toml", "[replenishment]\ncells = 2\n");
    shop = Shop::with(&["--config", &path]);
    for location in ["w1", "s1"] {
        shop.receive("A", location, 1);
        shop.receive("B", location, 1);
    }
    let body = json!({"kind": "min_max", "to": {"locations": ["s1"]}, "from": ["w1"], "min": 2, "max": 2});
    put(&mut shop, "p", body);
    let answer = shop.client.post("/v1/replenishment/run", &json!({})).unwrap();
    assert_eq!(answer.status, 400);
    assert!(detail(&answer).contains("replenishment.cells"), "{}", answer.json());
    put(&mut shop, "p", json!({"skus": ["B"]}));
    assert_eq!(ran(&mut shop), (1, 0));
    shop.stopped();
}

#[test]
fn a_policy_with_a_time_runs_by_itself_once_a_day() {
    let mut shop = Shop::default();
    shop.receive("A", "w1", 100);
    shop.receive("A", "s1", 1);
    // A minute ago, where it was not a day ago.
    let now = shop.client.get("/v1/info").unwrap();
    let date = now.header("date").expect("a date").to_owned();
    let minute = &date[date.find(':').unwrap() - 2..][..5];
    let body =
        json!({"kind": "min_max", "to": {"locations": ["s1"]}, "from": ["w1"], "min": 5, "max": 20, "at": minute});
    put(&mut shop, "daily", body);
    let mut shop = shop.restarted();
    let started = Instant::now();
    let made = |shop: &mut Shop| shop.client.get("/v1/transfers?reason=replenishment").unwrap().json()["items"].clone();
    while made(&mut shop).as_array().unwrap().is_empty() {
        assert!(started.elapsed() < Duration::from_secs(30), "nothing was made");
        std::thread::sleep(Duration::from_millis(50));
    }
    let first = made(&mut shop);
    assert_eq!(first[0]["policy"], "daily");
    let path = format!("/v1/transfers/{}/cancel", first[0]["transfer"].as_str().unwrap());
    assert_eq!(shop.client.post(&path, &json!({})).unwrap().status, 200);
    // It has run today: nothing is made up for.
    let mut shop = shop.restarted();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(made(&mut shop).as_array().unwrap().len(), 1);
    shop.stopped();
}

/// Stores of the real week, and units of a line that a household buys.
const STORES: usize = 5;
const HOUSEHOLD: std::ops::RangeInclusive<i64> = 1..=20;

/// A week of real tills, in the stores that sell most: what sold in the week before says what to bring, and the same demand
/// replayed with it on the shelf says what that prevents. Needs the tills' data, which is no part of this project.
#[test]
fn a_real_week_lacks_less_once_it_is_replenished() {
    let Some(folder) = shared_data("dunnhumby-2017q1") else { return };
    let tills = Tills::read(&folder, Some(60_000)).unwrap();
    let week = |nth: u64| {
        let from = Duration::from_secs(nth * 7 * 86_400);
        let baskets = tills
            .baskets
            .iter()
            .filter(move |basket| basket.at >= from && basket.at < from + Duration::from_secs(604_800));
        let lines =
            baskets.flat_map(|basket| basket.lines.iter().map(move |line| (&basket.store, &line.sku, line.quantity)));
        lines.filter(|(.., units)| HOUSEHOLD.contains(units)).collect::<Vec<_>>()
    };
    let (before, after) = (week(0), week(1));
    let mut sizes: BTreeMap<&String, usize> = BTreeMap::new();
    after.iter().for_each(|(store, ..)| *sizes.entry(store).or_default() += 1);
    let mut stores: Vec<_> = sizes.into_iter().collect();
    stores.sort_by_key(|(_, lines)| std::cmp::Reverse(*lines));
    let stores: BTreeSet<&String> = stores.into_iter().take(STORES).map(|(store, _)| store).collect();
    let here = |lines: &[(&String, &String, i64)]| -> Vec<(String, String, i64)> {
        let here = lines.iter().filter(|(store, ..)| stores.contains(store));
        here.map(|(store, sku, units)| ((*store).clone(), (*sku).clone(), *units)).collect()
    };
    let (before, after) = (here(&before), here(&after));

    // Every cell has what the week before sold and one more; the hub has enough.
    let mut stock: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    for (store, sku, units) in &before {
        *stock.entry((sku, store)).or_insert(1) += units;
    }
    for (store, sku, _) in &after {
        stock.entry((sku, store)).or_insert(1);
        stock.insert((sku, "hub"), 1000);
    }
    stock.extend(before.iter().map(|(_, sku, _)| ((sku.as_str(), "hub"), 1000)));
    let mut csv = String::from("sku,location,on_hand\n");
    csv.extend(stock.iter().map(|((sku, location), units)| format!("{sku},{location},{units}\n")));
    let mut shop = Shop::default();
    let loaded = shop.client.import("/v1/import/stock?create=true", csv.as_bytes()).unwrap().json();
    assert_eq!(loaded["accepted"], stock.len(), "{loaded}");
    for lines in before.chunks(1000) {
        let sale = |(store, sku, units): &(String, String, i64)| json!({"kind": "sale", "sku": sku, "location": store, "quantity": units});
        let sales: Vec<Value> = lines.iter().map(sale).collect();
        assert_eq!(shop.client.post("/v1/stock/movements", &json!({"movements": sales})).unwrap().status, 200);
    }

    // All of a week at once counts as the units of a week in the rate's two weeks of half-life: twenty days of that rate are
    // what the week sold.
    let body = json!({"kind": "days_of_cover", "to": {"locations": stores}, "from": ["hub"], "cover_days_min": 10, "cover_days_max": 20});
    put(&mut shop, "week", body);
    let plan = run(&mut shop, json!({}));
    assert_eq!(plan["short"], 0, "{plan}");
    let mut brought = Vec::new();
    for transfer in transfers(&mut shop, &plan) {
        for line in transfer["lines"].as_array().unwrap() {
            brought.push(json!({"sku": line["sku"], "location": transfer["to"], "quantity": line["quantity"]}));
        }
    }
    assert_eq!(ran(&mut shop), (0, 0), "a second run proposes nothing");

    let since = shop.seq();
    let mut refused = 0;
    for (store, sku, units) in &after {
        let answer = shop.reserve(sku, store, *units);
        refused += i64::from(answer.status == 409);
        assert!(matches!(answer.status, 201 | 409), "{}", answer.json());
    }
    let ask = json!({"after": since, "stock": brought});
    let started = Instant::now();
    let told = loop {
        let answer = shop.client.post("/v1/what-if", &ask).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.json());
        let told = answer.json();
        // What was refused is noted within seconds.
        if told["actual"]["refused"] == refused {
            break told;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{refused} lines were refused: {}", told["actual"]);
        std::thread::sleep(Duration::from_millis(200));
    };
    let number = |path: &str| told.pointer(path).and_then(Value::as_i64).unwrap();
    let (lost, prevented) = (number("/replayed/refused"), -number("/difference/refused"));
    eprintln!(
        "{} lines of a week in {STORES} stores: {lost} lack something, {prevented} of them would not have ({} units) with {} cells replenished",
        after.len(),
        -number("/difference/lost_units"),
        brought.len(),
    );
    assert!(prevented > 0 && prevented <= lost, "{told}");
    shop.stopped();
}
