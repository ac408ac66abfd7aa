//! What no transfer may be.

use anaquel_engine::command::{Failure, PutWhat, Refusal, SkuFields, StepRequest};
use anaquel_engine::event::ThingKind;
use anaquel_engine::patch::Patch;
use anaquel_engine::reservation::ReservationState;
use anaquel_engine::transfers::command::{Command as Ask, Fields, Ship, Units};

use super::{
    DAY, ask, asked, at, cancelled, fields, in_state, invalid, made_ready, ready, receipt, received, ship, shipped,
    shop,
};
use crate::common::{Shop, audit, hold, name};

#[test]
fn what_cannot_be_is_refused_and_leaves_nothing() {
    let shop = shop();
    let seq = shop.engine.state().view.seq();
    let wrong = |fields: Fields| invalid(ask(&shop, asked("t", fields, true)).unwrap_err());
    let (a, day) = ([("A", 1)], Some(1));
    assert_eq!(wrong(fields("nowhere", "s2", &a, day)), "from");
    assert_eq!(wrong(fields("s1", "nowhere", &a, day)), "to");
    assert_eq!(wrong(fields("s1", "s1", &a, day)), "to");
    assert_eq!(wrong(fields("s1", "s2", &[("Z", 1)], day)), "lines[0].sku");
    assert_eq!(wrong(fields("s1", "s2", &[("A", 1), ("A", 2)], day)), "lines[1].sku");
    assert_eq!(wrong(fields("s1", "s2", &a, Some(0))), "expected_at");
    for command in [ready("t"), Ask::Ship(Box::new(ship("t"))), Ask::Receive(Box::new(receipt("t", &[("A", 1, 0)])))] {
        assert!(matches!(ask(&shop, command).unwrap_err(), Failure::Refused(Refusal::NotFound("transfer"))));
    }
    // Nobody else reserves through its channel, and nobody moves its promise but the transfer.
    let mut through = hold(&[("A", "s1", 1)]);
    through.channel = name("transfer");
    assert_eq!(invalid(shop.try_reserve(through).unwrap_err()), "channel");
    assert_eq!(shop.engine.state().view.seq(), seq, "nothing was logged");

    let promise = made_ready(&shop, "t", &[("A", 2)]).reservation.unwrap();
    let seq = shop.engine.state().view.seq();
    for step in [
        StepRequest::Cancel { lines: None, reason: None },
        StepRequest::Collect { lines: None, pickup_code: None },
        StepRequest::Ready { entropy: 1 },
        StepRequest::PickupBy { pickup_by: Some(at(DAY)) },
        StepRequest::Extend { ttl_seconds: 9000 },
    ] {
        let refused = shop.try_step(promise, step).unwrap_err();
        assert!(matches!(refused, Failure::Refused(Refusal::WrongState(ReservationState::Confirmed))), "{refused}");
    }
    let mut instead = hold(&[("A", "s1", 1)]);
    instead.supersedes = [promise].into();
    shop.try_reserve(instead).unwrap_err();
    assert_eq!(
        in_state(&received(&shop, "t", &[("A", 1, 0)]).unwrap_err()),
        "ready",
        "nothing arrives that did not leave"
    );
    let some = |lines: &[(&str, u32)]| {
        let lines = Some(lines.iter().map(|(sku, units)| (name(sku), *units)).collect());
        invalid(ask(&shop, Ask::Ship(Box::new(Ship { lines, ..ship("t") }))).unwrap_err())
    };
    assert_eq!(some(&[("B", 1)]), "lines[0].sku");
    assert_eq!(some(&[("A", 3)]), "lines[0].quantity");
    assert_eq!(some(&[("A", 1), ("A", 1)]), "lines[1].quantity");
    assert_eq!(some(&[]), "lines");
    shipped(&shop, "t").unwrap();
    assert_eq!(in_state(&ask(&shop, ready("t")).unwrap_err()), "in_transit");
    assert_eq!(invalid(received(&shop, "t", &[("A", 1, 0), ("A", 1, 0)]).unwrap_err()), "lines[1].sku");
    assert_eq!(invalid(received(&shop, "t", &[("Z", 1, 0)]).unwrap_err()), "lines[0].sku");
    assert!(shop.engine.state().view.seq() > seq);
    // What nobody counts is not moved.
    shop.put(PutWhat::Sku(name("BAG"), SkuFields { tracked: Patch::Set(false), ..Default::default() })).unwrap();
    assert_eq!(wrong_at(&shop, &[("BAG", 1)]), "lines[0].sku");
    audit(&shop);
}

fn wrong_at(shop: &Shop, lines: &[(&str, u32)]) -> String {
    invalid(ask(shop, asked("v", fields("s1", "s2", lines, Some(1)), false)).unwrap_err())
}

#[test]
fn what_a_transfer_rests_on_is_not_retired() {
    let shop = shop();
    let holders = |shop: &Shop, kind, what: &str| -> Vec<String> {
        let found = shop.engine.state().holders(kind, &name(what));
        found.iter().map(|holder| format!("{} {}", holder.what, holder.count)).collect()
    };
    ask(&shop, asked("t", fields("s1", "s3", &[("A", 10)], None), true)).unwrap();
    shipped(&shop, "t").unwrap();
    assert_eq!(holders(&shop, ThingKind::Location, "s3"), ["transfers 1"], "undated, it is no supply");
    assert_eq!(holders(&shop, ThingKind::Sku, "A"), ["transfers 1"]);
    let shop = shop.restart();
    assert_eq!(holders(&shop, ThingKind::Location, "s3"), ["transfers 1"]);
    let refused = shop.put(PutWhat::Sku(name("A"), SkuFields { tracked: Patch::Set(false), ..Default::default() }));
    assert!(matches!(refused.unwrap_err(), Failure::Refused(Refusal::HeldAsCounted { .. })));
    cancelled(&shop, "t", Some(Units::WrittenOff)).unwrap();
    assert!(holders(&shop, ThingKind::Location, "s3").is_empty());
    audit(&shop);
}

#[test]
fn a_line_holds_no_more_than_it_can_say() {
    let shop = shop();
    made_ready(&shop, "t", &[("A", 1), ("B", 1)]);
    shipped(&shop, "t").unwrap();
    let much = 1_000_000_000;
    received(&shop, "t", &[("A", much, 0)]).unwrap();
    shop.sell("A", "s2", i64::from(much));
    let refused = received(&shop, "t", &[("A", much, 0)]).unwrap_err();
    assert_eq!(invalid(refused), "lines[0].quantity");
    received(&shop, "t", &[("A", 1, 0)]).unwrap();
    audit(&shop);
}
