//! Issuers, series and receipts over HTTP: what may change when, who may do what, and what is refused.

use anaquel_loadtest::client::{Answer, Client};
use anaquel_loadtest::server::verify;
use anaquel_tests::calls::{get, put, send};
use anaquel_tests::house::{House, ask};
use anaquel_tests::{Shop, binary};
use serde_json::{Value, json};

fn issuer() -> Value {
    json!({"tax_id": "B12345678", "name": "Moda S.L.", "address": "Calle Mayor 1", "country": "ES", "timezone": "Europe/Madrid"})
}

fn series(prefix: &str) -> Value {
    json!({"issuer": "es", "kind": "receipt", "prefix": prefix})
}

/// One issuer, two places, two channels.
fn shop() -> Shop {
    let mut shop = Shop::default();
    shop.declare_channels(&["web", "pos"]);
    put(&mut shop.client, "/v1/locations/es-001", &json!({}));
    put(&mut shop.client, "/v1/issuers/es", &issuer());
    shop
}

fn refused(answer: &Answer) -> (u16, String, Value) {
    (answer.status, answer.slug(), answer.json()["field"].clone())
}

fn invalid(field: &str) -> (u16, String, Value) {
    (400, "invalid-request".to_owned(), json!(field))
}

#[test]
fn issuers_and_series_are_what_was_set_also_after_a_restart() {
    let mut shop = shop();
    let client = &mut shop.client;
    let told = get(client, "/v1/issuers/es");
    assert_eq!((&told["scheme"], &told["environment"]), (&json!("none"), &json!("production")));
    let moved = put(client, "/v1/issuers/es", &json!({"address": "Calle 2", "scheme": "verifactu"}));
    assert_eq!(
        (&moved["address"], &moved["scheme"], &moved["name"]),
        (&json!("Calle 2"), &json!("verifactu"), &told["name"])
    );
    let of = put(
        client,
        "/v1/series/ES-27",
        &json!({"issuer": "es", "kind": "receipt", "prefix": "A-", "channels": ["web", "pos", "web"], "locations": ["es-001"]}),
    );
    assert_eq!(
        (&of["digits"], &of["next"], &of["issued"], &of["last"]),
        (&json!(6), &json!(1), &json!(0), &Value::Null)
    );
    assert_eq!(of["channels"], json!(["pos", "web"]));
    // The same again is the same; what is left out stays, and null or [] takes it out.
    assert_eq!(put(client, "/v1/series/ES-27", &json!({"prefix": "A-"}))["seq"], of["seq"]);
    let of = put(client, "/v1/series/ES-27", &json!({"channels": null, "locations": [], "digits": 4, "first": 100}));
    assert_eq!((&of["channels"], &of["locations"], &of["next"]), (&json!([]), &json!([]), &json!(100)));
    put(client, "/v1/series/ES-28", &series("B-"));
    let (issuers, all) = (get(client, "/v1/issuers"), get(client, "/v1/series?limit=1"));
    assert_eq!((issuers["items"].as_array().unwrap().len(), &all["next"]), (1, &json!("ES-27")));
    assert_eq!(get(client, "/v1/series?after=ES-27")["items"][0]["series"], "ES-28");
    let hash = get(client, "/v1/info")["state_hash"].clone();
    for again in [Shop::killed_and_restarted, Shop::restarted] {
        shop = again(shop);
        assert_eq!(get(&mut shop.client, "/v1/series/ES-27"), of);
        assert_eq!(get(&mut shop.client, "/v1/issuers/es"), moved);
        assert_eq!(get(&mut shop.client, "/v1/info")["state_hash"], hash);
    }
    let (_folder, data) = shop.stopped();
    verify(binary(), &data).unwrap();
}

#[test]
fn what_rests_on_something_keeps_it() {
    let mut shop = shop();
    let client = &mut shop.client;
    put(
        client,
        "/v1/series/A",
        &json!({"issuer": "es", "kind": "receipt", "prefix": "A-", "channels": ["web"], "locations": ["es-001"]}),
    );
    for (path, held_by) in
        [("/v1/issuers/es", "series"), ("/v1/locations/es-001", "series"), ("/v1/channels/web", "series")]
    {
        let held = client.delete(path).unwrap();
        assert_eq!((held.status, held.slug().as_str()), (409, "wrong-state"), "{path}");
        assert_eq!(held.json()["held_by"][held_by]["some"], json!(["A"]), "{path}: {}", held.json());
    }
    // What is closed needs its places no more.
    put(client, "/v1/series/A", &json!({"closed": true}));
    assert_eq!(client.delete("/v1/channels/web").unwrap().status, 200);
    assert_eq!(client.delete("/v1/series/A").unwrap().status, 200);
    assert_eq!(client.delete("/v1/issuers/es").unwrap().status, 200);
    assert_eq!(client.get("/v1/issuers/es").unwrap().status, 404);
    let (_folder, data) = shop.stopped();
    verify(binary(), &data).unwrap();
}

#[test]
fn two_series_of_an_issuer_print_nothing_that_is_the_same() {
    let mut shop = shop();
    let client = &mut shop.client;
    put(client, "/v1/series/A", &series("A-"));
    for prefix in ["A-", "A-1", "A-12345"] {
        let taken = client.put("/v1/series/B", &series(prefix)).unwrap();
        assert_eq!((taken.status, taken.slug().as_str()), (409, "number-taken"), "{prefix}");
        let told = taken.json();
        assert_eq!(told["series"], "A");
        assert!(told["number"].as_str().unwrap().starts_with("A-"), "{told}");
    }
    assert_eq!(client.get("/v1/series/B").unwrap().status, 404, "nothing was set");
    put(client, "/v1/series/B", &series("B-"));
    let mut other = issuer();
    other["country"] = json!("PT");
    put(client, "/v1/issuers/pt", &other);
    put(client, "/v1/series/C", &json!({"issuer": "pt", "kind": "receipt", "prefix": "A-"}));
    // Another series that is set anew may clash, too.
    let taken = client.put("/v1/series/C", &json!({"issuer": "es"})).unwrap();
    assert_eq!((taken.status, taken.slug().as_str()), (409, "number-taken"));
}

#[test]
fn what_is_wrong_is_named() {
    let mut shop = shop();
    let client = &mut shop.client;
    put(client, "/v1/series/A", &series("A-"));
    let with = |mut body: Value, name: &str, value: Value| {
        body[name] = value;
        body
    };
    for (path, body, field) in [
        ("/v1/issuers/x", json!({}), "country"),
        ("/v1/issuers/x", with(issuer(), "tax_id", json!("B=1")), "tax_id"),
        ("/v1/issuers/x", with(issuer(), "country", json!("Spain")), "country"),
        ("/v1/issuers/x", with(issuer(), "timezone", json!("+01:00")), "timezone"),
        ("/v1/issuers/x", with(issuer(), "scheme", json!("ticketbai")), "scheme"),
        ("/v1/issuers/x", with(with(issuer(), "country", json!("MX")), "scheme", json!("verifactu")), "scheme"),
        ("/v1/issuers/x", with(issuer(), "colour", json!(1)), "colour"),
        ("/v1/issuers/x%20y", issuer(), "issuer"),
        ("/v1/series/x", with(series("X-"), "issuer", json!("nobody")), "issuer"),
        ("/v1/series/x", with(series("X-"), "kind", json!("bill")), "kind"),
        ("/v1/series/x", series("X&"), "prefix"),
        ("/v1/series/x", series(&"X".repeat(55)), "prefix"),
        ("/v1/series/x", with(series("X-"), "digits", json!(0)), "digits"),
        ("/v1/series/x", with(series("X-"), "first", json!(0)), "first"),
        ("/v1/series/x", with(series("X-"), "channels", json!(["nowhere"])), "channels[0]"),
        ("/v1/series/x", with(series("X-"), "locations", json!(["nowhere"])), "locations[0]"),
        ("/v1/series/x", with(series("X-"), "resets", json!("yearly")), "resets"),
    ] {
        let answer = client.put(path, &body).unwrap();
        assert_eq!(refused(&answer), invalid(field), "{path} {body}: {}", answer.json());
    }
    for (query, field) in [
        ("series=a%20b", "series"),
        ("fiscal=open", "fiscal"),
        ("from=yesterday", "from"),
        ("after=1", "after"),
        ("after=A:7", "after"),
        ("limit=0", "limit"),
        ("state=pending", "state"),
    ] {
        let answer = client.get(&format!("/v1/receipts?{query}")).unwrap();
        assert_eq!(refused(&answer), invalid(field), "{query}: {}", answer.json());
    }
    let found = get(
        client,
        "/v1/receipts?series=A&issuer=es&order=W-1&customer=c&fiscal=pending&from=2020-01-01T00:00:00Z&to=2020-01-01T00:00:00Z",
    );
    assert_eq!((&found["items"], &found["next"]), (&json!([]), &Value::Null));
    let recipient = json!({"tax_id": "1", "name": "A", "address": "B", "country": "ES"});
    for id in ["A:1", "A", "A:01", ":1", "nobody:1"] {
        assert_eq!(client.get(&format!("/v1/receipts/{id}")).unwrap().status, 404, "{id}");
        let invoice = json!({"series": "A", "recipient": recipient});
        assert_eq!(client.post(&format!("/v1/receipts/{id}/invoice"), &invoice).unwrap().status, 404, "{id}");
        let fiscal = client.post(&format!("/v1/receipts/{id}/fiscal"), &json!({"state": "accepted"})).unwrap();
        assert_eq!(fiscal.status, 404, "{id}");
    }
}

#[test]
fn changes_are_conditional_and_a_repeat_is_answered_as_first() {
    let mut shop = shop();
    let client = &mut shop.client;
    let seq = put(client, "/v1/series/A", &series("A-"))["seq"].clone();
    let tag = client.get("/v1/series/A").unwrap().header("etag").unwrap().to_owned();
    assert_eq!(tag, format!("\"{seq}\""));
    let close = json!({"closed": true});
    let stale = send(client, "PUT", "/v1/series/A", &[("If-Match", "\"1\"")], &close);
    assert_eq!((stale.status, stale.slug().as_str()), (412, "stale-version"));
    let keyed = [("If-Match", tag.as_str()), ("Idempotency-Key", "k-1")];
    let first = send(client, "PUT", "/v1/series/A", &keyed, &close);
    assert_eq!(first.status, 200);
    // Changed meanwhile: the repeat tells what was told first.
    put(client, "/v1/series/A", &json!({"closed": false}));
    let again = send(client, "PUT", "/v1/series/A", &keyed, &close);
    assert_eq!((again.status, again.header("idempotent-replayed")), (200, Some("true")));
    assert_eq!(again.json(), first.json());
    let mut shop = shop.killed_and_restarted();
    let again = send(&mut shop.client, "PUT", "/v1/series/A", &keyed, &close);
    assert_eq!(again.json(), first.json());
    assert_eq!(get(&mut shop.client, "/v1/series/A")["closed"], false);
    let events = get(&mut shop.client, "/v1/events?after=0&limit=1000");
    let kinds: Vec<_> = events["items"].as_array().unwrap().iter().map(|item| item["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "issuer_set").count(), 1);
    assert_eq!(kinds.iter().filter(|kind| **kind == "series_set").count(), 3);
}

#[test]
fn issuers_and_series_are_set_by_admins_and_read_by_sellers() {
    let house = House::default();
    let (admin, sell) = (house.key("admin", &["admin"], &[]), house.key("till", &["sell"], &["--channel", "pos"]));
    let read = house.key("read", &["read", "import", "stock", "refund"], &[]);
    let server = house.serve(&[]);
    let mut client = server.client();
    for key in [&sell, &read] {
        assert_eq!(ask(&mut client, key, "PUT", "/v1/issuers/es", &issuer()).status, 403);
    }
    assert_eq!(ask(&mut client, &admin, "PUT", "/v1/issuers/es", &issuer()).status, 200);
    assert_eq!(ask(&mut client, &admin, "PUT", "/v1/series/A", &series("A-")).status, 200);
    for path in ["/v1/issuers", "/v1/issuers/es", "/v1/series", "/v1/series/A", "/v1/receipts"] {
        assert_eq!(ask(&mut client, &sell, "GET", path, &Value::Null).status, 200, "{path}");
        assert_eq!(ask(&mut client, &read, "GET", path, &Value::Null).status, 403, "{path}");
    }
    assert_eq!(ask(&mut client, &sell, "DELETE", "/v1/series/A", &Value::Null).status, 403);
}

/// Whoever guesses a key learns nothing, and does not guess for long. No key of the API is needed.
#[test]
fn a_copy_is_read_without_a_key_sixty_times_a_minute() {
    let house = House::default();
    house.key("admin", &["admin"], &[]);
    let server = house.serve(&[]);
    let mut client = server.client();
    let copy = |client: &mut Client, key: &str| client.get(&format!("/r/{key}")).unwrap();
    for (at, key) in
        ["0".repeat(32), "f".repeat(32), "x".to_owned(), "A".repeat(32)].into_iter().cycle().take(60).enumerate()
    {
        let answer = copy(&mut client, &key);
        assert_eq!((answer.status, answer.slug().as_str()), (404, "not-found"), "{at}");
        for (name, value) in
            [("cache-control", "no-store"), ("x-robots-tag", "noindex"), ("referrer-policy", "no-referrer")]
        {
            assert_eq!(answer.header(name), Some(value));
        }
    }
    let many = copy(&mut client, &"0".repeat(32));
    assert_eq!((many.status, many.slug().as_str()), (429, "too-many-requests"));
    assert!(many.header("retry-after").unwrap().parse::<u64>().unwrap() <= 60);
    assert_eq!(client.get("/receipt.css").unwrap().status, 200);
}
