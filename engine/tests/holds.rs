//! Several holds are replaced by one, in one step: a guest's and one's own.

use crate::common::{START_MS, Shop, audit, hold, hold_in_group, hold_to_come, keyed, level, name, rule};
use anaquel_engine::admission::ReserveRequest;
use anaquel_engine::command::{Failure, Refusal, RuleFields, SUPERSEDES_MAX, StepRequest};
use anaquel_engine::event::{Event, Purpose};
use anaquel_engine::ids::{ReservationId, Timestamp};
use anaquel_engine::level::Constraint;
use anaquel_engine::reservation;
use anaquel_engine::reservation::{Reservation, ReservationState};
use anaquel_engine::rules::{Amount, Effect};

const DAY: u64 = 86_400;

fn now(shop: &Shop, id: ReservationId) -> Reservation {
    (*shop.engine.state().reservations.get(id).unwrap()).clone()
}

fn replacing(mut request: ReserveRequest, holds: &[&Reservation]) -> ReserveRequest {
    request.supersedes = holds.iter().map(|hold| hold.id).collect();
    request
}

/// Units to come of the first line, and for when they are promised, in days.
fn waits(reservation: &Reservation) -> (u32, u64) {
    let wait = reservation.lines[0].wait.as_ref().unwrap();
    (wait.units, (wait.promised_for.0 - START_MS) / 1000 / DAY)
}

fn states(shop: &Shop, holds: &[&Reservation]) -> Vec<ReservationState> {
    holds.iter().map(|hold| now(shop, hold.id).state).collect()
}

#[test]
fn several_holds_are_replaced_in_one_record_and_nothing_is_free_in_between() {
    let shop = Shop::open();
    shop.receive("A", "s1", 3);
    shop.receive("B", "s1", 2);
    let guest = shop.reserve(&[("A", "s1", 1), ("B", "s1", 2)]);
    let own = shop.reserve(&[("A", "s1", 2)]);
    let before = shop.engine.state().view.seq();
    let request = replacing(hold(&[("A", "s1", 3), ("B", "s1", 1)]), &[&guest, &own]);
    let both = shop.try_reserve(request).unwrap();
    // One record, whose levels are those after all of it: a reader of the log never sees a unit of A free.
    let records = shop.engine.events(before, 100).unwrap();
    let [record] = records.as_slice() else { panic!("{records:#?}") };
    assert!(
        matches!(&record.event, Event::Reservations(reservation::event::Event::Replaced(replaced)) if replaced.others.len() == 1),
        "{record:?}"
    );
    record.event.for_each_cell(|cell| {
        let free = cell.level.free();
        let a = shop.engine.state().catalogue.skus.id("A").unwrap();
        assert_eq!(free, i64::from(cell.sku != a), "{cell:?}");
    });
    assert_eq!([shop.level("A", "s1"), shop.level("B", "s1")], [level(3, 3), level(2, 1)]);
    assert_eq!(
        states(&shop, &[&guest, &own, &both]),
        [ReservationState::Cancelled, ReservationState::Cancelled, ReservationState::Held]
    );
    for old in [&guest, &own] {
        let fenced = shop.confirm(old.id).unwrap_err();
        assert!(matches!(fenced, Failure::Refused(Refusal::WrongState(ReservationState::Cancelled))), "{fenced}");
        assert_eq!(now(&shop, old.id).as_of(old.version), **old, "what it was is still told");
    }
    audit(&shop);
    let shop = shop.restart();
    assert_eq!(now(&shop, both.id), *both);
    assert!(shop.confirm(guest.id).is_err(), "nor after a restart");
    assert_eq!(shop.confirm(both.id).unwrap().state, ReservationState::Confirmed);
    shop.check_promises();
    audit(&shop);
}

#[test]
fn a_refusal_leaves_each_of_them() {
    let shop = Shop::open();
    shop.receive("A", "s1", 6);
    let [guest, own, order] = [1, 1, 1].map(|units| shop.reserve(&[("A", "s1", units)]));
    shop.confirm(order.id).unwrap();
    let short = replacing(hold(&[("A", "s1", 6)]), &[&guest, &own]);
    assert_eq!(shop.refusal(short), (Constraint::Reserved, 5), "what is free, and both of its own");
    let refused = shop.try_reserve(replacing(hold(&[("A", "s1", 1)]), &[&guest, &order])).unwrap_err();
    assert!(matches!(refused, Failure::Refused(Refusal::NotReplaceable { at: 1, state: ReservationState::Confirmed })));
    let mut unknown = replacing(hold(&[("A", "s1", 1)]), &[&guest]);
    unknown.supersedes.push(ReservationId(u64::MAX));
    let refused = shop.try_reserve(unknown).unwrap_err();
    assert!(matches!(refused, Failure::Refused(Refusal::NothingToReplace { at: 1 })), "{refused}");
    let mut many = hold(&[("A", "s1", 1)]);
    many.supersedes = (1..=SUPERSEDES_MAX as u64 + 1).map(ReservationId).collect();
    let refused = shop.try_reserve(many).unwrap_err();
    assert!(matches!(&refused, Failure::Refused(Refusal::Invalid { field, .. }) if field == "supersedes"), "{refused}");
    assert_eq!(
        states(&shop, &[&guest, &own, &order]),
        [ReservationState::Held, ReservationState::Held, ReservationState::Confirmed]
    );
    assert_eq!(shop.level("A", "s1"), level(6, 3));
    shop.check_promises();
    audit(&shop);
}

#[test]
fn what_is_named_twice_is_replaced_once_and_what_expired_gives_nothing_back() {
    let shop = Shop::open();
    shop.receive("A", "s1", 3);
    let mut brief = hold(&[("A", "s1", 1)]);
    brief.ttl_seconds = 1;
    let brief = shop.try_reserve(brief).unwrap();
    let own = shop.reserve(&[("A", "s1", 1)]);
    shop.clock.advance(2_000);
    shop.wait_until("it expired", || now(&shop, brief.id).state == ReservationState::Expired);
    let both = shop.try_reserve(replacing(hold(&[("A", "s1", 2)]), &[&own, &brief, &own])).unwrap();
    assert_eq!(shop.level("A", "s1"), level(3, 2));
    assert_eq!(states(&shop, &[&own, &brief]), [ReservationState::Cancelled, ReservationState::Expired]);
    audit(&shop);
    // As many as may be.
    shop.receive("B", "s1", 16);
    let holds: Vec<_> = (0..SUPERSEDES_MAX).map(|_| shop.reserve(&[("B", "s1", 1)])).collect();
    let mut all = hold(&[("B", "s1", 16)]);
    all.supersedes = holds.iter().map(|hold| hold.id).collect();
    shop.try_reserve(all).unwrap();
    assert!(holds.iter().all(|hold| now(&shop, hold.id).state == ReservationState::Cancelled));
    assert_eq!(both.state, ReservationState::Held);
    shop.check_promises();
    audit(&shop);
}

#[test]
fn of_two_that_replace_the_same_hold_one_does() {
    let shop = Shop::open();
    shop.receive("A", "s1", 3);
    let [guest, one, other] = [1, 1, 1].map(|units| shop.reserve(&[("A", "s1", units)]));
    let ask = |own: &Reservation| shop.try_reserve(replacing(hold(&[("A", "s1", 2)]), &[own, &guest]));
    let done = shop.in_one_batch(vec![Box::new(|| ask(&one)), Box::new(|| ask(&other))]);
    assert!(done[0].is_ok());
    let lost = done[1].as_ref().unwrap_err();
    assert!(
        matches!(lost, Failure::Refused(Refusal::NotReplaceable { at: 1, state: ReservationState::Cancelled })),
        "{lost}"
    );
    assert_eq!(
        states(&shop, &[&guest, &one, &other]),
        [ReservationState::Cancelled, ReservationState::Cancelled, ReservationState::Held]
    );
    assert_eq!(shop.level("A", "s1"), level(3, 3));
    // Confirm of one, and a hold that replaces it, in one batch: whichever comes first.
    let both = done[0].as_ref().unwrap().clone();
    let confirm = || shop.confirm(other.id).map(|_| ());
    let replace = || shop.try_reserve(replacing(hold(&[("A", "s1", 3)]), &[&both, &other])).map(|_| ());
    let done = shop.in_one_batch(vec![Box::new(confirm), Box::new(replace)]);
    assert!(done[0].is_ok() && done[1].is_err(), "{done:?}");
    shop.check_promises();
    audit(&shop);
}

#[test]
fn a_repeat_is_told_the_first_answer_and_a_crash_leaves_all_or_nothing() {
    let shop = Shop::open();
    shop.receive("A", "s1", 3);
    let [guest, own] = [1, 2].map(|units| shop.reserve(&[("A", "s1", units)]));
    let request = replacing(hold(&[("A", "s1", 3)]), &[&guest, &own]);
    // The process dies before anything of it is there.
    let (disk, clock) = (shop.disk.clone(), shop.clock.clone());
    drop(shop);
    disk.crash(0);
    let shop = Shop::on(disk, clock, Default::default());
    assert_eq!(states(&shop, &[&guest, &own]), [ReservationState::Held, ReservationState::Held]);
    let both = shop.try_reserve_for(request.clone(), keyed(1)).unwrap();
    let (disk, clock) = (shop.disk.clone(), shop.clock.clone());
    drop(shop);
    disk.crash(0);
    let shop = Shop::on(disk, clock, Default::default());
    assert_eq!(
        states(&shop, &[&guest, &own, &both]),
        [ReservationState::Cancelled, ReservationState::Cancelled, ReservationState::Held]
    );
    assert_eq!(now(&shop, both.id), *both);
    // Without its key, a repeat is refused; its units are where they were.
    assert!(shop.try_reserve(request).is_err());
    assert_eq!(shop.level("A", "s1"), level(3, 3));
    shop.check_promises();
    audit(&shop);
}

#[test]
fn places_in_line_are_handed_on_together() {
    let shop = Shop::open();
    shop.supply("mon", "A", "s1", 2, DAY);
    shop.supply("fri", "A", "s1", 3, 5 * DAY);
    let guest = shop.try_reserve(hold_to_come(&[("A", "s1", 1)], 20 * DAY)).unwrap();
    let between = shop.try_reserve(hold_to_come(&[("A", "s1", 1)], 20 * DAY)).unwrap();
    let own = shop.try_reserve(hold_to_come(&[("A", "s1", 2)], 20 * DAY)).unwrap();
    let behind = shop.try_reserve(hold_to_come(&[("A", "s1", 1)], 20 * DAY)).unwrap();
    assert_eq!([&guest, &between, &own, &behind].map(|hold| waits(hold)), [(1, 1), (1, 1), (2, 5), (1, 5)]);
    let both = shop.try_reserve(replacing(hold_to_come(&[("A", "s1", 3)], 5 * DAY), &[&guest, &own])).unwrap();
    assert_eq!(waits(&both), (3, 5), "behind who was between, before who was behind, and not refused for its own");
    audit(&shop);
    shop.receive("A", "s1", 2);
    let shop = shop.restart();
    let left = [&both, &between, &behind].map(|hold| now(&shop, hold.id).waiting());
    assert_eq!(left, [2, 0, 1], "the one in between first, then a part of it");
    audit(&shop);
    // Fewer units need the first of the places alone.
    let [early, late] = [1, 1].map(|units| {
        shop.supply("po", "B", "s1", 9, 9 * DAY);
        shop.try_reserve(hold_to_come(&[("B", "s1", units)], 20 * DAY)).unwrap()
    });
    let one = shop.try_reserve(replacing(hold_to_come(&[("B", "s1", 1)], 20 * DAY), &[&late, &early])).unwrap();
    assert_eq!(one.lines[0].wait.as_ref().unwrap().turn, Some((early.id, 0)));
    audit(&shop);
}

#[test]
fn a_group_line_takes_over_the_places_of_both() {
    let shop = Shop::open();
    shop.supply("po-1", "A", "s1", 1, DAY);
    shop.supply("po-2", "A", "s2", 2, 2 * DAY);
    shop.put_group("g", &["s1", "s2"]);
    let to_come = |units| {
        let mut request = hold_in_group(&[("A", "g", units)]);
        request.lines[0].latest = Some(Timestamp(START_MS).plus_seconds(20 * DAY));
        request
    };
    let guest = shop.try_reserve(to_come(1)).unwrap();
    let own = shop.try_reserve(to_come(1)).unwrap();
    let other = shop.try_reserve(to_come(1)).unwrap();
    assert_eq!(shop.refusal(to_come(1)), (Constraint::Supply, 0));
    // One of both comes later than it was promised: who keeps a place is still told to be late.
    shop.supply("po-2", "A", "s2", 2, 3 * DAY);
    let both = shop.try_reserve(replacing(to_come(2), &[&guest, &own])).unwrap();
    let lines: Vec<_> = both.lines.iter().map(|line| (line.waiting(), line.wait.as_ref().unwrap().turn)).collect();
    assert_eq!(lines, [(1, Some((guest.id, 0))), (1, Some((own.id, 0)))]);
    shop.wait_until("it is told to be at risk", || {
        now(&shop, both.id).lines[1].wait.as_ref().is_some_and(|wait| wait.at_risk())
    });
    assert!(now(&shop, other.id).lines[0].wait.as_ref().unwrap().at_risk());
    let told = shop.engine.state().shortages_page(None, 10).1;
    assert_eq!(told.len(), 1, "{told:?}");
    audit(&shop);
}

#[test]
fn groups_quotas_and_days_count_each_of_them_no_more() {
    let shop = Shop::open();
    for place in ["s1", "s2"] {
        shop.receive("A", place, 2);
    }
    shop.declare(&["s1", "s2"]);
    shop.put_group("g", &["s1", "s2"]);
    let quota = Effect::Quota { share: Amount::Units(4), minimum: 0, spill_over: false };
    shop.put_rule("q", Some(RuleFields { channels: vec![name("web")], ..rule(quota) })).unwrap();
    let guest = shop.try_reserve(hold_in_group(&[("A", "g", 2)])).unwrap();
    let own = shop.try_reserve(hold_in_group(&[("A", "g", 2)])).unwrap();
    assert_eq!(shop.refusal(hold_in_group(&[("A", "g", 1)])).1, 0);
    let both = shop.try_reserve(replacing(hold_in_group(&[("A", "g", 4)]), &[&guest, &own])).unwrap();
    assert_eq!(both.lines.iter().map(|line| line.quantity).sum::<u32>(), 4);
    audit(&shop);
    // Asked of a place by name, what both had elsewhere goes back.
    let named = shop.try_reserve(replacing(hold(&[("A", "s1", 2)]), &[&both])).unwrap();
    assert_eq!([shop.level("A", "s1"), shop.level("A", "s2")], [level(2, 2), level(2, 0)]);
    shop.put_rule("q", None).unwrap();
    shop.put_rule("day", Some(rule(Effect::Capacity { orders_per_day: 2 }))).unwrap();
    let order = |place: &str| {
        let mut request = hold(&[("A", place, 1)]);
        request.purpose = Purpose::Pickup;
        request
    };
    shop.cancel(named.id).unwrap();
    shop.receive("A", "s1", 5);
    let [one, other] = [0, 1].map(|_| shop.try_reserve(order("s1")).unwrap());
    assert_eq!(shop.refusal(order("s1")), (Constraint::Capacity, 0));
    let mut merged = order("s1");
    merged.lines[0].quantity = 2;
    shop.try_reserve(replacing(merged, &[&one, &other])).unwrap();
    audit(&shop);
    let shop = shop.restart();
    shop.try_step(one.id, StepRequest::Confirm { pickup_by: None, order: None }).unwrap_err();
    let mut more = order("s1");
    more.lines[0].sku = name("B");
    shop.receive("B", "s1", 2);
    shop.try_reserve(more.clone()).unwrap();
    assert_eq!(shop.refusal(more), (Constraint::Capacity, 0), "two orders were one; one more was room for");
    audit(&shop);
}
