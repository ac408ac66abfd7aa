//! Promises of what nobody counts.

use anaquel_engine::advice::{TrialLine, TrialPlace};
use anaquel_engine::catalogue::LocationKind;
use anaquel_engine::command::{Failure, LocationFields, PutWhat, Reallocation, StepRequest};
use anaquel_engine::event::Purpose;
use anaquel_engine::ids::SkuId;
use anaquel_engine::level::{Constraint, LINE_QUANTITY_MAX};
use anaquel_engine::patch::Patch;
use anaquel_engine::pickup::PickupQuestion;
use anaquel_engine::rules::{Amount, Effect};
use anaquel_engine::sourcing::{Policy, Question, Sources};

use super::{at, available, open, seen, sku};
use crate::common::{audit, hash, hold, hold_in_group, level, name, rule};

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
