//! The promises of the engine, one fact a test: never oversold, whatever comes first, twice, or at once.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::common::{Shop, hold, level, name};
use anaquel_engine::catalogue::ChannelDetails;
use anaquel_engine::command::{Command, Failure, Outcome, Precondition, Put, PutWhat, Refusal, StepRequest};
use anaquel_engine::event::MovementKind;
use anaquel_engine::ids::Timestamp;
use anaquel_engine::level::Constraint;
use anaquel_engine::reservation::ReservationState;

#[test]
fn the_last_unit_is_sold_once() {
    let shop = Shop::open();
    shop.receive("A", "s1", 100);
    let (granted, refused) = (AtomicU32::new(0), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    match shop.try_reserve(hold(&[("A", "s1", 1)])) {
                        Ok(_) => granted.fetch_add(1, Ordering::Relaxed),
                        Err(Failure::Refused(Refusal::Insufficient(_))) => refused.fetch_add(1, Ordering::Relaxed),
                        Err(other) => panic!("{other}"),
                    };
                }
            });
        }
    });
    assert_eq!((granted.into_inner(), refused.into_inner()), (100, 300));
    assert_eq!(shop.level("A", "s1"), level(100, 100));
    shop.check_promises();
}

#[test]
fn the_last_unit_is_sold_and_not_lost_between_two_refusals() {
    // Each cart wants the last unit of A and a unit of B, which is sold out; a single line wants the unit of A. However
    // they interleave, the cart must fail, and must not cost the single line its unit.
    for _ in 0..200 {
        let shop = Shop::open();
        shop.receive("A", "s1", 1);
        shop.receive("B", "s1", 1);
        std::thread::scope(|scope| {
            // A till takes B at the same time, so the cart is admitted and refused later, or refused at once.
            scope.spawn(|| shop.sell("B", "s1", 1));
            let cart = scope.spawn(|| shop.try_reserve(hold(&[("A", "s1", 1), ("B", "s1", 1)])).is_ok());
            let single = scope.spawn(|| shop.try_reserve(hold(&[("A", "s1", 1)])).is_ok());
            let (cart, single) = (cart.join().unwrap(), single.join().unwrap());
            assert!(cart ^ single, "exactly one of them has the unit of A: cart {cart}, single {single}");
        });
        shop.check_promises();
    }
}

#[test]
fn demand_of_two_lines_on_one_cell_is_added_up() {
    let shop = Shop::open();
    shop.receive("A", "s1", 3);
    assert_eq!(shop.refusal(hold(&[("A", "s1", 2), ("A", "s1", 2)])), (Constraint::OnHand, 3));
    let both = shop.reserve(&[("A", "s1", 2), ("A", "s1", 1)]);
    assert_eq!(both.lines.iter().map(|line| line.quantity).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(shop.level("A", "s1"), level(3, 3));
}

#[test]
fn all_lines_or_none() {
    let shop = Shop::open();
    shop.receive("A", "s1", 5);
    shop.receive("B", "s1", 1);
    assert_eq!(shop.refusal(hold(&[("A", "s1", 1), ("B", "s1", 2)])), (Constraint::OnHand, 1));
    assert_eq!(shop.level("A", "s1"), level(5, 0));
    shop.check_promises();
}

#[test]
fn a_partial_reservation_takes_what_is_there() {
    let shop = Shop::open();
    shop.receive("A", "s1", 2);
    shop.receive("B", "s1", 0x10);
    let mut request = hold(&[("A", "s1", 3), ("A", "s1", 1), ("B", "s1", 1)]);
    request.allow_partial = true;
    let reservation = shop.try_reserve(request.clone()).unwrap();
    let granted: Vec<_> = reservation.lines.iter().map(|line| (line.requested, line.quantity)).collect();
    assert_eq!(granted, [(3, 2), (1, 0), (1, 1)]);
    request.lines.truncate(1);
    assert_eq!(shop.refusal(request), (Constraint::OnHand, 0));
    shop.check_promises();
}

#[test]
fn unknown_cells_are_named_as_such() {
    let shop = Shop::open();
    shop.receive("A", "s1", 1);
    shop.receive("B", "s2", 1);
    assert_eq!(shop.refusal(hold(&[("A", "s2", 1)])), (Constraint::UnknownCell, 0));
    assert_eq!(shop.refusal(hold(&[("nothing", "s2", 1)])), (Constraint::UnknownCell, 0));
}

#[test]
fn safety_stock_and_buffers_are_floors_of_the_same_decision() {
    let shop = Shop::open();
    shop.try_count_with("A", "s1", 10, None, Some(3)).unwrap();
    let put = Put {
        what: PutWhat::Channel(name("web"), ChannelDetails { buffer: 2 }.into()),
        precondition: Precondition::default(),
    };
    shop.engine.run(|engine, done| engine.submit(Command::from(put), None, done)).unwrap();
    assert_eq!(shop.refusal(hold(&[("A", "s1", 6)])), (Constraint::Buffer, 5));
    assert_eq!(shop.refusal(hold(&[("A", "s1", 8)])), (Constraint::SafetyStock, 5));
    let mut till = hold(&[("A", "s1", 7)]);
    till.channel = name("pos");
    shop.try_reserve(till).unwrap();
    assert_eq!(shop.refusal(hold(&[("A", "s1", 1)])), (Constraint::SafetyStock, 0));
}

#[test]
fn a_till_is_never_refused_and_the_shortage_is_told() {
    let shop = Shop::open();
    shop.receive("A", "s1", 3);
    let first = shop.reserve(&[("A", "s1", 2)]);
    let second = shop.reserve(&[("A", "s1", 1)]);
    assert_eq!(shop.sell("A", "s1", 2).cell.level, level(1, 3));
    let (_, shortages, _) = shop.engine.state().shortages_page(None, 10);
    assert_eq!((shortages.len(), shortages[0].missing), (1, 2));
    assert_eq!(shortages[0].at_risk, [(first.id, 1), (second.id, 1)], "the oldest promise keeps what is there");
    shop.receive("A", "s1", 5);
    assert_eq!(shop.engine.state().shortage_count(), 0);
    let told: Vec<_> =
        shop.engine.events(0, 100).unwrap().into_iter().map(|record| format!("{:?}", record.event)).collect();
    assert!(told.iter().any(|event| event.starts_with("Stock(ShortageGrew")));
    assert!(told.iter().any(|event| event.starts_with("Stock(ShortageCleared")));
}

#[test]
fn an_unknown_cell_is_created_by_a_sale_and_flagged() {
    let shop = Shop::open();
    let sold = shop.sell("never-heard-of", "s9", 2);
    assert!(sold.created);
    assert_eq!(sold.cell.level, level(-2, 0));
    assert_eq!(shop.engine.state().shortage_count(), 1);
}

#[test]
fn a_shopper_is_never_blocked_by_their_own_units() {
    let shop = Shop::open();
    shop.receive("A", "s1", 3);
    let old = shop.reserve(&[("A", "s1", 2)]);
    let mut request = hold(&[("A", "s1", 3)]);
    request.supersedes = [old.id].into();
    let new = shop.try_reserve(request.clone()).unwrap();
    assert_eq!(shop.level("A", "s1"), level(3, 3));
    let fenced = shop.confirm(old.id).unwrap_err();
    assert!(matches!(fenced, Failure::Refused(Refusal::WrongState(ReservationState::Cancelled))), "{fenced}");
    let refused = Refusal::NotReplaceable { at: 0, state: ReservationState::Cancelled };
    assert_eq!(shop.try_reserve(request).unwrap_err().to_string(), refused.to_string());
    let mut smaller = hold(&[("A", "s1", 1)]);
    smaller.supersedes = [new.id].into();
    shop.try_reserve(smaller).unwrap();
    assert_eq!(shop.level("A", "s1"), level(3, 1));
    shop.check_promises();
}

#[test]
fn a_superseding_hold_that_is_refused_leaves_the_old_one() {
    let shop = Shop::open();
    shop.receive("A", "s1", 3);
    let old = shop.reserve(&[("A", "s1", 2)]);
    let mut request = hold(&[("A", "s1", 4)]);
    request.supersedes = [old.id].into();
    assert_eq!(shop.refusal(request).1, 3, "one that is free and two of its own");
    assert_eq!(shop.confirm(old.id).unwrap().state, ReservationState::Confirmed);
    shop.check_promises();
}

#[test]
fn own_stock_never_refuses_own_order() {
    let shop = Shop::open();
    shop.receive("A", "s1", 1);
    let reservation = shop.reserve(&[("A", "s1", 1)]);
    shop.confirm(reservation.id).unwrap();
    let collected = shop.collect(reservation.id).unwrap();
    assert_eq!(collected.state, ReservationState::Collected);
    assert_eq!(shop.level("A", "s1"), level(0, 0));
    assert_eq!(shop.collect(reservation.id).unwrap().version, collected.version, "a repeat changes nothing");
    assert_eq!(shop.level("A", "s1"), level(0, 0));
    assert!(matches!(
        shop.cancel(reservation.id),
        Err(Failure::Refused(Refusal::WrongState(ReservationState::Collected)))
    ));
    shop.check_promises();
}

#[test]
fn confirm_and_expiry_cannot_both_win() {
    for round in 0..100 {
        let shop = Shop::open();
        shop.receive("A", "s1", 1);
        let mut request = hold(&[("A", "s1", 1)]);
        request.ttl_seconds = 1;
        let held = shop.try_reserve(request).unwrap();
        std::thread::scope(|scope| {
            let confirm = scope.spawn(|| shop.confirm(held.id));
            shop.clock.advance(if round % 2 == 0 { 1000 } else { 999 });
            shop.engine.wake();
            let confirmed = confirm.join().unwrap();
            shop.clock.advance(1000);
            match confirmed {
                Ok(record) => assert_eq!(record.state, ReservationState::Confirmed),
                Err(Failure::Refused(Refusal::WrongState(state))) => assert_eq!(state, ReservationState::Expired),
                Err(other) => panic!("{other}"),
            }
        });
        shop.wait_until("the hold is settled", || {
            let state = shop.engine.state().reservations.get(held.id).unwrap().state;
            state != ReservationState::Held
        });
        let state = shop.engine.state().reservations.get(held.id).unwrap().state;
        assert_eq!(shop.level("A", "s1").reserved, u32::from(state == ReservationState::Confirmed));
        shop.check_promises();
    }
}

#[test]
fn an_expired_hold_returns_to_available() {
    let shop = Shop::open();
    shop.receive("A", "s1", 1);
    let mut request = hold(&[("A", "s1", 1)]);
    request.ttl_seconds = 5;
    let held = shop.try_reserve(request.clone()).unwrap();
    shop.clock.advance(4_999);
    shop.engine.wake();
    assert_eq!(shop.refusal(request.clone()), (Constraint::Reserved, 0));
    shop.clock.advance(9);
    shop.wait_until("the unit is back", || shop.level("A", "s1") == level(1, 0));
    assert_eq!(shop.engine.state().reservations.get(held.id).unwrap().state, ReservationState::Expired);
    shop.try_reserve(request).unwrap();
}

#[test]
fn an_order_nobody_fetches_expires_at_its_pickup_by() {
    let shop = Shop::open();
    shop.receive("A", "s1", 2);
    let order = shop.reserve(&[("A", "s1", 2)]);
    let by = Timestamp(crate::common::START_MS + 10_000);
    shop.try_step(order.id, StepRequest::Confirm { pickup_by: Some(by), order: Some("W-1".into()) }).unwrap();
    let one = vec![shop.units("A", "s1", 1)];
    shop.try_step(order.id, StepRequest::Collect { lines: Some(one), pickup_code: None }).unwrap();
    shop.clock.advance(10_008);
    shop.wait_until("the order expired", || shop.level("A", "s1") == level(1, 0));
    let order = shop.engine.state().reservations.get(order.id).unwrap();
    assert_eq!((order.state, order.lines[0].quantity, order.lines[0].collected), (ReservationState::Expired, 1, 1));
}

#[test]
fn an_extension_is_capped() {
    let shop = Shop::open();
    shop.receive("A", "s1", 1);
    let held = shop.reserve(&[("A", "s1", 1)]);
    let cap = held.created_at.plus_seconds(shop.engine.settings().hold_seconds_max);
    shop.clock.advance(60_000);
    let extended = shop.try_step(held.id, StepRequest::Extend { ttl_seconds: 100 }).unwrap();
    assert_eq!(extended.expires_at, Timestamp(crate::common::START_MS + 160_000));
    let extended = shop.try_step(held.id, StepRequest::Extend { ttl_seconds: 2_678_400 }).unwrap();
    assert_eq!(extended.expires_at, cap);
}

#[test]
fn an_old_deadline_does_not_kill_an_extended_hold() {
    let shop = Shop::open();
    shop.receive("A", "s1", 1);
    let held = shop.reserve(&[("A", "s1", 1)]);
    shop.try_step(held.id, StepRequest::Extend { ttl_seconds: 2000 }).unwrap();
    shop.clock.advance(900_010);
    shop.sell("B", "s1", 1);
    assert_eq!(shop.engine.state().reservations.get(held.id).unwrap().state, ReservationState::Held);
}

#[test]
fn a_code_that_is_wrong_is_refused_and_none_is_the_staffs_judgement() {
    let shop = Shop::open();
    shop.receive("A", "s1", 2);
    let collect = |id, code: Option<&str>| {
        shop.try_step(id, StepRequest::Collect { lines: None, pickup_code: code.map(str::to_owned) })
    };
    let ready = |entropy| {
        let order = shop.reserve(&[("A", "s1", 1)]);
        shop.confirm(order.id).unwrap();
        shop.try_step(order.id, StepRequest::Ready { entropy }).unwrap()
    };
    let (one, two) = (ready(77), ready(77));
    assert_ne!(one.pickup_code, two.pickup_code, "no two open orders have one code");
    assert!(matches!(collect(one.id, Some("ZZZZZZ")), Err(Failure::Refused(Refusal::WrongPickupCode))));
    let code = one.pickup_code.as_deref().unwrap().to_lowercase();
    assert_eq!(collect(one.id, Some(&code)).unwrap().state, ReservationState::Collected);
    assert_eq!(collect(two.id, None).unwrap().state, ReservationState::Collected);
}

#[test]
fn more_units_than_are_left_are_refused() {
    let shop = Shop::open();
    shop.receive("A", "s1", 2);
    let order = shop.reserve(&[("A", "s1", 2)]);
    shop.confirm(order.id).unwrap();
    let three = Some(vec![shop.units("A", "s1", 3)]);
    let refused = shop.try_step(order.id, StepRequest::Collect { lines: three, pickup_code: None }).unwrap_err();
    assert!(matches!(refused, Failure::Refused(Refusal::TooManyUnits { left: 2, .. })), "{refused}");
    assert_eq!(shop.level("A", "s1"), level(2, 2));
    shop.check_promises();
}

#[test]
fn a_refused_batch_of_movements_changes_nothing() {
    let shop = Shop::open();
    shop.receive("A", "s1", 1_000_000_000);
    let rows = vec![
        shop.movement(MovementKind::Sale, "A", "s1", -5),
        shop.movement(MovementKind::Receipt, "B", "s1", 1),
        shop.movement(MovementKind::Receipt, "A", "s1", 1_000_000_000),
        shop.movement(MovementKind::Receipt, "A", "s1", 1_000_000_000),
    ];
    let refused = shop.try_move(rows).unwrap_err();
    assert!(matches!(&refused, Failure::Refused(Refusal::Invalid { field, .. }) if field == "movements[3].quantity"));
    assert_eq!(shop.level("A", "s1"), level(1_000_000_000, 0));
    shop.check_promises();
}

#[test]
fn too_many_writes_in_flight_are_refused_before_anything_is_taken() {
    let settings = anaquel_engine::settings::Settings { in_flight_max: 0, ..Default::default() };
    let shop = Shop::on(Default::default(), crate::common::ManualClock::at(crate::common::START_MS), settings);
    let refused = shop.try_move(vec![shop.movement(MovementKind::Receipt, "A", "s1", 1)]).unwrap_err();
    assert!(matches!(refused, Failure::Overloaded(_)));
    assert_eq!(shop.engine.in_flight(), 0);
}

#[test]
fn expiry_of_many_holds_is_oldest_first_and_leaves_room_for_others() {
    let shop = Shop::open();
    shop.receive("A", "s1", 20_000);
    for _ in 0..10_000 {
        shop.engine.reserve(
            hold(&[("A", "s1", 1)]),
            None,
            Box::new(|told: anaquel_engine::command::CommandResult| drop(told.unwrap())),
        );
    }
    shop.reserve(&[("A", "s1", 1)]);
    assert_eq!(shop.level("A", "s1").reserved, 10_001);
    shop.clock.advance(901_000);
    shop.sell("A", "s1", 1);
    shop.wait_until("all units are back", || shop.level("A", "s1") == level(19_999, 0));
    shop.check_promises();
    let expired = shop.engine.events(0, 100_000).unwrap();
    let order: Vec<_> = expired.iter().filter_map(|record| record.event.changed_reservation()).collect();
    assert!(order.is_sorted(), "oldest first");
}

#[test]
fn outcomes_of_movements_tell_the_cells_after() {
    let shop = Shop::open();
    let rows =
        vec![shop.movement(MovementKind::Receipt, "A", "s1", 5), shop.movement(MovementKind::Sale, "A", "s1", -2)];
    match shop.engine.run(|engine, done| engine.move_stock(rows, None, done)).unwrap() {
        Outcome::Moved { rows, .. } => {
            assert_eq!(rows.iter().map(|row| row.cell.level).collect::<Vec<_>>(), [level(5, 0), level(3, 0)]);
        }
        other => panic!("{other:?}"),
    }
}
