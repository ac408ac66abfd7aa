//! What carts hold: promised, replaced, given back, and never free in between.

use anaquel_engine::carts::CartState;
use anaquel_engine::carts::merge::MergeRule;
use anaquel_engine::command::{Failure, Refusal, StepRequest};
use anaquel_engine::ids::ReservationId;
use anaquel_engine::reservation::ReservationState;

use super::*;
use crate::common::{audit, level};

fn held(cart: &Cart) -> ReservationId {
    let [hold] = cart.holds() else { panic!("one hold was expected: {:?}", cart.hold) };
    *hold
}

fn state_of(shop: &Shop, id: ReservationId) -> ReservationState {
    let state = shop.engine.state();
    state.reservations.get(id).map_or(ReservationState::Expired, |held| held.state)
}

#[test]
fn a_hold_promises_the_lines_and_replaces_the_one_before_in_one_record() {
    let shop = shop();
    made(&shop, "k", Some("c"), vec![row("A", 8), row("B", 1)]);
    let cart = hold(&shop, "k", "s0").unwrap();
    let first = held(&cart);
    assert_eq!(first.0, cart.version, "its id is that of the record");
    assert_eq!((shop.level("A", "s0"), shop.level("B", "s0")), (level(10, 8), level(10, 1)));
    let reservation = shop.engine.state().reservations.get(first).unwrap();
    assert_eq!(reservation.customer.as_deref(), Some("c"));
    assert_eq!(reservation.parent.as_deref().unwrap().name, name("k"));
    // More than is free beside it, and no more than there is: what it held counts for it.
    set(&shop, "k", vec![row("A", 10), row("B", 0)]).unwrap();
    assert_eq!(shop.level("A", "s0"), level(10, 8), "lines promise nothing by themselves");
    let cart = hold(&shop, "k", "s0").unwrap();
    assert_ne!(held(&cart), first);
    assert_eq!((shop.level("A", "s0"), shop.level("B", "s0")), (level(10, 10), level(10, 0)));
    assert_eq!(shop.engine.state().reservations.get(first).map(|old| old.state.is_open()), Some(false));
    // At another place.
    set(&shop, "k", vec![row("A", 3)]).unwrap();
    hold(&shop, "k", "s1").unwrap();
    assert_eq!((shop.level("A", "s0"), shop.level("A", "s1")), (level(10, 0), level(3, 3)));
    // Too many: what it holds stays.
    set(&shop, "k", vec![row("A", 11)]).unwrap();
    let kept = named(&shop, "k");
    let Failure::Refused(Refusal::Insufficient(shorts)) = hold(&shop, "k", "s0").unwrap_err() else { panic!() };
    assert_eq!((shorts[0].requested, shorts[0].available), (11, 10));
    assert_eq!((named(&shop, "k"), shop.level("A", "s1")), (kept, level(3, 3)));
    let mut some = hold_at("k", "s0", 900);
    some.allow_partial = true;
    ask(&shop, Ask::Hold(Box::new(some))).unwrap();
    assert_eq!((shop.level("A", "s0"), shop.level("A", "s1")), (level(10, 10), level(3, 0)));
    close(&shop, "k").unwrap();
    assert_eq!(shop.level("A", "s0"), level(10, 0));
    shop.check_promises();
    audit(&shop);
}

#[test]
fn a_group_is_held_wherever_its_units_are() {
    let shop = shop();
    made(&shop, "k", None, vec![row("A", 12), line("2", "B", 2), line("3", "B", 3)]);
    let mut asked = hold_at("k", "s0", 900);
    asked.target = HoldTarget::Group(name("g"));
    let cart = ask(&shop, Ask::Hold(Box::new(asked.clone()))).unwrap();
    assert_eq!(shop.level("A", "s0").reserved + shop.level("A", "s1").reserved, 12);
    assert_eq!(shop.level("B", "s0").reserved + shop.level("B", "s1").reserved, 5);
    // All of the group is this cart's, so it can hold it again.
    set(&shop, "k", vec![row("A", 13)]).unwrap();
    let again = ask(&shop, Ask::Hold(Box::new(asked.clone()))).unwrap();
    assert_ne!(held(&again), held(&cart));
    set(&shop, "k", vec![row("A", 14)]).unwrap();
    asked.allow_partial = true;
    ask(&shop, Ask::Hold(Box::new(asked))).unwrap();
    assert_eq!(shop.level("A", "s0").reserved + shop.level("A", "s1").reserved, 13);
    close(&shop, "k").unwrap();
    assert_eq!(shop.level("A", "s0").reserved + shop.level("A", "s1").reserved, 0);
    shop.check_promises();
    audit(&shop);
}

#[test]
fn the_hold_of_a_cart_takes_only_the_steps_of_the_cart() {
    let shop = shop();
    made(&shop, "k", Some("c"), vec![row("A", 2)]);
    let id = held(&hold(&shop, "k", "s0").unwrap());
    let steps = [
        StepRequest::Confirm { pickup_by: None, order: None },
        StepRequest::Cancel { lines: None, reason: None },
        StepRequest::Extend { ttl_seconds: 60 },
    ];
    for step in steps {
        let told = format!("{step:?}");
        let failure = shop.try_step(id, step).unwrap_err();
        let Failure::Refused(Refusal::PartOf { parent, .. }) = failure else { panic!("{told}: {failure}") };
        assert_eq!(parent.name, name("k"), "{told}");
    }
    let mut other = crate::common::hold(&[("A", "s0", 1)]);
    other.supersedes.push(id);
    assert!(matches!(shop.try_reserve(other), Err(Failure::Refused(Refusal::PartOf { .. }))));
    assert_eq!(state_of(&shop, id), ReservationState::Held);
}

#[test]
fn a_hold_that_expires_leaves_the_cart_open_and_free_to_hold_again() {
    let shop = shop();
    made(&shop, "k", Some("c"), vec![row("A", 10)]);
    let id = held(&hold(&shop, "k", "s0").unwrap());
    shop.clock.advance(901_000);
    shop.wait_until("the hold expired", || shop.level("A", "s0") == level(10, 0));
    assert_eq!((state_of(&shop, id), named(&shop, "k").state), (ReservationState::Expired, CartState::Open));
    let again = hold(&shop, "k", "s0").unwrap();
    assert_eq!((shop.level("A", "s0"), held(&again) == id), (level(10, 10), false));
    shop.clock.advance(901_000);
    shop.wait_until("the hold expired", || shop.level("A", "s0") == level(10, 0));
    close(&shop, "k").unwrap();
    audit(&shop);
}

#[test]
fn a_merge_gives_back_what_this_cart_held_and_keeps_theirs() {
    let shop = shop();
    made(&shop, "t", Some("c"), vec![row("A", 4)]);
    let theirs = held(&hold(&shop, "t", "s0").unwrap());
    made(&shop, "m", None, vec![row("A", 5), row("B", 6)]);
    let mine = held(&hold(&shop, "m", "s0").unwrap());
    assert_eq!(shop.level("A", "s0"), level(10, 9));
    let cart = ask(&shop, customer_to("m", "c", MergeRule::Sum)).unwrap();
    assert_eq!((held(&cart), units(&shop, &cart)["A"]), (theirs, 9));
    assert_eq!((state_of(&shop, theirs), shop.level("A", "s0")), (ReservationState::Held, level(10, 4)));
    assert_eq!(shop.engine.state().reservations.get(mine).map(|old| old.state.is_open()), Some(false));
    assert_eq!(shop.level("B", "s0"), level(10, 0));
    shop.check_promises();
    audit(&shop);
}
