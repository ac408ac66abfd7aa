//! Counts are true at `counted_at`, in whatever order they and the movements around them arrive.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails shall say where")]

mod common;

use anaquel_engine::command::{Failure, Refusal};
use anaquel_engine::event::MovementKind;
use anaquel_engine::ids::Timestamp;
use common::{START_MS, Shop, level};

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
