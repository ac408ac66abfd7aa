//! A server that is killed under its pages and started again: each page says so, keeps what it shows, and goes on from where
//! it was, without a reload. `/live` and `/ops` are in `screens` and `screen_ops`.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use anaquel_loadtest::client::Client;
use anaquel_tests::browser::{Browser, SIZES};
use anaquel_tests::calls::get;
use anaquel_tests::selling::{granted, post};
use anaquel_tests::store_page::{A, open, scan, stores, tap};
use anaquel_tests::{Shop, binary};
use serde_json::{Value, json};

use crate::browsers::Kept;

/// The server again, at its old address.
fn again(address: SocketAddr, data: &Path) -> Kept {
    let mut command = Command::new(binary());
    command.args(["serve", "--listen", &address.to_string(), "--data"]).arg(data).stderr(Stdio::null());
    Kept(command.spawn().unwrap())
}

/// Marks the page, and keeps what its socket sends from now on.
fn marked(browser: &mut Browser) {
    browser.evaluate(
        "(() => { window.isTheSame = true; window.sent = []; const send = WebSocket.prototype.send; \
         WebSocket.prototype.send = function (text) { window.sent.push(JSON.parse(text)); send.call(this, text); }; })()",
    );
}

/// The page was not loaded anew, and its socket went on from where it was.
#[track_caller]
fn went_on(browser: &mut Browser, op: &str) {
    assert_eq!(browser.evaluate("window.isTheSame"), true, "it was loaded anew");
    let resumed = format!("window.sent.some(({{op, cursor}}) => op === '{op}' && typeof cursor === 'string')");
    let sent = browser.evaluate("window.sent");
    assert_eq!(browser.evaluate(&resumed), true, "no cursor: {sent}");
}

/// The colour of an element is that of what is not of now.
#[track_caller]
fn is_muted(browser: &mut Browser, selector: &str) {
    browser.until(&format!(
        "(() => {{ const probe = document.createElement('i'); probe.className = 'muted'; document.body.append(probe); \
         const muted = getComputedStyle(probe).color; probe.remove(); \
         return getComputedStyle(document.querySelector({})).color === muted; }})()",
        json!(selector)
    ));
}

fn pickup(id: &str, sku: &str) -> Value {
    json!({"order": id, "channel": "web", "currency": "EUR", "confirm": true,
        "payments": [{"payment": "p", "tender": "card", "amount": if sku == "A" { 1000 } else { 250 }, "state": "captured"}],
        "fulfilments": [{"fulfilment": "f", "purpose": "pickup", "location": "s1", "lines": [{"line": "1", "sku": sku, "quantity": 1}]}]})
}

/// The lists and the open order of /store stay, are muted after a while, and hear what happened as soon as the server is
/// back; a started pick goes on.
#[test]
fn the_store_outlives_its_server() {
    let Some(mut browser) = Browser::open("en-GB") else { return };
    for (width, height) in SIZES {
        let mut shop = stores();
        for (id, sku) in [("W-1", "A"), ("W-2", "A"), ("W-3", "B")] {
            granted(post(&mut shop.client, "/v1/orders", &pickup(id, sku)), 201);
        }
        let address = shop.server.address;
        browser.viewport(width, height);
        open(&mut browser, address, "Gran Vía");
        browser.click(".tab:nth-child(2)");
        browser.reads("W-2");
        browser.until("document.querySelector('.bar .state')?.dataset.state === 'live'");
        tap(&mut browser, "W-1");
        browser.reads("0 / 1");
        marked(&mut browser);
        let data = shop.data();
        shop.server.kill().unwrap();
        browser.reads("Reconnecting");
        browser.until("document.querySelector('.side h2')?.textContent === 'W-1'");
        browser.until("document.querySelector('main').hasAttribute('data-stale')");
        browser.reads("As of");
        is_muted(&mut browser, ".side .number");
        assert_eq!(browser.evaluate("document.querySelectorAll('.pane:not(.side) .list .tap').length"), 3);
        let _server = again(address, &data);
        browser.until("document.querySelector('.bar .state')?.dataset.state === 'live'");
        browser.until("!document.querySelector('main').hasAttribute('data-stale')");
        // What another till does is heard of again: the open order, and the lists.
        let mut client = Client::new(address);
        granted(post(&mut client, "/v1/orders/W-1/fulfilments/f/collect", &json!({"receipt": {}})), 200);
        granted(post(&mut client, "/v1/orders", &pickup("W-4", "A")), 201);
        browser.reads("Handed over");
        browser.until("document.querySelector('.pane:not(.side)').textContent.includes('1 new') || document.querySelector('.pane:not(.side)').textContent.includes('W-4')");
        went_on(&mut browser, "follow");
        // And the work of the page goes on.
        browser.keys("\u{E00C}");
        browser.until("document.querySelector('.side h2') === null");
        tap(&mut browser, "W-2");
        browser.reads("0 / 1");
        scan(&mut browser, A);
        tap(&mut browser, "Mark as ready");
        browser.until("document.querySelector('.said .code') !== null");
        assert_eq!(get(&mut client, "/v1/orders/W-2")["fulfilments"][0]["state"], "ready");
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

/// The product, the cart and the order of /shop outlive it; what was tapped while nobody answered is done once.
#[test]
fn the_shop_outlives_its_server() {
    let Some(mut browser) = Browser::open("en-GB") else { return };
    for (width, height) in SIZES {
        let shop = stores();
        let address = shop.server.address;
        browser.viewport(width, height);
        browser.visit(&format!("http://{address}/shop#/product/A"));
        browser.until("document.querySelector('[data-channel=web] .number')?.textContent === '20'");
        marked(&mut browser);
        let data = shop.data();
        shop.server.kill().unwrap();
        browser.reads("Reconnecting");
        browser.until("document.querySelector('main').hasAttribute('data-stale')");
        is_muted(&mut browser, "[data-channel=web] .number");
        browser.reads("As of");
        browser.until("document.querySelector('[data-channel=web] .number')?.textContent === '20'");
        let first = again(address, &data);
        browser.until("document.querySelector('.bar .state')?.dataset.state === 'live'");
        let mut client = Client::new(address);
        let line = json!({"sku": "A", "location": "s2", "quantity": 4});
        granted(post(&mut client, "/v1/reservations", &json!({"channel": "web", "lines": [line]})), 201);
        browser.until("document.querySelector('[data-channel=web] .number')?.textContent === '16'");
        went_on(&mut browser, "subscribe");

        // The order: its steps are heard of again.
        browser.click(".buy .primary");
        browser.click(".stores button[data-location=s1]");
        browser.click("input[name=tender][value=card]");
        drop(first);
        browser.click("form .primary");
        browser.reads("Still sending. It is booked once");
        let second = again(address, &data);
        browser.until("location.hash.startsWith('#/order/')");
        browser.until("document.querySelector('.way [aria-current]')?.textContent === 'Being prepared'");
        let orders = get(&mut Client::new(address), "/v1/orders")["items"].as_array().unwrap().clone();
        assert_eq!(orders.len(), 1, "{orders:?}");
        browser.until("document.querySelector('.bar .state')?.dataset.state === 'live'");
        drop(second);
        browser.reads("Reconnecting");
        let _third = again(address, &data);
        browser.until("document.querySelector('.bar .state')?.dataset.state === 'live'");
        let path = format!("/v1/orders/{}/fulfilments/1/ready", orders[0]["order"].as_str().unwrap());
        granted(post(&mut Client::new(address), &path, &json!({})), 200);
        browser.until("document.querySelector('.code-large')?.textContent");
        went_on(&mut browser, "follow");
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

/// The start page says that nobody answers, and that the server is back.
#[test]
fn the_start_page_outlives_its_server() {
    let Some(mut browser) = Browser::open("en-GB") else { return };
    for (width, height) in SIZES {
        let shop = Shop::default();
        let address = shop.server.address;
        browser.viewport(width, height);
        browser.visit(&format!("http://{address}/"));
        browser.reads("Ready: it accepts writes");
        browser.evaluate("window.isTheSame = true");
        let data = shop.data();
        shop.server.kill().unwrap();
        browser.reads("Reconnecting");
        let _server = again(address, &data);
        browser.reads("Ready: it accepts writes");
        assert_eq!(browser.evaluate("window.isTheSame"), true, "it was loaded anew");
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
