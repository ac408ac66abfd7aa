//! Carts: their lines, customers and merges; what they hold; what expires; repeats, races, restarts and checkpoints; and a
//! random life against a simple model.

mod expiry;
mod holds;
mod random;
mod repeats;
mod steps;

use std::collections::BTreeMap;
use std::sync::Arc;

use anaquel_engine::carts::command::{Command as Ask, Hold, HoldTarget, LineFields, Make, SetLines};
use anaquel_engine::carts::merge::MergeRule;
use anaquel_engine::carts::{Cart, CartAnswer, CartState};
use anaquel_engine::command::{Command, Failure, Outcome, Precondition, Refusal, Seen, Versions};
use anaquel_engine::event::{Purpose, Thing};
use anaquel_engine::ids::Seq;
use anaquel_engine::prices::list::Currency;

use crate::common::{Shop, keyed, name, share_of};

const EUR: Currency = Currency(*b"EUR");
const MXN: Currency = Currency(*b"MXN");
const DAY: u64 = 86_400_000;

/// A shop with three places, a group of the first two, and units of A, B and C.
fn shop() -> Shop {
    let shop = Shop::open();
    stocked(&shop);
    shop
}

fn stocked(shop: &Shop) {
    shop.declare(&["s0", "s1", "s2"]);
    shop.put_group("g", &["s0", "s1"]);
    for sku in ["A", "B", "C"] {
        shop.receive(sku, "s0", 10);
        shop.receive(sku, "s1", 3);
    }
}

/// The answer of a step, with the cart as it is.
fn told(shop: &Shop, outcome: Outcome) -> (CartAnswer, Arc<Cart>) {
    let Outcome::Put { thing: Some(thing), .. } = outcome else { panic!("a cart was expected, not {outcome:?}") };
    let Thing::Carts(told) = *thing else { panic!("a cart was expected, not {thing:?}") };
    let cart = shop.engine.state().own.carts.get(told.cart).unwrap();
    (*told, cart)
}

fn ask_for(shop: &Shop, command: Ask, key: Option<u128>) -> Result<(CartAnswer, Arc<Cart>), Failure> {
    let cause = key.and_then(keyed);
    let outcome = shop.engine.run(|engine, done| engine.submit(Command::from(command), cause, done))?;
    Ok(told(shop, outcome))
}

fn ask(shop: &Shop, command: Ask) -> Result<Arc<Cart>, Failure> {
    ask_for(shop, command, None).map(|(_, cart)| cart)
}

fn row(sku: &str, quantity: u32) -> LineFields {
    LineFields { line: None, sku: name(sku), quantity }
}

fn line(line: &str, sku: &str, quantity: u32) -> LineFields {
    LineFields { line: Some(name(line)), sku: name(sku), quantity }
}

fn new(id: &str, customer: Option<&str>, lines: Vec<LineFields>) -> Make {
    let digest = share_of(&format!("{customer:?} {lines:?}"));
    Make {
        name: name(id),
        digest,
        token: u128::from(share_of(id)) << 64 | 5,
        channel: name("web"),
        customer: customer.map(name),
        location: None,
        currency: EUR,
        lines,
        codes: Vec::new(),
        ttl_seconds: 30 * 86_400,
    }
}

fn make(shop: &Shop, id: &str, customer: Option<&str>, lines: Vec<LineFields>) -> Result<Arc<Cart>, Failure> {
    ask(shop, Ask::Make(Box::new(new(id, customer, lines))))
}

fn made(shop: &Shop, id: &str, customer: Option<&str>, lines: Vec<LineFields>) -> Arc<Cart> {
    make(shop, id, customer, lines).unwrap()
}

fn lines_to(id: &str, lines: Vec<LineFields>, version: Option<Seq>) -> Ask {
    let if_match = version.map(|seq| Versions::OneOf(vec![Seen { seq, groups: None }]));
    let precondition = Precondition { if_match, if_none_match: None };
    Ask::SetLines(Box::new(SetLines { cart: name(id), channel: name("app"), lines, precondition }))
}

fn set(shop: &Shop, id: &str, lines: Vec<LineFields>) -> Result<Arc<Cart>, Failure> {
    ask(shop, lines_to(id, lines, None))
}

fn customer_to(id: &str, customer: &str, rule: MergeRule) -> Ask {
    Ask::SetCustomer { cart: name(id), customer: name(customer), rule }
}

fn close(shop: &Shop, id: &str) -> Result<Arc<Cart>, Failure> {
    ask(shop, Ask::Close { cart: name(id) })
}

fn hold_at(id: &str, location: &str, seconds: u32) -> Hold {
    Hold {
        cart: name(id),
        channel: name("web"),
        purpose: Purpose::Cart,
        target: HoldTarget::Location(name(location)),
        ttl_seconds: seconds,
        allow_partial: false,
        bounds: Vec::new(),
    }
}

fn hold(shop: &Shop, id: &str, location: &str) -> Result<Arc<Cart>, Failure> {
    ask(shop, Ask::Hold(Box::new(hold_at(id, location, 900))))
}

fn named(shop: &Shop, id: &str) -> Arc<Cart> {
    shop.engine.state().own.carts.named(id).unwrap()
}

/// The lines of a cart: id, SKU and units.
fn lines(shop: &Shop, cart: &Cart) -> Vec<(String, String, u32)> {
    let skus = &shop.engine.state().catalogue.skus;
    let told = |line: &anaquel_engine::carts::line::CartLine| {
        (line.line.to_string(), skus.name(line.sku).to_string(), line.quantity)
    };
    cart.lines.iter().map(told).collect()
}

/// The units of a cart by SKU.
fn units(shop: &Shop, cart: &Cart) -> BTreeMap<String, u32> {
    lines(shop, cart).into_iter().map(|(_, sku, units)| (sku, units)).collect()
}

/// The field that a refusal names.
#[track_caller]
fn invalid(failure: Failure) -> String {
    match failure {
        Failure::Refused(Refusal::Invalid { field, .. }) => field,
        other => panic!("a refusal of a field was expected, not {other:?}"),
    }
}

/// The state that a refusal names, and the other record, if it names one.
#[track_caller]
fn in_state(failure: Failure) -> (&'static str, Option<String>) {
    match failure {
        Failure::Refused(Refusal::InState { state, .. }) => (state, None),
        Failure::Refused(Refusal::TakenBy { state, other, .. }) => (state, Some(other.to_string())),
        other => panic!("a refusal for its state was expected, not {other:?}"),
    }
}

fn states(shop: &Shop, ids: &[&str]) -> Vec<CartState> {
    ids.iter().map(|id| named(shop, id).state).collect()
}
