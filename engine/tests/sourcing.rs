//! Where each unit of an order comes from: each policy, its limits, and what it costs.

use crate::common::{START_MS, Shop, hold, name, rule};
use anaquel_engine::catalogue::LocationKind;
use anaquel_engine::command::{Command, LocationFields, Precondition, Put, PutWhat};
use anaquel_engine::event::Purpose;
use anaquel_engine::ids::{ChannelId, LocationId, SkuId, Timestamp};
use anaquel_engine::prices::command::RowFields;
use anaquel_engine::prices::list::Currency;
use anaquel_engine::rules::Effect;
use anaquel_engine::sourcing::{Answer, Policy, Question, Sources, SourcingPlan};

/// A degree north is 111 km.
fn place(shop: &Shop, location: &str, north: f64, kind: LocationKind) {
    let fields =
        LocationFields { kind: Some(kind).into(), coordinates: Some((north, 0.0)).into(), ..LocationFields::default() };
    let put = Put { what: PutWhat::Location(name(location), fields), precondition: Precondition::default() };
    shop.engine.run(|engine, done| engine.submit(Command::from(put), None, done)).unwrap();
}

/// A warehouse far away that has everything, a store nearby with some, a store next to it with some.
fn shop() -> Shop {
    let shop = Shop::open();
    place(&shop, "dc", 5.0, LocationKind::Warehouse);
    place(&shop, "near", 0.1, LocationKind::Store);
    place(&shop, "next", 0.5, LocationKind::Store);
    for (location, a, b) in [("dc", 50, 50), ("near", 2, 0), ("next", 3, 4)] {
        shop.receive("A", location, a);
        if b > 0 {
            shop.receive("B", location, b);
        }
    }
    shop
}

fn location(shop: &Shop, location: &str) -> LocationId {
    shop.engine.state().catalogue.locations.id(location).unwrap()
}

fn question(shop: &Shop, lines: &[(&str, u32)], policy: Policy) -> Question {
    let sku = |sku: &str| shop.engine.state().catalogue.skus.id(sku).unwrap();
    Question {
        lines: lines.iter().map(|(text, units)| (sku(text), *units, None)).collect(),
        near: Some((0.0, 0.0)),
        sources: Sources::Shipping,
        channel: None,
        purpose: Purpose::Delivery,
        weights: policy.weights(),
        shipments_max: if policy == Policy::WholeOrder { 1 } else { 9 },
        now: shop.engine.now(),
        limits: Default::default(),
    }
}

/// Place by place, the units of each line.
fn told(shop: &Shop, plan: &SourcingPlan) -> Vec<(String, Vec<(usize, u32)>)> {
    let locations = &shop.engine.state().catalogue.locations;
    plan.shipments.iter().map(|s| (locations.name(s.location).to_string(), s.lines.clone())).collect()
}

fn source(shop: &Shop, question: &Question) -> Answer {
    shop.engine.state().source(question).1
}

fn best(shop: &Shop, lines: &[(&str, u32)], policy: Policy) -> Vec<(String, Vec<(usize, u32)>)> {
    told(shop, &source(shop, &question(shop, lines, policy)).best.unwrap())
}

#[test]
fn each_policy_does_what_its_name_says() {
    let shop = shop();
    let at = |place: &str, lines: &[(usize, u32)]| (place.to_owned(), lines.to_vec());
    let order = [("A", 4), ("B", 1)];
    assert_eq!(best(&shop, &order, Policy::Nearest), [at("near", &[(0, 2)]), at("next", &[(0, 2), (1, 1)])]);
    assert_eq!(best(&shop, &order, Policy::FewestShipments), [at("dc", &[(0, 4), (1, 1)])]);
    assert_eq!(best(&shop, &[("A", 3), ("B", 1)], Policy::FewestShipments), [at("next", &[(0, 3), (1, 1)])]);
    assert_eq!(best(&shop, &order, Policy::WholeOrder), [at("dc", &[(0, 4), (1, 1)])]);
    assert_eq!(best(&shop, &order, Policy::StoresLast), [at("dc", &[(0, 4), (1, 1)])]);
    assert_eq!(best(&shop, &[("A", 52)], Policy::StoresLast), [at("dc", &[(0, 50)]), at("near", &[(0, 2)])]);
    assert_eq!(best(&shop, &order, Policy::MostStock), [at("dc", &[(0, 4), (1, 1)])]);
    let mut priority = question(&shop, &order, Policy::Priority);
    priority.sources = Sources::Named(vec![location(&shop, "next"), location(&shop, "dc"), location(&shop, "near")]);
    let plan = source(&shop, &priority).best.unwrap();
    assert_eq!(told(&shop, &plan), [at("next", &[(0, 3), (1, 1)]), at("dc", &[(0, 1)])]);
    assert!((plan.score - (1.0 + 0.002)).abs() < 1e-9 && (plan.parts.priority - 1.0).abs() < 1e-9, "{plan:?}");
}

#[test]
fn balance_takes_from_where_it_lasts_longest() {
    let shop = shop();
    // The warehouse sells out in days, the store next door in months.
    for _ in 0..20 {
        shop.clock.advance(86_400_000);
        shop.sell("A", "dc", 2);
    }
    shop.sell("A", "near", 1);
    let rate = shop.engine.state().rates.per_day(SkuId(0), location(&shop, "dc"), shop.engine.now());
    assert!((1.0..2.2).contains(&rate), "{rate}");
    assert_eq!(best(&shop, &[("A", 2)], Policy::Balance), [("next".to_owned(), vec![(0, 2)])]);
    let shop = shop.restart();
    assert_eq!(shop.engine.state().rates.per_day(SkuId(0), location(&shop, "dc"), shop.engine.now()), rate);
}

#[test]
fn the_runner_up_uses_other_places_and_costs_more() {
    let shop = shop();
    let answer = source(&shop, &question(&shop, &[("A", 2)], Policy::Nearest));
    let (best, second) = (answer.best.unwrap(), answer.runner_up.unwrap());
    assert_eq!(told(&shop, &best), [("near".to_owned(), vec![(0, 2)])]);
    assert_ne!(told(&shop, &second), told(&shop, &best));
    assert!(second.score > best.score);
}

#[test]
fn what_no_allowed_number_of_places_has_is_missing() {
    let shop = shop();
    let mut one = question(&shop, &[("A", 53)], Policy::Nearest);
    one.shipments_max = 1;
    let answer = source(&shop, &one);
    assert_eq!((answer.best.unwrap().missing, answer.anywhere), (vec![3], vec![53]));
    let all = source(&shop, &question(&shop, &[("A", 99)], Policy::Nearest));
    assert_eq!((all.best.unwrap().missing, all.anywhere), (vec![44], vec![55]));
}

#[test]
fn rules_capacity_and_what_is_to_come_count() {
    let shop = shop();
    let mut denied = rule(Effect::Access(false));
    denied.locations = vec![name("near")];
    shop.put_rule("no", Some(denied)).unwrap();
    assert_eq!(best(&shop, &[("A", 2)], Policy::Nearest), [("next".to_owned(), vec![(0, 2)])]);
    let mut limit = rule(Effect::Capacity { orders_per_day: 1 });
    limit.locations = vec![name("next")];
    shop.put_rule("one", Some(limit)).unwrap();
    let mut order = hold(&[("A", "next", 1)]);
    order.purpose = Purpose::Delivery;
    shop.try_reserve(order).unwrap();
    let answer = source(&shop, &question(&shop, &[("A", 2)], Policy::Nearest));
    assert_eq!(told(&shop, &answer.best.unwrap()), [("dc".to_owned(), vec![(0, 2)])]);
    assert_eq!(answer.full, [location(&shop, "next")]);
    shop.supply("po", "A", "dc", 10, 3600);
    let mut later = question(&shop, &[("A", 55)], Policy::Nearest);
    assert_eq!(source(&shop, &later).best.unwrap().missing, [5]);
    later.lines[0].2 = Some(Timestamp(START_MS + 7_200_000));
    assert!(source(&shop, &later).best.unwrap().is_complete());
}

#[test]
fn an_order_is_worth_what_its_channel_pays_or_everybody() {
    let shop = shop();
    let price = |sku: &str, channel: Option<&str>, amount| RowFields {
        channel: channel.map(name),
        ..RowFields::base(name(sku), Currency(*b"EUR"), amount)
    };
    let rows = vec![price("A", None, 500), price("A", Some("web"), 400), price("B", None, 100)];
    let load = Command::load(anaquel_engine::command::Rows::Prices(rows), false);
    shop.engine.run(|engine, done| engine.submit(load, None, done)).unwrap();
    let (a, b) = (
        question(&shop, &[("A", 1)], Policy::Nearest).lines[0].0,
        question(&shop, &[("B", 1)], Policy::Nearest).lines[0].0,
    );
    let (state, now) = (shop.engine.state(), shop.engine.now());
    assert_eq!(state.order_value(&[(a, 2), (b, 1)], "web", "EUR", now), Some(900));
    assert_eq!(state.order_value(&[(a, 2), (b, 1)], "app", "EUR", now), Some(1100));
    assert_eq!(state.order_value(&[(a, 2)], "web", "USD", now), None);
    let mut cheap = rule(Effect::PickupOnly { below: 901, currency: *b"EUR" });
    cheap.channels = vec![name("web")];
    shop.put_rule("cheap", Some(cheap)).unwrap();
    let web: Option<ChannelId> = state.catalogue.channels.id("web");
    assert!(state.pickup_only(web, |currency| state.order_value(&[(a, 2), (b, 1)], "web", currency, now)).is_some());
    assert!(state.pickup_only(web, |currency| state.order_value(&[(a, 3)], "web", currency, now)).is_none());
    assert!(state.pickup_only(None, |_| Some(0)).is_none());
}
