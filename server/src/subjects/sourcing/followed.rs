//! Follows every piece of advice exactly, a moment after it was given, in random shops: whatever an answer says would
//! succeed must succeed if nothing else changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use anaquel_engine::Clock;
use anaquel_engine::ids::Timestamp;
use anaquel_engine::journal::memory::MemoryDisk;
use anaquel_engine::settings::PromiseLimits;
use axum::Router;
use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::app::App;
use crate::config::Config;
use crate::demo::numbers::Numbers;
use crate::http::router::router;
use crate::wire::time;

/// Time stands still until a test moves it.
struct ManualClock(AtomicU64);

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(SeqCst))
    }
}

/// One of several, selected by a number.
trait Chooses {
    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T;
}

impl Chooses for Numbers {
    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as u64) as usize]
    }
}

/// Seconds after which advice is followed.
const MOMENTS: [u64; 4] = [0, 1, 60, 119];

/// Noon of a day, and a minute before midnight.
const NOON_MS: u64 = 1_800_014_400_000;
const MIDNIGHT_MS: u64 = 1_800_057_540_000;

const PLACES: [&str; 5] = ["s0", "s1", "s2", "s3", "s4"];
const GROUPS: [(&str, &[&str]); 3] = [("g0", &["s0", "s1"]), ("g1", &["s1", "s2", "s3"]), ("g2", &PLACES)];
const SKUS: [&str; 3] = ["A", "B", "C"];

struct Shop {
    _folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    router: Router,
    numbers: Numbers,
    seed: u64,
    /// Holds that may be replaced.
    holds: Vec<Value>,
}

struct Answer {
    status: u16,
    retry_after: Option<u64>,
    body: Value,
}

impl Shop {
    fn open(seed: u64, start_ms: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock(AtomicU64::new(start_ms)));
        let mut config = Config { data: folder.path().to_owned(), ..Config::default() };
        let two = PromiseLimits { open_holds: Some(2), ..PromiseLimits::default() };
        config.limits.channel.insert("few".into(), two);
        let app = App::for_tests_at(config, MemoryDisk::default(), clock.clone()).unwrap();
        let numbers = Numbers(seed);
        Self { _folder: folder, clock, router: router(app), numbers, seed, holds: Vec::new() }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn in_seconds(&self, seconds: u64) -> String {
        time(self.now().plus_seconds(seconds))
    }

    fn wait(&self, seconds: u64) {
        self.clock.0.fetch_add(seconds * 1000, SeqCst);
    }

    async fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        let request = Request::builder().method(method).uri(path).header("host", "localhost");
        let request = request.header("content-type", "application/json");
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let retry_after =
            response.headers().get("retry-after").map(|seconds| seconds.to_str().unwrap().parse().unwrap());
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        Answer { status, retry_after, body: serde_json::from_slice(&bytes).unwrap_or_default() }
    }

    async fn set(&self, method: &str, path: &str, body: Value) {
        let answer = self.call(method, path, &body).await;
        assert!(answer.status < 300, "seed {}: {path}: {}", self.seed, answer.body);
    }

    async fn reserve(&self, body: &Value) -> Answer {
        self.call("POST", "/v1/reservations", body).await
    }

    /// Locations that differ in stock, supply, access and purposes.
    async fn furnish(&mut self) {
        for channel in ["web", "app", "few"] {
            let buffer = self.numbers.below(2);
            self.set("PUT", &format!("/v1/channels/{channel}"), json!({"buffer": buffer})).await;
        }
        for (nth, place) in PLACES.iter().enumerate() {
            let (pickup, ship) = (self.numbers.below(5) > 0, self.numbers.below(5) > 0);
            let kind = *self.numbers.one(&["store", "warehouse"]);
            let details = json!({"kind": kind, "pickup": pickup, "ship": ship, "latitude": 40.0 + nth as f64 / 10.0,
                "longitude": -3.7, "timezone": "UTC"});
            self.set("PUT", &format!("/v1/locations/{place}"), details).await;
        }
        for (group, members) in GROUPS {
            self.set("PUT", &format!("/v1/groups/{group}"), json!({"locations": members})).await;
        }
        if self.numbers.below(2) == 0 {
            let brings = json!({"transfer_group": "g1", "transfer_minutes": 30, "pickup_minutes": 15});
            self.set("PUT", "/v1/locations/s1", brings).await;
        }
        // In one shop of three, the last SKU is untracked.
        let counted = if self.numbers.below(3) == 0 { &SKUS[..2] } else { &SKUS[..] };
        for sku in SKUS {
            let is_counted = counted.contains(&sku);
            self.set("PUT", &format!("/v1/skus/{sku}"), json!({"tracked": is_counted})).await;
            for place in PLACES.iter().filter(|_| is_counted) {
                if self.numbers.below(4) == 0 {
                    continue;
                }
                let row =
                    json!({"kind": "receipt", "sku": sku, "location": place, "quantity": 1 + self.numbers.below(4)});
                self.set("POST", "/v1/stock/movements", json!({"movements": [row]})).await;
            }
        }
        for nth in 0..self.numbers.below(6) {
            let seconds = *self.numbers.one(&[30, 90, 121, 600, 86_400, 400_000]);
            let row = json!({"supply": format!("po-{nth}"), "sku": self.numbers.one(counted), "location": self.numbers.one(&PLACES),
                "quantity": 1 + self.numbers.below(4), "expected_at": self.in_seconds(seconds)});
            self.set("PUT", "/v1/supply", json!({"supplies": [row]})).await;
        }
        for nth in 0..self.numbers.below(5) {
            let mut rule = match self.numbers.below(7) {
                0 | 1 => {
                    json!({"kind": "backorder", "units": self.numbers.below(5), "lead_days": self.numbers.below(3)})
                }
                2 => {
                    let seconds = *self.numbers.one(&[40, 100, 86_400]);
                    json!({"kind": "preorder", "units": 1 + self.numbers.below(4), "available_at": self.in_seconds(seconds)})
                }
                3 => json!({"kind": "quota", "units": self.numbers.below(5), "spill_over": self.numbers.below(2) == 0,
                    "channels": [self.numbers.one(&["web", "app"])]}),
                4 => json!({"kind": "capacity", "orders_per_day": self.numbers.below(3)}),
                5 => json!({"kind": "safety_stock", "units": self.numbers.below(3)}),
                _ => json!({"kind": "access", "allow": false, "channels": ["app"]}),
            };
            if rule["kind"] != "capacity" && self.numbers.below(2) == 0 {
                rule["skus"] = json!([self.numbers.one(&SKUS)]);
            }
            if self.numbers.below(2) == 0 {
                rule["locations"] = json!([self.numbers.one(&PLACES), self.numbers.one(&PLACES)]);
            }
            self.set("PUT", &format!("/v1/rules/r{nth}"), rule).await;
        }
    }

    /// The state of the shop, for the report of a failure.
    async fn told(&self) -> String {
        let mut told = String::new();
        for path in
            ["locations", "groups", "rules", "supply", "availability?sku=A", "availability?sku=B", "availability?sku=C"]
        {
            let answer = self.call("GET", &format!("/v1/{path}"), &Value::Null).await;
            told += &format!("{path}: {}\n", answer.body);
        }
        told
    }

    fn some_lines(&mut self, most: u64) -> Vec<Value> {
        let count = 1 + self.numbers.below(most);
        let mut line = || {
            let mut line = json!({"sku": self.numbers.one(&SKUS), "quantity": 1 + self.numbers.below(6)});
            match self.numbers.below(3) {
                0 => line["group"] = json!(self.numbers.one(&GROUPS).0),
                _ => line["location"] = json!(self.numbers.one(&PLACES)),
            }
            if self.numbers.below(4) == 0 {
                let seconds = *self.numbers.one(&[60, 130, 700, 86_400, 172_900, 500_000]);
                line["latest"] = json!(time(Timestamp(self.clock.0.load(SeqCst)).plus_seconds(seconds)));
            }
            line
        };
        (0..count).map(|_| line()).collect()
    }

    fn some_request(&mut self) -> Value {
        let lines = self.some_lines(3);
        let mut body = json!({"channel": self.numbers.one(&["web", "web", "app"]), "lines": lines,
            "purpose": self.numbers.one(&["cart", "pickup", "delivery"]), "ttl_seconds": 2_678_400});
        if self.numbers.below(3) == 0 {
            let count = self.numbers.below(3) as usize;
            body["supersedes"] = self.holds.iter().rev().take(count).cloned().collect();
        }
        body
    }

    /// Reservations may be replaced later.
    fn note(&mut self, body: &Value, answer: &Answer) {
        let replaced = body["supersedes"].as_array().cloned().unwrap_or_default();
        self.holds.retain(|hold| !replaced.contains(hold));
        if answer.body["state"] == "held" {
            self.holds.push(answer.body["id"].clone());
        }
    }

    /// Every way to follow the advice of a refusal.
    fn ways(&mut self, body: &Value, refused: &Value) -> Vec<(&'static str, Value)> {
        let told = refused["lines"].as_array().unwrap();
        let mut ways = Vec::new();
        for way in ["quantity", "latest", "location", "one location"] {
            let chosen = self.numbers.below(told.len() as u64) as usize;
            let mut lines: Vec<Option<Value>> = body["lines"].as_array().unwrap().iter().cloned().map(Some).collect();
            let mut is_advised = false;
            for (nth, told) in told.iter().enumerate() {
                let would = &told["would_succeed"];
                let at = told["line"].as_u64().unwrap() as usize;
                let Some(mut line) = lines[at].take() else { panic!("seed {}: {body}: {refused:#}", self.seed) };
                for other in would["lines"].as_array().into_iter().flatten() {
                    lines[other.as_u64().unwrap() as usize] = None;
                }
                line["quantity"] = told["requested"].clone();
                let places = would["locations"].as_array().unwrap();
                let followed = match way {
                    "quantity" if would["quantity"].is_u64() => {
                        line["quantity"] = would["quantity"].clone();
                        true
                    }
                    "latest" if would["latest"].is_string() => {
                        line["latest"] = would["latest"].clone();
                        true
                    }
                    "location" | "one location" if !places.is_empty() && (way == "location" || nth == chosen) => {
                        let nth = if way == "location" { 0 } else { self.numbers.below(places.len() as u64) as usize };
                        line["location"] = places[nth]["location"].clone();
                        line.as_object_mut().unwrap().remove("group");
                        true
                    }
                    _ => false,
                };
                if followed {
                    is_advised = true;
                    lines[at] = Some(line);
                }
            }
            if is_advised {
                let mut followed = body.clone();
                followed["lines"] = lines.into_iter().flatten().collect();
                ways.push((way, followed));
            }
        }
        ways
    }
}

/// `ANAQUEL_SEED` repeats one run; `ANAQUEL_SEEDS` sets the number of new runs.
fn seeds() -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().map(|number| number.parse::<u64>().unwrap());
    match number("ANAQUEL_SEED") {
        Some(seed) => vec![seed],
        None => {
            let fresh = jiff::Timestamp::now().as_millisecond() as u64 % 1_000_000;
            (1..=24).chain(fresh..fresh + number("ANAQUEL_SEEDS").unwrap_or(24)).collect()
        }
    }
}

/// The shop of a seed, at noon or a minute before midnight.
async fn shop(seed: u64) -> Shop {
    let mut shop = Shop::open(seed, if seed.is_multiple_of(3) { MIDNIGHT_MS } else { NOON_MS });
    shop.furnish().await;
    shop
}

#[tokio::test]
async fn what_a_refusal_says_would_succeed_does() {
    let mut followed_by_way = std::collections::BTreeMap::new();
    for seed in seeds() {
        let mut shop = shop(seed).await;
        for nth in 0..40 {
            let body = shop.some_request();
            let answer = shop.reserve(&body).await;
            if answer.status == 201 {
                shop.note(&body, &answer);
                continue;
            }
            assert_eq!(answer.status, 409, "seed {seed}, request {nth}: {body}: {}", answer.body);
            let ways = shop.ways(&body, &answer.body);
            if ways.is_empty() {
                continue;
            }
            let (way, followed) = shop.numbers.one(&ways).clone();
            let seconds = *shop.numbers.one(&MOMENTS);
            shop.wait(seconds);
            let done = shop.reserve(&followed).await;
            assert_eq!(
                done.status,
                201,
                "{}seed {seed}, request {nth}: {body} was refused with {:#}; after {seconds} s, {followed}, which follows its \
                 {way}, was refused with {:#}",
                shop.told().await,
                answer.body,
                done.body
            );
            *followed_by_way.entry(way).or_insert(0) += 1;
            shop.note(&followed, &done);
        }
    }
    assert!(followed_by_way.len() == 4 || seeds().len() == 1, "{followed_by_way:?}");
}

#[tokio::test]
async fn plans_runners_up_and_what_sourcing_advises_are_granted() {
    let mut followed = std::collections::BTreeMap::new();
    for seed in seeds() {
        let mut shop = shop(seed).await;
        for nth in 0..16 {
            let mut lines = Vec::new();
            for sku in SKUS {
                if lines.is_empty() || shop.numbers.below(2) == 0 {
                    let mut line = json!({"sku": sku, "quantity": 1 + shop.numbers.below(6)});
                    if shop.numbers.below(3) == 0 {
                        let seconds = *shop.numbers.one(&[60, 130, 86_400, 172_900, 500_000]);
                        line["latest"] = shop.in_seconds(seconds).into();
                    }
                    lines.push(line);
                }
            }
            let mut body = json!({"channel": "web", "lines": lines, "destination": {"latitude": 40.0, "longitude": -3.7},
                "max_shipments": 1 + shop.numbers.below(3), "ttl_seconds": 2_678_400});
            if shop.numbers.below(3) == 0 {
                body["policy"] = json!(shop.numbers.one(&["whole_order", "fewest_shipments", "most_stock", "nearest"]));
            }
            let dry = shop.numbers.below(2) == 0;
            body["dry_run"] = dry.into();
            let answer = shop.call("POST", "/v1/sourcing", &body).await;
            let seconds = *shop.numbers.one(&MOMENTS);
            let told = format!("seed {seed}, request {nth}: {body} was answered with {:#}", answer.body);
            let (what, done) = match answer.status {
                201 => continue,
                200 => {
                    let which = if answer.body["runner_up"].is_null() {
                        "plan"
                    } else {
                        *shop.numbers.one(&["plan", "runner_up"])
                    };
                    let mut taken = Vec::new();
                    for shipment in answer.body[which]["shipments"].as_array().unwrap() {
                        for line in shipment["lines"].as_array().unwrap() {
                            let asked = lines.iter().find(|asked| asked["sku"] == line["sku"]).unwrap();
                            taken.push(json!({"sku": line["sku"], "quantity": line["quantity"],
                                "location": shipment["location"], "latest": asked["latest"]}));
                        }
                    }
                    let promise =
                        json!({"channel": "web", "purpose": "delivery", "lines": taken, "ttl_seconds": 2_678_400});
                    shop.wait(seconds);
                    (which, shop.reserve(&promise).await)
                }
                409 => {
                    let told = answer.body["lines"].as_array().unwrap();
                    let mut follow = body.clone();
                    let what = if told[0]["would_succeed"]["max_shipments"].is_u64() && shop.numbers.below(2) == 0 {
                        for field in ["max_shipments", "policy"] {
                            if !told[0]["would_succeed"][field].is_null() {
                                follow[field] = told[0]["would_succeed"][field].clone();
                            }
                        }
                        "max_shipments"
                    } else {
                        let mut lines: Vec<Option<Value>> = lines.iter().cloned().map(Some).collect();
                        let mut is_advised = false;
                        for told in told {
                            let at = told["line"].as_u64().unwrap() as usize;
                            match told["would_succeed"]["quantity"].as_u64() {
                                Some(units) => {
                                    is_advised = true;
                                    lines[at].as_mut().unwrap()["quantity"] = units.into();
                                }
                                None => lines[at] = None,
                            }
                        }
                        if !is_advised {
                            continue;
                        }
                        follow["lines"] = lines.into_iter().flatten().collect();
                        "fewer"
                    };
                    shop.wait(seconds);
                    (what, shop.call("POST", "/v1/sourcing", &follow).await)
                }
                other => panic!("{other}: {told}"),
            };
            assert!(
                done.status < 300,
                "{}{told}; after {seconds} s its {what} was refused with {:#}",
                shop.told().await,
                done.body
            );
            *followed.entry(what).or_insert(0) += 1;
        }
    }
    assert!(followed.len() == 4 || seeds().len() == 1, "{followed:?}");
}

#[tokio::test]
async fn where_a_basket_can_be_fetched_it_is_promised_and_ready_in_time() {
    let (mut own, mut brought) = (0, 0);
    for seed in seeds() {
        let mut shop = shop(seed).await;
        for nth in 0..12 {
            let (sku, units) = (*shop.numbers.one(&SKUS), 1 + shop.numbers.below(5));
            let path = format!("/v1/pickup?sku={sku}:{units}&near=40.0,-3.7&channel=web");
            let found = shop.call("GET", &path, &Value::Null).await;
            let Some(place) = found.body["items"].as_array().unwrap().iter().find(|place| place["complete"] == true)
            else {
                continue;
            };
            let seconds = *shop.numbers.one(&MOMENTS);
            shop.wait(seconds);
            let line = &place["lines"][0];
            let told =
                format!("seed {seed}, question {nth}: {path} was answered with {place:#}, and after {seconds} s");
            let made = match line["from"].is_null() {
                true => {
                    own += 1;
                    let line = json!({"sku": sku, "location": place["location"], "quantity": units});
                    let made = shop
                        .reserve(
                            &json!({"channel": "web", "purpose": "pickup", "lines": [line], "ttl_seconds": 2_678_400}),
                        )
                        .await;
                    assert_eq!(made.status, 201, "{told}: {:#}", made.body);
                    made.body
                }
                false => {
                    brought += 1;
                    let body = json!({"channel": "web", "purpose": "pickup", "lines": [{"sku": sku, "quantity": units}],
                        "destination": {"location": place["location"]}, "ttl_seconds": 2_678_400});
                    let made = shop.call("POST", "/v1/sourcing", &body).await;
                    assert_eq!(made.status, 201, "{told}: {:#}", made.body);
                    made.body["reservation"].clone()
                }
            };
            let ready_at = place["ready_at"].clone();
            assert!(ready_at.is_string(), "{told}");
            let path = format!("/v1/reservations/{}/confirm", made["id"].as_str().unwrap());
            let confirmed = shop.call("POST", &path, &json!({"pickup_by": ready_at})).await;
            assert_eq!(confirmed.status, 200, "{told}: it would be over before it is ready: {:#}", confirmed.body);
        }
    }
    assert!(own > 0 && brought > 0 || seeds().len() == 1, "{own} {brought}");
}

#[tokio::test]
async fn an_order_worth_too_little_is_fetched_where_it_is_told_to_be() {
    let shop = Shop::open(1, NOON_MS);
    shop.set("PUT", "/v1/channels/web", json!({})).await;
    for (place, units, pickup) in [("near", 1, true), ("dark", 9, false), ("far", 3, true)] {
        let at = if place == "far" { 41.0 } else { 40.0 };
        shop.set(
            "PUT",
            &format!("/v1/locations/{place}"),
            json!({"pickup": pickup, "latitude": at, "longitude": -3.7}),
        )
        .await;
        let row = json!({"kind": "receipt", "sku": "A", "location": place, "quantity": units});
        shop.set("POST", "/v1/stock/movements", json!({"movements": [row]})).await;
    }
    let little = json!({"kind": "pickup_only", "below": 2000, "currency": "EUR"});
    shop.set("PUT", "/v1/rules/little", little).await;
    let mut body = json!({"channel": "web", "value": {"amount": 100, "currency": "EUR"}, "lines": [{"sku": "A", "quantity": 3}],
        "destination": {"latitude": 40.0, "longitude": -3.7}});
    let refused = shop.call("POST", "/v1/sourcing", &body).await;
    let would = refused.body["lines"][0]["would_succeed"].clone();
    assert_eq!(would, json!({"purpose": "pickup", "destination": {"location": "far"}}), "{:#}", refused.body);
    for (field, value) in would.as_object().unwrap() {
        body[field] = value.clone();
    }
    let made = shop.call("POST", "/v1/sourcing", &body).await;
    assert_eq!(made.status, 201, "{:#}", made.body);
    // If no location has it, there is no advice.
    body["purpose"] = json!("delivery");
    let refused = shop.call("POST", "/v1/sourcing", &body).await;
    assert_eq!(refused.body["lines"][0]["would_succeed"], json!({}), "{:#}", refused.body);
}

#[tokio::test]
async fn what_is_open_makes_room_when_it_is_told_to() {
    let shop = Shop::open(1, NOON_MS);
    shop.set("PUT", "/v1/channels/few", json!({})).await;
    let row = json!({"kind": "receipt", "sku": "A", "location": "s0", "quantity": 9});
    shop.set("POST", "/v1/stock/movements", json!({"movements": [row]})).await;
    let hold = |seconds: u64| json!({"channel": "few", "ttl_seconds": seconds, "lines": [{"sku": "A", "location": "s0", "quantity": 1}]});
    for seconds in [600, 40] {
        assert_eq!(shop.reserve(&hold(seconds)).await.status, 201);
    }
    for after in [0, 1, 17] {
        shop.wait(after);
        let refused = shop.reserve(&hold(600)).await;
        assert_eq!((refused.status, &refused.body["limit"]), (429, &json!("limits.channel.few.open_holds")));
        assert!(refused.retry_after.unwrap() > 1, "not before one of them ends: {:?}", refused.retry_after);
    }
    let refused = shop.reserve(&hold(600)).await;
    shop.wait(refused.retry_after.unwrap());
    assert_eq!(shop.reserve(&hold(600)).await.status, 201);
    // The advised maximum is granted, too.
    let refused = shop.reserve(&hold(600)).await;
    assert_eq!((refused.status, &refused.body["most"]), (429, &json!(2)));
}
