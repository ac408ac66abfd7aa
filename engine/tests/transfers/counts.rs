//! A count at either end, before or after units left or came.

use anaquel_engine::ids::Timestamp;
use anaquel_engine::transfers::TransferState;
use anaquel_engine::transfers::command::Command as Ask;

use super::{ask, lines, made_ready, quarantine, receipt, seen, ship, shop};
use crate::common::{START_MS, audit, level};

#[test]
fn what_a_count_has_already_moves_no_stock() {
    let shop = shop();
    made_ready(&shop, "t", &[("A", 4), ("B", 2)]);
    shop.clock.advance(10_000_000);
    // Counted after the units left, and before anybody says so; B was not counted.
    shop.try_count("A", "s1", 6, Some(START_MS + 5_000_000)).unwrap();
    assert_eq!(shop.level("A", "s1"), level(6, 4));
    let mut late = ship("t");
    late.occurred_at = Some(Timestamp(START_MS + 4_000_000));
    let left = ask(&shop, Ask::Ship(Box::new(late))).unwrap();
    assert_eq!((left.shipped_at, lines(&left)[0][0]), (Some(Timestamp(START_MS + 4_000_000)), 4));
    assert_eq!((shop.level("A", "s1"), shop.level("B", "s1")), (level(6, 0), level(8, 0)), "only reserved falls");
    assert_eq!((seen(&shop, "A", "s2").1, seen(&shop, "B", "s2").1), (4, 2));
    // The same where they arrive, on the shelf and in quarantine.
    shop.try_count("A", "s2", 3, Some(START_MS + 8_000_000)).unwrap();
    let mut arrived = receipt("t", &[("A", 3, 1), ("B", 2, 0)]);
    arrived.occurred_at = Some(Timestamp(START_MS + 7_000_000));
    let over = ask(&shop, Ask::Receive(Box::new(arrived))).unwrap();
    assert_eq!((over.state, lines(&over)[0]), (TransferState::Received, [4, 3, 1, 0, 0, 0, 0]));
    assert_eq!((shop.level("A", "s2"), shop.level("B", "s2")), (level(3, 0), level(2, 0)), "on_hand does not move");
    assert_eq!((seen(&shop, "A", "s2").1, shop.level("A", &quarantine(&shop, "s2"))), (0, level(1, 0)));
    audit(&shop);
    audit(&shop.restart());
}

#[test]
fn a_late_count_knows_when_units_left_and_came() {
    for one_batch in [false, true] {
        let shop = shop();
        made_ready(&shop, "t", &[("A", 4)]);
        shop.clock.advance(10_000_000);
        let mut late = ship("t");
        late.occurred_at = Some(Timestamp(START_MS + 4_000_000));
        let leave = || drop(ask(&shop, Ask::Ship(Box::new(late.clone()))).unwrap());
        // Counted behind the moment at which they left: nothing moved since.
        let count = || {
            shop.try_count("A", "s1", 5, Some(START_MS + 5_000_000)).unwrap();
        };
        if one_batch {
            shop.in_one_batch::<()>(vec![Box::new(leave), Box::new(count)]);
        } else {
            leave();
            count();
        }
        assert_eq!(shop.level("A", "s1"), level(5, 0), "in one batch: {one_batch}");
        audit(&shop);
        audit(&shop.restart());
    }
}
