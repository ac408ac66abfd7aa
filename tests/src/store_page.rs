//! The page of people in a store, as they use it: its shop, its taps and its scans.

use std::net::SocketAddr;

use anaquel_loadtest::client::Client;
use serde_json::{Value, json};

use crate::Shop;
use crate::browser::Browser;
use crate::calls::{get, put};
use crate::selling::selling_shop;

/// The GTIN of A.
pub const A: &str = "4006381333931";
/// The GTIN of B.
pub const B: &str = "9780201379624";

/// Three stores that sell and issue receipts.
///
/// # Panics
/// It is refused, or does not come within a minute.
pub fn stores() -> Shop {
    let mut shop = selling_shop(&[]);
    declare(&mut |path, body| {
        put(&mut shop.client, path, body);
    });
    shop
}

/// Names, codes, hours and series.
///
/// # Panics
/// It is refused, or does not come within a minute.
pub fn declare(put: &mut dyn FnMut(&str, &Value)) {
    put("/v1/skus/A", &json!({"name": "Shirt, red", "gtin": A}));
    put("/v1/skus/B", &json!({"name": "<b>Socks</b>", "gtin": B}));
    for (place, name, longitude) in [("s1", "Madrid, Gran Vía", -3.70), ("s2", "Madrid, Serrano", -3.68)] {
        let body = json!({"name": name, "kind": "store", "timezone": "Europe/Madrid", "latitude": 40.42, "longitude": longitude});
        put(&format!("/v1/locations/{place}"), &body);
    }
    let issuer = json!({"tax_id": "B12345678", "name": "Moda S.L.", "address": "Calle Mayor 1", "country": "ES", "timezone": "Europe/Madrid"});
    put("/v1/issuers/es", &issuer);
    for (series, kind) in [("T27", "receipt"), ("R27", "credit_note")] {
        put(
            &format!("/v1/series/{series}"),
            &json!({"issuer": "es", "kind": kind, "prefix": format!("{series}-"), "digits": 4}),
        );
    }
}

/// A click on the visible button that says a text.
///
/// # Panics
/// It is refused, or does not come within a minute.
#[track_caller]
pub fn tap(browser: &mut Browser, text: &str) {
    let found = format!(
        "[...document.querySelectorAll('main button, dialog button')]\
         .find((one) => one.offsetParent && !one.disabled && one.textContent.includes({}))",
        json!(text)
    );
    browser.until(&format!("(() => {{ const found = {found}; found?.click(); return !!found; }})()"));
}

/// What a scanner types: keys without a pause, ended by Enter. The same code at once would be one scan, so that people do
/// not sell twice what they hold too long before it.
///
/// # Panics
/// It is refused, or does not come within a minute.
#[track_caller]
pub fn scan(browser: &mut Browser, code: &str) {
    browser.until("performance.now() - (window.scannedAt ?? -1000) > 300");
    browser.evaluate(&format!(
        "[...{}, 'Enter'].forEach((key) => {{ window.scannedAt = performance.now(); document.body.dispatchEvent(\
         new KeyboardEvent('keydown', {{key, bubbles: true, cancelable: true}})); }})",
        json!(code)
    ));
}

/// Opens the page, and chooses the store unless this device has one.
///
/// # Panics
/// It is refused, or does not come within a minute.
#[track_caller]
pub fn open(browser: &mut Browser, address: SocketAddr, store: &str) {
    browser.visit(&format!("http://{address}/store"));
    browser.until("document.querySelector('.code-field, main .list .tap') !== null");
    if browser.evaluate("document.querySelector('.code-field') === null") == true {
        tap(browser, store);
        browser.until("document.querySelector('.code-field') !== null");
    }
}

/// Waits until the started sale has so many lines.
///
/// # Panics
/// It is refused, or does not come within a minute.
#[track_caller]
pub fn lines(browser: &mut Browser, count: usize) {
    browser.until(&format!("document.querySelectorAll('.sell .line').length === {count}"));
}

/// The time of the browser and so many milliseconds, as text; texts of times sort as times.
///
/// # Panics
/// It is refused, or does not come within a minute.
pub fn time(browser: &mut Browser, beside: i64) -> String {
    let now = browser.evaluate(&format!("new Date(Date.now() + {beside}).toISOString()"));
    now.as_str().unwrap().to_owned()
}

/// The rows of the sales ledger.
///
/// # Panics
/// They are refused.
pub fn rows(client: &mut Client, query: &str) -> Vec<Value> {
    get(client, &format!("/v1/sales?{query}"))["items"].as_array().unwrap().clone()
}
