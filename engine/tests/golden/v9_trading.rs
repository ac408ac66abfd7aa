//! The records of how locations trade that came with format 9.

use anaquel_engine::catalogue::event::Event as CatalogueEvent;
use anaquel_engine::catalogue::{LocationDetails, LocationHours, ServiceDetails, TradingDetails};
use anaquel_engine::event::*;
use anaquel_engine::ids::{GroupId, LocationId};
use anaquel_engine::{answers, prices};

/// What came with format 9 of locations: a currency, an address and barcodes, and what is told of such a location.
pub(super) fn events_of_v9_trading() -> Vec<(Option<Box<Cause>>, Event)> {
    let trading = TradingDetails {
        currency: Some(prices::list::Currency(*b"MXN")),
        address: Some("Madero 1, Ciudad de M\u{e9}xico".into()),
        barcodes: vec!["21IIIIIPPPPPC".into(), "2IIIIIIWWWWWC".into()],
    };
    let place = PlaceSet {
        location: LocationId(3),
        details: LocationDetails::default(),
        services: ServiceDetails::default(),
        hours: LocationHours::default(),
        groups: vec![GroupId(0)],
    };
    let told = KeptAnswer { seq: 3, thing: Thing::LocationTrading(Box::new(place), trading.clone()) };
    let rows = vec![(LocationId(3), trading), (LocationId(4), TradingDetails::default())];
    vec![
        (None, Event::Catalogue(CatalogueEvent::TradingSet(rows))),
        (None, Event::Answers(answers::event::Event::Told(Box::new(told)))),
    ]
}
