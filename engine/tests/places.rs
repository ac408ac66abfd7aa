//! What a location takes no orders for: nobody is promised anything there, by any way, and nobody's promise is moved there.

use anaquel_engine::demand;
use std::collections::{BTreeMap, BTreeSet};

use crate::common::{Numbers, START_MS, Shop, audit, hold, hold_in_group, hold_to_come, name, rule};
use anaquel_engine::admission::ReserveRequest;
use anaquel_engine::command::{Failure, LocationFields, PutWhat, Reallocation, Refusal, StepRequest};
use anaquel_engine::event::{Event, Purpose};
use anaquel_engine::ids::{LocationId, ReservationId, Timestamp};
use anaquel_engine::level::Constraint;
use anaquel_engine::pickup::PickupQuestion;
use anaquel_engine::reservation::ReservationState;
use anaquel_engine::rules::{Amount, Effect};
use anaquel_seeds::seeds;

fn put(shop: &Shop, location: &str, pickup: bool, ship: bool) {
    let fields = LocationFields { pickup: Some(pickup).into(), ship: Some(ship).into(), ..LocationFields::default() };
    shop.put(PutWhat::Location(name(location), fields)).unwrap();
}

fn purpose(request: ReserveRequest, purpose: Purpose) -> ReserveRequest {
    ReserveRequest { purpose, ..request }
}

fn pickup(request: ReserveRequest) -> ReserveRequest {
    purpose(request, Purpose::Pickup)
}

#[test]
fn a_pickup_makes_room_only_where_pickups_are_taken() {
    let shop = Shop::open();
    for location in ["s0", "s1", "s2"] {
        shop.receive("A", location, 1);
    }
    put(&shop, "s0", true, true);
    put(&shop, "s1", true, true);
    put(&shop, "s2", false, true);
    shop.put_group("g", &["s0", "s1", "s2"]);
    // Two pickups of the group stand where they may.
    let first = shop.try_reserve(pickup(hold_in_group(&[("A", "g", 2)]))).unwrap();
    let at = |shop: &Shop, id: ReservationId| {
        let (_, known) = shop.engine.state().reservation(id);
        let known = known.unwrap();
        let lines = known.lines.iter().filter(|line| line.quantity > 0);
        lines
            .map(|line| shop.engine.state().catalogue.locations.name(line.location).to_string())
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(at(&shop, first.id), BTreeSet::from(["s0".to_owned(), "s1".to_owned()]));
    // Somebody asks for one of their places: there is room for a delivery at s2, and none for a pickup.
    assert_eq!(shop.refusal(pickup(hold(&[("A", "s0", 1)]))), (Constraint::Reserved, 0));
    assert_eq!(shop.refusal(pickup(hold_in_group(&[("A", "g", 1)]))), (Constraint::Group, 0));
    assert_eq!(at(&shop, first.id), BTreeSet::from(["s0".to_owned(), "s1".to_owned()]), "nothing was moved");
    // Once s2 takes pickups, they make room there.
    put(&shop, "s2", true, true);
    shop.try_reserve(pickup(hold(&[("A", "s0", 1)]))).unwrap();
    assert_eq!(at(&shop, first.id), BTreeSet::from(["s1".to_owned(), "s2".to_owned()]));
    audit(&shop);
}

#[test]
fn what_is_to_come_is_promised_only_where_it_is_taken() {
    let shop = Shop::open();
    shop.receive("A", "s0", 0);
    put(&shop, "s0", false, true);
    put(&shop, "s1", true, true);
    shop.supply("po", "A", "s0", 5, 60);
    shop.put_group("g", &["s0", "s1"]);
    let later = |lines: &[(&str, &str, u32)]| pickup(hold_to_come(lines, 120));
    assert_eq!(shop.refusal(later(&[("A", "s0", 1)])), (Constraint::Access, 0));
    let mut of_group = later(&[("A", "g", 1)]);
    of_group.lines.iter_mut().for_each(|line| line.place = anaquel_engine::admission::Target::Group(name("g")));
    assert_eq!(shop.refusal(of_group).1, 0);
    shop.try_reserve(purpose(hold_to_come(&[("A", "s0", 1)], 120), Purpose::Delivery)).unwrap();
    audit(&shop);
}

#[test]
fn what_was_promised_before_stands() {
    let shop = Shop::open();
    shop.receive("A", "s0", 5);
    put(&shop, "s0", true, true);
    let order = shop.try_reserve(pickup(hold(&[("A", "s0", 2)]))).unwrap();
    put(&shop, "s0", false, true);
    assert_eq!(shop.refusal(pickup(hold(&[("A", "s0", 1)]))), (Constraint::Access, 0));
    shop.confirm(order.id).unwrap();
    shop.collect(order.id).unwrap();
    audit(&shop);
}

/// Random lives in which places begin and cease to take orders, are made up and declared: nobody is promised anything where
/// it is not taken at that moment, nobody is moved there, and what the finder shows is granted.
#[test]
fn no_way_leads_to_where_it_is_not_taken() {
    let (mut lives, mut granted, mut barred) = (0, 0, 0);
    for seed in seeds(&[], 12) {
        lives += 1;
        let (more_granted, more_barred) = live(&mut Numbers::new(seed.value()));
        granted += more_granted;
        barred += more_barred;
    }
    assert!(granted > 4 * lives && barred > 4 * lives, "{granted} were granted, {barred} barred, in {lives} lives");
}

fn live(numbers: &mut Numbers) -> (u32, u32) {
    const PURPOSES: [Purpose; 3] = [Purpose::Cart, Purpose::Pickup, Purpose::Delivery];
    let shop = Shop::open();
    let state = shop.engine.state();
    for location in ["s0", "s1", "s2", "s3"] {
        shop.receive("A0", location, 3);
        shop.receive("A1", location, 3);
    }
    shop.put_group("g0", &["s0", "s1", "s2"]);
    shop.put_group("g1", &["s2", "s3"]);
    let mut stands: BTreeMap<ReservationId, BTreeSet<LocationId>> = BTreeMap::new();
    let (mut granted, mut refused) = (0, 0);
    for step in 0..120 {
        let location = format!("s{}", numbers.below(4));
        let sku = format!("A{}", numbers.below(2));
        match numbers.below(10) {
            0 => put(&shop, &location, numbers.below(2) == 0, numbers.below(2) == 0),
            1 => shop.receive(&sku, &location, 1),
            2 => {
                let floor = rule(Effect::SafetyStock(Amount::Units(numbers.below(2) as u32)));
                shop.put_rule("keep", Some(floor)).unwrap();
            }
            3 => {
                if let Some((id, _)) = stands.iter().nth(numbers.below(1 + stands.len() as u64) as usize) {
                    let _ = shop.cancel(*id);
                }
            }
            4 => {
                let to = state.catalogue.locations.id(&location);
                let sku = state.catalogue.skus.id(&sku).unwrap();
                let id = stands.keys().nth(numbers.below(1 + stands.len() as u64) as usize).copied();
                if let Some(id) = id {
                    let line = Reallocation { sku, group: None, from: None, to, quantity: None };
                    let step = match numbers.below(2) {
                        0 => StepRequest::Bind { lines: Some(vec![line]) },
                        _ => StepRequest::Reallocation { lines: vec![line] },
                    };
                    let _ = shop.try_step(id, step);
                }
            }
            _ => {
                let wanted = PURPOSES[numbers.below(3) as usize];
                let units = 1 + numbers.below(3) as u32;
                let by_group = numbers.below(2) == 0;
                let group = format!("g{}", numbers.below(2));
                let mut request = match by_group {
                    true => hold_in_group(&[(&sku, &group, units)]),
                    false => hold(&[(&sku, &location, units)]),
                };
                request.purpose = wanted;
                request.allow_partial = numbers.below(4) == 0;
                request.confirm = numbers.below(4) == 0;
                if numbers.below(5) == 0 {
                    request.lines.iter_mut().for_each(|line| {
                        line.latest = Some(Timestamp(START_MS).plus_seconds(1_000_000));
                    });
                }
                let id = state.catalogue.locations.id(&location).unwrap();
                let is_shown = !by_group && wanted == Purpose::Pickup && is_found(&shop, &sku, id, units);
                match shop.try_reserve(request) {
                    Ok(made) => {
                        granted += u32::from(wanted != Purpose::Cart);
                        stands.insert(made.id, BTreeSet::new());
                    }
                    Err(Failure::Refused(Refusal::Insufficient(shorts))) => {
                        assert!(!is_shown, "step {step}: the finder shows what is refused: {shorts:?}");
                        if !by_group && !state.catalogue.takes(id, wanted) {
                            assert_eq!(shorts[0].constraint, Constraint::Access, "step {step}");
                            refused += 1;
                        }
                    }
                    Err(other) => panic!("step {step}: {other:?}"),
                }
            }
        }
        // Whoever came to a place since the last look may be there.
        for (id, known) in &mut stands {
            let (_, reservation) = state.reservation(*id);
            let Some(reservation) =
                reservation.filter(|known| matches!(known.state, ReservationState::Held | ReservationState::Confirmed))
            else {
                continue;
            };
            let now = reservation.lines.iter().filter(|line| line.quantity > 0).map(|line| line.location);
            for location in now {
                let is_new = known.insert(location);
                assert!(
                    !is_new || state.catalogue.takes(location, reservation.purpose),
                    "step {step}: {:?} came to {location:?}",
                    reservation.purpose
                );
            }
        }
    }
    shop.check_promises();
    audit(&shop);
    // A restart knows what is taken where.
    let taken = |shop: &Shop| {
        let catalogue = &shop.engine.state().catalogue;
        let all = (0..catalogue.locations.count()).map(LocationId);
        all.map(|at| PURPOSES.map(|purpose| catalogue.takes(at, purpose))).collect::<Vec<_>>()
    };
    let before = taken(&shop);
    let shop = shop.restart();
    assert_eq!(taken(&shop), before);
    (granted, refused)
}

/// Whether the pickup finder says that units can be fetched at a location.
fn is_found(shop: &Shop, sku: &str, location: LocationId, units: u32) -> bool {
    let state = shop.engine.state();
    let question = PickupQuestion {
        basket: vec![(state.catalogue.skus.id(sku).unwrap(), units)],
        near: None,
        radius_km: None,
        channel: state.catalogue.channels.id("web"),
        now: Timestamp(START_MS),
        since: Timestamp(START_MS),
        limit: 100,
    };
    let (_, found) = state.pickup(&question);
    found.iter().any(|place| place.location == location && place.complete)
}

#[test]
fn lost_demand_says_what_it_was_for() {
    let shop = Shop::open();
    shop.receive("A", "s0", 1);
    shop.put_channel("web", 0);
    put(&shop, "s0", true, false);
    for wanted in [Purpose::Cart, Purpose::Pickup, Purpose::Delivery] {
        let _ = shop.try_reserve(purpose(hold(&[("A", "s0", 2)]), wanted)).unwrap_err();
    }
    shop.clock.advance(5_000);
    shop.wait_until("it is noted", || shop.engine.state().lost.is_empty() && shop.engine.in_flight() == 0);
    let told = shop.engine.events(0, 100).unwrap();
    let Event::Demand(demand::event::Event::DemandRefused(rows)) = &told.last().unwrap().event else {
        panic!("{told:?}")
    };
    let purposes: Vec<_> = rows.iter().map(|(purpose, lost)| (*purpose, lost.is_order, lost.units)).collect();
    assert_eq!(purposes, [(Purpose::Cart, false, 2), (Purpose::Pickup, true, 2)], "what no place takes is not lost");
}
