//! Decisions that rest on one another within one batch.

use crate::common::{START_MS, Shop, hold, level, name};
use anaquel_engine::command::{
    Command, Failure, LocationFields, NameRef, Precondition, Put, PutWhat, Refusal, Row, Rows, SkuFields,
};
use anaquel_engine::event::MovementKind;
use anaquel_engine::journal::memory::Fault;
use anaquel_engine::patch::Patch;
use anaquel_engine::reservation::ReservationState;

#[test]
fn a_late_count_knows_of_a_hand_over_in_its_own_batch() {
    let shop = Shop::open();
    shop.count("A", "s1", 5);
    let order = shop.reserve(&[("A", "s1", 2)]);
    shop.confirm(order.id).unwrap();
    shop.clock.advance(1000);
    shop.in_one_batch::<()>(vec![
        Box::new(|| drop(shop.collect(order.id).unwrap())),
        Box::new(|| assert_eq!(shop.try_count("A", "s1", 5, Some(START_MS + 900)).unwrap().expected, 5)),
    ]);
    assert_eq!(shop.level("A", "s1"), level(3, 0));
    shop.check_promises();
}

#[test]
fn a_hand_over_in_the_millisecond_of_a_count_is_after_it() {
    let shop = Shop::open();
    shop.count("A", "s1", 5);
    let order = shop.reserve(&[("A", "s1", 2)]);
    shop.confirm(order.id).unwrap();
    shop.collect(order.id).unwrap();
    shop.try_count("A", "s1", 5, Some(START_MS)).unwrap();
    assert_eq!(shop.level("A", "s1"), level(3, 0));
}

#[test]
fn a_sale_that_came_first_refuses_what_was_admitted() {
    let shop = Shop::open();
    shop.receive("A", "s1", 1);
    let order = shop.reserve(&[("A", "s1", 1)]);
    // The reservation finds nothing to admit, but the durable view does not confirm a refusal once the cancel is in.
    shop.in_one_batch::<()>(vec![
        Box::new(|| drop(shop.cancel(order.id).unwrap())),
        Box::new(|| drop(shop.try_move(vec![shop.movement(MovementKind::Adjustment, "A", "s1", -1)]).unwrap())),
    ]);
    assert_eq!(shop.level("A", "s1"), level(0, 0));
    shop.check_promises();
}

#[test]
fn a_refusal_that_rests_on_the_batch_is_not_told_when_the_batch_comes_to_nothing() {
    let shop = Shop::open();
    shop.receive("A", "s1", 1);
    let order = shop.reserve(&[("A", "s1", 1)]);
    shop.disk.inject(1, Fault::Full);
    let outcomes = shop.queued_together(vec![
        Box::new(|| shop.cancel(order.id).map(|record| record.state)),
        Box::new(|| shop.confirm(order.id).map(|record| record.state)),
    ]);
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(Failure::ReadOnly(_)))), "{outcomes:?}");
    assert_eq!(shop.confirm(order.id).unwrap().state, ReservationState::Confirmed);
    shop.check_promises();
}

#[test]
fn cancel_and_confirm_in_one_batch_are_decided_in_order() {
    let shop = Shop::open();
    shop.receive("A", "s1", 1);
    let order = shop.reserve(&[("A", "s1", 1)]);
    let outcomes = shop.in_one_batch(vec![
        Box::new(|| shop.cancel(order.id).map(|record| record.state)) as Box<dyn FnOnce() -> _ + Send>,
        Box::new(|| shop.confirm(order.id).map(|record| record.state)),
    ]);
    assert!(matches!(outcomes[0], Ok(ReservationState::Cancelled)));
    assert!(matches!(outcomes[1], Err(Failure::Refused(Refusal::WrongState(ReservationState::Cancelled)))));
    assert_eq!(shop.level("A", "s1"), level(1, 0));
    shop.check_promises();
}

fn put_location(shop: &Shop, groups: &[&str]) {
    let fields =
        LocationFields { groups: Patch::Set(groups.iter().map(|group| name(group)).collect()), ..Default::default() };
    let put = Put { what: PutWhat::Location(name("s1"), fields), precondition: Precondition::default() };
    shop.engine.run(|engine, done| engine.submit(Command::from(put), None, done)).unwrap();
}

#[test]
fn a_location_is_in_exactly_the_groups_it_was_last_put_into() {
    let shop = Shop::open();
    shop.queued_together::<()>(vec![
        Box::new(|| put_location(&shop, &["A", "B"])),
        Box::new(|| put_location(&shop, &["B", "C"])),
    ]);
    let catalogue = &shop.engine.state().catalogue;
    let location = catalogue.locations.id("s1").unwrap();
    let groups: Vec<_> =
        catalogue.groups_of(location).into_iter().map(|g| catalogue.groups.name(g).to_string()).collect();
    assert_eq!(groups, ["B", "C"]);
}

#[test]
fn what_is_refused_defines_nothing() {
    let shop = Shop::open();
    let before = shop.engine.state().view.seq();
    let far = shop.try_count("NEW", "s9", 1, Some(START_MS * 2)).unwrap_err();
    assert!(matches!(far, Failure::Refused(Refusal::Invalid { .. })));
    let fields = SkuFields { gtin: Patch::Set("4006381333932".into()), ..Default::default() };
    let rows = Rows::Skus(vec![Row { line: 2, id: NameRef::New(name("NEW-2")), fields }]);
    let load = Command::load(rows, false);
    shop.engine.run(|engine, done| engine.submit(load, None, done)).unwrap();
    assert_eq!(shop.engine.state().view.seq(), before, "the log holds nothing of it");
    shop.receive("B", "s1", 1);
    assert!(shop.engine.state().catalogue.skus.id("NEW").is_none());
    assert!(shop.engine.state().catalogue.skus.id("NEW-2").is_none());
    assert!(shop.engine.state().catalogue.locations.id("s9").is_none());
}

#[test]
fn an_atomic_load_with_a_bad_row_leaves_nothing_behind_in_its_batch() {
    let shop = Shop::open();
    let load = |gtin: Option<&str>, atomic: bool| {
        let fields = |product: &str| SkuFields { product: Patch::Set(product.into()), ..Default::default() };
        let bad = SkuFields { gtin: gtin.map(str::to_owned).into(), ..Default::default() };
        let rows = Rows::Skus(vec![
            Row { line: 2, id: NameRef::New(name("A")), fields: fields("P") },
            Row { line: 3, id: NameRef::New(name("B")), fields: bad },
        ]);
        let load = Command::load(rows, atomic);
        shop.engine.run(|engine, done| engine.submit(load, None, done)).is_ok()
    };
    let done = shop.in_one_batch::<bool>(vec![Box::new(|| load(Some("1"), true)), Box::new(|| load(None, true))]);
    assert_eq!(done, [false, true]);
    let catalogue = &shop.engine.state().catalogue;
    let product = catalogue.skus.details_or_default(catalogue.skus.id("A").unwrap()).product;
    assert_eq!(product.as_deref(), Some("P"), "the second load was not taken for one that changes nothing");
}

#[test]
fn a_hundred_thousand_names_in_one_load_fit_their_records() {
    let shop = Shop::open();
    let row = |n: u64| {
        let sku = name(&format!("A-LONG-NAME-FOR-A-SKU-THAT-TAKES-ROOM-{n:020}"));
        Row { line: n, id: NameRef::New(sku), fields: SkuFields::default() }
    };
    let load = Command::load(Rows::Skus((0..100_000).map(row).collect()), true);
    shop.engine.run(|engine, done| engine.submit(load, None, done)).unwrap();
    assert_eq!(shop.engine.state().catalogue.skus.count(), 100_000);
    let shop = shop.restart();
    assert_eq!(shop.engine.state().catalogue.skus.count(), 100_000);
}

#[test]
fn a_partial_promise_makes_no_cell_where_it_got_nothing() {
    let shop = Shop::open();
    shop.receive("A", "s1", 1);
    shop.receive("B", "s2", 1);
    let mut request = hold(&[("A", "s1", 1), ("A", "s2", 1)]);
    request.allow_partial = true;
    shop.try_reserve(request).unwrap();
    let catalogue = &shop.engine.state().catalogue;
    let ids = (catalogue.skus.id("A").unwrap(), catalogue.locations.id("s2").unwrap());
    assert!(shop.engine.state().matrix.get(ids.0, ids.1).is_none());
    shop.check_promises();
}

#[test]
fn a_partial_hold_may_grow_out_of_its_own_units() {
    let shop = Shop::open();
    shop.receive("A", "s1", 2);
    let old = shop.reserve(&[("A", "s1", 2)]);
    let mut request = hold(&[("A", "s1", 5)]);
    request.allow_partial = true;
    request.supersedes = [old.id].into();
    let new = shop.try_reserve(request).unwrap();
    assert_eq!(new.lines[0].quantity, 2);
    assert_eq!(shop.level("A", "s1"), level(2, 2));
    shop.check_promises();
}
