//! Faults in the world around the real server: no room, no descriptors, no memory, a slow disk, callers who never finish
//! or never listen, and more load than it bears. It says so, goes on for the others, and loses nothing.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anaquel_loadtest::client::Client;
use anaquel_loadtest::inject::{self, Fault};
use anaquel_loadtest::server::{Server, verify};
use anaquel_tests::binary;
use anaquel_tests::folder::{Folder, folder};
use serde_json::{Value, json};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn receipt(quantity: i64, reference: &str) -> Value {
    let movement =
        json!({"kind": "receipt", "sku": "A", "location": "s1", "quantity": quantity, "reference": reference});
    json!({"movements": [movement]})
}

fn on_hand(client: &mut Client) -> i64 {
    let answer = client.get("/v1/availability?sku=A&location=s1").unwrap().json();
    answer["items"][0]["on_hand"].as_i64().unwrap()
}

/// A folder for a server and its settings.
fn folder_with(settings: &str) -> (Folder, String) {
    let folder = folder();
    let path = folder.path().join("anaquel.toml");
    std::fs::write(&path, settings).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

/// A small disk, mounted while it is there.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// None where nothing may be mounted, which is said.
    fn mount(at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=6m", "none"]).arg(at).output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(at.to_owned())),
            other => {
                eprintln!("not run: nothing can be mounted here: {other:?}");
                None
            }
        }
    }

    fn grow(&self) {
        let grown = Command::new("mount").args(["-o", "remount,size=64m"]).arg(&self.0).status().unwrap();
        assert!(grown.success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_takes_no_writes_and_loses_none() {
    let (folder, settings) = folder_with("[journal]\nreserve_bytes = 1048576\n");
    let Some(disk) = SmallDisk::mount(&folder.path().join("disk")) else { return };
    let data = disk.0.join("data");
    let server = Server::start(binary(), &data, &["--config", &settings]).unwrap();
    let mut client = server.client();
    let row = |n: i32| json!({"kind": "receipt", "sku": format!("SKU-{n}"), "location": "s1", "quantity": 1, "reference": "d".repeat(64)});
    let mut acknowledged = 0;
    let refused = loop {
        let rows: Vec<Value> = (0..1000).map(row).collect();
        let answer = client.post("/v1/stock/movements", &json!({"movements": rows})).unwrap();
        if answer.status != 200 {
            break answer;
        }
        acknowledged += 1;
        assert!(acknowledged < 1000, "the disk is never full");
    };
    assert_eq!((refused.status, refused.slug().as_str()), (503, "read-only"), "{}", refused.json());
    assert!(refused.header("retry-after").is_some());
    let here = |client: &mut Client, n: i32| {
        client.get(&format!("/v1/availability?sku=SKU-{n}&location=s1")).unwrap().json()["items"][0]["on_hand"].clone()
    };
    assert_eq!(here(&mut client, 7), acknowledged, "what was there is told all the same");
    disk.grow();
    let began = Instant::now();
    while client.post("/v1/stock/movements", &receipt(1, "after")).unwrap().status != 200 {
        assert!(began.elapsed() < PATIENCE, "it never took writes again");
        std::thread::sleep(Duration::from_millis(50));
    }
    server.stop().unwrap();
    verify(binary(), &data).unwrap();
    let server = Server::start(binary(), &data, &["--config", &settings]).unwrap();
    let mut client = server.client();
    assert_eq!((here(&mut client, 7), here(&mut client, 999)), (json!(acknowledged), json!(acknowledged)));
    assert_eq!(on_hand(&mut client), 1);
}

#[test]
fn without_descriptors_those_who_are_in_are_served() {
    let (folder, _) = folder_with("");
    let data = folder.path().join("data");
    let server = Server::start_under(&["prlimit", "--nofile=64:64"], binary(), &data, &[]).unwrap();
    let mut inside = server.client();
    assert_eq!(inside.post("/v1/stock/movements", &receipt(1, "first")).unwrap().status, 200);
    let crowd: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(server.address).unwrap()).collect();
    for _ in 0..20 {
        assert_eq!(inside.post("/v1/stock/movements", &receipt(1, "more")).unwrap().status, 200);
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(crowd);
    // Who comes now waits until the crowd has been let go.
    assert_eq!(on_hand(&mut server.client()), 21);
    server.stop().unwrap();
    verify(binary(), &data).unwrap();
}

/// It dies of it, since what it knows may not fit half; what was acknowledged is there when it comes back.
#[test]
fn without_memory_nothing_is_lost() {
    let (folder, _) = folder_with("");
    let data = folder.path().join("data");
    // Enough to come up; not enough for what follows.
    let server = Server::start_under(&["prlimit", "--data=250000000"], binary(), &data, &[]).unwrap();
    let mut client = server.client();
    let mut acknowledged = 0;
    for round in 0..1000 {
        let row = |n: i32| json!({"sku": format!("SKU-{round}-{n}"), "location": "s1", "on_hand": 1});
        let rows: Vec<Value> = (0..1000).map(row).collect();
        match client.post("/v1/stock/counts", &json!({"counts": rows})) {
            Ok(answer) if answer.status == 200 => acknowledged += 1,
            _ => break,
        }
    }
    assert!((1..1000).contains(&acknowledged), "{acknowledged}: it was to die on the way");
    drop(server);
    verify(binary(), &data).unwrap();
    let server = Server::start(binary(), &data, &[]).unwrap();
    for round in [0, acknowledged / 2, acknowledged - 1] {
        let answer = server.client().get(&format!("/v1/availability?sku=SKU-{round}-999&location=s1")).unwrap().json();
        assert_eq!(answer["items"][0]["on_hand"], 1, "{round} of {acknowledged}: {answer}");
    }
}

/// Each sync takes 20 ms: fewer, larger batches, and the same promises.
#[test]
fn a_slow_disk_is_only_slow() {
    if let Err(error) = inject::is_possible() {
        eprintln!("not run: {error:#}");
        return;
    }
    let folder = folder();
    let slow = Fault { call: "fdatasync", file: None, effect: "delay_exit=20000:when=1+" };
    let report = inject::run(binary(), folder.path(), &[slow], 1..=2, 7).unwrap();
    assert!(report.kills.acknowledged > 0 && report.kills.ended == 0, "{report:?}");
}

/// What is behind the limit is refused at once, with when to come again; what is before it is done.
#[test]
fn more_than_it_bears_is_refused_at_once() {
    if let Err(error) = inject::is_possible() {
        eprintln!("not run: {error:#}");
        return;
    }
    let (folder, settings) = folder_with("[limits]\nin_flight = 8\n");
    let data = folder.path().join("data");
    let slow = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync"];
    let slow = [&slow[..], &["-e", "inject=fdatasync:delay_exit=50000:when=1+"]].concat();
    let server = Server::start_under(&slow, binary(), &data, &["--config", &settings]).unwrap();
    assert_eq!(server.client().post("/v1/stock/movements", &receipt(10_000, "opening")).unwrap().status, 200);
    let address = server.address;
    let buyer = move |_| {
        std::thread::spawn(move || {
            let mut client = Client::new(address);
            let line = json!({"sku": "A", "location": "s1", "quantity": 1});
            let body = json!({"channel": "web", "lines": [line]});
            let answers = (0..10).map(|_| client.post("/v1/reservations", &body).unwrap());
            answers
                .map(|answer| (answer.status, answer.slug(), answer.header("retry-after").is_some()))
                .collect::<Vec<_>>()
        })
    };
    let buyers: Vec<_> = (0..32).map(buyer).collect();
    let answers: Vec<_> = buyers.into_iter().flat_map(|buyer| buyer.join().unwrap()).collect();
    let granted = answers.iter().filter(|(status, ..)| *status == 201).count();
    let refused = (503, "overloaded".to_owned(), true);
    assert!(granted > 0 && answers.contains(&refused), "{granted} granted of {answers:?}");
    assert!(answers.iter().all(|answer| answer.0 == 201 || *answer == refused), "{answers:?}");
    let cell = server.client().get("/v1/availability?sku=A&location=s1").unwrap().json();
    assert_eq!(cell["items"][0]["reserved"], granted, "each that was granted, and none that was refused");
}

#[test]
fn who_never_finishes_a_request_is_let_go() {
    let (folder, settings) = folder_with("[limits]\nheader_seconds = 1\n");
    let server = Server::start(binary(), &folder.path().join("data"), &["--config", &settings]).unwrap();
    let heads: Vec<TcpStream> =
        (0..300).map(|_| begin(server.address, b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nX-")).collect();
    let post =
        b"POST /v1/reservations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{";
    let bodies: Vec<TcpStream> = (0..50).map(|_| begin(server.address, post)).collect();
    let mut client = server.client();
    for drop in 0..20 {
        // A letter now and then does not count as progress.
        heads.iter().chain(&bodies).for_each(|mut slow| drop_in(&mut slow, drop));
        assert_eq!(client.post("/v1/stock/movements", &receipt(1, "meanwhile")).unwrap().status, 200);
        std::thread::sleep(Duration::from_millis(150));
    }
    for mut slow in heads {
        let mut said = Vec::new();
        // It was closed while the letters still came: two of these three seconds ago.
        slow.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        assert!(ended(slow.read_to_end(&mut said)), "it is still open");
    }
    for mut slow in bodies {
        let mut said = [0; 12];
        assert!(slow.read_exact(&mut said).is_ok() && said.ends_with(b"408"), "{}", String::from_utf8_lossy(&said));
    }
    assert_eq!(on_hand(&mut client), 20);
}

fn begin(address: SocketAddr, words: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(words).unwrap();
    stream
}

fn drop_in(slow: &mut &TcpStream, n: u8) {
    // It may have been closed already.
    let _ = slow.write_all(&[b'a' + n]);
}

/// Closed, politely or not.
fn ended(read: std::io::Result<usize>) -> bool {
    read.map_or_else(|error| error.kind() == ErrorKind::ConnectionReset, |_| true)
}

#[test]
fn who_never_reads_costs_the_others_nothing() {
    let (folder, _) = folder_with("");
    let server = Server::start(binary(), &folder.path().join("data"), &["--demo"]).unwrap();
    let mut client = server.client();
    let resident = |pid: u32| {
        let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap();
        statm.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4096
    };
    let before = resident(server.pid());
    let question = b"GET /v1/stock?location=es-001&limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(500);
    let deaf: Vec<TcpStream> = (0..64)
        .map(|_| {
            let mut stream = TcpStream::connect(server.address).unwrap();
            // As much as it takes without an answer being read.
            stream.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
            let _ = stream.write_all(&question);
            stream
        })
        .collect();
    for _ in 0..50 {
        assert_eq!(client.get("/v1/stock?location=es-001").unwrap().status, 200);
        assert_eq!(client.post("/v1/stock/movements", &receipt(1, "meanwhile")).unwrap().status, 200);
    }
    let grown = resident(server.pid()).saturating_sub(before);
    assert!(grown < 256 << 20, "{} MiB for 64 connections whose answers nobody reads", grown >> 20);
    drop(deaf);
    server.stop().unwrap();
}
