//! Operations in a real browser: the first line, files, rules, keys and the log.

use std::process::{Command, Stdio};

use anaquel_loadtest::client::Client;
use anaquel_tests::browser::{Browser, SIZES};
use anaquel_tests::calls::{get, put};
use anaquel_tests::house::House;
use anaquel_tests::selling::selling_shop;
use serde_json::json;

use crate::browsers::Kept;

/// Opens a panel; at a desk most of them are open.
fn open(browser: &mut Browser, panel: &str) {
    browser.until(&format!("document.querySelector('[data-panel={panel}]') !== null"));
    browser.evaluate(&format!("document.querySelector('[data-panel={panel}]').open = true"));
    browser.until(&format!("document.querySelector('[data-panel={panel}] .body').childElementCount > 0"));
}

/// On a phone, the first line alone says that it is well, that the server is gone, and that it is back, without a reload.
#[test]
fn the_first_line_tells_a_server_that_dies_and_comes_back() {
    let Some(mut browser) = Browser::open("en-GB") else { return };
    let shop = selling_shop(&[]);
    let address = shop.server.address;
    browser.viewport(390, 844);
    browser.visit(&format!("http://{address}/ops"));
    browser.until("document.querySelector('.sentence .ok h1')?.textContent.startsWith('Well')");
    let first = "document.querySelector('.sentence').getBoundingClientRect().bottom < innerHeight / 2";
    assert_eq!(browser.evaluate(first), true);
    browser.until("document.querySelectorAll('.charts.first .chart path').length >= 4");
    let units = "[...document.querySelectorAll('.chart h2')].every((title) => /\\(.+\\)$/.test(title.textContent))";
    assert_eq!(browser.evaluate(units), true, "a chart has no unit");
    browser.evaluate("window.isTheSame = true");
    let data = shop.data();
    shop.server.kill().unwrap();
    browser.until("document.querySelector('.sentence .bad h1')?.textContent.startsWith('The server does not answer')");
    let mut command = Command::new(anaquel_tests::binary());
    command.args(["serve", "--listen", &address.to_string(), "--data"]).arg(&data).stderr(Stdio::null());
    let _server = Kept(command.spawn().unwrap());
    browser.until("document.querySelector('.sentence .ok h1')?.textContent.startsWith('Well')");
    assert_eq!(browser.evaluate("window.isTheSame"), true, "it was loaded anew");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

/// A file that is dropped is loaded by its header; what is wrong in it is told by line, and what is right is in force.
#[test]
fn a_dropped_file_is_loaded_and_its_wrong_rows_are_told() {
    let Some(mut browser) = Browser::open("en-GB") else { return };
    let mut shop = selling_shop(&[]);
    browser.viewport(1440, 900);
    browser.visit(&format!("http://{}/ops", shop.server.address));
    open(&mut browser, "imports");
    browser.evaluate(
        "(() => { const dropped = new DataTransfer(); \
         dropped.items.add(new File(['sku,location,on_hand\\nA,s1,4\\nA,s2,many\\nNOWHERE,s1,1\\n'], 'shelf.csv', {type: 'text/csv'})); \
         document.querySelector('.drop').dispatchEvent(new DragEvent('drop', {dataTransfer: dropped, bubbles: true, cancelable: true})); })()",
    );
    browser.reads("shelf.csv: 1 accepted, 0 unchanged, 2 rejected");
    browser.reads("NOWHERE is unknown");
    assert_eq!(shop.cell("A", "s1").0, 4);
    let imports = get(&mut shop.client, "/v1/imports");
    assert_eq!(
        (&imports["items"][0]["kind"], &imports["items"][0]["rejected"]),
        (&json!("stock"), &json!(2)),
        "{imports}"
    );
    browser.until(
        "[...document.querySelectorAll('.import button')].some((one) => one.textContent === 'Save the rejected rows')",
    );
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

/// A rule is typed, tried against the log, put in force, and found again as the reason why a cell is not available.
#[test]
fn a_rule_is_tried_put_in_force_and_explained() {
    let Some(mut browser) = Browser::open("en-GB") else { return };
    let mut shop = selling_shop(&[]);
    shop.reserved("A", "s1", 9);
    browser.viewport(1440, 900);
    browser.visit(&format!("http://{}/ops", shop.server.address));
    open(&mut browser, "rules");
    browser.until("[...document.querySelectorAll('[data-panel=rules] button')].some((one) => one.textContent === 'New rule' && (one.click(), true))");
    browser.fill(".editor input[name=rule]", "keep-two");
    browser.fill(".editor input[name=units]", "two");
    browser.click(".editor .primary");
    browser.reads("A whole number from 0 on");
    assert_eq!(browser.evaluate("document.activeElement.name"), "units");
    browser.evaluate("document.activeElement.value = ''");
    browser.fill(".editor input[name=units]", "2");
    browser.until("[...document.querySelectorAll('.editor button')].some((one) => one.textContent === 'What if' && (one.click(), true))");
    browser.reads("Lost units");
    assert_eq!(get(&mut shop.client, "/v1/rules")["items"], json!([]), "trying changes nothing");
    browser.click(".editor .primary");
    browser.reads("keep-two is in force.");
    assert_eq!(get(&mut shop.client, "/v1/rules/keep-two")["units"], 2);
    // Somebody else changes it while it is edited: that is told, and nothing is overwritten.
    browser.until("[...document.querySelectorAll('[data-panel=rules] button')].some((one) => one.textContent === 'Edit' && (one.click(), true))");
    browser.until("document.querySelector('.editor input[name=rule]')?.value === 'keep-two'");
    put(&mut shop.client, "/v1/rules/keep-two", &json!({"kind": "safety_stock", "units": 2, "channels": ["web"]}));
    browser.fill(".editor input[name=units]", "5");
    browser.click(".editor .primary");
    browser.reads("Someone else changed it meanwhile");
    assert_eq!(get(&mut shop.client, "/v1/rules/keep-two")["channels"], json!(["web"]));
    browser.until("[...document.querySelectorAll('.editor button')].some((one) => one.textContent === 'Open it as it is now' && (one.click(), true))");
    browser.until("document.querySelector('.editor input[name=channels]')?.value === 'web'");
    browser.click(".editor .primary");
    browser.until("document.querySelector('.editor') === null");
    for (name, value) in [("sku", "A"), ("location", "s1"), ("channel", "web")] {
        browser.fill(&format!("[data-panel=rules] form.asked input[name={name}]"), value);
    }
    browser.keys("\u{E007}");
    browser.reads("10 here − 9 promised − 2 kept back − 0 left to others = 0 available");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

/// A key is revoked once its name was typed; the page of that key says so, and goes on with another one.
#[test]
fn a_key_is_revoked_by_its_name_and_its_page_asks_for_another() {
    for (width, height) in SIZES {
        let Some(mut browser) = Browser::open("en-GB") else { return };
        let Some(mut other) = Browser::open("en-GB") else { return };
        let house = House::default();
        let admin = house.key("owner", &["admin"], &[]);
        let watcher = house.key("watcher", &["ops", "read"], &[]);
        let server = house.serve(&[]);
        let page = format!("http://{}/ops", server.address);
        other.viewport(width, height);
        other.visit(&page);
        other.fill(".key-place input[name=key]", &format!("{watcher}\u{E007}"));
        other.until("document.querySelector('.sentence .ok') !== null");
        open(&mut other, "keys");
        other.reads("Needs admin");

        browser.viewport(width, height);
        browser.visit(&page);
        browser.fill(".key-place input[name=key]", &format!("{admin}\u{E007}"));
        open(&mut browser, "keys");
        let id = watcher.split('_').nth(1).unwrap();
        browser.click(&format!("[data-key='{id}'] button"));
        browser.fill("dialog input", "someone else\u{E007}");
        browser.reads("This is not its name");
        assert_eq!(Client::new(server.address).with_key(&watcher).get("/v1/key").unwrap().status, 200);
        browser.evaluate("document.querySelector('dialog input').value = ''");
        browser.fill("dialog input", "watcher\u{E007}");
        browser.until(&format!("document.querySelector(\"[data-key='{id}']\")?.textContent.includes('revoked')"));
        assert_eq!(Client::new(server.address).with_key(&watcher).get("/v1/key").unwrap().status, 401);

        other.reads("This key no longer works");
        other.until("document.querySelector('.sentence .ok') !== null");
        other.fill(".key-place input[name=key]", &format!("{admin}\u{E007}"));
        other.until("document.querySelector('.key-place .notice') === null");
        assert_eq!((browser.complaints(), other.complaints()), (Vec::new(), Vec::new()));
    }
}

/// The log follows what is written, shows one item alone, and what it was at a moment of a chart.
#[test]
fn the_log_follows_filters_and_goes_back() {
    for (width, height) in SIZES {
        let Some(mut browser) = Browser::open("en-GB") else { return };
        let mut shop = selling_shop(&[]);
        browser.viewport(width, height);
        browser.visit(&format!("http://{}/ops", shop.server.address));
        open(&mut browser, "log");
        browser.until("document.querySelectorAll('.record').length > 5");
        let reserved = shop.reserved("A", "s1", 3);
        let seq = reserved["seq"].as_u64().unwrap();
        browser.until(&format!("document.querySelector('.record').dataset.seq === '{seq}'"));
        browser.fill("[data-panel=log] input[name=kind]", "reserved\u{E007}");
        browser.until(&format!("document.querySelectorAll('.record').length === 1 && document.querySelector('.record').dataset.seq === '{seq}'"));
        let second = shop.reserved("B", "s1", 1)["seq"].as_u64().unwrap();
        browser.until(&format!("document.querySelector('.record').dataset.seq === '{second}'"));
        let each = "new Set([...document.querySelectorAll('.record')].map((one) => one.dataset.seq)).size === document.querySelectorAll('.record').length";
        assert_eq!(browser.evaluate(each), true, "a record stands there twice");
        browser.evaluate("document.querySelector('.record').open = true");
        browser.until("document.querySelector('.record pre')?.textContent.includes('\"kind\": \"reserved\"')");
        // What was refused stands in its panel, and why.
        assert_eq!(shop.reserve("C", "s1", 99).status, 409);
        open(&mut browser, "refused");
        browser.click("[data-panel=refused] th button");
        browser.reads("10 here − 0 promised − 0 kept back − 0 left to others = 10 available");
        // From the numbers of a chart to the log of that moment.
        browser.evaluate("document.querySelector('.charts.first .chart details').open = true");
        browser.click(".charts.first .chart tbody button");
        browser.until("document.querySelector('[data-panel=log] input[name=until]').value !== ''");
        assert_eq!(browser.complaints(), Vec::<String>::new(), "{width}");
    }
}
