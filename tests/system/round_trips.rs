//! What goes out comes in again and changes nothing, at any moment of a living shop; and into an empty directory it makes
//! the same shop.

use anaquel_loadtest::server::verify;
use anaquel_seeds::{Numbers, Seed, seeds};
use anaquel_tests::calls::counts;
use anaquel_tests::{Shop, binary};
use serde_json::{Value, json};

/// Every kind of file, in the order in which one rests on the other.
const KINDS: [&str; 9] = ["channels", "locations", "groups", "skus", "stock", "prices", "rules", "supply", "sales"];

fn one_of<'a>(numbers: &mut Numbers, choices: &[&'a str]) -> &'a str {
    choices[numbers.below(choices.len() as u64) as usize]
}

fn import(shop: &mut Shop, path: &str, csv: &[u8]) -> Value {
    let answer = shop.client.import(&format!("/v1/import/{path}"), csv).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.json()
}

fn export(shop: &mut Shop, kind: &str) -> Vec<u8> {
    let answer = shop.client.get(&format!("/v1/export/{kind}")).unwrap();
    assert_eq!(answer.status, 200);
    answer.body
}

fn info(shop: &mut Shop) -> Value {
    shop.client.get("/v1/info").unwrap().json()
}

fn set(shop: &mut Shop, path: &str, body: &Value) {
    let answer = shop.client.put(path, body).unwrap();
    assert_eq!(answer.status, 200, "{path} {}", answer.json());
}

fn movement(shop: &mut Shop, movement: &Value) -> Value {
    let answer = shop.client.post("/v1/stock/movements", &json!({"movements": [movement]})).unwrap();
    assert_eq!(answer.status, 200, "{movement} {}", answer.json());
    answer.json()
}

const SKUS: [&str; 6] = ["TEE", "MUG", "LAMP", "SOFA", "PEN", "NEW"];
const PLACES: [&str; 5] = ["mx-1", "mx-2", "mx-3", "dc", "pop-up"];

/// A shop with something of everything.
fn opened() -> Shop {
    let mut shop = Shop::default();
    shop.declare_channels(&["web", "pos"]);
    set(&mut shop, "/v1/channels/app", &json!({"buffer": 1}));
    let locations = "location,name,kind,latitude,longitude,timezone,pickup,ship,groups,pickup_minutes,transfer_group,transfer_minutes,currency,address,barcodes\n\
                     mx-3,Sur,store,19.3,-99.1,America/Mexico_City,true,false,city;all,30,,,MXN,,\n\
                     mx-1,Centro,store,19.4,-99.1,America/Mexico_City,true,true,city;all,45,all,600,MXN,\"Madero 1, Centro\",21IIIIIPPPPPC;2IIIIIIWWWWWC\n\
                     mx-2,Norte,store,19.5,-99.2,America/Mexico_City,false,true,all,0,,,,Norte 2,2IIIIIIWWWWWC\n\
                     dc,,warehouse,,,,false,true,all,0,,,,,\n";
    assert_eq!(counts(&import(&mut shop, "locations", locations.as_bytes())), (4, 0, 0));
    let skus = "sku,name,unit,decimals,product,categories,tracked,attr.colour\n\
                PEN,Pen,piece,0,PEN,desk;small,,blue\nSOFA,,piece,0,,home,,\nTEE,Tee,piece,0,TEE,tops,true,red\n\
                MUG,Mug,piece,0,,,,\nLAMP,Lamp,piece,0,,\"home\",,\nGIFT,Card,,,,,false,\nCARD,,,,,,false,\n";
    assert_eq!(counts(&import(&mut shop, "skus", skus.as_bytes())), (7, 0, 0));
    let mut stock = "sku,location,on_hand,safety_stock\n".to_owned();
    for sku in &SKUS[..5] {
        for place in &PLACES[..4] {
            stock.push_str(&format!("{sku},{place},20,{}\n", usize::from(*place == "dc") * 2));
        }
    }
    assert_eq!(counts(&import(&mut shop, "stock", stock.as_bytes())), (20, 0, 0));
    let prices = "sku,currency,amount,channel,location\nTEE,MXN,19900,,\nTEE,MXN,17900,web,\nMUG,MXN,9900,,mx-1\n";
    assert_eq!(counts(&import(&mut shop, "prices", prices.as_bytes())), (3, 0, 0));
    set(&mut shop, "/v1/rules/tees", &json!({"kind": "safety_stock", "units": 2, "skus": ["TEE"], "groups": ["city"]}));
    set(
        &mut shop,
        "/v1/rules/app",
        &json!({"kind": "access", "allow": false, "channels": ["app"], "locations": ["mx-2", "dc"]}),
    );
    set(
        &mut shop,
        "/v1/rules/ahead",
        &json!({"kind": "backorder", "units": 4, "lead_days": 3, "categories": ["home"]}),
    );
    set(
        &mut shop,
        "/v1/rules/later",
        &json!({"kind": "safety_stock", "percent": 10, "starts_at": "2100-01-01T00:00:00Z"}),
    );
    shop
}

/// Something happens.
fn live(shop: &mut Shop, numbers: &mut Numbers, open: &mut Vec<Value>) {
    let (sku, place) = (one_of(numbers, &SKUS), one_of(numbers, &PLACES));
    let declared = one_of(numbers, &PLACES[..4]);
    match numbers.below(16) {
        // What nobody counts: sold, promised, and for a while counted after all.
        12 => drop(movement(
            shop,
            &json!({"kind": one_of(numbers, &["sale", "return"]), "sku": "GIFT", "location": place, "quantity": 1}),
        )),
        13 | 14 => {
            let lines = json!([{"sku": "GIFT", "location": declared, "quantity": 1 + numbers.below(90)}]);
            let held = shop.client.post("/v1/reservations", &json!({"channel": "web", "lines": lines})).unwrap();
            assert_eq!(held.status, 201, "{}", held.json());
            assert_eq!(shop.step(&held.json(), "confirm", &json!({})).status, 200);
            open.push(held.json());
        }
        15 => {
            let tracked = numbers.below(2) == 0;
            set(shop, "/v1/skus/CARD", &json!({"tracked": tracked}));
            if tracked {
                // It has cells that were counted while it is not counted any more.
                for on_hand in [4, 0] {
                    let count = json!({"sku": "CARD", "location": declared, "on_hand": on_hand});
                    assert_eq!(shop.client.post("/v1/stock/counts", &json!({"counts": [count]})).unwrap().status, 200);
                }
            }
        }
        0..=2 => drop(movement(
            shop,
            &json!({"kind": "sale", "sku": sku, "location": place, "quantity": 1 + numbers.below(5)}),
        )),
        3 => drop(movement(
            shop,
            &json!({"kind": "receipt", "sku": sku, "location": place, "quantity": 3, "reference": one_of(numbers, &["PO-1", "PO-2", "DN-9"])}),
        )),
        4 => drop(movement(shop, &json!({"kind": "return", "sku": sku, "location": place, "quantity": 1}))),
        5 => {
            let count = json!({"sku": sku, "location": place, "on_hand": numbers.below(30)});
            assert_eq!(shop.client.post("/v1/stock/counts", &json!({"counts": [count]})).unwrap().status, 200);
        }
        6 | 7 => {
            let line =
                json!({"sku": one_of(numbers, &SKUS[..5]), "location": declared, "quantity": 1 + numbers.below(3)});
            let body = json!({"channel": "web", "lines": [line], "confirm": true});
            let answer = shop.client.post("/v1/reservations", &body).unwrap();
            assert!([201, 409].contains(&answer.status), "{}", answer.json());
            if answer.status == 201 {
                open.push(answer.json());
            }
        }
        8 => {
            if let Some(order) = open.pop() {
                let step = one_of(numbers, &["collect", "cancel"]);
                assert_eq!(shop.step(&order, step, &json!({})).status, 200);
            }
        }
        9 => {
            let supply = one_of(numbers, &["PO-1", "PO-2", "PO-3"]);
            let row = json!({"supply": supply, "sku": sku, "location": declared, "quantity": numbers.below(9), "expected_at": "2100-02-01T00:00:00Z"});
            let answer = shop.client.put("/v1/supply", &json!({"supplies": [row]})).unwrap();
            assert_eq!(answer.status, 200, "{}", answer.json());
        }
        10 => set(
            shop,
            &format!("/v1/skus/{}", one_of(numbers, &SKUS[..5])),
            &json!({"name": one_of(numbers, &["A", "B, \"C\"", "D"])}),
        ),
        _ => {
            // A file of yesterday's counts, some of which say what is known.
            let known = shop.client.get(&format!("/v1/availability?sku={sku}&location={place}")).unwrap().json();
            let on_hand = known["items"][0]["on_hand"].as_i64().unwrap_or(4);
            let file = format!("sku,location,on_hand\n{sku},{place},{on_hand}\n");
            assert_eq!(counts(&import(shop, "stock?create=true", file.as_bytes())).2, 0);
        }
    }
}

/// Every kind goes out and comes in again: nothing changes, and an import costs one record.
fn comes_back(shop: &mut Shop, at: &str) {
    for kind in KINDS {
        let file = export(shop, kind);
        let before = info(shop);
        let told = import(shop, kind, &file);
        let lines = file.iter().filter(|byte| **byte == b'\n').count() as u64 - 1;
        assert_eq!(counts(&told), (0, lines, 0), "{at}: {kind}: {told}\n{}", String::from_utf8_lossy(&file));
        let after = info(shop);
        assert_eq!(after["state_parts"], before["state_parts"], "{at}: {kind}");
        assert_eq!(
            after["seq"].as_u64(),
            before["seq"].as_u64().map(|seq| seq + 1),
            "{at}: {kind}: one record, its end"
        );
    }
}

#[test]
fn own_files_change_nothing_at_any_moment_of_a_living_shop() {
    seeds(&[0x5eed_0001], 0).for_each(|seed| own_files_change_nothing(&seed));
}

fn own_files_change_nothing(seed: &Seed) {
    let mut shop = opened();
    let (mut numbers, mut open) = (Numbers::new(seed.value()), Vec::new());
    for moment in 0..20 {
        for _ in 0..numbers.below(12) {
            live(&mut shop, &mut numbers, &mut open);
        }
        comes_back(&mut shop, &format!("moment {moment}"));
        // Sales go on between the export and the import: what was sold stays sold.
        let file = export(&mut shop, "stock");
        for _ in 0..numbers.below(6) {
            let (sku, place) = (one_of(&mut numbers, &SKUS), one_of(&mut numbers, &PLACES));
            let late = json!({"kind": "sale", "sku": sku, "location": place, "quantity": 2, "occurred_at": "2026-01-01T00:00:00Z"});
            movement(&mut shop, &late);
            movement(&mut shop, &json!({"kind": "sale", "sku": sku, "location": place, "quantity": 1}));
            if let Some(order) = open.pop() {
                assert_eq!(shop.step(&order, "collect", &json!({})).status, 200);
            }
        }
        let before = info(&mut shop)["state_parts"].clone();
        let told = import(&mut shop, "stock", &file);
        assert_eq!((counts(&told).0, counts(&told).2), (0, 0), "moment {moment}: {told}");
        assert_eq!(info(&mut shop)["state_parts"], before, "moment {moment}");
        if moment % 7 == 6 {
            shop = if moment % 2 == 0 { shop.restarted() } else { shop.killed_and_restarted() };
            assert_eq!(info(&mut shop)["state_parts"], before, "moment {moment}: a restart");
        }
    }
    let hash = info(&mut shop)["state_hash"].clone();
    let (_folder, data) = shop.stopped();
    assert_eq!(hash, *verify(binary(), &data).unwrap());
}

#[test]
fn the_files_of_a_shop_make_the_same_shop_in_an_empty_directory() {
    let mut shop = opened();
    let (mut numbers, mut open) = (Numbers::new(0x5eed_0002), Vec::new());
    for _ in 0..150 {
        live(&mut shop, &mut numbers, &mut open);
    }
    let mut other = Shop::default();
    for kind in KINDS {
        let file = export(&mut shop, kind);
        let told = import(&mut other, &format!("{kind}?create=true"), &file);
        assert_eq!(counts(&told).2, 0, "{kind}: {told}");
    }
    let (ours, theirs) = (info(&mut shop), info(&mut other));
    for (part, sum) in ours["state_parts"].as_object().unwrap() {
        let carried = !["reserved", "reservations"].contains(&part.as_str());
        assert!(!carried || theirs["state_parts"][part] == *sum, "{part}: {ours}\n{theirs}");
    }
    assert_eq!(ours["files_hash"], theirs["files_hash"]);
    // Once no promise is open, there is no difference left.
    for order in open.drain(..) {
        assert_eq!(shop.step(&order, "cancel", &json!({})).status, 200);
    }
    assert_eq!(info(&mut shop)["state_hash"], theirs["state_hash"]);
    comes_back(&mut other, "the other");
    // The file of the one again in the other: nothing new, whatever happened there since.
    let file = export(&mut shop, "stock");
    import(&mut other, "stock", &file);
    movement(&mut other, &json!({"kind": "sale", "sku": "TEE", "location": "mx-1", "quantity": 3}));
    let before = info(&mut other)["state_parts"].clone();
    assert_eq!(counts(&import(&mut other, "stock", &file)).0, 0);
    assert_eq!(info(&mut other)["state_parts"], before);
}

#[test]
fn the_state_hash_covers_everything_that_is_served() {
    let mut shop = opened();
    let mut hash = info(&mut shop)["state_hash"].clone();
    let changes: [(&str, &str, Value, &str); 9] = [
        ("PUT", "/v1/skus/TEE", json!({"name": "Other"}), "skus"),
        ("PUT", "/v1/locations/dc", json!({"name": "Other", "kind": "warehouse"}), "locations"),
        ("PUT", "/v1/locations/dc", json!({"name": "Other", "kind": "warehouse", "pickup_minutes": 7}), "services"),
        ("PUT", "/v1/groups/city", json!({"locations": ["mx-1"]}), "groups"),
        ("PUT", "/v1/channels/web", json!({"buffer": 3}), "channels"),
        (
            "PUT",
            "/v1/rules/tees",
            json!({"kind": "safety_stock", "units": 3, "skus": ["TEE"], "groups": ["city"]}),
            "rules",
        ),
        (
            "PUT",
            "/v1/supply",
            json!({"supplies": [{"supply": "PO", "sku": "TEE", "location": "dc", "quantity": 3, "expected_at": "2100-01-01T00:00:00Z"}]}),
            "supply",
        ),
        (
            "POST",
            "/v1/stock/movements",
            json!({"movements": [{"kind": "sale", "sku": "TEE", "location": "dc", "quantity": 1}]}),
            "stock",
        ),
        (
            "POST",
            "/v1/reservations",
            json!({"channel": "web", "lines": [{"sku": "PEN", "location": "dc", "quantity": 1}]}),
            "reserved",
        ),
    ];
    for (method, path, body, part) in changes {
        let before = info(&mut shop)["state_parts"].clone();
        let body = body.to_string();
        let answer = shop.client.send(method, path, &[("Content-Type", "application/json")], body.as_bytes()).unwrap();
        assert!([200, 201].contains(&answer.status), "{path} {}", answer.json());
        let after = info(&mut shop);
        assert_ne!(after["state_parts"][part], before[part], "{path}");
        assert_ne!(after["state_hash"], hash, "{path}");
        hash = after["state_hash"].clone();
    }
    import(&mut shop, "prices", b"sku,currency,amount\nTEE,MXN,1\n");
    let after = info(&mut shop)["state_hash"].clone();
    assert_ne!(after, hash, "prices");
    let mut shop = shop.killed_and_restarted();
    assert_eq!(info(&mut shop)["state_hash"], after, "from the log");
    let mut shop = shop.restarted();
    assert_eq!(info(&mut shop)["state_hash"], after, "from a checkpoint");
    let (_folder, data) = shop.stopped();
    assert_eq!(after, *verify(binary(), &data).unwrap());
}

#[test]
fn a_nightly_file_that_changes_nothing_adds_next_to_nothing_to_the_log() {
    let mut shop = Shop::default();
    let mut file = "sku,location,on_hand\n".to_owned();
    for place in 0..100 {
        for sku in 0..300 {
            file.push_str(&format!("SKU-{sku:05},store-{place:03},7\n"));
        }
    }
    assert_eq!(counts(&import(&mut shop, "stock?create=true", file.as_bytes())), (30_000, 0, 0));
    let seq = info(&mut shop)["seq"].as_u64().unwrap();
    assert_eq!(counts(&import(&mut shop, "stock", file.as_bytes())), (0, 30_000, 0));
    let events = shop.client.get(&format!("/v1/events?after={seq}&limit=1000")).unwrap().json();
    let kinds: Vec<_> = events["items"].as_array().unwrap().iter().map(|item| item["kind"].clone()).collect();
    assert!(kinds.len() <= 9 && kinds.last() == Some(&json!("imported")), "{kinds:?}");
    assert!(kinds[..kinds.len() - 1].iter().all(|kind| kind == "counts_confirmed"), "{kinds:?}");
    // It was a count all the same: what happened before it is known to it.
    let late = json!({"kind": "sale", "sku": "SKU-00007", "location": "store-007", "quantity": 2, "occurred_at": "2026-01-01T00:00:00Z"});
    assert_eq!(movement(&mut shop, &late)["items"][0]["absorbed"], true);
}

#[test]
fn a_shortage_that_grows_by_every_sale_is_told_a_few_times() {
    let mut shop = Shop::default();
    shop.receive("A", "s1", 1);
    let seq = info(&mut shop)["seq"].as_u64().unwrap();
    for _ in 0..60 {
        movement(&mut shop, &json!({"kind": "sale", "sku": "A", "location": "s1", "quantity": 1}));
    }
    let events = shop.client.get(&format!("/v1/events?after={seq}&limit=1000")).unwrap().json();
    let items = events["items"].as_array().unwrap();
    assert_eq!(items.iter().filter(|item| item["kind"] == "moved").count(), 60);
    assert_eq!(items.len(), 60 + 6, "1, 2, 4, 8, 16 and 32 are told");
    let told = shop.client.get("/v1/shortages").unwrap().json();
    assert_eq!(told["items"][0]["missing"], 59, "{told}");
}

#[test]
fn what_is_available_is_what_the_numbers_beside_it_leave() {
    let mut shop = opened();
    let (mut numbers, mut open) = (Numbers::new(0x5eed_0003), Vec::new());
    for _ in 0..60 {
        live(&mut shop, &mut numbers, &mut open);
    }
    let adds_up = |items: &Value, at: &str| {
        for item in items.as_array().unwrap() {
            let number = |name: &str| item[name].as_i64().unwrap_or_else(|| panic!("{at}: no {name}: {item}"));
            let left = number("on_hand") - number("reserved") - number("safety_stock") - number("buffer");
            assert_eq!(number("available"), left.max(0), "{at}: {item}");
        }
    };
    for sku in SKUS {
        for channel in ["", "&channel=web", "&channel=app", "&channel=pos"] {
            let path = format!("/v1/availability?sku={sku}{channel}");
            adds_up(&shop.client.get(&path).unwrap().json()["items"], &path);
            let path = format!("/v1/stock?sku={sku}{channel}");
            adds_up(&shop.client.get(&path).unwrap().json()["items"], &path);
        }
    }
    let told = shop.client.get("/v1/availability?sku=PEN&location=mx-1&channel=app").unwrap().json();
    assert_eq!(told["items"][0]["buffer"], 1, "{told}");
    let denied = shop.client.get("/v1/availability?sku=PEN&location=mx-2&channel=app").unwrap().json();
    assert_eq!(denied["items"][0]["available"], 0, "{denied}");
    let after = movement(&mut shop, &json!({"kind": "sale", "sku": "PEN", "location": "dc", "quantity": 1}));
    adds_up(&after["items"], "a movement");
}

#[test]
fn the_same_file_again_after_a_restart_is_unchanged() {
    let mut shop = Shop::default();
    let opening = b"sku,location,on_hand,counted_at\nA,s1,5000,2026-01-01T00:00:00Z\n";
    assert_eq!(counts(&import(&mut shop, "stock?create=true", opening)), (1, 0, 0));
    // Told late: more than are kept of a cell.
    let sale = |n: u64| json!({"kind": "sale", "sku": "A", "location": "s1", "quantity": 1, "occurred_at": format!("2026-01-02T00:{:02}:{:02}Z", n / 60 % 60, n % 60)});
    for start in [0, 700] {
        let movements: Vec<_> = (start..start + 700).map(sale).collect();
        assert_eq!(shop.client.post("/v1/stock/movements", &json!({"movements": movements})).unwrap().status, 200);
    }
    for _ in 0..2 {
        assert_eq!(counts(&import(&mut shop, "stock", opening)), (0, 1, 0));
        let older = b"sku,location,on_hand,counted_at\nA,s1,70,2025-01-01T00:00:00Z\n";
        assert_eq!(counts(&import(&mut shop, "stock", older)), (0, 1, 0));
        assert_eq!(shop.cell("A", "s1").0, 3600);
        shop = shop.restarted();
    }
}

#[test]
fn what_came_since_a_file_of_supply_was_written_stays_come() {
    let mut shop = Shop::default();
    assert_eq!(counts(&import(&mut shop, "stock?create=true", b"sku,location,on_hand\nP,L1,0\n")), (1, 0, 0));
    let row =
        json!({"supply": "P1", "sku": "P", "location": "L1", "quantity": 10, "expected_at": "2100-01-01T00:00:00Z"});
    set(&mut shop, "/v1/supply", &json!({"supplies": [row]}));
    let receipt =
        |units: u32| json!({"kind": "receipt", "sku": "P", "location": "L1", "quantity": units, "reference": "P1"});
    movement(&mut shop, &receipt(2));
    let file = export(&mut shop, "supply");
    movement(&mut shop, &receipt(3));
    assert_eq!(counts(&import(&mut shop, "supply", &file)), (0, 1, 0));
    let left =
        |shop: &mut Shop| shop.client.get("/v1/supply").unwrap().json()["items"][0]["supplies"][0]["quantity"].clone();
    assert_eq!(left(&mut shop), 5);
    movement(&mut shop, &receipt(5));
    assert_eq!(counts(&import(&mut shop, "supply", &file)), (0, 1, 0), "and what all came does not come again");
}

#[test]
fn a_receipt_may_name_its_supply() {
    let mut shop = Shop::default();
    assert_eq!(counts(&import(&mut shop, "stock?create=true", b"sku,location,on_hand\nP,L1,0\n")), (1, 0, 0));
    let supply = |name: &str, day: u32| json!({"supply": name, "sku": "P", "location": "L1", "quantity": 10, "expected_at": format!("2100-01-0{day}T00:00:00Z")});
    set(&mut shop, "/v1/supply", &json!({"supplies": [supply("P1", 1), supply("P2", 2)]}));
    movement(&mut shop, &json!({"kind": "receipt", "sku": "P", "location": "L1", "quantity": 10, "reference": "P2"}));
    let told = shop.client.get("/v1/supply").unwrap().json();
    assert_eq!(told["items"][0]["supplies"].as_array().unwrap().len(), 1, "{told}");
    assert_eq!(told["items"][0]["supplies"][0]["supply"], "P1", "{told}");
    let (_folder, data) = shop.stopped();
    verify(binary(), &data).unwrap();
}
