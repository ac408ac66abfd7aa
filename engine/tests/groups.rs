//! Promises of the network: asked of a group, held somewhere in it, bound later.

use anaquel_engine::reservation;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::common::{Shop, audit, hold, hold_in_group, name, rule};
use anaquel_engine::admission::Target;
use anaquel_engine::command::{Failure, Reallocation, Refusal, StepRequest};
use anaquel_engine::event::Event;
use anaquel_engine::ids::LocationId;
use anaquel_engine::level::Constraint;
use anaquel_engine::reservation::Reservation;
use anaquel_engine::rules::{Amount, Effect};
use anaquel_engine::settings::Settings;

fn places(shop: &Shop, reservation: &Reservation) -> Vec<(String, u32)> {
    let names = &shop.engine.state().catalogue.locations;
    let mut places: Vec<_> =
        reservation.lines.iter().map(|line| (names.name(line.location).to_string(), line.outstanding())).collect();
    places.retain(|(_, units)| *units > 0);
    places.sort();
    places
}

fn location(shop: &Shop, text: &str) -> LocationId {
    shop.engine.state().catalogue.locations.id(text).unwrap()
}

fn to(shop: &Shop, place: &str) -> Reallocation {
    let sku = shop.engine.state().catalogue.skus.id("A").unwrap();
    Reallocation { sku, group: None, from: None, to: Some(location(shop, place)), quantity: None }
}

#[test]
fn the_location_that_fewest_groups_share_goes_first() {
    let shop = Shop::open();
    for place in ["a", "b", "c"] {
        shop.receive("A", place, 1);
    }
    shop.put_group("west", &["a", "b"]);
    shop.put_group("east", &["b", "c"]);
    let made = shop.try_reserve(hold_in_group(&[("A", "east", 1)])).unwrap();
    assert_eq!(places(&shop, &made), [("c".to_owned(), 1)]);
    let made = shop.try_reserve(hold_in_group(&[("A", "west", 2)])).unwrap();
    assert_eq!(places(&shop, &made), [("a".to_owned(), 1), ("b".to_owned(), 1)], "a line may stand in several places");
    assert_eq!(shop.refusal(hold_in_group(&[("A", "east", 1)])), (Constraint::Group, 0));
    assert_eq!(shop.refusal(hold_in_group(&[("B", "east", 1)])).0, Constraint::UnknownCell);
    audit(&shop);
}

#[test]
fn open_promises_make_room_for_others_along_a_chain() {
    let shop = Shop::open();
    for place in ["a", "b", "c", "d"] {
        shop.receive("A", place, 1);
    }
    shop.put_group("ab", &["a", "b"]);
    shop.put_group("bc", &["b", "c"]);
    shop.put_group("cd", &["c", "d"]);
    // Fill so that only a chain of moves makes room: ab at a, bc at b, cd at c.
    let first = shop.try_reserve(hold_in_group(&[("A", "ab", 1)])).unwrap();
    let second = shop.try_reserve(hold_in_group(&[("A", "bc", 1)])).unwrap();
    let third = shop.try_reserve(hold_in_group(&[("A", "cd", 1)])).unwrap();
    // Whoever names a location that is held by an open promise gets it, as long as that can go elsewhere.
    for place in ["a", "b", "c", "d"] {
        let taken = shop.try_reserve(hold(&[("A", place, 1)])).unwrap_or_else(|failure| panic!("{place}: {failure}"));
        shop.check_promises();
        audit(&shop);
        shop.cancel(taken.id).unwrap();
    }
    let whole = shop.try_reserve(hold(&[("A", "a", 1)])).unwrap();
    for group in ["ab", "bc", "cd"] {
        assert_eq!(shop.refusal(hold_in_group(&[("A", group, 1)])), (Constraint::Group, 0));
    }
    assert_eq!(shop.refusal(hold(&[("A", "d", 1)])).0, Constraint::Reserved);
    for made in [first.id, second.id, third.id, whole.id] {
        shop.cancel(made).unwrap();
    }
    assert_eq!(["a", "b", "c", "d"].map(|place| shop.level("A", place).reserved), [0; 4]);
    audit(&shop);
}

#[test]
fn binding_makes_the_place_public_and_moves_it_where_it_is_wanted() {
    let shop = Shop::open();
    shop.receive("A", "a", 3);
    shop.receive("A", "b", 3);
    shop.put_group("g", &["a", "b"]);
    let made = shop.try_reserve(hold_in_group(&[("A", "g", 2)])).unwrap();
    let order = shop.confirm(made.id).unwrap();
    assert!(matches!(shop.collect(order.id), Err(Failure::Refused(Refusal::Unallocated(_)))));
    let bound = shop.try_step(order.id, StepRequest::Bind { lines: Some(vec![to(&shop, "b")]) }).unwrap();
    assert_eq!((places(&shop, &bound), bound.is_unallocated()), (vec![("b".to_owned(), 2)], false));
    assert_eq!((shop.level("A", "a").reserved, shop.level("A", "b").reserved), (0, 2));
    let again = shop.try_step(order.id, StepRequest::Bind { lines: None }).unwrap();
    assert_eq!(again.version, bound.version, "bound is bound");
    let one = Reallocation { quantity: Some(1), ..to(&shop, "a") };
    let moved = shop.try_step(order.id, StepRequest::Reallocation { lines: vec![one] }).unwrap();
    assert_eq!(places(&shop, &moved), [("a".to_owned(), 1), ("b".to_owned(), 1)]);
    assert_eq!(moved.as_of(bound.version), *bound, "the record as it was can still be told");
    assert_eq!(moved.as_of(made.id.0).lines, made.lines);
    let reallocated = |record: &anaquel_engine::event::Record| {
        matches!(record.event, Event::Reservations(reservation::event::Event::Reallocated(_)))
    };
    assert_eq!(shop.engine.events(0, usize::MAX).unwrap().iter().filter(|record| reallocated(record)).count(), 2);
    shop.collect(order.id).unwrap();
    assert_eq!((shop.level("A", "a").on_hand, shop.level("A", "b").on_hand), (2, 2));
    audit(&shop);
    shop.restart().check_promises();
}

#[test]
fn a_place_without_room_refuses_a_rebind_and_leaves_everything_as_it_is() {
    let shop = Shop::open();
    shop.receive("A", "a", 1);
    shop.receive("A", "b", 1);
    let mine = shop.reserve(&[("A", "a", 1)]);
    shop.reserve(&[("A", "b", 1)]);
    let refused = shop.try_step(mine.id, StepRequest::Reallocation { lines: vec![to(&shop, "b")] }).unwrap_err();
    assert!(matches!(refused, Failure::Refused(Refusal::Insufficient(_))), "{refused}");
    assert_eq!((shop.level("A", "a").reserved, shop.level("A", "b").reserved), (1, 1));
    shop.put_group("g", &["a", "b"]);
    audit(&shop);
}

#[test]
fn two_groups_that_share_their_stores_sell_the_last_units_exactly() {
    const BUYERS: usize = 100_000;
    const THREADS: usize = 8;
    let shop = Shop::open();
    let stores: Vec<String> = (0..14).map(|n| format!("s{n:02}")).collect();
    for store in &stores {
        shop.receive("A", store, 100);
    }
    let of = |range: std::ops::Range<usize>| stores[range].iter().map(String::as_str).collect::<Vec<_>>();
    shop.put_group("left", &of(0..12));
    shop.put_group("right", &of(2..14));
    let (sold, refused) = (AtomicU32::new(0), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (shop, sold, refused, stores) = (&shop, &sold, &refused, &stores);
            scope.spawn(move || {
                for n in 0..BUYERS / THREADS {
                    let mut request = hold_in_group(&[("A", if (n + thread) % 2 == 0 { "left" } else { "right" }, 1)]);
                    if n % 50 == 7 {
                        // And some that want the very store, beside them.
                        request.lines[0].place = Target::Location(name(&stores[n % 14]));
                    }
                    match shop.try_reserve(request) {
                        Ok(_) => sold.fetch_add(1, Ordering::Relaxed),
                        Err(Failure::Refused(Refusal::Insufficient(_))) => refused.fetch_add(1, Ordering::Relaxed),
                        Err(other) => panic!("{other}"),
                    };
                }
            });
        }
    });
    assert_eq!((sold.into_inner(), refused.into_inner()), (1400, BUYERS as u32 - 1400));
    let left: i64 = stores.iter().map(|store| shop.level("A", store).free()).sum();
    assert_eq!(left, 0);
    shop.check_promises();
    audit(&shop);
}

#[test]
fn a_flash_sale_under_quotas_sells_each_channel_its_share() {
    const BUYERS: usize = 50_000;
    let shop = Shop::open();
    shop.receive("A", "s0", 600);
    shop.receive("A", "s1", 400);
    for (channel, units) in [("web", 500), ("app", 300), ("pos", 200)] {
        let quota = Effect::Quota { share: Amount::Units(units), minimum: 0, spill_over: true };
        let fields = anaquel_engine::command::RuleFields { channels: vec![name(channel)], ..rule(quota) };
        shop.put_rule(channel, Some(fields)).unwrap();
    }
    shop.put_group("all", &["s0", "s1"]);
    let sold = [AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0)];
    let buy = |channel: usize, n: usize| {
        let mut request = match n % 3 {
            0 => hold_in_group(&[("A", "all", 1)]),
            1 => hold(&[("A", "s0", 1)]),
            _ => hold(&[("A", "s1", 1)]),
        };
        request.channel = name(["web", "app", "pos"][channel]);
        match shop.try_reserve(request) {
            Ok(_) => drop(sold[channel].fetch_add(1, Ordering::Relaxed)),
            Err(Failure::Refused(Refusal::Insufficient(_))) => {}
            Err(other) => panic!("{other}"),
        }
    };
    std::thread::scope(|scope| {
        for thread in 0..6 {
            scope.spawn(move || (0..BUYERS / 6).for_each(|n| buy((n + thread) % 3, n / 3)));
        }
    });
    assert_eq!(sold.map(AtomicU32::into_inner), [500, 300, 200]);
    audit(&shop);
    // A unit given back by one channel is that channel's again, also after a restart.
    let shop = shop.restart();
    let state = shop.engine.state();
    let web = shop.engine.list(&Default::default(), shop.engine.now(), None, 5000).unwrap().items;
    let web = web.into_iter().find(|made| state.catalogue.channels.name(made.channel).as_str() == "web").unwrap();
    shop.cancel(web.id).unwrap();
    let mut app = hold_in_group(&[("A", "all", 1)]);
    app.channel = name("app");
    assert_eq!(shop.refusal(app).0, Constraint::Quota);
    shop.try_reserve(hold_in_group(&[("A", "all", 1)])).unwrap();
    audit(&shop);
}

#[test]
fn spill_over_takes_what_nobody_has_a_share_of_and_a_fence_does_not() {
    for (spill_over, expected) in [(true, 60), (false, 50)] {
        let shop =
            Shop::on(Default::default(), crate::common::ManualClock::at(crate::common::START_MS), Settings::default());
        shop.receive("A", "s0", 100);
        for (channel, units) in [("web", 50), ("app", 40)] {
            let quota = Effect::Quota { share: Amount::Units(units), minimum: 0, spill_over };
            let fields = anaquel_engine::command::RuleFields { channels: vec![name(channel)], ..rule(quota) };
            shop.put_rule(channel, Some(fields)).unwrap();
        }
        let mut request = hold(&[("A", "s0", 1000)]);
        request.allow_partial = true;
        assert_eq!(shop.try_reserve(request).unwrap().lines[0].quantity, expected);
        let mut till = hold(&[("A", "s0", 100 - expected - 39)]);
        till.channel = name("pos");
        assert_eq!(shop.refusal(till), (Constraint::Quota, 100 - expected - 40), "the app's share is kept for it");
        audit(&shop);
    }
}

#[test]
fn a_percentage_of_what_there_is_does_not_shrink_as_it_is_handed_over() {
    let shop = Shop::open();
    shop.receive("A", "s0", 100);
    for (channel, percent) in [("web", 60), ("app", 40)] {
        let quota = Effect::Quota { share: Amount::Percent(percent), minimum: 5, spill_over: false };
        let fields = anaquel_engine::command::RuleFields { channels: vec![name(channel)], ..rule(quota) };
        shop.put_rule(channel, Some(fields)).unwrap();
    }
    let all = shop.try_reserve(hold(&[("A", "s0", 60)])).unwrap();
    shop.confirm(all.id).unwrap();
    shop.collect(all.id).unwrap();
    assert_eq!(shop.refusal(hold(&[("A", "s0", 1)])), (Constraint::Quota, 0));
    let mut app = hold(&[("A", "s0", 40)]);
    app.channel = name("app");
    shop.try_reserve(app).unwrap();
    audit(&shop);
}

#[test]
fn open_promises_also_make_up_for_what_a_cell_lacks_of_its_floor() {
    let shop = Shop::open();
    shop.receive("A", "x", 10);
    shop.receive("A", "y", 10);
    shop.put_group("x-first", &["x"]);
    shop.put_group("both", &["x", "y"]);
    shop.put_group("y-too", &["y"]);
    shop.put_group("y-again", &["y"]);
    let ten = shop.try_reserve(hold_in_group(&[("A", "both", 10)])).unwrap();
    assert_eq!(places(&shop, &ten), [("x".to_owned(), 10)], "y is shared by more groups");
    // Five must stay free for everybody from now on: the cell is five below its floor.
    let fields = rule(Effect::SafetyStock(Amount::Units(5)));
    let fields = anaquel_engine::command::RuleFields { locations: vec![name("x")], ..fields };
    shop.put_rule("five", Some(fields)).unwrap();
    shop.reserve(&[("A", "x", 1)]);
    assert_eq!(
        places(&shop, &shop.engine.state().reservations.get(ten.id).unwrap()),
        [("x".to_owned(), 4), ("y".to_owned(), 6)]
    );
    let three = shop.reserve(&[("A", "y", 3)]);
    let moved = shop.try_step(
        three.id,
        StepRequest::Reallocation { lines: vec![Reallocation { quantity: Some(2), ..to(&shop, "x") }] },
    );
    assert!(moved.is_err(), "there is room for one at y and none to go to");
    shop.check_promises();
    audit(&shop);
}

#[test]
fn naming_a_place_binds_what_is_there_and_a_part_is_parted() {
    let shop = Shop::open();
    shop.receive("A", "a", 5);
    shop.put_group("g", &["a"]);
    let made = shop.try_reserve(hold_in_group(&[("A", "g", 3)])).unwrap();
    let one = Reallocation { quantity: Some(1), ..to(&shop, "a") };
    let part = shop.try_step(made.id, StepRequest::Bind { lines: Some(vec![one]) }).unwrap();
    let open: u32 = part.lines.iter().filter(|line| line.unallocated().is_some()).map(|line| line.outstanding()).sum();
    assert_eq!((open, part.outstanding()), (2, 3));
    let rest = shop.try_step(made.id, StepRequest::Reallocation { lines: vec![to(&shop, "a")] }).unwrap();
    assert!(!rest.is_unallocated(), "who names a place knows it from then on");
    assert_eq!(rest.as_of(made.id.0).lines, made.lines);
    audit(&shop);
}

#[test]
fn a_location_that_leaves_its_group_keeps_what_stands_there_and_it_can_be_bound() {
    let shop = Shop::open();
    shop.receive("A", "a", 1);
    shop.put_group("g", &["a"]);
    let made = shop.try_reserve(hold_in_group(&[("A", "g", 1)])).unwrap();
    shop.put_group("g", &[]);
    let bound = shop.try_step(made.id, StepRequest::Bind { lines: None }).unwrap();
    assert_eq!(places(&shop, &bound), [("a".to_owned(), 1)]);
    audit(&shop);
}

#[test]
fn some_units_of_an_open_promise_are_given_back_without_a_place() {
    let shop = Shop::open();
    shop.receive("A", "a", 2);
    shop.receive("A", "b", 2);
    shop.put_group("g", &["a", "b"]);
    let made = shop.try_reserve(hold_in_group(&[("A", "g", 4)])).unwrap();
    let mut units = shop.units("A", "a", 3);
    let probe = shop.try_step(made.id, StepRequest::Cancel { lines: Some(vec![units]), reason: None });
    assert!(probe.is_err(), "where it is, is nobody's business");
    units.location = None;
    let less = shop.try_step(made.id, StepRequest::Cancel { lines: Some(vec![units]), reason: None }).unwrap();
    assert_eq!(less.outstanding(), 1);
    audit(&shop);
}

#[test]
fn a_promise_that_is_pushed_about_has_never_more_lines_than_places() {
    let shop = Shop::open();
    for place in ["a", "b", "c"] {
        shop.receive("A", place, 4);
    }
    shop.put_group("g", &["a", "b", "c"]);
    let made = shop.try_reserve(hold_in_group(&[("A", "g", 6)])).unwrap();
    for n in 0..60 {
        let place = ["a", "b", "c"][n % 3];
        let taken = shop.reserve(&[("A", place, 3)]);
        shop.cancel(taken.id).unwrap();
    }
    let after = shop.engine.state().reservations.get(made.id).unwrap();
    assert!(after.lines.len() <= 3 && after.outstanding() == 6, "{:?}", after.lines);
    assert!(after.changes.len() > 20, "it was pushed about");
    assert_eq!(after.as_of(made.id.0), *made, "and each of its lives can be told");
    audit(&shop);
    let restarted = shop.restart();
    assert_eq!(*restarted.engine.state().reservations.get(made.id).unwrap(), *after);
    audit(&restarted);
}

#[test]
fn what_was_promised_under_an_earlier_quota_gives_nothing_to_a_later_one() {
    let shop = Shop::open();
    shop.receive("A", "s0", 100);
    let quota = Effect::Quota { share: Amount::Units(5), minimum: 0, spill_over: false };
    let fields = || anaquel_engine::command::RuleFields { channels: vec![name("web")], ..rule(quota) };
    shop.put_rule("q", Some(fields())).unwrap();
    let before = shop.reserve(&[("A", "s0", 5)]);
    shop.put_rule("q", None).unwrap();
    shop.put_rule("q", Some(fields())).unwrap();
    shop.reserve(&[("A", "s0", 5)]);
    let mut again = hold(&[("A", "s0", 6)]);
    again.supersedes = [before.id].into();
    assert_eq!(shop.refusal(again.clone()).0, Constraint::Quota);
    again.lines[0].quantity = 5;
    shop.try_reserve(again).unwrap();
    audit(&shop);
}

#[test]
fn nobody_is_pushed_into_another_channel_s_share() {
    let shop = Shop::open();
    shop.receive("A", "x", 10);
    shop.receive("A", "y", 1);
    let quota = Effect::Quota { share: Amount::Units(10), minimum: 0, spill_over: false };
    let fields = rule(quota);
    let fields =
        anaquel_engine::command::RuleFields { channels: vec![name("app")], locations: vec![name("x")], ..fields };
    shop.put_rule("q", Some(fields)).unwrap();
    shop.put_group("g", &["x", "y"]);
    let made = shop.try_reserve(hold_in_group(&[("A", "g", 1)])).unwrap();
    assert_eq!(places(&shop, &made), [("y".to_owned(), 1)]);
    assert_eq!(shop.refusal(hold(&[("A", "y", 1)])).0, Constraint::Reserved);
    let mut app = hold(&[("A", "x", 10)]);
    app.channel = name("app");
    shop.try_reserve(app).unwrap();
    audit(&shop);
}

#[test]
fn a_group_line_that_gets_nothing_stays_with_nothing() {
    let shop = Shop::open();
    shop.receive("A", "a", 1);
    shop.receive("B", "a", 1);
    shop.put_group("g", &["a"]);
    shop.reserve(&[("B", "a", 1)]);
    let mut request = hold_in_group(&[("A", "g", 2), ("B", "g", 3)]);
    request.allow_partial = true;
    let made = shop.try_reserve(request).unwrap();
    let lines: Vec<_> = made.lines.iter().map(|line| (line.requested, line.quantity)).collect();
    assert_eq!(lines, [(2, 1), (3, 0)]);
    let bound = shop.try_step(made.id, StepRequest::Bind { lines: None }).unwrap();
    assert!(!bound.is_unallocated());
    audit(&shop);
    shop.cancel(made.id).unwrap();
    audit(&shop);
}
