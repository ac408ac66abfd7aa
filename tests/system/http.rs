//! HTTP as RFC 9110 and every client has it: conditional requests, packed bodies, answers that come as early as they can,
//! proxies, pages, signals, and settings from the environment.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use anaquel_loadtest::client::{Answer, Client};
use anaquel_loadtest::server::{Server, verify};
use anaquel_tests::calls::send;
use anaquel_tests::folder::folder;
use anaquel_tests::house::{House, ask, bearer};
use anaquel_tests::{Shop, binary};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

/// How long anything that is waited for may take.
const PATIENCE: Duration = Duration::from_secs(60);

fn told(answer: &Answer) -> (u16, String) {
    (answer.status, answer.slug())
}

fn stale() -> (u16, String) {
    (412, "stale-version".to_owned())
}

fn tag(answer: &Answer) -> String {
    answer.header("etag").unwrap_or_else(|| panic!("no tag: {}", answer.json())).to_owned()
}

fn pack(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn unpack(packed: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    GzDecoder::new(packed).read_to_end(&mut plain).unwrap();
    plain
}

/// What can be set under a precondition, and two things to set it to.
fn things() -> [(&'static str, Value, Value); 5] {
    [
        ("/v1/skus/A", json!({"name": "one"}), json!({"name": "two"})),
        ("/v1/locations/s1", json!({"name": "one"}), json!({"name": "two"})),
        ("/v1/groups/all", json!({"locations": ["s0"]}), json!({"locations": []})),
        ("/v1/channels/web", json!({"buffer": 1}), json!({"buffer": 2})),
        ("/v1/rules/r", json!({"kind": "safety_stock", "units": 1}), json!({"kind": "safety_stock", "units": 2})),
    ]
}

/// H2, H14: `If-Match` and `If-None-Match` with `*`, lists, weak and strong tags, on all that can be set; what is no list
/// of tags is refused, and changes nothing.
#[test]
fn preconditions_are_read_as_rfc_9110_has_them() {
    let mut shop = Shop::default();
    shop.client.put("/v1/locations/s0", &json!({})).unwrap();
    for (path, one, two) in &things() {
        let client = &mut shop.client;
        let mut put = |headers: &[(&str, &str)], body: &Value| send(client, "PUT", path, headers, body);
        assert_eq!(told(&put(&[("If-Match", "*")], one)), stale(), "{path}: there is none");
        assert_eq!(told(&put(&[("If-Match", "\"1\"")], one)), stale(), "{path}");
        let made = put(&[("If-None-Match", "*")], one);
        assert_eq!(made.status, 200, "{path}: {}", made.json());
        let first = tag(&made);
        assert_eq!(told(&put(&[("If-None-Match", "*")], two)), stale(), "{path}: there is one");
        let listed = format!("\"x\", W/\"7\", {first}");
        assert_eq!(told(&put(&[("If-None-Match", &listed)], two)), stale(), "{path}: it is on the list");
        assert_eq!(told(&put(&[("If-None-Match", &format!("W/{first}"))], two)), stale(), "{path}: weakly the same");
        assert_eq!(told(&put(&[("If-Match", &format!("W/{first}"))], two)), stale(), "{path}: not strongly the same");
        for malformed in ["0.5", "7", "\"7", "", "'7'", "\"7\" \"8\"", "*, \"7\""] {
            for name in ["If-Match", "If-None-Match"] {
                let refused = put(&[(name, malformed)], two);
                assert_eq!(told(&refused), (400, "invalid-request".to_owned()), "{path} {name}: {malformed}");
                assert_eq!(refused.json()["field"], name, "{}", refused.json());
            }
        }
        let kept = client.get(path).unwrap();
        assert_eq!(tag(&kept), first, "{path}: nothing of that changed it");
        let mut put = |headers: &[(&str, &str)], body: &Value| send(client, "PUT", path, headers, body);
        assert_eq!(put(&[("If-Match", &listed)], two).status, 200, "{path}: a list");
        let second = tag(&put(&[("If-None-Match", &format!("{first}, \"x\""))], one));
        assert_eq!(
            put(&[("If-Match", "\"x\""), ("If-Match", &second)], two).status,
            200,
            "{path}: two lines are one list"
        );
        assert_eq!(told(&put(&[("If-Match", &second)], one)), stale(), "{path}");
        assert_eq!(put(&[("If-Match", "*")], one).status, 200, "{path}: any");
        assert_eq!(told(&put(&[("If-Match", "*"), ("If-None-Match", "*")], two)), stale(), "{path}: both must hold");
    }
    let client = &mut shop.client;
    let rule = tag(&client.get("/v1/rules/r").unwrap());
    let remove = |client: &mut Client, name: &str, value: &str| {
        told(&send(client, "DELETE", "/v1/rules/r", &[(name, value)], &Value::Null))
    };
    assert_eq!(remove(client, "If-Match", "\"1\""), stale());
    assert_eq!(remove(client, "If-None-Match", "*"), stale());
    assert_eq!(remove(client, "If-Match", "1").0, 400);
    assert_eq!(remove(client, "If-Match", &format!("\"1\", {rule}")).0, 200);
    assert_eq!(remove(client, "If-Match", "*"), stale(), "it is gone");
    // What a movement made up is there, and has a tag.
    shop.receive("made-up", "s0", 1);
    let made_up = shop.client.get("/v1/skus/made-up").unwrap();
    let put = |shop: &mut Shop, name: &str, value: &str| {
        told(&send(&mut shop.client, "PUT", "/v1/skus/made-up", &[(name, value)], &json!({"name": "x"})))
    };
    assert_eq!(put(&mut shop, "If-None-Match", "*"), stale());
    assert_eq!(put(&mut shop, "If-Match", &tag(&made_up)).0, 200);
    let (_folder, data) = shop.stopped();
    verify(binary(), &data).unwrap();
}

/// H2: of many who make the same thing at once, one does; of many who change what they read, one.
#[test]
fn of_many_at_once_one_holds() {
    let shop = Shop::default();
    let address = shop.server.address;
    for (path, one, two) in &things() {
        if *path == "/v1/groups/all" {
            shop.server.client().put("/v1/locations/s0", &json!({})).unwrap();
        }
        let at_once = |name: &'static str, value: &str, body: &Value| {
            std::thread::scope(|scope| {
                let askers: Vec<_> = (0..8)
                    .map(|_| {
                        scope.spawn(|| send(&mut Client::new(address), "PUT", path, &[(name, value)], body).status)
                    })
                    .collect();
                let mut told: Vec<_> = askers.into_iter().map(|asker| asker.join().unwrap()).collect();
                told.sort_unstable();
                told
            })
        };
        let expected = [200, 412, 412, 412, 412, 412, 412, 412];
        assert_eq!(at_once("If-None-Match", "*", one), expected, "{path}");
        let seen = tag(&Client::new(address).get(path).unwrap());
        assert_eq!(at_once("If-Match", &seen, two), expected, "{path}");
    }
}

/// H2: who knows what is read is told so without it, and never when it would be another text.
#[test]
fn a_known_tag_is_told_without_the_text() {
    let mut shop = Shop::default();
    shop.client.put("/v1/locations/s0", &json!({})).unwrap();
    for (path, one, two) in &things() {
        shop.client.put(path, one).unwrap();
        let whole = shop.client.get(path).unwrap();
        let known = tag(&whole);
        let read =
            |client: &mut Client, name: &str, value: &str| client.send("GET", path, &[(name, value)], b"").unwrap();
        for value in [known.clone(), format!("W/{known}"), format!("\"x\", {known}"), "*".to_owned()] {
            let answer = read(&mut shop.client, "If-None-Match", &value);
            assert_eq!((answer.status, answer.body.len()), (304, 0), "{path}: {value}");
            assert_eq!(tag(&answer), known, "{path}");
        }
        assert_eq!(read(&mut shop.client, "If-None-Match", "\"x\"").body, whole.body, "{path}");
        assert_eq!(read(&mut shop.client, "If-None-Match", "x").status, 400, "{path}");
        assert_eq!(told(&read(&mut shop.client, "If-Match", "\"x\"")), stale(), "{path}");
        assert_eq!(read(&mut shop.client, "If-Match", &known).status, 200, "{path}");
        let set = shop.client.put(path, two).unwrap();
        let changed = read(&mut shop.client, "If-None-Match", &known);
        assert_eq!((changed.status, tag(&changed)), (200, tag(&set)), "{path}: it is another now");
    }
    // What changes a thing without being set on it changes its tag.
    let mut tags =
        vec![(tag(&shop.client.get("/v1/locations/s1").unwrap()), shop.client.get("/v1/locations/s1").unwrap().body)];
    for groups in [&["g"][..], &["h"], &["g", "h"], &[]] {
        for group in ["g", "h"] {
            let members: &[&str] = if groups.contains(&group) { &["s1"] } else { &[] };
            shop.client.put(&format!("/v1/groups/{group}"), &json!({"locations": members})).unwrap();
            let answer = shop.client.get("/v1/locations/s1").unwrap();
            tags.push((tag(&answer), answer.body));
        }
    }
    for (one, text) in &tags {
        for (other, other_text) in &tags {
            assert_eq!(one == other, text == other_text, "{one} and {other}");
        }
    }
    let last = tags.last().unwrap().0.clone();
    shop.client.put("/v1/groups/g", &json!({"locations": ["s1"]})).unwrap();
    let gone = send(&mut shop.client, "PUT", "/v1/locations/s1", &[("If-Match", &last)], &json!({"groups": []}));
    assert_eq!(told(&gone), stale(), "it is in another group than was read");
    // A rule whose date comes.
    let starts_at = jiff::Timestamp::now() + Duration::from_secs(1);
    let rule = json!({"kind": "safety_stock", "units": 5, "starts_at": starts_at.to_string()});
    let before = shop.client.put("/v1/rules/later", &rule).unwrap();
    let began = Instant::now();
    loop {
        let answer = shop.client.send("GET", "/v1/rules/later", &[("If-None-Match", &tag(&before))], b"").unwrap();
        if answer.status == 200 {
            assert_eq!(answer.json()["in_force"], true, "{}", answer.json());
            assert_ne!(tag(&answer), tag(&before));
            break;
        }
        assert!(began.elapsed() < PATIENCE, "it never comes into force");
        std::thread::sleep(Duration::from_millis(20));
    }
    let shop = shop.killed_and_restarted();
    let again = shop.server.client().send("GET", "/v1/skus/A", &[("If-None-Match", "\"x\"")], b"").unwrap();
    let known = [("If-None-Match", &*tag(&again))];
    assert_eq!(
        shop.server.client().send("GET", "/v1/skus/A", &known, b"").unwrap().status,
        304,
        "also after a restart"
    );
}

/// H3: every call that sets or removes takes a key, and keeps its promise beside a precondition: the first answer again,
/// whatever became of the thing; once, however many ask at once; also after a crash.
#[test]
fn a_keyed_write_with_a_precondition_is_told_its_first_answer() {
    let mut shop = Shop::default();
    let document = shop.client.get("/openapi.json").unwrap().json();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in ["put", "delete"] {
            let parameters = item[method]["parameters"].as_array();
            let takes_key = |all: &Vec<Value>| all.iter().any(|one| one["name"] == "Idempotency-Key");
            assert!(item[method].is_null() || parameters.is_some_and(takes_key), "{method} {path} takes no key");
        }
    }
    shop.client.put("/v1/locations/s0", &json!({})).unwrap();
    let supply = json!({"supplies": [{"supply": "PO", "sku": "A", "location": "s0", "quantity": 5,
        "expected_at": "2100-01-05T09:00:00.000Z"}]});
    let mut first = Vec::new();
    for (path, one, two) in &things() {
        let made = send(&mut shop.client, "PUT", path, &[("Idempotency-Key", "make"), ("If-None-Match", "*")], one);
        assert_eq!(made.status, 200, "{path}: {}", made.json());
        let seen = tag(&made);
        let changed = send(&mut shop.client, "PUT", path, &[("Idempotency-Key", "change"), ("If-Match", &seen)], two);
        assert_eq!(changed.status, 200, "{path}: {}", changed.json());
        first.push((*path, "make", ("If-None-Match", "*".to_owned()), one.clone(), made));
        first.push((*path, "change", ("If-Match", seen), two.clone(), changed));
    }
    let set = send(&mut shop.client, "PUT", "/v1/supply", &[("Idempotency-Key", "supply")], &supply);
    assert_eq!(set.status, 200, "{}", set.json());
    for in_order in [true, false, true] {
        let before = shop.seq();
        for (path, key, (name, value), body, first) in &first {
            let headers = [("Idempotency-Key", *key), (*name, value.as_str())];
            let again = send(&mut shop.client, "PUT", path, &headers, body);
            assert_eq!((again.status, again.header("idempotent-replayed")), (200, Some("true")), "{path} {key}");
            assert_eq!((again.json(), tag(&again)), (first.json(), tag(first)), "{path} {key}");
            let keyless = send(&mut shop.client, "PUT", path, &headers[1..], body);
            assert_eq!(told(&keyless), stale(), "{path} {key}: without its key it is another request");
        }
        let again = send(&mut shop.client, "PUT", "/v1/supply", &[("Idempotency-Key", "supply")], &supply);
        assert_eq!((again.header("idempotent-replayed"), again.json()), (Some("true"), set.json()));
        assert_eq!(shop.seq(), before, "nothing happened again");
        shop = if in_order { shop.restarted() } else { shop.killed_and_restarted() };
    }
    // Many at once, under one key: all are told the same, and it happens once.
    let seen = tag(&shop.client.get("/v1/rules/r").unwrap());
    let (address, before) = (shop.server.address, shop.seq());
    let at_once = |method: &'static str, key: &'static str, body: &Value| {
        let headers = [("Idempotency-Key", key), ("If-Match", seen.as_str())];
        let ask = || send(&mut Client::new(address), method, "/v1/rules/r", &headers, body);
        std::thread::scope(|scope| {
            let askers: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
            askers.into_iter().map(|asker| asker.join().unwrap()).collect::<Vec<_>>()
        })
    };
    let answers = at_once("DELETE", "remove", &Value::Null);
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.body == answers[0].body), "{answers:?}");
    let log = Client::new(address).get(&format!("/v1/events?after={before}")).unwrap().json();
    let kinds: Vec<_> = log["items"].as_array().unwrap().iter().map(|item| item["kind"].to_string()).collect();
    let different: std::collections::BTreeSet<_> = kinds.iter().collect();
    assert_eq!(different.len(), kinds.len(), "removed once, and told once: {log}");
    let answers = at_once("PUT", "too late", &json!({"kind": "safety_stock", "units": 9}));
    assert!(answers.iter().all(|answer| told(answer) == stale()), "what is refused is decided anew each time");
    let mut shop = shop.killed_and_restarted();
    let headers = [("Idempotency-Key", "remove"), ("If-Match", seen.as_str())];
    let again = send(&mut shop.client, "DELETE", "/v1/rules/r", &headers, &Value::Null);
    assert_eq!((again.status, again.header("idempotent-replayed")), (200, Some("true")), "{}", again.json());
    let (_folder, data) = shop.stopped();
    verify(binary(), &data).unwrap();
}

/// H4: what is packed with gzip is read, on every way in; what claims to be and is not, what is too large once it is
/// unpacked, and other encodings are refused.
#[test]
fn packed_bodies_are_read_within_bounds() {
    let house = House::default();
    let server = house.serve_with("[limits]\nimport_bytes = 100000\nbody_bytes = 200000\n");
    let mut client = server.client();
    let mut post = |path: &str, kind: &str, encoding: &str, more: &[(&str, &str)], body: &[u8]| {
        let headers: Vec<_> =
            more.iter().copied().chain([("Content-Type", kind), ("Content-Encoding", encoding)]).collect();
        client.send("POST", path, &headers, body).unwrap()
    };
    const JSON: &str = "application/json";
    let stock = pack(b"sku,location,on_hand\nA,s1,7\nB,s1,8\n");
    let loaded = post("/v1/import/stock?create=true", "text/csv", "gzip", &[], &stock);
    assert_eq!((loaded.status, &loaded.json()["accepted"]), (200, &json!(2)), "{}", loaded.json());
    let lines = pack(br#"{"sku": "A", "location": "s1", "on_hand": 9}"#);
    let loaded = post("/v1/import/stock", "application/x-ndjson", "x-gzip", &[], &lines);
    assert_eq!((loaded.status, &loaded.json()["accepted"]), (200, &json!(1)), "{}", loaded.json());
    let order = json!({"channel": "web", "lines": [{"sku": "A", "location": "s1", "quantity": 1}]}).to_string();
    let reserved = post("/v1/reservations", JSON, "gzip", &[("Idempotency-Key", "k")], &pack(order.as_bytes()));
    assert_eq!(reserved.status, 201, "{}", reserved.json());
    // A repeat may be packed otherwise, or not at all: what it says is the same.
    for (encoding, body) in [("identity", order.clone().into_bytes()), ("gzip", pack(format!(" {order}").as_bytes()))] {
        let again = post("/v1/reservations", JSON, encoding, &[("Idempotency-Key", "k")], &body);
        assert_eq!((again.header("idempotent-replayed"), &again.json()["id"]), (Some("true"), &reserved.json()["id"]));
    }
    let keyed = [("Idempotency-Key", "file")];
    let first = post("/v1/import/stock", "text/csv", "gzip", &keyed, &stock);
    let again = post("/v1/import/stock", "text/csv", "gzip", &keyed, &stock);
    assert_eq!((again.header("idempotent-replayed"), again.json()), (Some("true"), first.json()));
    let large = json!({"channel": "web", "customer": "c", "lines": [{"sku": "A", "location": "s1", "quantity": 1}]});
    let large = format!("{large}{}", " ".repeat(150_000));
    assert_eq!(post("/v1/reservations", JSON, "gzip", &[], &pack(large.as_bytes())).status, 201, "within the bound");
    // A file of a kilobyte that becomes a megabyte.
    let bomb = vec![b' '; 1 << 20];
    let refused = post("/v1/reservations", JSON, "gzip", &[], &pack(&bomb));
    assert_eq!(
        (told(&refused), &refused.json()["limit"]),
        ((413, "payload-too-large".into()), &json!("limits.body_bytes"))
    );
    let rows = [b"sku,location,on_hand\n".as_slice(), &b"A,s1,7\n".repeat(20_000)].concat();
    let refused = post("/v1/import/stock", "text/csv", "gzip", &[], &pack(&rows));
    assert_eq!(
        (told(&refused), &refused.json()["limit"]),
        ((413, "payload-too-large".into()), &json!("limits.import_bytes"))
    );
    for (path, kind) in [("/v1/reservations", JSON), ("/v1/import/stock", "text/csv"), ("/v1/availability/query", JSON)]
    {
        let good: &[u8] = if kind == JSON { b"{\"skus\": [\"A\"]}" } else { b"sku,location,on_hand\nA,s1,7\n" };
        let packed = pack(good);
        for bad in [good, &packed[..packed.len() - 4], &packed[..3]] {
            let refused = post(path, kind, "gzip", &[], bad);
            assert_eq!(told(&refused), (400, "invalid-request".to_owned()), "{path}");
            let detail = refused.json()["detail"].as_str().unwrap().to_owned();
            assert!(detail.contains("gzip") && !detail.contains("UTF-8"), "{detail}");
        }
        for other in ["deflate", "br", "zstd", "gzip, gzip", "compress"] {
            let refused = post(path, kind, other, &[], good);
            assert_eq!(told(&refused), (415, "unsupported-media-type".to_owned()), "{path}: {other}");
            assert_eq!(refused.header("accept-encoding"), Some("gzip, identity"), "{path}");
            assert_eq!(refused.json()["field"], "Content-Encoding");
        }
    }
    let unmarked = post("/v1/reservations", JSON, "identity", &[], &pack(order.as_bytes()));
    assert!(unmarked.json()["detail"].as_str().unwrap().contains("Content-Encoding: gzip"), "{}", unmarked.json());
}

/// H4: whoever accepts it is sent large answers packed, whole or piece by piece; small ones, streams, and all that is asked
/// for without it come as they are.
#[test]
fn large_answers_are_packed_for_who_accepts_that() {
    let mut shop = Shop::default();
    let places: String = (0..2000).map(|at| format!("s{at},Store number {at}\n")).collect();
    let csv = format!("location,name\n{places}");
    assert_eq!(shop.client.import("/v1/import/locations", csv.as_bytes()).unwrap().status, 200);
    let stock: String = (0..2000).map(|at| format!("A,s{at},{at}\n")).collect();
    let csv = format!("sku,location,on_hand\n{stock}");
    assert_eq!(shop.client.import("/v1/import/stock?create=true", csv.as_bytes()).unwrap().status, 200);
    let members: Vec<_> = (0..2000).map(|at| format!("s{at}")).collect();
    assert_eq!(shop.client.put("/v1/groups/all", &json!({"locations": members})).unwrap().status, 200);
    let get = |path: &str, accepts: &str, more: &[(&str, &str)]| {
        let headers: Vec<_> = more.iter().copied().chain([("Accept-Encoding", accepts)]).collect();
        shop.server.client().send("GET", path, &headers, b"").unwrap()
    };
    let seq = |text: &[u8]| serde_json::from_slice::<Value>(text).unwrap_or_default()["seq"].clone();
    for path in [
        "/v1/availability?sku=A",
        "/v1/stock?sku=A",
        "/v1/locations?limit=1000",
        "/v1/groups/all",
        "/v1/export/stock",
        "/openapi.json",
        "/anaquel.js",
        "/",
        "/metrics",
    ] {
        let plain = shop.server.client().get(path).unwrap();
        assert_eq!((plain.status, plain.header("content-encoding")), (200, None), "{path}");
        for accepts in ["gzip", "br;q=1.0, gzip;q=0.8, *;q=0.1", "deflate, GZIP"] {
            let packed = get(path, accepts, &[]);
            assert_eq!((packed.status, packed.header("content-encoding")), (200, Some("gzip")), "{path}: {accepts}");
            assert!(
                packed.headers.iter().any(|(name, value)| name == "vary" && value.contains("accept-encoding")),
                "{path}: {:?}",
                packed.headers
            );
            assert_eq!(packed.header("content-type"), plain.header("content-type"), "{path}");
            let text = unpack(&packed.body);
            assert!(packed.body.len() < plain.body.len() && (text == plain.body || path == "/metrics"), "{path}");
            assert_eq!(seq(&text), seq(&plain.body));
        }
        for accepts in ["identity", "gzip;q=0", "br", ""] {
            assert_eq!(get(path, accepts, &[]).header("content-encoding"), None, "{path}: {accepts}");
        }
    }
    for path in ["/healthz", "/v1/availability?sku=A&location=s1", "/v1/skus/A"] {
        assert_eq!(get(path, "gzip", &[]).header("content-encoding"), None, "{path} is small");
    }
    let log = get("/v1/events?after=0&limit=1000", "gzip", &[]);
    assert_eq!(log.header("content-encoding"), Some("gzip"));
    let lines = get("/v1/events?after=0&limit=1000", "gzip", &[("Accept", "application/x-ndjson")]);
    assert_eq!((lines.status, lines.header("content-encoding")), (200, None), "a stream comes as it is");
    // The same tag is not of two texts; each is known by its own, and both by what they are of.
    for path in ["/v1/groups/all", "/anaquel.js"] {
        let (plain, packed) = (tag(&get(path, "identity", &[])), tag(&get(path, "gzip", &[])));
        assert_ne!(plain, packed, "{path}");
        for known in [&plain, &packed] {
            let answer = get(path, "gzip", &[("If-None-Match", known)]);
            assert_eq!((answer.status, answer.header("etag"), answer.body.len()), (304, Some(known.as_str()), 0));
        }
    }
    let seen = tag(&get("/v1/groups/all", "gzip", &[]));
    let set = send(&mut shop.client, "PUT", "/v1/groups/all", &[("If-Match", &seen)], &json!({"locations": []}));
    assert_eq!(set.status, 200, "{}", set.json());
    // Whoever accepts nothing at all is told what was done all the same.
    let order = json!({"channel": "web", "order": "x".repeat(60), "lines": vec![json!({"sku": "A", "location": "s9", "quantity": 1}); 9]});
    let headers = [("Accept-Encoding", "identity;q=0, *;q=0")];
    assert_eq!(send(&mut shop.client, "POST", "/v1/reservations", &headers, &order).status, 201);
}

/// Writes to a server of one's own and reads what comes, until it closes or has said `until`.
fn exchange(address: SocketAddr, request: &[u8], until: &str) -> (String, TcpStream) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request).unwrap();
    let mut said = Vec::new();
    let mut buffer = [0; 4096];
    while !String::from_utf8_lossy(&said).contains(until) {
        let read = stream.read(&mut buffer).expect("an answer in time");
        if read == 0 {
            break;
        }
        said.extend_from_slice(&buffer[..read]);
    }
    (String::from_utf8_lossy(&said).into_owned(), stream)
}

/// H14: what is too large is refused before it is read; who asked whether to send it is not told to.
#[test]
fn a_body_that_is_too_large_is_refused_before_it_is_there() {
    let house = House::default();
    let server = house.serve_with("[limits]\nbody_bytes = 100000\nimport_bytes = 100000\n");
    let address = server.address;
    for (path, kind) in [
        ("/v1/reservations", "application/json"),
        ("/v1/availability/query", "application/json"),
        ("/v1/import/stock", "text/csv"),
    ] {
        for more in ["", "Expect: 100-continue\r\n", "Content-Encoding: gzip\r\n"] {
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: 1000000000\r\n{more}\r\n"
            );
            let (said, mut stream) = exchange(address, head.as_bytes(), "/problems/");
            assert!(said.starts_with("HTTP/1.1 413 "), "{path}: {said}");
            assert!(said.to_ascii_lowercase().contains("connection: close"), "{said}");
            // It goes away once the client does.
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).unwrap();
        }
        // A body that does not say how long it is: as soon as more came than there may be.
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        let row = if kind == "text/csv" { "sku,location,on_hand\n".repeat(500) } else { " ".repeat(10_000) };
        let chunk = format!("{:x}\r\n{row}\r\n", row.len());
        let (said, _) = exchange(address, format!("{head}{}", chunk.repeat(12)).as_bytes(), "/problems/");
        assert!(said.starts_with("HTTP/1.1 413 "), "{path}: {said}");
    }
    // Whoever sends all of it all the same hears the answer, and its connection does not break before.
    let refused = server.client().send("POST", "/v1/reservations", &[], &vec![b' '; 8 << 20]).unwrap();
    assert_eq!(told(&refused), (413, "payload-too-large".to_owned()));
    // What is refused for another reason is told at once, too, and asks for nothing to be sent.
    house.keys(&["add", "someone", "--scope", "read"]);
    let began = Instant::now();
    while server.client().get("/v1/skus").unwrap().status != 401 {
        assert!(began.elapsed() < PATIENCE, "the key is not known");
        std::thread::sleep(Duration::from_millis(20));
    }
    let head = "POST /v1/reservations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n";
    for more in ["", "Expect: 100-continue\r\n"] {
        let (said, _) = exchange(address, format!("{head}{more}\r\n").as_bytes(), "/problems/");
        assert!(said.starts_with("HTTP/1.1 401 "), "{said}");
    }
    // A connection over which a small body was refused goes on.
    let small = format!("{head}\r\n{}", " ".repeat(1000));
    let (said, mut stream) = exchange(address, small.as_bytes(), "/problems/");
    assert!(said.starts_with("HTTP/1.1 401 "), "{said}");
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("HTTP/1.1 200 "), "{rest}");
}

/// H12: lists from the environment, and what of them is wrong told by name.
#[test]
fn lists_are_set_from_the_environment_with_commas() {
    let print = |variables: &[(&str, &str)], arguments: &[&str]| {
        let mut command = Command::new(binary());
        command.args(["serve", "--print-config"]).args(arguments).envs(variables.iter().copied());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let set = print(
        &[
            ("ANAQUEL_AUTH__ORIGINS", "https://a.example, https://b.example"),
            ("ANAQUEL_AUTH__HOSTS", "stock.example"),
            ("ANAQUEL_AUTH__ALGORITHMS", "ES256,EdDSA"),
            ("ANAQUEL_TRUSTED_PROXIES", "10.0.0.0/8,fd00::/8"),
            ("ANAQUEL_LIMITS__BODY_BYTES", "77"),
        ],
        &[],
    );
    let flat: String = set.split_whitespace().collect();
    for expected in [
        r#"origins=["https://a.example","https://b.example",]"#,
        r#"hosts=["stock.example"]"#,
        r#"algorithms=["ES256","EdDSA",]"#,
        r#"trusted_proxies=["10.0.0.0/8","fd00::/8",]"#,
        "body_bytes=77",
    ] {
        assert!(flat.contains(expected), "{expected} in {set}");
    }
    // Stronger than the file, also where nothing is left.
    let folder = folder();
    let file = folder.path().join("anaquel.toml");
    std::fs::write(&file, "trusted_proxies = [\"10.0.0.1\"]\n[auth]\norigins = [\"https://c.example\"]\n").unwrap();
    let file = ["--config", file.to_str().unwrap()];
    assert!(print(&[], &file).contains("https://c.example"));
    let emptied: String = print(&[("ANAQUEL_AUTH__ORIGINS", "")], &file).split_whitespace().collect();
    assert!(emptied.contains("origins=[]") && emptied.contains(r#"trusted_proxies=["10.0.0.1"]"#), "{emptied}");
    for (name, value, told) in [
        ("ANAQUEL_AUTH__ORIGINS", "https://a.example,b.example", "auth.origins: \"b.example\""),
        ("ANAQUEL_TRUSTED_PROXIES", "10.0.0.0/33", "trusted_proxies: \"10.0.0.0/33\""),
    ] {
        let mut command = Command::new(binary());
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(folder.path().join("data")).env(name, value);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(told), "{said}");
    }
}

/// H12: behind a proxy that is trusted, each caller has an address of its own; anybody else is not believed.
#[test]
fn a_trusted_proxy_says_who_asks() {
    const LIMIT: &str = "[limits]\naddress_requests_per_second = 3\n";
    let until_refused = |client: &mut Client, headers: &[(&str, &str)]| {
        (0..1000).find(|_| client.send("GET", "/v1/skus", headers, b"").unwrap().status == 429)
    };
    for (proxies, believed) in [("trusted_proxies = [\"127.0.0.0/8\"]\n", true), ("", false)] {
        let house = House::default();
        let server = house.serve_with(&format!("{proxies}{LIMIT}"));
        let mut client = server.client();
        let greedy = [("X-Forwarded-For", "203.0.113.9")];
        assert!(until_refused(&mut client, &greedy).is_some(), "there is no limit");
        // Another caller is asked right after the first was refused. A slow machine may need more than one try.
        let other_is_served = (0..50).any(|at| {
            let other = format!("198.51.100.{at}");
            until_refused(&mut client, &greedy);
            client.send("GET", "/v1/skus", &[("X-Forwarded-For", &other)], b"").unwrap().status == 200
        });
        assert!(other_is_served || !believed, "everybody behind the proxy is one");
        if !believed {
            let forged = (0..20).all(|at| {
                let forged = format!("198.51.100.{at}");
                client.send("GET", "/v1/skus", &[("X-Forwarded-For", &forged)], b"").unwrap().status == 200
            });
            assert!(!forged, "whoever names another address has no limit");
        }
        // What the client wrote before the proxy is not believed either.
        let mut refused = false;
        for at in 0..1000 {
            let chain = format!("198.51.100.{}, 203.0.113.77", at % 250);
            refused |= client.send("GET", "/v1/skus", &[("X-Forwarded-For", &chain)], b"").unwrap().status == 429;
        }
        assert!(refused, "an address that a caller made up counts");
    }
    // What is written down is whom the proxy asked for.
    let house = House::default();
    let key = house.key("till", &["stock", "ops"], &[]);
    let server = house.serve_with("trusted_proxies = [\"127.0.0.1\"]\n[log]\nlevel = \"debug\"\n");
    let mut client = server.client();
    let movement = json!({"movements": [{"kind": "receipt", "sku": "A", "location": "s1", "quantity": 1}]});
    let authorization = bearer(&key);
    for (header, value, expected) in [
        ("X-Forwarded-For", "203.0.113.9", "203.0.113.9"),
        ("Forwarded", "for=\"[2001:db8::7]:4711\";proto=https", "2001:db8::7"),
        ("X-Forwarded-For", "not an address", "127.0.0.1"),
    ] {
        let headers = [("Authorization", authorization.as_str()), (header, value)];
        let moved = send(&mut client, "POST", "/v1/stock/movements", &headers, &movement);
        assert_eq!(moved.status, 200, "{}", moved.json());
        let seq = moved.json()["seq"].as_u64().unwrap();
        let path = format!("/v1/events?after={}&limit=1", seq - 1);
        let event = ask(&mut client, &key, "GET", &path, &Value::Null).json();
        assert_eq!(event["items"][0]["cause"]["address"], expected, "{header}");
    }
    server.stop().unwrap();
    assert!(house.log().contains("203.0.113.9"), "and in the log");
}

/// H9: `/` leads to everything, and every kind of problem is told where its `type` points.
#[test]
fn pages_tell_where_things_are_and_what_problems_mean() {
    let mut shop = Shop::default();
    let address = shop.server.address;
    let get = |path: &str, accept: &str| Client::new(address).send("GET", path, &[("Accept", accept)], b"").unwrap();
    let page = shop.server.client().get("/").unwrap();
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let page = String::from_utf8(page.body).unwrap();
    let home = get("/", "application/json").json();
    for link in home["links"].as_array().unwrap() {
        let path = link["path"].as_str().unwrap();
        assert!(page.contains(&format!("href=\"{path}\"")), "{path} in {page}");
        let answer = shop.server.client().get(path).unwrap();
        assert!([200, 303, 307, 308].contains(&answer.status), "{path}: {}", answer.status);
    }
    for path in ["/docs", "/live", "/metrics", "/anaquel.js", "/openapi.json"] {
        assert!(page.contains(&format!("href=\"{path}\"")), "{path}");
    }
    let all = get("/problems", "application/json").json();
    let items = all["items"].as_array().unwrap();
    assert_eq!(items.len(), 22);
    for item in items {
        let path = item["type"].as_str().unwrap();
        let one = get(path, "application/json, text/html;q=0.5");
        assert_eq!((one.status, &one.json()), (200, item), "{path}");
        assert!(item["remedy"].as_str().unwrap().len() > 10 && item["description"].as_str().unwrap().len() > 10);
        let page = get(path, "text/html,application/xhtml+xml,*/*;q=0.8");
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"), "{path}");
        let page = String::from_utf8(page.body).unwrap();
        assert!(page.contains(item["title"].as_str().unwrap()), "{page}");
        assert!(page.contains(&item["status"].to_string()), "{page}");
    }
    assert_eq!(told(&get("/problems/unheard-of", "*/*")), (404, "not-found".to_owned()));
    // What refusals say of themselves is there to be read.
    let refused = [
        shop.client.get("/v1/skus/nothing").unwrap(),
        shop.client.get("/nowhere").unwrap(),
        shop.client.delete("/v1/stock").unwrap(),
        shop.client.post("/v1/reservations", &json!({})).unwrap(),
        shop.reserve("nothing", "nowhere", 1),
    ];
    for answer in refused {
        let told = answer.json();
        let page = get(told["type"].as_str().unwrap(), "application/json").json();
        assert_eq!((&page["status"], &page["title"]), (&told["status"], &told["title"]));
        assert_eq!(page["status"], answer.status);
    }
    let answer = shop.client.delete("/v1/stock").unwrap();
    let mut allowed: Vec<_> = answer.header("allow").unwrap().split(',').collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["GET", "HEAD"], "what it takes instead");
}

fn hang_up(server: &Server) {
    assert!(Command::new("kill").args(["-HUP", &server.pid().to_string()]).status().unwrap().success());
}

/// H9: a terminal that ends ends the server in order, unless it was started to outlive it.
#[test]
fn the_end_of_a_terminal_is_an_orderly_stop() {
    let house = House::default();
    // Whoever runs the tests may have been started to outlive a terminal, too.
    let listens = ["env", "--default-signal=HUP"];
    let mut server = Server::start_under(&listens, binary(), &house.data(), &[]).unwrap();
    let movement = json!({"movements": [{"kind": "receipt", "sku": "A", "location": "s1", "quantity": 1}]});
    assert_eq!(server.client().post("/v1/stock/movements", &movement).unwrap().status, 200);
    hang_up(&server);
    let began = Instant::now();
    let status = loop {
        if let Some(status) = server.ended().unwrap() {
            break status;
        }
        assert!(began.elapsed() < PATIENCE, "it goes on");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(status.success(), "{status}");
    let log = house.log();
    assert!(log.contains("SIGHUP") && log.contains("closed"), "{log}");
    verify(binary(), &house.data()).unwrap();
    // As nohup does it.
    let tool = ["sh", "-c", "trap '' HUP; exec \"$0\" \"$@\""];
    let server = Server::start_under(&tool, binary(), &house.data(), &[]).unwrap();
    hang_up(&server);
    for _ in 0..20 {
        assert_eq!(server.client().get("/readyz").unwrap().status, 200, "it was to outlive the terminal");
    }
    server.stop().unwrap();
}
