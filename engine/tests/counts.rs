//! Counts are true at `counted_at`, in whatever order they and the movements around them arrive.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails shall say where")]

mod common;

use anaquel_engine::command::{AsOf, Command, Count, Failure, Loaded, NameRef, Outcome, Refusal, Rows};
use anaquel_engine::event::{Event, MovementKind};
use anaquel_engine::ids::Timestamp;
use anaquel_engine::stock;
use common::{START_MS, Shop, audit, level, name};
use proptest::prelude::*;

const HOUR: u64 = 3_600_000;

#[test]
fn movements_after_a_late_count_stay_in_force() {
    let shop = Shop::open();
    shop.count("A", "s1", 10);
    shop.clock.advance(2 * HOUR);
    shop.sell("A", "s1", 3);
    shop.clock.advance(HOUR);
    // The shelf was counted an hour after the opening count, before the sale.
    let counted = shop.try_count("A", "s1", 9, Some(START_MS + HOUR)).unwrap();
    assert_eq!((counted.expected, counted.counted), (10, 9));
    assert_eq!(counted.cell.level, level(6, 0));
}

#[test]
fn a_movement_that_the_count_knew_of_counts_once() {
    let shop = Shop::open();
    shop.clock.advance(HOUR);
    shop.count("A", "s1", 7);
    let late = shop.sell_at("A", "s1", 3, START_MS + HOUR / 2);
    assert!(late.absorbed);
    assert_eq!(late.cell.level, level(7, 0));
    shop.clock.advance(HOUR);
    let after = shop.sell_at("A", "s1", 3, START_MS + HOUR + 1);
    assert!(!after.absorbed);
    assert_eq!(after.cell.level, level(4, 0));
    shop.check_promises();
}

#[test]
fn an_older_count_after_a_newer_one_changes_nothing() {
    let shop = Shop::open();
    shop.clock.advance(2 * HOUR);
    shop.count("A", "s1", 7);
    let old = shop.try_count("A", "s1", 100, Some(START_MS)).unwrap();
    assert!(old.outdated);
    assert_eq!(old.cell.level, level(7, 0));
}

#[test]
fn a_count_that_changes_nothing_still_moves_counted_at() {
    let shop = Shop::open();
    shop.count("A", "s1", 7);
    shop.clock.advance(HOUR);
    shop.count("A", "s1", 7);
    assert!(shop.sell_at("A", "s1", 1, START_MS + HOUR / 2).absorbed);
    let shop = shop.restart();
    assert!(shop.sell_at("A", "s1", 1, START_MS + HOUR / 2).absorbed, "also after a restart");
    assert_eq!(shop.level("A", "s1"), level(7, 0));
}

#[test]
fn a_sale_in_the_same_millisecond_as_a_count_is_not_swallowed() {
    let shop = Shop::open();
    shop.count("A", "s1", 7);
    assert_eq!(shop.sell("A", "s1", 2).cell.level, level(5, 0));
}

#[test]
fn handing_over_is_a_movement_for_counts() {
    let shop = Shop::open();
    shop.count("A", "s1", 5);
    let order = shop.reserve(&[("A", "s1", 2)]);
    shop.confirm(order.id).unwrap();
    shop.clock.advance(2 * HOUR);
    shop.collect(order.id).unwrap();
    shop.clock.advance(HOUR);
    // Counted between reservation and hand-over: the two units were still on the shelf.
    let counted = shop.try_count("A", "s1", 5, Some(START_MS + HOUR)).unwrap();
    assert_eq!(counted.cell.level, level(3, 0));
}

#[test]
fn the_nightly_snapshot_does_not_wipe_out_what_the_erp_has_not_heard_of() {
    // adjust, sync, adjust interleaved: the snapshot was taken before the web order was handed over, and is loaded after.
    let shop = Shop::open();
    shop.count("A", "s1", 10);
    shop.clock.advance(HOUR);
    let snapshot_at = START_MS + HOUR;
    shop.clock.advance(HOUR);
    shop.sell("A", "s1", 4);
    shop.try_count("A", "s1", 10, Some(snapshot_at)).unwrap();
    assert_eq!(shop.level("A", "s1"), level(6, 0));
    // Loading it twice changes nothing more.
    shop.try_count("A", "s1", 10, Some(snapshot_at)).unwrap();
    assert_eq!(shop.level("A", "s1"), level(6, 0));
}

#[test]
fn a_downward_count_below_what_is_promised_is_a_shortage() {
    let shop = Shop::open();
    shop.receive("A", "s1", 5);
    shop.reserve(&[("A", "s1", 4)]);
    shop.count("A", "s1", 1);
    assert_eq!(shop.level("A", "s1"), level(1, 4));
    assert_eq!(shop.engine.state().shortage_count(), 1);
    shop.check_promises();
}

#[test]
fn a_time_far_ahead_is_a_wrong_clock() {
    let shop = Shop::open();
    shop.receive("A", "s1", 5);
    let refused = shop.try_count("A", "s1", 1, Some(START_MS + HOUR)).unwrap_err();
    assert!(matches!(refused, Failure::Refused(Refusal::Invalid { field, .. }) if field == "counts[0].counted_at"));
    // A few seconds are a clock that is a little fast: taken for now, so that what comes next still counts.
    shop.try_count("A", "s1", 4, Some(START_MS + 5_000)).unwrap();
    shop.clock.advance(1);
    assert_eq!(shop.sell_at("A", "s1", 1, START_MS + 1).cell.level, level(3, 0));
}

/// A count and tills whose clocks are ahead, in one batch and in the same millisecond: what is logged after the count is
/// not in it.
#[test]
fn a_count_of_the_future_swallows_no_sale() {
    for (counted_ahead, sold_ahead) in [(0, 1), (300_000, 1), (300_000, 299_999), (1, 300_000), (5_000, 0)] {
        let shop = Shop::open();
        shop.receive("A", "s1", 50);
        shop.clock.advance(HOUR);
        let now = START_MS + HOUR;
        let counted = shop.try_count("A", "s1", 20, Some(now + counted_ahead)).unwrap();
        assert_eq!((counted.cell.level, counted.counted_at), (level(20, 0), Timestamp(now)), "{counted_ahead}");
        if sold_ahead > 0 {
            let sold = shop.sell_at("A", "s1", 3, now + sold_ahead);
            assert!(!sold.absorbed, "{counted_ahead} {sold_ahead}");
            assert_eq!(sold.cell.level, level(17, 0));
        }
        // What happened before the count is in it, in whatever order it comes.
        assert!(shop.sell_at("A", "s1", 2, now - 1).absorbed);
        shop.clock.advance(1);
        let later = shop.sell_at("A", "s1", 1, now + 1);
        assert!(!later.absorbed, "what happens after it stays in force");
        shop.check_promises();
        common::audit(&shop);
    }
}

/// The clock of a till is nothing that a sale is refused for; a receipt of next year is a mistake.
#[test]
fn a_till_sells_whatever_its_clock_says() {
    let shop = Shop::open();
    shop.receive("A", "s1", 5);
    let year = 365 * 24 * HOUR;
    let sold = shop.sell_at("A", "s1", 1, START_MS + year);
    assert_eq!((sold.cell.level, sold.occurred_at < Timestamp(START_MS + HOUR)), (level(4, 0), true));
    let mut receipt = shop.movement(MovementKind::Receipt, "A", "s1", 1);
    receipt.occurred_at = Some(Timestamp(START_MS + year));
    let refused = shop.try_move(vec![receipt]).unwrap_err();
    assert!(matches!(refused, Failure::Refused(Refusal::Invalid { field, .. }) if field == "movements[0].occurred_at"));
}

/// However low a cell is, a till sells, and the log has the sale; corrections stop long before.
#[test]
fn a_till_is_not_refused_at_the_floor_of_a_cell() {
    let shop = Shop::open();
    let units = 1_000_000_000;
    shop.sell("A", "s1", units);
    for kind in [MovementKind::Adjustment, MovementKind::Damage] {
        let refused = shop.try_move(vec![shop.movement(kind, "A", "s1", -1)]).unwrap_err();
        assert!(
            matches!(&refused, Failure::Refused(Refusal::Invalid { field, reason })
            if field == "movements[0].quantity" && reason.contains("-1000000000")),
            "{refused:?}"
        );
    }
    shop.sell("A", "s1", units - 1);
    assert!(!shop.sell("A", "s1", 1).absorbed);
    assert_eq!(shop.level("A", "s1").on_hand, -2_000_000_000);
    for quantity in [1, 7, units] {
        let sold = shop.sell("A", "s1", quantity);
        assert!(sold.absorbed && sold.change == -quantity);
        assert_eq!(sold.cell.level, level(-2_000_000_000, 0));
    }
    // What comes in counts, what is corrected upwards, too; and a count says what is there.
    shop.try_move(vec![shop.movement(MovementKind::Adjustment, "A", "s1", 5)]).unwrap();
    assert_eq!(shop.level("A", "s1").on_hand, -1_999_999_995);
    shop.check_promises();
    let shop = shop.restart();
    shop.count("A", "s1", 3);
    assert_eq!(shop.level("A", "s1"), level(3, 0));
    // At the other end, what comes in is refused, and says where the end is.
    for _ in 0..2 {
        shop.receive("B", "s1", units);
    }
    for kind in [MovementKind::Receipt, MovementKind::Return, MovementKind::Adjustment] {
        let refused = shop.try_move(vec![shop.movement(kind, "B", "s1", 1)]).unwrap_err();
        assert!(matches!(&refused, Failure::Refused(Refusal::Invalid { reason, .. }) if reason.contains("2000000000")));
    }
    shop.check_promises();
    common::audit(&shop);
}

proptest! {
    /// Counts and sales that carry times before and after now, in any order: in the end there is what the last count
    /// found, less what happened after it; what is told of the future happened when it was told.
    #[test]
    fn whatever_clocks_say_each_sale_counts_once(
        steps in prop::collection::vec((any::<bool>(), -400i64..301, 0u64..3), 1..24),
    ) {
        let shop = Shop::open();
        shop.count("A", "s1", 1000);
        shop.clock.advance(HOUR);
        let mut now = START_MS + HOUR;
        // What was sold, and when it happened as far as anybody can know; in the order in which it was told.
        let mut sold: Vec<(u64, u64)> = Vec::new();
        let mut count: (u64, usize, i64) = (START_MS, 0, 1000);
        for (is_count, seconds, wait) in steps {
            shop.clock.advance(wait);
            now += wait;
            let told = now.saturating_add_signed(seconds * 1000);
            let is_ahead = told > now;
            if is_count {
                let on_hand = 500;
                let counted = shop.try_count("A", "s1", on_hand, Some(told)).unwrap();
                if !counted.outdated {
                    let at = if is_ahead { now.max(count.0) } else { told };
                    count = (at, if is_ahead { sold.len() } else { 0 }, on_hand.into());
                }
            } else {
                shop.sell_at("A", "s1", 1, told);
                // After every count that was told before it, even in the same millisecond.
                sold.push((if is_ahead { now.max(count.0 + 1) } else { told }, 1));
            }
        }
        let (at, known, found) = count;
        let after: u64 = sold.iter().skip(known).filter(|(time, _)| *time > at).map(|(_, units)| units).sum();
        prop_assert_eq!(i64::from(shop.level("A", "s1").on_hand), found - after as i64);
    }
}

#[test]
fn any_order_of_arrival_leads_to_the_same_stock() {
    // A count of 20 at hour 3; sales at hours 1, 2, 4 and 5. True in the end: 20 less the two later sales.
    #[derive(Clone, Copy)]
    enum Arrival {
        Count,
        Sale(u64),
    }
    let all = [Arrival::Count, Arrival::Sale(1), Arrival::Sale(2), Arrival::Sale(4), Arrival::Sale(5)];
    for first in 0..5 {
        for second in 0..5 {
            let mut arrivals = all;
            arrivals.swap(0, first);
            arrivals.swap(1, second);
            let shop = Shop::open();
            shop.count("A", "s1", 50);
            shop.clock.advance(6 * HOUR);
            for arrival in arrivals {
                match arrival {
                    Arrival::Count => {
                        assert!(!shop.try_count("A", "s1", 20, Some(START_MS + 3 * HOUR)).unwrap().outdated)
                    }
                    Arrival::Sale(hour) => drop(shop.sell_at("A", "s1", 1, START_MS + hour * HOUR)),
                }
            }
            assert_eq!(shop.level("A", "s1"), level(18, 0), "{first} {second}");
        }
    }
}

/// The case that vendors' own manuals warn of: an adjustment, a full sync that knew of it, and another adjustment after
/// the sync was taken arrive in any order.
#[test]
fn adjust_sync_adjust_in_any_order_of_arrival_leads_to_the_same_stock() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let shop = Shop::open();
        shop.clock.advance(10_000);
        shop.try_count("A", "s0", 10, Some(START_MS)).unwrap();
        for step in order {
            let adjust = |change: i64, ms: u64| {
                let mut movement = shop.movement(MovementKind::Adjustment, "A", "s0", change);
                movement.occurred_at = Some(Timestamp(START_MS + ms));
                shop.try_move(vec![movement]).unwrap();
            };
            match step {
                0 => adjust(5, 1000),
                1 => drop(shop.try_count("A", "s0", 15, Some(START_MS + 2000)).unwrap()),
                _ => adjust(-3, 3000),
            }
        }
        assert_eq!(shop.level("A", "s0").on_hand, 12, "in the order {order:?}");
    }
}

/// Loads rows of a stock file.
fn load(shop: &Shop, counts: Vec<Count>) -> Loaded {
    let rows = Rows::Stock { counts, create: true };
    let command = Command::load(rows, false);
    match shop.engine.run(|engine, done| engine.submit(command, None, done)).unwrap() {
        Outcome::Loaded(loaded) => loaded,
        other => panic!("what became of rows was expected, not {other:?}"),
    }
}

fn row(sku: &str, location: &str, on_hand: i32) -> Count {
    Count {
        line: 2,
        sku: NameRef::New(name(sku)),
        location: NameRef::New(name(location)),
        on_hand,
        counted_at: None,
        safety_stock: None,
        as_of: None,
    }
}

/// What an export of the cell says now.
fn exported(shop: &Shop, sku: &str, location: &str) -> Count {
    let state = shop.engine.state();
    let place = (state.catalogue.skus.id(sku).unwrap(), state.catalogue.locations.id(location).unwrap());
    let (seq, (cell, time)) = state.view.read(|| (state.matrix.get(place.0, place.1).unwrap(), state.last_time()));
    let counted_at = Some(cell.counted_at()).filter(|at| *at != Timestamp(0));
    Count {
        counted_at,
        safety_stock: Some(cell.safety_stock()),
        as_of: Some(AsOf { time, seq: Some(seq), counted_at }),
        ..row(sku, location, cell.durable().on_hand)
    }
}

fn outcome(loaded: &Loaded) -> (u64, u64, usize) {
    (loaded.accepted, loaded.unchanged, loaded.errors.len())
}

fn kinds_after(shop: &Shop, seq: u64) -> Vec<Event> {
    let records = shop.engine.events(seq, usize::MAX).unwrap();
    records.into_iter().map(|record| record.event).collect()
}

#[test]
fn the_own_books_change_nothing_whatever_was_sold_since() {
    let shop = Shop::open();
    shop.count("A", "s1", 10);
    shop.clock.advance(HOUR);
    shop.sell("A", "s1", 4);
    let books = exported(&shop, "A", "s1");
    let seq = shop.engine.state().view.seq();
    for _ in 0..2 {
        assert_eq!(outcome(&load(&shop, vec![books.clone()])), (0, 1, 0));
        assert_eq!(shop.level("A", "s1"), level(6, 0));
    }
    assert_eq!(shop.engine.state().view.seq(), seq, "nothing is logged");
    // A sale after the export, and one from before it that is told late: both stay in force.
    shop.clock.advance(HOUR);
    shop.sell("A", "s1", 1);
    shop.sell_at("A", "s1", 2, START_MS + HOUR / 2);
    let order = shop.reserve(&[("A", "s1", 1)]);
    shop.confirm(order.id).unwrap();
    shop.collect(order.id).unwrap();
    assert_eq!(outcome(&load(&shop, vec![books.clone()])), (0, 1, 0));
    assert_eq!(shop.level("A", "s1"), level(2, 0));
    // Somebody corrects the file: by so much, whatever was sold since. Twice is once.
    let corrected = Count { on_hand: 7, ..books.clone() };
    assert_eq!(outcome(&load(&shop, vec![corrected.clone()])), (1, 0, 0));
    assert_eq!(shop.level("A", "s1"), level(3, 0));
    assert_eq!(outcome(&load(&shop, vec![corrected])), (0, 1, 0));
    assert_eq!(outcome(&load(&shop, vec![books])), (0, 1, 0), "older than the correction");
    assert_eq!(shop.level("A", "s1"), level(3, 0));
    let shop = shop.restart();
    assert_eq!(shop.level("A", "s1"), level(3, 0));
    shop.check_promises();
}

#[test]
fn the_own_books_give_no_count_to_what_nobody_counted() {
    let shop = Shop::open();
    shop.receive("A", "s1", 5);
    shop.sell("A", "s1", 7);
    let books = exported(&shop, "A", "s1");
    assert_eq!((books.on_hand, books.counted_at), (-2, None));
    assert_eq!(outcome(&load(&shop, vec![books.clone()])), (0, 1, 0));
    let late = shop.sell_at("A", "s1", 1, START_MS - HOUR);
    assert!(!late.absorbed, "nobody counted");
    // In another directory, it is the stock to begin with.
    let other = Shop::open();
    let foreign = Count { as_of: books.as_of.map(|as_of| AsOf { seq: None, ..as_of }), ..books };
    assert_eq!(outcome(&load(&other, vec![foreign.clone()])), (1, 0, 0));
    assert_eq!(other.level("A", "s1"), level(-2, 0));
    assert_eq!(exported(&other, "A", "s1").counted_at, None);
    assert!(!other.sell_at("A", "s1", 1, START_MS - HOUR).absorbed);
    assert_eq!(
        outcome(&load(&other, vec![foreign])),
        (1, 0, 0),
        "what the other directory says is there at that moment"
    );
    assert_eq!(other.level("A", "s1"), level(-2, 0));
}

#[test]
fn a_count_corrected_for_the_same_moment_is_not_undone_by_the_books_of_before() {
    let shop = Shop::open();
    shop.clock.advance(HOUR);
    shop.try_count("A", "s1", 10, Some(START_MS)).unwrap();
    let books = exported(&shop, "A", "s1");
    shop.try_count("A", "s1", 12, Some(START_MS)).unwrap();
    assert_eq!(outcome(&load(&shop, vec![books])), (0, 1, 0));
    assert_eq!(shop.level("A", "s1"), level(12, 0));
}

#[test]
fn a_count_no_newer_than_what_is_known_is_never_refused_for_what_is_forgotten() {
    let shop = Shop::open();
    shop.clock.advance(HOUR);
    shop.try_count("A", "s1", 2000, Some(START_MS)).unwrap();
    // More than are kept of a cell.
    for _ in 0..1030 {
        shop.clock.advance(1000);
        shop.sell("A", "s1", 1);
    }
    let seq = shop.engine.state().view.seq();
    let old = |on_hand, at| Count { counted_at: Some(Timestamp(at)), ..row("A", "s1", on_hand) };
    for same in [old(2000, START_MS), old(9, START_MS), old(9, START_MS - HOUR)] {
        assert_eq!(outcome(&load(&shop, vec![same.clone()])), (0, 1, 0), "{same:?}");
    }
    assert_eq!(shop.engine.state().view.seq(), seq, "nothing is logged");
    assert_eq!(shop.level("A", "s1"), level(970, 0));
    let told = shop.try_count("A", "s1", 2000, Some(START_MS)).unwrap();
    assert!(told.outdated, "and over the other call");
    // What is newer than the last count, and older than what is kept, cannot be worked out.
    let refused = load(&shop, vec![old(1999, START_MS + HOUR + 5000)]);
    assert_eq!(outcome(&refused), (0, 0, 1));
    assert!(refused.errors[0].reason.contains("is newer than the last count"), "{refused:?}");
    // What happened after that is kept: it is exact.
    assert_eq!(outcome(&load(&shop, vec![old(972, START_MS + HOUR + 1_029_500)])), (1, 0, 0));
    assert_eq!(shop.level("A", "s1"), level(971, 0));
}

#[test]
fn a_file_that_finds_what_is_known_costs_next_to_nothing_and_still_counts() {
    let shop = Shop::open();
    let all = || -> Vec<Count> {
        let places = (0..40).flat_map(|location| (0..100).map(move |sku| (sku, location)));
        places.map(|(sku, location)| row(&format!("K{sku}"), &format!("s{location}"), 3)).collect()
    };
    assert_eq!(outcome(&load(&shop, all())), (4000, 0, 0));
    shop.clock.advance(HOUR);
    let (seq, before) = (shop.engine.state().view.seq(), shop.disk.bytes().len());
    assert_eq!(outcome(&load(&shop, all())), (0, 4000, 0));
    let events = kinds_after(&shop, seq);
    assert!(
        matches!(&events[..], [Event::Stock(stock::event::Event::CountsConfirmed(confirmed))] if confirmed.cells.len() == 4000),
        "{events:?}"
    );
    let bytes = shop.disk.bytes().len() - before;
    assert!(bytes < 1000, "{bytes} bytes for 4,000 rows");
    // What happened before it is known to the count, also after a restart.
    assert!(shop.sell_at("K7", "s3", 1, START_MS + HOUR / 2).absorbed);
    let shop = shop.restart();
    assert!(shop.sell_at("K8", "s3", 1, START_MS + HOUR / 2).absorbed);
    assert!(!shop.sell_at("K8", "s3", 1, START_MS + HOUR + 1).absorbed);
    shop.check_promises();
    audit(&shop);
}

#[test]
fn a_shortage_is_told_when_it_begins_when_it_is_twice_as_large_and_when_it_ends() {
    let shop = Shop::open();
    shop.receive("A", "s1", 1);
    let seq = shop.engine.state().view.seq();
    for _ in 0..101 {
        shop.sell("A", "s1", 1);
    }
    let told = |events: &[Event]| {
        let missing = |event: &Event| match event {
            Event::Stock(stock::event::Event::ShortageGrew(cell)) => Some(cell.level.shortage()),
            Event::Stock(stock::event::Event::ShortageCleared(_)) => Some(0),
            _ => None,
        };
        events.iter().filter_map(missing).collect::<Vec<_>>()
    };
    let events = kinds_after(&shop, seq);
    assert_eq!(told(&events), [1, 2, 4, 8, 16, 32, 64]);
    let (_, shortages, _) = shop.engine.state().shortages_page(None, 10);
    assert_eq!(shortages[0].missing, 100, "what is told of the cell is exact");
    let shop = shop.restart();
    let seq = shop.engine.state().view.seq();
    shop.receive("A", "s1", 90);
    shop.sell("A", "s1", 50);
    shop.receive("A", "s1", 60);
    shop.sell("A", "s1", 1);
    assert_eq!(told(&kinds_after(&shop, seq)), [0, 1], "and what it goes back to is no news");
}
