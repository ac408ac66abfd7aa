//! What one request may cost the others: large answers, clients that never read, crowds at the door, long reads, and
//! callers who take what all share.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anaquel_loadtest::client::{Answer, Client};
use anaquel_loadtest::server::Server;
use anaquel_loadtest::socket::{Mirror, Socket};
use anaquel_tests::binary;
use anaquel_tests::folder::{Folder, folder};
use serde_json::{Value, json};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

struct House {
    server: Server,
    client: Client,
    _folder: Folder,
}

/// A server with settings of its own, and so many SKUs in so many places.
fn house(settings: &str, skus: usize, places: usize) -> House {
    let folder = folder();
    let path = folder.path().join("anaquel.toml");
    std::fs::write(&path, settings).unwrap();
    let server = Server::start(binary(), &folder.path().join("data"), &["--config", path.to_str().unwrap()]).unwrap();
    let mut client = server.client();
    let mut rows = String::from("sku,location,on_hand\n");
    for sku in 0..skus {
        for place in 0..places {
            rows.push_str(&format!("SKU-{sku},place-{place},7\n"));
        }
    }
    let answer = client.import("/v1/import/stock?create=true", rows.as_bytes()).unwrap();
    assert_eq!((answer.status, answer.json()["rejected"].as_u64()), (200, Some(0)), "{}", answer.json());
    House { server, client, _folder: folder }
}

fn names(count: usize, name: &str) -> Vec<String> {
    (0..count).map(|n| format!("{name}-{n}")).collect()
}

fn refused(answer: &Answer) -> (u16, String, String) {
    let limit = answer.json()["limit"].as_str().unwrap_or_default().to_owned();
    (answer.status, answer.slug(), limit)
}

fn resident(server: &Server) -> u64 {
    let statm = std::fs::read_to_string(format!("/proc/{}/statm", server.pid())).unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

fn open(address: SocketAddr, words: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    // As much as it takes without an answer being read.
    let _ = stream.write_all(words);
    stream
}

fn question(skus: usize) -> Vec<u8> {
    let body = json!({"skus": names(skus, "SKU")}).to_string();
    let head = "POST /v1/availability/query HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// A write, and a read of one cell: what goes on whatever others do.
fn others_go_on(house: &House) {
    goes_on(&mut house.server.client());
}

/// The same over a connection that is in.
fn goes_on(client: &mut Client) {
    let row = json!({"kind": "receipt", "sku": "SKU-0", "location": "place-0", "quantity": 1});
    let answer = client.post("/v1/stock/movements", &json!({"movements": [row]})).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.json());
    assert_eq!(client.get("/v1/availability?sku=SKU-0&location=place-0").unwrap().status, 200);
    assert_eq!(client.get("/healthz").unwrap().status, 200);
    assert_eq!(client.get("/readyz").unwrap().status, 200);
}

#[test]
fn an_answer_has_so_many_cells_and_says_what_to_do() {
    let mut house = house("[limits]\nresponse_cells = 50\ngroup_cells = 90\n", 10, 10);
    let members: Vec<String> = names(10, "place");
    assert_eq!(house.client.put("/v1/groups/all", &json!({"locations": members})).unwrap().status, 200);
    let ask = |client: &mut Client, body: Value| client.post("/v1/availability/query", &body).unwrap();
    let cells = |answer: &Answer| answer.json()["items"].as_array().map(Vec::len);
    let too_many = (400, "invalid-request".to_owned(), "limits.response_cells".to_owned());

    let answer = ask(&mut house.client, json!({"skus": names(6, "SKU")}));
    assert_eq!(refused(&answer), too_many);
    assert!(answer.json()["detail"].as_str().unwrap().contains("/v1/stock"), "it says what to do: {}", answer.json());
    let query: String = names(6, "SKU").iter().map(|sku| format!("sku={sku}&")).collect();
    assert_eq!(refused(&house.client.get(&format!("/v1/availability?{query}channel=web")).unwrap()), too_many);
    let mut socket = Socket::connect(house.server.address).unwrap();
    let over = socket.ask(&json!({"op": "availability", "id": "a", "skus": names(6, "SKU")})).unwrap();
    assert_eq!((&over["status"], &over["problem"]["limit"]), (&json!(400), &json!("limits.response_cells")), "{over}");

    assert_eq!(cells(&ask(&mut house.client, json!({"skus": names(5, "SKU")}))), Some(50));
    let few = json!({"skus": names(10, "SKU"), "locations": names(5, "place")});
    assert_eq!(cells(&ask(&mut house.client, few)), Some(50));
    // Places that stock nothing are no cells, and what is named twice is told once.
    let mut places = names(2, "place");
    places.extend(names(2, "place"));
    places.extend(names(500, "elsewhere"));
    assert_eq!(cells(&ask(&mut house.client, json!({"skus": names(10, "SKU"), "locations": places}))), Some(20));
    assert_eq!(cells(&ask(&mut house.client, json!({"skus": names(9, "SKU"), "groups": ["all"]}))), Some(9));
    let summed = ask(&mut house.client, json!({"skus": names(10, "SKU"), "groups": ["all"]}));
    assert_eq!(refused(&summed).2, "limits.group_cells");
    let pickup: String = names(10, "SKU").iter().map(|sku| format!("sku={sku}&")).collect();
    let answer = house.client.get(&format!("/v1/pickup?{pickup}limit=20")).unwrap();
    assert_eq!(refused(&answer), too_many);
}

#[test]
fn a_page_has_so_many_bytes_and_the_next_goes_on() {
    let mut house = house("[limits]\npage_bytes = 1000\n", 40, 3);
    let mut walk = |path: &str, field: &str| {
        let (mut after, mut found, mut pages) = (String::new(), Vec::new(), 0);
        loop {
            let answer = house.client.get(&format!("{path}limit=1000{after}")).unwrap();
            assert_eq!(answer.status, 200, "{}", answer.json());
            assert!(answer.body.len() < 4000, "{path}: {} bytes", answer.body.len());
            let page = answer.json();
            found.extend(page["items"].as_array().unwrap().iter().map(|item| item[field].clone()));
            pages += 1;
            match &page["next"] {
                Value::Null => break,
                Value::String(next) => after = format!("&after={next}"),
                next => after = format!("&after={next}"),
            }
        }
        let distinct: BTreeSet<String> = found.iter().map(Value::to_string).collect();
        assert_eq!(distinct.len(), found.len(), "{path}: nothing is told twice");
        (found.len(), pages)
    };
    let (skus, pages) = walk("/v1/skus?", "sku");
    assert!(skus == 40 && pages > 1, "{skus} in {pages}");
    assert_eq!(walk("/v1/locations?", "location").0, 3);
    for n in 0..30 {
        let rule = json!({"kind": "safety_stock", "units": 1, "skus": ["SKU-1"], "locations": names(3, "place")});
        assert_eq!(house.client.put(&format!("/v1/rules/rule-{n}"), &rule).unwrap().status, 200);
    }
    for n in 0..20 {
        let line = json!({"sku": format!("SKU-{n}"), "location": "place-0", "quantity": 1});
        let body = json!({"channel": "web", "lines": [line]});
        assert_eq!(house.client.post("/v1/reservations", &body).unwrap().status, 201);
    }
    let mut walk = |path: &str, field: &str| {
        let (mut after, mut found, mut pages) = (String::new(), 0, 0);
        loop {
            let page = house.client.get(&format!("{path}limit=1000{after}")).unwrap().json();
            found += page["items"].as_array().unwrap().len();
            assert!(page["items"][0][field].is_string() || page["items"][0][field].is_number(), "{page}");
            pages += 1;
            match &page["next"] {
                Value::Null => break (found, pages),
                Value::String(next) => after = format!("&after={next}"),
                next => after = format!("&after={next}"),
            }
        }
    };
    for (path, field, count) in [("/v1/rules?", "rule", 30), ("/v1/reservations?", "id", 20)] {
        let (found, pages) = walk(path, field);
        assert!(found == count && pages > 1, "{path}: {found} in {pages}");
    }
    let (events, pages) = walk("/v1/events?", "seq");
    assert!(events >= 51 && pages > 1, "{events} in {pages}");
}

#[test]
fn who_never_reads_holds_a_bounded_part_and_is_let_go() {
    let settings = "[limits]\nwrite_seconds = 3\nanswer_bytes = 8000000\nconnection_answer_bytes = 4000000\n";
    let mut house = house(settings, 100, 100);
    let before = resident(&house.server);
    // About 2 MB each.
    let deaf: Vec<TcpStream> = (0..24).map(|_| open(house.server.address, &question(100))).collect();
    for _ in 0..10 {
        others_go_on(&house);
    }
    let grown = resident(&house.server).saturating_sub(before);
    assert!(grown < 128 << 20, "{} MiB for 24 clients that never read", grown >> 20);
    let began = Instant::now();
    loop {
        let answer = house.client.post("/v1/availability/query", &json!({"skus": names(100, "SKU")})).unwrap();
        if answer.status == 200 {
            assert_eq!(answer.json()["items"].as_array().map(Vec::len), Some(10_000));
            break;
        }
        assert_eq!((answer.status, answer.slug().as_str()), (503, "overloaded"), "{}", answer.json());
        assert!(answer.header("retry-after").is_some() && answer.json()["limit"].is_string());
        assert!(began.elapsed() < PATIENCE, "there is never room again");
    }
    drop(deaf);
    house.server.stop().unwrap();
}

#[test]
fn who_reads_slowly_is_told_all_of_it() {
    let house = house("[limits]\nwrite_seconds = 2\n", 100, 200);
    let mut stream = open(house.server.address, &question(100));
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut pauses, mut told) = (0, Vec::new());
    let mut piece = vec![0; 256 << 10];
    let length = |told: &[u8]| {
        let text = String::from_utf8_lossy(&told[..told.len().min(1000)]).to_lowercase();
        let (head, _) = text.split_once("\r\n\r\n")?;
        let (_, rest) = head.split_once("content-length: ")?;
        let length: usize = rest.lines().next()?.trim().parse().ok()?;
        Some(head.len() + 4 + length)
    };
    while length(&told).is_none_or(|length| told.len() < length) {
        let read = stream.read(&mut piece).unwrap();
        assert!(read > 0, "cut off after {} bytes and {pauses} pauses", told.len());
        told.extend(&piece[..read]);
        std::thread::sleep(Duration::from_millis(250));
        pauses += 1;
    }
    // Together longer than `write_seconds`.
    assert!(told.len() > 2_000_000 && pauses > 8, "{} bytes, {pauses} pauses", told.len());
}

/// Frames of HTTP/2 by hand: a client that opens no window.
mod http2 {
    pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        frame
    }

    /// The preface, and settings: a window of nothing.
    pub fn hello() -> Vec<u8> {
        let window_of_nothing = [0, 4, 0, 0, 0, 0];
        [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(4, 0, 0, &window_of_nothing), frame(4, 1, 0, &[])].concat()
    }

    /// A text in HPACK, without Huffman.
    fn text(text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        if text.len() < 127 {
            out.push(text.len() as u8);
        } else {
            out.push(127);
            let mut rest = text.len() - 127;
            while rest >= 128 {
                out.push((rest % 128) as u8 | 128);
                rest /= 128;
            }
            out.push(rest as u8);
        }
        out.extend(text.as_bytes());
        out
    }

    /// `GET path`.
    pub fn get(stream: u32, path: &str) -> Vec<u8> {
        let head = [vec![0x82, 0x86, 0x04], text(path), vec![0x01], text("localhost")].concat();
        frame(1, 0x5, stream, &head)
    }
}

#[test]
fn one_http2_connection_without_a_window_holds_a_bounded_part() {
    let house = house("[limits]\nwrite_seconds = 3\nconnection_answer_bytes = 4000000\n", 50, 100);
    let before = resident(&house.server);
    let query: String = names(50, "SKU").iter().map(|sku| format!("sku={sku}&")).collect();
    let mut words = http2::hello();
    for n in 0..250 {
        words.extend(http2::get(2 * n + 1, &format!("/v1/availability?{query}channel=web")));
    }
    let mut deaf = open(house.server.address, &words);
    let mut small = http2::hello();
    (0..100).for_each(|n| small.extend(http2::get(2 * n + 1, "/v1/availability?sku=SKU-1&location=place-1")));
    let mut also_deaf = open(house.server.address, &small);
    let mut most = 0;
    for _ in 0..10 {
        others_go_on(&house);
        most = most.max(resident(&house.server).saturating_sub(before));
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(most < 96 << 20, "{} MiB for one connection without a window", most >> 20);
    for stream in [&mut deaf, &mut also_deaf] {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut sink = Vec::new();
        // It is let go, politely or not.
        if let Err(error) = stream.read_to_end(&mut sink) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        }
    }
    house.server.stop().unwrap();
}

#[test]
fn health_is_told_and_others_come_in_whoever_crowds_the_door() {
    let house = house("[limits]\nconnections = 40\nwrite_seconds = 5\nheader_seconds = 5\n", 2, 2);
    let address = house.server.address;
    let crowds: [&[u8]; 4] = [
        &b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(200),
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-",
        b"",
        &http2::hello(),
    ];
    for words in crowds {
        let crowd: Vec<TcpStream> = (0..100).map(|_| open(address, words)).collect();
        for path in ["/healthz", "/readyz", "/metrics"] {
            let answer = Client::new(address).get(path).unwrap();
            assert_eq!(answer.status, 200, "{path}: {}", answer.json());
        }
        let began = Instant::now();
        // Room comes one connection at a time: whoever came in keeps the connection, since the next may have to wait.
        let mut client = loop {
            let mut client = Client::new(address);
            let answer = client.get("/v1/availability?sku=SKU-0").unwrap();
            if answer.status == 200 {
                break client;
            }
            let told = (answer.status, answer.slug(), answer.header("retry-after").is_some());
            assert_eq!(told, (503, "overloaded".to_owned(), true));
            assert!(began.elapsed() < PATIENCE, "nobody else ever comes in");
            std::thread::sleep(Duration::from_millis(50));
        };
        goes_on(&mut client);
        drop(crowd);
    }
    house.server.stop().unwrap();
}

#[test]
fn a_server_stops_although_somebody_does_not_read() {
    let house = house("[limits]\nshutdown_seconds = 600\nwrite_seconds = 600\n", 50, 100);
    let _deaf: Vec<TcpStream> = (0..4).map(|_| open(house.server.address, &question(50).repeat(20))).collect();
    std::thread::sleep(Duration::from_millis(500));
    house.server.stop_within(PATIENCE).unwrap();
}

#[test]
fn long_reads_wait_for_their_turn_and_the_rest_goes_on() {
    let settings = "[limits]\nlong_reads = 1\nlong_reads_waiting = 2\n";
    let mut house = house(settings, 1000, 1);
    for n in 0..10 {
        let line = |at: usize| json!({"sku": format!("SKU-{at}"), "location": "place-0", "quantity": 1});
        let body = json!({"channel": "web", "lines": (n * 100..n * 100 + 100).map(line).collect::<Vec<_>>()});
        assert_eq!(house.client.post("/v1/reservations", &body).unwrap().status, 201);
    }
    let address = house.server.address;
    let asking: Vec<_> = (0..32)
        .map(|_| {
            std::thread::spawn(move || {
                let mut client = Client::new(address);
                let mut told = Vec::new();
                for _ in 0..10 {
                    let answer = client.get("/v1/reservations?limit=1000&channel=web").unwrap();
                    told.push((refused(&answer), answer.header("retry-after").is_some()));
                }
                told
            })
        })
        .collect();
    for _ in 0..10 {
        others_go_on(&house);
    }
    let told: Vec<_> = asking.into_iter().flat_map(|asking| asking.join().unwrap()).collect();
    let full = ((503, "overloaded".to_owned(), "limits.long_reads_waiting".to_owned()), true);
    assert!(told.iter().all(|told| told.0.0 == 200 || *told == full), "{told:?}");
    assert!(told.iter().any(|told| told.0.0 == 200) && told.contains(&full), "{told:?}");
}

#[test]
fn one_caller_does_not_take_all_that_subscriptions_share() {
    let keyed = anaquel_tests::house::House::default();
    let key = |name: &str| keyed.caller(name, &["read"], &[]);
    let (greedy, honest) = (key("greedy"), key("honest"));
    let server = keyed.serve_with("[stream]\nkeys = 1000\nunknown_bytes = 100000\nsockets = 40\n");
    let connect = |key: &str| Socket::connect_with(server.address, &[("Authorization", key)]);
    let before = resident(&server);

    // Names of nothing, in one subscription after the other, over as many sockets as there are.
    let (mut sockets, mut limits) = (Vec::new(), BTreeSet::new());
    while let Ok(mut socket) = connect(&greedy) {
        for at in 0..50 {
            let skus: Vec<String> = (0..20).map(|n| format!("nothing-{}-{at}-{n}", sockets.len())).collect();
            socket.send(&json!({"op": "subscribe", "id": format!("s{at}"), "skus": skus})).unwrap();
            let answer = socket.message().unwrap();
            if let Some(limit) = answer["problem"]["limit"].as_str() {
                assert_eq!(answer["status"], 429);
                limits.insert(limit.to_owned());
                break;
            }
        }
        sockets.push(socket);
    }
    assert_eq!(sockets.len(), 32, "four times what is left");
    assert!(limits.iter().all(|limit| ["stream.caller_keys", "stream.unknown_bytes"].contains(&limit.as_str())));
    assert!(!limits.is_empty());
    let headers = [("Authorization", greedy.as_str())];
    let answer = server.client().send("GET", "/v1/stream/sse?sku=A", &headers, b"").unwrap();
    assert_eq!(refused(&answer), (429, "too-many-requests".into(), "stream.caller_sockets".into()));
    assert!(answer.header("retry-after").is_some());

    let mut other = connect(&honest).unwrap();
    let skus: Vec<String> = (0..150).map(|n| format!("mine-{n}")).collect();
    other.send(&json!({"op": "subscribe", "id": "a", "skus": skus})).unwrap();
    assert_eq!(other.message().unwrap()["type"], "snapshot", "others go on");
    drop(sockets);
    let began = Instant::now();
    // What was given back may be taken again.
    while connect(&greedy).is_err() {
        assert!(began.elapsed() < PATIENCE);
    }
    let grown = resident(&server).saturating_sub(before);
    assert!(grown < 64 << 20, "{} MiB for names of nothing", grown >> 20);
}

#[test]
fn a_page_after_the_last_number_is_empty() {
    let mut house = house("", 2, 2);
    for by in ["location=place-0", "sku=SKU-0"] {
        let answer = house.client.get(&format!("/v1/stock?{by}&after={}", u32::MAX)).unwrap();
        assert_eq!((answer.status, answer.json()["items"].as_array().map(Vec::len)), (200, Some(0)), "{by}");
    }
}

#[test]
fn pickup_looks_at_so_many_places_to_bring_from() {
    let mut house = house("[limits]\ngroup_cells = 50\n", 2, 10);
    assert_eq!(house.client.put("/v1/groups/all", &json!({"locations": names(10, "place")})).unwrap().status, 200);
    for place in 0..8 {
        // A tenth of a degree is 11 km.
        let latitude = 40.0 + f64::from(place) / 10.0;
        let services =
            json!({"latitude": latitude, "longitude": -3.7, "transfer_group": "all", "transfer_minutes": 60});
        assert_eq!(house.client.put(&format!("/v1/locations/place-{place}"), &services).unwrap().status, 200);
    }
    let row = json!({"kind": "sale", "sku": "SKU-0", "location": "place-0", "quantity": 7});
    assert_eq!(house.client.post("/v1/stock/movements", &json!({"movements": [row]})).unwrap().status, 200);
    let mut ask = |radius: u32| {
        let path = format!("/v1/pickup?sku=SKU-0:2&sku=SKU-1:1&near=40,-3.7&radius_km={radius}");
        house.client.get(&path).unwrap()
    };
    // Five places of ten members each.
    let answer = ask(50);
    assert_eq!((answer.status, answer.json()["items"].as_array().map(Vec::len)), (200, Some(5)), "{}", answer.json());
    let places = answer.json()["items"].clone();
    let last = places.as_array().unwrap().last().unwrap();
    assert_eq!((&last["location"], &last["complete"]), (&json!("place-0"), &json!(true)));
    assert_eq!((&last["lines"][0]["from"], &last["lines"][1]["from"]), (&json!("place-1"), &json!(null)));
    let answer = ask(60);
    assert_eq!(refused(&answer), (400, "invalid-request".to_owned(), "limits.group_cells".to_owned()));
    assert!(answer.json()["detail"].as_str().unwrap().contains("radius_km"));
}

#[test]
fn a_refusal_looks_at_so_many_cells() {
    let mut house = house("", 4, 4000);
    let line = |at: usize| json!({"sku": format!("SKU-{at}"), "location": "place-0", "quantity": 8});
    let rows: Vec<Value> = (0..4)
        .map(|at| json!({"kind": "receipt", "sku": format!("SKU-{at}"), "location": "place-9", "quantity": 9}))
        .collect();
    assert_eq!(house.client.post("/v1/stock/movements", &json!({"movements": rows})).unwrap().status, 200);
    let body = json!({"channel": "web", "lines": (0..4).map(line).collect::<Vec<_>>()});
    let answer = house.client.post("/v1/reservations", &body).unwrap().json();
    let others = |line: &Value| line["would_succeed"]["locations"].as_array().map(Vec::len);
    let others: Vec<_> = answer["lines"].as_array().unwrap().iter().map(others).collect();
    assert_eq!(others, [Some(1), Some(1), Some(1), Some(0)], "{answer}");
    assert!(answer["lines"].as_array().unwrap().iter().all(|line| line["available"] == 7), "{answer}");
}

#[test]
fn a_crowd_that_comes_back_after_a_restart_is_told_what_it_missed() {
    let mut house = house("", 2, 2);
    let receive = |client: &mut Client| {
        let row = json!({"kind": "receipt", "sku": "SKU-0", "location": "place-0", "quantity": 1});
        assert_eq!(client.post("/v1/stock/movements", &json!({"movements": [row]})).unwrap().status, 200);
    };
    let mut socket = Socket::connect(house.server.address).unwrap();
    socket.send(&json!({"op": "subscribe", "id": "s", "skus": ["SKU-0"]})).unwrap();
    let mut known = Mirror::default();
    known.hear(&socket.message().unwrap()).unwrap();
    drop(socket);
    for _ in 0..300 {
        receive(&mut house.client);
    }
    house.server.stop().unwrap();
    let folder = house._folder.path();
    let settings = folder.join("anaquel.toml");
    house.server = Server::start(binary(), &folder.join("data"), &["--config", settings.to_str().unwrap()]).unwrap();
    let address = house.server.address;
    let resume = |mode: &'static str, known: Mirror| {
        std::thread::spawn(move || {
            let (mut mirror, mut socket) = (known, Socket::connect(address).unwrap());
            let words = json!({"op": "subscribe", "id": "s", "skus": ["SKU-0"], "mode": mode, "cursor": mirror.cursor});
            socket.send(&words).unwrap();
            // A command of a socket that waits for its turn is answered all the same.
            socket.send(&json!({"op": "availability", "id": "q", "skus": ["SKU-1"]})).unwrap();
            let (place, mut answered) = (("SKU-0".to_owned(), "place-0".to_owned()), false);
            while !answered || mirror.cells[&place].0 < 307 {
                let message = socket.message().unwrap();
                if message["id"] == "q" {
                    answered = true;
                } else {
                    assert_eq!(message["type"], "delta", "{message}");
                    mirror.hear(&message).unwrap();
                }
            }
        })
    };
    let crowd: Vec<_> =
        (0..40).map(|n| resume(if n % 2 == 0 { "conflated" } else { "lossless" }, known.clone())).collect();
    others_go_on(&house);
    for one in crowd {
        one.join().unwrap();
    }
}
