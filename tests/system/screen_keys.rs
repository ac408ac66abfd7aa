//! A key that is revoked under an open page: the page says so in place, its work stays, and another key goes on. `/live` and
//! `/ops` are in `screens` and `screen_ops`, the started sale in `store`.

use anaquel_loadtest::client::Client;
use anaquel_loadtest::server::Server;
use anaquel_tests::browser::{Browser, SIZES};
use anaquel_tests::calls::{get, put};
use anaquel_tests::house::House;
use anaquel_tests::selling;
use anaquel_tests::selling::{granted, post};
use anaquel_tests::store_page::{A, declare, scan, tap};
use serde_json::json;

/// A server with stock, and an owner.
fn stocked(house: &House) -> (Server, Client) {
    let admin = house.key("owner", &["admin"], &[]);
    let server = house.serve(&[]);
    let mut owner = server.client().with_key(&admin);
    for channel in ["web", "pos"] {
        put(&mut owner, &format!("/v1/channels/{channel}"), &json!({}));
    }
    selling::declare(&mut owner);
    declare(&mut |path, body| {
        put(&mut owner, path, body);
    });
    let movement = json!({"kind": "receipt", "sku": "A", "location": "s1", "quantity": 10});
    granted(post(&mut owner, "/v1/stock/movements", &json!({"movements": [movement]})), 200);
    (server, owner)
}

fn revoke(house: &House, key: &str) {
    house.keys(&["revoke", key.split('_').nth(1).unwrap()]);
}

/// Tells a key where the page asks for one.
fn sign_in(browser: &mut Browser, key: &str) {
    browser.fill(".key-place input[name=key]", &format!("{key}\u{E007}"));
    browser.until("document.querySelector('.key-place input[name=key]') === null");
}

#[track_caller]
fn is_told(browser: &mut Browser) {
    browser.until("document.querySelector('.key-place .notice.bad')?.textContent.includes('This key no longer works')");
}

/// The start page asks for nothing by itself, and yet tells.
#[test]
fn the_start_page_tells_a_revoked_key() {
    let Some(mut browser) = Browser::open("en-GB") else { return };
    for (width, height) in SIZES {
        let house = House::default();
        let key = house.key("till-1", &["read"], &[]);
        let other = house.key("till-2", &["read"], &[]);
        let (server, _) = stocked(&house);
        browser.viewport(width, height);
        browser.visit(&format!("http://{}/", server.address));
        browser.fill("#key input[name=key]", &format!("{key}\u{E007}"));
        browser.reads("Signed in as till-1");
        browser.evaluate("window.isTheSame = true");
        revoke(&house, &key);
        is_told(&mut browser);
        sign_in(&mut browser, &other);
        browser.reads("Signed in as till-2");
        assert_eq!(browser.evaluate("window.isTheSame"), true, "it was loaded anew");
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

/// A pick that is under way stays under a revoked key, and its next step waits for the next key.
#[test]
fn the_store_keeps_a_started_pick() {
    let Some(mut browser) = Browser::open("en-GB") else { return };
    for (width, height) in SIZES {
        let house = House::default();
        let scopes = ["sell", "stock", "fulfil", "read"];
        let key = house.key("till-1", &scopes, &["--location", "s1"]);
        let other = house.key("till-2", &scopes, &["--location", "s1"]);
        let (server, mut owner) = stocked(&house);
        let line = json!({"line": "1", "sku": "A", "quantity": 2});
        let body = json!({"order": "W-1", "channel": "web", "currency": "EUR", "confirm": true, "pay_at_handover": true,
            "fulfilments": [{"fulfilment": "f", "purpose": "pickup", "location": "s1", "lines": [line]}]});
        granted(post(&mut owner, "/v1/orders", &body), 201);
        browser.viewport(width, height);
        browser.visit(&format!("http://{}/store", server.address));
        sign_in(&mut browser, &key);
        browser.reads("Scan: selling");
        browser.click(".tab:nth-child(2)");
        browser.reads("W-1");
        scan(&mut browser, A);
        browser.reads("1 / 2");
        scan(&mut browser, A);
        browser.reads("2 / 2");
        revoke(&house, &key);
        is_told(&mut browser);
        browser.reads("2 / 2");
        // The button that is tapped meanwhile says it, too, and its write is sent under the next key.
        tap(&mut browser, "Mark as ready");
        browser.until("document.querySelector('.action button')?.textContent.includes('This key no longer works')");
        sign_in(&mut browser, &other);
        browser.until("document.querySelector('.said .code') !== null");
        assert_eq!(get(&mut owner, "/v1/orders/W-1")["fulfilments"][0]["state"], "ready");
        browser.until("document.querySelector('.bar .state')?.dataset.state === 'live'");
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

/// A cart stays under a revoked key, and becomes an order under the next one; the order is shown live.
#[test]
fn the_shop_keeps_a_started_cart() {
    let Some(mut browser) = Browser::open("en-GB") else { return };
    for (width, height) in SIZES {
        let house = House::default();
        let key = house.key("page", &["read", "reserve", "sell", "fulfil"], &[]);
        let other = house.key("page-2", &["read", "reserve", "sell", "fulfil"], &[]);
        let (server, mut owner) = stocked(&house);
        browser.viewport(width, height);
        browser.visit(&format!("http://{}/shop#/product/A", server.address));
        sign_in(&mut browser, &key);
        browser.until("document.querySelector('[data-channel=web] .number')?.textContent === '10'");
        browser.click(".buy .primary");
        browser.click(".stores button[data-location=s1]");
        browser.click("input[name=tender][value=card]");
        revoke(&house, &key);
        is_told(&mut browser);
        browser.reads("Total €10.00, tax included");
        browser.click("main form .primary");
        browser.until("document.querySelector('main form .primary')?.textContent.includes('This key no longer works')");
        sign_in(&mut browser, &other);
        browser.until("location.hash.startsWith('#/order/')");
        browser.until("document.querySelector('.way [aria-current]')?.textContent === 'Being prepared'");
        let orders = get(&mut owner, "/v1/orders")["items"].as_array().unwrap().clone();
        assert_eq!(orders.len(), 1, "{orders:?}");
        // An open order is heard of live again under the next key.
        browser.until("document.querySelector('.bar .state')?.dataset.state === 'live'");
        let path = format!("/v1/orders/{}/fulfilments/1/ready", orders[0]["order"].as_str().unwrap());
        granted(post(&mut owner, &path, &json!({})), 200);
        browser.until("document.querySelector('.code-large')?.textContent");
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
