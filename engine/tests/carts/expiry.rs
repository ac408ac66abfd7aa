//! Carts that expire by time, to make room, and that are forgotten.

use anaquel_engine::carts::CartState::{Closed, Expired, Open};
use anaquel_engine::command::{Failure, Refusal};
use anaquel_engine::journal::memory::MemoryDisk;
use anaquel_engine::settings::{CartSettings, Settings};

use super::*;
use crate::common::{ManualClock, START_MS, audit, level};

fn with(carts: CartSettings) -> Shop {
    let settings = Settings { carts, ..Settings::default() };
    let shop = Shop::on(MemoryDisk::default(), ManualClock::at(START_MS), settings);
    stocked(&shop);
    shop
}

#[test]
fn carts_expire_at_their_time_and_give_back_what_they_hold() {
    let shop = shop();
    made(&shop, "a", None, vec![row("A", 1)]);
    made(&shop, "b", Some("c"), vec![row("A", 1)]);
    let mut short = new("s", None, vec![row("A", 4)]);
    short.ttl_seconds = 60;
    ask(&shop, Ask::Make(Box::new(short))).unwrap();
    ask(&shop, Ask::Hold(Box::new(hold_at("s", "s0", 86_400)))).unwrap();
    assert_eq!(shop.level("A", "s0"), level(10, 4));
    shop.clock.advance(60_000);
    shop.wait_until("the short one expired", || named(&shop, "s").state == Expired);
    assert_eq!((shop.level("A", "s0"), states(&shop, &["a", "b"])), (level(10, 0), vec![Open, Open]));
    // A day at a time, because a clock that jumps further is not trusted at a start.
    shop.clock.advance(7 * DAY);
    shop.wait_until("the anonymous one expired", || named(&shop, "a").state == Expired);
    assert_eq!(named(&shop, "b").state, Open);
    assert_eq!(in_state(set(&shop, "a", vec![row("A", 2)]).unwrap_err()), ("expired", None));
    shop.clock.advance(30 * DAY);
    shop.wait_until("the other is forgotten or expired", || {
        shop.engine.state().own.carts.named("b").is_none_or(|cart| cart.state == Expired)
    });
    made(&shop, "d", Some("c"), Vec::new());
    shop.check_promises();
    audit(&shop);
}

#[test]
fn many_that_are_due_at_once_all_expire_in_bounded_records() {
    let shop = shop();
    for n in 0..1500 {
        let mut short = new(&format!("k{n}"), None, vec![row("A", 1)]);
        short.ttl_seconds = 60;
        ask(&shop, Ask::Make(Box::new(short))).unwrap();
    }
    assert_eq!(shop.engine.state().own.carts.open(), 1500);
    let before = shop.engine.state().view.seq();
    shop.clock.advance(61_000);
    shop.wait_until("all expired", || shop.engine.state().own.carts.open() == 0);
    assert_eq!(shop.engine.state().view.seq() - before, 1500_u64.div_ceil(128).max(12));
    audit(&shop);
}

#[test]
fn beyond_the_limit_the_one_longest_untouched_that_holds_nothing_expires() {
    let shop = with(CartSettings { open_max: 3, ..CartSettings::default() });
    for id in ["a", "b", "c"] {
        made(&shop, id, None, vec![row("A", 1)]);
    }
    hold(&shop, "b", "s0").unwrap();
    set(&shop, "a", vec![row("A", 2)]).unwrap();
    made(&shop, "d", None, vec![row("A", 1)]);
    assert_eq!(states(&shop, &["a", "b", "c", "d"]), [Open, Open, Expired, Open]);
    made(&shop, "e", Some("x"), Vec::new());
    assert_eq!(states(&shop, &["a", "b", "d", "e"]), [Expired, Open, Open, Open]);
    // A hold that expired protects no longer.
    shop.clock.advance(901_000);
    shop.wait_until("the hold expired", || shop.level("A", "s0") == level(10, 0));
    made(&shop, "f", None, vec![row("A", 1)]);
    assert_eq!(states(&shop, &["b", "d", "e", "f"]), [Expired, Open, Open, Open]);
    for id in ["d", "f"] {
        hold(&shop, id, "s0").unwrap();
    }
    set(&shop, "e", vec![row("A", 1)]).unwrap();
    hold(&shop, "e", "s0").unwrap();
    let full = make(&shop, "g", None, vec![row("A", 1)]).unwrap_err();
    let Failure::Refused(Refusal::Limited { limit, most, passes, .. }) = full else { panic!("{full}") };
    assert_eq!((limit.as_str(), most, passes), ("carts.open_max", 3, true));
    // Their open cart needs no room.
    assert_eq!(made(&shop, "h", Some("x"), vec![row("B", 1)]).name, name("e"));
    audit(&shop);
}

#[test]
fn several_in_one_batch_keep_to_the_limit() {
    let shop = with(CartSettings { open_max: 2, ..CartSettings::default() });
    shop.declare(&["s0"]);
    let cart = |id: &'static str| {
        let shop = &shop;
        Box::new(move || make(shop, id, None, vec![row("A", 1)]).map(|cart| cart.name.clone())) as Box<_>
    };
    let told = shop.in_one_batch::<Result<anaquel_engine::ids::Name, Failure>>(vec![
        cart("a"),
        cart("b"),
        cart("c"),
        cart("d"),
    ]);
    // Those of the batch itself are too new to make room.
    let done: Vec<_> = told.iter().map(Result::is_ok).collect();
    assert_eq!(done, [true, true, false, false]);
    assert_eq!(shop.engine.state().own.carts.open(), 2);
    made(&shop, "e", None, vec![row("A", 1)]);
    assert_eq!(states(&shop, &["a", "b", "e"]), [Expired, Open, Open]);
    audit(&shop);
}

#[test]
fn what_ended_is_forgotten_after_a_while_or_beyond_the_limit_and_its_name_is_free() {
    let shop = with(CartSettings { closed_seconds: 3600, closed_max: 2, ..CartSettings::default() });
    for id in ["a", "b", "c"] {
        made(&shop, id, Some("x"), vec![row("A", 1)]);
        close(&shop, id).unwrap();
        shop.clock.advance(1000);
    }
    let is_gone = |id: &str| shop.engine.state().own.carts.named(id).is_none();
    shop.wait_until("the oldest is beyond the limit", || is_gone("a"));
    assert_eq!(states(&shop, &["b", "c"]), [Closed, Closed]);
    assert!(shop.engine.state().own.carts.with_token(new("a", None, Vec::new()).token).is_none());
    assert_eq!(shop.engine.state().own.carts.of_customer(&name("x"), None, 10).len(), 2);
    let again = made(&shop, "a", Some("x"), vec![row("B", 2)]);
    assert_eq!(named(&shop, "a"), again);
    shop.clock.advance(3_600_001);
    shop.receive("A", "s0", 1);
    shop.wait_until("both are over", || is_gone("b") && is_gone("c"));
    assert_eq!(shop.engine.state().own.carts.count(), 1);
    // What is forgotten is in the log still, and a restart ends where it was.
    let (before, token) = (crate::common::hash(&shop.engine), again.token);
    let shop = shop.restart();
    assert_eq!(crate::common::hash(&shop.engine), before);
    assert_eq!(
        (named(&shop, "a").id, shop.engine.state().own.carts.with_token(token).unwrap().id),
        (again.id, again.id)
    );
    audit(&shop);
}
