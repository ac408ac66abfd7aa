//! What one decision may cost and sell, as a client sees it: quantities move at once, buffers are kept by everybody, what a
//! group is told to have is granted, and a journal thread that does not come round is told.

use std::process::Command;
use std::time::{Duration, Instant};

use anaquel_loadtest::client::Answer;
use anaquel_loadtest::server::{Server, run, verify};
use anaquel_tests::calls::put;
use anaquel_tests::folder::folder;
use anaquel_tests::{Shop, binary};
use serde_json::{Value, json};

fn reserve(shop: &mut Shop, channel: &str, lines: &Value) -> Answer {
    let body = json!({"channel": channel, "ttl_seconds": 3600, "lines": lines});
    shop.client.post("/v1/reservations", &body).unwrap()
}

/// Asked of a group or a location.
fn line(place: &str, name: &str, quantity: u64) -> Value {
    json!([{"sku": "K", place: name, "quantity": quantity}])
}

fn told(shop: &mut Shop, group: &str, channel: &str) -> u64 {
    let path = format!("/v1/availability?sku=K&group={group}&channel={channel}");
    shop.client.get(&path).unwrap().json()["items"][0]["available"].as_u64().unwrap()
}

/// Stops the server, and adds its log up.
fn stop_and_verify(shop: Shop) {
    let (_folder, data) = shop.stopped();
    verify(binary(), &data).unwrap();
}

#[test]
fn a_large_quantity_moves_along_two_hops_at_once() {
    let mut shop = Shop::default();
    for place in ["a", "b", "c"] {
        put(&mut shop.client, &format!("/v1/locations/{place}"), &json!({"kind": "store"}));
    }
    put(&mut shop.client, "/v1/groups/g1", &json!({"locations": ["a", "b"]}));
    put(&mut shop.client, "/v1/groups/g2", &json!({"locations": ["b", "c"]}));
    let units = 1_000_000_000;
    shop.receive("K", "a", units);
    assert_eq!(reserve(&mut shop, "web", &line("group", "g1", 1_000_000_000)).status, 201);
    shop.receive("K", "b", units);
    assert_eq!(reserve(&mut shop, "web", &line("group", "g2", 1_000_000_000)).status, 201);
    shop.receive("K", "c", units);
    assert_eq!((told(&mut shop, "g1", "web"), told(&mut shop, "g2", "web")), (1_000_000_000, 1_000_000_000));
    let made = reserve(&mut shop, "web", &line("location", "a", 1_000_000_000));
    assert_eq!(made.status, 201, "{}", made.json());
    assert_eq!(told(&mut shop, "g1", "web"), 0);
    stop_and_verify(shop);
}

#[test]
fn a_group_is_told_to_have_what_it_gives_and_buffers_are_kept() {
    let mut shop = Shop::default();
    for place in ["a", "b"] {
        put(&mut shop.client, &format!("/v1/locations/{place}"), &json!({"kind": "store"}));
    }
    put(&mut shop.client, "/v1/groups/g", &json!({"locations": ["a", "b"]}));
    put(&mut shop.client, "/v1/channels/mkt", &json!({"buffer": 2}));
    put(&mut shop.client, "/v1/channels/pos", &json!({"buffer": 0}));
    put(&mut shop.client, "/v1/channels/app", &json!({"buffer": 0}));
    shop.receive("K", "a", 10);
    assert_eq!(reserve(&mut shop, "pos", &line("group", "g", 4)).status, 201);
    shop.receive("K", "b", 10);
    assert_eq!(told(&mut shop, "g", "mkt"), 12);
    let refused = reserve(&mut shop, "mkt", &line("group", "g", 14));
    assert_eq!((refused.status, refused.slug().as_str()), (409, "insufficient-stock"));
    assert_eq!(
        (&refused.json()["lines"][0]["available"], &refused.json()["lines"][0]["constraint"]),
        (&json!(12), &json!("group"))
    );
    assert_eq!(reserve(&mut shop, "mkt", &line("group", "g", 12)).status, 201);
    assert_eq!((told(&mut shop, "g", "mkt"), told(&mut shop, "g", "pos")), (0, 4));
    // A quota has its say in what a group is told to have.
    put(&mut shop.client, "/v1/rules/own", &json!({"kind": "quota", "units": 3, "channels": ["app"]}));
    assert_eq!(told(&mut shop, "g", "pos"), 1);
    assert_eq!(reserve(&mut shop, "pos", &line("group", "g", 2)).status, 409);
    assert_eq!(reserve(&mut shop, "pos", &line("group", "g", 1)).status, 201);
    stop_and_verify(shop);
}

#[test]
fn a_promise_of_too_many_places_is_refused_by_its_limit() {
    let folder = folder();
    let config = folder.path().join("anaquel.toml");
    std::fs::write(&config, "[limits]\nreservation_group_cells = 3\nplan_promises = 2\n").unwrap();
    let mut shop = Shop::with(&["--config", config.to_str().unwrap()]);
    for place in ["a", "b"] {
        put(&mut shop.client, &format!("/v1/locations/{place}"), &json!({"kind": "store"}));
    }
    put(&mut shop.client, "/v1/groups/g", &json!({"locations": ["a", "b"]}));
    shop.receive("K", "a", 5);
    let two = json!([{"sku": "K", "group": "g", "quantity": 1}, {"sku": "K", "group": "g", "quantity": 1}]);
    let refused = reserve(&mut shop, "web", &two);
    assert_eq!(refused.status, 400);
    assert!(
        refused.json()["detail"].as_str().unwrap().contains("limits.reservation_group_cells"),
        "{}",
        refused.json()
    );
    for _ in 0..5 {
        assert_eq!(reserve(&mut shop, "web", &line("group", "g", 1)).status, 201);
    }
    shop.receive("K", "b", 5);
    let refused = reserve(&mut shop, "web", &line("location", "a", 4));
    assert_eq!(refused.status, 409);
    let told = refused.json();
    assert_eq!(
        (&told["lines"][0]["constraint"], &told["lines"][0]["available"]),
        (&json!("group"), &json!(2)),
        "{told}"
    );
    assert!(told["detail"].as_str().unwrap().contains("limits.plan_promises"), "{told}");
    assert_eq!(reserve(&mut shop, "web", &line("location", "a", 2)).status, 201);
    stop_and_verify(shop);
}

/// `floor-kept-too-little.tar.gz` was made by a build that kept the floor of whoever moved last: record 16 sells the two
/// units of a cell that its channel leaves to others.
#[test]
fn a_log_with_a_known_fault_is_served_and_verified_by_name() {
    let folder = folder();
    let archive = anaquel_tests::root().join("tests/data/floor-kept-too-little.tar.gz");
    assert!(Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(folder.path()).status().unwrap().success());
    let data = folder.path().join("data");
    let server = Server::start(binary(), &data, &[]).unwrap();
    let info = server.client().get("/v1/info").unwrap().json();
    let hash = info["state_hash"].as_str().unwrap();
    server.stop().unwrap();
    let data = data.to_str().unwrap();
    let refused = run(binary(), &["verify", "--data", data]).unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1));
    assert!(said.contains("records 16 ") && said.contains("no unit was promised twice"), "{said}");
    assert!(said.contains("--allow floor-kept-too-little"), "{said}");
    let allowed = run(binary(), &["verify", "--data", data, "--allow", "floor-kept-too-little"]).unwrap();
    let said = String::from_utf8_lossy(&allowed.stdout).into_owned();
    assert!(allowed.status.success() && said.contains("floor-kept-too-little at records 16"), "{said}");
    assert!(said.contains(hash), "as the server showed it: {said}");
}

#[test]
fn a_turn_that_takes_long_is_told_while_it_lasts() {
    let folder = folder();
    let config = folder.path().join("anaquel.toml");
    std::fs::write(&config, "[journal]\nslow_turn_ms = 4\nstuck_turn_ms = 12\n").unwrap();
    let mut shop = Shop::with(&["--config", config.to_str().unwrap()]);
    let mut rows = String::from("sku,location,on_hand\n");
    for n in 0..90_000 {
        rows.push_str(&format!("S{n},p{},5\n", n % 7));
    }
    let (mut loader, mut reader) = (shop.server.client(), shop.server.client());
    let reasons = std::thread::scope(|scope| {
        let loading = scope.spawn(move || {
            // One atomic import is one turn.
            let loaded = loader.import("/v1/import/stock?atomic=true&create=true", rows.as_bytes()).unwrap();
            assert_eq!(loaded.status, 200, "{}", loaded.json());
        });
        let mut reasons = Vec::new();
        while !loading.is_finished() {
            let ready = reader.get("/readyz").unwrap();
            if ready.status == 503 {
                reasons.push(ready.json()["detail"].as_str().unwrap().to_owned());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        loading.join().unwrap();
        reasons
    });
    assert!(reasons.iter().any(|reason| reason.contains("journal thread")), "{reasons:?}");
    let until = Instant::now() + Duration::from_secs(60);
    while shop.client.get("/readyz").unwrap().status != 200 {
        assert!(Instant::now() < until, "it is ready again when the turn is over");
        std::thread::sleep(Duration::from_millis(5));
    }
    let metrics = shop.client.get("/metrics").unwrap();
    let metrics = String::from_utf8_lossy(&metrics.body).into_owned();
    let slow = metrics.lines().find_map(|line| line.strip_prefix("anaquel_slow_turns_total ")).unwrap();
    assert!(slow.trim().parse::<f64>().unwrap() >= 1.0, "{slow}");
}
