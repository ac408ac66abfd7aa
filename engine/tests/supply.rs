//! What is to come: promised up to its quantity, for a date, filled in the order of the promises, and told when it fails.

use crate::common::{START_MS, Shop, audit, hold, hold_in_group, hold_to_come, keyed, name, rule};
use anaquel_engine::admission::MovementRequest;
use anaquel_engine::command::{Failure, Refusal, StepRequest};
use anaquel_engine::event::{Event, MovementKind, Purpose};
use anaquel_engine::ids::{ReservationId, Timestamp};
use anaquel_engine::level::{Constraint, StockLevel};
use anaquel_engine::reservation::{Reservation, ReservationState};
use anaquel_engine::rules::{Amount, Effect};
use anaquel_engine::supply;

const DAY: u64 = 86_400;

/// When something is, in seconds from the start.
fn seconds(at: Timestamp) -> u64 {
    (at.0 - START_MS) / 1000
}

fn now(shop: &Shop, id: ReservationId) -> Reservation {
    (*shop.engine.state().reservations.get(id).unwrap()).clone()
}

/// Units on hand and reserved.
fn level(shop: &Shop) -> (i32, u32) {
    let StockLevel { on_hand, reserved } = shop.level("A", "s1");
    (on_hand, reserved)
}

/// Units that are there, units to come, and for when those are promised.
fn line(reservation: &Reservation) -> (u32, u32, Option<u64>) {
    let line = &reservation.lines[0];
    (line.present(), line.waiting(), line.wait.as_ref().map(|wait| seconds(wait.promised_for)))
}

fn at_risk(shop: &Shop, id: ReservationId) -> bool {
    now(shop, id).lines.iter().any(|line| line.wait.as_ref().is_some_and(|wait| wait.at_risk()))
}

#[test]
fn supply_is_promised_up_to_its_quantity_and_for_its_date() {
    let shop = Shop::open();
    shop.receive("A", "s1", 2);
    shop.supply("po-1", "A", "s1", 3, DAY);
    shop.supply("po-2", "A", "s1", 5, 9 * DAY);
    let first = shop.try_reserve(hold_to_come(&[("A", "s1", 4)], 20 * DAY)).unwrap();
    assert_eq!(line(&first), (2, 2, Some(DAY)), "what is there, then what comes first");
    let second = shop.try_reserve(hold_to_come(&[("A", "s1", 3)], 20 * DAY)).unwrap();
    assert_eq!(line(&second), (0, 3, Some(9 * DAY)), "all of it is there with the second supply");
    assert_eq!(shop.refusal(hold_to_come(&[("A", "s1", 1)], 8 * DAY)), (Constraint::Supply, 0));
    assert_eq!(shop.refusal(hold_to_come(&[("A", "s1", 9)], 20 * DAY)), (Constraint::Supply, 3));
    assert_eq!(shop.refusal(hold(&[("A", "s1", 1)])), (Constraint::Reserved, 0), "who does not wait gets none of it");
    let mut partial = hold_to_come(&[("A", "s1", 9)], 20 * DAY);
    partial.allow_partial = true;
    assert_eq!(line(&shop.try_reserve(partial).unwrap()), (0, 3, Some(9 * DAY)));
    audit(&shop);
}

#[test]
fn a_receipt_uses_up_the_earliest_supply_and_fills_in_order() {
    let shop = Shop::open();
    shop.supply("late", "A", "s1", 5, 9 * DAY);
    shop.supply("early", "A", "s1", 3, DAY);
    let ids: Vec<_> = (0..4).map(|_| shop.try_reserve(hold_to_come(&[("A", "s1", 2)], 20 * DAY)).unwrap().id).collect();
    let before = shop.engine.state().view.seq();
    shop.receive("A", "s1", 5);
    let events = shop.engine.events(before, 10).unwrap();
    let Event::Supply(supply::event::Event::Received(received)) = &events[0].event else { panic!("{events:?}") };
    assert_eq!(events.len(), 1, "receipt and fills are one record");
    let used: Vec<_> = received.used.iter().map(|used| (used.name.as_str(), used.quantity, used.open)).collect();
    assert_eq!(used, [("early", 3, 0), ("late", 2, 3)]);
    let waiting: Vec<_> = ids.iter().map(|id| now(&shop, *id).waiting()).collect();
    assert_eq!(waiting, [0, 0, 1, 2]);
    assert_eq!(level(&shop), (5, 5));
    assert_eq!(shop.refusal(hold(&[("A", "s1", 1)])), (Constraint::Reserved, 0), "nobody slips in between");
    audit(&shop);
    let shop = shop.restart();
    assert_eq!(now(&shop, ids[2]).waiting(), 1);
    audit(&shop);
}

#[test]
fn a_receipt_that_was_not_planned_leaves_supply_alone() {
    let shop = Shop::open();
    shop.supply("po-1", "A", "s1", 3, DAY);
    let waits = shop.try_reserve(hold_to_come(&[("A", "s1", 3)], 20 * DAY)).unwrap();
    let mut found = shop.movement(MovementKind::Receipt, "A", "s1", 2);
    found.unplanned = true;
    shop.try_move(vec![found.clone()]).unwrap();
    assert_eq!((now(&shop, waits.id).waiting(), level(&shop)), (3, (2, 0)), "supply covers it");
    shop.reserve(&[("A", "s1", 2)]);
    // Once supply does not, what comes goes to whoever waits.
    shop.supply("po-1", "A", "s1", 1, DAY);
    assert!(at_risk(&shop, waits.id));
    found.change = 5;
    shop.try_move(vec![found]).unwrap();
    assert_eq!((now(&shop, waits.id).waiting(), level(&shop)), (1, (7, 4)));
    assert!(!at_risk(&shop, waits.id), "the rest is covered again");
    audit(&shop);
}

#[test]
fn a_receipt_covers_what_is_short_before_it_fills() {
    let shop = Shop::open();
    shop.receive("A", "s1", 1);
    shop.reserve(&[("A", "s1", 1)]);
    shop.sell("A", "s1", 1);
    shop.supply("po-1", "A", "s1", 3, DAY);
    let waits = shop.try_reserve(hold_to_come(&[("A", "s1", 3)], 20 * DAY)).unwrap();
    shop.receive("A", "s1", 3);
    assert_eq!((now(&shop, waits.id).waiting(), level(&shop)), (1, (3, 3)));
    assert!(at_risk(&shop, waits.id), "for the last unit nothing is to come any more");
    audit(&shop);
}

#[test]
fn late_or_short_supply_names_the_promises_at_risk_and_those_that_no_longer_are() {
    let shop = Shop::open();
    shop.supply("po-1", "A", "s1", 4, DAY);
    let first = shop.try_reserve(hold_to_come(&[("A", "s1", 2)], 20 * DAY)).unwrap().id;
    let second = shop.try_reserve(hold_to_come(&[("A", "s1", 2)], 20 * DAY)).unwrap().id;
    let risks = || [at_risk(&shop, first), at_risk(&shop, second)];
    shop.supply("po-1", "A", "s1", 3, DAY);
    assert_eq!(risks(), [false, true], "short: the last in line");
    shop.supply("po-1", "A", "s1", 4, DAY);
    assert_eq!(risks(), [false, false]);
    shop.supply("po-1", "A", "s1", 4, 2 * DAY);
    assert_eq!(risks(), [true, true], "late");
    let told = shop.engine.events(0, 100).unwrap();
    let Event::Supply(supply::event::Event::BackordersDated(rows)) = &told.last().unwrap().event else {
        panic!("{told:?}")
    };
    let told: Vec<_> = rows.iter().map(|row| (row.reservation, row.expected_at.map(seconds))).collect();
    assert_eq!(told, [(first, Some(2 * DAY)), (second, Some(2 * DAY))]);
    shop.cancel(first).unwrap();
    shop.supply("po-2", "A", "s1", 2, DAY);
    assert!(!at_risk(&shop, second), "another supply comes in time");
    audit(&shop);
}

#[test]
fn a_date_that_passes_is_told_without_anybody_asking() {
    let shop = Shop::open();
    shop.supply("po-1", "A", "s1", 4, 60);
    let mut request = hold_to_come(&[("A", "s1", 2)], 20 * DAY);
    request.confirm = true;
    let id = shop.try_reserve(request).unwrap().id;
    shop.clock.advance(60_000);
    shop.engine.wake();
    shop.clock.advance(1);
    shop.engine.wake();
    shop.wait_until("it is at risk", || at_risk(&shop, id));
    assert_eq!(shop.refusal(hold_to_come(&[("A", "s1", 1)], 20 * DAY)), (Constraint::Supply, 0), "overdue");
    audit(&shop);
    let shop = shop.restart();
    assert!(at_risk(&shop, id));
    shop.receive("A", "s1", 4);
    assert_eq!(line(&now(&shop, id)).0, 2);
    audit(&shop);
}

#[test]
fn what_is_to_come_can_be_given_back_and_not_handed_over() {
    let shop = Shop::open();
    shop.receive("A", "s1", 1);
    shop.supply("po-1", "A", "s1", 2, DAY);
    let id = shop.try_reserve(hold_to_come(&[("A", "s1", 3)], 20 * DAY)).unwrap().id;
    shop.confirm(id).unwrap();
    let refused = shop.collect(id).unwrap_err();
    assert!(matches!(refused, Failure::Refused(Refusal::Waiting(ReservationState::Confirmed, 2))), "{refused}");
    let ready = shop.try_step(id, StepRequest::Ready { entropy: 1 }).unwrap_err();
    assert!(matches!(ready, Failure::Refused(Refusal::Waiting(..))), "{ready}");
    let some = |quantity| Some(vec![shop.units("A", "s1", quantity)]);
    let two = shop.try_step(id, StepRequest::Collect { lines: some(2), pickup_code: None }).unwrap_err();
    assert!(matches!(two, Failure::Refused(Refusal::TooManyUnits { left: 1, .. })), "{two}");
    shop.try_step(id, StepRequest::Collect { lines: some(1), pickup_code: None }).unwrap();
    shop.try_step(id, StepRequest::Cancel { lines: some(1), reason: None }).unwrap();
    assert_eq!((now(&shop, id).waiting(), now(&shop, id).outstanding()), (1, 1));
    assert_eq!(level(&shop), (0, 0));
    shop.try_reserve(hold_to_come(&[("A", "s1", 1)], 20 * DAY)).unwrap();
    shop.receive("A", "s1", 2);
    assert_eq!(shop.collect(id).unwrap().state, ReservationState::Collected);
    audit(&shop);
}

#[test]
fn the_record_as_it_was_tells_what_was_to_come() {
    let shop = Shop::open();
    shop.supply("po-1", "A", "s1", 3, DAY);
    let first = shop.try_reserve_for(hold_to_come(&[("A", "s1", 3)], 20 * DAY), keyed(1)).unwrap();
    shop.supply("po-1", "A", "s1", 3, 2 * DAY);
    shop.receive("A", "s1", 2);
    shop.try_step(first.id, StepRequest::Cancel { lines: Some(vec![shop.units("A", "s1", 1)]), reason: None }).unwrap();
    let later = now(&shop, first.id);
    assert_eq!(line(&later), (2, 0, Some(DAY)));
    assert_eq!(later.as_of(first.version), *first);
    let restarted = shop.restart();
    assert_eq!(now(&restarted, first.id).as_of(first.version), *first, "also after a restart");
}

#[test]
fn a_hold_that_is_replaced_or_dies_gives_back_what_was_to_come() {
    let shop = Shop::open();
    shop.supply("po-1", "A", "s1", 2, DAY);
    let old = shop.try_reserve(hold_to_come(&[("A", "s1", 2)], 20 * DAY)).unwrap();
    let mut replaces = hold_to_come(&[("A", "s1", 2)], 20 * DAY);
    replaces.supersedes = [old.id].into();
    let new = shop.try_reserve(replaces).unwrap();
    assert_eq!(line(&new), (0, 2, Some(DAY)), "not blocked by its own");
    assert_eq!(shop.refusal(hold_to_come(&[("A", "s1", 1)], 20 * DAY)), (Constraint::Supply, 0));
    shop.clock.advance(901_000);
    shop.engine.wake();
    shop.wait_until("it is dead", || now(&shop, new.id).state == ReservationState::Expired);
    shop.try_reserve(hold_to_come(&[("A", "s1", 2)], 20 * DAY)).unwrap();
    audit(&shop);
}

#[test]
fn allowances_come_on_top_of_supply_from_their_own_date_on() {
    let shop = Shop::open();
    shop.receive("A", "s1", 1);
    shop.put_rule("back", Some(rule(Effect::Backorder { units: 2, lead_days: 5 }))).unwrap();
    let mut soon = rule(Effect::Preorder { units: 4, available_at: Timestamp(START_MS).plus_seconds(30 * DAY) });
    soon.skus = vec![name("NEW")];
    shop.put_rule("soon", Some(soon)).unwrap();
    assert_eq!(shop.refusal(hold_to_come(&[("A", "s1", 2)], 4 * DAY)), (Constraint::Supply, 1));
    let back = shop.try_reserve(hold_to_come(&[("A", "s1", 3)], 5 * DAY)).unwrap();
    assert_eq!(line(&back), (1, 2, Some(5 * DAY)));
    assert_eq!(shop.refusal(hold_to_come(&[("A", "s1", 1)], 99 * DAY)), (Constraint::Supply, 0));
    let pre = shop.try_reserve(hold_to_come(&[("NEW", "s1", 6)], 99 * DAY)).unwrap();
    assert_eq!(line(&pre), (0, 6, Some(30 * DAY)), "two after five days, the others when it comes out");
    // Whatever frees units fills those for whom nothing is known to come.
    shop.try_move(vec![shop.movement(MovementKind::Return, "A", "s1", 1)]).unwrap();
    assert_eq!(line(&now(&shop, back.id)), (2, 1, Some(5 * DAY)), "a return");
    shop.count("A", "s1", 9);
    assert_eq!((line(&now(&shop, back.id)).0, level(&shop)), (3, (9, 3)), "a count");
    audit(&shop);
}

#[test]
fn the_safety_stock_is_not_what_backorders_are_filled_with() {
    let shop = Shop::open();
    shop.receive("A", "s1", 3);
    shop.put_rule("keep", Some(rule(Effect::SafetyStock(Amount::Units(2))))).unwrap();
    shop.put_rule("back", Some(rule(Effect::Backorder { units: 5, lead_days: 5 }))).unwrap();
    let back = shop.try_reserve(hold_to_come(&[("A", "s1", 4)], 9 * DAY)).unwrap();
    assert_eq!(line(&back), (1, 3, Some(5 * DAY)));
    shop.try_move(vec![shop.movement(MovementKind::Return, "A", "s1", 1)]).unwrap();
    assert_eq!((line(&now(&shop, back.id)).0, level(&shop)), (2, (4, 2)));
    audit(&shop);
}

#[test]
fn a_group_takes_what_is_there_then_what_comes_first() {
    let shop = Shop::open();
    shop.receive("A", "s1", 1);
    shop.receive("A", "s2", 1);
    shop.put_group("g", &["s1", "s2"]);
    shop.supply("po-1", "A", "s1", 2, 9 * DAY);
    shop.supply("po-2", "A", "s2", 1, DAY);
    let mut request = hold_in_group(&[("A", "g", 4)]);
    request.lines[0].latest = Some(Timestamp(START_MS).plus_seconds(20 * DAY));
    let made = shop.try_reserve(request.clone()).unwrap();
    let of: Vec<_> =
        made.lines.iter().map(|line| (line.present(), line.waiting(), line.unallocated().is_some())).collect();
    assert_eq!(of, [(1, 0, true), (1, 0, true), (0, 1, false), (0, 1, false)]);
    let dates: Vec<_> = made.lines.iter().filter_map(|line| Some(seconds(line.wait.as_ref()?.promised_for))).collect();
    assert_eq!(dates, [DAY, 9 * DAY]);
    assert_eq!(shop.refusal(request), (Constraint::Supply, 1));
    shop.try_step(made.id, StepRequest::Bind { lines: None }).unwrap();
    audit(&shop);
}

#[test]
fn a_day_of_a_location_takes_on_so_many_orders() {
    let shop = Shop::open();
    shop.receive("A", "s1", 9);
    shop.receive("A", "s2", 9);
    shop.declare(&["s1", "s2"]);
    shop.put_group("g", &["s1", "s2"]);
    let mut limit = rule(Effect::Capacity { orders_per_day: 2 });
    limit.locations = vec![name("s1")];
    shop.put_rule("two-a-day", Some(limit)).unwrap();
    let order = || {
        let mut request = hold(&[("A", "s1", 1)]);
        request.purpose = Purpose::Delivery;
        request
    };
    let first = shop.try_reserve(order()).unwrap();
    shop.try_reserve(order()).unwrap();
    assert_eq!(shop.refusal(order()), (Constraint::Capacity, 0));
    shop.reserve(&[("A", "s1", 1)]);
    let mut replaces = order();
    replaces.supersedes = [first.id].into();
    let replaced = shop.try_reserve(replaces).unwrap();
    let mut anywhere = hold_in_group(&[("A", "g", 1)]);
    anywhere.purpose = Purpose::Pickup;
    let elsewhere = shop.try_reserve(anywhere).unwrap();
    assert_eq!(elsewhere.lines[0].location, shop.engine.state().catalogue.locations.id("s2").unwrap());
    audit(&shop);
    let shop = shop.restart();
    assert_eq!(shop.refusal(order()), (Constraint::Capacity, 0));
    shop.cancel(replaced.id).unwrap();
    shop.try_reserve(order()).unwrap();
    shop.clock.advance(DAY * 1000);
    shop.try_reserve(order()).unwrap();
    audit(&shop);
}

#[test]
fn supply_that_is_told_twice_is_there_once() {
    let shop = Shop::open();
    shop.supply("po-1", "A", "s1", 2, DAY);
    shop.supply("po-1", "A", "s1", 2, DAY);
    assert_eq!(shop.engine.events(0, 100).unwrap().len(), 5, "what is known changes nothing: names and one supply");
    assert_eq!(shop.refusal(hold_to_come(&[("A", "s1", 3)], 20 * DAY)), (Constraint::Supply, 2));
}

#[test]
fn two_at_once_wait_for_the_last_unit_and_one_gets_it() {
    let shop = Shop::open();
    shop.supply("po-1", "A", "s1", 1, DAY);
    let ask = || shop.try_reserve(hold_to_come(&[("A", "s1", 1)], 20 * DAY)).is_ok();
    let asked = shop.in_one_batch(vec![Box::new(ask), Box::new(ask)]);
    assert_eq!(asked, [true, false]);
    audit(&shop);
}

#[test]
fn what_was_logged_before_a_crash_waits_after_it_and_nothing_else() {
    let shop = Shop::open();
    shop.supply("po-1", "A", "s1", 2, DAY);
    let held = shop.try_reserve(hold_to_come(&[("A", "s1", 1)], 20 * DAY)).unwrap();
    let (disk, clock) = (shop.disk.clone(), shop.clock.clone());
    drop(shop);
    disk.crash(0);
    let shop = Shop::on(disk, clock, Default::default());
    assert_eq!(line(&now(&shop, held.id)), (0, 1, Some(DAY)));
    assert_eq!(shop.refusal(hold_to_come(&[("A", "s1", 2)], 20 * DAY)), (Constraint::Supply, 1));
    audit(&shop);
}

#[test]
fn a_hold_that_replaces_another_keeps_its_place_in_line() {
    let shop = Shop::open();
    shop.supply("mon", "A", "s1", 5, DAY);
    shop.supply("fri", "A", "s1", 5, 5 * DAY);
    let first = shop.try_reserve(hold_to_come(&[("A", "s1", 5)], 20 * DAY)).unwrap();
    let second = shop.try_reserve(hold_to_come(&[("A", "s1", 5)], 20 * DAY)).unwrap();
    let mut again = hold_to_come(&[("A", "s1", 4)], 2 * DAY);
    again.supersedes = [first.id].into();
    let again = shop.try_reserve(again).unwrap();
    assert_eq!(line(&again), (0, 4, Some(DAY)), "not behind the second, nor refused for its own units");
    let shop = shop.restart();
    shop.receive("A", "s1", 5);
    assert_eq!([now(&shop, again.id).waiting(), now(&shop, second.id).waiting()], [0, 4]);
    audit(&shop);
    let mut more = hold_to_come(&[("A", "s1", 7)], 20 * DAY);
    more.supersedes = [second.id].into();
    assert_eq!(shop.refusal(more), (Constraint::Supply, 6), "whoever asks for more goes to the end");
}

#[test]
fn a_risk_that_is_over_is_over_for_lists_too() {
    let shop = Shop::open();
    shop.supply("po-1", "A", "s1", 2, DAY);
    shop.try_reserve(hold_to_come(&[("A", "s1", 2)], 20 * DAY)).unwrap();
    shop.supply("po-1", "A", "s1", 2, 2 * DAY);
    assert_eq!(shop.engine.state().shortages_page(None, 1).1.len(), 1);
    shop.supply("po-1", "A", "s1", 2, DAY);
    assert!(shop.engine.state().shortages_page(None, 1).1.is_empty());
    audit(&shop);
}

#[test]
fn an_order_of_days_ago_that_is_given_back_changes_no_day() {
    let shop = Shop::open();
    shop.receive("A", "s1", 9);
    shop.declare(&["s1"]);
    shop.put_rule("day", Some(rule(Effect::Capacity { orders_per_day: 1 }))).unwrap();
    let order = || {
        let mut request = hold(&[("A", "s1", 1)]);
        (request.purpose, request.confirm) = (Purpose::Delivery, true);
        request
    };
    let old = shop.try_reserve(order()).unwrap();
    for _ in 0..4 {
        shop.clock.advance(DAY * 1000);
        shop.try_reserve(order()).unwrap();
    }
    shop.cancel(old.id).unwrap();
    audit(&shop);
}

#[test]
fn a_limit_that_was_lowered_is_not_overrun_by_a_replacement() {
    let shop = Shop::open();
    shop.receive("A", "s1", 9);
    shop.declare(&["s1"]);
    let order = || {
        let mut request = hold(&[("A", "s1", 1)]);
        request.purpose = Purpose::Pickup;
        request
    };
    shop.put_rule("day", Some(rule(Effect::Capacity { orders_per_day: 2 }))).unwrap();
    let first = shop.try_reserve(order()).unwrap();
    shop.try_reserve(order()).unwrap();
    shop.put_rule("day", Some(rule(Effect::Capacity { orders_per_day: 1 }))).unwrap();
    let mut replaces = order();
    replaces.supersedes = [first.id].into();
    assert_eq!(shop.refusal(replaces), (Constraint::Capacity, 0));
    audit(&shop);
}

#[test]
fn what_lies_free_goes_to_those_whom_supply_let_down() {
    let shop = Shop::open();
    shop.supply("po-1", "A", "s1", 5, DAY);
    let waits = shop.try_reserve(hold_to_come(&[("A", "s1", 5)], 20 * DAY)).unwrap();
    shop.try_move(vec![shop.movement(MovementKind::Return, "A", "s1", 3)]).unwrap();
    assert_eq!(level(&shop), (3, 0), "as long as it is to come, what is there is for others");
    shop.supply("po-1", "A", "s1", 0, DAY);
    assert_eq!((now(&shop, waits.id).waiting(), level(&shop)), (2, (3, 3)));
    // Nor does a date that passes leave free units lying.
    shop.supply("po-2", "B", "s1", 2, 60);
    let late = shop.try_reserve(hold_to_come(&[("B", "s1", 2)], 20 * DAY)).unwrap();
    shop.try_move(vec![shop.movement(MovementKind::Return, "B", "s1", 2)]).unwrap();
    shop.clock.advance(60_001);
    shop.engine.wake();
    shop.wait_until("it has what is there", || now(&shop, late.id).waiting() == 0);
    audit(&shop);
}

#[test]
fn a_customer_at_the_till_and_back_does_not_wear_down_the_safety_stock() {
    let shop = Shop::open();
    shop.put_rule("keep", Some(rule(Effect::SafetyStock(Amount::Units(5))))).unwrap();
    shop.put_rule("back", Some(rule(Effect::Backorder { units: 3, lead_days: 5 }))).unwrap();
    shop.receive("A", "s1", 5);
    let waits = shop.try_reserve(hold_to_come(&[("A", "s1", 3)], 9 * DAY)).unwrap();
    for _ in 0..3 {
        shop.sell("A", "s1", 1);
        shop.try_move(vec![shop.movement(MovementKind::Return, "A", "s1", 1)]).unwrap();
    }
    assert_eq!((now(&shop, waits.id).waiting(), level(&shop)), (3, (5, 0)));
}

#[test]
fn two_receipts_of_one_request_give_no_unit_twice() {
    let shop = Shop::open();
    shop.supply("po-1", "A", "s1", 5, DAY);
    shop.put_rule("back", Some(rule(Effect::Backorder { units: 5, lead_days: 5 }))).unwrap();
    let waits = shop.try_reserve(hold_to_come(&[("A", "s1", 10)], 20 * DAY)).unwrap();
    let mut found = shop.movement(MovementKind::Receipt, "A", "s1", 5);
    found.unplanned = true;
    let rows = shop.try_move(vec![found.clone(), found]).unwrap();
    assert_eq!(now(&shop, waits.id).waiting(), 5, "the others are covered by what is to come");
    assert_eq!(rows[0].cell.level, StockLevel { on_hand: 10, reserved: 5 });
    audit(&shop);
}

#[test]
fn whoever_does_not_wait_has_what_is_there() {
    let shop = Shop::open();
    shop.receive("A", "s1", 1);
    shop.supply("po-1", "A", "s1", 2, DAY);
    let mut both = hold_to_come(&[("A", "s1", 2), ("A", "s1", 1)], 20 * DAY);
    both.lines[1].latest = None;
    let made = shop.try_reserve(both).unwrap();
    let of: Vec<_> = made.lines.iter().map(|line| (line.present(), line.waiting())).collect();
    assert_eq!(of, [(0, 2), (1, 0)]);
    audit(&shop);
}

#[test]
fn more_fills_than_go_into_one_record_are_all_of_the_same_step() {
    let shop = Shop::open();
    shop.supply("po-1", "A", "s1", 12_000, DAY);
    let ask = || {
        let mut request = hold_to_come(&[("A", "s1", 1); 100], 20 * DAY);
        request.confirm = true;
        request
    };
    let ids: Vec<_> = (0..120).map(|_| shop.try_reserve(ask()).unwrap().id).collect();
    let before = shop.engine.state().view.seq();
    shop.receive("A", "s1", 12_000);
    assert!(ids.iter().all(|id| now(&shop, *id).waiting() == 0));
    let events = shop.engine.events(before, 10).unwrap();
    let filled: Vec<_> = events.iter().map(|record| record.event.fills().len()).collect();
    assert_eq!(filled, [10_000, 2_000]);
    audit(&shop);
}

#[test]
fn a_receipt_uses_up_the_supply_that_it_names() {
    let shop = Shop::open();
    shop.count("A", "s1", 0);
    shop.supply("P1", "A", "s1", 10, 100);
    shop.supply("P2", "A", "s1", 10, 200);
    shop.supply("P3", "A", "s1", 10, 300);
    let receipt = |reference: &str, units| MovementRequest {
        reference: Some(reference.into()),
        ..shop.movement(MovementKind::Receipt, "A", "s1", units)
    };
    let left = || {
        let (sku, at) = (
            shop.engine.state().catalogue.skus.id("A").unwrap(),
            shop.engine.state().catalogue.locations.id("s1").unwrap(),
        );
        let ledger = shop.engine.state().ledger();
        let supplies = ledger.outlook(sku, at).map(|outlook| outlook.supplies().to_vec()).unwrap_or_default();
        supplies.iter().map(|supply| (supply.name.to_string(), supply.open)).collect::<Vec<_>>()
    };
    let of = |rest: &[(&str, u32)]| rest.iter().map(|(name, open)| ((*name).to_owned(), *open)).collect::<Vec<_>>();
    shop.try_move(vec![receipt("P2", 10)]).unwrap();
    assert_eq!(left(), of(&[("P1", 10), ("P3", 10)]));
    // More of it than was told uses up nobody else's, in the same step and later.
    shop.try_move(vec![receipt("P3", 4), receipt("P2", 3)]).unwrap();
    assert_eq!(left(), of(&[("P1", 10), ("P3", 6)]));
    shop.try_move(vec![receipt("P3", 8)]).unwrap();
    assert_eq!(left(), of(&[("P1", 10)]));
    // A document that names no supply leaves it to the dates.
    shop.try_move(vec![receipt("DELIVERY-7", 3), receipt("P1", 2)]).unwrap();
    assert_eq!(left(), of(&[("P1", 5)]));
    audit(&shop);
    let shop = shop.restart();
    audit(&shop);
}
