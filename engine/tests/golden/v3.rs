//! The records that came with format 3.

use anaquel_engine::event::*;
use anaquel_engine::ids::{ChannelId, GroupId, LocationId, ReservationId, SkuId, Timestamp};
use anaquel_engine::rules::{Conditions, Effect, Rule, RuleId};
use anaquel_engine::{demand, imports, reservation, rules, supply};

use super::{cell, name};

/// One record of every kind that came with format 3, and every effect of a rule that did.
pub(super) fn events_of_v3() -> Vec<(Option<Box<Cause>>, Event)> {
    let rule = |id, effect| {
        let rule = Rule { effect, starts_at: None, ends_at: None, conditions: Conditions::default() };
        RuleSet { id: RuleId(id), name: name("ahead"), rule: Some(rule), in_force: true }
    };
    let rules = vec![
        rule(0, Effect::Backorder { units: 5, lead_days: 12 }),
        rule(1, Effect::Preorder { units: 6, available_at: Timestamp(44) }),
        rule(2, Effect::Capacity { orders_per_day: 7 }),
        rule(3, Effect::PickupOnly { below: 2500, currency: *b"EUR" }),
    ];
    let set =
        |name_of, kind| SupplySet { name: name(name_of), kind, open: 9, expected_at: Timestamp(66), cell: cell(4) };
    let supplies = vec![set("PO-1", SupplyKind::PurchaseOrder), set("ASN-1", SupplyKind::InTransit)];
    let moved = Moved {
        kind: MovementKind::Receipt,
        change: 3,
        occurred_at: Timestamp(55),
        absorbed: false,
        created: false,
        reference: None,
        cell: cell(7),
    };
    let fills = vec![Fill { reservation: ReservationId(9), line: 1, quantity: 2, cell: cell(7) }];
    let used = SupplyUsed { name: name("PO-1"), sku: SkuId(7), location: LocationId(3), quantity: 3, open: 6 };
    let received = Received { rows: vec![moved], used: vec![used], fills: fills.clone() };
    let reserved = Reserved {
        channel: ChannelId(0),
        purpose: Purpose::Pickup,
        confirmed: false,
        expires_at: Timestamp(88),
        customer: None,
        order: None,
        lines: Few::from_vec(vec![ReservedLine { requested: 3, quantity: 3, cell: cell(5) }]),
        supersedes: None,
    };
    let (latest, promised_for) = (Timestamp(99), Timestamp(66));
    let arranged = Arranged {
        promised: Promised { reserved, terms: vec![LineTerms::default()] },
        waits: vec![LineBackorder {
            line: 0,
            quantity: 2,
            latest,
            promised_for,
            on_allowance: true,
            turn: Some((ReservationId(8), 1)),
        }],
        orders: vec![OrderDay { location: LocationId(3), day: 20_000 }],
    };
    let dated = |expected_at| BackorderDated {
        reservation: ReservationId(9),
        line: 1,
        sku: SkuId(7),
        location: LocationId(3),
        quantity: 2,
        promised_for,
        expected_at,
    };
    let lost = LostDemand {
        sku: SkuId(7),
        location: Some(LocationId(3)),
        group: Some(GroupId(0)),
        channel: ChannelId(0),
        is_order: true,
        requests: 2,
        units: 1 << 33,
    };
    let supply = Imported { kind: ImportKind::Supply, accepted: 1, unchanged: 0, rejected: 0, errors: Vec::new() };
    let events = vec![
        Event::Rules(rules::event::Event::RulesSet(rules)),
        Event::Supply(supply::event::Event::SupplySet(supplies)),
        Event::Supply(supply::event::Event::Received(Box::new(received))),
        Event::Supply(supply::event::Event::Filled(fills)),
        Event::Reservations(reservation::event::Event::Arranged(Box::new(arranged))),
        Event::Supply(supply::event::Event::BackordersDated(vec![dated(None), dated(Some(Timestamp(77)))])),
        Event::Demand(demand::event::Event::DemandLost(vec![lost])),
        Event::Imports(imports::event::Event::Imported(Box::new(supply))),
    ];
    events.into_iter().map(|event| (None, event)).collect()
}
