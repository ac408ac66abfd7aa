//! The records that came with format 9.

use std::sync::Arc;

use anaquel_engine::carts::line::{CartId, CartLine};
use anaquel_engine::carts::ordered::CartOrdered;
use anaquel_engine::event::*;
use anaquel_engine::ids::{GroupId, LocationId, ReservationId, SkuId, Timestamp};
use anaquel_engine::kernel::tender::Tender;
use anaquel_engine::orders::event::{PartStep, SoldRow, Stepped};
use anaquel_engine::orders::exit::{AuditReason, Exit, ExitState};
use anaquel_engine::orders::imported::Imported;
use anaquel_engine::orders::on_receipts::{ChargeOnReceipt, OnReceipts};
use anaquel_engine::orders::payment::RefundPart;
use anaquel_engine::orders::payment::{Origin, Payment, PaymentState, Refund, RefundState};
use anaquel_engine::orders::step_kind::StepKind;
use anaquel_engine::orders::{
    Charge, Flag, Fulfilment, FulfilmentLine, Happened, Order, OrderAnswer, OrderId, OrderLine, OrderState, ReturnLink,
    Source,
};
use anaquel_engine::prices::list::Currency;
use anaquel_engine::receipts::digest::Digest;
use anaquel_engine::receipts::event::{FiscalTold, IssuerSet, SeriesSet};
use anaquel_engine::receipts::issuer::{Environment, Issuer, Scheme};
use anaquel_engine::receipts::receipt::{
    Chain, FiscalAnswer, FiscalState, FiscalType, Issued, ReceiptCharge, ReceiptId, ReceiptLine, Recipient, Tax,
    Tendered,
};
use anaquel_engine::receipts::series::{ReceiptKind, Series};
use anaquel_engine::reservation::parent::{Parent, ParentKind};
use anaquel_engine::{answers, carts, orders, receipts, reservation};

use super::{cell, lines, name, replaced};

pub(super) const EUR: Currency = Currency(*b"EUR");

pub(super) fn origin() -> Origin {
    Origin {
        channel: name("pos"),
        location: Some(LocationId(3)),
        till: Some("7".into()),
        occurred_at: Timestamp(11),
        business_date: 20_820,
    }
}

pub(super) fn receipt_id(n: u64) -> ReceiptId {
    ReceiptId { series: name("R"), n }
}

pub(super) fn issued() -> Issued {
    Issued {
        id: receipt_id(1),
        kind: ReceiptKind::Receipt,
        number: "R-000001".into(),
        issuer: name("es"),
        seq: 12,
        issued_at: Timestamp(12_000),
        occurred_at: Timestamp(11),
        order: Some((12, name("W-1"))),
        returned: Some(name("B-1")),
        replaces: vec![receipt_id(2)],
        corrects: vec![receipt_id(3)],
        customer: Some(name("c-81")),
        recipient: Some(Recipient {
            tax_id: "12345678Z".into(),
            name: "Ana".into(),
            address: "Calle Menor 2".into(),
            postcode: Some("28001".into()),
            country: *b"ES",
        }),
        channel: name("pos"),
        location: Some(name("s1")),
        till: Some("7".into()),
        total: 598,
        lines: vec![ReceiptLine {
            line: "1".into(),
            sku: name("A"),
            name: Some("Shirt".into()),
            quantity: 3,
            unit_amount: 299,
            discount: 299,
            amount: 598,
            tax_rate: 2100,
            of: 0,
        }],
        charges: vec![ReceiptCharge { charge: "shipping".into(), amount: 395, tax_rate: 2100, of: 0 }],
        taxes: vec![Tax { rate: 2100, base: 494, tax: 104 }],
        currency: EUR,
        tenders: vec![Tendered { tender: Tender::Cash, amount: 598, given: Some(600) }],
        chain: Chain { position: 2, previous: Some(Digest([1; 32])), hash: Digest([2; 32]) },
        fiscal_type: Some(FiscalType::F2),
        key: [7; 16],
    }
}

pub(super) fn order() -> Order {
    let line = OrderLine {
        name: "1".into(),
        sku: SkuId(7),
        quantity: 3,
        unit_amount: 299,
        price_list: Some(name("base")),
        discount: 299,
        tax_rate: Some(2100),
        by_hand: true,
        price_differs: false,
        handed_over: 2,
        cancelled: 1,
        cancelled_amount: 200,
        returned: 1,
        handed_over_at: Some(Timestamp(11)),
        receipts: OnReceipts { units: vec![(receipt_id(1), 3)].into(), credited: 1 },
    };
    let charge = Charge {
        name: "shipping".into(),
        amount: 395,
        tax_rate: None,
        cancelled_amount: 5,
        returned_amount: 3,
        is_sold: true,
        receipt: ChargeOnReceipt { on: Some((receipt_id(1), 395)), credited: 5 },
    };
    let part = |source| Fulfilment {
        name: "a".into(),
        purpose: Purpose::CarryOut,
        source,
        reservation: Some(ReservationId(11)),
        lines: vec![FulfilmentLine { line: 0, quantity: 3, handed_over: 2, cancelled: 1 }],
        address: Some("{}".into()),
        pickup_by: Some(Timestamp(99)),
        promised_for: Some(Timestamp(98)),
        tracking: Some("1Z".into()),
    };
    let payment = Payment {
        name: "p1".into(),
        tender: Tender::Card,
        amount: 598,
        state: PaymentState::Captured,
        reference: Some("psp-9".into()),
        given: Some(600),
        origin: origin(),
        captured: Some(origin()),
        on_receipt: true,
    };
    let refund = Refund {
        name: "r1".into(),
        tender: Tender::Cash,
        amount: 200,
        state: RefundState::Done,
        payment: Some("p1".into()),
        reference: None,
        origin: origin(),
        done: Some(origin()),
        on_receipt: false,
    };
    let happened = Happened {
        seq: 12,
        time: Timestamp(12),
        kind: StepKind::HandedOver,
        channel: Some(name("pos")),
        location: Some(LocationId(3)),
        actor: Some("till-7".into()),
    };
    let refunded = RefundPart { tender: Tender::Card, amount: 199, payment: Some("p1".into()) };
    Order {
        id: OrderId(12),
        version: 12,
        name: name("W-1"),
        digest: 5,
        state: OrderState::Completed,
        channel: name("web"),
        begun_in: name("app"),
        customer: Some("c-81".into()),
        cart: Some(name("k-1")),
        reference: Some("W-0".into()),
        currency: EUR,
        lines: vec![line],
        charges: vec![charge],
        fulfilments: vec![part(Source::Location(LocationId(3))), part(Source::Group(GroupId(1)))],
        codes: vec!["ENERO10".into()],
        payments: vec![payment],
        refunds: vec![refund],
        receipts: vec![receipt_id(1)],
        returns: vec![ReturnLink { name: name("B-1"), value: 199, refunds: vec![refunded] }],
        imported: Some(Imported { returned_amount: 199 }),
        exit: Some(Box::new(Exit {
            code: "7K2M9Q4T".into(),
            reason: Some(AuditReason::Mismatch),
            state: ExitState::Stopped,
            actor: Some("maria".into()),
        })),
        pay_at_handover: true,
        till: Some("7".into()),
        till_reference: Some("7-118".into()),
        flags: vec![Flag::Unbalanced],
        priced_at: 10,
        created_at: Timestamp(9),
        expires_at: Some(Timestamp(900)),
        history: vec![happened],
    }
}

pub(super) fn stepped() -> Stepped {
    let Event::Reservations(promise) = replaced() else { panic!("a promise is of reservations") };
    let promise = promise.into_replaced().unwrap();
    let id = ReservationId(11);
    let moved = Moved {
        kind: MovementKind::Sale,
        change: -2,
        occurred_at: Timestamp(11),
        absorbed: false,
        created: true,
        reference: Some("W-1".into()),
        cell: cell(1),
    };
    let cells = Move { line: 0, quantity: 1, from: cell(1), to: cell(2) };
    Stepped {
        kind: StepKind::Sold,
        order: Arc::new(order()),
        parent: Parent { kind: ParentKind::Order, seq: 12, name: name("W-1") },
        parts: vec![
            PartStep::Promised(promise),
            PartStep::Confirmed(Confirmed { reservation: id, pickup_by: Some(Timestamp(7)), order: None }),
            PartStep::Extended(Extended { reservation: id, expires_at: Timestamp(8) }),
            PartStep::Readied(Readied { reservation: id, pickup_code: "K7M4PX".into() }),
            PartStep::Reallocated(Reallocated { reservation: id, moves: vec![cells], bound: vec![0] }),
            PartStep::Collected(Collected { reservation: id, code_shown: true, lines: lines() }),
            PartStep::Cancelled(Cancelled {
                reservation: id,
                whole: true,
                reason: Some("late".into()),
                lines: lines(),
            }),
            PartStep::Expired(Expired { reservation: id, lines: lines() }),
            PartStep::PickupBySet(PickupBySet { reservation: id, pickup_by: None }),
        ],
        moved: vec![moved],
        sold: vec![SoldRow {
            line: 0,
            is_charge: false,
            location: Some(LocationId(3)),
            quantity: 2,
            amount: 398,
            discount: 200,
            absorbed: false,
        }],
        row_origins: vec![origin()],
        receipts: vec![issued().into()],
        cart: Some(CartOrdered { cart: CartId(4), order: name("W-1"), channel: name("pos") }),
        origin: Some(origin()),
        reason: Some("wrong size".into()),
        returned: Some(name("B-1")),
    }
}

fn of_receipts() -> Vec<Event> {
    use receipts::event::Event as ReceiptEvent;

    let issuer = Issuer {
        tax_id: "89890001K".into(),
        name: "Tienda".into(),
        address: "Calle Mayor 1".into(),
        country: *b"ES",
        timezone: "Europe/Madrid".into(),
        scheme: Scheme::Verifactu,
        environment: Environment::Test,
    };
    let series = Series {
        issuer: name("es"),
        kind: ReceiptKind::CreditNote,
        prefix: "C-".into(),
        digits: 6,
        first: 1,
        locations: vec![name("s1")],
        channels: vec![name("pos")],
        closed: true,
    };
    let told = FiscalAnswer {
        state: FiscalState::Rejected,
        authority_id: Some("csv-1".into()),
        signature: Some("sig".into()),
        qr: Some("https://example.org".into()),
        errors: vec!["1100".into()],
    };
    vec![
        Event::Receipts(ReceiptEvent::IssuerSet(Box::new(IssuerSet { name: name("es"), issuer: Some(issuer) }))),
        Event::Receipts(ReceiptEvent::SeriesSet(Box::new(SeriesSet { name: name("C"), series: Some(series) }))),
        Event::Receipts(ReceiptEvent::ReceiptsIssued(vec![issued().into()])),
        Event::Receipts(ReceiptEvent::FiscalTold(Box::new(FiscalTold { receipt: receipt_id(1), told }))),
    ]
}

fn of_carts() -> Vec<Event> {
    use carts::event::Event as CartEvent;
    use carts::event::{Closed, CustomerSet, Expired as CartsExpired, Held, LinesSet, MadeCart, Merged};

    let Event::Reservations(promise) = replaced() else { panic!("a promise is of reservations") };
    let promise = promise.into_replaced().unwrap();
    let line = CartLine { line: "A".into(), sku: SkuId(7), quantity: 2 };
    let back = || Cancelled { reservation: ReservationId(11), whole: true, reason: None, lines: lines() };
    let made = MadeCart {
        name: name("k-1"),
        digest: 5,
        token: 77,
        channel: name("app"),
        customer: Some(name("c-81")),
        location: Some(LocationId(3)),
        currency: EUR,
        lines: vec![line.clone()],
        codes: vec!["ENERO10".into()],
        ttl_seconds: 60,
        expires_at: Timestamp(60),
    };
    let set = LinesSet {
        cart: CartId(4),
        channel: name("web"),
        lines: vec![line.clone()],
        codes: vec!["X".into()],
        expires_at: Timestamp(61),
    };
    let customer = CustomerSet { cart: CartId(4), customer: name("c-81"), expires_at: Timestamp(62) };
    let merged = Merged {
        cart: CartId(4),
        into: CartId(2),
        into_name: name("k-0"),
        lines: vec![line.clone()],
        dropped: vec![line],
        codes: vec!["X".into()],
        expires_at: Timestamp(63),
        given_back: vec![back()],
    };
    let held = Held {
        cart: CartId(4),
        channel: name("app"),
        promise,
        parent: Parent { kind: ParentKind::Cart, seq: 4, name: name("k-1") },
        location: Some(LocationId(3)),
        group: Some(GroupId(1)),
        ttl_seconds: 900,
        expires_at: Timestamp(64),
    };
    vec![
        Event::Carts(CartEvent::Made(Box::new(made))),
        Event::Carts(CartEvent::LinesSet(Box::new(set))),
        Event::Carts(CartEvent::CustomerSet(Box::new(customer))),
        Event::Carts(CartEvent::Merged(Box::new(merged))),
        Event::Carts(CartEvent::Closed(Box::new(Closed { cart: CartId(4), given_back: vec![back()] }))),
        Event::Carts(CartEvent::Expired(Box::new(CartsExpired {
            carts: vec![CartId(4)],
            made_room: true,
            given_back: vec![back()],
        }))),
        Event::Carts(CartEvent::Held(Box::new(held))),
    ]
}

/// What came with format 9 of carts, and the kept answer of an order.
pub(super) fn events_of_v9_carts() -> Vec<(Option<Box<Cause>>, Event)> {
    let answer = OrderAnswer { order: Arc::new(order()), is_made: true };
    let kept = KeptAnswer { seq: 12, thing: Thing::Orders(Box::new(answer)) };
    let mut events = of_carts();
    events.push(Event::Answers(answers::event::Event::Told(Box::new(kept))));
    events.into_iter().map(|event| (None, event)).collect()
}

/// What came with format 9 of receipts and orders; that of carts is in a file of its own, as one part has no room for all.
pub(super) fn events_of_v9() -> Vec<(Option<Box<Cause>>, Event)> {
    let mut events = of_receipts();
    events.push(Event::Reservations(reservation::event::Event::IdTaken(2)));
    events.push(Event::Orders(orders::event::Event::Stepped(Box::new(stepped()))));
    events.into_iter().map(|event| (None, event)).collect()
}
