//! The records that came with format 6.

use anaquel_engine::catalogue::{LocationDetails, LocationHours, ServiceDetails, SkuDetails};
use anaquel_engine::event::*;
use anaquel_engine::ids::{ChannelId, GroupId, LocationId, ReservationId, SkuId, Timestamp};
use anaquel_engine::stock::confirmed::{CellSet, CountsConfirmed};
use anaquel_engine::{answers, catalogue, demand, imports, reservation, stock};

use super::{cell, name, replaced};

/// What came with format 6: when people work in a location, what is told of one, other deadlines of orders, and for what
/// refused units were asked; counts that found what the books say; imports of channels; promises in place of several
/// holds; names that are retired and come back; what is counted, and what is not.
pub(super) fn events_of_v6() -> Vec<(Option<Box<Cause>>, Event)> {
    let hours = LocationHours {
        weekly: Some(vec![(600, 840), (1020, 1200)]),
        special: vec![(20_828, vec![(600, 1320)]), (20_829, Vec::new())],
    };
    let unknown = LocationHours::default();
    let place = PlaceSet {
        location: LocationId(3),
        details: LocationDetails::default(),
        services: ServiceDetails::default(),
        hours: hours.clone(),
        groups: vec![GroupId(0)],
    };
    let lost = |is_order| LostDemand {
        sku: SkuId(7),
        location: None,
        group: Some(GroupId(0)),
        channel: ChannelId(0),
        is_order,
        requests: 2,
        units: 5,
    };
    let refused = vec![(Purpose::Pickup, lost(true)), (Purpose::Cart, lost(false))];
    let reservation = ReservationId(9);
    let channels = Imported { kind: ImportKind::Channels, accepted: 2, unchanged: 1, rejected: 0, errors: Vec::new() };
    let events = [
        Event::Catalogue(catalogue::event::Event::HoursSet(vec![(LocationId(3), hours), (LocationId(4), unknown)])),
        Event::Reservations(reservation::event::Event::PickupBySet(PickupBySet {
            reservation,
            pickup_by: Some(Timestamp(99)),
        })),
        Event::Reservations(reservation::event::Event::PickupBySet(PickupBySet { reservation, pickup_by: None })),
        Event::Demand(demand::event::Event::DemandRefused(refused)),
        Event::Answers(answers::event::Event::Told(Box::new(KeptAnswer {
            seq: 3,
            thing: Thing::LocationSet(Box::new(place)),
        }))),
        Event::Imports(imports::event::Event::Imported(Box::new(channels))),
    ];
    let cells = (3..7).map(|location| (SkuId(7), LocationId(location))).chain([(SkuId(300), LocationId(3))]);
    let confirmed = CountsConfirmed { counted_at: Timestamp(77), cells: CellSet::new(cells) };
    let confirmed = Event::Stock(stock::event::Event::CountsConfirmed(Box::new(confirmed)));
    let moved = Moved {
        kind: MovementKind::ReturnToInspect,
        change: 3,
        occurred_at: Timestamp(55),
        absorbed: false,
        created: true,
        reference: None,
        cell: CellAfter { safety_stock: u32::MAX, ..cell(3) },
    };
    let broken = Moved { kind: MovementKind::ReturnDamaged, created: false, ..moved.clone() };
    let made = Event::Catalogue(catalogue::event::Event::QuarantinesMade(vec![(LocationId(3), LocationId(2))]));
    let names = || {
        Box::new(Definitions {
            skus: vec![(SkuId(8), name("BLUE-SHIRT"))],
            locations: vec![(LocationId(4), name("s2"))],
            groups: vec![(GroupId(1), name("south"))],
            channels: vec![(ChannelId(1), name("app"))],
        })
    };
    let retired = |kind, text| {
        Event::Answers(answers::event::Event::Told(Box::new(KeptAnswer {
            seq: 3,
            thing: Thing::Retired(kind, name(text)),
        })))
    };
    let later = [confirmed, made, Event::Stock(stock::event::Event::Moved(vec![moved, broken])), replaced()];
    let latest = [
        Event::Catalogue(catalogue::event::Event::Retired(names())),
        Event::Catalogue(catalogue::event::Event::Revived(names())),
        retired(ThingKind::Sku, "BLUE-SHIRT"),
        retired(ThingKind::Location, "s2"),
        retired(ThingKind::Group, "south"),
        retired(ThingKind::Channel, "app"),
        Event::Catalogue(catalogue::event::Event::TrackingSet(vec![(SkuId(7), false), (SkuId(8), true)])),
        Event::Answers(answers::event::Event::Told(Box::new(KeptAnswer {
            seq: 3,
            thing: Thing::Uncounted(SkuId(7), SkuDetails::default()),
        }))),
    ];
    events.into_iter().chain(later).chain(latest).map(|event| (None, event)).collect()
}
