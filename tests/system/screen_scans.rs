//! What is scanned without a scanner that types named keys: keyboards of phones that name none, and the camera. And what is
//! typed, where there is no scanner: every job by keys alone.

use anaquel_tests::browser::{Browser, SIZES};
use anaquel_tests::calls::get;
use anaquel_tests::selling::{granted, post};
use anaquel_tests::store_page::{A, B, lines, open, rows, stores, tap};
use serde_json::json;

const ENTER: &str = "\u{E007}";
const ESCAPE: &str = "\u{E00C}";
const DOWN: &str = "\u{E015}";
const F2: &str = "\u{E032}";
const F4: &str = "\u{E034}";
const F9: &str = "\u{E039}";
const TAB: &str = "\u{E004}";

/// Where no field has the focus, a hidden one has it, so that a keyboard that names no key has something to fill; it calls
/// up no keyboard on the screen, and gives way to a field that is tapped.
#[test]
fn keys_without_names_are_scans() {
    let Some(mut browser) = Browser::open("en-GB") else { return };
    let shop = stores();
    browser.hand(390, 844);
    open(&mut browser, shop.server.address, "Gran Vía");
    let holds = "document.activeElement?.getAttribute('inputmode') === 'none'";
    browser.until(holds);
    // An input method fills the field; its keys are "Unidentified".
    browser.insert(A);
    lines(&mut browser, 1);
    browser.until("document.querySelector('.sell .line output').textContent === '1'");
    // The same in pieces, as some do.
    browser.until("performance.now() - (window.insertedAt ??= performance.now()) > 300");
    let (first, rest) = B.split_at(2);
    browser.insert(first);
    browser.insert(rest);
    lines(&mut browser, 2);
    // Keys that have names come once, though they would fill the field, too.
    scan_into_focus(&mut browser, A);
    browser
        .until("[...document.querySelectorAll('.sell .line output')].map((one) => one.textContent).join() === '2,1'");
    // A tap elsewhere does not take the focus away for good, a tapped field does.
    browser.click(".tab:nth-child(2)");
    browser.until(holds);
    browser.click(".code-field");
    browser.until("document.activeElement.classList.contains('code-field')");
    browser.click(".tab:nth-child(1)");
    browser.until(holds);
    // What is too short for a scan is typed, and stands where codes are typed.
    browser.insert("7");
    browser.until("document.activeElement.classList.contains('code-field') && document.activeElement.value === '7'");
    browser.keys(ENTER);
    browser
        .until("[...document.querySelectorAll('.sell .line output')].map((one) => one.textContent).join() === '7,1'");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

/// Named keys to what has the focus, as a scanner sends them.
fn scan_into_focus(browser: &mut Browser, code: &str) {
    browser.until("performance.now() - (window.scannedAt ?? -1000) > 300");
    browser.evaluate("window.scannedAt = performance.now()");
    browser.keys(&format!("{code}{ENTER}"));
}

/// The camera counts a code once while it is in the frame, and again once it was out of it. The reader of codes is the
/// browser's, which this one does not have: a stand-in sees what it is told.
#[test]
fn the_camera_counts_a_code_once_while_it_sees_it() {
    let arguments = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"];
    for (width, height) in SIZES {
        let Some(mut browser) = Browser::open_with("en-GB", &arguments) else { return };
        let shop = stores();
        browser.before_each_page(
            "window.BarcodeDetector = class { static async getSupportedFormats() { return ['ean_13']; } \
             async detect(video) { window.looks = (window.looks ?? 0) + 1; \
             return video.videoWidth > 0 ? (window.codes ?? []).map((rawValue) => ({ rawValue })) : []; } };",
        );
        browser.viewport(width, height);
        open(&mut browser, shop.server.address, "Gran Vía");
        tap(&mut browser, "Camera");
        browser.until("document.querySelector('.camera video')?.readyState >= 2");
        browser.evaluate(&format!("window.codes = ['{A}']"));
        lines(&mut browser, 1);
        // Many looks later it is still one.
        browser.evaluate("window.looks = 0");
        browser.until("window.looks > 15");
        assert_eq!(browser.evaluate("document.querySelector('.sell .line output').textContent"), "1");
        browser.evaluate("(window.codes = [], window.looks = 0)");
        browser.until("window.looks > 12");
        browser.evaluate(&format!("window.codes = ['{A}']"));
        browser.until("document.querySelector('.sell .line output').textContent === '2'");
        // It ends with the button, and the light of the camera goes off.
        browser.evaluate("window.video = document.querySelector('.camera video').srcObject");
        tap(&mut browser, "Camera");
        browser.until("document.querySelector('.camera') === null && !window.video.active");
        assert_eq!(browser.complaints(), Vec::<String>::new());
    }
}

/// Presses Tab until what has the focus says a text.
#[track_caller]
fn tab_to(browser: &mut Browser, text: &str) {
    let found = format!(
        "document.activeElement.matches('button, a, input, summary') \
         && (document.activeElement.textContent || document.activeElement.value).trim().startsWith({})",
        json!(text)
    );
    for _ in 0..80 {
        if browser.evaluate(&found) == true {
            return;
        }
        browser.keys(TAB);
    }
    panic!("Tab does not come to {text:?}: {}", browser.text());
}

/// Types as a person does: with pauses, so that nothing is a scan.
fn type_slowly(browser: &mut Browser, text: &str) {
    for key in text.chars() {
        browser.until("performance.now() - (window.typedAt ?? -1000) > 100");
        browser.evaluate("window.typedAt = performance.now()");
        browser.keys(&key.to_string());
    }
    browser.until(&format!("document.activeElement.value?.endsWith({})", json!(text)));
    browser.keys(ENTER);
}

/// Selling, picking, handing over, taking back, counting and receiving, without a pointer and without a scanner.
#[test]
fn every_job_of_the_store_is_done_by_keys_alone() {
    let Some(mut browser) = Browser::open("en-GB") else { return };
    for (width, height) in SIZES {
        let mut shop = stores();
        let line = json!({"line": "1", "sku": "A", "quantity": 1});
        let body = json!({"order": "W-1", "channel": "web", "currency": "EUR", "confirm": true, "pay_at_handover": true,
            "fulfilments": [{"fulfilment": "f", "purpose": "pickup", "location": "s1", "lines": [line]}]});
        granted(post(&mut shop.client, "/v1/orders", &body), 201);
        let body = json!({"transfer": "T-100", "from": "s2", "to": "s1", "reason": "rebalance", "ready": true, "lines": [{"sku": "B", "quantity": 3}]});
        granted(post(&mut shop.client, "/v1/transfers", &body), 201);
        granted(post(&mut shop.client, "/v1/transfers/T-100/ship", &json!({})), 200);
        browser.viewport(width, height);
        browser.visit(&format!("http://{}/store", shop.server.address));
        browser.until("document.querySelector('main .list .tap, .code-field') !== null");
        tab_to(&mut browser, "Madrid, Gran Vía");
        browser.keys(ENTER);
        browser.reads("Scan: selling");

        type_slowly(&mut browser, "B");
        lines(&mut browser, 1);
        browser.keys(F9);
        browser.until("document.activeElement.textContent === 'Cash, exact'");
        browser.keys(ENTER);
        browser.reads("Sold. Receipt T27-0001");

        browser.keys(F4);
        browser.reads("W-1");
        browser.keys(DOWN);
        browser.keys(ENTER);
        browser.reads("0 / 1");
        tab_to(&mut browser, "Shirt, red");
        browser.keys(ENTER);
        browser.reads("1 / 1");
        browser.keys(F9);
        browser.until("document.querySelector('.said .code') !== null");
        let order = get(&mut shop.client, "/v1/orders/W-1");
        type_slowly(&mut browser, order["fulfilments"][0]["pickup_code"].as_str().unwrap());
        browser.reads("Due");
        browser.keys(F9);
        browser.reads("Handed over");
        let order = get(&mut shop.client, "/v1/orders/W-1");
        assert_eq!((&order["state"], &order["due"]), (&json!("completed"), &json!(0)));

        // The number of a receipt opens the return.
        browser.keys(F2);
        type_slowly(&mut browser, "T27-0001");
        browser.reads("Choose what comes back");
        tab_to(&mut browser, "Shelf");
        browser.keys(ENTER);
        browser.reads("Refund €2.50");
        browser.keys(F9);
        browser.reads("Returned.");

        browser.keys(ESCAPE);
        tab_to(&mut browser, "Count");
        browser.keys(ENTER);
        browser.reads("Scan what is on the shelf");
        type_slowly(&mut browser, "A");
        browser.until("document.querySelectorAll('.side .line').length === 1");
        type_slowly(&mut browser, "8");
        browser.until("document.querySelector('.side .line output').textContent === '8'");
        browser.keys(F9);
        browser.reads("Expected 9, counted 8");
        browser.keys(F9);
        browser.reads("Booked: 1 item");
        assert_eq!(shop.cell("A", "s1").0, 8);

        browser.keys(ESCAPE);
        tab_to(&mut browser, "Receive");
        browser.keys(ENTER);
        browser.reads("T-100");
        tab_to(&mut browser, "T-100");
        browser.keys(ENTER);
        tab_to(&mut browser, "All as listed");
        browser.keys(ENTER);
        browser.keys(F9);
        browser.reads("Received: T-100");
        assert_eq!(rows(&mut shop.client, "location=s1").len(), 3);
        assert_eq!(shop.cell("B", "s1").0, 13);
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

/// From the list to an order, without a pointer.
#[test]
fn an_order_is_placed_by_keys_alone() {
    let Some(mut browser) = Browser::open("en-GB") else { return };
    for (width, height) in SIZES {
        let mut shop = stores();
        browser.viewport(width, height);
        browser.visit(&format!("http://{}/shop", shop.server.address));
        browser.until("document.querySelector('.cards a') !== null");
        tab_to(&mut browser, "Shirt, red");
        browser.keys(ENTER);
        browser.until("document.querySelector('.buy .primary') !== null");
        tab_to(&mut browser, "Add to cart");
        browser.keys(ENTER);
        browser.until("document.querySelector('.stores button') !== null");
        tab_to(&mut browser, "Madrid, Gran Vía");
        browser.keys(ENTER);
        browser.until("document.activeElement.name === 'tender'");
        browser.keys(" ");
        tab_to(&mut browser, "Place the order");
        browser.keys(ENTER);
        browser.until("document.querySelector('.way [aria-current]')?.textContent === 'Being prepared'");
        assert_eq!(get(&mut shop.client, "/v1/orders")["items"].as_array().unwrap().len(), 1);
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

/// A rule is put in force on /ops, and a place is watched on /live, without a pointer.
#[test]
fn operations_and_live_stock_are_used_by_keys_alone() {
    let Some(mut browser) = Browser::open("en-GB") else { return };
    for (width, height) in SIZES {
        let mut shop = stores();
        browser.viewport(width, height);
        browser.visit(&format!("http://{}/ops", shop.server.address));
        browser.until("document.querySelector('[data-panel=rules]') !== null");
        tab_to(&mut browser, "Rules");
        if browser.evaluate("document.querySelector('[data-panel=rules]').open") == false {
            browser.keys(ENTER);
        }
        browser.reads("New rule");
        tab_to(&mut browser, "New rule");
        browser.keys(ENTER);
        browser.until("document.activeElement.name === 'rule'");
        browser.keys("keep-two");
        for _ in 0..20 {
            if browser.evaluate("document.activeElement.name") == "units" {
                break;
            }
            browser.keys(TAB);
        }
        browser.keys(&format!("2{ENTER}"));
        browser.reads("keep-two is in force.");
        assert_eq!(get(&mut shop.client, "/v1/rules/keep-two")["units"], 2);

        browser.visit(&format!("http://{}/live", shop.server.address));
        browser.until("document.querySelector('.selection input[name=location]') !== null");
        for _ in 0..30 {
            if browser.evaluate("document.activeElement.name") == "location" {
                break;
            }
            browser.keys(TAB);
        }
        browser.keys(&format!("s1{ENTER}"));
        browser.until("document.querySelectorAll('.cells [role=row]').length === 3");
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
