//! The bytes of every format that was ever shipped can be read, and today's are what they were.
//!
//! `engine/tests/golden/v1.hex` holds one part with a record of every kind of event of format 1, `v2.hex` to `v8.hex`
//! what came with formats 2 to 8. They are never changed again; another format gets a file of its own.

use anaquel_engine::catalogue::{
    BroughtFrom, ChannelDetails, GroupDetails, LocationDetails, LocationHours, LocationKind, ServiceDetails,
    SkuDetails,
};
use anaquel_engine::event::*;
use anaquel_engine::ids::{ChannelId, GroupId, LocationId, Name, ReservationId, SkuId, Timestamp};
use anaquel_engine::journal::memory::{MemoryDisk, MemoryJournal};
use anaquel_engine::journal::{self, Batch, BatchBuilder, Journal};
use anaquel_engine::level::StockLevel;
use anaquel_engine::prices::Price;
use anaquel_engine::prices::event::{ListSet, SkuRows, TaxClassSet};
use anaquel_engine::prices::list::{Currency, ListId, ListKind, PriceList};
use anaquel_engine::prices::row::{RowKey, RowSet};
use anaquel_engine::prices::tax::{Rate, TaxClass};
use anaquel_engine::rules::{Amount, Conditions, Effect, Rule, RuleId, Standing};
use anaquel_engine::stock::confirmed::{CellSet, CountsConfirmed};
use anaquel_engine::supply::Supply;
use anaquel_engine::transfers::event::Content;
use anaquel_engine::transfers::policy::{Giver, Policy, PolicyKind, PolicySet, Run, RunItem};
use anaquel_engine::transfers::{Reason, TransferId};
use anaquel_engine::{catalogue, demand, imports, prices, reservation, rules, stock, supply, told, transfers};

const V1: &str = include_str!("golden/v1.hex");
const V2: &str = include_str!("golden/v2.hex");
const V3: &str = include_str!("golden/v3.hex");
const V4: &str = include_str!("golden/v4.hex");
const V5: &str = include_str!("golden/v5.hex");
const V6: &str = include_str!("golden/v6.hex");
const V7: &str = include_str!("golden/v7.hex");
const V8: &str = include_str!("golden/v8.hex");

fn name(text: &str) -> Name {
    Name::parse_sku(text).unwrap()
}

fn cell(on_hand: i32) -> CellAfter {
    let level = StockLevel { on_hand, reserved: 2 };
    CellAfter { sku: SkuId(7), location: LocationId(3), level, safety_stock: 1 }
}

fn lines() -> Few<LineChange> {
    Few::from_vec(vec![
        LineChange { line: 0, quantity: 1, cell: cell(4) },
        LineChange { line: 1, quantity: 2, cell: cell(-4) },
    ])
}

/// Promises in place of several holds.
fn replaced() -> Event {
    let superseded = |id| Superseded { reservation: ReservationId(id), lines: lines() };
    let reserved = Reserved {
        channel: ChannelId(0),
        purpose: Purpose::Pickup,
        confirmed: false,
        expires_at: Timestamp(88),
        customer: Some("c-81".into()),
        order: None,
        lines: Few::from_vec(vec![ReservedLine { requested: 3, quantity: 2, cell: cell(5) }]),
        supersedes: Some(Box::new(superseded(9))),
    };
    let terms = vec![LineTerms { group: Some(GroupId(2)), bound: true, charges: vec![(RuleId(1), 12)] }];
    let wait = LineBackorder {
        line: 0,
        quantity: 1,
        latest: Timestamp(99),
        promised_for: Timestamp(77),
        on_allowance: true,
        turn: Some((ReservationId(9), 1)),
    };
    let orders = vec![OrderDay { location: LocationId(3), day: 20_000 }];
    let arranged = Arranged { promised: Promised { reserved, terms }, waits: vec![wait], orders };
    let others = vec![superseded(10), superseded(11)];
    Event::Reservations(reservation::event::Event::Replaced(Box::new(Replaced { arranged, others })))
}

/// What came with format 7: transfers at every point of their lives, and replenishment.
fn events_of_v7() -> Vec<(Option<Box<Cause>>, Event)> {
    let content = Content {
        from: LocationId(3),
        to: LocationId(4),
        reason: Reason::Replenishment,
        policy: Some(name("tees")),
        run: Some(name("r-1")),
        order: Some("W-1007".into()),
        reference: Some("note-1".into()),
        expected_at: Some(Timestamp(99)),
        lines: vec![(SkuId(7), 3), (SkuId(8), 2)],
    };
    let reserved = Reserved {
        channel: ChannelId(1),
        purpose: Purpose::Transfer,
        confirmed: true,
        expires_at: Timestamp(88),
        customer: None,
        order: None,
        lines: Few::from_vec(vec![ReservedLine { requested: 3, quantity: 2, cell: cell(5) }]),
        supersedes: None,
    };
    let promise =
        Arranged { promised: Promised { reserved, terms: Vec::new() }, waits: Vec::new(), orders: Vec::new() };
    let supplies = |open| {
        let (name, kind) = (name("transfer:9"), SupplyKind::InTransit);
        let level = StockLevel { on_hand: 1, reserved: 0 };
        let cell = CellAfter { location: LocationId(4), level, ..cell(1) };
        vec![SupplySet { name, kind, open, expected_at: Timestamp(99), cell }]
    };
    let transfer = TransferId(9);
    let ready = |transfer| transfers::event::Readied {
        transfer,
        promise: promise.clone(),
        supplies: supplies(2),
        expected_at: Some(Timestamp(99)),
    };
    let drafted =
        |ready| transfers::event::Drafted { name: name("T-1"), digest: 1 << 60, content: content.clone(), ready };
    let moved = Moved {
        kind: MovementKind::Receipt,
        change: 1,
        occurred_at: Timestamp(55),
        absorbed: false,
        created: true,
        reference: Some("transfer:9".into()),
        cell: cell(2),
    };
    let used = SupplyUsed { name: name("transfer:9"), sku: SkuId(7), location: LocationId(4), quantity: 1, open: 1 };
    let fills = vec![Fill { reservation: ReservationId(2), line: 0, quantity: 1, cell: cell(2) }];
    let receipt = Received { rows: vec![moved], used: vec![used], fills };
    let nothing = Received { rows: Vec::new(), used: Vec::new(), fills: Vec::new() };
    let shipped = |collected| transfers::event::Shipped {
        transfer,
        lines: vec![(0, 2), (1, 1)],
        collected,
        supplies: supplies(2),
        expected_at: Some(Timestamp(99)),
        tracking: Some("track-1".into()),
        occurred_at: Timestamp(44),
    };
    let collected = Collected { reservation: ReservationId(9), code_shown: false, lines: lines() };
    let arrived = |line, surplus, missing| transfers::event::Arrived {
        line,
        sku: SkuId(7),
        received: 1,
        damaged: 1,
        surplus,
        missing,
    };
    let received = transfers::event::Received {
        transfer,
        lines: vec![arrived(0, 1, 0), arrived(2, 0, 1)],
        receipt: receipt.clone(),
        ended: supplies(0),
        reference: Some("note-2".into()),
        closes: true,
        occurred_at: Timestamp(55),
    };
    let given_back = Cancelled { reservation: ReservationId(9), whole: true, reason: None, lines: lines() };
    let before = transfers::event::Cancelled {
        transfer,
        given_back: Some(given_back),
        lines: Vec::new(),
        receipt: nothing,
        ended: supplies(0),
    };
    let after = transfers::event::Cancelled {
        given_back: None,
        lines: vec![
            transfers::event::GoneBack { line: 0, returned: 1, missing: 0 },
            transfers::event::GoneBack { line: 1, returned: 0, missing: 1 },
        ],
        receipt,
        ended: Vec::new(),
        ..before.clone()
    };
    let policy = Policy {
        kind: PolicyKind::DaysOfCover,
        to_locations: vec![LocationId(4)],
        to_groups: vec![GroupId(0)],
        from: vec![Giver::Location(LocationId(3)), Giver::Group(GroupId(0))],
        skus: vec![SkuId(7)],
        categories: vec!["tops".into()],
        attributes: vec![("size".into(), "XL".into())],
        min: Some(1),
        max: Some(2),
        cover_days_min: Some(3),
        cover_days_max: Some(4),
        idle_days: Some(5),
        pack: 6,
        ready: true,
        at: Some(330),
        starts_at: Some(Timestamp(5)),
        ends_at: None,
    };
    let set = |policy| PolicySet { name: name("tees"), policy };
    let items = vec![RunItem { sku: SkuId(7), location: LocationId(4), wanted: 9, given: 3 }];
    let run = Run { name: name("r-1"), made: 2, short: 1, items };
    let transfer_of = transfers::Transfer::made(
        anaquel_engine::effect::At { seq: 9, time: Timestamp(33), cause: None },
        &drafted(Some(ready(transfer))),
    );
    let told = |told| {
        let thing = Thing::Transfers(Box::new(told));
        Event::Told(told::event::Event::Told(Box::new(Told { seq: 9, thing })))
    };
    use transfers::event::Event as Of;
    let of_transfers = [
        Of::Drafted(Box::new(drafted(None))),
        Of::Drafted(Box::new(drafted(Some(ready(TransferId(2)))))),
        Of::Redrafted(Box::new(transfers::event::Redrafted { transfer, content: content.clone() })),
        Of::Readied(Box::new(ready(transfer))),
        Of::Shipped(Box::new(shipped(Some(collected)))),
        Of::Shipped(Box::new(shipped(None))),
        Of::Received(Box::new(received)),
        Of::Cancelled(Box::new(before)),
        Of::Cancelled(Box::new(after)),
        Of::PolicySet(Box::new(set(Some(policy.clone())))),
        Of::PolicySet(Box::new(set(None))),
        Of::RunMade(Box::new(run.clone())),
    ];
    let answers = [
        told(transfers::Told::Transfer(transfer_of.clone())),
        told(transfers::Told::Made(transfer_of)),
        told(transfers::Told::Policy(name("tees"), Some(policy))),
        told(transfers::Told::Policy(name("tees"), None)),
        told(transfers::Told::Run(run)),
    ];
    of_transfers.into_iter().map(Event::Transfers).chain(answers).map(|event| (None, event)).collect()
}

/// What came with format 6: when people work in a location, what is told of one, other deadlines of orders, and for what
/// refused units were asked; counts that found what the books say; imports of channels; promises in place of several
/// holds; names that are retired and come back; what is counted, and what is not.
fn events_of_v6() -> Vec<(Option<Box<Cause>>, Event)> {
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
        Event::Told(told::event::Event::Told(Box::new(Told { seq: 3, thing: Thing::Place(Box::new(place)) }))),
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
        Event::Told(told::event::Event::Told(Box::new(Told { seq: 3, thing: Thing::Retired(kind, name(text)) })))
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
        Event::Told(told::event::Event::Told(Box::new(Told {
            seq: 3,
            thing: Thing::Uncounted(SkuId(7), SkuDetails::default()),
        }))),
    ];
    events.into_iter().chain(later).chain(latest).map(|event| (None, event)).collect()
}

/// What came with format 5: names that are made up, ids that are given back, whose share a request counts against, and what
/// was told under a key.
fn events_of_v5() -> Vec<(Option<Box<Cause>>, Event)> {
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
    let standing = Standing { id: RuleId(1), name: name("tees"), rule, in_force: true, since: 4, version: 5 };
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
    let told = |thing| Event::Told(told::event::Event::Told(Box::new(Told { seq: 3, thing })));
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

/// What came with format 4: where a request came from.
fn events_of_v4() -> Vec<(Option<Box<Cause>>, Event)> {
    let origin = Origin { key: "k7f3a9c2".into(), address: "10.0.14.7".into(), request: "01JD8Q3Z".into() };
    let idempotency = Some(IdempotencyKey { key: "order-9".into(), scope: 11, fingerprint: 12 });
    let plain = Cause { actor: Some("till-14".into()), origin: Some(origin), ..Cause::default() };
    let full = Cause {
        channel: Some(name("pos")),
        reference: Some("receipt-3".into()),
        trace: Some("00-ab".into()),
        idempotency,
        ..plain.clone()
    };
    let event = || {
        Event::Reservations(reservation::event::Event::Extended(Extended {
            reservation: ReservationId(8),
            expires_at: Timestamp(77),
        }))
    };
    vec![(Some(Box::new(plain)), event()), (Some(Box::new(full)), event()), (None, event())]
}

/// One record of every kind that came with format 3, and every effect of a rule that did.
fn events_of_v3() -> Vec<(Option<Box<Cause>>, Event)> {
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

/// One record of every kind that came with format 2.
fn events_of_v2() -> Vec<(Option<Box<Cause>>, Event)> {
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

/// One record of every kind of format 1.
fn every_event() -> Vec<(Option<Box<Cause>>, Event)> {
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

/// What came with format 8: prices.
fn events_of_v8() -> Vec<(Option<Box<Cause>>, Event)> {
    use prices::event::Event as PriceEvent;

    let key = RowKey {
        channel: Some(name("web")),
        location: Some(name("s1")),
        min_quantity: 10,
        starts_at: Some(Timestamp(5)),
        ..RowKey::base(Currency(*b"EUR"))
    };
    let of_list = RowKey { list: ListId(1), ..RowKey::base(Currency(*b"MXN")) };
    let rows = SkuRows {
        sku: SkuId(7),
        rows: vec![
            RowSet { key, value: Some((1995, Some(Timestamp(9)))) },
            RowSet { key: of_list, value: None },
        ],
        forgotten: Timestamp(3),
    };
    let list = PriceList {
        name: Some("Sale".into()),
        channels: vec![name("web")],
        locations: vec![LocationId(3)],
        groups: vec![GroupId(0)],
        priority: -7,
        starts_at: Some(Timestamp(1)),
        ends_at: Some(Timestamp(2)),
        ..PriceList::of(Currency(*b"MXN"), ListKind::Sale)
    };
    let rate = Rate { rate: 2100, locations: vec![LocationId(3)], groups: vec![GroupId(0)] };
    let class = TaxClass { name: Some("Books".into()), rates: vec![rate] };
    let told = |thing: prices::Told| {
        Event::Told(told::event::Event::Told(Box::new(Told { seq: 4, thing: Thing::Prices(Box::new(thing)) })))
    };
    let taxed = Thing::Taxed(SkuId(7), SkuDetails::default(), true, name("books"));
    let set = ListSet {
        id: ListId(1),
        name: name("sale"),
        list: Some(list.clone()),
        in_force: true,
        forgotten: vec![ListId(9)],
    };
    let removed = ListSet { id: ListId(1), name: name("sale"), list: None, in_force: false, forgotten: Vec::new() };
    let events = vec![
        Event::Prices(PriceEvent::RowsSet(vec![rows])),
        Event::Prices(PriceEvent::ListSet(Box::new(set))),
        Event::Prices(PriceEvent::ListSet(Box::new(removed))),
        Event::Prices(PriceEvent::ListsTurned(vec![(ListId(1), true), (ListId(2), false)])),
        Event::Prices(PriceEvent::TaxClassSet(Box::new(TaxClassSet { name: name("books"), class: Some(class.clone()) }))),
        Event::Prices(PriceEvent::TaxClassSet(Box::new(TaxClassSet { name: name("books"), class: None }))),
        Event::Prices(PriceEvent::SkusTaxed(vec![(SkuId(7), Some(name("books"))), (SkuId(8), None)])),
        told(prices::Told::List(name("sale"), Some(list), true)),
        told(prices::Told::TaxClass(name("books"), Some(class))),
        told(prices::Told::Rows { changed: 1, unchanged: 2 }),
        Event::Told(told::event::Event::Told(Box::new(Told { seq: 5, thing: taxed }))),
    ];
    events.into_iter().map(|event| (None, event)).collect()
}

fn encoded(events: Vec<(Option<Box<Cause>>, Event)>) -> Vec<u8> {
    let mut builder = BatchBuilder::new(1, Timestamp(1_800_000_000_000));
    for (cause, event) in events {
        journal::push_record(&mut builder, &cause, &event);
    }
    let disk = MemoryDisk::default();
    let (mut journal, _) = MemoryJournal::open(disk.clone(), &mut |_| ()).unwrap();
    journal.append(builder.batch()).unwrap();
    assert_eq!(disk.parts(), 1, "the golden batch is one part");
    disk.bytes()
}

fn hex(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.chunks(60).map(|row| row.concat() + "\n").collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    digits
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn read(bytes: Vec<u8>) -> Result<Vec<Batch>, String> {
    let mut batches = Vec::new();
    let opened = MemoryJournal::open(MemoryDisk::of_part(1, bytes), &mut |batch| batches.push(batch));
    opened.map(|_| batches).map_err(|damage| damage.to_string())
}

fn events(text: &str) -> Vec<(Option<Box<Cause>>, Event)> {
    let batches = read(unhex(text)).unwrap();
    journal::records(&batches[0]).unwrap().into_iter().map(|record| (record.cause, record.event)).collect()
}

#[test]
fn every_format_is_read_as_it_was_written() {
    assert_eq!(events(V1), every_event());
    assert_eq!(events(V2), events_of_v2());
    assert_eq!(events(V3), events_of_v3());
    assert_eq!(events(V4), events_of_v4());
    assert_eq!(events(V5), events_of_v5());
    assert_eq!(events(V6), events_of_v6());
    assert_eq!(events(V7), events_of_v7());
    assert_eq!(events(V8), events_of_v8());
}

#[test]
fn records_are_written_as_they_were() {
    const ENVELOPE: usize = 40;
    let older = [
        (V1, every_event()),
        (V2, events_of_v2()),
        (V3, events_of_v3()),
        (V4, events_of_v4()),
        (V5, events_of_v5()),
        (V6, events_of_v6()),
        (V7, events_of_v7()),
    ];
    for (old, events) in older {
        let (old, now) = (unhex(old), encoded(events));
        assert_eq!(old[ENVELOPE..], now[ENVELOPE..], "a change of a record needs a new version beside this one");
    }
    assert_eq!(hex(&encoded(events_of_v8())), V8, "a change of the format needs a new version beside this one");
}

#[test]
fn an_unknown_format_is_refused_by_number() {
    let mut bytes = unhex(V1);
    bytes[0] = 99;
    let refused = read(bytes).unwrap_err();
    assert!(refused.contains("its format is 99, and this build reads formats 1 to 8"), "{refused}");
}

/// Writes the file of the current format, when a new one is made.
#[test]
#[ignore = "run by hand when a format is added: cargo test --workspace --test engine golden:: -- --ignored"]
fn write_golden_file() {
    std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/v8.hex"), hex(&encoded(events_of_v8()))).unwrap();
}
