//! The page of people in a store, in a real browser: its jobs end to end, a lost key, and sales without a connection.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use anaquel_loadtest::client::Client;
use anaquel_tests::binary;
use anaquel_tests::browser::{Browser, SIZES};
use anaquel_tests::calls::{get, put};
use anaquel_tests::house::{House, ask};
use anaquel_tests::selling::{granted, post};
use anaquel_tests::store_page::{A, B, declare, lines, open, rows, scan, stores, tap, time};
use serde_json::{Value, json};

use crate::browsers::Kept;

/// How many items this device keeps for when there is no connection.
const KEPT: &str = "new Promise((done) => { const open = indexedDB.open('anaquel.store'); open.onsuccess = () => { \
    const read = open.result.transaction('till').objectStore('till').get('catalogue'); \
    read.onsuccess = () => { open.result.close(); done(read.result?.count ?? 0); }; }; })";

/// A sale by scanner: three scans and two taps; the next scan begins the next sale. Two taps are one sale, and a scan into
/// a text field leaves the field as it was.
#[test]
fn a_sale_is_scanned_paid_and_receipted() {
    let Some(mut browser) = Browser::open("en-GB") else { return };
    let mut shop = stores();
    for (width, height) in SIZES {
        browser.viewport(width, height);
        open(&mut browser, shop.server.address, "Gran Vía");
        scan(&mut browser, A);
        lines(&mut browser, 1);
        scan(&mut browser, B);
        lines(&mut browser, 2);
        browser.reads("<b>Socks</b>");
        browser.evaluate("document.querySelector('.code-field').focus()");
        scan(&mut browser, A);
        browser.reads("€22.50");
        assert_eq!(browser.evaluate("document.querySelector('.code-field').value"), "");
        scan(&mut browser, "no such code");
        browser.reads("Unknown code no such code");
        lines(&mut browser, 2);
        tap(&mut browser, "Pay €22.50");
        browser.evaluate("[1, 2].forEach(() => document.querySelector('[data-tender=cash]').click())");
        browser.reads("Sold. Receipt T27-");
        scan(&mut browser, B);
        lines(&mut browser, 1);
        tap(&mut browser, "Pay €2.50");
        // Keys alone: F9 opens the tenders and focuses the first, Enter takes it.
        browser.fill(".given input", "5");
        browser.reads("Change €2.50");
        browser.keys("\u{E007}");
        browser.until("document.querySelector('.receipt .change-due') !== null");
    }
    let sold = rows(&mut shop.client, "location=s1");
    let units: i64 = sold.iter().map(|row| row["quantity"].as_i64().unwrap()).sum();
    let amount: i64 = sold.iter().map(|row| row["amount"].as_i64().unwrap()).sum();
    assert_eq!((sold.len(), units, amount), (6, 8, 2 * 2500), "{sold:?}");
    assert_eq!(get(&mut shop.client, "/v1/series/T27")["issued"], 4);
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

/// Labels of the store's scale: 350 g, as a weight and as a price, are scanned and sold, and once more without a connection.
#[test]
fn a_label_of_a_scale_is_sold_by_weight() {
    let Some(mut browser) = Browser::open("en-GB") else { return };
    let mut shop = stores();
    let client = &mut shop.client;
    put(
        client,
        "/v1/skus/CHEESE",
        &json!({"name": "Cheese", "unit": "kg", "decimals": 3, "gtin": format!("{A};2000017000008")}),
    );
    put(client, "/v1/skus/A", &json!({"gtin": null}));
    put(client, "/v1/skus/00042", &json!({"name": "Ham", "unit": "kg", "decimals": 3}));
    let price = |sku: &str, currency: &str| json!({"sku": sku, "currency": currency, "amount": 2});
    put(client, "/v1/prices", &json!({"prices": [price("CHEESE", "GBP"), price("00042", "GBP")]}));
    put(client, "/v1/locations/s1", &json!({"currency": "GBP", "barcodes": ["21IIIIIPPPPPC", "2IIIIIIWWWWWC"]}));
    browser.viewport(390, 844);
    open(&mut browser, shop.server.address, "Gran Vía");
    scan(&mut browser, "2000017003504");
    browser.reads("Pay £7.00");
    scan(&mut browser, "2100042005006");
    lines(&mut browser, 2);
    browser.reads("Pay £12.00");
    tap(&mut browser, "Pay £12.00");
    tap(&mut browser, "Card");
    browser.reads("Sold.");
    let sold = rows(&mut shop.client, "location=s1");
    let units = |sku: &str| sold.iter().find(|row| row["sku"] == sku).unwrap()["quantity"].clone();
    assert_eq!((units("CHEESE"), units("00042"), &sold[0]["currency"]), (json!(350), json!(250), &json!("GBP")));
    let kept = "new Promise((done) => { const open = indexedDB.open('anaquel.store'); open.onsuccess = () => { \
                const read = open.result.transaction('till').objectStore('till').get('catalogue'); \
                read.onsuccess = () => { open.result.close(); done(read.result?.count ?? 0); }; }; })";
    browser.until(kept);
    shop.server.kill().unwrap();
    for (code, paid) in [("2000017003504", "£7.00"), ("2100042005006", "£12.00"), (A, "£12.02")] {
        scan(&mut browser, code);
        browser.reads(&format!("Pay {paid}"));
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

/// A web order shows by itself, is picked by scans, handed over by its code, and paid there; it is in the ledger. What was
/// not found of another is counted and given up, and a wrong code is told.
#[test]
fn a_web_order_is_picked_and_handed_over() {
    let Some(mut browser) = Browser::open("es-ES") else { return };
    for (width, height) in SIZES {
        let mut shop = stores();
        browser.viewport(width, height);
        open(&mut browser, shop.server.address, "Gran Vía");
        browser.until("document.querySelector('.bar .state')?.dataset.state === 'live'");
        browser.click(".tab:nth-child(2)");
        browser.reads("Nada que preparar");
        let order = |id: &str, lines: Value| {
            json!({"order": id, "channel": "web", "currency": "EUR", "confirm": true, "pay_at_handover": true,
                "fulfilments": [{"fulfilment": "f", "purpose": "pickup", "location": "s1", "lines": lines}]})
        };
        let body = order("W-1", json!([{"line": "1", "sku": "A", "quantity": 2}]));
        granted(post(&mut shop.client, "/v1/orders", &body), 201);
        browser.reads("W-1");
        // A scanned item opens the oldest order that wants it, and is its first unit.
        scan(&mut browser, A);
        browser.reads("1 / 2");
        scan(&mut browser, A);
        browser.reads("2 / 2");
        tap(&mut browser, "Marcar como listo");
        browser.until("document.querySelector('.said .code') !== null");
        let code =
            get(&mut shop.client, "/v1/orders/W-1")["fulfilments"][0]["pickup_code"].as_str().unwrap().to_owned();
        let wrong = if code == "ZZZZZ2" { "ZZZZZ3" } else { "ZZZZZ2" };
        scan(&mut browser, wrong);
        browser.reads("Código incorrecto");
        scan(&mut browser, &code);
        browser.reads("Por cobrar");
        tap(&mut browser, "Tarjeta");
        browser.reads("Entregado");
        let done = get(&mut shop.client, "/v1/orders/W-1");
        assert_eq!(
            (&done["state"], &done["due"], &done["payments"][0]["tender"]),
            (&json!("completed"), &json!(0), &json!("card"))
        );
        assert_eq!(rows(&mut shop.client, "order=W-1")[0]["location"], "s1");

        let body =
            order("W-2", json!([{"line": "1", "sku": "A", "quantity": 3}, {"line": "2", "sku": "B", "quantity": 1}]));
        granted(post(&mut shop.client, "/v1/orders", &body), 201);
        browser.reads("W-2");
        scan(&mut browser, B);
        browser.reads("1 / 1");
        scan(&mut browser, A);
        browser.reads("1 / 3");
        tap(&mut browser, "No está");
        tap(&mut browser, "Renunciar a 2");
        browser.until("!document.body.innerText.includes('1 / 3') && document.body.innerText.includes('1 / 1')");
        let order = get(&mut shop.client, "/v1/orders/W-2");
        assert_eq!((&order["lines"][0]["cancelled"], &order["total"]), (&json!(2), &json!(1250)));
        // The shelf was empty but for the unit in the hand.
        assert_eq!(shop.cell("A", "s1"), (1, 1, 0));
        assert_eq!(browser.complaints(), Vec::<String>::new());
    }
}

/// A web order comes back in another store; a shelf is counted and reviewed; goods that were sent arrive.
#[test]
fn goods_come_back_are_counted_and_received() {
    let Some(mut browser) = Browser::open("en-GB") else { return };
    for (width, height) in SIZES {
        let mut shop = stores();
        let body = json!({"order": "W-1", "channel": "web", "currency": "EUR", "confirm": true,
            "fulfilments": [{"fulfilment": "f", "purpose": "pickup", "location": "s1", "lines": [{"line": "1", "sku": "A", "quantity": 2}]}],
            "payments": [{"payment": "p", "tender": "card", "amount": 2000, "state": "captured"}]});
        granted(post(&mut shop.client, "/v1/orders", &body), 201);
        granted(post(&mut shop.client, "/v1/orders/W-1/fulfilments/f/collect", &json!({"receipt": {}})), 200);
        let body = json!({"transfer": "T-100", "from": "s1", "to": "s2", "reason": "rebalance", "ready": true, "lines": [{"sku": "B", "quantity": 3}]});
        granted(post(&mut shop.client, "/v1/transfers", &body), 201);
        granted(post(&mut shop.client, "/v1/transfers/T-100/ship", &json!({})), 200);
        browser.viewport(width, height);
        open(&mut browser, shop.server.address, "Serrano");
        scan(&mut browser, "T27-0001");
        browser.reads("Choose what comes back");
        tap(&mut browser, "Damaged");
        tap(&mut browser, "Refund €10.00");
        browser.reads("Returned.");
        tap(&mut browser, "Paid back on the terminal");
        browser.reads("€10.00 paid back");
        let back = &get(&mut shop.client, "/v1/returns?order=W-1")["items"][0];
        assert_eq!(
            (&back["state"], &back["location"], &back["refunds"][0]["state"]),
            (&json!("settled"), &json!("s2"), &json!("done")),
            "{back}"
        );
        let returned = rows(&mut shop.client, "location=s2");
        assert_eq!((&returned[0]["order"], &returned[0]["quantity"]), (&json!("W-1"), &json!(-1)), "{returned:?}");
        assert_eq!(shop.cell("A", "s2").0, 10, "what is damaged is not on the shelf");

        browser.keys("\u{E00C}");
        tap(&mut browser, "Count");
        browser.reads("Scan what is on the shelf");
        scan(&mut browser, A);
        browser.until("document.querySelectorAll('.side .line').length === 1");
        browser.fill(".code-field", "3\u{E007}");
        browser.until("document.querySelector('.side .line output').textContent === '3'");
        tap(&mut browser, "Review");
        browser.reads("Expected 10, counted 3");
        // Beyond five units it is counted once more, and then believed.
        tap(&mut browser, "Count again?");
        browser.until("document.querySelector('.side .line output')?.textContent === '0'");
        browser.fill(".code-field", "4\u{E007}");
        browser.until("document.querySelector('.side .line output').textContent === '4'");
        tap(&mut browser, "Review");
        browser.reads("Expected 10, counted 4");
        tap(&mut browser, "Book");
        browser.reads("Booked: 1 item");
        assert_eq!(shop.cell("A", "s2").0, 4);

        browser.keys("\u{E00C}");
        tap(&mut browser, "Receive");
        browser.reads("T-100");
        scan(&mut browser, "T-100");
        tap(&mut browser, "All as listed");
        tap(&mut browser, "Book");
        browser.reads("Received: T-100");
        assert_eq!(shop.cell("B", "s2").0, 13);
        assert_eq!(get(&mut shop.client, "/v1/transfers/T-100")["state"], "received");
        assert_eq!(browser.complaints(), Vec::<String>::new());
    }
}

/// A key that is revoked under the page is asked for in place; the started sale stays, and is sold under the next key.
#[test]
fn a_revoked_key_leaves_the_started_sale() {
    let Some(mut browser) = Browser::open("en-GB") else { return };
    for (width, height) in SIZES {
        let house = House::default();
        let admin = house.key("owner", &["admin"], &[]);
        let scopes = ["sell", "stock", "fulfil", "read"];
        let key = house.key("till-1", &scopes, &["--location", "s1"]);
        let other = house.key("till-2", &scopes, &["--location", "s1"]);
        let server = house.serve(&[]);
        let mut client = server.client();
        let mut set = |path: &str, body: &Value| {
            let answer = ask(&mut client, &admin, "PUT", path, body);
            assert!(answer.status < 300, "{path}: {}", answer.json());
        };
        set("/v1/channels/pos", &json!({}));
        set("/v1/skus/A", &json!({}));
        set("/v1/prices", &json!({"prices": [{"sku": "A", "currency": "EUR", "amount": 1000}]}));
        declare(&mut set);
        browser.viewport(width, height);
        browser.visit(&format!("http://{}/store", server.address));
        browser.fill(".key-place input[name=key]", &format!("{key}\u{E007}"));
        browser.reads("Scan: selling");
        scan(&mut browser, A);
        lines(&mut browser, 1);
        house.keys(&["revoke", key.split('_').nth(1).unwrap()]);
        browser.reads("This key no longer works");
        lines(&mut browser, 1);
        browser.fill(".key-place input[name=key]", &format!("{other}\u{E007}"));
        browser.until("document.querySelector('.key-place input[name=key]') === null");
        tap(&mut browser, "Pay €10.00");
        tap(&mut browser, "Card");
        browser.reads("Sold. Receipt T27-0001");
        let sold = ask(&mut client, &admin, "GET", "/v1/sales?location=s1", &Value::Null).json();
        assert_eq!(sold["items"].as_array().unwrap().len(), 1, "{sold}");
        assert_eq!(browser.complaints(), Vec::<String>::new());
    }
}

/// Ten sales and a count while the server is down, the page loaded anew in between from its worker: each is booked once, at
/// its time and with its number, and the count counts.
#[test]
fn what_is_done_without_a_connection_is_booked_once_at_its_time() {
    let Some(mut browser) = Browser::open("en-GB") else { return };
    let shop = stores();
    let address = shop.server.address;
    browser.viewport(390, 844);
    open(&mut browser, address, "Gran Vía");
    browser.until("navigator.serviceWorker.ready.then((worker) => !!worker.active)");
    browser.until(KEPT);
    let began = time(&mut browser, -5000);
    let data = shop.data();
    shop.server.kill().unwrap();
    for sale in 1..=10 {
        scan(&mut browser, A);
        lines(&mut browser, 1);
        tap(&mut browser, "Pay €10.00");
        tap(&mut browser, if sale % 2 == 0 { "Card" } else { "Cash, exact" });
        browser.until(&format!("document.querySelector('.receipt')?.textContent.includes('-{sale}')"));
        if sale == 4 {
            browser.visit(&format!("http://{address}/store"));
            browser.reads("Offline. 4 wait on this device");
        }
    }
    browser.click(".tab:nth-child(4)");
    tap(&mut browser, "Count");
    scan(&mut browser, B);
    browser.until("document.querySelectorAll('.side .line').length === 1");
    browser.fill(".code-field", "7\u{E007}");
    browser.until("document.querySelector('.side .line output').textContent === '7'");
    tap(&mut browser, "Review");
    tap(&mut browser, "Book");
    browser.reads("Offline. 11 wait on this device");
    let ended = time(&mut browser, 5000);
    let mut command = Command::new(binary());
    command.args(["serve", "--listen", &address.to_string(), "--data"]).arg(&data).stderr(Stdio::null());
    let _server = Kept(command.spawn().unwrap());
    browser.until("!document.querySelector('.queue-state').textContent");
    browser.reads("Booked: 1 item");
    let mut client = Client::new(address);
    let sold = rows(&mut client, "location=s1");
    let orders: BTreeSet<&str> = sold.iter().map(|row| row["order"].as_str().unwrap()).collect();
    assert_eq!((sold.len(), orders.len()), (10, 10), "{sold:?}");
    for row in &sold {
        let at = row["occurred_at"].as_str().unwrap();
        assert!(began.as_str() <= at && at <= ended.as_str(), "{began} {ended} {row}");
    }
    let mut numbers: Vec<String> = orders
        .iter()
        .map(|order| get(&mut client, &format!("/v1/orders/{order}"))["till_reference"].as_str().unwrap().to_owned())
        .collect();
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len(), 10, "{numbers:?}");
    assert_eq!(get(&mut client, "/v1/series/T27")["issued"], 10);
    let cell = |client: &mut Client, sku: &str| {
        get(client, &format!("/v1/availability?sku={sku}&location=s1"))["items"][0]["on_hand"].clone()
    };
    assert_eq!((cell(&mut client, "A"), cell(&mut client, "B")), (json!(0), json!(7)));
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

/// What the server refuses of what waited is corrected in a small form, and sent under its own key: a sale by its lines and
/// its money, a count by its quantities. What does not add up is told at its field.
#[test]
fn what_was_refused_is_corrected_and_sent() {
    let Some(mut browser) = Browser::open("en-GB") else { return };
    for (width, height) in SIZES {
        let shop = stores();
        let address = shop.server.address;
        browser.viewport(width, height);
        open(&mut browser, address, "Gran Vía");
        browser.until("navigator.serviceWorker.ready.then((worker) => !!worker.active)");
        browser.until(KEPT);
        let data = shop.data();
        shop.server.kill().unwrap();
        scan(&mut browser, A);
        lines(&mut browser, 1);
        tap(&mut browser, "Pay €10.00");
        tap(&mut browser, "Card");
        browser.reads("Provisional receipt");
        browser.click(".tab:nth-child(4)");
        tap(&mut browser, "Count");
        scan(&mut browser, B);
        browser.until("document.querySelectorAll('.side .line').length === 1");
        tap(&mut browser, "Review");
        tap(&mut browser, "Book");
        browser.reads("Offline. 2 wait on this device");
        // What no server takes: a price that is not its own, and less than nothing.
        browser.evaluate(
            "new Promise((done) => { const open = indexedDB.open('anaquel.store'); open.onsuccess = () => { \
             const change = open.result.transaction('queue', 'readwrite'); const entries = change.objectStore('queue'); \
             entries.getAll().onsuccess = ({target}) => { for (const entry of target.result) { \
             const body = JSON.parse(entry.write.body); if (body.payments) { delete body.offline; delete body.lines[0].unit_amount; body.expected_total = body.payments[0].amount = 900; } else body.counts[0].on_hand = -1; \
             entries.put({...entry, write: {...entry.write, body: JSON.stringify(body)}}); } }; \
             change.oncomplete = () => { open.result.close(); done(true); }; }; })",
        );
        let mut command = Command::new(binary());
        command.args(["serve", "--listen", &address.to_string(), "--data"]).arg(&data).stderr(Stdio::null());
        let _server = Kept(command.spawn().unwrap());
        browser.reads("To settle: 2");
        browser.keys("\u{E00C}");
        tap(&mut browser, "Waiting and to settle");
        browser.until("document.querySelectorAll('.correction').length === 2");
        browser.evaluate(
            "document.querySelectorAll('.correction').forEach((form) => { form.closest('details').open = true; })",
        );
        browser.reads("Total €10.00");
        // At once, and not key by key, which would be a scan.
        let set = |browser: &mut Browser, label: &str, text: &str| {
            browser.evaluate(&format!(
                "(() => {{ const field = [...document.querySelectorAll('.correction label')].find((one) => one.textContent.includes({})).control; \
                 field.value = {}; field.dispatchEvent(new Event('input', {{bubbles: true}})); field.focus(); }})()",
                json!(label),
                json!(text)
            ));
        };
        set(&mut browser, "Quantity", "2");
        browser.reads("Total €20.00");
        browser.keys("\u{E007}");
        browser.reads("Due €20.00, told €9.00");
        set(&mut browser, "Paid: Card", "20.00");
        browser.keys("\u{E007}");
        browser.until("document.querySelectorAll('.correction').length === 1");
        set(&mut browser, "Socks", "x");
        browser.keys("\u{E007}");
        browser.reads("Type a whole number");
        set(&mut browser, "Socks", "6");
        browser.keys("\u{E007}");
        browser.until("document.querySelectorAll('.correction').length === 0");
        browser.reads("Nothing waits on this device");
        let mut client = Client::new(address);
        let sold = rows(&mut client, "location=s1");
        assert_eq!((sold.len(), &sold[0]["quantity"], &sold[0]["amount"]), (1, &json!(2), &json!(2000)), "{sold:?}");
        let cell = get(&mut client, "/v1/availability?sku=B&location=s1");
        assert_eq!(cell["items"][0]["on_hand"], 6);
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

/// No state scrolls sideways from 320 to 2,560 px, and none breaks a rule that axe-core knows.
#[test]
fn the_store_fits_and_is_accessible() {
    let axe = std::env::var("AXE_CORE").ok().map(|path| std::fs::read_to_string(path).unwrap());
    if axe.is_none() {
        eprintln!("SKIPPED: AXE_CORE does not name axe.min.js of the npm package axe-core; only widths are checked");
    }
    let mut shop = stores();
    let body = json!({"order": "W-1", "channel": "web", "currency": "EUR", "confirm": true, "pay_at_handover": true,
        "fulfilments": [{"fulfilment": "f", "purpose": "pickup", "location": "s1", "lines": [{"line": "1", "sku": "A", "quantity": 2}]}]});
    granted(post(&mut shop.client, "/v1/orders", &body), 201);
    for language in ["en-GB", "es-ES"] {
        let Some(mut browser) = Browser::open(language) else { return };
        browser.viewport(390, 844);
        open(&mut browser, shop.server.address, "Gran Vía");
        scan(&mut browser, A);
        lines(&mut browser, 1);
        look(&mut browser, axe.as_deref(), "sell");
        browser.keys("\u{E039}");
        browser.until("document.querySelector('.tenders') !== null");
        look(&mut browser, axe.as_deref(), "pay");
        browser.keys("\u{E00C}");
        for (tab, opened) in [(2, "W-1"), (3, ""), (4, "")] {
            browser.click(&format!(".tab:nth-child({tab})"));
            browser.until("document.querySelector('.panes') !== null");
            look(&mut browser, axe.as_deref(), &format!("tab {tab}"));
            if !opened.is_empty() {
                tap(&mut browser, opened);
                browser.until("document.querySelector('.side h2') !== null");
                look(&mut browser, axe.as_deref(), opened);
            }
        }
        for job in 1..=7 {
            browser.click(".tab:nth-child(4)");
            browser
                .evaluate(&format!("document.querySelectorAll('.pane:not(.side) .tap > button')[{}].click()", job - 1));
            browser.until("document.querySelector('.side h2') !== null");
            look(&mut browser, axe.as_deref(), &format!("job {job}"));
        }
        assert_eq!(browser.complaints(), Vec::<String>::new(), "{language}");
    }
}

#[track_caller]
fn look(browser: &mut Browser, axe: Option<&str>, state: &str) {
    for width in [320, 390, 768, 1440, 2560] {
        browser.viewport(width, 900);
        let fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth";
        assert_eq!(browser.evaluate(fits), true, "{state} is wider than {width} px");
    }
    let Some(axe) = axe else { return browser.viewport(390, 844) };
    for ((width, height), scheme) in SIZES.into_iter().flat_map(|size| [(size, "light"), (size, "dark")]) {
        browser.viewport(width, height);
        browser.prefers(&[("prefers-color-scheme", scheme), ("prefers-reduced-motion", "reduce")]);
        browser.evaluate(&format!("window.axe ? true : (() => {{ {axe} }})()"));
        let found = browser.evaluate(
            "axe.run({resultTypes: ['violations']}).then((told) => told.violations.map((one) => \
             `${one.id}: ${one.nodes.map((node) => node.target + ' ' + node.failureSummary).join('; ')}`))",
        );
        assert_eq!(found, json!([]), "{state} {width} {scheme}");
    }
    browser.viewport(390, 844);
}
