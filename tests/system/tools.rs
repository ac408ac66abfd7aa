//! The command line: files in and out of a server and of a directory, https, who makes a directory, and a watcher that
//! says what it waits for.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use anaquel_loadtest::client::Client;
use anaquel_loadtest::server::free_address;
use anaquel_tests::binary;
use anaquel_tests::calls::said;
use anaquel_tests::folder::folder;
use anaquel_tests::house::House;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

/// How long anything here may take to come.
const PATIENCE: Duration = Duration::from_secs(30);

/// A command of the binary in a folder where nothing else is.
fn anaquel(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command.current_dir(folder).args(arguments).env_remove("ANAQUEL_KEY").output().unwrap()
}

fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let output = anaquel(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    said(&output)
}

fn fails(folder: &Path, arguments: &[&str]) -> String {
    let output = anaquel(folder, arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", said(&output));
    said(&output)
}

/// A child that is killed whatever becomes of the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    fn start(folder: &Path, arguments: &[&str], key: Option<&str>) -> Self {
        let mut command = Command::new(binary());
        command.current_dir(folder).args(arguments).env_remove("ANAQUEL_KEY");
        command.envs(key.map(|key| ("ANAQUEL_KEY", key)));
        Self(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    /// Lines of what it says, as they come.
    fn lines(reader: impl Read + Send + 'static) -> std::sync::mpsc::Receiver<String> {
        let (tell, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            BufReader::new(reader).lines().map_while(Result::ok).for_each(|line| drop(tell.send(line)));
        });
        lines
    }

    fn out(&mut self) -> std::sync::mpsc::Receiver<String> {
        Self::lines(self.0.stdout.take().unwrap())
    }

    fn err(&mut self) -> std::sync::mpsc::Receiver<String> {
        Self::lines(self.0.stderr.take().unwrap())
    }

    /// How it ends by itself.
    fn ends(&mut self) -> i32 {
        let began = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code().unwrap();
            }
            assert!(began.elapsed() < PATIENCE, "it goes on");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Waits for a line that has `text`.
fn hears(lines: &std::sync::mpsc::Receiver<String>, text: &str) -> String {
    let began = Instant::now();
    loop {
        let line = lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no line has {text:?}"));
        if line.contains(text) {
            return line;
        }
        assert!(began.elapsed() < PATIENCE, "no line has {text:?}");
    }
}

/// Writes a certificate for localhost that vouches for itself, and calls itself an authority or not.
fn certify(folder: &Path, name: &str, is_authority: bool) {
    let mut params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    if is_authority {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    std::fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    std::fs::write(folder.join(format!("{name}.pem")), certificate.pem()).unwrap();
}

/// A server with TLS, which the certificate `name` of the folder is for.
fn secure(house: &House, name: &str) -> (Running, SocketAddr) {
    let config = format!("[tls]\ncertificate = \"{name}.pem\"\nkey = \"{name}.key\"\n");
    let (config, address) = (house.config(&config), free_address().unwrap());
    let log = house.data().with_extension("log");
    let child = Command::new(binary())
        .current_dir(house.folder())
        .args(["serve", "--config", &config, "--listen", &address.to_string(), "--data", "data"])
        .stderr(File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let (running, began) = (Running(child), Instant::now());
    while !house.log().contains("listening") {
        assert!(began.elapsed() < PATIENCE, "{}", house.log());
        std::thread::sleep(Duration::from_millis(10));
    }
    (running, address)
}

/// Every kind of file there is, in an order in which each finds what it names.
const FILES: [(&str, &str); 7] = [
    ("locations", "location,name,timezone,groups\nL1,One,Europe/Madrid,near\nL2,Two,,\n"),
    ("groups", "group,locations\nall,L1;L2\n"),
    ("skus", "sku,name,categories,attr.size\nA,Lamp,Lamps,XL\nB,,,\n"),
    ("stock", "sku,location,on_hand\nA,L1,7\nB,L2,0\n"),
    ("prices", "sku,channel,amount,currency\nA,,1999,EUR\n"),
    ("rules", "rule,kind,units,skus\nkeep-one,safety_stock,1,A\n"),
    ("supply", "supply,sku,location,quantity,expected_at\nPO-1,A,L2,40,2037-01-10T09:00:00Z\n"),
];

/// A file without the column that says when it was written, and as of which record.
fn lasting(kind: &str, text: &str) -> Vec<String> {
    let is_stock = kind == "stock";
    let cut = |line: &str| line.rsplit_once(',').filter(|_| is_stock).map_or(line, |(rest, _)| rest).to_owned();
    text.lines().map(cut).collect()
}

#[test]
fn every_kind_of_file_goes_in_and_comes_out_of_a_server_and_of_a_directory() {
    let house = House::default();
    let folder = house.folder().to_owned();
    for (kind, text) in FILES {
        std::fs::write(folder.join(format!("{kind}.csv")), text).unwrap();
    }
    // An empty directory that somebody made will do.
    for (kind, text) in FILES {
        let told = succeeds(&folder, &["import", kind, &format!("{kind}.csv"), "--data", "data"]);
        assert!(told.starts_with(&format!("{} accepted", text.lines().count() - 1)), "{kind}: {told}");
    }
    let server = house.serve(&[]);
    let port = server.address.port();
    for url in [format!("localhost:{port}"), format!("http://127.0.0.1:{port}/"), format!("127.0.0.1:{port}")] {
        for (kind, text) in FILES {
            let out = format!("{kind}.out");
            succeeds(&folder, &["export", kind, &out, "--url", &url]);
            let told = succeeds(&folder, &["import", kind, &out, "--url", &url]);
            assert!(told.starts_with("0 accepted"), "{kind}: {told}");
            let rows = std::fs::read_to_string(folder.join(out)).unwrap().lines().count() - 1;
            assert!(rows >= text.lines().count() - 1, "{kind}: {rows} rows came out");
        }
    }
    // The directory is the server's as long as it runs, and the message says how to go on.
    let told = fails(&folder, &["export", "skus", "--data", "data"]);
    assert!(told.contains("has this data directory open") && told.contains("--url"), "{told}");
    server.stop().unwrap();
    for (kind, _) in FILES {
        let from_server = std::fs::read_to_string(folder.join(format!("{kind}.out"))).unwrap();
        let from_server = lasting(kind, &from_server);
        assert_eq!(lasting(kind, &succeeds(&folder, &["export", kind, "--data", "data"])), from_server, "{kind}");
        // Where nothing is said and there is a directory of the usual name, it is that one.
        assert_eq!(lasting(kind, &succeeds(&folder, &["export", kind])), from_server, "{kind}");
    }
    let told = anaquel(&folder, &["import", "everything", "skus.csv", "--data", "data"]);
    assert!(said(&told).contains("locations, groups, skus, stock, supply, prices, rules"), "{}", said(&told));
}

#[test]
fn an_export_that_fails_leaves_the_file_that_was_there() {
    let house = House::default();
    let folder = house.folder();
    std::fs::write(folder.join("skus.csv"), "the one before").unwrap();
    let nobody = free_address().unwrap().to_string();
    let told = fails(folder, &["export", "skus", "skus.csv", "--url", &nobody]);
    assert!(told.contains(&format!("connecting to http://{nobody}")), "{told}");
    assert_eq!(std::fs::read_to_string(folder.join("skus.csv")).unwrap(), "the one before");
    fails(folder, &["export", "skus", "other.csv", "--url", &nobody]);
    assert_eq!(names(folder), ["data", "skus.csv"]);
}

/// What is in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_directory_is_made_by_serve_alone() {
    let folder = folder();
    let folder = folder.path();
    std::fs::write(folder.join("skus.csv"), "sku\nA\n").unwrap();
    std::fs::create_dir(folder.join("photos")).unwrap();
    std::fs::write(folder.join("photos/one.jpg"), "").unwrap();
    for (arguments, reasons) in [
        (&["import", "skus", "skus.csv"][..], &["say where to", "--url http://127.0.0.1:7070", "--data DIR"][..]),
        (&["export", "skus"], &["say where from", "--url http://127.0.0.1:7070", "--data DIR"]),
        (&["import", "skus", "skus.csv", "--data", "typo"], &["--data typo", "is not there", "anaquel serve"]),
        (&["import", "skus", "skus.csv", "--data", "photos"], &["--data photos", "is not a data directory"]),
        (&["export", "skus", "--data", "typo"], &["--data typo", "is not there"]),
        (
            &["keys", "add", "k", "--scope", "admin", "--data", "typo"],
            &["--data typo", "is not there", "anaquel serve"],
        ),
        (&["keys", "add", "k", "--scope", "admin"], &["--data ./data", "is not there"]),
        (&["keys", "add", "k", "--scope", "admin", "--data", "photos"], &["--data photos", "is not a data directory"]),
        (
            &["keys", "add", "k", "--scope", "admin", "--file", "typo/keys.json"],
            &["typo/keys.json", "this folder does not exist"],
        ),
        (&["keys", "list", "--data", "typo"], &["--data typo", "is not there"]),
        (&["keys", "rotate", "x", "--data", "typo"], &["--data typo", "is not there"]),
        (&["verify", "--data", "typo"], &["typo", "not a data directory"]),
        (&["inspect", "--data", "typo"], &["typo", "not a data directory"]),
        (&["serve", "--restored", "--data", "typo"], &["--restored: typo is not a data directory"]),
        (&["backup", "new/backups", "--data", "typo"], &["typo: this is not a data directory"]),
        (&["backup", "new/backups", "--url", "http://127.0.0.1:1"], &["http://127.0.0.1:1", "refused"]),
        (&["restore", "none", "--data", "typo"], &["none: No such file"]),
    ] {
        let told = fails(folder, arguments);
        assert!(told.lines().all(|line| line.matches("this is not a data").count() < 2), "said twice: {told}");
        for reason in reasons {
            assert!(told.contains(reason), "{arguments:?}: {told}");
        }
        assert!(!told.contains("anq_"), "a key was given out");
    }
    assert_eq!(names(folder), ["photos", "skus.csv"]);
    // A folder of one's own, and a file that the settings name.
    std::fs::create_dir(folder.join("data")).unwrap();
    assert!(succeeds(folder, &["keys", "add", "k", "--scope", "admin"]).contains("anq_"));
    assert!(succeeds(folder, &["keys", "add", "k", "--scope", "admin", "--file", "other.json"]).contains("anq_"));
}

#[test]
fn serve_makes_its_directory_when_everything_else_is_right() {
    let folder = folder();
    let folder = folder.path();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (settings, listen, reason) in [
        ("", taken.as_str(), "listening on"),
        ("", "0.0.0.0:0", "other machines can reach"),
        ("[tls]\ncertificate = \"a.pem\"\nkey = \"b.pem\"\n", "127.0.0.1:0", "tls.certificate: a.pem"),
        ("[tls]\ncertificate = \"a.pem\"\n", "127.0.0.1:0", "belong together"),
        ("[auth]\nkeys = \"none.json\"\n", "127.0.0.1:0", "auth.keys: none.json"),
        ("[auth]\njwks = \"none.json\"\n", "127.0.0.1:0", "none.json"),
        ("[auth]\norigins = [\"*\"]\n", "127.0.0.1:0", "auth.origins"),
        ("[limits]\nfiles = 0\n", "127.0.0.1:0", "limits.files"),
        ("[limits]\nflies = 1\n", "127.0.0.1:0", "flies"),
        ("[channels]\nundeclared = \"maybe\"\n", "127.0.0.1:0", "\"maybe\" is not refuse or accept"),
        ("[journal]\nsync = \"often\"\n", "127.0.0.1:0", "\"often\" is not always or interval"),
        ("[log]\nlevel = \"a=b=c\"\n", "127.0.0.1:0", "log.level"),
    ] {
        std::fs::write(folder.join("settings.toml"), settings).unwrap();
        let told =
            fails(folder, &["serve", "--config", "settings.toml", "--listen", listen, "--data", "new/data", "--demo"]);
        assert!(told.contains(reason), "{settings}{listen}: {told}");
        assert_eq!(names(folder), ["settings.toml"], "{settings}{listen}");
    }
}

#[test]
fn tools_speak_https_and_say_what_is_wrong_with_it() {
    for is_authority in [false, true] {
        let house = House::default();
        let folder = house.folder();
        for name in ["own", "other"] {
            certify(folder, name, is_authority);
        }
        let (_server, address) = secure(&house, "own");
        let port = address.port();
        std::fs::write(folder.join("skus.csv"), "sku,name\nA,Lamp\n").unwrap();
        for url in
            [format!("https://localhost:{port}"), format!("https://127.0.0.1:{port}"), format!("localhost:{port}")]
        {
            succeeds(folder, &["import", "skus", "skus.csv", "--url", &url, "--ca", "own.pem"]);
            let told = succeeds(folder, &["export", "skus", "--url", &url, "--ca", "own.pem"]);
            assert!(told.contains("A,Lamp"), "{told}");
        }
        let https = format!("https://localhost:{port}");
        std::fs::write(folder.join("stock.csv"), "sku,location,on_hand\nA,L1,7\n").unwrap();
        succeeds(folder, &["import", "stock", "stock.csv", "--create", "--url", &https, "--ca", "own.pem"]);
        let words = ["watch", "--sku", "A", "--url", &https, "--ca", "own.pem"];
        let mut watching = Running::start(folder, &words, None);
        assert!(hears(&watching.out(), r#""sku":"A""#).contains(r#""on_hand":7"#));
        drop(watching);

        let told = fails(folder, &["export", "skus", "--url", &https, "--ca", "other.pem"]);
        assert!(told.contains("its certificate is not trusted") && told.contains("--ca"), "{told}");
        let told = fails(folder, &["export", "skus", "--url", &https]);
        assert!(told.contains("--ca"), "{told}");
        let told = fails(folder, &["export", "skus", "--url", &https, "--ca", "skus.csv"]);
        assert!(told.contains("--ca skus.csv") && told.contains("no certificate"), "{told}");
        let told = fails(folder, &["export", "skus", "--url", &format!("http://localhost:{port}")]);
        assert!(told.contains("write https://"), "{told}");
        // A watcher that trusts nobody there does not go on for ever.
        let mut watching = Running::start(folder, &["watch", "--sku", "A", "--url", &https, "--ca", "other.pem"], None);
        let told = watching.err();
        assert_eq!(watching.ends(), 2);
        hears(&told, "its certificate is not trusted");
    }
    let house = House::default();
    certify(house.folder(), "own", true);
    let server = house.serve(&[]);
    let https = format!("https://localhost:{}", server.address.port());
    let told = fails(house.folder(), &["export", "skus", "--url", &https, "--ca", "own.pem"]);
    assert!(told.contains("http://"), "{told}");
}

#[test]
fn a_watcher_says_what_it_waits_for_and_ends_where_it_is_refused() {
    let house = House::default();
    let folder = house.folder();
    let (good, weak) = (house.key("good", &["admin"], &[]), house.key("weak", &["rules"], &[]));
    let server = house.serve(&[]);
    let address = server.address;
    let url = format!("http://{address}");
    let words = ["watch", "--location", "L1", "--url", &url];
    for (key, reasons) in [
        (None, &["401", "ANAQUEL_KEY"][..]),
        (Some("anq_00000000_0"), &["401", "the key is unknown", "ANAQUEL_KEY"]),
        (Some(weak.as_str()), &["403", "ANAQUEL_KEY"]),
    ] {
        let mut watching = Running::start(folder, &words, key);
        let told = watching.err();
        assert_eq!(watching.ends(), 2, "{key:?}");
        let line = hears(&told, "anaquel: ");
        assert!(reasons.iter().all(|reason| line.contains(reason)), "{line}");
    }
    // While nobody is there it says so, once, and then goes on by itself.
    server.kill().unwrap();
    let mut watching = Running::start(folder, &words, Some(&good));
    let (lines, told) = (watching.out(), watching.err());
    hears(&told, &format!("connecting to {url}"));
    let _server = Running::start(folder, &["serve", "--data", "data", "--listen", &address.to_string()], None);
    hears(&told, "connected");
    let mut client = Client::new(address).with_key(&good);
    let csv = b"sku,location,on_hand\nA,L1,7\n";
    assert_eq!(client.import("/v1/import/stock?create=true", csv).unwrap().status, 200);
    hears(&lines, r#""on_hand":7"#);
    // A key that is taken away ends it.
    let id = good.split('_').nth(1).unwrap();
    house.keys(&["revoke", id]);
    assert_eq!(watching.ends(), 2);
    assert!(hears(&told, "401").contains("ANAQUEL_KEY"));
}

#[test]
fn manual_pages_and_completions_are_made_of_the_commands_themselves() {
    let folder = folder();
    let folder = folder.path();
    succeeds(folder, &["man", "pages/man1"]);
    let pages = names(&folder.join("pages/man1"));
    for command in ["serve", "import", "export", "keys", "keys-add", "watch", "verify", "inspect", "completions"] {
        assert!(pages.contains(&format!("anaquel-{command}.1")), "{command}: {pages:?}");
    }
    let page = std::fs::read_to_string(folder.join("pages/man1/anaquel-import.1")).unwrap();
    for said in ["\\-\\-url", "\\-\\-ca", "rules", "supply"] {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert!(succeeds(folder, &["man"]).contains(".TH anaquel 1"));
    for shell in ["bash", "zsh", "fish"] {
        assert!(succeeds(folder, &["completions", shell]).contains("anaquel"), "{shell}");
    }
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let folder = folder();
    for arguments in [&["completions", "bash"][..], &["man"]] {
        let mut running = Running::start(folder.path(), arguments, None);
        drop(running.0.stdout.take());
        let mut said = String::new();
        running.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(said.is_empty(), "{arguments:?}: {said}");
    }
}
