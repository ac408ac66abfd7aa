//! What a start reads, what it believes, and whose log it is: over the wire.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anaquel_loadtest::server::{Server, run, verify};
use anaquel_tests::folder::folder;
use anaquel_tests::{Shop, binary};
use serde_json::{Value, json};

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

fn reserve(server: &Server) -> Value {
    let line = json!({"sku": "A", "location": "s1", "quantity": 1});
    let answer = server.client().post("/v1/reservations", &json!({"channel": "web", "lines": [line]})).unwrap();
    assert_eq!(answer.status, 201, "{}", answer.json());
    answer.json()
}

fn status(server: &Server, reservation: &Value) -> u16 {
    let path = format!("/v1/reservations/{}", reservation["id"].as_str().unwrap());
    server.client().get(&path).unwrap().status
}

fn info(server: &Server) -> Value {
    server.client().get("/v1/info").unwrap().json()
}

#[test]
fn a_restored_copy_beside_the_original_tells_its_epoch_and_gives_out_ids_of_its_own() {
    let mut shop = Shop::default();
    shop.receive("A", "s1", 90);
    let before = reserve(&shop.server);
    let (folder, original) = shop.stopped();
    let copied = folder.path().join("copied");
    copy(&original, &copied);
    let moved = folder.path().join("moved");
    std::fs::rename(&original, &moved).unwrap();

    let servers = [&moved, &copied].map(|data| Server::start(binary(), data, &[]).unwrap());
    let infos = servers.each_ref().map(info);
    assert_ne!(infos[0]["epoch"], infos[1]["epoch"]);
    assert_eq!(infos[0]["epochs"].as_array().unwrap().len(), 1, "a move is no copy");
    assert_eq!(infos[1]["epochs"][0]["epoch"], infos[0]["epoch"]);
    assert_eq!(infos[1]["epochs"][1], json!({"epoch": infos[1]["epoch"], "after": infos[0]["seq"]}));
    let log = std::fs::read_to_string(copied.with_extension("log")).unwrap();
    for told in ["begins a new epoch", infos[0]["epoch"].as_str().unwrap(), infos[1]["epoch"].as_str().unwrap()] {
        assert!(log.contains(told), "{told}: {log}");
    }
    assert!(!std::fs::read_to_string(moved.with_extension("log")).unwrap().contains("begins a new epoch"));
    let [ours, theirs] = servers.each_ref().map(reserve);
    assert_eq!(ours["seq"], theirs["seq"], "the same record in both");
    assert_eq!([status(&servers[0], &ours), status(&servers[1], &theirs)], [200, 200]);
    assert_eq!([status(&servers[0], &theirs), status(&servers[1], &ours)], [404, 404]);
    assert_eq!([status(&servers[0], &before), status(&servers[1], &before)], [200, 200]);
    for server in servers {
        server.stop().unwrap();
    }
    for (data, told) in [(&moved, &infos[0]), (&copied, &infos[1])] {
        let server = Server::start(binary(), data, &[]).unwrap();
        assert_eq!(info(&server)["epoch"], told["epoch"], "a restart changes nothing");
        server.stop().unwrap();
        verify(binary(), data).unwrap();
    }
    // What keeps everything is told by whoever starts it.
    let server = Server::start(binary(), &moved, &["--restored"]).unwrap();
    assert_ne!(info(&server)["epoch"], infos[0]["epoch"]);
    assert_eq!(status(&server, &before), 200);
}

#[test]
fn ids_tell_neither_how_many_nor_in_which_order() {
    let mut shop = Shop::default();
    shop.receive("A", "s1", 90);
    let made: Vec<_> = (0..60).map(|_| reserve(&shop.server)).collect();
    let ids: Vec<_> = made.iter().map(|record| record["id"].as_str().unwrap()).collect();
    let rising = ids.windows(2).filter(|pair| pair[0] < pair[1]).count();
    assert!((15..45).contains(&rising), "{rising} of 59 rise: {ids:?}");
    let tag = &ids[0][..8];
    for record in &made {
        for guess in [format!("{tag}{}", record["seq"]), format!("{tag}{:0>26}", record["seq"])] {
            assert_eq!(shop.client.get(&format!("/v1/reservations/{guess}")).unwrap().status, 404, "{guess}");
        }
    }
    // Pages of them, newest first, and the same after a kill.
    let listed = |shop: &mut Shop| {
        let (mut found, mut after) = (Vec::new(), String::new());
        loop {
            let page = shop.client.get(&format!("/v1/reservations?limit=7{after}")).unwrap().json();
            let items = page["items"].as_array().unwrap();
            found.extend(items.iter().map(|record| record["id"].as_str().unwrap().to_owned()));
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return found,
            }
        }
    };
    let newest_first: Vec<_> = ids.iter().rev().map(|id| (*id).to_owned()).collect();
    assert_eq!(listed(&mut shop), newest_first);
    let mut shop = shop.killed_and_restarted();
    assert_eq!(listed(&mut shop), newest_first);
    let events = shop.client.get("/v1/events?after=0&limit=1000").unwrap().json();
    let told: Vec<_> =
        events["items"].as_array().unwrap().iter().filter_map(|item| item["reservation"].as_str()).collect();
    assert_eq!(told, ids);
}

fn modes(path: &Path, found: &mut Vec<(PathBuf, u32)>) {
    found.push((path.to_owned(), std::fs::metadata(path).unwrap().permissions().mode() & 0o777));
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            modes(&entry.unwrap().path(), found);
        }
    }
}

#[test]
fn the_data_directory_is_for_its_owner_only() {
    let mut shop = Shop::default();
    shop.receive("A", "s1", 9);
    let data = shop.data();
    let added = run(binary(), &["keys", "add", "k", "--scope", "admin", "--data", data.to_str().unwrap()]).unwrap();
    assert!(added.status.success());
    let (_folder, data) = shop.stopped();
    let mut found = Vec::new();
    modes(&data, &mut found);
    assert!(found.iter().any(|(path, _)| path.ends_with("keys.json")), "{found:?}");
    for (path, mode) in found {
        assert_eq!(mode, if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
    }
}

/// The log of the folder ended long ago, as after a clock that is far ahead.
#[test]
fn what_is_believed_of_the_clock_is_told_and_an_operator_can_say_better() {
    let folder = folder();
    let archive = anaquel_tests::root().join("tests/data/format-3.tar.gz");
    assert!(Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(folder.path()).status().unwrap().success());
    let data = folder.path().join("data");
    let server = Server::start(binary(), &data, &[]).unwrap();
    let told = info(&server);
    assert_eq!((&told["clock"]["held_back"], &told["expiry"]), (&json!(true), &json!("frozen")), "{told}");
    assert!(told["clock"]["offset_ms"].as_i64().unwrap() < -3_600_000, "{told}");
    let warned = |server: &Server| {
        let ready = server.client().get("/readyz").unwrap();
        assert_eq!(ready.status, 200);
        let warnings = ready.json()["warnings"].as_array().unwrap().clone();
        warnings.iter().map(|warning| warning["warning"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(warned(&server), ["clock-ahead"]);
    let metrics = String::from_utf8(server.client().get("/metrics").unwrap().body).unwrap();
    assert!(metrics.contains("anaquel_clock_offset_seconds -"), "{metrics}");
    // Whoever has the right time may say it, whichever is right.
    let now = told["clock"]["log_time"].as_str().unwrap();
    let real = Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%SZ"]).output().unwrap();
    for at in [now, String::from_utf8(real.stdout).unwrap().trim()] {
        let sale = json!({"kind": "sale", "sku": "A", "location": "s1", "quantity": 1, "occurred_at": at});
        let sold = server.client().post("/v1/stock/movements", &json!({"movements": [sale]})).unwrap();
        assert_eq!(sold.status, 200, "{at}: {}", sold.json());
    }
    assert_eq!(server.client().post("/v1/clock/trust", &json!({})).unwrap().status, 200);
    assert_eq!(warned(&server), Vec::<String>::new());
    let told = info(&server);
    assert_eq!((&told["clock"]["held_back"], &told["expiry"]), (&json!(false), &json!("running")));
    assert!(told["clock"]["offset_ms"].as_i64().unwrap().abs() < 5000, "{told}");
    assert_eq!(told["old_log"]["state"], "whole");
    server.stop().unwrap();
    // With a limit that the operator sets, the same is believed.
    let server = Server::start(binary(), &data, &["--trust-clock"]).unwrap();
    assert_eq!(warned(&server), Vec::<String>::new());
}
