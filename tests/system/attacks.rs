//! Attacks on what is sold and on what one decision may cost, over the wire: whatever the quantity, the path and the mix.

use std::collections::BTreeMap;

use anaquel_loadtest::client::Answer;
use anaquel_loadtest::server::verify;
use anaquel_seeds::{Numbers, seed};
use anaquel_tests::calls::put;
use anaquel_tests::{Shop, binary};
use serde_json::{Value, json};

fn one_of<'a>(numbers: &mut Numbers, all: &[&'a str]) -> &'a str {
    all[numbers.below(all.len() as u64) as usize]
}

/// Stores, and groups of some of them.
fn network(shop: &mut Shop, stores: &[&str], groups: &[(&str, &[&str])]) {
    for store in stores {
        put(&mut shop.client, &format!("/v1/locations/{store}"), &json!({"kind": "store"}));
    }
    for (group, of) in groups {
        put(&mut shop.client, &format!("/v1/groups/{group}"), &json!({"locations": of}));
    }
}

fn reserve(shop: &mut Shop, channel: &str, lines: &Value) -> Answer {
    let body = json!({"channel": channel, "ttl_seconds": 3600, "lines": lines});
    shop.client.post("/v1/reservations", &body).unwrap()
}

fn promised(shop: &mut Shop, channel: &str, lines: &Value) -> Value {
    let answer = reserve(shop, channel, lines);
    assert_eq!(answer.status, 201, "{lines}: {}", answer.json());
    answer.json()
}

/// What a group has for a channel, as availability tells; nothing of a SKU that was never heard of.
fn told(shop: &mut Shop, sku: &str, group: &str, channel: &str) -> i64 {
    let path = format!("/v1/availability?sku={sku}&group={group}&channel={channel}");
    let told = shop.client.get(&path).unwrap().json();
    match told["items"].as_array().unwrap().first() {
        Some(item) => item["available"].as_i64().unwrap(),
        None => {
            assert_eq!(told["unknown"], json!([sku]), "{told}");
            0
        }
    }
}

fn in_stores(shop: &mut Shop, sku: &str, stores: &[&str], reserved: i64) {
    let all: i64 = stores.iter().map(|store| shop.cell(sku, store).1).sum();
    assert_eq!(all, reserved, "{sku} in {stores:?}");
}

fn proven(shop: Shop) {
    let (_folder, data) = shop.stopped();
    verify(binary(), &data).unwrap();
}

/// C1: a promise that needs a chain of others to move is made at once, whatever the quantity; and back; and beside it, others
/// write.
#[test]
fn what_must_move_moves_at_once_whatever_the_quantity() {
    const STORES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
    let mut shop = Shop::default();
    let groups: Vec<(String, [&str; 2])> =
        STORES.windows(2).map(|pair| (format!("g-{}{}", pair[0], pair[1]), [pair[0], pair[1]])).collect();
    let named: Vec<(&str, &[&str])> = groups.iter().map(|(name, of)| (name.as_str(), of.as_slice())).collect();
    network(&mut shop, &STORES, &named);
    for (hops, units) in
        [(2, 100_000), (1, 999_999), (2, 1_000_000), (3, 77_777_777), (5, 1_000_000_000), (2, 1_000_000_000)]
    {
        let sku = format!("K-{hops}-{units}");
        // Each pair's units stand in its first store; what is free is in the last.
        for (at, (group, _)) in groups.iter().take(hops).enumerate() {
            shop.receive(&sku, STORES[at], units);
            promised(&mut shop, "web", &json!([{"sku": sku, "group": group, "quantity": units}]));
            assert_eq!(shop.cell(&sku, STORES[at]).1, units, "{sku}: where they stand");
        }
        shop.receive(&sku, STORES[hops], units);
        let first = promised(&mut shop, "web", &json!([{"sku": sku, "location": "a", "quantity": units}]));
        in_stores(&mut shop, &sku, &STORES[..=hops], units * (hops as i64 + 1));
        assert_eq!(reserve(&mut shop, "web", &json!([{"sku": sku, "location": "a", "quantity": 1}])).status, 409);
        // All the way back, for some of them.
        assert_eq!(shop.step(&first, "cancel", &json!({})).status, 200);
        promised(&mut shop, "web", &json!([{"sku": sku, "location": STORES[hops], "quantity": units - 1}]));
        shop.receive("other", "z", 1);
        // The last unit, wherever a chain leaves it.
        let last = json!([{"sku": sku, "group": groups[0].0, "quantity": 1}]);
        promised(&mut shop, "web", &last);
        assert_eq!(reserve(&mut shop, "web", &last).status, 409, "{sku}: nothing is left");
    }
    proven(shop);
}

/// C1 with each way of asking: by group, in part, in place of another hold, and through the cheapest places.
#[test]
fn every_way_of_asking_for_what_must_move_is_as_fast() {
    const UNITS: i64 = 400_000_000;
    let mut shop = Shop::default();
    network(&mut shop, &["a", "b", "c"], &[("g1", &["a", "b"]), ("g2", &["b", "c"]), ("ga", &["a"])]);
    for way in ["group", "partial", "supersedes", "two-lines", "sourcing"] {
        let sku = format!("K-{way}");
        shop.receive(&sku, "a", UNITS);
        promised(&mut shop, "web", &json!([{"sku": sku, "group": "g1", "quantity": UNITS}]));
        shop.receive(&sku, "b", UNITS);
        promised(&mut shop, "web", &json!([{"sku": sku, "group": "g2", "quantity": UNITS}]));
        shop.receive(&sku, "c", UNITS);
        let mut body = json!({"channel": "web", "lines": [{"sku": sku, "location": "a", "quantity": UNITS}]});
        let mut path = "/v1/reservations";
        match way {
            "group" => body["lines"] = json!([{"sku": sku, "group": "ga", "quantity": UNITS}]),
            "partial" => {
                body["allow_partial"] = json!(true);
                body["lines"][0]["quantity"] = json!(UNITS * 2);
            }
            "supersedes" => {
                let held = promised(&mut shop, "web", &json!([{"sku": sku, "location": "a", "quantity": 1}]));
                body["supersedes"] = held["id"].clone();
            }
            "two-lines" => {
                let half = json!({"sku": sku, "location": "a", "quantity": UNITS / 2});
                body["lines"] = json!([half, half]);
            }
            _ => {
                path = "/v1/sourcing";
                body["destination"] = json!({"location": "a"});
                body["lines"] = json!([{"sku": sku, "quantity": UNITS}]);
            }
        }
        let answer = shop.client.post(path, &body).unwrap();
        assert_eq!(answer.status, 201, "{way}: {}", answer.json());
        in_stores(&mut shop, &sku, &["a", "b", "c"], UNITS * 3);
    }
    proven(shop);
}

/// C2: what must be left to a channel's buffer is left when others move for it, too; what availability tells is granted, and
/// one more is not.
#[test]
fn a_buffer_is_kept_where_others_make_room() {
    let mut shop = Shop::default();
    network(&mut shop, &["a", "b"], &[("g", &["a", "b"]), ("gb", &["b"])]);
    put(&mut shop.client, "/v1/channels/mkt", &json!({"buffer": 2}));
    put(&mut shop.client, "/v1/channels/pos", &json!({"buffer": 0}));
    for factor in [1, 1000, 40_000_000] {
        let sku = format!("K{factor}");
        shop.receive(&sku, "a", 10 * factor);
        promised(&mut shop, "pos", &json!([{"sku": sku, "group": "g", "quantity": 4 * factor}]));
        shop.receive(&sku, "b", 10 * factor);
        let most = told(&mut shop, &sku, "g", "mkt");
        assert_eq!(most, 16 * factor - 4, "{sku}: 2 are left in each place");
        let line = |quantity: i64| json!([{"sku": sku, "group": "g", "quantity": quantity}]);
        for more in [1, 2, 4] {
            assert_eq!(reserve(&mut shop, "mkt", &line(most + more)).status, 409, "{sku}: {more} more than is told");
        }
        promised(&mut shop, "mkt", &line(most));
        assert_eq!(told(&mut shop, &sku, "g", "mkt"), 0);
        // What is left is for those who need not leave it.
        promised(&mut shop, "pos", &line(4));
        assert_eq!(reserve(&mut shop, "pos", &line(1)).status, 409);
    }
    proven(shop);
}

/// C2 by named places: two lines of one promise, of which the second would move what stands in the place of the first.
#[test]
fn a_buffer_is_kept_by_lines_that_name_their_places() {
    let mut shop = Shop::default();
    network(&mut shop, &["a", "b"], &[("g", &["a", "b"]), ("gb", &["b"])]);
    put(&mut shop.client, "/v1/channels/pos", &json!({"buffer": 2}));
    put(&mut shop.client, "/v1/channels/mkt", &json!({"buffer": 0}));
    shop.receive("K", "a", 10);
    promised(&mut shop, "mkt", &json!([{"sku": "K", "group": "g", "quantity": 4}]));
    shop.receive("K", "b", 7);
    promised(&mut shop, "mkt", &json!([{"sku": "K", "group": "gb", "quantity": 1}]));
    let answer = reserve(
        &mut shop,
        "pos",
        &json!([{"sku": "K", "location": "a", "quantity": 8}, {"sku": "K", "location": "b", "quantity": 1}]),
    );
    // 4 go to b, where 5 stand then, and with 1 more 1 is left: less than the buffer.
    assert_eq!((answer.status, answer.slug().as_str()), (409, "insufficient-stock"), "{}", answer.json());
    promised(&mut shop, "pos", &json!([{"sku": "K", "location": "a", "quantity": 8}]));
    proven(shop);
}

/// C2 as a kind: random promises of random channels with buffers, by place, by group, in part and several lines together;
/// the log adds up under every floor, and a group's availability is granted.
#[test]
fn random_mixes_keep_every_floor() {
    const STORES: [&str; 5] = ["a", "b", "c", "d", "e"];
    let seed = seed();
    let mut numbers = Numbers::new(seed.value());
    let mut shop = Shop::default();
    network(
        &mut shop,
        &STORES,
        &[("g-ab", &["a", "b"]), ("g-bc", &["b", "c"]), ("g-cde", &["c", "d", "e"]), ("g-all", &STORES)],
    );
    let channels = ["pos", "web", "mkt", "app"];
    for (buffer, channel) in channels.iter().enumerate() {
        put(&mut shop.client, &format!("/v1/channels/{channel}"), &json!({"buffer": buffer}));
    }
    put(
        &mut shop.client,
        "/v1/rules/floor",
        &json!({"kind": "safety_stock", "units": 2, "channels": ["web"], "locations": ["b", "c"]}),
    );
    let (mut granted, mut refused, mut over) = (0, 0, 0);
    for nth in 0..40 {
        let sku = format!("K{nth:02}");
        let factor = [1, 1, 1, 100_000_000][nth % 4];
        let mut open: Vec<(Value, &str)> = Vec::new();
        for _ in 0..16 {
            let channel = one_of(&mut numbers, &channels);
            if numbers.below(3) == 0 {
                let quantity = (1 + numbers.below(6)) as i64 * factor;
                shop.receive(&sku, one_of(&mut numbers, &STORES), quantity.min(100_000_000));
            }
            if numbers.below(6) == 0 && !open.is_empty() {
                let at = numbers.below(open.len() as u64) as usize;
                let (record, _) = open.swap_remove(at);
                assert_eq!(shop.step(&record, "cancel", &json!({})).status, 200);
            }
            let lines: Vec<Value> = (0..1 + numbers.below(3))
                .map(|_| {
                    let quantity = (1 + numbers.below(5)) as i64 * factor - numbers.below(factor.min(3) as u64) as i64;
                    match numbers.below(2) {
                        0 => json!({"sku": sku, "location": one_of(&mut numbers, &STORES), "quantity": quantity}),
                        _ => json!({"sku": sku, "group": one_of(&mut numbers, &["g-ab", "g-bc", "g-cde", "g-all"]), "quantity": quantity}),
                    }
                })
                .collect();
            let mut body = json!({"channel": channel, "ttl_seconds": 3600, "lines": lines});
            body["allow_partial"] = json!(numbers.below(3) == 0);
            if numbers.below(5) == 0
                && let Some(at) = open.iter().position(|(_, of)| *of == channel)
            {
                body["supersedes"] = open.swap_remove(at).0["id"].clone();
            }
            let answer = shop.client.post("/v1/reservations", &body).unwrap();
            match answer.status {
                201 => {
                    granted += 1;
                    open.push((answer.json(), channel));
                }
                409 => refused += 1,
                400 if asked_of_one_place(&body) > 1_000_000_000 => over += 1,
                _ => panic!("{body}: {}", answer.json()),
            }
            // A refused hold that should have been replaced is still there; it is not looked for again.
        }
        let (group, channel) = (one_of(&mut numbers, &["g-ab", "g-cde", "g-all"]), one_of(&mut numbers, &channels));
        let most = told(&mut shop, &sku, group, channel).min(1_000_000_000);
        if most > 0 {
            promised(&mut shop, channel, &json!([{"sku": sku, "group": group, "quantity": most}]));
        }
    }
    assert!(granted > 50 && refused > 50, "{granted} granted, {refused} refused, {over} over the limit");
    proven(shop);
}

/// The most that the lines of a body ask of one place, or of one group, together.
fn asked_of_one_place(body: &Value) -> i64 {
    let mut asked = BTreeMap::new();
    for line in body["lines"].as_array().unwrap() {
        *asked.entry((line["location"].to_string(), line["group"].to_string())).or_insert(0) +=
            line["quantity"].as_i64().unwrap();
    }
    asked.into_values().max().unwrap_or(0)
}
