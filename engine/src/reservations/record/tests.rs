use proptest::prelude::*;

use super::Reservation;
use super::change::{CHANGES_TOLD_MAX, Change, Stretch};
use super::state::{ReservationState, Verdict};
use crate::event::{
    Cancelled, CellAfter, Collected, Confirmed, Event, Expired, Extended, Few, LineChange, Readied, Record, Reserved,
    ReservedLine,
};
use crate::ids::{ChannelId, GroupId, LocationId, Seq, SkuId, Timestamp};
use crate::level::StockLevel;
use crate::reservation;
use crate::reservations::promise::{Move, Purpose};

const CELL: CellAfter = CellAfter {
    sku: SkuId(1),
    location: LocationId(2),
    level: StockLevel { on_hand: 0, reserved: 0 },
    safety_stock: 0,
};

fn record(seq: Seq, event: Event) -> Record {
    Record { seq, time: Timestamp(seq * 1000), cause: None, event }
}

fn hold(quantities: &[u32]) -> Reservation {
    Reservation::created_by(&held(quantities)).expect("a creating record")
}

fn held(quantities: &[u32]) -> Record {
    let line = |quantity: &u32| ReservedLine { requested: *quantity, quantity: *quantity, cell: CELL };
    let made = Reserved {
        channel: ChannelId(0),
        purpose: Purpose::Cart,
        confirmed: false,
        expires_at: Timestamp(100_000),
        customer: None,
        order: Some("first".into()),
        lines: quantities.iter().map(line).collect(),
        supersedes: None,
    };
    record(1, Event::Reservations(reservation::event::Event::Reserved(Box::new(made))))
}

fn units(lines: &[(u16, u32)]) -> Few<LineChange> {
    lines.iter().map(|(line, quantity)| LineChange { line: *line, quantity: *quantity, cell: CELL }).collect()
}

#[test]
fn a_hold_is_dead_at_its_deadline_not_a_moment_before() {
    let hold = hold(&[1]);
    assert_eq!(hold.state_at(Timestamp(99_999)).may_confirm(), Verdict::Go);
    assert_eq!(hold.state_at(Timestamp(100_000)).may_confirm(), Verdict::WrongState(ReservationState::Expired));
}

#[test]
fn what_cannot_happen_is_refused_with_the_state() {
    use ReservationState::{Cancelled, Collected, Confirmed, Expired, Held, Ready};
    use Verdict::{AlreadyThere, Go, WrongState};
    let at = |state| Reservation { state, ..hold(&[1]) };
    let now = Timestamp(0);
    // state, confirm, ready, collect, cancel, extend
    let table = [
        (Held, Go, WrongState(Held), WrongState(Held), Go, Go),
        (Confirmed, AlreadyThere, Go, Go, Go, WrongState(Confirmed)),
        (Ready, AlreadyThere, AlreadyThere, Go, Go, WrongState(Ready)),
        (Collected, AlreadyThere, AlreadyThere, AlreadyThere, WrongState(Collected), WrongState(Collected)),
        (
            Cancelled,
            WrongState(Cancelled),
            WrongState(Cancelled),
            WrongState(Cancelled),
            AlreadyThere,
            WrongState(Cancelled),
        ),
        (
            Expired,
            WrongState(Expired),
            WrongState(Expired),
            WrongState(Expired),
            WrongState(Expired),
            WrongState(Expired),
        ),
    ];
    for (state, confirm, ready, collect, cancel, extend) in table {
        let reservation = at(state);
        assert_eq!(reservation.state_at(now).may_confirm(), confirm, "confirm when {state:?}");
        assert_eq!(reservation.state_at(now).may_ready(), ready, "ready when {state:?}");
        assert_eq!(reservation.state_at(now).may_collect(), collect, "collect when {state:?}");
        assert_eq!(reservation.state_at(now).may_cancel(), cancel, "cancel when {state:?}");
        assert_eq!(reservation.state_at(now).may_extend(), extend, "extend when {state:?}");
    }
}

#[test]
fn a_short_pick_of_a_part_collected_order_ends_collected() {
    let mut order = hold(&[3]);
    let id = order.id;
    order.apply_record(&record(
        2,
        Event::Reservations(reservation::event::Event::Confirmed(Box::new(Confirmed {
            reservation: id,
            pickup_by: None,
            order: None,
        }))),
    ));
    order.apply_record(&record(
        3,
        Event::Reservations(reservation::event::Event::Collected(Box::new(Collected {
            reservation: id,
            code_shown: false,
            lines: units(&[(0, 2)]),
        }))),
    ));
    assert_eq!(order.state, ReservationState::Confirmed);
    order.apply_record(&record(
        4,
        Event::Reservations(reservation::event::Event::Cancelled(Box::new(Cancelled {
            reservation: id,
            whole: false,
            reason: None,
            lines: units(&[(0, 1)]),
        }))),
    ));
    assert_eq!(order.state, ReservationState::Collected);
    assert_eq!((order.lines[0].quantity, order.lines[0].collected), (2, 2));
}

#[test]
fn sixty_thousand_extensions_are_one_entry() {
    let mut hold = hold(&[1]);
    let reservation = hold.id;
    for seq in 2..60_002 {
        hold.apply_record(&record(
            seq,
            Event::Reservations(reservation::event::Event::Extended(Extended {
                reservation,
                expires_at: Timestamp(seq),
            })),
        ));
    }
    assert_eq!(hold.changes.len(), 1);
    assert_eq!(hold.changes[0].stretch(), Stretch { first: 2, last: 60_001, count: 60_000 });
    assert_eq!(hold.as_of(1).expires_at, Timestamp(100_000));
    assert!(hold.is_told_by_record(40_000) && !hold.is_told_by_record(60_001) && !hold.is_told_by_record(1));
    let middle = record(
        40_000,
        Event::Reservations(reservation::event::Event::Extended(Extended {
            reservation,
            expires_at: Timestamp(40_000),
        })),
    );
    let told = hold.as_of_record(&middle);
    assert_eq!((told.version, told.expires_at), (40_000, Timestamp(40_000)));
}

#[test]
fn what_the_engine_does_by_itself_lengthens_no_history_for_ever() {
    use crate::event::{LineTerms, Reallocated};
    let mut order = hold(&[4]);
    let reservation = order.id;
    order.lines[0].terms = Some(Box::new(LineTerms { group: Some(GroupId(1)), ..LineTerms::default() }));
    assert!(order.is_unallocated());
    let born = order.clone();
    for seq in 2..5_002 {
        let to = CellAfter { location: LocationId((seq % 3) as u32 + 2), ..CELL };
        let line = order.lines.iter().position(|line| line.outstanding() > 0).expect("units") as u16;
        let quantity = if seq % 7 == 0 { 1 } else { order.lines[usize::from(line)].outstanding() };
        let moves = vec![Move { line, quantity, from: CELL, to }];
        order.apply_record(&record(
            seq,
            Event::Reservations(reservation::event::Event::Reallocated(Box::new(Reallocated {
                reservation,
                moves,
                bound: Vec::new(),
            }))),
        ));
        assert_eq!(order.outstanding(), 4);
    }
    assert!(order.changes.len() <= CHANGES_TOLD_MAX, "{}", order.changes.len());
    assert!(order.lines.len() <= 5, "{}", order.lines.len());
    assert_eq!(order.as_of(1), born);
    let middle = order.changes[500].seq;
    assert_eq!(order.as_of(middle).version, middle);
    assert_eq!(order.as_of(middle).outstanding(), 4);
}

proptest! {
    #[test]
    fn every_earlier_version_can_be_told(steps in proptest::collection::vec((0..6u8, 0..3u16, 1..4u32), 0..20)) {
        let mut now = hold(&[5, 1, 9]);
        let mut records = vec![held(&[5, 1, 9])];
        let mut versions = vec![now.clone()];
        for (seq, (kind, line, quantity)) in (2..).zip(steps) {
            let reservation = now.id;
            let quantity = quantity.min(now.lines[usize::from(line)].outstanding());
            let lines = units(&[(line, quantity)]);
            let event = match kind {
                0 => Event::Reservations(reservation::event::Event::Confirmed(Box::new(Confirmed { reservation, pickup_by: Some(Timestamp(seq)), order: Some("o".into()) }))),
                1 => Event::Reservations(reservation::event::Event::Readied(Box::new(Readied { reservation, pickup_code: "X".into() }))),
                2 => Event::Reservations(reservation::event::Event::Collected(Box::new(Collected { reservation, code_shown: true, lines }))),
                3 => Event::Reservations(reservation::event::Event::Cancelled(Box::new(Cancelled { reservation, whole: false, reason: None, lines }))),
                4 => Event::Reservations(reservation::event::Event::Extended(Extended { reservation, expires_at: Timestamp(seq * 7) })),
                _ => Event::Reservations(reservation::event::Event::Expired(Box::new(Expired { reservation, lines }))),
            };
            // Only sequences that the lifecycle allows: a step may set what the next one depends on.
            let allowed = match kind {
                0 | 4 => now.state == ReservationState::Held,
                1 => now.state == ReservationState::Confirmed,
                2 => matches!(now.state, ReservationState::Confirmed | ReservationState::Ready),
                _ => now.state.is_open(),
            };
            if allowed {
                records.push(record(seq, event));
                now.apply_record(&records[records.len() - 1]);
                versions.push(now.clone());
            }
        }
        for version in versions {
            let its_record = records.iter().find(|record| record.seq == version.version);
            let told = match its_record.filter(|_| now.is_told_by_record(version.version)) {
                Some(record) => now.as_of_record(record),
                None => now.as_of(version.version),
            };
            // The number of extensions at that time is only in the history of that time.
            let plain = |of: &Reservation| Reservation { changes: Vec::new(), ..of.clone() };
            prop_assert_eq!(plain(&told), plain(&version));
            prop_assert_eq!(told.changes.len(), version.changes.len());
            // And the log yields each version from the records alone.
            let trail: Vec<_> = now.changes.iter().map(Change::stretch).collect();
            let read = |seq| Ok::<_, ()>(records.iter().find(|record| record.seq == seq).cloned());
            let told = Reservation::told_by(now.id, &trail, version.version, read).unwrap().unwrap();
            prop_assert_eq!(plain(&told), plain(&version));
            if version.version == now.version {
                prop_assert_eq!(&told, &now);
            }
        }
    }
}
