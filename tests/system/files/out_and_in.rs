//! What goes out comes in again.

use std::collections::BTreeMap;

use anaquel_seeds::{Seed, seed};
use anaquel_tests::Shop;
use anaquel_tests::calls::counts;
use anaquel_tests::files::{KINDS, export, goes_round};
use anaquel_tests::folder::folder;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use super::{encoded, import, lines_in, said};

/// F2: a line as long as a group of 3,500 stores, and stock below zero.
#[test]
fn long_lines_and_stock_below_zero_come_in_as_they_went_out() {
    let mut shop = Shop::default();
    let mut locations = String::from("location,name\n");
    let mut members = Vec::new();
    for at in 0..3500 {
        let id = format!("store-with-a-rather-long-name-{at:04}");
        locations.push_str(&format!("{id},Store {at}\n"));
        members.push(id);
    }
    assert_eq!(counts(&import(&mut shop, "/v1/import/locations", &locations)), (3500, 0, 0));
    assert_eq!(shop.client.put("/v1/groups/all", &json!({"locations": members})).unwrap().status, 200);
    assert!(export(&mut shop, "groups").lines().any(|line| line.len() > 65_536));
    import(&mut shop, "/v1/import/skus", "sku\nA\n");
    import(&mut shop, "/v1/import/stock", &format!("sku,location,on_hand\nA,{},-7\n", members[0]));
    let sale = json!({"movements": [{"kind": "sale", "sku": "A", "location": members[1], "quantity": 3}]});
    assert_eq!(shop.client.post("/v1/stock/movements", &sale).unwrap().status, 200);
    goes_round(&mut shop);
}

/// What draws values from strategies, the same from the same seed.
fn runner(seed: &Seed) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.value().to_le_bytes());
    TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

fn one<T>(runner: &mut TestRunner, strategy: &impl Strategy<Value = T>) -> T {
    strategy.new_tree(runner).unwrap().current()
}

/// Texts of any kind, and those that files trip over.
pub(super) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,30}",
        r#"[ '"=+@;,|\\a\t\r\n\x00\x7f\u{85}\u{a0}\u{ff1d}#%&-]{0,8}"#,
        Just(String::new()),
        Just(" ".to_owned()),
        Just("=\"00123\"".to_owned()),
        Just("#error,".to_owned()),
        Just("a\"b\r\n\"c".to_owned()),
    ]
}

/// What the API takes for an id of another system.
fn outside_id() -> impl Strategy<Value = String> {
    let any = prop_oneof![r"\PC{1,20}", r#"[ '"=+@;,|\\a#%&()/:.-]{1,12}"#];
    let unseen = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
    };
    any.prop_filter("as ids are", move |id| !id.is_empty() && id.trim() == id && !id.contains(unseen))
}

/// F3: a property over the values that the API takes, of every kind of file.
#[test]
fn whatever_the_api_takes_goes_out_and_comes_in_again() {
    let seed = seed();
    let mut runner = runner(&seed);
    let mut shop = Shop::default();
    let put = |shop: &mut Shop, path: &str, body: &Value| {
        let answer = shop.client.put(path, body).unwrap();
        assert_eq!(answer.status, 200, "{path} {body} {}", answer.json());
    };
    let id =
        "[A-Za-z0-9._:/-]{1,12}".prop_filter("not a path by itself", |id| !id.chars().all(|c| matches!(c, '.' | '/')));
    let optional = |strategy: BoxedStrategy<String>| proptest::option::of(strategy);
    let texts = proptest::collection::vec(text().boxed(), 0..4);
    let (mut locations, mut skus, mut channels) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..40 {
        let location = one(&mut runner, &id);
        let place = json!({
            "name": one(&mut runner, &optional(text().boxed())),
            "kind": one(&mut runner, &prop_oneof![Just("store"), Just("warehouse"), Just("supplier")]),
            "latitude": one(&mut runner, &(-90.0..90.0f64)),
            "longitude": one(&mut runner, &(-180.0..180.0f64)),
            "timezone": one(&mut runner, &prop_oneof![Just("Europe/Madrid"), Just("America/Mexico_City"), Just("UTC")]),
            "pickup": one(&mut runner, &any::<bool>()),
            "ship": one(&mut runner, &any::<bool>()),
            "groups": one(&mut runner, &proptest::collection::vec("[a-e./-]", 0..3)),
            "pickup_minutes": one(&mut runner, &(0..44_640)),
            "currency": one(&mut runner, &prop_oneof![Just("EUR"), Just("MXN"), Just("JPY")]),
            "barcodes": one(&mut runner, &proptest::sample::subsequence(vec!["21IIIIIPPPPPC", "22IIIWWWWWWWC", "2IIIWWWC", "2IIIIIIWWWWWC"], 0..=4)),
        });
        let address =
            text().prop_filter("one line", |text| !text.trim().is_empty() && !text.contains(char::is_control));
        let address = one(&mut runner, &optional(address.boxed()));
        let hours =
            [json!({}), json!({"mon": "10:00-14:00,17:00-20:00", "tue": "closed"}), json!({"sun": "00:00-24:00"})];
        let dates = json!([{"date": "2027-01-06", "hours": []}, {"date": "2027-01-05", "hours": ["10:00-14:00", "17:00-22:00"]}]);
        let mut place = place;
        place["address"] = address.into();
        match locations.len() % 4 {
            3 => place["special_hours"] = dates,
            at => place["hours"] = hours[at].clone(),
        }
        put(&mut shop, &format!("/v1/locations/{}", encoded(&location)), &place);
        locations.push(location);
    }
    for _ in 0..80 {
        let sku = one(&mut runner, &outside_id());
        let mut article = json!({
            "categories": one(&mut runner, &texts),
            "decimals": one(&mut runner, &(0..=9)),
            "attributes": one(&mut runner, &proptest::collection::btree_map("[a-z._:/-]{1,3}", text().boxed(), 0..4)),
        });
        let said = [
            ("name", one(&mut runner, &optional(text().boxed()))),
            ("unit", one(&mut runner, &optional(text().boxed()))),
            ("product", one(&mut runner, &optional(text().boxed()))),
            (
                "gtin",
                one(
                    &mut runner,
                    &proptest::option::of(prop_oneof![
                        Just("96385074".to_owned()),
                        Just("036000291452;4006381333931".to_owned()),
                        Just("4006381333931; 96385074".to_owned())
                    ]),
                ),
            ),
        ];
        for (name, text) in said {
            if let Some(text) = text {
                article[name] = text.into();
            }
        }
        put(&mut shop, &format!("/v1/skus/{}", encoded(&sku)), &article);
        skus.push(sku);
    }
    for _ in 0..8 {
        let channel = one(&mut runner, &id);
        put(
            &mut shop,
            &format!("/v1/channels/{}", encoded(&channel)),
            &json!({"buffer": one(&mut runner, &(0..1000))}),
        );
        channels.push(channel);
    }
    let of = |all: &[String], most: usize| proptest::sample::subsequence(all.to_vec(), 0..=most.min(all.len()));
    for at in 0..8 {
        let members = one(&mut runner, &of(&locations, 20));
        put(&mut shop, &format!("/v1/groups/-g{at}"), &json!({"locations": members}));
    }
    let categories = proptest::collection::vec(text().boxed().prop_filter("not empty", |text| !text.is_empty()), 0..3);
    for at in 0..24 {
        let attributes: BTreeMap<String, String> =
            one(&mut runner, &proptest::collection::btree_map("[a-z._:/-]{1,3}", text().boxed(), 0..3));
        let attributes: Vec<String> = attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut rule = json!({
            "skus": one(&mut runner, &of(&skus, 3)),
            "categories": one(&mut runner, &categories),
            "attributes": attributes,
            "locations": one(&mut runner, &of(&locations, 3)),
            "channels": one(&mut runner, &of(&channels, 2)),
        });
        let effect = match at % 6 {
            0 => json!({"kind": "access", "allow": false}),
            1 => json!({"kind": "safety_stock", "percent": 10, "starts_at": "2030-01-01T00:00:00.5Z"}),
            2 => json!({"kind": "band", "few_left": 3, "exact": false}),
            3 => json!({"kind": "quota", "units": 5, "minimum": 1, "spill_over": true}),
            4 => json!({"kind": "backorder", "units": 5, "lead_days": 3}),
            _ => {
                json!({"kind": "preorder", "units": 5, "available_at": "2031-05-05T05:05:05.055Z", "ends_at": "2032-01-01T00:00:00Z"})
            }
        };
        effect.as_object().unwrap().iter().for_each(|(name, value)| rule[name] = value.clone());
        put(&mut shop, &format!("/v1/rules/r{at}"), &rule);
    }
    for _ in 0..120 {
        let (sku, location) = (
            one(&mut runner, &proptest::sample::select(skus.clone())),
            one(&mut runner, &proptest::sample::select(locations.clone())),
        );
        let kind = one(&mut runner, &prop_oneof![Just("receipt"), Just("sale"), Just("adjustment")]);
        let quantity = one(&mut runner, &(1..1000));
        let moved = json!({"kind": kind, "sku": sku, "location": location, "quantity": quantity, "reference": one(&mut runner, &outside_id())});
        let answer = shop.client.post("/v1/stock/movements", &json!({"movements": [moved]})).unwrap();
        assert_eq!(answer.status, 200, "{moved} {}", answer.json());
        if quantity % 3 == 0 {
            let supply = json!({"supply": one(&mut runner, &outside_id()), "sku": sku, "location": location, "quantity": quantity,
                                "kind": "in_transit", "expected_at": "2099-01-01T00:00:00.001Z"});
            let answer = shop.client.put("/v1/supply", &json!({"supplies": [supply]})).unwrap();
            assert_eq!(answer.status, 200, "{supply} {}", answer.json());
        }
        if quantity % 4 == 0 {
            let row = json!({"sku": sku, "currency": "EUR", "amount": quantity, "channel": channels[0], "location": location});
            assert_eq!(lines_in(&mut shop, "/v1/import/prices", &row.to_string())["rejected"], 0, "{row}");
        }
    }
    goes_round(&mut shop);
}

/// H6: all kinds that there are, on the command line.
#[test]
fn every_kind_is_loaded_and_written_by_the_command_line() {
    let mut shop = Shop::with(&["--demo"]);
    let rule = json!({"kind": "safety_stock", "units": 1, "attributes": ["size=XL;L"]});
    assert_eq!(shop.client.put("/v1/rules/r2", &rule).unwrap().status, 200);
    let url = format!("http://{}", shop.server.address);
    let folder = folder();
    for kind in KINDS {
        let file = folder.path().join(format!("{kind}.csv"));
        let file = file.to_str().unwrap();
        assert_eq!(said(&["export", kind, file, "--url", &url]).0, 0, "{kind}");
        let (code, text) = said(&["import", kind, file, "--url", &url]);
        assert!(code == 0 && text.starts_with("0 accepted, "), "{kind} {text}");
    }
    assert_eq!(shop.client.get("/v1/rules/r2").unwrap().json()["attributes"], json!(["size=XL;L"]));
}

/// Two load the same at once; whatever becomes of it, each row is there once, and both are told.
#[test]
fn two_imports_of_one_file_at_once_are_one() {
    let shop = Shop::default();
    let mut rows = String::from("sku,location,on_hand,counted_at\n");
    (0..6000).for_each(|at| rows.push_str(&format!("A{at},L1,{at},2026-01-01T00:00:00Z\n")));
    let address = shop.server.address;
    let told: Vec<Value> = std::thread::scope(|scope| {
        let load = || {
            let mut client = anaquel_loadtest::client::Client::new(address);
            client.import("/v1/import/stock?create=true&rejects=true", rows.as_bytes()).unwrap().json()
        };
        let both: Vec<_> = (0..2).map(|_| scope.spawn(load)).collect();
        both.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let all = |name: &str| told.iter().map(|told| told[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!((all("accepted"), all("unchanged"), all("rejected")), (6000, 6000, 0), "{told:?}");
    let mut shop = shop.killed_and_restarted();
    assert_eq!(shop.client.get("/v1/info").unwrap().json()["cells"], 6000);
    assert_eq!(shop.cell("A5999", "L1").0, 5999);
}
