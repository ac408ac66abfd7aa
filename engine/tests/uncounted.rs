//! SKUs that nobody counts: services, gift cards, digital goods. Their units come into being with a promise and are gone
//! with it.

use anaquel_engine::stock;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::common::{ManualClock, Numbers, START_MS, Shop, audit, hash, hold, hold_in_group, level, name, rule};
use anaquel_engine::advice::{TrialLine, TrialPlace};
use anaquel_engine::catalogue::LocationKind;
use anaquel_engine::command::{
    Command, Failure, LocationFields, Outcome, PutWhat, Reallocation, Refusal, Row, Rows, SkuFields, StepRequest,
};
use anaquel_engine::event::{Event, MovementKind, Purpose};
use anaquel_engine::feed::{Item, Message, Mode, Selection, Start, Subscription};
use anaquel_engine::ids::{LocationId, SkuId};
use anaquel_engine::journal::memory::MemoryDisk;
use anaquel_engine::level::{Constraint, LINE_QUANTITY_MAX};
use anaquel_engine::patch::Patch;
use anaquel_engine::pickup::PickupQuestion;
use anaquel_engine::query::CellView;
use anaquel_engine::rules::{Amount, Effect};
use anaquel_engine::settings::Settings;
use anaquel_engine::sourcing::{Policy, Question, Sources};
use anaquel_engine::verify;
use anaquel_engine::what_if;
use anaquel_seeds::seeds;

fn says(tracked: bool) -> SkuFields {
    SkuFields { tracked: Patch::Set(tracked), ..SkuFields::default() }
}

fn track(shop: &Shop, sku: &str, tracked: bool) -> Result<u64, Failure> {
    match shop.put(PutWhat::Sku(name(sku), says(tracked)))? {
        Outcome::Put { seq, .. } => Ok(seq),
        other => panic!("a version was expected, not {other:?}"),
    }
}

/// A gift card that nobody counts, a tee, and two declared places.
fn open() -> Shop {
    let shop = Shop::open();
    shop.declare(&["s1", "s2"]);
    track(&shop, "GIFT", false).unwrap();
    shop.put(PutWhat::Sku(name("TEE"), SkuFields::default())).unwrap();
    shop
}

fn sku(shop: &Shop, sku: &str) -> SkuId {
    shop.engine.state().catalogue.skus.id(sku).unwrap()
}

fn at(shop: &Shop, location: &str) -> LocationId {
    shop.engine.state().catalogue.locations.id(location).unwrap()
}

fn seen(shop: &Shop, of: &str, location: &str) -> Option<CellView> {
    let state = shop.engine.state();
    let web = state.catalogue.channels.id("web");
    state.availability(&[sku(shop, of)], Some(&[at(shop, location)]), web).1.first().copied()
}

fn available(shop: &Shop, location: &str) -> u32 {
    seen(shop, "GIFT", location).map_or(0, |cell| cell.available)
}

fn refused(failure: Failure) -> (String, String) {
    match failure {
        Failure::Refused(Refusal::Invalid { field, reason }) => (field, reason),
        other => panic!("a refused field was expected, not {other:?}"),
    }
}

fn held_by(failure: Failure) -> Vec<&'static str> {
    match failure {
        Failure::Refused(Refusal::HeldAsCounted { holders, .. }) => holders.iter().map(|holder| holder.what).collect(),
        other => panic!("what holds it was expected, not {other:?}"),
    }
}

#[test]
fn units_come_into_being_with_a_promise_and_are_gone_with_it() {
    let shop = open();
    let card = shop.reserve(&[("GIFT", "s1", 3), ("GIFT", "s1", 2)]);
    assert_eq!(shop.level("GIFT", "s1"), level(5, 5));
    let other = shop.reserve(&[("GIFT", "s2", 1)]);
    assert_eq!(shop.level("GIFT", "s2"), level(1, 1), "no cell was there before");
    // Handed over in part, given back in part.
    shop.confirm(card.id).unwrap();
    let some = |units| Some(vec![shop.units("GIFT", "s1", units)]);
    shop.try_step(card.id, StepRequest::Collect { lines: some(2), pickup_code: None }).unwrap();
    assert_eq!(shop.level("GIFT", "s1"), level(3, 3));
    shop.try_step(card.id, StepRequest::Cancel { lines: some(1), reason: None }).unwrap();
    assert_eq!(shop.level("GIFT", "s1"), level(2, 2));
    shop.collect(card.id).unwrap();
    assert_eq!(shop.level("GIFT", "s1"), level(0, 0));
    // One that dies.
    shop.clock.advance(1_000_000);
    crate::common::life::settle(&shop);
    assert_eq!(shop.level("GIFT", "s2"), level(0, 0));
    assert!(shop.engine.state().reservations.get(other.id).is_none_or(|known| !known.state.is_open()));
    assert_eq!(shop.engine.state().shortages(), []);
    // A hold that replaces another, in the same cell and in another.
    let first = shop.reserve(&[("GIFT", "s1", 4)]);
    let mut next = hold(&[("GIFT", "s1", 1), ("GIFT", "s2", 6)]);
    next.supersedes = [first.id].into_iter().collect();
    shop.try_reserve(next).unwrap();
    assert_eq!((shop.level("GIFT", "s1"), shop.level("GIFT", "s2")), (level(1, 1), level(6, 6)));
    shop.check_promises();
    let before = hash(&shop.engine);
    audit(&shop);
    let shop = shop.restart();
    assert_eq!(hash(&shop.engine), before);
    audit(&shop);
}

#[test]
fn nothing_that_holds_stock_back_holds_it_back_and_whatever_bars_a_promise_does() {
    let shop = open();
    shop.put_channel("web", 7);
    shop.put_channel("app", 0);
    shop.put_rule("all", Some(rule(Effect::SafetyStock(Amount::Percent(100))))).unwrap();
    shop.put_rule("more", Some(rule(Effect::SafetyStock(Amount::Units(1_000_000_000))))).unwrap();
    let quota = rule(Effect::Quota { share: Amount::Units(0), minimum: 0, spill_over: false });
    shop.put_rule("none", Some(quota)).unwrap();
    let most = LINE_QUANTITY_MAX;
    assert_eq!(available(&shop, "s1"), most);
    let whole = shop.reserve(&[("GIFT", "s1", most)]);
    // A cell has room for so many promises, and says how many are left.
    assert_eq!(available(&shop, "s1"), most);
    shop.reserve(&[("GIFT", "s1", most - 5)]);
    assert_eq!(available(&shop, "s1"), 5);
    assert_eq!(shop.refusal(hold(&[("GIFT", "s1", 6)])), (Constraint::Capacity, 5));
    shop.reserve(&[("GIFT", "s1", 5)]);
    shop.cancel(whole.id).unwrap();
    assert_eq!(available(&shop, "s1"), most);
    // Who may not sell it has none of it, at any place.
    let mut denied = rule(Effect::Access(false));
    (denied.skus, denied.locations, denied.channels) = (vec![name("GIFT")], vec![name("s2")], vec![name("web")]);
    shop.put_rule("no", Some(denied)).unwrap();
    assert_eq!(available(&shop, "s2"), 0);
    assert_eq!(shop.refusal(hold(&[("GIFT", "s2", 1)])), (Constraint::Access, 0));
    let mut through_app = hold(&[("GIFT", "s2", 1)]);
    through_app.channel = name("app");
    shop.try_reserve(through_app).unwrap();
    // A place that takes no pickups, and one that nobody declared.
    shop.put(PutWhat::Location(name("dc"), LocationFields { pickup: Patch::Set(false), ..Default::default() }))
        .unwrap();
    let mut pickup = hold(&[("GIFT", "dc", 1)]);
    pickup.purpose = Purpose::Pickup;
    assert_eq!(shop.refusal(pickup), (Constraint::Access, 0));
    shop.sell("TEE", "pop-up", 1);
    assert_eq!(shop.refusal(hold(&[("GIFT", "pop-up", 1)])), (Constraint::UnknownCell, 0));
    assert_eq!(available(&shop, "pop-up"), 0);
    shop.sell("GIFT", "pop-up", 1);
    assert_eq!(shop.refusal(hold(&[("GIFT", "pop-up", 1)])), (Constraint::UnknownCell, 0));
    // Orders of a day count as they do for anything.
    shop.put_rule("day", Some(rule(Effect::Capacity { orders_per_day: 1 }))).unwrap();
    let order = || {
        let mut order = hold(&[("GIFT", "s1", 1)]);
        order.purpose = Purpose::Delivery;
        order
    };
    shop.try_reserve(order()).unwrap();
    assert_eq!(shop.refusal(order()), (Constraint::Capacity, 0));
    // What is counted is held back as ever.
    shop.receive("TEE", "s1", 9);
    assert_ne!(seen(&shop, "TEE", "s1").unwrap().safety_stock, 0);
    shop.check_promises();
    audit(&shop);
}

#[test]
fn a_cart_of_both_is_granted_together_or_not_at_all() {
    let shop = open();
    shop.receive("TEE", "s1", 2);
    assert_eq!(shop.refusal(hold(&[("GIFT", "s1", 1), ("TEE", "s1", 3)])), (Constraint::OnHand, 2));
    assert_eq!(shop.level("GIFT", "s1"), level(0, 0));
    shop.check_promises();
    // Of what there is, the gift card is there in any case.
    let mut some = hold(&[("TEE", "s2", 1), ("GIFT", "s2", 1)]);
    some.allow_partial = true;
    let some = shop.try_reserve(some).unwrap();
    assert_eq!(some.lines.iter().map(|line| line.quantity).collect::<Vec<_>>(), [0, 1]);
    let both = shop.reserve(&[("GIFT", "s1", 1), ("TEE", "s1", 2)]);
    assert_eq!((shop.level("GIFT", "s1"), shop.level("TEE", "s1")), (level(1, 1), level(2, 2)));
    shop.cancel(both.id).unwrap();
    assert_eq!((shop.level("GIFT", "s1"), shop.level("TEE", "s1")), (level(0, 0), level(2, 0)));
    shop.check_promises();
    audit(&shop);
}

#[test]
fn groups_have_it_and_their_promises_are_bound_and_moved() {
    let shop = open();
    shop.put_group("g", &["s1", "s2"]);
    shop.put_group("one", &["s2"]);
    shop.put_group("empty", &[]);
    let told = |group: &str| {
        let state = shop.engine.state();
        let group = state.catalogue.groups.id(group).unwrap();
        let view = state.group_availability(&[sku(&shop, "GIFT")], &[group], None).1[0];
        (view.available, view.locations, view.tracked)
    };
    assert_eq!(told("g"), (LINE_QUANTITY_MAX.into(), 2, false));
    assert_eq!(told("empty"), (0, 0, false));
    let asked = shop.try_reserve(hold_in_group(&[("GIFT", "g", 4)])).unwrap();
    let stands = [level(4, 4), level(0, 0)];
    assert_eq!([shop.level("GIFT", "s1"), shop.level("GIFT", "s2")], stands, "where fewest groups share it");
    assert!(matches!(shop.try_reserve(hold_in_group(&[("GIFT", "empty", 1)])), Err(Failure::Refused(_))));
    // A part goes elsewhere, the whole is bound.
    let to = Some(at(&shop, "s2"));
    let lines = vec![Reallocation { sku: sku(&shop, "GIFT"), group: None, from: None, to, quantity: Some(1) }];
    shop.try_step(asked.id, StepRequest::Bind { lines: Some(lines) }).unwrap();
    assert_eq!([shop.level("GIFT", "s1"), shop.level("GIFT", "s2")], [level(3, 3), level(1, 1)]);
    shop.try_step(asked.id, StepRequest::Bind { lines: None }).unwrap();
    shop.confirm(asked.id).unwrap();
    shop.collect(asked.id).unwrap();
    assert_eq!([shop.level("GIFT", "s1"), shop.level("GIFT", "s2")], [level(0, 0); 2]);
    shop.check_promises();
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
fn a_place_is_chosen_for_what_is_counted_and_the_rest_goes_along() {
    let shop = open();
    let place = |location: &str, north: f64| {
        let fields = LocationFields {
            kind: Patch::Set(LocationKind::Store),
            coordinates: Patch::Set((north, 0.0)),
            ..LocationFields::default()
        };
        shop.put(PutWhat::Location(name(location), fields)).unwrap();
    };
    place("s1", 0.1);
    place("s2", 0.5);
    place("s3", 0.9);
    shop.receive("TEE", "s2", 2);
    let state = shop.engine.state();
    let (gift, tee) = (sku(&shop, "GIFT"), sku(&shop, "TEE"));
    let source = |lines: &[(SkuId, u32)], shipments_max| {
        let question = Question {
            lines: lines.iter().map(|(sku, units)| (*sku, *units, None)).collect(),
            near: Some((0.0, 0.0)),
            sources: Sources::Shipping,
            channel: None,
            purpose: Purpose::Delivery,
            weights: Policy::Nearest.weights(),
            shipments_max,
            now: shop.engine.now(),
            limits: Default::default(),
        };
        state.source(&question).1.best
    };
    let told = |lines: &[(SkuId, u32)]| {
        let plan = source(lines, 3).unwrap();
        let name = |at| state.catalogue.locations.name(at).to_string();
        (plan.shipments.iter().map(|s| (name(s.location), s.lines.clone())).collect::<Vec<_>>(), plan.missing)
    };
    let of = |at: &str, lines: &[(usize, u32)]| (at.to_owned(), lines.to_vec());
    assert_eq!(told(&[(gift, 5), (tee, 1)]), (vec![of("s2", &[(0, 5), (1, 1)])], vec![0, 0]), "not from the nearest");
    assert_eq!(told(&[(gift, 5)]), (vec![of("s1", &[(0, 5)])], vec![0]));
    // Where the rest is not, what nobody counts is there all the same.
    shop.sell("TEE", "s2", 2);
    assert_eq!(told(&[(gift, 5), (tee, 1)]), (vec![of("s1", &[(0, 5)])], vec![0, 1]));
    shop.receive("TEE", "s2", 2);
    // Where it may not be sold from there, it comes from the first place from which it may.
    let mut denied = rule(Effect::Access(false));
    (denied.skus, denied.locations) = (vec![name("GIFT")], vec![name("s2")]);
    shop.put_rule("no", Some(denied)).unwrap();
    assert_eq!(told(&[(gift, 5), (tee, 1)]).0, [of("s2", &[(1, 1)]), of("s1", &[(0, 5)])]);
    assert!(!source(&[(gift, 5), (tee, 1)], 1).unwrap().is_complete());
    shop.put_rule("no", None).unwrap();

    // Where it can be fetched.
    let found = |basket: &[(SkuId, u32)]| {
        let question = PickupQuestion {
            basket: basket.to_vec(),
            near: Some((0.0, 0.0)),
            radius_km: None,
            channel: None,
            now: shop.engine.now(),
            since: shop.engine.now(),
            limit: 5,
        };
        let found = state.pickup(&question).1;
        let told = |at: &anaquel_engine::pickup::PickupPlace| {
            (state.catalogue.locations.name(at.location).to_string(), at.complete)
        };
        found.iter().map(told).collect::<Vec<_>>()
    };
    assert_eq!(found(&[(gift, 1), (tee, 1)]), [("s2".to_owned(), true)], "others have nothing but what is everywhere");
    assert_eq!(found(&[(gift, 1)]).iter().map(|(at, _)| at.as_str()).collect::<Vec<_>>(), ["s1", "s2", "s3"]);

    // Tried as it would be asked for.
    let line = |at: &str, quantity| TrialLine {
        sku: gift,
        at: TrialPlace::Location(self::at(&shop, at)),
        quantity,
        latest: None,
    };
    let mut trials = state.trials(&[gift], None, Purpose::Cart, &[], shop.engine.now());
    assert_eq!(trials.units(&[line("s1", 7), line("s3", 1)]), [7, 1]);
    let others = state.alternatives(gift, Some(self::at(&shop, "s1")), 1, None, Purpose::Cart, 5, |_| true);
    assert_eq!(others.iter().map(|other| other.available).collect::<Vec<_>>(), [LINE_QUANTITY_MAX; 2]);
    audit(&shop);
}

#[test]
fn an_image_and_the_log_behind_it_lead_to_the_same() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), ManualClock::at(START_MS));
    let mut shop = Shop::on_disk(directory.path(), &clock);
    shop.declare(&["s1", "s2"]);
    shop.count("CARD", "s1", 4);
    shop.count("CARD", "s1", 0);
    let counted = shop.engine.state().hash.sums();
    let mut held = None;
    for round in 0..8 {
        match round % 4 {
            0 => drop(track(&shop, "CARD", false).unwrap()),
            1 => held = Some(shop.reserve(&[("CARD", "s1", 2), ("CARD", "s2", 3)]).id),
            2 => drop(shop.cancel(held.unwrap()).unwrap()),
            _ => drop(track(&shop, "CARD", true).unwrap()),
        }
        let before = (shop.engine.state().hash.sums(), shop.level("CARD", "s1"));
        assert_eq!(shop.engine.state().hash_anew(), before.0, "round {round}");
        if round % 3 > 0 {
            shop.engine.take_checkpoint().unwrap();
        }
        if round % 2 == 1 {
            // What comes behind the checkpoint is replayed.
            shop.put(PutWhat::Sku(name(&format!("OTHER-{round}")), SkuFields::default())).unwrap();
        }
        let before = (shop.engine.state().hash.sums(), before.1);
        drop(shop);
        shop = Shop::on_disk(directory.path(), &clock);
        assert_eq!((shop.engine.state().hash.sums(), shop.level("CARD", "s1")), before, "round {round}");
        assert_eq!(shop.engine.state().hash_anew(), before.0, "round {round}");
    }
    assert_ne!(shop.engine.state().hash.sums().in_files(), counted.in_files(), "there are more SKUs");
    // It is retired as a thing that is counted, and comes back as one.
    track(&shop, "CARD", false).unwrap();
    shop.put(PutWhat::Retire(anaquel_engine::event::ThingKind::Sku, name("CARD"))).unwrap();
    assert_eq!(shop.engine.state().hash_anew(), shop.engine.state().hash.sums());
    shop.put(PutWhat::Sku(name("CARD"), SkuFields::default())).unwrap();
    assert!(shop.engine.state().catalogue.is_tracked(sku(&shop, "CARD")));
    let before = shop.engine.state().hash.sums();
    assert_eq!(shop.engine.state().hash_anew(), before);
    drop(shop);
    let shop = Shop::on_disk(directory.path(), &clock);
    assert_eq!(shop.engine.state().hash.sums(), before);
    drop(shop);
    verify::verify(directory.path(), verify::Allowances::default()).unwrap();
}

/// What a subscriber knows: units that may be had, and whether they are counted.
#[derive(Default)]
struct Known {
    cells: BTreeMap<(String, String), (u32, bool)>,
    resets: usize,
}

impl Known {
    fn hear_all(&mut self, shop: &Shop, live: &mut Subscription) {
        let catalogue = &shop.engine.state().catalogue;
        let named = |sku, at| (catalogue.skus.name(sku).to_string(), catalogue.locations.name(at).to_string());
        let know = |cells: &mut BTreeMap<_, _>, cell: &CellView| {
            cells.insert(named(cell.sku, cell.location), (cell.available, cell.is_tracked()));
        };
        for _ in 0..2000 {
            while let Some(message) = live.poll() {
                match message {
                    Message::Snapshot { cells, .. } => cells.iter().for_each(|cell| know(&mut self.cells, cell)),
                    Message::Delta { items, removed, .. } => {
                        for item in items {
                            match item {
                                Item::Changed(change) => {
                                    know(&mut self.cells, &live.lens().see(catalogue, &change.cell));
                                }
                                Item::Read(view) => know(&mut self.cells, &view),
                            }
                        }
                        for (sku, at) in removed {
                            self.cells.remove(&named(sku, at));
                        }
                    }
                    Message::Reset { .. } => {
                        self.cells.clear();
                        self.resets += 1;
                    }
                    Message::TooFarBehind { .. } | Message::TooLarge(_) => panic!("there is room for all of it"),
                }
            }
            if live.told() >= shop.engine.state().view.seq() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        panic!("all is told");
    }
}

#[test]
fn who_listens_hears_of_it_where_it_has_no_cell_and_when_it_is_counted_again() {
    for mode in [Mode::Conflated, Mode::Lossless] {
        let shop = open();
        shop.put_group("g", &["s2"]);
        let selection = Selection {
            skus: vec![name("GIFT"), name("TEE")],
            locations: vec![name("s1"), name("late")],
            groups: vec![name("g")],
            channel: None,
        };
        let mut live = shop.engine.feed().subscribe(selection.clone(), mode, Start::Fresh, Arc::new(|| ())).unwrap();
        let mut known = Known::default();
        let most = LINE_QUANTITY_MAX;
        let all = |cells: &[(&str, &str, u32, bool)]| -> BTreeMap<(String, String), (u32, bool)> {
            cells.iter().map(|(s, l, units, counted)| ((s.to_string(), l.to_string()), (*units, *counted))).collect()
        };
        known.hear_all(&shop, &mut live);
        let everywhere = all(&[("GIFT", "s1", most, false), ("GIFT", "s2", most, false)]);
        assert_eq!(known.cells, everywhere, "{mode:?}");
        // A cell is made, and is told as what it was told to be.
        let held = shop.reserve(&[("GIFT", "s1", 2)]);
        known.hear_all(&shop, &mut live);
        assert_eq!(known.cells, everywhere, "{mode:?}");
        shop.cancel(held.id).unwrap();
        // Counted again, what had no cell is gone.
        track(&shop, "GIFT", true).unwrap();
        known.hear_all(&shop, &mut live);
        assert_eq!(known.cells, all(&[("GIFT", "s1", 0, true)]), "{mode:?}");
        let cursor = live.cursor().unwrap();
        track(&shop, "GIFT", false).unwrap();
        known.hear_all(&shop, &mut live);
        assert_eq!(known.cells, everywhere, "{mode:?}");
        // Somebody declares a place, another joins the group, and leaves it again.
        shop.declare(&["late", "s4"]);
        known.hear_all(&shop, &mut live);
        assert!(known.cells.contains_key(&("GIFT".to_owned(), "late".to_owned())), "{mode:?} {:?}", known.cells);
        shop.put_group("g", &["s2", "s4"]);
        known.hear_all(&shop, &mut live);
        assert_eq!(known.cells.len(), 4, "{mode:?} {:?}", known.cells);
        shop.put_group("g", &["s2"]);
        known.hear_all(&shop, &mut live);
        assert_eq!(known.cells.len(), 3, "{mode:?} {:?}", known.cells);
        assert_eq!(known.resets, 0);
        live.untrack(&[name("GIFT")]).unwrap();
        known.hear_all(&shop, &mut live);
        assert_eq!(known.cells, all(&[]), "{mode:?}");
        // Who was away starts over.
        let mut away = shop.engine.feed().subscribe(selection, mode, Start::Cursor(cursor), Arc::new(|| ())).unwrap();
        let mut known = Known::default();
        known.hear_all(&shop, &mut away);
        assert_eq!((known.resets, known.cells.len()), (1, 3), "{mode:?}");
        audit(&shop);
    }
}

#[test]
fn a_replay_knows_since_when_it_is_counted() {
    let shop = Shop::on(
        MemoryDisk::default(),
        ManualClock::at(START_MS),
        Settings { lost_demand_seconds: 0, ..Settings::default() },
    );
    shop.declare(&["s1", "s2"]);
    shop.put_group("g", &["s1", "s2"]);
    shop.receive("CARD", "s1", 3);
    shop.receive("TEE", "s1", 9);
    let first = shop.reserve(&[("CARD", "s1", 2), ("TEE", "s1", 1)]);
    shop.confirm(first.id).unwrap();
    shop.collect(first.id).unwrap();
    shop.count("CARD", "s1", 0);
    track(&shop, "CARD", false).unwrap();
    let second = shop.reserve(&[("CARD", "s1", 50), ("TEE", "s1", 1)]);
    let mut third = hold_in_group(&[("CARD", "g", 7)]);
    third.supersedes = [second.id].into_iter().collect();
    let third = shop.try_reserve(third).unwrap();
    shop.sell("CARD", "s1", 4);
    shop.cancel(third.id).unwrap();
    track(&shop, "CARD", true).unwrap();
    shop.receive("CARD", "s1", 2);
    let last = shop.reserve(&[("CARD", "s1", 2)]);
    let last_seq = shop.engine.state().view.seq();
    let replayed = |after, until| {
        let question = what_if::Question { after, until: Some(until), ..what_if::Question::default() };
        let report = shop.engine.what_if(&question, &AtomicBool::new(false)).unwrap();
        let sum = |of| what_if::Report::sum(of);
        assert_eq!(report.replayed, report.what_if);
        (sum(&report.actual), sum(&report.replayed))
    };
    for after in 0..last_seq {
        for until in after + 1..=last_seq {
            let (actual, told) = replayed(after, until);
            assert_eq!(actual, told, "{after} to {until}");
        }
    }
    assert!(last.id.0 <= last_seq);
    audit(&shop);
}

/// Random lives of it alone, from several threads, cut off and started again.
#[test]
fn lives_lead_to_nothing_but_what_is_promised() {
    for seed in seeds(&[], 4) {
        let mut numbers = Numbers(seed.value() | 1);
        let mut shop = open();
        shop.put_group("g", &["s1", "s2"]);
        for _ in 0..2 {
            std::thread::scope(|scope| {
                for _ in 0..3 {
                    let mut numbers = Numbers(numbers.below(u64::MAX) | 1);
                    let shop = &shop;
                    scope.spawn(move || live(shop, &mut numbers));
                }
            });
            // Whatever is due is over, so that nothing ends with the restart.
            shop.clock.advance(10_000);
            crate::common::life::settle(&shop);
            shop.wait_until("nothing is in flight", || shop.engine.in_flight() == 0);
            let state = shop.engine.state();
            for text in ["s1", "s2"] {
                let cell = shop.level("GIFT", text);
                let counted = state.catalogue.is_tracked(sku(&shop, "GIFT"));
                assert!(counted || cell.free() == 0, "{cell:?}");
            }
            shop.check_promises();
            audit(&shop);
            let before = hash(&shop.engine).1;
            let (disk, clock) = (shop.disk.clone(), shop.clock.clone());
            drop(shop);
            disk.crash(0);
            shop = Shop::on(disk, clock, Settings::default());
            assert_eq!(hash(&shop.engine).1, before);
            audit(&shop);
        }
    }
}

fn live(shop: &Shop, numbers: &mut Numbers) {
    let mut made = Vec::new();
    for _ in 0..120 {
        let place = ["s1", "s2"][numbers.below(2) as usize];
        let some = made.get(numbers.below(made.len().max(1) as u64) as usize).copied();
        let done = match numbers.below(10) {
            0..=3 => {
                let units = 1 + numbers.below(4) as u32;
                let mut request = match numbers.below(3) {
                    0 => hold_in_group(&[("GIFT", "g", units)]),
                    _ => hold(&[("GIFT", place, units), ("TEE", "s1", 1)]),
                };
                request.allow_partial = true;
                request.ttl_seconds = 1 + numbers.below(3) as u32;
                request.supersedes = some.filter(|_| numbers.below(3) == 0).into_iter().collect();
                shop.try_reserve(request).map(|reservation| made.push(reservation.id))
            }
            4 => {
                let kind = [MovementKind::Sale, MovementKind::Receipt][numbers.below(2) as usize];
                let change = if kind == MovementKind::Sale { -1 } else { 1 };
                shop.try_move(vec![shop.movement(kind, "GIFT", place, change)]).map(drop)
            }
            5 => shop.try_count("GIFT", place, numbers.below(3) as i32, None).map(drop),
            6 => track(shop, "GIFT", numbers.below(3) == 0).map(drop),
            7 => {
                shop.clock.advance(700);
                Ok(())
            }
            _ => match some {
                Some(id) => match numbers.below(4) {
                    0 => shop.confirm(id),
                    1 => shop.try_step(id, StepRequest::Bind { lines: None }),
                    2 => shop.collect(id),
                    _ => shop.cancel(id),
                }
                .map(drop),
                None => Ok(()),
            },
        };
        match done {
            Ok(()) | Err(Failure::Refused(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }
}
