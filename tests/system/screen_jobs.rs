//! One order through both its pages, in two real browsers: from the tap of a customer to the ledger of the store.

use anaquel_tests::browser::{Browser, SIZES};
use anaquel_tests::calls::get;
use anaquel_tests::store_page::{A, open, rows, scan, stores, tap};
use serde_json::json;

/// An order that is placed on /shop shows on /store of its store by itself; it is picked by a scan, its customer sees the
/// code, the code hands it over, and it is in the ledger of the store. How long it took to show is printed, not asserted.
#[test]
fn an_order_of_the_shop_shows_in_the_store_and_ends_in_the_ledger() {
    let Some(mut buyer) = Browser::open("en-GB") else { return };
    let Some(mut staff) = Browser::open("en-GB") else { return };
    for (width, height) in SIZES {
        let mut shop = stores();
        staff.viewport(width, height);
        open(&mut staff, shop.server.address, "Gran Vía");
        staff.click(".tab:nth-child(2)");
        staff.reads("Nothing to pick");
        staff.until("document.querySelector('.bar .state')?.dataset.state === 'live'");
        // The moment at which the row is in the page.
        staff.evaluate(
            "(() => { window.seen = null; const row = '.pane:not(.side) .list .tap'; \
             new MutationObserver(() => { if (!window.seen && document.querySelector(row)) window.seen = Date.now(); })\
             .observe(document.querySelector('main'), {subtree: true, childList: true}); })()",
        );
        buyer.viewport(width, height);
        buyer.visit(&format!("http://{}/shop#/product/A", shop.server.address));
        buyer.click(".buy .primary");
        buyer.click(".stores button[data-location=s1]");
        buyer.click("input[name=tender][value=card]");
        buyer.click("form .primary");
        let placed = buyer.until("location.hash.startsWith('#/order/') && decodeURIComponent(location.hash.slice(8))");
        let id = placed.as_str().unwrap().to_owned();
        let path = format!("/v1/orders/{id}");
        staff.reads(&id);
        let made = get(&mut shop.client, &path);
        let took = staff.evaluate(&format!("window.seen - Date.parse('{}')", made["created_at"].as_str().unwrap()));
        println!("{width} px: the order was in the store's list after {took} ms");
        assert_eq!(shop.cell("A", "s1"), (10, 1, 9), "it is reserved");

        scan(&mut staff, A);
        staff.reads("1 / 1");
        tap(&mut staff, "Mark as ready");
        staff.until("document.querySelector('.said .code') !== null");
        let code = buyer.until("document.querySelector('.code-large')?.textContent").as_str().unwrap().to_owned();
        scan(&mut staff, &code);
        staff.until("[...document.querySelectorAll('.action button')].some((one) => one.textContent === 'Hand over')");
        tap(&mut staff, "Hand over");
        staff.reads("Handed over");
        buyer.until("document.querySelector('.way [aria-current]')?.textContent === 'Collected'");
        let done = get(&mut shop.client, &path);
        assert_eq!((&done["state"], &done["due"]), (&json!("completed"), &json!(0)));
        let sold = rows(&mut shop.client, &format!("order={id}"));
        assert_eq!(
            (sold.len(), &sold[0]["location"], &sold[0]["sku"], &sold[0]["quantity"], &sold[0]["amount"]),
            (1, &json!("s1"), &json!("A"), &json!(1), &json!(1000)),
            "{sold:?}"
        );
        assert_eq!(shop.cell("A", "s1"), (9, 0, 9), "it is gone");
    }
    assert_eq!((buyer.complaints(), staff.complaints()), (Vec::new(), Vec::new()));
}
