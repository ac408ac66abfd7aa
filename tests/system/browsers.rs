//! Pages of other origins, in a real browser where there is one, and the JavaScript client in Node.js.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anaquel_loadtest::client::{Answer, Client};
use anaquel_loadtest::server::free_address;
use anaquel_loadtest::socket::Socket;
use anaquel_tests::Shop;
use anaquel_tests::browser::program;
use anaquel_tests::folder::folder;
use anaquel_tests::house::{House, bearer};
use serde_json::{Value, json};

/// How long anything that is waited for may take.
const PATIENCE: Duration = Duration::from_secs(60);

const SHOP: &str = "https://shop.example";

/// Method, path, headers and body of a request, and its status.
type Call<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a str, u16);

fn get(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Answer {
    Client::new(address).send("GET", path, headers, b"").unwrap()
}

fn preflight(address: SocketAddr, path: &str, origin: &str, method: &str, headers: &str) -> Answer {
    let headers =
        [("Origin", origin), ("Access-Control-Request-Method", method), ("Access-Control-Request-Headers", headers)];
    Client::new(address).send("OPTIONS", path, &headers, b"").unwrap()
}

fn names(answer: &Answer, header: &str) -> Vec<String> {
    let listed = answer.headers.iter().filter(|(name, _)| name == header).flat_map(|(_, value)| value.split(','));
    listed.map(|name| name.trim().to_ascii_lowercase()).collect()
}

/// H1: what a browser asks before a page may ask is answered for every call of the contract, whoever asks it, and can be
/// kept; answers may be read, with the headers that the contract has, also where they refuse; by pages of the origins that
/// are listed, and by no others.
#[test]
fn pages_of_listed_origins_may_call_and_others_may_not() {
    let house = House::default();
    let key = house.key("page", &["read", "reserve", "stock", "import", "ops"], &[]);
    let config = format!("[auth]\norigins = [\"{SHOP}\", \"http://localhost:5173\"]\n");
    let server = house.serve_with(&config);
    let (address, authorization) = (server.address, bearer(&key));
    let document = get(address, "/openapi.json", &[]).json();
    let mut asked = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let path = path.replace(['{', '}'], "");
        for method in item.as_object().unwrap().keys().map(|method| method.to_ascii_uppercase()) {
            let headers = "authorization,content-type,content-encoding,idempotency-key,if-match,if-none-match,\
                           last-event-id,traceparent,x-request-id";
            let answer = preflight(address, &path, SHOP, &method, headers);
            assert_eq!((answer.status, answer.body.len()), (204, 0), "{method} {path}");
            assert_eq!(answer.header("access-control-allow-origin"), Some(SHOP));
            assert!(names(&answer, "access-control-allow-methods").contains(&method.to_ascii_lowercase()), "{method}");
            let allowed = names(&answer, "access-control-allow-headers");
            for name in headers.split(',') {
                assert!(allowed.contains(&name.to_owned()), "{name} in {allowed:?}");
            }
            let kept: u64 = answer.header("access-control-max-age").unwrap().parse().unwrap();
            assert!(kept >= 600, "each call is two");
            assert!(names(&answer, "vary").contains(&"origin".to_owned()));
            assert_eq!(answer.header("access-control-allow-credentials"), None, "credentials are headers");
            asked += 1;
        }
    }
    assert!(asked > 40, "{asked}");
    let read = |origin: &str, method: &str, path: &str, more: &[(&str, &str)], body: &str| {
        let headers: Vec<_> = more.iter().copied().chain([("Origin", origin)]).collect();
        Client::new(address).send(method, path, &headers, body.as_bytes()).unwrap()
    };
    const JSON: (&str, &str) = ("Content-Type", "application/json");
    let who = ("Authorization", authorization.as_str());
    let movement = r#"{"movements": [{"kind": "receipt", "sku": "A", "location": "s1", "quantity": 9}]}"#;
    let order = r#"{"channel": "web", "lines": [{"sku": "A", "location": "s1", "quantity": 1}]}"#;
    let greedy = r#"{"channel": "web", "lines": [{"sku": "A", "location": "s1", "quantity": 1000}]}"#;
    let calls: [Call; 15] = [
        ("POST", "/v1/stock/movements", &[who, JSON, ("Idempotency-Key", "k")], movement, 200),
        ("POST", "/v1/stock/movements", &[who, JSON, ("Idempotency-Key", "k")], movement, 200),
        ("POST", "/v1/reservations", &[who, JSON], order, 201),
        ("POST", "/v1/reservations", &[who, JSON], greedy, 409),
        ("POST", "/v1/reservations", &[JSON], order, 401),
        ("PUT", "/v1/rules/r", &[who, JSON], "{}", 403),
        ("PUT", "/v1/skus/A", &[who, JSON], r#"{"name": "a"}"#, 200),
        ("PUT", "/v1/skus/A", &[who, JSON, ("If-Match", "\"1\"")], "{}", 412),
        ("GET", "/v1/skus/A", &[who], "", 200),
        ("GET", "/v1/skus/A", &[who, ("If-None-Match", "*")], "", 304),
        ("GET", "/v1/stock?sku=A", &[who, ("Accept-Encoding", "gzip")], "", 200),
        ("GET", "/v1/nowhere", &[who], "", 404),
        ("DELETE", "/v1/stock", &[who], "", 403),
        ("GET", "/anaquel.js", &[], "", 200),
        ("GET", "/metrics", &[who], "", 200),
    ];
    for (method, path, headers, body, status) in calls {
        for origin in [SHOP, "http://localhost:5173"] {
            let answer = read(origin, method, path, headers, body);
            // What is set again under `If-Match: "1"` or is asked for twice stays what it is.
            assert_eq!(answer.status, status, "{method} {path}: {}", answer.json());
            assert_eq!(answer.header("access-control-allow-origin"), Some(origin), "{method} {path}");
            let exposed = names(&answer, "access-control-expose-headers");
            for name in ["etag", "idempotent-replayed", "retry-after", "x-request-id", "location"] {
                assert!(exposed.contains(&name.to_owned()), "{name} in {exposed:?}");
            }
        }
    }
    for other in ["https://evil.example", "http://shop.example", "https://shop.example.evil.example", "null"] {
        for (path, method) in [("/v1/reservations", "POST"), ("/v1/skus/A", "PUT"), ("/v1/stream/sse", "GET")] {
            let answer = preflight(address, path, other, method, "content-type");
            assert_eq!((answer.status, answer.slug()), (403, "forbidden".to_owned()), "{other}");
            assert!(answer.headers.iter().all(|(name, _)| !name.starts_with("access-control-allow")), "{other}");
        }
        for (method, path, headers, body, _) in calls {
            let answer = read(other, method, path, headers, body);
            assert_eq!(answer.header("access-control-allow-origin"), None, "{other} {path}");
            assert!(method == "GET" || [401, 403].contains(&answer.status), "{other} {method} {path}");
        }
        assert!(Socket::connect_with(address, &[("origin", other), ("authorization", &authorization)]).is_err());
    }
    Socket::connect_with(address, &[("origin", SHOP), ("authorization", &authorization)]).unwrap();
    // What comes from no page is told nothing of pages, but that what is kept may be another for one.
    let plain = get(address, "/anaquel.js", &[]);
    assert!(names(&plain, "vary").contains(&"origin".to_owned()));
    assert!(plain.headers.iter().all(|(name, _)| !name.starts_with("access-control")));
    assert!(names(&get(address, "/healthz", &[]), "vary").is_empty());
    // Events, as they come.
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "GET /v1/stream/sse?sku=A HTTP/1.1\r\nHost: localhost\r\nOrigin: {SHOP}\r\nAuthorization: {authorization}\r\nAccept-Encoding: gzip\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let lines: Vec<String> =
        BufReader::new(stream).lines().map_while(Result::ok).take_while(|line| !line.contains("snapshot")).collect();
    assert!(
        lines.iter().any(|line| line.eq_ignore_ascii_case(&format!("access-control-allow-origin: {SHOP}"))),
        "{lines:?}"
    );
    assert!(!lines.iter().any(|line| line.to_ascii_lowercase().starts_with("content-encoding")), "{lines:?}");
}

/// H1: without any origin listed, no page of another origin may call, whoever it is.
#[test]
fn without_a_list_no_page_may_call() {
    let shop = Shop::default();
    let address = shop.server.address;
    for origin in [SHOP, "http://localhost:5173", &format!("http://{address}")] {
        assert_eq!(preflight(address, "/v1/reservations", origin, "POST", "content-type").status, 403, "{origin}");
        let answer = get(address, "/v1/stock?location=s1", &[("Origin", origin)]);
        assert_eq!(answer.header("access-control-allow-origin"), None, "{origin}");
    }
    // The server's own page is no page of another origin; another page of this machine is.
    let own = format!("http://{address}");
    Socket::connect_with(address, &[("origin", &own)]).unwrap();
    assert!(Socket::connect_with(address, &[("origin", "http://localhost:5173")]).is_err());
    let ordinary = Client::new(address).send("OPTIONS", "/v1/reservations", &[], b"").unwrap();
    assert_eq!(ordinary.status, 405);
    let mut allowed = names(&ordinary, "allow");
    allowed.sort();
    assert_eq!(allowed, ["get", "head", "post"]);
}

/// Ends a child whatever happens.
pub struct Kept(pub Child);

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server of one page, which tells what became of it.
struct PageServer {
    address: SocketAddr,
    told: mpsc::Receiver<Value>,
}

impl PageServer {
    fn start(page: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let tell = tell.clone();
                std::thread::spawn(move || serve_page(stream, page, &tell));
            }
        });
        Self { address, told }
    }
}

fn serve_page(stream: TcpStream, page: &str, tell: &mpsc::Sender<Value>) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        if line.trim().is_empty() {
            break;
        }
        head.push(line);
    }
    let length = head
        .iter()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:").map(|n| n.trim().to_owned()));
    let mut body = vec![0; length.and_then(|length| length.parse().ok()).unwrap_or(0)];
    reader.read_exact(&mut body).unwrap_or_default();
    if head[0].starts_with("POST") {
        drop(tell.send(serde_json::from_slice(&body).unwrap_or_default()));
    }
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
        page.len()
    );
    drop(reader.get_mut().write_all(answer.as_bytes()));
}

/// Loads the client from the server, reserves over HTTP, and listens over Server-Sent Events and a WebSocket. Each step is
/// told as what it came to, or as how it was stopped.
const PAGE: &str = r#"<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script type="module">
const { server, key } = Object.fromEntries(new URLSearchParams(location.search));
const authorization = key ? { Authorization: `Bearer ${key}` } : {};
const within = (promise) => Promise.race([promise, new Promise((_, fail) => setTimeout(() => fail(new Error("timeout")), 20000))]);
const told = {};
const step = async (name, run) => {
  try { told[name] = await within(run()); } catch (error) { told[name] = `stopped: ${error.name}`; }
};
const order = { channel: "web", lines: [{ sku: "A", location: "s1", quantity: 1 }] };
const headers = { ...authorization, "Content-Type": "application/json", "Idempotency-Key": "from-a-page" };
await step("read", async () => {
  const answer = await fetch(`${server}/v1/availability?sku=A`, { headers: authorization });
  return (await answer.json()).items[0].on_hand;
});
await step("reserve", async () => {
  const ask = () => fetch(`${server}/v1/reservations`, { method: "POST", headers, body: JSON.stringify(order) });
  const [first, again] = [await ask(), await ask()];
  const same = (await first.json()).id === (await again.json()).id;
  return { status: first.status, same, replayed: again.headers.get("Idempotent-Replayed"), at: !!first.headers.get("Location") };
});
await step("refused", async () => {
  const body = JSON.stringify({ ...order, lines: [{ ...order.lines[0], quantity: 999 }] });
  const answer = await fetch(`${server}/v1/reservations`, { method: "POST", headers: { ...headers, "Idempotency-Key": "2" }, body });
  return { status: answer.status, type: (await answer.json()).type };
});
await step("set", async () => {
  const put = (more, name) => fetch(`${server}/v1/skus/A`, { method: "PUT", headers: { ...authorization, "Content-Type": "application/json", ...more }, body: JSON.stringify({ name }) });
  const tag = (await put({}, "one")).headers.get("ETag");
  const known = await fetch(`${server}/v1/skus/A`, { headers: { ...authorization, "If-None-Match": tag }, cache: "no-store" });
  return [(await put({ "If-Match": tag }, "two")).status, (await put({ "If-Match": tag }, "three")).status, known.status];
});
// Headers can be sent with fetch; EventSource sends none.
await step("events", async () => {
  const answer = await fetch(`${server}/v1/stream/sse?sku=A&location=s1`, { headers: authorization });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("event: snapshot")) text += (await reader.read()).value;
  await reader.cancel();
  return answer.status;
});
await step("source", () => key ? Promise.resolve("not asked") : new Promise((resolve, reject) => {
  const source = new EventSource(`${server}/v1/stream/sse?sku=A&location=s1`);
  source.addEventListener("snapshot", () => { source.close(); resolve("snapshot"); });
  source.onerror = () => { source.close(); reject(new Error("refused")); };
}));
await step("socket", () => new Promise((resolve, reject) => {
  const socket = new WebSocket(`${server.replace("http", "ws")}/v1/stream`, key ? ["anaquel", `anaquel.key.${key}`] : ["anaquel"]);
  socket.onopen = () => socket.send(JSON.stringify({ op: "subscribe", id: "s", skus: ["A"], locations: ["s1"] }));
  socket.onmessage = ({ data }) => { socket.close(); resolve(JSON.parse(data).type); };
  socket.onerror = () => reject(new Error("refused"));
}));
await step("client", async () => {
  const { Anaquel } = await import(`${server}/anaquel.js`);
  const stream = new Anaquel(undefined, { key });
  const seen = [];
  const live = stream.subscribe({ skus: ["A"], locations: ["s1"] });
  const changed = new Promise((resolve) => {
    live.onchange = ({ items }) => { seen.push(items[0].reserved); if (seen.length === 2) resolve(); };
  });
  await new Promise((resolve) => { const look = () => (seen.length ? resolve() : setTimeout(look, 10)); look(); });
  const { status } = await stream.request("reserve", order);
  await changed;
  stream.close();
  return { status, more: seen[1] - seen[0] };
});
await fetch("/told", { method: "POST", body: JSON.stringify(told) });
</script>"#;

/// What the page tells that a browser was sent to.
fn browsed(browser: &Path, pages: &PageServer, server: SocketAddr, key: Option<&str>) -> Value {
    let profile = folder();
    let key = key.map(|key| format!("&key={key}")).unwrap_or_default();
    let url = format!("http://{}/?server=http://{server}{key}", pages.address);
    let mut command = Command::new(browser);
    command.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]);
    command.args([
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
    ]);
    command.arg(format!("--user-data-dir={}", profile.path().display())).arg(url);
    let _child = Kept(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    pages.told.recv_timeout(4 * PATIENCE).expect("the page tells what became of it")
}

/// H1: in headless Chromium, a page on another origin reserves over HTTP, listens over Server-Sent Events and a WebSocket,
/// and is stopped at each of these when its origin is not listed; with keys and without.
#[test]
fn a_page_on_another_origin_is_served_in_a_browser_only_if_its_origin_is_listed() {
    let Some(browser) = program(&["chromium", "chromium-browser", "google-chrome"]) else { return };
    for locked in [true, false] {
        let house = House::default();
        let key = locked.then(|| house.key("page", &["read", "reserve", "stock", "import"], &[]));
        let (listed, other) = (PageServer::start(PAGE), PageServer::start(PAGE));
        // What is refused to the one page is not to be noted while the other is stopped.
        let quiet = "[reservations]\nlost_demand_seconds = 0\n";
        let server = house.serve_with(&format!("[auth]\norigins = [\"http://{}\"]\n{quiet}", listed.address));
        let who = key.as_ref().map(|key| bearer(key)).unwrap_or_default();
        let headers: Vec<_> = key.iter().map(|_| ("Authorization", who.as_str())).collect();
        let movement = br#"{"movements": [{"kind": "receipt", "sku": "A", "location": "s1", "quantity": 9}]}"#;
        let moved = server.client().send("POST", "/v1/stock/movements", &headers, movement).unwrap();
        assert_eq!(moved.status, 200, "{}", moved.json());
        let told = browsed(&browser, &listed, server.address, key.as_deref());
        let expected = json!({
            "read": 9,
            "reserve": {"status": 201, "same": true, "replayed": "true", "at": true},
            "refused": {"status": 409, "type": "/problems/insufficient-stock"},
            "set": [200, 412, 304],
            "events": 200,
            "source": if locked { "not asked" } else { "snapshot" },
            "socket": "snapshot",
            "client": {"status": 201, "more": 1},
        });
        assert_eq!(told, expected, "locked: {locked}");
        let seq = |server: &anaquel_loadtest::server::Server| {
            let answer = server.client().send("GET", "/v1/availability?sku=A", &headers, b"").unwrap();
            answer.json()["seq"].as_u64().unwrap()
        };
        let before = seq(&server);
        let told = browsed(&browser, &other, server.address, key.as_deref());
        for (step, became) in told.as_object().unwrap() {
            let is_stopped = became.as_str().is_some_and(|became| became.starts_with("stopped: "));
            assert!(is_stopped || became == "not asked", "locked: {locked}; {step}: {told}");
        }
        assert_eq!(seq(&server), before, "nothing was done");
    }
}

/// Runs a script with the client that the server serves beside it; what it says, line by line.
struct Script {
    _child: Kept,
    said: mpsc::Receiver<String>,
}

impl Script {
    fn start(node: &Path, folder: &Path, server: SocketAddr, key: &str, script: &str) -> Self {
        let module = folder.join("anaquel.mjs");
        if !module.exists() {
            std::fs::write(&module, get(server, "/anaquel.js", &[]).body).unwrap();
        }
        let file = folder.join("script.mjs");
        std::fs::write(&file, script).unwrap();
        let mut command = Command::new(node);
        command.arg(file).arg(format!("http://{server}")).arg(key).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (tell, said) = mpsc::channel();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(tell.send(line))));
        Self { _child: Kept(child), said }
    }

    /// The next line; none once it has ended by itself.
    fn next(&self) -> Option<String> {
        match self.said.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(mpsc::RecvTimeoutError::Disconnected) => None,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("the script says nothing, and does not end"),
        }
    }
}

const PRELUDE: &str = "import { Anaquel, Refused, Closed } from './anaquel.mjs';\nconst [, , server, key] = process.argv;\n\
                       const say = (...words) => console.log(words.join(' '));\n";

/// H10: the client follows stock and has things done in Node.js as in a browser, also with messages of many bytes.
#[test]
fn the_client_works_in_node() {
    let Some(node) = program(&["node", "nodejs"]) else { return };
    let mut shop = Shop::default();
    shop.receive("A", "s1", 9);
    let rows: String = (0..3000).map(|at| format!("B,store-{at},{at}\n")).collect();
    let csv = format!("sku,location,on_hand\n{rows}");
    assert_eq!(shop.client.import("/v1/import/stock?create=true", csv.as_bytes()).unwrap().status, 200);
    let folder = folder();
    let script = format!(
        "{PRELUDE}
const stream = new Anaquel(server);
const live = stream.subscribe({{ skus: ['A'], locations: ['s1'] }});
live.onchange = async ({{ items, seq }}) => {{
  say('reserved', items[0].reserved, live.seq === seq);
  if (items[0].reserved === 0) {{
    const {{ status, body }} = await stream.request('reserve', {{ channel: 'web', lines: [{{ sku: 'A', location: 's1', quantity: 2 }}] }});
    say('status', status, body.state);
  }}
}};
const many = stream.subscribe({{ skus: ['B'] }});
many.onchange = ({{ items }}) => say('cells', items.length, many.cells.get('B\\nstore-2999').on_hand);
const all = await stream.request('availability', {{ skus: ['B'] }});
say('items', all.body.items.length);
try {{
  await stream.request('reserve', {{ channel: 'web', lines: [{{ sku: 'A', location: 's1', quantity: 100 }}] }});
}} catch (refused) {{
  say(refused instanceof Refused, refused.status, refused.problem.type);
}}
const long = 'x'.repeat(100_000);
await stream.request('availability', {{ skus: [long] }}).catch((refused) => say('long', refused.status));
await new Promise((resolve) => {{ const look = () => (live.cells.get('A\\ns1')?.reserved === 2 ? resolve() : setTimeout(look, 10)); look(); }});
stream.close();
say('state', stream.state, stream.error);
await stream.request('availability', {{ skus: ['A'] }}).catch((error) => say(error instanceof Closed));
"
    );
    let run = Script::start(&node, folder.path(), shop.server.address, "", &script);
    let mut said: Vec<String> = std::iter::from_fn(|| run.next()).collect();
    said.sort();
    let mut expected = [
        "reserved 0 true",
        "reserved 2 true",
        "status 201 held",
        "cells 3000 2999",
        "items 3000",
        "true 409 /problems/insufficient-stock",
        "long 400",
        "state closed ",
        "true",
    ];
    expected.sort_unstable();
    assert_eq!(said, expected);
}

/// H10: a key that the server does not take, at once or after a while, is told; whatever is pending settles; and it is over,
/// so that the process ends by itself.
#[test]
fn the_client_tells_a_refused_key_and_ends() {
    let Some(node) = program(&["node", "nodejs"]) else { return };
    let house = House::default();
    let key = house.key("page", &["read", "reserve"], &[]);
    let blind = house.key("blind", &["stock"], &[]);
    let server = house.serve(&[]);
    let folder = folder();
    let script = format!(
        "{PRELUDE}
const stream = new Anaquel(server, {{ key }});
stream.onstate = (state, error) => say('state', state, error instanceof Refused ? error.status : '');
stream.onrefused = ({{ status }}) => say('refused', status);
const live = stream.subscribe({{ skus: ['A'] }});
live.onchange = () => say('live');
live.onrefused = ({{ status }}) => say('subscription', status);
const pending = (name) => stream.request('reserve', {{ channel: 'web', lines: [{{ sku: 'A', location: 's1', quantity: 1 }}] }})
  .catch((error) => say(name, error.status));
await pending('pending');
await new Promise((resolve) => {{ const look = () => (stream.state === 'closed' ? resolve() : setTimeout(look, 10)); look(); }});
await pending('later');
"
    );
    let ended = ["refused 401", "subscription 401", "pending 401", "later 401", "state closed 401"];
    let (most, last) = key.split_at(key.len() - 1);
    let wrong = format!("{most}{}", if last == "A" { "B" } else { "A" });
    for (key, status) in [("anaquel_wrong", 401), (wrong.as_str(), 401), ("", 401), (blind.as_str(), 403)] {
        let run = Script::start(&node, folder.path(), server.address, key, &script);
        let mut said: Vec<String> = std::iter::from_fn(|| run.next()).collect();
        said.sort();
        let mut expected = ended.map(|line| line.replace("401", &status.to_string()));
        expected.sort();
        assert_eq!(said, expected, "{key}");
    }
    // A key that is revoked while it is used.
    let run = Script::start(&node, folder.path(), server.address, &key, &script);
    let mut said = Vec::new();
    while !said.contains(&"pending 409".to_owned()) || !said.contains(&"live".to_owned()) {
        said.push(run.next().expect("it goes on"));
    }
    let listed = house.keys(&["list"]);
    let id = listed.lines().find(|line| line.contains("page")).unwrap();
    let id = id.split_whitespace().find(|word| key.contains(word)).unwrap_or_else(|| panic!("no id in {id}"));
    house.keys(&["revoke", id]);
    said.extend(std::iter::from_fn(|| run.next()));
    for line in ["refused 401", "subscription 401", "later 401", "state closed 401"] {
        assert!(said.contains(&line.to_owned()), "{line} in {said:?}");
    }
}

/// H10: while nobody answers, the client says so and tries again; what is pending settles when it is closed, or given up.
#[test]
fn the_client_says_that_nobody_answers_and_settles_what_is_pending() {
    let Some(node) = program(&["node", "nodejs"]) else { return };
    let mut shop = Shop::default();
    shop.receive("A", "s1", 9);
    let nobody = free_address().unwrap();
    let folder = folder();
    std::fs::write(folder.path().join("anaquel.mjs"), get(shop.server.address, "/anaquel.js", &[]).body).unwrap();
    let script = format!(
        "{PRELUDE}
const stream = new Anaquel(server);
let waited = 0;
stream.onstate = (state, error) => {{
  if (state === 'waiting' && error && ++waited === 3) {{
    say('waiting', error.message.includes('does not answer'));
    stream.close();
  }}
}};
const controller = new AbortController();
stream.request('availability', {{ skus: ['A'] }}, {{ signal: controller.signal }}).catch((error) => say('given up', error.name));
controller.abort();
await stream.request('availability', {{ skus: ['A'] }}).catch((error) => say('settled', error instanceof Closed));
try {{ new Anaquel(); }} catch (error) {{ say(error.message.includes('name the server')); }}
"
    );
    let run = Script::start(&node, folder.path(), nobody, "", &script);
    let mut said: Vec<String> = std::iter::from_fn(|| run.next()).collect();
    said.sort();
    assert_eq!(said, ["given up AbortError", "settled true", "true", "waiting true"]);
    // What was pending when the server was killed is done once, by the one that comes after it.
    let script = format!(
        "{PRELUDE}
const stream = new Anaquel(server);
stream.onstate = (state) => {{ if (state !== 'connecting') say(state); }};
const live = stream.subscribe({{ skus: ['A'], locations: ['s1'] }});
await new Promise((resolve) => {{ live.onchange = resolve; }});
await new Promise((resolve) => {{ stream.onstate = (state) => {{ if (state === 'waiting') resolve(); }}; say('ready'); }});
const order = {{ channel: 'web', lines: [{{ sku: 'A', location: 's1', quantity: 1 }}] }};
const both = await Promise.all([stream.request('reserve', order), stream.request('reserve', order)]);
say(both.map(({{ status }}) => status).join(), both[0].body.id !== both[1].body.id);
stream.close();
"
    );
    let run = Script::start(&node, folder.path(), shop.server.address, "", &script);
    while run.next().expect("it goes on") != "ready" {}
    let address = shop.server.address;
    let (_folder, data) = shop.stopped();
    let mut command = Command::new(anaquel_tests::binary());
    command.args(["serve", "--listen", &address.to_string(), "--data"]).arg(&data).stderr(Stdio::null());
    let _server = Kept(command.spawn().unwrap());
    let said: Vec<String> = std::iter::from_fn(|| run.next()).collect();
    assert_eq!(said.last().map(String::as_str), Some("201,201 true"), "{said:?}");
    let began = Instant::now();
    loop {
        let cell = get(address, "/v1/availability?sku=A&location=s1", &[]).json();
        if cell["items"][0]["reserved"] == 2 {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "{cell}");
    }
}

/// H10: the types are served beside the module, and name all that it has.
#[test]
fn the_client_has_types() {
    let shop = Shop::default();
    let address = shop.server.address;
    let (module, types) = (get(address, "/anaquel.js", &[]), get(address, "/anaquel.d.ts", &[]));
    assert_eq!(module.header("x-typescript-types"), Some("/anaquel.d.ts"));
    assert!(types.header("content-type").unwrap().starts_with("application/typescript"));
    let (module, types) = (String::from_utf8(module.body).unwrap(), String::from_utf8(types.body).unwrap());
    for class in module.lines().filter_map(|line| line.strip_prefix("export class ")) {
        let name = class.split_whitespace().next().unwrap();
        assert!(types.contains(&format!("export class {name} ")), "{name}");
    }
    // Public members stand two spaces in; those that begin with # are nobody else's.
    let anaquel = module.split("export class Anaquel").nth(1).unwrap().split("\n}\n").next().unwrap();
    for line in anaquel.lines().filter_map(|line| line.strip_prefix("  ")) {
        let name: String = line.chars().take_while(char::is_ascii_alphanumeric).collect();
        assert!(name.is_empty() || name == "async" || types.contains(&name), "{name}");
    }
    // Where there is a compiler, it takes them.
    let Some(compiler) = program(&["tsc"]) else { return };
    let folder = folder();
    std::fs::write(folder.path().join("anaquel.d.ts"), types).unwrap();
    let source = folder.path().join("use.ts");
    std::fs::write(&source, include_str!("../browser/use.ts")).unwrap();
    let flags = ["--noEmit", "--strict", "--target", "es2022", "--lib", "es2022", "--module", "nodenext"];
    let output = Command::new(compiler).args(flags).arg(&source).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
