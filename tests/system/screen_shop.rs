//! The demonstration shop in a real browser, from the list to a return.

use anaquel_loadtest::client::Client;
use anaquel_tests::Shop;
use anaquel_tests::browser::{Browser, SIZES};
use anaquel_tests::calls::{get, put};
use anaquel_tests::house::House;
use anaquel_tests::selling::{declare, granted, post, selling_shop};
use serde_json::{Value, json};

/// Gives the places of the shop names and coordinates, and an item a name that is no HTML.
fn placed(client: &mut Client) {
    for (place, name, north) in [("s1", "Madrid, Gran Vía", 40.42), ("s2", "Toledo", 39.86)] {
        let fields = json!({"name": name, "latitude": north, "longitude": -3.7, "timezone": "Europe/Madrid"});
        put(client, &format!("/v1/locations/{place}"), &fields);
    }
    put(client, "/v1/skus/A", &json!({"name": "T-shirt, red", "product": "T", "attributes": {"colour": "red"}}));
    put(client, "/v1/skus/B", &json!({"name": "<img src=x onerror=\"document.title='run'\">"}));
}

/// The order that the page shows.
fn order_of(browser: &mut Browser) -> String {
    let shown = browser.until("location.hash.startsWith('#/order/') && decodeURIComponent(location.hash.slice(8))");
    shown.as_str().unwrap().to_owned()
}

/// Puts an item into the cart, from its page.
fn add(browser: &mut Browser, shop: &Shop, sku: &str) {
    browser.visit(&format!("http://{}/shop#/product/{sku}", shop.server.address));
    browser.click(".buy .primary");
    browser.until("document.querySelector('.stores button') !== null");
}

/// Four taps from the product to the order; the page then shows each step of it when it is durable, and a line that was
/// handed over is announced back in two more.
#[test]
fn four_taps_make_an_order_whose_way_is_shown_live() {
    for (width, height) in SIZES {
        let Some(mut browser) = Browser::open("en-GB") else { return };
        let mut shop = selling_shop(&[]);
        placed(&mut shop.client);
        browser.viewport(width, height);
        browser.visit(&format!("http://{}/shop", shop.server.address));
        browser.reads("In your shop a server of yours holds the key");
        browser.reads("<img src=x");
        assert_ne!(browser.evaluate("document.title"), "run", "a name is a text");
        // The list asks for stock once and for prices once.
        let calls = |path: &str| {
            format!("performance.getEntriesByType('resource').filter(({{name}}) => name.endsWith('{path}')).length")
        };
        assert_eq!(browser.evaluate(&calls("/v1/availability/query")), 1);
        assert_eq!(browser.evaluate(&calls("/v1/prices/query")), 1);
        browser.click("a.card[href='#/product/A']");
        browser.until("document.querySelector('[data-channel=web] .number')?.textContent === '20'");
        // What somebody else takes shows at once.
        let held = shop.reserved("A", "s2", 4);
        browser.until("document.querySelector('[data-channel=web] .number')?.textContent === '16'");
        granted(
            post(&mut shop.client, &format!("/v1/reservations/{}/cancel", held["id"].as_str().unwrap()), &json!({})),
            200,
        );

        browser.click(".buy .primary");
        browser.click(".stores button[data-location=s1]");
        browser.click("input[name=tender][value=card]");
        browser.click("form .primary");
        let id = order_of(&mut browser);
        browser.until("document.querySelector('.way [aria-current]')?.textContent === 'Being prepared'");
        let path = format!("/v1/orders/{id}");
        let made = get(&mut shop.client, &path);
        assert_eq!(
            (&made["state"], &made["paid"], &made["fulfilments"][0]["location"]),
            (&json!("confirmed"), &json!(1000), &json!("s1"))
        );
        assert_eq!(shop.cell("A", "s1").1, 1, "reserved");

        granted(post(&mut shop.client, &format!("{path}/fulfilments/1/ready"), &json!({})), 200);
        let code = browser.until("document.querySelector('.code-large')?.textContent").as_str().unwrap().to_owned();
        let collected = post(
            &mut shop.client,
            &format!("{path}/fulfilments/1/collect"),
            &json!({"channel": "pos", "pickup_code": code}),
        );
        granted(collected, 200);
        browser.until("document.querySelector('.way [aria-current]')?.textContent === 'Collected'");
        browser.click(".return button");
        browser.click(".return form .primary");
        browser.reads("is announced. Bring it to any store: the money comes back there.");
        let announced = get(&mut shop.client, &format!("/v1/returns?order={id}"));
        assert_eq!(announced["items"][0]["state"], "announced", "{announced}");

        // The drawer has every call, with the module that made it.
        browser.evaluate("document.querySelector('.calls > details').open = true");
        browser.click(".calls .call summary");
        browser.until("document.querySelector('.calls .call pre')?.textContent.includes('/v1/')");
        browser.until("[...document.querySelectorAll('.calls .call summary')].some((one) => one.textContent.includes('POST /v1/returns'))");
        assert_eq!(browser.complaints(), Vec::<String>::new(), "{width}");
    }
}

/// Where the last units went meanwhile, the refusal is told with what would succeed, and that is one tap.
#[test]
fn who_comes_too_late_is_offered_what_is_left() {
    let Some(mut browser) = Browser::open("en-GB") else { return };
    let mut shop = selling_shop(&[]);
    placed(&mut shop.client);
    browser.viewport(390, 844);
    add(&mut browser, &shop, "A");
    browser.evaluate("document.querySelector('.line input').value = ''");
    browser.fill(".line input", "3\u{E004}");
    browser.reads("Total €30.00, tax included");
    browser.until("document.querySelector('.stores button[data-location=s1]') !== null");
    shop.reserved("A", "s1", 8);
    browser.click(".stores button[data-location=s1]");
    browser.until("document.querySelector('.notice.bad') !== null");
    browser.until("[...document.querySelectorAll('.notice.bad button')].some((one) => one.textContent === 'Take 2' && (one.click(), true))");
    browser.reads("Total €20.00, tax included");
    browser.click(".stores button[data-location=s1]");
    browser.click("input[name=tender][value=card]");
    browser.click("form .primary");
    let id = order_of(&mut browser);
    assert_eq!(get(&mut shop.client, &format!("/v1/orders/{id}"))["lines"][0]["quantity"], 2);
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

/// The link behind the code opens the cart in another browser, and what is changed there is changed.
#[test]
fn a_cart_goes_on_on_another_device() {
    let Some(mut desk) = Browser::open("en-GB") else { return };
    let Some(mut phone) = Browser::open("es-ES") else { return };
    let mut shop = selling_shop(&[]);
    placed(&mut shop.client);
    desk.viewport(1440, 900);
    add(&mut desk, &shop, "A");
    desk.click(".to-phone");
    desk.until("document.querySelector('dialog .qr svg path') !== null");
    let link = desk.evaluate("document.querySelector('dialog a').href").as_str().unwrap().to_owned();
    phone.viewport(390, 844);
    phone.visit(&link);
    phone.reads("Este es el carrito de tu otro dispositivo");
    phone.reads("T-shirt, red");
    assert_eq!(phone.evaluate("location.hash"), "#/cart", "the secret stays in no address");
    phone.evaluate("document.querySelector('.line input').value = ''");
    phone.fill(".line input", "2\u{E004}");
    phone.reads("Total 20,00");
    desk.click("dialog button");
    desk.visit(&format!("http://{}/shop#/", shop.server.address));
    desk.visit(&format!("http://{}/shop#/cart", shop.server.address));
    desk.reads("Total €20.00, tax included");
    assert_eq!((desk.complaints(), phone.complaints()), (Vec::new(), Vec::new()));
}

/// A page with the scope `shop` asks for the goods and sees its order by its token alone; money is told by the server of
/// the shop.
#[test]
fn the_key_of_a_page_orders_without_money() {
    let Some(mut browser) = Browser::open("en-GB") else { return };
    let house = House::default();
    let admin = house.key("owner", &["admin"], &[]);
    let page = house.key("page", &["read", "shop"], &["--channel", "web"]);
    let server = house.serve(&[]);
    let mut owner = server.client().with_key(&admin);
    put(&mut owner, "/v1/channels/web", &json!({}));
    declare(&mut owner);
    placed(&mut owner);
    let movement = json!({"kind": "receipt", "sku": "A", "location": "s1", "quantity": 5});
    granted(post(&mut owner, "/v1/stock/movements", &json!({"movements": [movement]})), 200);
    browser.viewport(390, 844);
    browser.visit(&format!("http://{}/shop#/product/A", server.address));
    browser.fill(".key-place input[name=key]", &format!("{page}\u{E007}"));
    browser.click(".buy .primary");
    browser.click(".stores button[data-location=s1]");
    browser.reads("your server takes the money and confirms the order");
    assert_eq!(browser.evaluate("document.querySelector('input[name=tender]')"), Value::Null);
    browser.click("form .primary");
    let id = order_of(&mut browser);
    browser.until("document.querySelector('.way [aria-current]')?.textContent === 'Placed'");
    let path = format!("/v1/orders/{id}");
    assert_eq!(get(&mut owner, &path)["state"], "open");
    let paid = json!({"channel": "web", "payments": [{"tender": "card", "amount": 1000, "state": "captured"}]});
    granted(post(&mut owner, &format!("{path}/confirm"), &paid), 200);
    browser.until("document.querySelector('.way [aria-current]')?.textContent === 'Being prepared'");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
