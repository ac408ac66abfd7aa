//! The proxies of the guide, word for word but for names, ports and certificates, where they are installed: what they must
//! pass on, they do.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anaquel_loadtest::server::free_address;
use anaquel_tests::folder::folder;
use anaquel_tests::{Shop, binary, tls};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::CertificateDer;

/// How long anything here may take to come.
const PATIENCE: Duration = Duration::from_secs(30);

/// A child that is killed whatever becomes of the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // nginx ends its workers when it is asked to.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

/// The first block of the guide in `language`.
fn block(language: &str) -> String {
    let guide = anaquel_tests::root().join("server/docs/proxies.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let (_, rest) = guide.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

/// The text with others in place of some of it, each of which must be there.
fn with(text: &str, changes: &[(&str, String)]) -> String {
    changes.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from:?} is not in the guide");
        text.replace(from, to)
    })
}

/// What goes through a proxy in front of a shop: `start` makes its settings of the shop's address and its own, in a folder
/// that has a certificate, and starts it.
fn passes_on(name: &str, start: impl FnOnce(&Path, SocketAddr, SocketAddr) -> Command) {
    if Command::new(name).arg(if name == "nginx" { "-v" } else { "version" }).output().is_err() {
        eprintln!("skipped: {name} is absent");
        return;
    }
    let settings = folder();
    let config = settings.path().join("anaquel.toml");
    std::fs::write(&config, "[auth]\nhosts = [\"stock.example\"]\n").unwrap();
    let shop = Shop::with(&["--config", config.to_str().unwrap()]);
    let folder = settings.path();
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("key.pem"), signing_key.serialize_pem()).unwrap();
    std::fs::write(folder.join("cert.pem"), cert.pem()).unwrap();
    let address = free_address().unwrap();
    let mut proxy = start(folder, shop.server.address, address);
    let log = std::fs::File::create(folder.join("proxy.log")).unwrap();
    let _proxy = Running(proxy.stdout(Stdio::null()).stderr(log).spawn().unwrap());
    let began = Instant::now();
    while TcpStream::connect(address).is_err() {
        let said = std::fs::read_to_string(folder.join("proxy.log")).unwrap();
        assert!(began.elapsed() < PATIENCE, "{name} does not listen: {said}");
        std::thread::sleep(Duration::from_millis(20));
    }

    let (url, ca) = (format!("https://localhost:{}", address.port()), folder.join("cert.pem"));
    let tool = |arguments: &[&str]| {
        let mut command = Command::new(binary());
        command.args(arguments).arg("--url").arg(&url).arg("--ca").arg(&ca).env_remove("ANAQUEL_KEY");
        command
    };
    // Larger than the buffers of a proxy.
    let rows: String = (0..60_000).map(|n| format!("SKU-{n:06},L1,7\n")).collect();
    let file = folder.join("stock.csv");
    std::fs::write(&file, format!("sku,location,on_hand\n{rows}")).unwrap();
    let import = |file: &PathBuf| {
        let output = tool(&["import", "stock", file.to_str().unwrap(), "--create"]).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&said));
        String::from_utf8_lossy(&said).into_owned()
    };
    assert!(import(&file).starts_with("60000 accepted"), "{name}");

    let mut watching = tool(&["watch", "--sku", "SKU-000001"]);
    let mut watching = Running(watching.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let mut frames = BufReader::new(watching.0.stdout.take().unwrap()).lines();
    assert!(frames.next().unwrap().unwrap().contains(r#""on_hand":7"#), "{name}: the snapshot");
    let mut events = event_stream(address, cert.der(), "/v1/stream/sse?sku=SKU-000001");
    assert!(events.find(|line| line.contains(r#""on_hand":7"#)).is_some(), "{name}: the snapshot");
    std::fs::write(&file, "sku,location,on_hand\nSKU-000001,L1,3\n").unwrap();
    import(&file);
    // Neither waits for more to come: both hear of it while their connections stay open.
    assert!(frames.next().unwrap().unwrap().contains(r#""on_hand":3"#), "{name}: the change");
    assert!(events.find(|line| line.contains(r#""on_hand":3"#)).is_some(), "{name}: the change");
}

/// Lines of an event stream.
fn event_stream(address: SocketAddr, trusted: &CertificateDer<'static>, path: &str) -> impl Iterator<Item = String> {
    let mut stream = tls::connect(address, trusted).unwrap();
    stream.sock.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost:{}\r\n\r\n", address.port()).unwrap();
    BufReader::new(stream).lines().map_while(Result::ok)
}

#[test]
fn nginx_of_the_guide_passes_everything_on() {
    passes_on("nginx", |folder, shop, address| {
        let path = |name: &str| folder.join(name).display().to_string();
        let server = with(
            &block("nginx"),
            &[
                ("127.0.0.1:7070", shop.to_string()),
                ("listen 443 ssl", format!("listen {address} ssl")),
                ("server_name stock.example", "server_name localhost".to_owned()),
                ("/etc/ssl/stock.example/fullchain.pem", path("cert.pem")),
                ("/etc/ssl/stock.example/privkey.pem", path("key.pem")),
            ],
        );
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {};\n", path(kind)))
            .concat();
        let user = if folder.starts_with("/root") || is_root() { "user root;\n" } else { "" };
        let text = format!(
            "{user}daemon off;\npid {};\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}{server}}}\n",
            path("nginx.pid")
        );
        std::fs::write(folder.join("nginx.conf"), text).unwrap();
        let mut command = Command::new("nginx");
        command.arg("-p").arg(folder).arg("-e").arg("stderr").arg("-c").arg(folder.join("nginx.conf"));
        command
    });
}

fn is_root() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| status.contains("\nUid:\t0\t"))
}

#[test]
fn caddy_of_the_guide_passes_everything_on() {
    passes_on("caddy", |folder, shop, address| {
        let site = with(
            &block("caddyfile"),
            &[
                ("stock.example {", format!("https://localhost:{} {{\n    tls cert.pem key.pem", address.port())),
                ("127.0.0.1:7070", shop.to_string()),
            ],
        );
        let text = format!("{{\n    admin off\n    auto_https off\n    default_bind 127.0.0.1\n}}\n{site}");
        std::fs::write(folder.join("Caddyfile"), text).unwrap();
        let mut command = Command::new("caddy");
        command.current_dir(folder).args(["run", "--adapter", "caddyfile", "--config", "Caddyfile"]);
        command.env("XDG_DATA_HOME", folder).env("XDG_CONFIG_HOME", folder);
        command
    });
}
