//! Carts over HTTP: one cart in all channels, lines that are absolute, merges, holds, who gets at which cart, secrets, and
//! writes that come twice, at once, or are cut off.

use std::time::{Duration, Instant};

use anaquel_loadtest::client::{Answer, Client};
use anaquel_loadtest::server::verify;
use anaquel_tests::calls::{get, put, send};
use anaquel_tests::house::{House, ask};
use anaquel_tests::{Shop, binary};
use serde_json::{Value, json};

/// Three places, a group of the first two, units of A and B with prices, and two rates of tax.
fn shop() -> Shop {
    let mut shop = Shop::default();
    stocked(&mut shop);
    shop
}

fn stocked(shop: &mut Shop) {
    shop.declare_channels(&["web", "app", "pos", "contact_centre"]);
    let client = &mut shop.client;
    for place in ["s1", "s2", "s3"] {
        put(client, &format!("/v1/locations/{place}"), &json!({}));
    }
    put(client, "/v1/groups/city", &json!({"locations": ["s1", "s2"]}));
    put(client, "/v1/tax-classes/standard", &json!({"rates": [{"rate": 2100}]}));
    put(client, "/v1/tax-classes/books", &json!({"rates": [{"rate": 400}]}));
    for sku in ["A", "B", "C"] {
        put(client, &format!("/v1/skus/{sku}"), &json!({}));
    }
    put(client, "/v1/skus/B", &json!({"tax_class": "books"}));
    let prices = json!({"prices": [
        {"sku": "A", "currency": "EUR", "amount": 1000}, {"sku": "A", "currency": "EUR", "amount": 900, "location": "s2"},
        {"sku": "B", "currency": "EUR", "amount": 520}]});
    put(client, "/v1/prices", &prices);
    for sku in ["A", "B"] {
        shop.receive(sku, "s1", 10);
        shop.receive(sku, "s2", 3);
    }
}

#[track_caller]
fn granted(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{}", answer.json());
    answer.json()
}

#[track_caller]
fn refused(answer: &Answer, status: u16, slug: &str, words: &[&str]) -> Value {
    assert_eq!((answer.status, answer.slug().as_str()), (status, slug), "{}", answer.json());
    let told = answer.json().to_string();
    assert!(words.iter().all(|word| told.contains(word)), "{words:?} in {told}");
    answer.json()
}

/// A cart of the web, by its own id.
fn body(id: &str, lines: &Value) -> Value {
    json!({"cart": id, "channel": "web", "currency": "EUR", "location": "s1", "lines": lines})
}

#[track_caller]
fn made(client: &mut Client, id: &str, lines: &Value) -> Value {
    granted(&client.post("/v1/carts", &body(id, lines)).unwrap(), 201)
}

fn a(units: i64) -> Value {
    json!([{"sku": "A", "quantity": units}])
}

fn set_lines(client: &mut Client, id: &str, channel: &str, lines: &Value) -> Answer {
    client.put(&format!("/v1/carts/{id}/lines"), &json!({"channel": channel, "lines": lines})).unwrap()
}

fn set_customer(client: &mut Client, id: &str, body: &Value) -> Answer {
    client.put(&format!("/v1/carts/{id}/customer"), body).unwrap()
}

fn hold(client: &mut Client, id: &str, more: &Value) -> Answer {
    let mut body = json!({"channel": "web", "purpose": "cart", "ttl_seconds": 900});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    client.post(&format!("/v1/carts/{id}/hold"), &body).unwrap()
}

fn close(client: &mut Client, id: &str) -> Answer {
    client.post(&format!("/v1/carts/{id}/close"), &json!({})).unwrap()
}

/// The SKU and the units of each line.
fn lines(cart: &Value) -> Vec<(String, i64)> {
    let lines = cart["lines"].as_array().unwrap().iter();
    lines.map(|line| (line["sku"].as_str().unwrap().to_owned(), line["quantity"].as_i64().unwrap())).collect()
}

#[test]
fn a_cart_tells_prices_taxes_and_stock_as_they_are_when_it_is_read() {
    let mut shop = shop();
    let client = &mut shop.client;
    let lines =
        json!([{"sku": "A", "quantity": 2}, {"line": "gift", "sku": "B", "quantity": 1}, {"sku": "C", "quantity": 1}]);
    let made = client.post("/v1/carts", &body("k-5", &lines)).unwrap();
    assert_eq!(made.header("location"), Some("/v1/carts/k-5"));
    let cart = granted(&made, 201);
    assert_eq!(made.header("etag"), Some(format!("\"{}\"", cart["version"]).as_str()));
    assert_eq!(
        cart["lines"],
        json!([
            {"line": "A", "sku": "A", "quantity": 2, "unit_amount": 1000, "amount": 2000, "available": 10},
            {"line": "gift", "sku": "B", "quantity": 1, "unit_amount": 520, "amount": 520, "available": 10},
            {"line": "C", "sku": "C", "quantity": 1, "unit_amount": null, "amount": null, "available": 0},
        ])
    );
    // 2000 at 21 % contain 347.11, 520 at 4 % contain 20.
    let money = |cart: &Value| ["subtotal", "discount", "tax", "total"].map(|field| cart[field].as_i64().unwrap());
    assert_eq!(money(&cart), [2520, 0, 367, 2520]);
    for (field, expected) in [
        ("state", json!("open")),
        ("channel", json!("web")),
        ("customer", Value::Null),
        ("location", json!("s1")),
        ("currency", json!("EUR")),
        ("codes", json!([])),
        ("offers", json!([])),
        ("holds", json!([])),
        ("merged_into", Value::Null),
    ] {
        assert_eq!(cart[field], expected, "{field}");
    }
    let token = cart["token"].as_str().unwrap();
    assert!(token.len() == 32 && token.bytes().all(|byte| byte.is_ascii_hexdigit()), "{token}");
    // The price changes, and units go: the cart has not changed, and tells both.
    put(client, "/v1/prices", &json!({"prices": [{"sku": "A", "currency": "EUR", "amount": 1100}]}));
    shop.receive("A", "s1", 5);
    let client = &mut shop.client;
    let later = get(client, "/v1/carts/k-5");
    assert_eq!((&later["lines"][0]["amount"], &later["lines"][0]["available"]), (&json!(2200), &json!(15)));
    assert_eq!((&later["version"], &later["updated_at"]), (&cart["version"], &cart["updated_at"]));
    assert!(later["seq"].as_u64() > cart["seq"].as_u64());
    // Its ETag is for conditions on writes: the text is never "not modified".
    let headers = [("If-None-Match", made.header("etag").unwrap())];
    assert_eq!(send(client, "GET", "/v1/carts/k-5", &headers, &Value::Null).status, 200);
}

#[test]
fn lines_are_set_to_absolute_quantities_and_the_others_stay() {
    let mut shop = shop();
    let client = &mut shop.client;
    made(client, "k", &json!([{"sku": "A", "quantity": 2}, {"sku": "B", "quantity": 1}]));
    let cart = granted(
        &set_lines(client, "k", "app", &json!([{"sku": "B", "quantity": 4}, {"line": "x", "sku": "A", "quantity": 1}])),
        200,
    );
    assert_eq!(lines(&cart), [("A".to_owned(), 2), ("B".to_owned(), 4), ("A".to_owned(), 1)]);
    let cart = granted(
        &set_lines(client, "k", "app", &json!([{"sku": "A", "quantity": 0}, {"sku": "C", "quantity": 0}])),
        200,
    );
    assert_eq!(lines(&cart), [("B".to_owned(), 4), ("A".to_owned(), 1)]);
    // The same again changes nothing.
    let again = granted(&set_lines(client, "k", "app", &json!([{"sku": "B", "quantity": 4}])), 200);
    assert_eq!(again["version"], cart["version"]);
    // Only at a version.
    let tag = format!("\"{}\"", cart["version"]);
    let body = json!({"channel": "web", "lines": [{"sku": "B", "quantity": 5}]});
    let path = "/v1/carts/k/lines";
    let changed = send(client, "PUT", path, &[("If-Match", &tag)], &body);
    granted(&changed, 200);
    let body = json!({"channel": "web", "lines": [{"sku": "B", "quantity": 6}]});
    let stale = refused(&send(client, "PUT", path, &[("If-Match", &tag)], &body), 412, "stale-version", &[]);
    assert_eq!(stale["version"], changed.json()["version"]);
    assert_eq!(lines(&get(client, "/v1/carts/k"))[0], ("B".to_owned(), 5));
}

#[test]
fn two_devices_that_set_one_line_end_with_one_of_the_two_quantities_never_their_sum() {
    let mut shop = shop();
    made(&mut shop.client, "k", &a(1));
    for round in 0..20 {
        let (left, right) = (2 + 2 * round, 3 + 2 * round);
        std::thread::scope(|scope| {
            for units in [left, right] {
                let mut client = shop.server.client();
                scope.spawn(move || granted(&set_lines(&mut client, "k", "web", &a(units)), 200));
            }
        });
        let told = lines(&get(&mut shop.client, "/v1/carts/k"));
        assert!(told == [("A".to_owned(), left)] || told == [("A".to_owned(), right)], "{told:?}");
    }
    // With a condition, one of the two is told that it came too late.
    let version = get(&mut shop.client, "/v1/carts/k")["version"].clone();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let devices: Vec<_> = [100, 200]
            .into_iter()
            .map(|units| {
                let (mut client, tag) = (shop.server.client(), format!("\"{version}\""));
                scope.spawn(move || {
                    let body = json!({"channel": "web", "lines": a(units)});
                    send(&mut client, "PUT", "/v1/carts/k/lines", &[("If-Match", &tag)], &body).status
                })
            })
            .collect();
        devices.into_iter().map(|device| device.join().unwrap()).collect()
    });
    let mut sorted = statuses.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, [200, 412]);
    let units = if statuses[0] == 200 { 100 } else { 200 };
    assert_eq!(lines(&get(&mut shop.client, "/v1/carts/k")), [("A".to_owned(), units)]);
}

#[test]
fn a_cart_begun_on_the_web_is_read_at_a_till_by_its_token_and_changed_there() {
    let house = House::default();
    let boss = house.key("boss", &["admin"], &[]);
    let web = house.key("web", &["sell"], &["--channel", "web"]);
    let till = house.key("till", &["sell"], &["--channel", "pos", "--location", "s1"]);
    let reader = house.key("reader", &["read", "reserve"], &[]);
    let server = house.serve(&[]);
    let mut client = server.client();
    let mut done = |key: &str, method: &str, path: &str, body: &Value| ask(&mut client, key, method, path, body);
    for path in ["/v1/channels/web", "/v1/channels/pos", "/v1/locations/s1", "/v1/locations/s2", "/v1/skus/A"] {
        assert_eq!(done(&boss, "PUT", path, &json!({})).status, 200);
    }
    let prices = json!({"prices": [{"sku": "A", "currency": "EUR", "amount": 700}]});
    assert_eq!(done(&boss, "PUT", "/v1/prices", &prices).status, 200);
    let units = json!({"movements": [{"kind": "receipt", "sku": "A", "location": "s1", "quantity": 5}]});
    assert_eq!(done(&boss, "POST", "/v1/stock/movements", &units).status, 200);

    let begun = granted(&done(&web, "POST", "/v1/carts", &body("k", &a(1))), 201);
    let token = begun["token"].as_str().unwrap().to_owned();
    assert_eq!(done(&reader, "GET", "/v1/carts/k", &Value::Null).status, 403, "the scope is sell");
    // Without the token it does not exist for the till; with it, it can be read and changed there.
    refused(&done(&till, "GET", "/v1/carts/k", &Value::Null), 404, "not-found", &[]);
    let set = |more: Value| {
        let mut body = json!({"channel": "pos", "lines": [{"sku": "A", "quantity": 2}]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    refused(&done(&till, "PUT", "/v1/carts/k/lines", &set(json!({}))), 404, "not-found", &[]);
    let wrong = "0".repeat(32);
    refused(&done(&till, "PUT", "/v1/carts/k/lines", &set(json!({"token": wrong}))), 404, "not-found", &[]);
    refused(&done(&till, "POST", "/v1/carts/find", &json!({"token": wrong})), 404, "not-found", &[]);
    refused(&done(&till, "POST", "/v1/carts/find", &json!({"token": "x"})), 400, "invalid-request", &["token"]);
    let found = granted(&done(&till, "POST", "/v1/carts/find", &json!({"token": token.to_uppercase()})), 200);
    assert_eq!((&found["cart"], &found["lines"], found.get("token")), (&json!("k"), &begun["lines"], None));
    let changed = granted(&done(&till, "PUT", "/v1/carts/k/lines", &set(json!({"token": token}))), 200);
    assert_eq!(lines(&changed), [("A".to_owned(), 2)]);
    // A channel that is not the key's is refused, whatever it names.
    let mut other = set(json!({"token": token}));
    other["channel"] = json!("web");
    refused(&done(&till, "PUT", "/v1/carts/k/lines", &other), 403, "forbidden", &["channel"]);
    // It becomes a customer's; naming them opens it, too.
    let theirs = json!({"customer": "c-81", "token": token});
    assert_eq!(granted(&done(&till, "PUT", "/v1/carts/k/customer", &theirs), 200)["customer"], "c-81");
    let read = granted(&done(&till, "GET", "/v1/carts/k?customer=c-81", &Value::Null), 200);
    assert_eq!(read.get("token"), None, "its secret is for its channel");
    refused(&done(&till, "GET", "/v1/carts/k?customer=c-82", &Value::Null), 404, "not-found", &[]);
    let list = granted(&done(&till, "GET", "/v1/carts?customer=c-81", &Value::Null), 200);
    assert_eq!((&list["items"][0]["cart"], list["items"][0].get("token")), (&json!("k"), None));
    let held =
        json!({"channel": "pos", "purpose": "carry_out", "location": "s1", "ttl_seconds": 60, "customer": "c-81"});
    let mut elsewhere = held.clone();
    elsewhere["location"] = json!("s2");
    refused(&done(&till, "POST", "/v1/carts/k/hold", &elsewhere), 403, "forbidden", &["location"]);
    assert_eq!(granted(&done(&till, "POST", "/v1/carts/k/hold", &held), 200)["holds"].as_array().unwrap().len(), 1);
    // Both channels and both keys stand in its history; its own channel sees its secret.
    let whole = granted(&done(&web, "GET", "/v1/carts/k", &Value::Null), 200);
    assert_eq!(whole["token"], json!(token));
    let history: Vec<_> = whole["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| [&step["kind"], &step["channel"], &step["actor"]])
        .collect();
    assert_eq!(
        history,
        [
            [&json!("cart_made"), &json!("web"), &json!("web")],
            [&json!("cart_lines_set"), &json!("pos"), &json!("till")],
            [&json!("cart_customer_set"), &Value::Null, &json!("till")],
            [&json!("cart_held"), &json!("pos"), &json!("till")],
        ]
    );
    let closing = json!({"customer": "c-81"});
    assert_eq!(granted(&done(&till, "POST", "/v1/carts/k/close", &closing), 200)["state"], "closed");
    // The secret is in no event, list or log.
    let events = granted(&done(&boss, "GET", "/v1/events?limit=1000", &Value::Null), 200);
    assert!(events.to_string().contains("cart_held"), "{events}");
    assert!(!events.to_string().contains(&token));
    assert!(!granted(&done(&web, "GET", "/v1/carts?customer=c-81", &Value::Null), 200).to_string().contains(&token));
    assert!(!house.log().contains(&token));
}

#[test]
fn a_customer_has_one_open_cart_a_currency_and_merging_makes_it_one() {
    let mut shop = shop();
    let client = &mut shop.client;
    let of = |id: &str, lines: Value| json!({"cart": id, "channel": "web", "currency": "EUR", "customer": "c", "lines": lines, "codes": ["ENERO10"]});
    let first = granted(&client.post("/v1/carts", &of("t", a(2))).unwrap(), 201);
    let second = granted(&client.post("/v1/carts", &of("u", json!([{"sku": "B", "quantity": 1}]))).unwrap(), 200);
    assert_eq!((&second["cart"], lines(&second)), (&json!("t"), vec![("A".to_owned(), 2), ("B".to_owned(), 1)]));
    assert_eq!((&second["codes"], &second["token"]), (&json!(["ENERO10"]), &first["token"]));
    for (rule, mine, expected) in [("max", 5, 5), ("sum", 2, 7), ("mine", 1, 1), ("theirs", 9, 1)] {
        made(
            client,
            &format!("m-{rule}"),
            &json!([{"sku": "A", "quantity": mine}, {"line": "1", "sku": "C", "quantity": 1}]),
        );
        let theirs =
            granted(&set_customer(client, &format!("m-{rule}"), &json!({"customer": "c", "merge": rule})), 200);
        assert_eq!(
            (&theirs["cart"], lines(&theirs)[0].1, &theirs["dropped"]),
            (&json!("t"), expected, &json!([])),
            "{rule}"
        );
    }
    let merged = get(client, "/v1/carts/m-max");
    assert_eq!((&merged["state"], &merged["merged_into"]), (&json!("merged"), &json!("t")));
    // A step on it names the other; the same step again is answered with their cart.
    for answer in [
        set_lines(client, "m-max", "web", &a(1)),
        close(client, "m-max"),
        hold(client, "m-max", &json!({"location": "s1"})),
        set_customer(client, "m-max", &json!({"customer": "d"})),
    ] {
        let told = refused(&answer, 409, "wrong-state", &[]);
        assert_eq!(
            (&told["cart"], &told["state"], &told["merged_into"]),
            (&json!("m-max"), &json!("merged"), &json!("t"))
        );
    }
    assert_eq!(granted(&set_customer(client, "m-max", &json!({"customer": "c"})), 200)["cart"], "t");
    // One that has another customer stays theirs.
    let told = refused(&set_customer(client, "t", &json!({"customer": "d"})), 409, "wrong-state", &[]);
    assert_eq!((&told["cart"], &told["customer"]), (&json!("t"), &json!("c")));
    // Lines beyond 100 are left out and told.
    let many: Vec<Value> = (0..97).map(|n| json!({"line": format!("l{n}"), "sku": "A", "quantity": 1})).collect();
    assert_eq!(granted(&set_lines(client, "t", "web", &json!(many)), 200)["lines"].as_array().unwrap().len(), 100);
    refused(
        &set_lines(client, "t", "web", &json!([{"line": "one-more", "sku": "A", "quantity": 1}])),
        400,
        "invalid-request",
        &["lines", "100"],
    );
    put(client, "/v1/skus/D", &json!({}));
    made(client, "m", &json!([{"line": "l1", "sku": "D", "quantity": 3}]));
    let theirs = granted(&set_customer(client, "m", &json!({"customer": "c"})), 200);
    assert_eq!(theirs["lines"].as_array().unwrap().len(), 100);
    assert_eq!(theirs["dropped"], json!([{"line": "l1", "sku": "D", "quantity": 3}]));
    // Of a SKU in both, one line remains, which makes room.
    made(client, "n", &a(1));
    let theirs = granted(&set_customer(client, "n", &json!({"customer": "c", "merge": "theirs"})), 200);
    assert_eq!(lines(&theirs), [("A".to_owned(), 98), ("B".to_owned(), 1), ("C".to_owned(), 1)]);
    let list = get(client, "/v1/carts?customer=c&limit=1");
    assert_eq!(
        (&list["items"][0]["cart"], list["items"].as_array().unwrap().len(), &list["next"]),
        (&json!("t"), 1, &Value::Null)
    );
}

#[test]
fn customers_who_merge_at_once_end_with_one_open_cart() {
    let mut shop = shop();
    for round in 0..10 {
        for id in ["a", "b"] {
            made(&mut shop.client, &format!("{id}{round}"), &a(2));
        }
        std::thread::scope(|scope| {
            for id in ["a", "b"] {
                let (mut client, id) = (shop.server.client(), format!("{id}{round}"));
                scope.spawn(move || {
                    granted(
                        &set_customer(&mut client, &id, &json!({"customer": format!("c{round}"), "merge": "sum"})),
                        200,
                    )
                });
            }
        });
        let list = get(&mut shop.client, &format!("/v1/carts?customer=c{round}"));
        let items = list["items"].as_array().unwrap();
        assert_eq!((items.len(), lines(&items[0])), (1, vec![("A".to_owned(), 4)]), "{list}");
    }
}

#[test]
fn a_hold_replaces_the_one_before_in_the_same_step_and_only_the_cart_changes_it() {
    let mut shop = shop();
    let client = &mut shop.client;
    made(client, "k", &a(8));
    let held = granted(&hold(client, "k", &json!({"purpose": "pickup", "location": "s1"})), 200);
    let first = held["holds"][0].as_str().unwrap().to_owned();
    assert_eq!(shop.cell("A", "s1"), (10, 8, 2));
    let client = &mut shop.client;
    let reservation = get(client, &format!("/v1/reservations/{first}"));
    assert_eq!((&reservation["state"], &reservation["purpose"]), (&json!("held"), &json!("pickup")));
    for (step, body) in [("confirm", json!({})), ("cancel", json!({})), ("extend", json!({"ttl_seconds": 60}))] {
        let told =
            refused(&client.post(&format!("/v1/reservations/{first}/{step}"), &body).unwrap(), 409, "wrong-state", &[]);
        assert_eq!(told["cart"], "k", "{step}");
    }
    let taken =
        json!({"channel": "web", "lines": [{"sku": "A", "location": "s1", "quantity": 1}], "supersedes": first});
    assert_eq!(refused(&client.post("/v1/reservations", &taken).unwrap(), 409, "wrong-state", &[])["cart"], "k");
    // All ten, eight of which it holds already: nobody else can have them in between.
    granted(&set_lines(client, "k", "web", &a(10)), 200);
    let again = granted(&hold(client, "k", &json!({"location": "s1"})), 200);
    assert!(again["holds"].as_array().unwrap().len() == 1 && again["holds"][0] != json!(first));
    granted(&set_lines(client, "k", "web", &a(11)), 200);
    let short = refused(&hold(client, "k", &json!({"location": "s1"})), 409, "insufficient-stock", &[]);
    assert_eq!(
        (&short["lines"][0]["sku"], &short["lines"][0]["requested"], &short["lines"][0]["available"]),
        (&json!("A"), &json!(11), &json!(10))
    );
    assert_eq!(get(client, "/v1/carts/k")["holds"], again["holds"], "it holds what it held");
    // Anywhere in a group, and some of it.
    granted(&set_lines(client, "k", "web", &a(14)), 200);
    refused(&hold(client, "k", &json!({"group": "city"})), 409, "insufficient-stock", &[]);
    granted(&hold(client, "k", &json!({"group": "city", "allow_partial": true})), 200);
    assert_eq!((shop.cell("A", "s1").1, shop.cell("A", "s2").1), (10, 3));
    let client = &mut shop.client;
    assert_eq!(granted(&close(client, "k"), 200)["holds"], json!([]));
    assert_eq!(granted(&close(client, "k"), 200)["state"], "closed");
    assert_eq!(shop.cell("A", "s1"), (10, 0, 10));
}

#[test]
fn a_hold_that_expires_leaves_the_cart_open_with_no_holds() {
    let mut shop = shop();
    let client = &mut shop.client;
    made(client, "k", &a(4));
    assert_eq!(
        granted(&hold(client, "k", &json!({"location": "s1", "ttl_seconds": 1})), 200)["holds"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let started = Instant::now();
    while get(client, "/v1/carts/k")["holds"] != json!([]) {
        assert!(started.elapsed() < Duration::from_secs(20), "it never expires");
        std::thread::sleep(Duration::from_millis(20));
    }
    let cart = get(client, "/v1/carts/k");
    assert_eq!((&cart["state"], &cart["lines"][0]["quantity"]), (&json!("open"), &json!(4)));
    assert_eq!(granted(&hold(client, "k", &json!({"location": "s1"})), 200)["holds"].as_array().unwrap().len(), 1);
    // A merge gives back what this cart held, and keeps what theirs holds.
    granted(
        &client
            .post(
                "/v1/carts",
                &json!({"cart": "t", "channel": "web", "currency": "EUR", "customer": "c", "lines": a(1)}),
            )
            .unwrap(),
        201,
    );
    granted(&hold(client, "t", &json!({"location": "s1"})), 200);
    let theirs = granted(&set_customer(client, "k", &json!({"customer": "c"})), 200);
    assert_eq!((theirs["holds"].as_array().unwrap().len(), &theirs["lines"][0]["quantity"]), (1, &json!(4)));
    assert_eq!(shop.cell("A", "s1"), (10, 1, 9));
}

#[test]
fn what_comes_twice_is_answered_with_the_cart_as_it_is() {
    let mut shop = shop();
    let client = &mut shop.client;
    // Lines without an id of the caller's need a key.
    let anonymous = json!({"channel": "web", "currency": "EUR", "lines": a(1)});
    refused(&client.post("/v1/carts", &anonymous).unwrap(), 400, "invalid-request", &["Idempotency-Key"]);
    let keyed = |client: &mut Client, method: &str, path: &str, key: &str, body: &Value| {
        send(client, method, path, &[("Idempotency-Key", key)], body)
    };
    let first = keyed(client, "POST", "/v1/carts", "one", &anonymous);
    let cart = granted(&first, 201);
    let id = cart["cart"].as_str().unwrap().to_owned();
    let path = format!("/v1/carts/{id}");
    granted(&keyed(client, "PUT", &format!("{path}/lines"), "two", &json!({"channel": "web", "lines": a(3)})), 200);
    granted(
        &keyed(
            client,
            "POST",
            &format!("{path}/hold"),
            "three",
            &json!({"channel": "web", "purpose": "cart", "location": "s1", "ttl_seconds": 900}),
        ),
        200,
    );
    let now = granted(&set_lines(client, &id, "web", &a(5)), 200);
    for _ in 0..2 {
        for (method, step, key, body, status) in [
            ("POST", String::from("/v1/carts"), "one", anonymous.clone(), 201),
            ("PUT", format!("{path}/lines"), "two", json!({"channel": "web", "lines": a(3)}), 200),
            (
                "POST",
                format!("{path}/hold"),
                "three",
                json!({"channel": "web", "purpose": "cart", "location": "s1", "ttl_seconds": 900}),
                200,
            ),
        ] {
            let again = keyed(&mut shop.client, method, &step, key, &body);
            assert_eq!(again.header("idempotent-replayed"), Some("true"), "{step}");
            let told = granted(&again, status);
            assert_eq!(
                (&told["cart"], &told["version"], lines(&told)),
                (&now["cart"], &now["version"], vec![("A".to_owned(), 5)]),
                "{step}"
            );
        }
        let other = keyed(
            &mut shop.client,
            "POST",
            "/v1/carts",
            "one",
            &json!({"channel": "web", "currency": "EUR", "lines": a(2)}),
        );
        refused(&other, 422, "idempotency-mismatch", &[]);
        shop = shop.killed_and_restarted();
    }
    let client = &mut shop.client;
    // An id of the caller's is its own key.
    let named = made(client, "k", &a(1));
    granted(&set_lines(client, "k", "web", &a(2)), 200);
    let again = granted(&client.post("/v1/carts", &body("k", &a(1))).unwrap(), 200);
    assert_eq!(
        (&again["cart"], lines(&again), &again["token"]),
        (&json!("k"), vec![("A".to_owned(), 2)], &named["token"])
    );
    let other = refused(&client.post("/v1/carts", &body("k", &a(7))).unwrap(), 409, "already-exists", &["k"]);
    assert_eq!(other["seq"], named["version"]);
    // A customer's cart without lines needs none: the same again finds it.
    let theirs = json!({"channel": "web", "currency": "EUR", "customer": "c"});
    let one = granted(&client.post("/v1/carts", &theirs).unwrap(), 201);
    assert_eq!(granted(&client.post("/v1/carts", &theirs).unwrap(), 200)["cart"], one["cart"]);
}

#[test]
fn bad_carts_are_refused_by_field_with_the_remedy_and_change_nothing() {
    let mut shop = shop();
    let client = &mut shop.client;
    let with = |field: &str, value: Value| {
        let mut body = body("new", &a(1));
        body[field] = value;
        body
    };
    let line = |field: &str, value: Value| {
        let mut line = json!({"sku": "A", "quantity": 1});
        line[field] = value;
        with("lines", json!([line]))
    };
    let many = |count: usize| -> Value {
        (0..count).map(|n| json!({"line": format!("l{n}"), "sku": "A", "quantity": 1})).collect()
    };
    let seq = get(client, "/v1/info")["seq"].clone();
    for (body, field, words) in [
        (with("channel", json!("nobody")), "channel", "web"),
        (with("currency", json!("eur")), "currency", "EUR"),
        (with("currency", json!("XXX")), "currency", ""),
        (with("customer", json!("ana@example.org")), "customer", "identifiers"),
        (with("customer", json!("+34600000000")), "customer", "identifiers"),
        (with("location", json!("nowhere")), "location", "declare it first"),
        (with("lines", json!([])), "lines", "first line"),
        (with("lines", many(101)), "lines", "100"),
        (line("sku", json!("NOPE")), "lines[0].sku", "declare it first"),
        (line("quantity", json!(-1)), "lines[0].quantity", "between 0"),
        (line("quantity", json!(1.5)), "quantity", ""),
        (line("price", json!(1)), "price", "unknown field"),
        (with("lines", json!([{"sku": "A", "quantity": 1}, {"sku": "A", "quantity": 2}])), "lines[1].sku", "twice"),
        (with("codes", Value::from(vec!["x"; 21])), "codes", "20"),
        (with("ttl_seconds", json!(59)), "ttl_seconds", "60"),
        (with("ttl_seconds", json!(7_776_001)), "ttl_seconds", "7776000"),
        (with("token", json!("x")), "token", "unknown field"),
    ] {
        refused(&client.post("/v1/carts", &body).unwrap(), 400, "invalid-request", &[field, words]);
    }
    assert_eq!(get(client, "/v1/info")["seq"], seq);
    made(client, "k", &a(1));
    for (body, field) in [
        (json!({"lines": a(1)}), "channel"),
        (json!({"channel": "web", "lines": []}), "lines"),
        (json!({"channel": "web", "lines": a(1), "token": "zz"}), "token"),
        (json!({"channel": "web", "lines": a(1), "version": 3}), "version"),
    ] {
        refused(&client.put("/v1/carts/k/lines", &body).unwrap(), 400, "invalid-request", &[field]);
    }
    for (body, field) in [
        (json!({}), "customer"),
        (json!({"customer": "c", "merge": "both"}), "merge"),
        (json!({"customer": "a@b"}), "customer"),
    ] {
        refused(&set_customer(client, "k", &body), 400, "invalid-request", &[field]);
    }
    for (more, field) in [
        (json!({}), "location"),
        (json!({"location": "s1", "group": "city"}), "group"),
        (json!({"location": "nowhere"}), "location"),
        (json!({"location": "s1", "purpose": "transfer"}), "purpose"),
        (json!({"location": "s1", "ttl_seconds": 0}), "ttl_seconds"),
    ] {
        refused(&hold(client, "k", &more), 400, "invalid-request", &[field]);
    }
    refused(&client.get("/v1/carts").unwrap(), 400, "invalid-request", &["customer"]);
    refused(
        &client.get("/v1/carts/k?token=0123456789abcdef0123456789abcdef").unwrap(),
        400,
        "invalid-request",
        &["token"],
    );
    for answer in
        [client.get("/v1/carts/none").unwrap(), close(client, "none"), set_lines(client, "none", "web", &a(1))]
    {
        refused(&answer, 404, "not-found", &[]);
    }
    assert_eq!(get(client, "/v1/carts?customer=nobody")["items"], json!([]));
}

#[test]
fn carts_survive_kills_and_the_log_proves_them() {
    let mut shop = shop();
    made(&mut shop.client, "k", &a(2));
    granted(&hold(&mut shop.client, "k", &json!({"location": "s1"})), 200);
    granted(
        &shop
            .client
            .post(
                "/v1/carts",
                &json!({"cart": "t", "channel": "web", "currency": "EUR", "customer": "c", "codes": ["X"]}),
            )
            .unwrap(),
        201,
    );
    granted(&set_customer(&mut shop.client, "k", &json!({"customer": "c"})), 200);
    made(&mut shop.client, "m", &a(3));
    granted(&hold(&mut shop.client, "m", &json!({"location": "s1"})), 200);
    let told = |shop: &mut Shop| ["k", "t", "m"].map(|id| get(&mut shop.client, &format!("/v1/carts/{id}")));
    let first = told(&mut shop);
    shop = shop.killed_and_restarted();
    assert_eq!(told(&mut shop), first, "from the log");
    shop = shop.restarted();
    let again = told(&mut shop);
    assert_eq!(again, first, "from a checkpoint");
    let hash = get(&mut shop.client, "/v1/info")["state_hash"].clone();
    let (folder, data) = shop.stopped();
    assert_eq!(hash, *verify(binary(), &data).unwrap());
    drop(folder);
}

#[test]
fn beyond_the_limit_the_cart_longest_untouched_expires() {
    let house = House::default();
    let server = house.serve_with("[carts]\nopen_max = 2\nanonymous_seconds = 3600\n");
    let mut client = server.client();
    for path in ["/v1/channels/web", "/v1/locations/s1", "/v1/skus/A"] {
        put(&mut client, path, &json!({}));
    }
    for id in ["a", "b", "c"] {
        made(&mut client, id, &a(1));
    }
    let states: Vec<_> =
        ["a", "b", "c"].iter().map(|id| get(&mut client, &format!("/v1/carts/{id}"))["state"].clone()).collect();
    assert_eq!(states, ["expired", "open", "open"]);
    refused(&set_lines(&mut client, "a", "web", &a(2)), 409, "wrong-state", &["expired"]);
}
