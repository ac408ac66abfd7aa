//! The records that came with format 7.

use anaquel_engine::event::*;
use anaquel_engine::ids::{ChannelId, GroupId, LocationId, ReservationId, SkuId, Timestamp};
use anaquel_engine::level::StockLevel;
use anaquel_engine::transfers::event::Content;
use anaquel_engine::transfers::policy::{Giver, Policy, PolicyKind, PolicySet, Run, RunItem};
use anaquel_engine::transfers::{Reason, TransferId};
use anaquel_engine::{answers, transfers};

use super::{cell, lines, name};

/// What came with format 7: transfers at every point of their lives, and replenishment.
pub(super) fn events_of_v7() -> Vec<(Option<Box<Cause>>, Event)> {
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
        Event::Answers(answers::event::Event::Told(Box::new(KeptAnswer { seq: 9, thing })))
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
        told(transfers::TransferAnswer::Transfer(transfer_of.clone())),
        told(transfers::TransferAnswer::Made(transfer_of)),
        told(transfers::TransferAnswer::Policy(name("tees"), Some(policy))),
        told(transfers::TransferAnswer::Policy(name("tees"), None)),
        told(transfers::TransferAnswer::Run(run)),
    ];
    of_transfers.into_iter().map(Event::Transfers).chain(answers).map(|event| (None, event)).collect()
}
