//! The records that came with format 2.

use anaquel_engine::catalogue::{BroughtFrom, LocationKind, ServiceDetails};
use anaquel_engine::event::*;
use anaquel_engine::ids::{ChannelId, GroupId, LocationId, ReservationId, SkuId, Timestamp};
use anaquel_engine::rules::{Amount, Conditions, Effect, Rule, RuleId};
use anaquel_engine::{catalogue, reservation, rules};

use super::{cell, name};

/// One record of every kind that came with format 2.
pub(super) fn events_of_v2() -> Vec<(Option<Box<Cause>>, Event)> {
    let rule = Rule {
        conditions: Conditions {
            skus: vec![SkuId(7)],
            categories: vec!["tops".into()],
            attributes: vec![("size".into(), "XL".into())],
            locations: vec![LocationId(3)],
            groups: vec![GroupId(0)],
            kinds: vec![LocationKind::Store, LocationKind::Warehouse],
            channels: vec![ChannelId(0)],
        },
        effect: Effect::SafetyStock(Amount::Percent(10)),
        starts_at: Some(Timestamp(5)),
        ends_at: Some(Timestamp(9)),
    };
    let set = |id, rule, in_force| RuleSet { id: RuleId(id), name: name("tees"), rule, in_force };
    let with = |effect| Some(Rule { effect, starts_at: None, ends_at: None, conditions: Conditions::default() });
    let rules = vec![
        set(0, Some(rule), true),
        set(1, None, false),
        set(2, with(Effect::SafetyStock(Amount::Units(3))), false),
        set(3, with(Effect::Access(false)), true),
        set(4, with(Effect::Band { few_left: 5, exact: false }), true),
        set(5, with(Effect::Quota { share: Amount::Percent(40), minimum: 3, spill_over: true }), true),
    ];
    let reserved = Reserved {
        channel: ChannelId(0),
        purpose: Purpose::Cart,
        confirmed: false,
        expires_at: Timestamp(88),
        customer: None,
        order: None,
        lines: Few::from_vec(vec![ReservedLine { requested: 3, quantity: 2, cell: cell(5) }]),
        supersedes: None,
    };
    let terms = vec![LineTerms { group: Some(GroupId(0)), bound: false, charges: vec![(RuleId(5), 77)] }];
    let services = ServiceDetails {
        hours: vec![(600, 1200)],
        pickup_cutoff: Some(1080),
        pickup_minutes: 120,
        brought_from: Some(BroughtFrom { from: GroupId(0), minutes: 1440 }),
    };
    let moves = vec![Move { line: 0, quantity: 1, from: cell(5), to: cell(6) }];
    vec![
        (None, Event::Rules(rules::event::Event::RulesSet(rules))),
        (None, Event::Rules(rules::event::Event::RulesActivated(vec![(RuleId(0), false), (RuleId(2), true)]))),
        (None, Event::Reservations(reservation::event::Event::Promised(Box::new(Promised { reserved, terms })))),
        (
            None,
            Event::Reservations(reservation::event::Event::Reallocated(Box::new(Reallocated {
                reservation: ReservationId(9),
                moves,
                bound: vec![0, 1],
            }))),
        ),
        (None, Event::Catalogue(catalogue::event::Event::ServicesSet(vec![(LocationId(3), services)]))),
    ]
}
