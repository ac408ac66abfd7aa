//! Promises on what a transfer brings, and what rules let a transfer take.

use anaquel_engine::command::{Failure, Refusal};
use anaquel_engine::event::MovementKind;
use anaquel_engine::level::Constraint;
use anaquel_engine::rules::{Amount, Effect};
use anaquel_engine::transfers::command::{Command as Ask, Units};

use super::{DAY, ask, asked, at, cancelled, fields, invalid, made_ready, now, received, seen, ship, shipped, shop};
use crate::common::{audit, hold_to_come, level, name, rule};

#[test]
fn without_a_date_it_is_promised_to_nobody() {
    let shop = shop();
    ask(&shop, asked("t", fields("s1", "s2", &[("A", 4)], None), true)).unwrap();
    assert_eq!((seen(&shop, "A", "s1"), seen(&shop, "A", "s2")), ((6, 0), (0, 0)));
    assert_eq!(shop.refusal(hold_to_come(&[("A", "s2", 1)], 90 * DAY)).1, 0);
    let mut dated = ship("t");
    dated.expected_at = Some(at(3 * DAY));
    ask(&shop, Ask::Ship(Box::new(dated))).unwrap();
    assert_eq!(seen(&shop, "A", "s2"), (0, 4), "from here on it has one");
    ask(&shop, asked("u", fields("s1", "s3", &[("A", 2)], None), true)).unwrap();
    shipped(&shop, "u").unwrap();
    received(&shop, "u", &[("A", 2, 0)]).unwrap();
    assert_eq!((shop.level("A", "s3"), seen(&shop, "A", "s3")), (level(2, 0), (2, 0)));
    audit(&shop);
}

#[test]
fn a_promise_on_its_supply_is_at_risk_where_less_comes() {
    let shop = shop();
    made_ready(&shop, "t", &[("A", 4)]);
    let first = shop.try_reserve(hold_to_come(&[("A", "s2", 2)], 9 * DAY)).unwrap();
    let second = shop.try_reserve(hold_to_come(&[("A", "s2", 2)], 9 * DAY)).unwrap();
    let at_risk = |id| now(&shop, id).lines[0].wait.as_ref().is_some_and(|wait| wait.at_risk());
    shipped(&shop, "t").unwrap();
    assert!(!at_risk(first.id) && !at_risk(second.id));
    received(&shop, "t", &[("A", 1, 1)]).unwrap();
    assert!(!at_risk(first.id) && at_risk(second.id), "one of four is damaged, and one is there");
    assert_eq!((now(&shop, first.id).lines[0].present(), shop.level("A", "s2")), (1, level(1, 1)));
    cancelled(&shop, "t", Some(Units::WrittenOff)).unwrap();
    assert!(at_risk(first.id) && at_risk(second.id));
    audit(&shop);
}

#[test]
fn a_rule_says_what_may_leave() {
    let shop = shop();
    let mut keeps = rule(Effect::SafetyStock(Amount::Units(7)));
    keeps.channels = vec![name("transfer")];
    shop.put_rule("keeps", Some(keeps)).unwrap();
    let refused = ask(&shop, asked("t", fields("s1", "s2", &[("A", 4)], Some(2)), true)).unwrap_err();
    let Failure::Refused(Refusal::Insufficient(shorts)) = refused else { panic!("{refused}") };
    assert_eq!((shorts[0].constraint, shorts[0].available), (Constraint::SafetyStock, 3));
    made_ready(&shop, "t", &[("A", 3)]);
    assert_eq!(seen(&shop, "A", "s1"), (7, 0), "customers may have the rest");
    let mut closed = rule(Effect::Access(false));
    closed.channels = vec![name("transfer")];
    shop.put_rule("closed", Some(closed)).unwrap();
    ask(&shop, asked("u", fields("s1", "s2", &[("B", 1)], Some(2)), true)).unwrap_err();
    shipped(&shop, "t").unwrap();
    audit(&shop);
}

#[test]
fn no_other_receipt_uses_up_what_a_transfer_brings() {
    let shop = shop();
    made_ready(&shop, "t", &[("A", 4)]);
    shop.supply("po", "A", "s2", 5, 9 * DAY);
    shop.receive("A", "s2", 3);
    assert_eq!(seen(&shop, "A", "s2"), (3, 6), "two of the order, and what is on its way");
    shop.receive("A", "s2", 9);
    assert_eq!(seen(&shop, "A", "s2"), (12, 4));
    let mut named = shop.movement(MovementKind::Receipt, "A", "s2", 2);
    let own = shop.engine.state().own.transfers.named("t").unwrap();
    named.reference = Some(own.supply_name().to_string());
    shop.try_move(vec![named]).unwrap();
    assert_eq!(seen(&shop, "A", "s2"), (14, 4), "also where a document says so");
    let said = shop.try_supply("transfer:9", "A", "s2", 9, 9 * DAY).unwrap_err();
    assert_eq!(invalid(said), "supplies[0].supply", "and nobody says otherwise what it brings");
    shipped(&shop, "t").unwrap();
    received(&shop, "t", &[("A", 4, 0)]).unwrap();
    assert_eq!(seen(&shop, "A", "s2"), (18, 0));
    audit(&shop);
    audit(&shop.restart());
}
