//! A server that answers slowly: the button says what it does, then that it is booked once; after eight seconds a sale and a
//! count wait on the device, and everything else offers "Check", which is the same write again.

use anaquel_tests::browser::{Browser, SIZES};
use anaquel_tests::calls::get;
use anaquel_tests::selling::{granted, post};
use anaquel_tests::store_page::{A, lines, open, rows, scan, stores, tap};
use serde_json::json;

/// Longer than what is shown at once, and shorter than what is late.
const SLOW_MS: u32 = 5000;

/// Longer than anything is waited for.
const LATE_MS: u32 = 12_000;

/// Waits until a button says a text.
#[track_caller]
fn says(browser: &mut Browser, text: &str) {
    browser.until(&format!(
        "[...document.querySelectorAll('main button')].some((one) => one.offsetParent && one.textContent === {})",
        json!(text)
    ));
}

/// A sale and a count.
#[test]
fn a_slow_sale_and_a_slow_count_wait_on_the_device() {
    let Some(mut browser) = Browser::open("en-GB") else { return };
    for (width, height) in SIZES {
        let mut shop = stores();
        browser.viewport(width, height);
        open(&mut browser, shop.server.address, "Gran Vía");
        scan(&mut browser, A);
        lines(&mut browser, 1);
        browser.latency(SLOW_MS);
        tap(&mut browser, "Pay €10.00");
        tap(&mut browser, "Card");
        says(&mut browser, "Sending");
        says(&mut browser, "Still sending. It is booked once");
        browser.reads("Sold. Receipt T27-0001");

        browser.latency(0);
        scan(&mut browser, A);
        lines(&mut browser, 1);
        browser.latency(LATE_MS);
        tap(&mut browser, "Pay €10.00");
        tap(&mut browser, "Cash, exact");
        // The customer may go: it waits, and is sent.
        browser.reads("Provisional receipt");
        browser.latency(0);
        browser.reads("Sold. Receipt T27-0002");
        assert_eq!(rows(&mut shop.client, "location=s1").len(), 2);

        browser.click(".tab:nth-child(4)");
        tap(&mut browser, "Count");
        scan(&mut browser, A);
        browser.until("document.querySelectorAll('.side .line').length === 1");
        browser.fill(".code-field", "7\u{E007}");
        browser.until("document.querySelector('.side .line output').textContent === '7'");
        tap(&mut browser, "Review");
        browser.reads("Expected 8, counted 7");
        browser.latency(LATE_MS);
        tap(&mut browser, "Book");
        says(&mut browser, "Still sending. It is booked once");
        browser.reads("1 item waits on this device");
        browser.latency(0);
        browser.reads("Booked: 1 item");
        assert_eq!(shop.cell("A", "s1").0, 7);
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

/// Every other write offers "Check": what was done already is told, and done once.
#[test]
fn a_late_step_is_checked_and_done_once() {
    let Some(mut browser) = Browser::open("en-GB") else { return };
    for (width, height) in SIZES {
        let mut shop = stores();
        let line = json!({"line": "1", "sku": "A", "quantity": 1});
        let body = json!({"order": "W-1", "channel": "web", "currency": "EUR", "confirm": true, "pay_at_handover": true,
            "fulfilments": [{"fulfilment": "f", "purpose": "pickup", "location": "s1", "lines": [line]}]});
        granted(post(&mut shop.client, "/v1/orders", &body), 201);
        granted(post(&mut shop.client, "/v1/orders/W-1/fulfilments/f/ready", &json!({})), 200);
        let code =
            get(&mut shop.client, "/v1/orders/W-1")["fulfilments"][0]["pickup_code"].as_str().unwrap().to_owned();
        browser.viewport(width, height);
        open(&mut browser, shop.server.address, "Gran Vía");
        browser.click(".tab:nth-child(2)");
        browser.reads("Nothing to pick");
        scan(&mut browser, &code);
        browser.reads("Due");
        browser.latency(LATE_MS);
        tap(&mut browser, "Card");
        says(&mut browser, "Sending");
        says(&mut browser, "Still sending. It is booked once");
        says(&mut browser, "Check");
        assert_eq!(
            browser.evaluate("[...document.querySelectorAll('.tenders button')].filter((one) => !one.disabled).length"),
            1,
            "money is taken in one way"
        );
        browser.latency(0);
        tap(&mut browser, "Check");
        browser.reads("Handed over");
        let done = get(&mut shop.client, "/v1/orders/W-1");
        assert_eq!((&done["state"], done["payments"].as_array().unwrap().len()), (&json!("completed"), 1), "{done}");
        assert_eq!(rows(&mut shop.client, "order=W-1").len(), 1);

        // The same in the shop.
        browser.visit(&format!("http://{}/shop#/product/A", shop.server.address));
        browser.until("document.querySelector('[data-channel=web] .number')?.textContent === '19'");
        browser.click(".buy .primary");
        browser.click(".stores button[data-location=s2]");
        browser.click("input[name=tender][value=card]");
        browser.latency(LATE_MS);
        browser.click("form .primary");
        says(&mut browser, "Still sending. It is booked once");
        says(&mut browser, "Check");
        browser.latency(0);
        tap(&mut browser, "Check");
        browser.until("document.querySelector('.way [aria-current]')?.textContent === 'Being prepared'");
        assert_eq!(get(&mut shop.client, "/v1/orders")["items"].as_array().unwrap().len(), 2);
        assert_eq!(shop.cell("A", "s2").1, 1);
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

/// A quantity that is typed while an earlier one is on its way is sent next.
#[test]
fn what_is_typed_meanwhile_is_sent_next() {
    let Some(mut browser) = Browser::open("en-GB") else { return };
    for (width, height) in SIZES {
        let shop = stores();
        browser.viewport(width, height);
        browser.visit(&format!("http://{}/shop#/product/A", shop.server.address));
        browser.click(".buy .primary");
        browser.until("document.querySelector('.stores button') !== null");
        browser.visit(&format!("http://{}/shop#/cart", shop.server.address));
        browser.until("document.querySelector('.line input')?.value === '1'");
        browser.latency(SLOW_MS);
        for quantity in ["2", "5"] {
            browser.evaluate("document.querySelector('.line input').value = ''");
            browser.fill(".line input", &format!("{quantity}\u{E007}"));
            says(&mut browser, "Sending");
        }
        browser.latency(0);
        // What the server adds up.
        browser.until("document.querySelector('.total').textContent.includes('€50.00')");
        browser.until("document.querySelector('.line input').value === '5'");
        // A field that is empty when the answer comes is no wish.
        browser.latency(SLOW_MS);
        browser.evaluate("document.querySelector('.line input').value = ''");
        browser.fill(".line input", "3\u{E007}");
        says(&mut browser, "Sending");
        browser.evaluate("document.querySelector('.line input').value = ''");
        browser.latency(0);
        browser.until("document.querySelector('.total').textContent.includes('€30.00')");
        browser.until("document.querySelector('.line input').value === '3'");
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
