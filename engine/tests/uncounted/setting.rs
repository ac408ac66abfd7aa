//! Setting whether a SKU is counted, and who may book stock of it.

use anaquel_engine::command::{Command, Failure, Outcome, PutWhat, Refusal, Row, Rows, SkuFields};
use anaquel_engine::event::{Event, MovementKind};
use anaquel_engine::ids::SkuId;
use anaquel_engine::level::Constraint;
use anaquel_engine::patch::Patch;
use anaquel_engine::rules::{Amount, Effect};
use anaquel_engine::stock;

use super::{open, refused, says, sku, track};
use crate::common::{START_MS, audit, hold, level, name, rule};

fn held_by(failure: Failure) -> Vec<&'static str> {
    match failure {
        Failure::Refused(Refusal::HeldAsCounted { holders, .. }) => holders.iter().map(|holder| holder.what).collect(),
        other => panic!("what holds it was expected, not {other:?}"),
    }
}

#[test]
fn it_changes_only_while_nothing_holds_units() {
    let shop = open();
    // Stock, a promise, supply.
    shop.receive("TEE", "s1", 2);
    assert_eq!(held_by(track(&shop, "TEE", false).unwrap_err()), ["stock"]);
    let tee = shop.reserve(&[("TEE", "s1", 1)]);
    assert_eq!(held_by(track(&shop, "TEE", false).unwrap_err()), ["stock", "reservations"]);
    shop.cancel(tee.id).unwrap();
    shop.count("TEE", "s1", 0);
    shop.supply("PO", "TEE", "s1", 4, 600);
    assert_eq!(held_by(track(&shop, "TEE", false).unwrap_err()), ["supplies"]);
    shop.supply("PO", "TEE", "s1", 0, 600);
    // Less than nothing is something, too.
    shop.sell("TEE", "s2", 1);
    assert_eq!(held_by(track(&shop, "TEE", false).unwrap_err()), ["stock"]);
    shop.count("TEE", "s2", 0);
    let mut named = rule(Effect::SafetyStock(Amount::Units(1)));
    named.skus = vec![name("TEE")];
    shop.put_rule("named", Some(named)).unwrap();
    let seq = track(&shop, "TEE", false).unwrap();
    assert_eq!(track(&shop, "TEE", false).unwrap(), seq, "said twice it is said once");
    assert_eq!(shop.engine.state().catalogue.sku_version(sku(&shop, "TEE")), Some(seq));
    // And back.
    let card = shop.reserve(&[("TEE", "s1", 2)]);
    assert_eq!(held_by(track(&shop, "TEE", true).unwrap_err()), ["stock", "reservations"]);
    shop.confirm(card.id).unwrap();
    shop.collect(card.id).unwrap();
    shop.sell("TEE", "s1", 5);
    track(&shop, "TEE", true).unwrap();
    assert_eq!(shop.level("TEE", "s1"), level(0, 0), "it begins with nothing");
    assert_eq!(shop.refusal(hold(&[("TEE", "s1", 1)])), (Constraint::OnHand, 0));
    // Left out it stays as it is, taken out it is counted.
    shop.put(PutWhat::Sku(name("GIFT"), SkuFields { unit: Patch::Set("piece".into()), ..Default::default() })).unwrap();
    assert!(!shop.engine.state().catalogue.is_tracked(sku(&shop, "GIFT")));
    shop.put(PutWhat::Sku(name("GIFT"), SkuFields { tracked: Patch::Clear, ..Default::default() })).unwrap();
    assert!(shop.engine.state().catalogue.is_tracked(sku(&shop, "GIFT")));
    audit(&shop);
}

#[test]
fn a_count_of_before_it_was_counted_knows_of_nothing_that_moved_before() {
    let shop = open();
    let card = shop.reserve(&[("GIFT", "s1", 3)]);
    shop.confirm(card.id).unwrap();
    shop.collect(card.id).unwrap();
    shop.sell("GIFT", "s1", 2);
    shop.clock.advance(10_000);
    track(&shop, "GIFT", true).unwrap();
    shop.clock.advance(10_000);
    shop.receive("GIFT", "s1", 5);
    shop.try_count("GIFT", "s1", 50, Some(START_MS + 5_000)).unwrap();
    assert_eq!(shop.level("GIFT", "s1"), level(55, 0));
    audit(&shop);
    let shop = shop.restart();
    assert_eq!(shop.level("GIFT", "s1"), level(55, 0));
    audit(&shop);
}

#[test]
fn of_two_at_once_each_finds_what_the_other_left() {
    let shop = open();
    shop.put(PutWhat::Sku(name("NEW"), SkuFields::default())).unwrap();
    type Call<'a> = Box<dyn FnOnce() -> Result<(), Failure> + Send + 'a>;
    // A promise that was let in while it was not counted is decided once it is, and the other way round.
    let calls: Vec<Call<'_>> = vec![
        Box::new(|| track(&shop, "GIFT", true).map(drop)),
        Box::new(|| shop.try_reserve(hold(&[("GIFT", "s1", 1)])).map(drop)),
        Box::new(|| track(&shop, "NEW", false).map(drop)),
        Box::new(|| shop.try_reserve(hold(&[("NEW", "s1", 1)])).map(drop)),
        Box::new(|| track(&shop, "NEW", true).map(drop)),
        Box::new(|| track(&shop, "GIFT", false).map(drop)),
        Box::new(|| track(&shop, "GIFT", true).map(drop)),
    ];
    let done: Vec<bool> = shop.queued_together(calls).into_iter().map(|done| done.is_ok()).collect();
    assert_eq!(done, [true, false, true, true, false, true, true]);
    assert_eq!((shop.level("GIFT", "s1"), shop.level("NEW", "s1")), (level(0, 0), level(1, 1)));
    shop.wait_until("nothing is in flight", || shop.engine.in_flight() == 0);
    shop.check_promises();
    audit(&shop);
}

#[test]
fn files_set_it_row_by_row() {
    let shop = open();
    shop.receive("TEE", "s1", 2);
    let row = |line, text: &str, tracked| {
        let id = shop.engine.state().sku_ref(&name(text));
        Row { line, id, fields: says(tracked) }
    };
    let load = |rows: Vec<Row<SkuId, SkuFields>>| {
        let load = Command::load(Rows::Skus(rows), false);
        match shop.engine.run(|engine, done| engine.submit(load, None, done)).unwrap() {
            Outcome::Loaded(loaded) => loaded,
            other => panic!("a load was expected, not {other:?}"),
        }
    };
    let before = shop.engine.state().view.seq();
    let loaded = load(vec![row(1, "GIFT", false), row(2, "TEE", true)]);
    assert_eq!((loaded.accepted, loaded.unchanged, loaded.errors.len()), (0, 2, 0));
    assert_eq!(shop.engine.state().view.seq(), before, "what is known logs nothing");
    let loaded = load(vec![row(1, "TEE", false), row(2, "WRAP", false), row(3, "GIFT", true), row(4, "GIFT", false)]);
    assert_eq!((loaded.accepted, loaded.unchanged), (3, 0));
    let error = &loaded.errors[0];
    assert_eq!((error.line, error.field.as_deref()), (1, Some("tracked")));
    assert!(error.reason.contains("1 cell with stock (s1)") && error.reason.contains("count it to 0"), "{error:?}");
    let catalogue = &shop.engine.state().catalogue;
    let tracked = ["TEE", "WRAP", "GIFT"].map(|text| catalogue.is_tracked(sku(&shop, text)));
    assert_eq!(tracked, [true, false, false]);
    audit(&shop);
}

#[test]
fn tills_note_it_and_nobody_books_stock_of_it() {
    let shop = open();
    shop.receive("TEE", "s1", 5);
    // A whole basket, of which the card is a part.
    let basket = |kind, sign: i64| {
        shop.try_move(vec![shop.movement(kind, "TEE", "s1", sign), shop.movement(kind, "GIFT", "s1", sign)]).unwrap()
    };
    let sold = basket(MovementKind::Sale, -1);
    assert!((sold[1].absorbed, sold[1].change) == (true, -1) && !sold[0].absorbed);
    assert!(sold[1].created, "a till makes its cell");
    basket(MovementKind::Return, 1);
    assert_eq!((shop.level("TEE", "s1"), shop.level("GIFT", "s1")), (level(5, 0), level(0, 0)));
    let told = shop.engine.events(shop.engine.state().view.seq() - 1, 1).unwrap();
    assert!(
        matches!(&told[0].event, Event::Stock(stock::event::Event::Moved(rows)) if rows[1].change == 1),
        "it stands in the log: {told:?}"
    );
    for kind in [MovementKind::Receipt, MovementKind::Adjustment, MovementKind::Damage] {
        let rows = vec![shop.movement(MovementKind::Sale, "TEE", "s1", -1), shop.movement(kind, "GIFT", "s1", 1)];
        let (field, reason) = refused(shop.try_move(rows).unwrap_err());
        assert!(field == "movements[1].kind" && reason.contains("set tracked to true"), "{field}: {reason}");
    }
    let back = shop.movement(MovementKind::ReturnDamaged, "GIFT", "s1", 1);
    let (field, reason) = refused(shop.try_move(vec![back]).unwrap_err());
    assert!(field == "movements[0].condition" && reason.contains("must be left out"), "{field}: {reason}");
    assert_eq!(shop.level("TEE", "s1"), level(5, 0), "all or nothing");
    let (field, reason) = refused(shop.try_count("GIFT", "s1", 3, None).unwrap_err());
    assert_eq!(
        (field.as_str(), reason.as_str()),
        ("counts[0].sku", "GIFT is untracked; set tracked to true to count its units")
    );
    let (field, _) = refused(shop.try_supply("PO", "GIFT", "s1", 3, 60).unwrap_err());
    assert_eq!(field, "supplies[0].sku");
    shop.try_supply("PO", "GIFT", "s1", 0, 60).expect("there is none");
    shop.check_promises();
    audit(&shop);
}
