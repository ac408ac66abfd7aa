//! The records that came with format 5.

use anaquel_engine::catalogue::{ChannelDetails, GroupDetails, LocationDetails, ServiceDetails, SkuDetails};
use anaquel_engine::event::*;
use anaquel_engine::ids::{ChannelId, GroupId, LocationId, ReservationId, SkuId, Timestamp};
use anaquel_engine::rules::{Amount, Conditions, Effect, Rule, RuleId, StandingRule};
use anaquel_engine::supply::Supply;
use anaquel_engine::{answers, catalogue, reservation};

use super::name;

/// What came with format 5: names that are made up, ids that are given back, whose share a request counts against, and what
/// was told under a key.
pub(super) fn events_of_v5() -> Vec<(Option<Box<Cause>>, Event)> {
    let by = Cause { caller: 0x0102_0304_0506_0708, ..Cause::default() };
    let keyed = Cause {
        actor: Some("till-14".into()),
        idempotency: Some(IdempotencyKey { key: "order-9".into(), scope: 11, fingerprint: 12 }),
        origin: Some(Origin { key: "k7f3a9c2".into(), address: "10.0.14.7".into(), request: "01JD8Q3Z".into() }),
        ..by.clone()
    };
    let rule = Rule {
        conditions: Conditions::default(),
        effect: Effect::SafetyStock(Amount::Units(3)),
        starts_at: None,
        ends_at: None,
    };
    let standing = StandingRule { id: RuleId(1), name: name("tees"), rule, in_force: true, since: 4, version: 5 };
    let supply = Supply { name: name("PO-1"), kind: SupplyKind::InTransit, open: 3, expected_at: Timestamp(66) };
    let cell = CellToCome {
        sku: SkuId(7),
        location: LocationId(3),
        supplies: vec![supply],
        waiting: 2,
        at_risk: vec![
            (ReservationId(9), 2, Timestamp(44), None),
            (ReservationId(10), 1, Timestamp(44), Some(Timestamp(66))),
        ],
    };
    let things = vec![
        Thing::Sku(SkuId(7), SkuDetails::default()),
        Thing::Location(LocationId(3), LocationDetails::default(), ServiceDetails::default(), vec![GroupId(0)]),
        Thing::Group(GroupId(0), GroupDetails { locations: vec![LocationId(3)] }),
        Thing::Channel(ChannelId(0), ChannelDetails { buffer: 2 }),
        Thing::Rule(Box::new(standing)),
        Thing::NoRule(name("tees")),
        Thing::Supply(vec![cell]),
    ];
    let mut cause = Some(Box::new(keyed));
    let told = |thing| Event::Answers(answers::event::Event::Told(Box::new(KeptAnswer { seq: 3, thing })));
    let extended = Event::Reservations(reservation::event::Event::Extended(Extended {
        reservation: ReservationId(8),
        expires_at: Timestamp(77),
    }));
    let by = (Some(Box::new(by)), extended);
    let made_up = Definitions {
        skus: vec![(SkuId(8), name("BLUE-SHIRT"))],
        locations: vec![(LocationId(4), name("s2"))],
        groups: Vec::new(),
        channels: vec![(ChannelId(1), name("app"))],
    };
    let released = Definitions { channels: vec![(ChannelId(1), name("app"))], ..Definitions::default() };
    let names = [
        (None, Event::Catalogue(catalogue::event::Event::MadeUp(Box::new(MadeUp { by: 0xfeed_0001, names: made_up })))),
        (None, Event::Catalogue(catalogue::event::Event::Released(Box::new(released)))),
    ];
    names
        .into_iter()
        .chain(std::iter::once(by))
        .chain(things.into_iter().map(|thing| (cause.take(), told(thing))))
        .collect()
}
