//! One record of every kind of event of format 1.

use anaquel_engine::catalogue::{ChannelDetails, GroupDetails, LocationDetails, LocationKind, SkuDetails};
use anaquel_engine::event::*;
use anaquel_engine::ids::{ChannelId, GroupId, LocationId, ReservationId, SkuId, Timestamp};
use anaquel_engine::prices::Price;
use anaquel_engine::{catalogue, imports, prices, reservation, stock};

use super::{cell, lines, name};

/// One record of every kind of format 1.
pub(super) fn every_event() -> Vec<(Option<Box<Cause>>, Event)> {
    let id = ReservationId(9);
    let sku = SkuDetails {
        name: Some("Shirt".into()),
        gtin: Some("4006381333931".into()),
        unit: Some("piece".into()),
        decimals: 3,
        product: Some("SHIRT".into()),
        categories: vec!["tops".into()],
        attributes: [("colour".to_owned(), "red".to_owned())].into(),
    };
    let location = LocationDetails {
        name: Some("One".into()),
        kind: LocationKind::Warehouse,
        coordinates: Some((40.5, -3.25)),
        timezone: Some("Europe/Madrid".into()),
        pickup: false,
        ship: true,
    };
    let price = Price { currency: "EUR".into(), channel: Some(name("web")), location: None, amount: 1995 };
    let cause = Cause {
        channel: Some(name("web")),
        actor: Some("till".into()),
        reference: Some("R-1".into()),
        trace: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
        idempotency: Some(IdempotencyKey { key: "k".into(), scope: 1 << 100, fingerprint: 7 }),
        origin: None,
        caller: 0,
    };
    let definitions = Definitions {
        skus: vec![(SkuId(7), name("RED SHIRT"))],
        locations: vec![(LocationId(3), name("s1"))],
        groups: vec![(GroupId(0), name("north"))],
        channels: vec![(ChannelId(0), name("web"))],
    };
    let moved = Moved {
        kind: MovementKind::Damage,
        change: -3,
        occurred_at: Timestamp(1_800_000_000_000),
        absorbed: true,
        created: true,
        reference: Some("till-1".into()),
        cell: cell(-5),
    };
    let counted =
        Counted { counted: 5, expected: 6, counted_at: Timestamp(77), outdated: true, created: false, cell: cell(5) };
    let reserved = Reserved {
        channel: ChannelId(0),
        purpose: Purpose::Delivery,
        confirmed: true,
        expires_at: Timestamp(88),
        customer: Some("c-81".into()),
        order: Some("W-1007".into()),
        lines: Few::from_vec(vec![ReservedLine { requested: 3, quantity: 2, cell: cell(5) }]),
        supersedes: Some(Box::new(Superseded { reservation: id, lines: lines() })),
    };
    let imported = Imported {
        kind: ImportKind::Prices,
        accepted: 1,
        unchanged: 2,
        rejected: 3,
        errors: vec![RowError { line: 4, field: Some("amount".into()), reason: "is negative".into() }],
    };
    let events = vec![
        Event::Catalogue(catalogue::event::Event::Defined(Box::new(definitions))),
        Event::Catalogue(catalogue::event::Event::SkusSet(vec![(SkuId(7), sku)])),
        Event::Catalogue(catalogue::event::Event::LocationsSet(vec![(LocationId(3), location)])),
        Event::Catalogue(catalogue::event::Event::GroupsSet(vec![(
            GroupId(0),
            GroupDetails { locations: vec![LocationId(3)] },
        )])),
        Event::Catalogue(catalogue::event::Event::ChannelsSet(vec![(ChannelId(0), ChannelDetails { buffer: 2 })])),
        Event::Prices(prices::event::Event::BaseSet(vec![(SkuId(7), vec![price])])),
        Event::Stock(stock::event::Event::Moved(vec![moved])),
        Event::Stock(stock::event::Event::Counted(vec![counted])),
        Event::Reservations(reservation::event::Event::Reserved(Box::new(reserved))),
        Event::Reservations(reservation::event::Event::Confirmed(Box::new(Confirmed {
            reservation: id,
            pickup_by: Some(Timestamp(99)),
            order: Some("o".into()),
        }))),
        Event::Reservations(reservation::event::Event::Readied(Box::new(Readied {
            reservation: id,
            pickup_code: "7K2M9X".into(),
        }))),
        Event::Reservations(reservation::event::Event::Collected(Box::new(Collected {
            reservation: id,
            code_shown: true,
            lines: lines(),
        }))),
        Event::Reservations(reservation::event::Event::Cancelled(Box::new(Cancelled {
            reservation: id,
            whole: true,
            reason: Some("r".into()),
            lines: lines(),
        }))),
        Event::Reservations(reservation::event::Event::Extended(Extended {
            reservation: id,
            expires_at: Timestamp(111),
        })),
        Event::Reservations(reservation::event::Event::Expired(Box::new(Expired { reservation: id, lines: lines() }))),
        Event::Stock(stock::event::Event::ShortageGrew(cell(-1))),
        Event::Stock(stock::event::Event::ShortageCleared(cell(9))),
        Event::Imports(imports::event::Event::Imported(Box::new(imported))),
    ];
    let mut cause = Some(Box::new(cause));
    events.into_iter().map(|event| (cause.take(), event)).collect()
}
