//! Nodes that follow one another, from outside: what each serves, and who decides, through kills, freezes and promotions.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anaquel_loadtest::client::{Answer, Client};
use anaquel_loadtest::server::{Server, free_address, run, verify};
use anaquel_loadtest::socket::{Mirror, Socket};
use anaquel_tests::binary;
use anaquel_tests::calls::said;
use anaquel_tests::folder::{Folder, folder};
use anaquel_tests::house::House;
use serde_json::{Value, json};

/// How long something may take that takes a moment.
const PATIENCE: Duration = Duration::from_secs(30);

/// Nodes of one retailer, each at an address of its own.
struct Nodes {
    folder: Folder,
}

/// A node that runs.
struct Node {
    server: Server,
    client: Client,
    data: PathBuf,
}

impl Nodes {
    fn new() -> Self {
        Self { folder: folder() }
    }

    fn data(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn start(&self, name: &str, arguments: &[&str]) -> Node {
        self.start_at(free_address().unwrap(), name, arguments)
    }

    fn start_at(&self, address: SocketAddr, name: &str, arguments: &[&str]) -> Node {
        let data = self.data(name);
        let server = Server::start_at(address, &[], binary(), &data, arguments).unwrap();
        let client = server.client();
        Node { server, client, data }
    }

    /// A node that may not be ready: it is not in contact.
    fn start_alive_at(&self, address: SocketAddr, name: &str, arguments: &[&str]) -> Node {
        let data = self.data(name);
        let server = Server::start_alive_at(address, binary(), &data, arguments).unwrap();
        let client = server.client();
        Node { server, client, data }
    }

    fn follow(&self, name: &str, of: &Node) -> Node {
        self.start(name, &["--follow", &of.url()])
    }

    fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.data(name).with_extension("log")).unwrap()
    }
}

impl Node {
    fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    fn post(&mut self, path: &str, body: &Value) -> Answer {
        self.client.post(path, body).unwrap()
    }

    fn get(&mut self, path: &str) -> Answer {
        self.client.get(path).unwrap()
    }

    fn receive(&mut self, sku: &str, location: &str, quantity: u32) -> u64 {
        let movement = json!({"kind": "receipt", "sku": sku, "location": location, "quantity": quantity});
        let answer = self.post("/v1/stock/movements", &json!({"movements": [movement]}));
        assert_eq!(answer.status, 200, "{}", answer.json());
        answer.json()["seq"].as_u64().unwrap()
    }

    fn reserve(&mut self, sku: &str, location: &str, quantity: u32) -> Answer {
        self.post("/v1/reservations", &hold(sku, location, quantity))
    }

    fn info(&mut self) -> Value {
        self.get("/v1/info").json()
    }

    fn seq(&mut self) -> u64 {
        self.info()["seq"].as_u64().unwrap()
    }

    /// Waits until it serves record `seq`.
    fn reaches(&mut self, seq: u64) {
        until("it gets there", || self.seq() >= seq);
    }

    fn signal(&self, signal: &str) {
        let told = Command::new("kill").args([signal, &self.server.pid().to_string()]).status().unwrap();
        assert!(told.success());
    }
}

fn hold(sku: &str, location: &str, quantity: u32) -> Value {
    json!({"channel": "web", "ttl_seconds": 900, "lines": [{"sku": sku, "location": location, "quantity": quantity}]})
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < PATIENCE, "never came true: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn promote(node: &Node, arguments: &[&str]) -> (bool, String) {
    let url = node.url();
    let output = run(binary(), &[&["promote", "--url", &url], arguments].concat()).unwrap();
    (output.status.success(), said(&output))
}

/// Everything that two nodes tell of their state.
#[track_caller]
fn assert_same(one: &mut Node, other: &mut Node) {
    let seq = one.seq();
    other.reaches(seq);
    let told = |node: &mut Node| {
        let info = node.info();
        [&info["seq"], &info["state_hash"], &info["files_hash"], &info["epochs"], &info["state_parts"]]
            .map(Value::clone)
    };
    assert_eq!(told(one), told(other));
}

#[test]
fn a_node_that_follows_serves_what_the_other_has_and_so_does_one_that_follows_it() {
    let nodes = Nodes::new();
    let mut primary = nodes.start("primary", &[]);
    primary.receive("A", "s1", 10);
    let mut near = nodes.follow("near", &primary);
    let mut far = nodes.follow("far", &near);
    let made = primary.reserve("A", "s1", 3).json();
    let seq = made["seq"].as_u64().unwrap();
    for node in [&mut near, &mut far] {
        let read = node.get(&format!("/v1/availability?sku=A&location=s1&min_seq={seq}"));
        assert_eq!(read.json()["items"][0]["available"], 7, "{}", read.json());
        assert_eq!(read.header("anaquel-role"), Some("replica"));
        assert!(read.header("anaquel-follows").is_some() && read.header("anaquel-stale").is_none());
        let lag: u64 = read.header("anaquel-lag-ms").unwrap().parse().unwrap();
        assert!(lag < 10_000, "{lag}");
        let own = node.get(&format!("/v1/reservations/{}", made["id"].as_str().unwrap())).json();
        let there = primary.get(&format!("/v1/reservations/{}", made["id"].as_str().unwrap())).json();
        assert_eq!(own, there, "an id means the same on every node");
        let ready = node.get("/readyz").json();
        assert_eq!((&ready["status"], &ready["role"], &ready["term"]), (&json!("ready"), &json!("replica"), &json!(0)));
    }
    assert_eq!(primary.get("/v1/events?after=0").json()["items"], far.get("/v1/events?after=0").json()["items"]);
    for (method, path, body) in [
        ("POST", "/v1/reservations", hold("A", "s1", 1)),
        (
            "POST",
            "/v1/stock/movements",
            json!({"movements": [{"kind": "sale", "sku": "A", "location": "s1", "quantity": 1}]}),
        ),
        ("PUT", "/v1/skus/A", json!({"name": "A"})),
        ("POST", "/v1/import/stock", json!(null)),
        ("POST", &format!("/v1/reservations/{}/confirm", made["id"].as_str().unwrap()), json!({})),
    ] {
        let headers = match path {
            "/v1/import/stock" => [("Content-Type", "text/csv")],
            _ => [("Content-Type", "application/json")],
        };
        let text = if body.is_null() { "sku,location,on_hand\nA,s1,5\n".to_owned() } else { body.to_string() };
        let refused = far.client.send(method, path, &headers, text.as_bytes()).unwrap();
        assert_eq!((refused.status, refused.slug().as_str()), (503, "read-only"), "{path}: {}", refused.json());
    }
    let late = near.get(&format!("/v1/availability?sku=A&location=s1&min_seq={}", seq + 1000));
    assert_eq!(late.status, 503, "it says so, once it has waited: {}", late.json());
    assert_same(&mut primary, &mut near);
    assert_same(&mut primary, &mut far);
    // What it took over is proven like any other log.
    let hash = far.info()["state_hash"].as_str().unwrap().to_owned();
    let Node { server, data, .. } = far;
    server.stop().unwrap();
    assert_eq!(verify(binary(), &data).unwrap(), hash);
    let told = run(binary(), &["serve", "--data", data.to_str().unwrap(), "--listen", "127.0.0.1:0"]).unwrap();
    assert!(!told.status.success() && said(&told).contains("--follow"), "{}", said(&told));
}

/// Both nodes die again and again, in any order, while somebody writes.
#[test]
fn nodes_that_are_killed_come_back_with_the_same_log() {
    let nodes = Nodes::new();
    let mut primary = nodes.start("primary", &[]);
    let (address, first) = (primary.server.address, primary.receive("A", "s1", 100_000));
    let mut near = nodes.follow("near", &primary);
    let near_address = near.server.address;
    let follow = primary.url();
    let mut acknowledged = first;
    for round in 0..6 {
        for _ in 0..30 {
            let made = primary.reserve("A", "s1", 1);
            assert_eq!(made.status, 201, "{}", made.json());
            acknowledged = made.json()["seq"].as_u64().unwrap();
        }
        if round % 2 == 0 {
            near.server.kill().unwrap();
            primary.reserve("A", "s1", 1);
            near = nodes.start_at(near_address, "near", &["--follow", &follow]);
        }
        if round % 3 == 0 {
            primary.server.kill().unwrap();
            primary = nodes.start_at(address, "primary", &[]);
            assert!(primary.seq() >= acknowledged);
        }
    }
    assert_same(&mut primary, &mut near);
}

/// The primary stops, in the middle of writes: what it acknowledged is there, and it never writes again.
#[test]
fn a_promotion_loses_nothing_and_streams_go_on() {
    let nodes = Nodes::new();
    let mut primary = nodes.start("primary", &[]);
    primary.receive("A", "s1", 100_000);
    let held = primary.reserve("A", "s1", 5).json();
    let mut replica = nodes.follow("replica", &primary);
    let mut socket = Socket::connect(replica.server.address).unwrap();
    socket.send(&json!({"op": "subscribe", "id": "a", "skus": ["A"], "locations": ["s1"]})).unwrap();
    let mut mirror = Mirror::default();
    mirror.hear(&socket.message().unwrap()).unwrap();
    let over = AtomicBool::new(false);
    let primary_address = primary.server.address;
    let made: Vec<String> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let (mut client, mut made) = (Client::new(primary_address), Vec::new());
                    while !over.load(Ordering::Relaxed) {
                        let answer = client.post("/v1/reservations", &hold("A", "s1", 1)).unwrap();
                        match answer.status {
                            201 => made.push(answer.json()["id"].as_str().unwrap().to_owned()),
                            _ => assert_eq!(answer.slug(), "read-only", "{}", answer.json()),
                        }
                    }
                    made
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(300));
        let (is_done, told) = promote(&replica, &[]);
        assert!(is_done && told.contains("nothing is lost"), "{told}");
        std::thread::sleep(Duration::from_millis(100));
        over.store(true, Ordering::Relaxed);
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
    });
    assert!(made.len() > 20, "{}", made.len());
    let info = replica.info();
    assert_eq!((&info["role"], info["epochs"].as_array().unwrap().len()), (&json!("primary"), 2));
    assert_eq!(info["reservations"]["open"], made.len() + 1, "each that was acknowledged, once");
    for id in made.iter().step_by(7).map(String::as_str).chain(held["id"].as_str()) {
        let told = replica.post(&format!("/v1/reservations/{id}/confirm"), &json!({}));
        assert_eq!(told.status, 200, "{}", told.json());
    }
    let last = replica.reserve("A", "s1", 1).json();
    until("the stream is there", || {
        mirror.hear(&socket.message().unwrap()).unwrap();
        mirror.seq >= last["seq"].as_u64()
    });
    assert_eq!(mirror.resets, Vec::<String>::new(), "who listens notices nothing");
    let refused = primary.reserve("A", "s1", 1);
    assert_eq!((refused.status, primary.get("/readyz").status), (503, 503));
    // Started again, whoever does it, it does not write; and a supervisor that still says --follow changes nothing here.
    let (follow, address) = (primary.url(), replica.server.address);
    primary.server.stop().unwrap();
    let seq = replica.seq();
    replica.server.kill().unwrap();
    let mut replica = nodes.start_at(address, "replica", &["--follow", &follow]);
    assert_eq!(replica.info()["role"], "primary");
    assert!(replica.seq() >= seq && nodes.log("replica").contains("was promoted and decides"));
    let mut former = nodes.follow("primary", &replica);
    replica.receive("A", "s1", 1);
    assert_same(&mut replica, &mut former);
    let (is_done, told) = promote(&replica, &[]);
    assert!(!is_done && told.contains("decides already"), "{told}");
}

/// The primary is lost. What nobody has is not in the new history, and whoever has it is found.
#[test]
fn a_lost_primary_is_replaced_and_found_when_it_comes_back() {
    let nodes = Nodes::new();
    let mut primary = nodes.start("primary", &[]);
    primary.receive("A", "s1", 100);
    let mut replica = nodes.follow("replica", &primary);
    let shared = primary.receive("A", "s1", 1);
    replica.reaches(shared);
    let (is_done, told) = promote(&replica, &["--i-stopped-it"]);
    assert!(!is_done && told.contains("is running"), "{told}");
    // It writes what no other node gets.
    let replica_address = replica.server.address;
    replica.server.kill().unwrap();
    let lost = primary.reserve("A", "s1", 1).json()["id"].as_str().unwrap().to_owned();
    primary.receive("B", "s1", 5);
    let (address, follow) = (primary.server.address, primary.url());
    primary.server.kill().unwrap();
    let mut replica = nodes.start_alive_at(replica_address, "replica", &["--follow", &follow]);
    assert_eq!(replica.get("/v1/skus").header("anaquel-stale"), Some("true"));
    let (is_done, told) = promote(&replica, &[]);
    assert!(!is_done && told.contains("i_stopped_it"), "{told}");
    let (is_done, told) = promote(&replica, &["--i-stopped-it"]);
    let after = format!("after               {shared}");
    assert!(is_done && told.contains(&after) && told.contains("could be lost"), "{told}");
    assert_eq!(replica.get(&format!("/v1/reservations/{lost}")).status, 404);
    replica.receive("A", "s1", 1);
    // By its peers, it learns that it was replaced.
    let settings = nodes.folder.path().join("peers.toml");
    std::fs::write(&settings, format!("[nodes]\npeers = [\"http://{replica_address}\"]\n")).unwrap();
    let mut former = nodes.start_alive_at(address, "primary", &["--config", settings.to_str().unwrap()]);
    assert_eq!(former.get("/readyz").status, 503);
    assert_eq!(former.reserve("A", "s1", 1).slug(), "read-only");
    former.server.stop().unwrap();
    // It has records of its own: it is not mixed in, and says why.
    let mut former = nodes.start_alive_at(address, "primary", &["--follow", &replica.url()]);
    until("it says why", || {
        let told = former.get("/readyz").json();
        told["detail"].as_str().unwrap_or_default().contains("does not belong to this history")
    });
    let kept = former.get(&format!("/v1/reservations/{lost}"));
    assert_eq!(kept.status, 200, "what it has is still there, for whoever looks it up");
    assert_eq!(kept.header("anaquel-stale"), Some("true"));
}

/// Back and forth: whoever was promoted once follows again when the other one decides, in order and after a loss.
#[test]
fn a_node_that_was_promoted_once_follows_again() {
    let nodes = Nodes::new();
    let mut a = nodes.start("a", &[]);
    a.receive("A", "s1", 100);
    let b = nodes.follow("b", &a);
    let (at_a, at_b) = (a.server.address, b.server.address);
    let (of_a, of_b) = (a.url(), b.url());
    let in_order = |node: &Node| {
        let began = Instant::now();
        let (is_done, told) = promote(node, &[]);
        assert!(is_done && told.contains("nothing is lost"), "{told}");
        // A bound of its wait: there is no rest to wait for.
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    };
    in_order(&b);
    // Who listens to a node that stopped is sent elsewhere, and nobody begins there.
    until("no stream begins", || Socket::connect(at_a).is_err());
    a.server.stop().unwrap();
    let mut a = nodes.start_at(at_a, "a", &["--follow", &of_b]);
    in_order(&a);
    b.server.stop().unwrap();
    let mut b = nodes.start_at(at_b, "b", &["--follow", &of_a]);
    assert_eq!(b.info()["role"], "replica", "{}", nodes.log("b"));
    a.receive("A", "s1", 1);
    assert_same(&mut a, &mut b);
    // Once more, and then the one that decides is lost.
    in_order(&b);
    a.server.stop().unwrap();
    let a = nodes.start_at(at_a, "a", &["--follow", &of_b]);
    let seq = b.receive("A", "s1", 1);
    let mut a = a;
    a.reaches(seq);
    b.server.kill().unwrap();
    until("it is not heard", || a.get("/readyz").status == 503);
    let (is_done, told) = promote(&a, &["--i-stopped-it"]);
    assert!(is_done, "{told}");
    let mut b = nodes.start_at(at_b, "b", &["--follow", &of_a]);
    assert_eq!(b.info()["role"], "replica", "two never decide: {}", nodes.log("b"));
    a.receive("A", "s1", 1);
    assert_same(&mut a, &mut b);
    // The node that it followed follows it now: it decides, as its supervisor starts it, whether that node answers or not.
    // And what it downloaded before it was promoted never takes the place of what it has.
    for stage in ["ready", "whole.backup"] {
        let (seq, joining) = (a.seq(), a.data.join("joining"));
        a.server.stop().unwrap();
        std::fs::create_dir_all(joining.join("ready")).unwrap();
        std::fs::rename(joining.join("ready"), joining.join(stage)).unwrap();
        std::fs::write(joining.join("from"), &of_b).unwrap();
        a = nodes.start_at(at_a, "a", &["--follow", &of_b]);
        assert_eq!(a.info()["role"], "primary", "{}", nodes.log("a"));
        assert!(a.seq() >= seq && !joining.exists());
        b.signal("-STOP");
    }
    b.signal("-CONT");
}

/// A node that stops asks nobody twice, so what can be known is known before: who has another log cannot take over.
#[test]
fn whoever_cannot_take_over_stops_nobody() {
    let nodes = Nodes::new();
    let mut primary = nodes.start("primary", &[]);
    let seq = primary.receive("A", "s1", 100);
    let epoch = primary.info()["epoch"].as_str().unwrap().to_owned();
    let chain = "0".repeat(32);
    for (body, status) in [
        (json!({"epoch": epoch, "seq": seq, "chain": chain}), 409),
        (json!({"epoch": epoch, "seq": seq + 5, "chain": chain}), 409),
        (json!({"epoch": "0".repeat(16), "seq": seq, "chain": chain}), 409),
        (json!({"epoch": epoch, "seq": seq}), 400),
        (json!({"epoch": epoch, "seq": u64::MAX, "chain": chain}), 400),
    ] {
        let told = primary.post("/v1/demote", &body);
        assert_eq!(told.status, status, "{body}: {}", told.json());
        assert_eq!(primary.reserve("A", "s1", 1).status, 201, "it goes on: {body}");
    }
    // A replica that does not know how near it is, because its primary stands still.
    let replica = nodes.follow("replica", &primary);
    primary.signal("-STOP");
    let mut reader = replica.server.client();
    until("it is stale", || reader.get("/v1/skus").unwrap().header("anaquel-stale").is_some());
    let (is_done, told) = promote(&replica, &[]);
    assert!(!is_done && told.contains("could not be told to stop"), "{told}");
    primary.signal("-CONT");
    assert_eq!(primary.reserve("A", "s1", 1).status, 201);
}

/// The node stopped, and the promotion did not come to its end: it is asked again, also by another replica, after restarts.
#[test]
fn a_promotion_is_asked_again() {
    let nodes = Nodes::new();
    let mut primary = nodes.start("primary", &[]);
    primary.receive("A", "s1", 100);
    let follow = primary.url();
    let replica = nodes.follow("replica", &primary);
    let address = replica.server.address;
    replica.server.stop().unwrap();
    // What the replica does not have yet.
    let seq = primary.receive("A", "s1", 1);
    let stopped = primary.post("/v1/demote", &json!({}));
    assert_eq!((stopped.status, stopped.json()["seq"].as_u64()), (200, Some(seq)), "{}", stopped.json());
    let mut replica = nodes.start_alive_at(address, "replica", &["--follow", &follow]);
    replica.reaches(seq);
    assert_eq!(replica.get("/v1/skus").header("anaquel-stale"), Some("true"), "nobody decides");
    let (is_done, told) = promote(&replica, &[]);
    assert!(is_done && told.contains("nothing is lost"), "{told}");
    replica.receive("A", "s1", 1);
}

/// Two nodes that took over from the same one, without knowing of each other: the one that starts later does not decide.
#[test]
fn whoever_decides_in_another_era_is_found() {
    let nodes = Nodes::new();
    let mut a = nodes.start("a", &[]);
    let seq = a.receive("A", "s1", 100);
    let mut b = nodes.follow("b", &a);
    b.reaches(seq);
    let (at_a, at_b) = (a.server.address, b.server.address);
    let (of_a, of_b) = (a.url(), b.url());
    a.server.kill().unwrap();
    until("it is not heard", || b.get("/readyz").status == 503);
    assert!(promote(&b, &["--i-stopped-it"]).0);
    b.receive("A", "s1", 1);
    b.server.kill().unwrap();
    // The first one never heard of it, and is made to decide.
    let a = nodes.start_alive_at(at_a, "a", &["--follow", &of_b]);
    let (is_done, told) = promote(&a, &["--i-stopped-it"]);
    assert!(is_done, "{told}");
    let mut b = nodes.start_alive_at(at_b, "b", &["--follow", &of_a]);
    assert_eq!(b.info()["role"], "replica", "{}", nodes.log("b"));
    until("it says why", || b.get("/readyz").json()["detail"].as_str().unwrap_or_default().contains("history"));
    // And the one that decides goes on, whoever answers.
    a.server.stop().unwrap();
    let mut a = nodes.start_at(at_a, "a", &["--follow", &of_b]);
    assert_eq!(a.info()["role"], "primary", "{}", nodes.log("a"));
}

/// Behind a replica that is out of contact, nothing is fresh, however well it answers.
#[test]
fn contact_is_with_the_node_that_decides() {
    let nodes = Nodes::new();
    let mut primary = nodes.start("primary", &[]);
    primary.receive("A", "s1", 100);
    let near = nodes.follow("near", &primary);
    let mut far = nodes.follow("far", &near);
    assert_eq!(far.get("/readyz").status, 200);
    primary.server.kill().unwrap();
    until("it has no contact", || far.get("/readyz").status == 503);
    // Longer than it takes to connect anew.
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(8) {
        let told = far.get("/readyz");
        assert_eq!(told.status, 503, "{}", told.json());
        assert_eq!(far.get("/v1/skus").header("anaquel-stale"), Some("true"));
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A replacement of a directory that is interrupted at any of its steps is gone on with.
#[test]
fn an_interrupted_replacement_goes_on() {
    let nodes = Nodes::new();
    let mut primary = nodes.start("primary", &[]);
    primary.receive("A", "s1", 100);
    let follow = primary.url();
    let replica = nodes.follow("replica", &primary);
    let (address, data) = (replica.server.address, replica.data.clone());
    replica.server.stop().unwrap();
    let own = ["identity", "secret", "journal", "images", "archive"];
    for (stage, moved) in [("ready", 5), ("moving", 5), ("moving", 3), ("moving", 1)] {
        let folder = data.join("joining").join(stage);
        std::fs::create_dir_all(&folder).unwrap();
        for name in &own[..moved] {
            if data.join(name).exists() {
                std::fs::rename(data.join(name), folder.join(name)).unwrap();
            }
        }
        if stage == "ready" {
            std::fs::copy(folder.join("identity"), data.join("identity")).unwrap();
        }
        std::fs::write(data.join("joining").join("from"), &follow).unwrap();
        primary.receive("A", "s1", 1);
        if stage == "moving" {
            // Whoever starts goes on with it: no empty node begins to decide here.
            let alone = ["serve", "--data", data.to_str().unwrap(), "--listen", "127.0.0.1:0"];
            let told = run(binary(), &alone).unwrap();
            assert!(!told.status.success() && said(&told).contains("--follow"), "{}", said(&told));
        }
        let mut replica = nodes.start_at(address, "replica", &["--follow", &follow]);
        assert_same(&mut primary, &mut replica);
        assert!(!data.join("joining").exists());
        replica.server.stop().unwrap();
    }
    // What was downloaded of another node, or is not whole, is dropped: what the directory has goes on.
    for (from, told) in [(format!("{follow}/"), ""), (follow.clone(), "cannot be taken over")] {
        let folder = data.join("joining");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("from"), from).unwrap();
        std::fs::write(folder.join("whole.backup"), "not a backup").unwrap();
        let mut replica = nodes.start_at(address, "replica", &["--follow", &follow]);
        assert_same(&mut primary, &mut replica);
        assert!(!folder.exists() && nodes.log("replica").contains(told), "{}", nodes.log("replica"));
        replica.server.stop().unwrap();
    }
}

/// The primary freezes: what is served says that it is old, streams end, and all comes back by itself.
#[test]
fn a_frozen_primary_is_noticed_and_comes_back() {
    let nodes = Nodes::new();
    let mut primary = nodes.start("primary", &[]);
    primary.receive("A", "s1", 100);
    let mut replica = nodes.follow("replica", &primary);
    let mut socket = Socket::connect(replica.server.address).unwrap();
    socket.send(&json!({"op": "subscribe", "id": "a", "skus": ["A"], "locations": ["s1"]})).unwrap();
    let cursor = socket.message().unwrap()["cursor"].as_str().unwrap().to_owned();
    // A cursor of a node that is ahead: it is waited for, and is no reset.
    let ahead = {
        let mut parts: Vec<String> = cursor.split('-').map(str::to_owned).collect();
        parts[2] = (parts[2].parse::<u64>().unwrap() + 1000).to_string();
        parts.join("-")
    };
    let subscribe =
        |cursor: &str| json!({"op": "subscribe", "id": "b", "skus": ["A"], "locations": ["s1"], "cursor": cursor});
    let mut early = Socket::connect(replica.server.address).unwrap();
    early.send(&subscribe(&ahead)).unwrap();
    assert_eq!(early.closed().unwrap().0, 1013);
    primary.signal("-STOP");
    until("it says that it may be stale", || replica.get("/v1/skus").header("anaquel-stale").is_some());
    assert_eq!(socket.closed().unwrap().0, 1013, "another node may be in contact");
    assert_eq!(replica.get("/readyz").status, 503);
    assert!(Socket::connect(replica.server.address).is_err(), "no stream begins");
    let read = replica.get("/v1/availability?sku=A&location=s1");
    assert_eq!(read.json()["items"][0]["available"], 100, "whoever accepts it is answered");
    primary.signal("-CONT");
    until("it is in contact", || replica.get("/readyz").status == 200);
    primary.receive("A", "s1", 7);
    assert_same(&mut primary, &mut replica);
    let mut again = Socket::connect(replica.server.address).unwrap();
    again.send(&subscribe(&cursor)).unwrap();
    assert_eq!(again.message().unwrap()["type"], "delta", "it missed nothing");
}

/// Only a key of the scope `node` gets the log; the keys of the primary are those of its replicas, also once revoked.
#[test]
fn keys_are_those_of_the_node_that_is_followed() {
    let house = House::default();
    let (ops, node) = (house.key("ops", &["ops", "read", "stock"], &[]), house.key("replica", &["node"], &[]));
    let till = house.key("till", &["read"], &[]);
    let server = house.serve(&[]);
    let url = format!("http://{}", server.address);
    let mut client = server.client().with_key(&ops);
    let refused = client.get("/v1/log?from=1").unwrap();
    assert_eq!((refused.status, refused.json()["scope"].as_str()), (403, Some("node")));
    assert_eq!(client.get("/v1/log/checkpoint").unwrap().status, 403);
    let data = house.folder().join("replica");
    // With a key that may not, it says so and does not start.
    let wrong = Command::new(binary())
        .env("ANAQUEL_KEY", &till)
        .args(["serve", "--data", data.to_str().unwrap(), "--listen", "127.0.0.1:0", "--follow", &url])
        .output()
        .unwrap();
    assert!(!wrong.status.success() && said(&wrong).contains("403"), "{}", said(&wrong));
    let with_key = format!("ANAQUEL_KEY={node}");
    let replica =
        Server::start_at(free_address().unwrap(), &["env", &with_key], binary(), &data, &["--follow", &url]).unwrap();
    let read = |key: &str| replica.client().with_key(key).get("/v1/availability?sku=A&location=s1").unwrap().status;
    assert_eq!((read(&till), replica.client().get("/v1/skus").unwrap().status), (200, 401));
    // A key that is added, and one that is revoked, while both run.
    let late = house.key("late", &["read"], &[]);
    until("it is known there", || read(&late) == 200);
    let id = till.split('_').nth(1).unwrap_or_default().to_owned();
    let listed = house.keys(&["list"]);
    let id = listed.split_whitespace().find(|word| till.contains(*word) && word.len() > 5).map_or(id, str::to_owned);
    house.keys(&["revoke", &id]);
    until("it is revoked there", || read(&till) == 401);
    // The node's own key: its connection ends with it.
    let id = listed.split_whitespace().find(|word| node.contains(*word) && word.len() > 5).unwrap();
    house.keys(&["revoke", id]);
    until("it is cut off", || replica.client().get("/readyz").unwrap().status == 503);
    let why = replica.client().get("/readyz").unwrap().json()["detail"].as_str().unwrap().to_owned();
    until("it says why", || {
        let told = replica.client().get("/readyz").unwrap().json();
        told["detail"].as_str().unwrap().contains("401")
    });
    assert!(why.contains(&url), "{why}");
}

/// The log no longer has what comes next: it begins anew with a checkpoint, by itself.
#[test]
fn a_node_that_is_too_far_behind_begins_anew() {
    let preload = Command::new("faketime").args(["-f", "+0", "printenv", "LD_PRELOAD"]).output();
    let preload = preload.ok().filter(|told| told.status.success());
    let Some(preload) = preload.map(|told| String::from_utf8(told.stdout).unwrap().trim().to_owned()) else {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "faketime is absent");
        eprintln!("skipped: faketime is absent");
        return;
    };
    let nodes = Nodes::new();
    let settings = nodes.folder.path().join("short.toml");
    let short = "[journal]\nretention_seconds = 86400\n[idempotency]\nretention_seconds = 86400\n";
    std::fs::write(&settings, short).unwrap();
    let config = ["--config", settings.to_str().unwrap()];
    let mut primary = nodes.start("primary", &config);
    let address = primary.server.address;
    primary.receive("A", "s1", 100);
    let follow = primary.url();
    let replica = nodes.follow("replica", &primary);
    let replica_address = replica.server.address;
    replica.server.stop().unwrap();
    primary.receive("A", "s1", 1);
    primary.server.stop().unwrap();
    // Three days later, and so again: two checkpoints, and the log before them goes.
    for days in ["+3d", "+6d", "+9d"] {
        let data = nodes.data("primary");
        let arguments = [&config[..], &["--trust-clock"]].concat();
        let (preload, days) = (format!("LD_PRELOAD={preload}"), format!("FAKETIME={days}"));
        let tool = ["env", &preload, &days, "FAKETIME_DONT_FAKE_MONOTONIC=1"];
        let server = Server::start_at(address, &tool, binary(), &data, &arguments).unwrap();
        let mut node = Node { client: server.client(), server, data };
        for _ in 0..5 {
            node.receive("A", "s1", 1);
        }
        node.server.stop().unwrap();
    }
    let mut primary = nodes.start_at(address, "primary", &config);
    assert!(primary.info()["oldest_seq"].as_u64().unwrap() > 3, "{}", primary.info());
    let mut replica = nodes.start_at(replica_address, "replica", &["--follow", &follow]);
    assert_same(&mut primary, &mut replica);
    assert!(nodes.log("replica").contains("starts again"), "{}", nodes.log("replica"));
    primary.receive("A", "s1", 1);
    assert_same(&mut primary, &mut replica);
    assert!(!replica.data.join("joining").exists());
}
