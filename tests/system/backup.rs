//! Backups and copies of a running server, over the wire and by the command line; `anaquel-loadtest copies` and `backups` do
//! more of it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anaquel_loadtest::server::{Server, run, verify};
use anaquel_loadtest::{backups, copies};
use anaquel_seeds::seed;
use anaquel_tests::calls::said;
use anaquel_tests::folder::folder;
use anaquel_tests::house::{House, ask};
use anaquel_tests::{Shop, binary};
use serde_json::{Value, json};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn ran(arguments: &[&str]) -> String {
    let output = run(binary(), arguments).unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    said(&output)
}

fn refused(arguments: &[&str]) -> String {
    let output = run(binary(), arguments).unwrap();
    assert!(!output.status.success(), "{arguments:?}: {}", said(&output));
    said(&output)
}

/// A line of what a command says.
fn line(said: &str, name: &str) -> String {
    let found = said.lines().find_map(|line| line.strip_prefix(name).filter(|rest| rest.starts_with(' ')));
    found.unwrap_or_else(|| panic!("{name}: {said}")).split_whitespace().next().unwrap().to_owned()
}

fn info(server: &Server) -> Value {
    server.client().get("/v1/info").unwrap().json()
}

fn backups_in(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.extension().is_some_and(|ending| ending == "backup"));
    found.sort();
    found
}

/// `cp -a`, `rsync` and `tar`, and one that takes a second.
#[test]
fn every_copy_of_a_running_directory_opens() {
    if std::process::Command::new("rsync").arg("--version").output().is_err() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "rsync is absent");
        eprintln!("skipped: rsync is absent");
        return;
    }
    let folder = folder();
    let seed = seed();
    let plan = copies::CopiesPlan { copies: 8, rate: 200, seed: seed.value(), slow_seconds: 1 };
    let report = copies::run(binary(), folder.path(), plan).unwrap();
    assert!(report.copies == 8 && report.slow == 2 && report.writes > 100, "{report:?}");
}

/// By URL and from beside it, with a kill after each.
#[test]
fn every_backup_of_a_server_that_is_killed_restores_to_its_state_hash() {
    let folder = folder();
    let seed = seed();
    let report = backups::run(binary(), folder.path(), 6, 200, seed.value()).unwrap();
    assert!(report.backups == 6 && report.kills >= 6 && report.writes > 20, "{report:?}");
}

#[test]
fn a_backup_by_url_is_the_shop_of_its_seq_and_the_next_holds_what_came_since() {
    let mut shop = Shop::default();
    shop.receive("A", "s1", 9);
    let before = shop.reserved("A", "s1", 2);
    let folder = folder();
    let (kept, url) = (folder.path().join("kept"), format!("http://{}", shop.server.address));
    let first = ran(&["backup", text(&kept), "--url", &url]);
    assert!(first.contains("the state that was rebuilt from it has this state hash"), "{first}");
    let told = info(&shop.server);
    assert_eq!(
        (line(&first, "seq"), line(&first, "state hash")),
        (told["seq"].to_string(), told["state_hash"].as_str().unwrap().to_owned())
    );
    assert!(ran(&["backup", text(&kept), "--url", &url]).contains("no new records since"));
    assert_eq!(backups_in(&kept).len(), 1);
    // Who is told that nothing is new relies on what is there.
    let first = backups_in(&kept).remove(0);
    let whole = std::fs::read(&first).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    std::fs::write(&first, flipped).unwrap();
    assert!(refused(&["backup", text(&kept), "--url", &url]).contains("reading the backup back"));
    std::fs::write(&first, whole).unwrap();
    let key = [("Content-Type", "application/json"), ("Idempotency-Key", "k-1")];
    let body = json!({"channel": "web", "lines": [{"sku": "A", "location": "s1", "quantity": 3}]}).to_string();
    let second = shop.client.send("POST", "/v1/reservations", &key, body.as_bytes()).unwrap();
    assert_eq!(second.status, 201);
    // From beside it, while it runs; and after a kill.
    let data = shop.data();
    let beside = ran(&["backup", text(&kept), "--data", text(&data)]);
    assert_eq!(line(&beside, "after"), told["seq"].to_string());
    let now = info(&shop.server);
    assert_eq!(line(&beside, "state hash"), now["state_hash"].as_str().unwrap());
    let (hold_of_it, shop) = (folder.path().join("restored"), shop.killed_and_restarted());
    assert_eq!(backups_in(&kept).len(), 2);
    let restored = ran(&["restore", text(&kept), "--data", text(&hold_of_it)]);
    assert_eq!(line(&restored, "state hash"), now["state_hash"].as_str().unwrap());
    assert!(restored.contains("as at the time of the backup"), "{restored}");
    assert_eq!(&verify(binary(), &hold_of_it).unwrap(), now["state_hash"].as_str().unwrap());

    let again = Server::start(binary(), &hold_of_it, &[]).unwrap();
    let mut client = again.client();
    let epochs = info(&again)["epochs"].clone();
    assert_eq!((&epochs[0]["epoch"], &epochs[1]["after"]), (&now["epoch"], &now["seq"]), "a new epoch: {epochs}");
    let path = format!("/v1/reservations/{}", before["id"].as_str().unwrap());
    assert_eq!(client.get(&path).unwrap().status, 200, "what was told before goes on working");
    let repeated = client.send("POST", "/v1/reservations", &key, body.as_bytes()).unwrap();
    assert_eq!((repeated.status, repeated.header("idempotent-replayed")), (201, Some("true")));
    assert_eq!(repeated.json(), second.json());
    let all = client.get("/v1/events?after=0&limit=1000").unwrap().json();
    assert_eq!(all["items"][0]["seq"], 1, "all of the log came along");
    again.stop().unwrap();

    // As it was in between, and nowhere else.
    let at = folder.path().join("at");
    let restored = ran(&["restore", text(&kept), "--data", text(&at), "--at-seq", &told["seq"].to_string()]);
    assert_eq!(line(&restored, "state hash"), told["state_hash"].as_str().unwrap());
    assert!(ran(&["restore", text(&kept), "--check"]).contains("nothing was written"));
    assert!(refused(&["restore", text(&kept), "--data", text(&at)]).contains("is not empty"));
    assert!(refused(&["restore", text(&kept), "--data", "x", "--at-seq", "99999"]).contains("is beyond these backups"));
    assert!(refused(&["restore", text(folder.path()), "--data", "x"]).contains("there are no backups in"));
    assert!(!Path::new("x").exists());
    // Of another history there is nothing to go on from: it is told, and a whole one is taken.
    drop(shop);
    let other = Shop::default();
    let whole = ran(&["backup", text(&kept), "--data", text(&other.data())]);
    assert!(whole.contains("taking a full backup"), "{whole}");
    assert_eq!(line(&whole, "state hash"), info(&other.server)["state_hash"].as_str().unwrap());
    let mode =
        |path: &Path| std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(path).unwrap().permissions()) & 0o777;
    assert_eq!(mode(&kept), 0o700);
    backups_in(&kept).iter().for_each(|path| assert_eq!(mode(path), 0o600));
}

#[test]
fn a_backup_over_http_is_for_operators_and_says_what_it_does_not_take() {
    let house = House::default();
    let [ops, read] = ["ops", "read"].map(|scope| house.key(scope, &[scope], &[]));
    let server = house.serve(&[]);
    let mut client = server.client();
    let mut get = |key: &str, path: &str| ask(&mut client, key, "GET", path, &Value::Null);
    assert_eq!(get(&read, "/v1/backup").status, 403);
    let whole = get(&ops, "/v1/backup");
    assert_eq!((whole.status, whole.header("content-type")), (200, Some("application/octet-stream")));
    assert!(whole.body.starts_with(b"ANQBKUP\n"));
    let seq = info_of(&server, &ops);
    assert_eq!(whole.header("anaquel-seq"), Some(seq["seq"].to_string().as_str()));
    assert_eq!(whole.header("anaquel-state-hash"), seq["state_hash"].as_str());
    for (query, slug) in [
        ("epoch=0000000000000001", "invalid-request"),
        ("after=x", "invalid-request"),
        ("after=0&epoch=12", "invalid-request"),
        ("since=4", "invalid-request"),
        ("after=0&epoch=0000000000000001", "gone"),
        ("after=99999", "gone"),
    ] {
        let answer = get(&ops, &format!("/v1/backup?{query}"));
        assert_eq!(answer.slug(), slug, "{query}: {}", answer.json());
    }
    // The keys come along, so that who had one has it in the restored shop.
    let (file, target) = (house.folder().join("got.backup"), house.folder().join("restored"));
    std::fs::write(&file, &whole.body).unwrap();
    ran(&["restore", text(&file), "--data", text(&target)]);
    let restored = Server::start(binary(), &target, &[]).unwrap();
    assert_eq!(ask(&mut restored.client(), &read, "GET", "/v1/locations", &Value::Null).status, 200);
    assert_eq!(restored.client().get("/v1/info").unwrap().status, 401);
}

fn info_of(server: &Server, key: &str) -> Value {
    ask(&mut server.client(), key, "GET", "/v1/info", &Value::Null).json()
}

/// Kills a command after so long; whether it had come to its end before.
fn killed_after(arguments: &[&str], pause: Duration) -> bool {
    let mut child = Command::new(binary()).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    while began.elapsed() < pause {
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{arguments:?}: {status}");
            return true;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap().success()
}

/// Cut off at any moment, a backup is none, and what was to be restored is no data directory; both come again.
#[test]
fn what_is_cut_off_looks_like_nothing_that_is_whole() {
    let mut shop = Shop::default();
    for n in 0..40 {
        shop.receive(&format!("S-{n}"), "s1", 9);
        shop.reserved(&format!("S-{n}"), "s1", 1);
    }
    let folder = folder();
    let (kept, target) = (folder.path().join("kept"), folder.path().join("restored"));
    let url = format!("http://{}", shop.server.address);
    let data = shop.data();
    let began = Instant::now();
    ran(&["backup", text(&kept), "--url", &url]);
    let backup_takes = began.elapsed();
    let began = Instant::now();
    ran(&["restore", text(&kept), "--data", text(&target)]);
    let restore_takes = began.elapsed();
    let hash = info(&shop.server)["state_hash"].as_str().unwrap().to_owned();
    let (mut cut, mut whole) = (0, 0);
    for n in 0..16 {
        std::fs::remove_dir_all(&target).unwrap();
        let is_whole = killed_after(&["restore", text(&kept), "--data", text(&target)], restore_takes * n / 14);
        if target.join("identity").exists() {
            assert_eq!(verify(binary(), &target).unwrap(), hash, "what has an identity is whole");
            whole += 1;
        } else {
            assert!(!is_whole);
            if target.exists() {
                assert!(!refused(&["verify", "--data", text(&target)]).contains("ok:"));
                if std::fs::read_dir(&target).unwrap().next().is_some() {
                    let log = refused(&["serve", "--data", text(&target), "--listen", "127.0.0.1:0"]);
                    assert!(log.contains("was interrupted"), "{log}");
                }
            }
            cut += 1;
            ran(&["restore", text(&kept), "--data", text(&target)]);
            assert_eq!(verify(binary(), &target).unwrap(), hash);
        }
    }
    assert!(cut > 0, "{cut} of {} were cut off", cut + whole);
    for n in 0..16 {
        shop.receive("S-0", "s1", 1);
        let source = if n % 2 == 0 { ["--url", &url] } else { ["--data", text(&data)] };
        killed_after(&["backup", text(&kept), source[0], source[1]], backup_takes * n / 14);
        // Whatever has the name of a backup is one.
        ran(&["restore", text(&kept), "--check"]);
    }
    let last = ran(&["backup", text(&kept), "--url", &url]);
    assert!(last.contains("ok:") || last.contains("nothing new"), "{last}");
    let checked = ran(&["restore", text(&kept), "--check"]);
    assert_eq!(line(&checked, "state hash"), info(&shop.server)["state_hash"].as_str().unwrap());
    assert!(std::fs::read_dir(&kept).unwrap().all(|entry| {
        let name = entry.unwrap().file_name();
        name == "lock" || name.to_str().unwrap().ends_with(".backup")
    }));
}

/// A copy says what it is, and what it lacks; it begins an epoch of its own, so that nothing of the original's later history
/// is taken for its own. The original with a lost tail is refused.
#[test]
fn a_copy_tells_what_it_lacks_and_an_original_with_a_lost_tail_is_refused() {
    let mut shop = Shop::default();
    for _ in 0..20 {
        shop.receive("A", "s1", 9);
    }
    let (data, early) = (shop.data(), shop.data().with_extension("early"));
    let copied = shop.data().with_extension("copied");
    let copy = |from: &Path, to: &Path| {
        assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
    };
    copy(&data, &early);
    for _ in 0..20 {
        shop.receive("A", "s1", 9);
    }
    let lost = shop.reserved("A", "s1", 1);
    copy(&data, &copied);
    let seq = shop.seq();
    // Its log was copied before its mark.
    for name in ["db", "recent"] {
        let _ = std::fs::remove_dir_all(copied.join("journal").join(name));
        let _ = std::fs::remove_file(copied.join("journal").join(name));
        copy(&early.join("journal").join(name), &copied.join("journal").join(name));
    }
    let server = Server::start(binary(), &copied, &[]).unwrap();
    let log = std::fs::read_to_string(copied.with_extension("log")).unwrap();
    for told in ["the copy ends at its last complete record", "begins a new epoch", &format!("\"durable_up_to\":{seq}")]
    {
        assert!(log.contains(told), "{told}: {log}");
    }
    let path = format!("/v1/reservations/{}", lost["id"].as_str().unwrap());
    assert_eq!(server.client().get(&path).unwrap().status, 404, "it is none of this history");
    drop(server);
    let (_folder, data) = shop.stopped();
    for name in ["db", "recent"] {
        let _ = std::fs::remove_dir_all(data.join("journal").join(name));
        let _ = std::fs::remove_file(data.join("journal").join(name));
        copy(&early.join("journal").join(name), &data.join("journal").join(name));
    }
    for entry in std::fs::read_dir(data.join("journal")).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("snap.") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let lost = refused(&["verify", "--data", text(&data)]);
    assert!(lost.contains("damaged at record"), "{lost}");
}
