//! The records of returns that came with format 9.

use anaquel_engine::answers;
use anaquel_engine::event::*;
use anaquel_engine::ids::{LocationId, SkuId, Timestamp};
use anaquel_engine::kernel::tender::Tender;
use anaquel_engine::orders::SaleRow;
use anaquel_engine::orders::payment::{Refund, RefundState};
use anaquel_engine::returns::event::{Event as ReturnEvent, Stepped};
use anaquel_engine::returns::{
    Condition, Flag, Happened, Return, ReturnAnswer, ReturnCharge, ReturnId, ReturnLine, ReturnState, StepKind,
};

use super::v9::{EUR, origin, receipt_id, stepped};
use super::{cell, name};

fn back() -> Return {
    Return {
        id: ReturnId(12),
        version: 12,
        name: name("B-1"),
        digest: 5,
        state: ReturnState::Received,
        channel: name("pos"),
        location: Some(LocationId(3)),
        till: Some("7".into()),
        order: Some(name("W-1")),
        customer: Some("c-81".into()),
        currency: EUR,
        lines: vec![ReturnLine {
            name: "1".into(),
            sku: SkuId(7),
            quantity: 3,
            condition: Some(Condition::Inspect),
            found_sellable: 1,
            found_damaged: 1,
            refund_amount: 199,
            reason: Some("too small".into()),
            is_unreferenced: true,
        }],
        charges: vec![ReturnCharge { name: "shipping".into(), amount: 3 }],
        owed: 202,
        refunds: vec![Refund {
            name: "r1".into(),
            tender: Tender::Exchange,
            amount: 202,
            state: RefundState::Pending,
            payment: Some("p1".into()),
            reference: Some("W-2".into()),
            origin: origin(),
            done: None,
            on_receipt: false,
        }],
        exchange: Some(name("W-2")),
        receipts: vec![receipt_id(4)],
        flags: vec![Flag::OverReturned, Flag::ReceiptMissing],
        created_at: Timestamp(9),
        received: Some(12),
        expires_at: Some(Timestamp(900)),
        history: vec![Happened {
            seq: 12,
            time: Timestamp(12),
            kind: StepKind::Received,
            channel: Some(name("pos")),
            location: Some(LocationId(3)),
            actor: Some("till-7".into()),
        }],
    }
}

/// What came with format 9 of returns.
pub(super) fn events_of_v9_returns() -> Vec<(Option<Box<Cause>>, Event)> {
    let row = SaleRow {
        seq: 12,
        nth: 2,
        time: Timestamp(12),
        occurred_at: Timestamp(11),
        business_date: 20_820,
        channel: name("pos"),
        location: Some(LocationId(3)),
        till: Some("7".into()),
        order: None,
        returned: Some(name("B-1")),
        receipt: Some(receipt_id(4)),
        customer: Some("c-81".into()),
        line: Some("1".into()),
        charge: Some("shipping".into()),
        sku: Some(SkuId(7)),
        quantity: -3,
        amount: -199,
        discount: -98,
        tax_rate: Some(2100),
        currency: EUR,
        absorbed: true,
    };
    let moved = Moved {
        kind: MovementKind::ReturnToInspect,
        change: 3,
        occurred_at: Timestamp(11),
        absorbed: false,
        created: true,
        reference: Some("B-1".into()),
        cell: cell(1),
    };
    let event = Stepped {
        kind: StepKind::Received,
        returned: back(),
        order: Some(Box::new(stepped())),
        // As `order`; one part has no room for both.
        exchange: None,
        moved: vec![moved],
        rows: vec![row],
        reason: Some("too small".into()),
    };
    let answer = ReturnAnswer { returned: back(), is_made: true };
    let kept = KeptAnswer { seq: 12, thing: Thing::Returns(Box::new(answer)) };
    let events = [
        Event::Returns(ReturnEvent::Stepped(Box::new(event))),
        Event::Answers(answers::event::Event::Told(Box::new(kept))),
    ];
    events.into_iter().map(|event| (None, event)).collect()
}

/// A return that a file told of.
pub(super) fn events_of_v9_imported() -> Vec<(Option<Box<Cause>>, Event)> {
    let happened = Happened { kind: StepKind::Imported, ..back().history.remove(0) };
    let event = Stepped {
        kind: StepKind::Imported,
        returned: Return { state: ReturnState::Settled, history: vec![happened], ..back() },
        order: None,
        exchange: None,
        moved: Vec::new(),
        rows: Vec::new(),
        reason: None,
    };
    vec![(None, Event::Returns(ReturnEvent::Stepped(Box::new(event))))]
}
