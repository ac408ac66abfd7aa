//! What operators see: metrics, the dashboard and the alert rules made of them, and the log.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anaquel_loadtest::client::Client;
use anaquel_loadtest::socket::Socket;
use anaquel_tests::Shop;
use anaquel_tests::house::{House, bearer};
use serde_json::{Value, json};

fn server_folder() -> PathBuf {
    anaquel_tests::root().join("server")
}

fn metrics(client: &mut Client) -> String {
    let answer = client.get("/metrics").unwrap();
    assert_eq!(answer.status, 200);
    String::from_utf8(answer.body).unwrap()
}

/// The sum of a metric over all of its labels that have `with`.
fn value(metrics: &str, name: &str, with: &str) -> f64 {
    let lines = metrics.lines().filter_map(|line| line.strip_prefix(name));
    let named = lines.filter(|rest| rest.starts_with(['{', ' ']) && rest.contains(with));
    let values: Vec<f64> = named.map(|rest| rest.rsplit_once(' ').unwrap().1.parse().unwrap()).collect();
    assert!(!values.is_empty(), "{name} with {with:?} is not served");
    values.iter().sum()
}

/// Names that begin as those of the server's metrics do.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
    let is_metric = |word: &&str| word.starts_with("anaquel_") || word.starts_with("process_");
    words.filter(is_metric).map(str::to_owned).collect()
}

/// All expressions of the dashboard.
fn expressions(dashboard: &Value, into: &mut Vec<String>) {
    match dashboard {
        Value::Object(members) => {
            into.extend(
                ["expr", "definition"].iter().filter_map(|name| members.get(*name)?.as_str().map(str::to_owned)),
            );
            members.values().for_each(|member| expressions(member, into));
        }
        Value::Array(items) => items.iter().for_each(|item| expressions(item, into)),
        _ => {}
    }
}

#[test]
fn every_metric_of_the_dashboard_of_the_rules_and_of_the_guide_is_served_by_a_fresh_server() {
    let mut shop = Shop::default();
    let metrics = metrics(&mut shop.client);
    let read = |name: &str| std::fs::read_to_string(server_folder().join(name)).unwrap();
    let is_served = |name: &str| {
        let is_it = |rest: &str| rest.starts_with(['{', ' ']);
        metrics.lines().any(|line| line.strip_prefix(name).is_some_and(is_it))
    };
    let dashboard: Value = serde_json::from_str(&read("monitoring/grafana.json")).unwrap();
    let mut shown = Vec::new();
    expressions(&dashboard, &mut shown);
    let (shown, alerted) = (names(&shown.join(" ")), names(&read("monitoring/anaquel.rules.yml")));
    assert!(shown.len() > 35 && alerted.len() > 15, "{} and {} were read", shown.len(), alerted.len());
    let missing: Vec<_> = shown.union(&alerted).filter(|name| !is_served(name)).collect();
    assert!(missing.is_empty(), "{missing:?} are not served");

    // The guide tells of each, and of nothing else.
    let guide = names(&read("docs/monitoring.md"));
    let families: BTreeSet<_> =
        metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next().map(str::to_owned)).collect();
    assert_eq!(families.difference(&guide).collect::<Vec<_>>(), Vec::<&String>::new(), "the guide lacks these");
    let is_family = |name: &str| {
        let bare = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        families.contains(name) || bare.is_some_and(|bare| families.contains(bare))
    };
    let unknown: Vec<_> = guide.iter().filter(|name| !is_family(name)).collect();
    assert!(unknown.is_empty(), "the guide tells of {unknown:?}, and nobody serves them");
}

#[test]
fn what_the_server_does_and_what_it_takes_is_measured() {
    let mut shop = Shop::default();
    shop.receive("A", "s1", 100);
    shop.reserved("A", "s1", 1);
    let mut socket = Socket::connect(shop.server.address).unwrap();
    let lines = json!([{"sku": "A", "location": "s1", "quantity": 1}]);
    let answer = socket.ask(&json!({"op": "reserve", "id": "r", "channel": "web", "lines": lines})).unwrap();
    assert_eq!(answer["status"], 201, "{answer}");
    let too_many = json!([{"sku": "A", "location": "s1", "quantity": 1000}]);
    let answer = socket.ask(&json!({"op": "reserve", "id": "s", "channel": "web", "lines": too_many})).unwrap();
    assert_eq!(answer["status"], 409, "{answer}");
    let answer = socket.ask(&json!({"op": "confirm", "id": "c", "reservation": "nobody"})).unwrap();
    assert_eq!(answer["status"], 404, "{answer}");

    let told = metrics(&mut shop.client);
    for (op, status, count) in [("reserve", "201", 1.0), ("reserve", "409", 1.0), ("confirm", "404", 1.0)] {
        let labels = format!("op=\"{op}\",status=\"{status}\"");
        assert_eq!(value(&told, "anaquel_stream_command_duration_seconds_count", &labels), count, "{labels}");
    }
    assert!(told.contains("anaquel_stream_command_duration_seconds_bucket{op=\"reserve\""), "{told}");
    let batches = value(&told, "anaquel_journal_batches_total", "");
    assert!(batches >= 3.0);
    assert_eq!(value(&told, "anaquel_journal_batch_records_count", ""), batches);
    assert_eq!(
        value(&told, "anaquel_journal_batch_records_sum", ""),
        value(&told, "anaquel_journal_records_total", "")
    );
    assert!(value(&told, "anaquel_journal_sync_seconds_count", "") >= batches, "each batch is flushed");
    assert!(value(&told, "anaquel_journal_sync_seconds_sum", "") > 0.0);
    assert!(value(&told, "anaquel_journal_sync_seconds_bucket", "+Inf") >= batches);
    assert!(value(&told, "anaquel_data_bytes", "part=\"journal\"") > 0.0);
    let (free, all) = (value(&told, "anaquel_disk_free_bytes", ""), value(&told, "anaquel_disk_bytes", ""));
    assert!(0.0 < free && free <= all);
    assert!(value(&told, "anaquel_disk_reserve_bytes", "") > 0.0);
    assert!(value(&told, "process_resident_memory_bytes", "") > 1e6);
    assert!(value(&told, "process_open_fds", "") > 3.0);
    assert!(value(&told, "anaquel_matrix_bytes", "") > 0.0);
    let version = shop.client.get("/v1/info").unwrap().json()["version"].as_str().unwrap().to_owned();
    assert_eq!(value(&told, "anaquel_build_info", &format!("version=\"{version}\"")), 1.0);
    // Each family has its type, and stands in the text once.
    let types: Vec<_> = told.lines().filter(|line| line.starts_with("# TYPE ")).collect();
    assert_eq!(types.iter().collect::<BTreeSet<_>>().len(), types.len(), "{types:?}");

    // A checkpoint and what it takes.
    let (_folder, data) = shop.stopped();
    assert!(std::fs::read_dir(data.join("images")).unwrap().next().is_some());
}

/// An operator who follows the log waits for records; that is no latency of the server.
#[test]
fn what_a_caller_asks_to_wait_for_is_no_latency() {
    let mut shop = Shop::default();
    shop.receive("A", "s1", 1);
    let seq = shop.client.get("/v1/info").unwrap().json()["seq"].as_u64().unwrap();
    let began = Instant::now();
    let answer = shop.client.get(&format!("/v1/events?after={seq}&wait=5")).unwrap();
    assert_eq!((answer.status, &answer.json()["items"]), (200, &json!([])), "{}", answer.json());
    assert!(began.elapsed() >= Duration::from_secs(5));
    let told = metrics(&mut shop.client);
    let of = "route=\"/v1/events\"";
    assert_eq!(value(&told, "anaquel_http_request_duration_seconds_count", of), 1.0);
    let seconds = value(&told, "anaquel_http_request_duration_seconds_sum", of);
    assert!(seconds < 5.0, "{seconds} s are counted");
}

/// Lines of the log that have `text`, as the server wrote them.
fn lines(house: &House, text: &str) -> Vec<Value> {
    let log = house.log();
    log.lines().filter(|line| line.contains(text)).map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn who_is_not_let_in_is_counted_each_time_and_written_down_now_and_then() {
    let house = House::default();
    let (boss, other) = (house.key("boss", &["admin"], &[]), house.key("other", &["read"], &[]));
    let id = other.split('_').nth(1).unwrap().to_owned();
    house.keys(&["revoke", &id]);
    let server = house.serve(&[]);
    let mut client = server.client();
    let mut ask = |key: Option<&str>| {
        let key = key.map(bearer);
        let headers: Vec<_> = key.iter().map(|key| ("Authorization", key.as_str())).collect();
        client.send("GET", "/v1/skus", &headers, b"").unwrap().status
    };
    assert_eq!((ask(None), ask(Some(&other)), ask(Some("anq_made_up")), ask(Some("a.b.c"))), (401, 401, 401, 401));
    (0..200).for_each(|_| assert_eq!(ask(Some("anq_00000000_secretsecret")), 401));
    assert!(Socket::connect(server.address).is_err());
    assert_eq!(ask(Some(&boss)), 200);
    let told = metrics(&mut server.client().with_key(&boss));
    assert_eq!(value(&told, "anaquel_auth_failures_total", "no-key"), 2.0);
    assert_eq!(value(&told, "anaquel_auth_failures_total", "bad-key"), 203.0);
    assert_eq!(value(&told, "anaquel_auth_failures_total", "bad-token"), 0.0);
    let written = lines(&house, "authentication failed: no known key or token");
    assert!((1..=40).contains(&written.len()), "{} lines", written.len());
    assert_eq!(written[0]["reason"], "no-key");
    assert_eq!(written[0]["route"], "/v1/skus");
    assert_eq!(written[0]["address"], "127.0.0.1");
    assert_eq!(written[1]["key"], id.as_str(), "a key that was known is named by its public part");
    assert_eq!(written[2]["key"], Value::Null, "what somebody made up is not written down");
    // What was left out is told by number, soon.
    let began = Instant::now();
    let left_out = || -> u64 {
        let all = lines(&house, "failed");
        all.iter().filter_map(|line| line["left_out"].as_u64()).sum::<u64>()
            + lines(&house, "authentication failed:").len() as u64
    };
    while left_out() < 205 {
        assert!(began.elapsed() < Duration::from_secs(60), "{} of 205 are told", left_out());
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(!house.log().contains("secretsecret") && !house.log().contains(&boss), "no secret is written down");
}

#[test]
fn debug_says_what_the_server_does_and_not_what_its_store_does() {
    for (level, is_quiet) in [("debug", true), ("debug,sled=debug", false)] {
        let house = House::default();
        let server = house.serve_with(&format!("[log]\nlevel = \"{level}\"\nformat = \"json\"\n"));
        let csv = b"sku,location,on_hand\nA,s1,5\n";
        assert_eq!(server.client().import("/v1/import/stock?create=true", csv).unwrap().status, 200);
        server.stop().unwrap();
        let log = house.log();
        let of = |name: &str| log.lines().filter(|line| line.contains(&format!("\"target\":\"{name}"))).count();
        assert!(of("anaquel") > 3, "{log}");
        assert_eq!(of("sled") == 0, is_quiet, "{level}: {} lines of sled", of("sled"));
    }
}

/// The rules are tried by promtool, of which Debian's package is `prometheus`.
#[test]
fn the_alert_rules_hold_what_they_say() {
    let promtool = |arguments: &[&str]| {
        Command::new("promtool").args(arguments).current_dir(server_folder().join("monitoring")).output()
    };
    if promtool(&["--version"]).is_err() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "promtool is absent");
        eprintln!("skipped: promtool is absent");
        return;
    }
    for arguments in [["check", "rules", "anaquel.rules.yml"], ["test", "rules", "anaquel.rules.test.yml"]] {
        let output = promtool(&arguments).unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&said));
    }
    let rules = std::fs::read_to_string(server_folder().join("monitoring/anaquel.rules.yml")).unwrap();
    let tests = std::fs::read_to_string(server_folder().join("monitoring/anaquel.rules.test.yml")).unwrap();
    for alert in rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert!(tests.contains(alert), "{alert} is not tried");
    }
}

#[test]
fn the_guides_can_be_read_from_the_server() {
    let mut shop = Shop::default();
    let index = shop.client.get("/guides").unwrap();
    let index = String::from_utf8(index.body).unwrap();
    let written = std::fs::read_dir(server_folder().join("docs")).unwrap();
    let written = written.map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned());
    let names: Vec<String> = written.collect();
    assert!(names.len() >= 15, "{names:?}");
    for name in names {
        assert!(index.contains(&format!("(/guides/{name})")), "{index}");
        let text = std::fs::read(server_folder().join(format!("docs/{name}.md"))).unwrap();
        for path in [format!("/guides/{name}"), format!("/guides/{name}.md")] {
            let answer = shop.client.get(&path).unwrap();
            assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/plain; charset=utf-8")));
            assert_eq!(answer.body, text, "{name}");
        }
        // What they link to is there.
        let text = String::from_utf8(text).unwrap();
        for link in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            assert!(link.contains("://") || server_folder().join("docs").join(link).exists(), "{name}: {link}");
        }
    }
    assert_eq!(shop.client.get("/guides/none").unwrap().status, 404);
}
