use super::*;
use crate::event::{Event, Record};
use crate::level::StockLevel;
use crate::reservation;
use crate::reservations::promise::{Expired, LineChange, Purpose, Reserved, ReservedLine};

fn made(id: u64, customer: &str, sku: u32, location: u32) -> Reservation {
    let cell = crate::kernel::cell_after::CellAfter {
        sku: SkuId(sku),
        location: LocationId(location),
        level: StockLevel { on_hand: 0, reserved: 0 },
        safety_stock: 0,
    };
    let made = Reserved {
        channel: ChannelId(0),
        purpose: Purpose::Cart,
        confirmed: false,
        expires_at: Timestamp(1),
        customer: Some(customer.into()),
        order: None,
        lines: [ReservedLine { requested: 1, quantity: 1, cell }].into_iter().collect(),
        supersedes: None,
    };
    let record = Record {
        seq: id,
        time: Timestamp(id),
        cause: None,
        event: Event::Reservations(reservation::event::Event::Reserved(Box::new(made))),
    };
    Reservation::created_by(&record).unwrap()
}

fn expire(store: &ReservationStore, id: u64, at: u64) {
    store.change(ReservationId(id), |reservation| {
        let (reservation_id, line) = (reservation.id, &reservation.lines[0]);
        let cell = crate::kernel::cell_after::CellAfter {
            sku: line.sku,
            location: line.location,
            level: StockLevel { on_hand: 0, reserved: 0 },
            safety_stock: 0,
        };
        let lines = [LineChange { line: 0, quantity: 1, cell }].into_iter().collect();
        let event = Event::Reservations(reservation::event::Event::Expired(Box::new(Expired {
            reservation: reservation_id,
            lines,
        })));
        reservation.apply_record(&Record { seq: at, time: Timestamp(at), cause: None, event });
    });
}

/// `count` closed reservations of one customer at one location, with the ids 1, 3, 5, …
fn closed(count: u64) -> ReservationStore {
    let store = ReservationStore::default();
    store.keep(Keeping { recent_bytes: 0, ..Keeping::default() });
    for id in (1..2 * count).step_by(2) {
        store.insert(made(id, "guest", 1, 2));
        expire(&store, id, id + 1);
        if id % 1024 == 1 {
            store.leave_to_log();
        }
    }
    store.leave_to_log();
    store
}

#[test]
fn forgetting_does_not_grow_with_what_one_customer_has() {
    let moved = |store: &ReservationStore| {
        let before = store.entries();
        super::super::ordered::MOVED.set(0);
        for _ in 0..2_000 {
            assert!(store.forget_one(Timestamp(u64::MAX), Timestamp(u64::MAX)));
        }
        assert_eq!(store.entries(), before - 2_000);
        super::super::ordered::MOVED.get()
    };
    let (few, many) = (closed(4_000), closed(300_000));
    assert_eq!(many.entries(), 300_000);
    let (few, many) = (moved(&few), moved(&many));
    // A linear cost would move 75 times as much for 75 times as many.
    assert!(few > 0 && many < 2 * few, "{few} keys and pieces moved, then {many}");
}

#[test]
fn what_is_open_on_a_cell_is_found_among_any_number_that_is_closed() {
    let store = closed(20_000);
    for id in [50_000, 50_010] {
        store.insert(made(id, "guest", 1, 2));
    }
    store.insert(made(50_005, "guest", 7, 2));
    let mut found = Vec::new();
    store.open_on(SkuId(1), LocationId(2), |reservation| {
        found.push(reservation.id.0);
        true
    });
    assert_eq!(found, [50_010, 50_000]);
    expire(&store, 50_010, 50_020);
    let mut visits = 0;
    store.open_on(SkuId(1), LocationId(2), |_| {
        visits += 1;
        true
    });
    assert_eq!(visits, 1);
}

#[test]
fn a_list_steps_over_what_its_filter_lacks() {
    let store = closed(20_000);
    for id in (50_000..50_050).step_by(10) {
        store.insert(made(id, if id == 50_020 { "other" } else { "guest" }, 1, 2));
    }
    let filter =
        |customer: Option<&str>, state| Filter { customer: customer.map(str::to_owned), state, ..Filter::default() };
    let walk = |filter: &Filter| store.walk(filter, ReservationId(u64::MAX), 100, 100_000);
    let held = walk(&filter(Some("guest"), Some(ReservationState::Held)));
    assert_eq!(held.ids.len(), 4);
    assert!(held.steps < 20, "{} steps", held.steps);
    let nothing = walk(&filter(Some("guest"), Some(ReservationState::Collected)));
    assert!(nothing.ids.is_empty() && nothing.next.is_none() && nothing.steps < 3);
    // The alternating ids of two filters are stepped through, and a page ends at the step limit.
    let bounded =
        store.walk(&filter(Some("guest"), Some(ReservationState::Expired)), ReservationId(u64::MAX), 100_000, 500);
    assert_eq!(bounded.steps, 500);
    assert!(bounded.next.is_some() && bounded.ids.len() >= 200);
}

#[test]
fn nothing_is_left_where_everything_is_forgotten() {
    let store = closed(3_000);
    store.insert(made(10_000, "guest", 1, 2));
    while store.forget_one(Timestamp(u64::MAX), Timestamp(u64::MAX)) {}
    assert_eq!((store.len(), store.open(), store.entries(), store.closed_bytes()), (1, 1, 0, 0));
    let walked = store.walk(&Filter::default(), ReservationId(u64::MAX), 10, 100);
    assert_eq!((walked.ids, walked.steps), (vec![ReservationId(10_000)], 2));
    assert_eq!(store.each().count(), 1);
}
