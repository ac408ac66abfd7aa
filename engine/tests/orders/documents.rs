//! Receipts and credit notes of orders, and carts that become orders and sales.

use anaquel_engine::carts::command::{Command as CartCommand, Hold, HoldTarget, LineFields as CartLineFields, Make};
use anaquel_engine::command::{Failure, Refusal};
use anaquel_engine::event::Purpose;
use anaquel_engine::orders::command::{Command as Ask, FromCart, StepFields};
use anaquel_engine::orders::{Flag, OrderState};
use anaquel_engine::receipts::ReceiptId;
use anaquel_engine::receipts::issuer::Scheme;

use super::*;
use crate::common::{audit, level};

fn id(text: &str) -> ReceiptId {
    ReceiptId::parse(text).unwrap()
}

#[test]
fn a_sale_is_one_record_with_its_receipt_and_a_refusal_uses_no_number() {
    let shop = shop();
    put_tax(&shop);
    put_series(&shop, Scheme::Verifactu);
    let before = shop.engine.state().view.seq();
    let mut asked = sale(&shop, "S-1", "s0", &[("A", 2), ("B", 1)]);
    asked.receipt = Some(receipt("R", 1));
    let sold = ask_for(&shop, Ask::Sell(Box::new(asked.clone())), Some(7)).unwrap();
    assert!(shop.engine.state().view.seq() <= before + 2, "the channel, and one record");
    assert_eq!(sold.receipts, [id("R:1")]);
    let issued = shop.engine.state().own.receipts.get(&id("R:1")).unwrap();
    assert_eq!((issued.issued.total, issued.issued.taxes[0].tax, issued.issued.seq), (1598, 277, sold.version));
    let mut poor = sale(&shop, "S-2", "s0", &[("A", 1)]);
    poor.payments.clear();
    poor.receipt = Some(receipt("R", 2));
    assert!(ask(&shop, Ask::Sell(Box::new(poor))).is_err());
    let shop = shop.restart();
    let mut next = sale(&shop, "S-3", "s0", &[("A", 1)]);
    next.receipt = Some(receipt("R", 3));
    assert_eq!(ask(&shop, Ask::Sell(Box::new(next))).unwrap().receipts, [id("R:2")]);
    assert_eq!(ask(&shop, Ask::Sell(Box::new(asked))).unwrap().receipts, [id("R:1")], "told twice, numbered once");
    audit(&shop.restart());
}

#[test]
fn what_is_cancelled_after_its_receipt_is_uncredited_until_a_credit_note() {
    let shop = shop();
    put_tax(&shop);
    put_series(&shop, Scheme::None);
    let mut asked = place(&shop, "W-1", vec![fulfilment(&shop, "a", Purpose::Pickup, "s0", 1, &[("A", 3)])]);
    asked.fulfilments[0].lines[0].terms.discount = 299;
    (asked.confirm, asked.payments, asked.receipt) = (true, card(598), Some(receipt("R", 1)));
    let order = placed(&shop, asked).unwrap();
    assert_eq!((order.receipts.clone(), order.uncredited()), (vec![id("R:1")], vec![]));
    let order = step(&shop, "W-1", cancel(Some(&[("1", 1)]))).unwrap();
    assert_eq!((order.uncredited(), order.refunds[0].amount), (vec![id("R:1")], 200));
    let credited = step(&shop, "W-1", StepFields::Receipt { fulfilment: None, receipt: receipt("C", 2) }).unwrap();
    assert_eq!((credited.receipts.len(), credited.uncredited()), (2, vec![]));
    let note = shop.engine.state().own.receipts.get(&id("C:1")).unwrap();
    assert_eq!((note.issued.total, note.issued.corrects.clone()), (-200, vec![id("R:1")]));
    let again = step(&shop, "W-1", StepFields::Receipt { fulfilment: None, receipt: receipt("C", 3) }).unwrap();
    assert_eq!(again.version, credited.version, "nothing is left, so none is issued");
    audit(&shop.restart());
}

#[test]
fn a_line_without_a_rate_gets_no_receipt_and_a_late_sale_says_so() {
    let shop = shop();
    put_series(&shop, Scheme::Verifactu);
    let mut asked = sale(&shop, "S-1", "s0", &[("A", 1)]);
    asked.receipt = Some(receipt("R", 1));
    let refused = ask(&shop, Ask::Sell(Box::new(asked.clone()))).unwrap_err();
    assert!(matches!(refused, Failure::Refused(Refusal::NoTaxRate { .. })), "{refused:?}");
    assert_eq!(shop.level("A", "s0"), level(10, 0));
    asked.teller.occurred_at = Some(at(&shop, 0));
    asked.pricing = None;
    shop.clock.advance(600_000);
    let late = ask(&shop, Ask::Sell(Box::new(asked))).unwrap();
    assert_eq!((late.flags.clone(), late.receipts.len()), (vec![Flag::ReceiptMissing], 0));
    audit(&shop.restart());
}

fn cart(shop: &Shop, id: &str, lines: &[(&str, u32)]) -> u64 {
    let row = |(sku, quantity): &(&str, u32)| CartLineFields { line: None, sku: name(sku), quantity: *quantity };
    let make = Make {
        name: name(id),
        digest: 1,
        token: 7,
        channel: name("app"),
        customer: Some(name("c-7")),
        location: None,
        currency: EUR,
        lines: lines.iter().map(row).collect(),
        codes: Vec::new(),
        ttl_seconds: 86_400,
    };
    shop.engine.run(|engine, done| engine.submit(CartCommand::Make(Box::new(make)), None, done)).unwrap();
    shop.engine.state().own.carts.named(id).unwrap().version
}

fn hold_cart(shop: &Shop, id: &str, location: &str) -> u64 {
    let hold = Hold {
        cart: name(id),
        channel: name("app"),
        purpose: Purpose::Cart,
        target: HoldTarget::Location(name(location)),
        ttl_seconds: 900,
        allow_partial: false,
        bounds: Vec::new(),
    };
    shop.engine.run(|engine, done| engine.submit(CartCommand::Hold(Box::new(hold)), None, done)).unwrap();
    shop.engine.state().own.carts.named(id).unwrap().version
}

#[test]
fn an_order_takes_over_what_its_cart_held() {
    let shop = shop();
    cart(&shop, "k-1", &[("A", 10)]);
    let version = hold_cart(&shop, "k-1", "s0");
    assert_eq!(shop.level("A", "s0"), level(10, 10));
    // All ten are the cart's own: only its order gets them.
    let fulfilments = || {
        vec![
            fulfilment(&shop, "a", Purpose::Pickup, "s0", 1, &[("A", 6)]),
            fulfilment(&shop, "b", Purpose::Delivery, "s0", 2, &[("A", 4)]),
        ]
    };
    assert!(placed(&shop, place(&shop, "W-0", fulfilments())).is_err());
    let mut asked = place(&shop, "W-1", fulfilments());
    asked.customer = None;
    asked.cart = Some(FromCart { name: name("k-1"), version: version - 1, is_named: true });
    let stale = placed(&shop, asked.clone()).unwrap_err();
    assert!(matches!(stale, Failure::Refused(Refusal::StaleVersion { .. })), "{stale:?}");
    asked.cart = Some(FromCart { name: name("k-1"), version, is_named: true });
    let order = placed(&shop, asked).unwrap();
    assert_eq!((order.begun_in.as_str(), order.channel.as_str()), ("app", "web"));
    assert_eq!(order.customer.as_deref(), Some("c-7"));
    assert_eq!(shop.level("A", "s0"), level(10, 10));
    let known = shop.engine.state().own.carts.named("k-1").unwrap();
    assert_eq!(known.order.as_ref().map(|order| order.as_str()), Some("W-1"));
    let mut twice = place(&shop, "W-2", fulfilments());
    twice.cart = Some(FromCart { name: name("k-1"), version: known.version, is_named: true });
    assert!(matches!(placed(&shop, twice), Err(Failure::Refused(Refusal::TakenBy { .. }))));
    audit(&shop.restart());
}

#[test]
fn a_sale_takes_from_the_holds_of_its_cart_and_gives_the_rest_back() {
    let shop = shop();
    cart(&shop, "k-1", &[("A", 10), ("B", 2)]);
    let version = hold_cart(&shop, "k-1", "s0");
    let mut asked = sale(&shop, "S-1", "s0", &[("A", 4)]);
    asked.cart = Some(FromCart { name: name("k-1"), version, is_named: false });
    let sold = ask(&shop, Ask::Sell(Box::new(asked))).unwrap();
    assert_eq!((sold.state, sold.begun_in.as_str()), (OrderState::Completed, "app"));
    assert_eq!((shop.level("A", "s0"), shop.level("B", "s0")), (level(6, 0), level(10, 0)));
    audit(&shop.restart());
}
