//! The screens in a real browser: the start page, the problems, live stock, and what every screen has.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use anaquel_loadtest::client::Client;
use anaquel_tests::browser::{Browser, SIZES, program};
use anaquel_tests::house::{House, bearer};
use anaquel_tests::{Shop, root};
use serde_json::{Value, json};

use crate::browsers::Kept;

/// What a page may take until it is painted.
const FIRST_PAINT_BYTES_MAX: usize = 100_000;

/// Pages by path; `/live` watches a place.
const PAGES: [&str; 8] = [
    "/",
    "/store",
    "/problems",
    "/problems/insufficient-stock",
    "/live",
    "/live?location=s1&channel=web",
    "/shop",
    "/ops",
];

#[test]
fn the_pure_parts_of_the_screens_agree_with_their_tables() {
    let Some(node) = program(&["node", "nodejs"]) else { return };
    let files = std::fs::read_dir(root().join("tests/browser")).unwrap().map(|entry| entry.unwrap().path());
    let tests = files.filter(|path| path.to_str().is_some_and(|path| path.ends_with(".test.js")));
    let output = Command::new(node).arg("--test").args(tests).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// What stands before an address that a document or a module loads by itself, before it is painted.
const LOADS: [&str; 4] = ["src=\"", "from \"", "import \"", "rel=\"stylesheet\" href=\""];

/// The same of what it loads later.
const LOADS_LATER: [&str; 1] = ["import(\""];

/// The addresses after these marks.
fn loads<'a>(text: &'a str, marks: &'a [&'a str]) -> impl Iterator<Item = String> + 'a {
    marks.iter().flat_map(move |mark| {
        let uses = text.split(*mark).skip(1).filter_map(|rest| rest.split('"').next());
        uses.map(str::to_owned).collect::<Vec<_>>()
    })
}

/// Everything that a page loads before it is painted comes from this server, packed in less than 100 KB.
#[test]
fn the_first_paint_is_small_and_from_this_server_alone() {
    let shop = Shop::default();
    let headers = [("Accept-Encoding", "gzip"), ("Accept", "text/html")];
    for page in ["/", "/store", "/live", "/problems", "/problems/gone", "/shop", "/ops"] {
        let (mut found, mut bytes) = (BTreeSet::new(), 0);
        let mut open = vec![page.to_owned()];
        while let Some(path) = open.pop() {
            if !found.insert(path.clone()) {
                continue;
            }
            let packed = Client::new(shop.server.address).send("GET", &path, &headers, b"").unwrap();
            assert_eq!(packed.status, 200, "{page} loads {path}");
            let policy = packed.header("content-security-policy").unwrap();
            assert!(policy.starts_with("default-src 'none'; script-src 'self'"), "{path}: {policy}");
            bytes += packed.body.len();
            let plain = Client::new(shop.server.address).send("GET", &path, &[("Accept", "text/html")], b"").unwrap();
            let text = String::from_utf8(plain.body).unwrap();
            if path == "/anaquel.js" {
                continue;
            }
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
            let whole = |name: String| match (name.strip_prefix("./"), name.strip_prefix("../")) {
                (Some(name), _) => format!("{folder}/{name}"),
                (_, Some(name)) => format!("/{name}"),
                _ => name,
            };
            open.extend(loads(&text, &LOADS).map(whole));
            for later in loads(&text, &LOADS_LATER).map(whole) {
                assert!(later.starts_with('/') && !later.starts_with("//"), "{later}");
                assert_eq!(Client::new(shop.server.address).get(&later).unwrap().status, 200, "{path} loads {later}");
            }
        }
        assert!(found.iter().all(|path| path.starts_with('/') && !path.starts_with("//")), "{found:?}");
        println!("{page}: {bytes} bytes in {} files", found.len());
        assert!(bytes < FIRST_PAINT_BYTES_MAX, "{page}: {bytes} bytes");
    }
}

/// A place with two items, one with a name that is no HTML.
fn stocked(shop: &mut Shop) {
    shop.declare_channels(&["web"]);
    let named = |path: &str, body: &Value| {
        let answer = Client::new(shop.server.address).put(path, body).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.json());
    };
    named("/v1/locations/s1", &json!({"name": "Madrid, Gran Vía", "timezone": "Europe/Madrid"}));
    named("/v1/skus/A", &json!({"name": "T-shirt, red"}));
    named("/v1/skus/B", &json!({"name": "<img src=x onerror=\"document.title='run'\">"}));
    shop.receive("A", "s1", 12);
    shop.receive("B", "s1", 3);
}

/// The text of the number of an item, by its id.
fn available(sku: &str) -> String {
    format!(
        "[...document.querySelectorAll('.cells [role=row]')].find((row) => row.querySelector('.item').textContent.includes('{sku}'))\
         ?.querySelector('.available > .live-number').textContent"
    )
}

/// A change shows in place, a new item waits, and a killed server comes back under the page, which is not loaded anew.
#[test]
fn live_stock_changes_in_place_and_outlives_the_server() {
    let Some(mut browser) = Browser::open("en-GB") else { return };
    let mut shop = Shop::default();
    stocked(&mut shop);
    let address = shop.server.address;
    browser.viewport(390, 844);
    browser.visit(&format!("http://{address}/live?location=s1&channel=web"));
    browser.until(&format!("{} === '12'", available("T-shirt, red")));
    browser.evaluate("window.isTheSame = true");
    browser.reads("<img src=x");
    assert_ne!(browser.evaluate("document.title"), "run", "a name is a text");
    browser.reads("Madrid, Gran Vía");
    browser.reads("2 rows · 15 here · 15 available");
    let first = shop.reserved("A", "s1", 2);
    browser.until(&format!("{} === '10'", available("T-shirt, red")));
    let card = "document.querySelector('.cells [role=row]').innerText.replace(/\\s+/g, ' ')";
    browser.until(&format!("{card}.includes('12 here') && {card}.includes('2 promised')"));
    // Something new does not push away what is under the finger.
    shop.receive("AA", "s1", 5);
    browser.reads("1 new");
    assert_eq!(browser.evaluate("document.querySelectorAll('.cells [role=row]').length"), 2);
    browser.click(".fresh");
    browser.until("document.querySelectorAll('.cells [role=row]').length === 3");
    browser.fill("input[type=search]", "t-shirt");
    browser.until("document.querySelectorAll('.cells [role=row]').length === 1");
    // At a desk the same rows are a table, sorted by a head.
    browser.viewport(1440, 900);
    browser.evaluate("document.querySelector('input[type=search]').value = ''");
    browser.fill("input[type=search]", " ");
    browser.click(".heads [role=columnheader]:last-child button");
    browser.until("document.querySelector('.cells .available > .live-number').textContent === '3'");
    // Killed, and started again at the same address.
    let data = shop.data();
    shop.server.kill().unwrap();
    browser.until("document.querySelector('.state').dataset.state !== 'live'");
    let mut command = Command::new(anaquel_tests::binary());
    command.args(["serve", "--listen", &address.to_string(), "--data"]).arg(&data).stderr(Stdio::null());
    let _server = Kept(command.spawn().unwrap());
    browser.until("document.querySelector('.state').dataset.state === 'live'");
    let cancel = format!("/v1/reservations/{}/cancel", first["id"].as_str().unwrap());
    let cancelled = Client::new(address).post(&cancel, &json!({})).unwrap();
    assert_eq!(cancelled.status, 200, "{}", cancelled.json());
    browser.until(&format!("{} === '12'", available("T-shirt, red")));
    assert_eq!(browser.evaluate("window.isTheSame"), true, "it was loaded anew");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

/// The start page tells a wrong key at its field and shows what a right one may; a key that is revoked under an open page
/// is told there, what is shown stays, and another one goes on.
#[test]
fn keys_are_asked_for_in_place() {
    let Some(mut browser) = Browser::open("es-MX") else { return };
    for (width, height) in SIZES {
        let house = House::default();
        let admin = house.key("owner", &["admin"], &[]);
        let key = house.key("till-2", &["read"], &["--location", "s1"]);
        let server = house.serve(&[]);
        let authorization = bearer(&admin);
        let receive = |quantity: u32| {
            let movement = json!({"kind": "receipt", "sku": "A", "location": "s1", "quantity": quantity});
            let headers = [("Authorization", authorization.as_str()), ("Content-Type", "application/json")];
            let body = json!({"movements": [movement]}).to_string();
            let answer = server.client().send("POST", "/v1/stock/movements", &headers, body.as_bytes()).unwrap();
            assert_eq!(answer.status, 200, "{}", answer.json());
        };
        receive(7);
        browser.viewport(width, height);
        browser.visit(&format!("http://{}/", server.address));
        // By keys alone: the field is reached by Tab, and sent by Enter.
        browser.until("document.querySelector('#key input[name=key]') !== null");
        for _ in 0..20 {
            if browser.evaluate("document.activeElement?.name") == "key" {
                break;
            }
            browser.keys("\u{E004}");
        }
        browser.keys("anaquel_wrong\u{E007}");
        browser.reads("Este servidor no conoce esta clave");
        assert_eq!(browser.evaluate("document.activeElement.name"), "key");
        browser.evaluate("document.querySelector('#key input[name=key]').value = ''");
        browser.fill("#key input[name=key]", &format!("{key}\u{E007}"));
        browser.until("document.querySelector('#key input[name=key]') === null");
        browser.reads("Cerrar sesión");
        browser.visit(&format!("http://{}/live?location=s1", server.address));
        browser.until(&format!("{} === '7'", available("A")));
        let id = key.split('_').nth(1).unwrap();
        house.keys(&["revoke", id]);
        browser.reads("Esta clave ya no funciona");
        browser.until(&format!("{} === '7'", available("A")));
        receive(2);
        browser.fill(".key-place input[name=key]", &format!("{admin}\u{E007}"));
        browser.until(&format!("{} === '9'", available("A")));
        assert_eq!(browser.complaints(), Vec::<String>::new());
    }
}

/// No page scrolls sideways from 320 to 2,560 px, and none breaks a rule of WCAG 2.2 AA that axe-core knows, in both sizes,
/// schemes and languages.
#[test]
fn pages_fit_and_are_accessible() {
    let mut shop = Shop::default();
    stocked(&mut shop);
    let axe = std::env::var("AXE_CORE").ok().map(|path| std::fs::read_to_string(path).unwrap());
    if axe.is_none() {
        eprintln!("SKIPPED: AXE_CORE does not name axe.min.js of the npm package axe-core; only widths are checked");
    }
    for language in ["en-GB", "es-ES"] {
        let Some(mut browser) = Browser::open(language) else { return };
        for page in PAGES {
            browser.viewport(1440, 900);
            browser.visit(&format!("http://{}{page}", shop.server.address));
            browser.until("document.querySelector('.bar') !== null");
            if page.contains('?') {
                browser.until("document.querySelectorAll('.cells [role=row]').length === 2");
            }
            for width in [320, 390, 768, 1440, 2560] {
                browser.viewport(width, 900);
                let fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth";
                assert_eq!(browser.evaluate(fits), true, "{page} is wider than {width} px");
            }
            let Some(axe) = &axe else { continue };
            for ((width, height), scheme) in SIZES.into_iter().flat_map(|size| [(size, "light"), (size, "dark")]) {
                browser.viewport(width, height);
                browser.prefers(&[("prefers-color-scheme", scheme), ("prefers-reduced-motion", "reduce")]);
                browser.evaluate(&format!("(() => {{ {axe} }})()"));
                let found = browser.evaluate(
                    "axe.run({resultTypes: ['violations']}).then((told) => told.violations.map((one) => \
                     `${one.id}: ${one.nodes.map((node) => node.target + ' ' + node.failureSummary).join('; ')}`))",
                );
                assert_eq!(found, json!([]), "{page} {width} {scheme} {language}");
            }
        }
        assert_eq!(browser.complaints(), Vec::<String>::new(), "{language}");
    }
}
