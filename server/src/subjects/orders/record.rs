//! The record of an order, as answers tell it. It is written member by member, without a tree of values between: a record
//! has some 150 members.

use anaquel_engine::Engine;
use anaquel_engine::orders::exit::AuditReason;
use anaquel_engine::orders::payment::{Origin, Payment, Refund};
use anaquel_engine::orders::{Charge, Flag, Fulfilment, FulfilmentLine, Happened, Order, OrderLine, Source};
use anaquel_engine::receipts::receipt::ReceiptId;
use serde::Serialize;
use serde_json::Value;

use super::parts::{self, Parts};
use super::shown::{Sees, day, place};
use crate::wire::time;

/// Bytes that most records need.
const ROOM: usize = 3072;

/// The record.
#[derive(Serialize)]
pub struct Record<'a> {
    order: &'a str,
    token: Option<String>,
    state: &'static str,
    channel: &'a str,
    begun_in: &'a str,
    customer: Option<&'a str>,
    cart: Option<&'a str>,
    reference: Option<&'a str>,
    currency: &'a str,
    lines: Vec<Line<'a>>,
    fulfilments: Vec<FulfilmentRecord<'a>>,
    charges: Vec<ChargeRecord<'a>>,
    offers: [(); 0],
    subtotal: u64,
    discount: u64,
    tax: u64,
    taxes: Vec<Tax>,
    total: u64,
    paid: u64,
    refunded: u64,
    due: u64,
    refund_due: u64,
    payments: Vec<PaymentRecord<'a>>,
    refunds: Vec<RefundRecord<'a>>,
    receipts: Vec<String>,
    uncredited: Vec<String>,
    returns: Vec<&'a str>,
    points: Points,
    pay_at_handover: bool,
    till_reference: Option<&'a str>,
    flags: Vec<&'static str>,
    priced_at: u64,
    created_at: String,
    expires_at: Option<String>,
    history: Vec<HistoryEntry<'a>>,
    seq: u64,
    /// Only an order of a self check-out has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    exit: Option<ExitRecord<'a>>,
}

#[derive(Serialize)]
struct Line<'a> {
    line: &'a str,
    sku: &'a str,
    quantity: u32,
    unit_amount: u64,
    price_list: Option<&'a str>,
    discount: u64,
    amount: u64,
    tax_rate: Option<u32>,
    by_hand: bool,
    price_differs: bool,
    handed_over: u32,
    cancelled: u32,
    cancelled_amount: u64,
    returned: u32,
    brought_back: u64,
    components: (),
}

#[derive(Serialize)]
struct FulfilmentRecord<'a> {
    fulfilment: &'a str,
    purpose: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a str>,
    reservation: Option<String>,
    state: &'static str,
    lines: Vec<Units<'a>>,
    address: Option<Value>,
    pickup_by: Option<String>,
    pickup_code: Option<&'a str>,
    promised_for: Option<String>,
    tracking: Option<&'a str>,
}

#[derive(Serialize)]
struct Units<'a> {
    line: Option<&'a str>,
    quantity: u32,
}

#[derive(Serialize)]
struct ChargeRecord<'a> {
    charge: &'a str,
    amount: u64,
    tax_rate: Option<u32>,
    cancelled_amount: u64,
    brought_back: u64,
}

#[derive(Serialize)]
struct Tax {
    rate: u32,
    base: u64,
    tax: u64,
}

#[derive(Serialize, Default)]
struct Points {
    earned: u64,
    spent: u64,
}

/// Where and when something was told.
#[derive(Serialize)]
struct OriginRecord<'a> {
    channel: &'a str,
    location: Option<&'a str>,
    till: Option<&'a str>,
    occurred_at: String,
    business_date: String,
}

#[derive(Serialize)]
struct PaymentRecord<'a> {
    payment: &'a str,
    tender: &'static str,
    amount: u64,
    state: &'static str,
    reference: Option<&'a str>,
    wallet: (),
    points: (),
    given: Option<u64>,
    #[serde(flatten)]
    origin: OriginRecord<'a>,
}

/// Money that goes back.
#[derive(Serialize)]
pub struct RefundRecord<'a> {
    refund: &'a str,
    tender: &'static str,
    amount: u64,
    state: &'static str,
    payment: Option<&'a str>,
    wallet: (),
    reference: Option<&'a str>,
    #[serde(flatten)]
    origin: OriginRecord<'a>,
}

#[derive(Serialize)]
struct HistoryEntry<'a> {
    seq: u64,
    time: String,
    kind: &'static str,
    channel: Option<&'a str>,
    location: Option<&'a str>,
    actor: Option<&'a str>,
}

/// The exit of a self check-out, with its code.
#[derive(Serialize)]
struct ExitRecord<'a> {
    code: &'a str,
    audit: bool,
    reason: Option<&'static str>,
    state: &'static str,
    actor: Option<&'a str>,
}

impl<'a> Record<'a> {
    /// Of an order whose fulfilments have these reservations, as somebody sees it.
    pub fn of(engine: &'a Engine, order: &'a Order, parts: &'a Parts, sees: &Sees<'_>) -> Self {
        let taxes = order.taxes();
        let fulfilment = |(nth, one)| FulfilmentRecord::of(engine, order, nth, one, parts, sees);
        Self {
            order: order.name.as_str(),
            token: (sees.codes && order.id.0 > 0).then(|| engine.identity().order_token(order.id.0)),
            state: order.state.as_str(),
            channel: order.channel.as_str(),
            begun_in: order.begun_in.as_str(),
            customer: order.customer.as_deref(),
            cart: order.cart.as_ref().map(|name| name.as_str()),
            reference: order.reference.as_deref(),
            currency: order.currency.as_str(),
            lines: lines(engine, order),
            fulfilments: order.fulfilments.iter().enumerate().map(fulfilment).collect(),
            charges: charges(order),
            offers: [],
            subtotal: order.subtotal(),
            discount: order.discount(),
            tax: taxes.iter().map(|sum| sum.tax).sum(),
            taxes: taxes.iter().map(|sum| Tax { rate: sum.rate, base: sum.base, tax: sum.tax }).collect(),
            total: order.total(),
            paid: order.paid(),
            refunded: order.refunded(),
            due: order.due(),
            refund_due: order.refund_due(),
            payments: order.payments.iter().map(|one| payment(engine, one)).collect(),
            refunds: order.refunds.iter().map(|one| refund(engine, one)).collect(),
            receipts: order.receipts.iter().map(ReceiptId::to_string).collect(),
            uncredited: order.uncredited().iter().map(ReceiptId::to_string).collect(),
            returns: order.returns.iter().map(|link| link.name.as_str()).collect(),
            points: Points::default(),
            pay_at_handover: order.pay_at_handover,
            till_reference: order.till_reference.as_deref(),
            flags: order.flags.iter().copied().map(Flag::as_str).collect(),
            priced_at: order.priced_at,
            created_at: time(order.created_at),
            expires_at: order.expires_at.map(time),
            history: history(engine, order),
            seq: order.version,
            exit: exit(order, sees),
        }
    }

    /// As JSON. It has texts and numbers only, all of which JSON can tell.
    pub fn to_json(&self) -> String {
        let mut body = Vec::with_capacity(ROOM);
        match serde_json::to_writer(&mut body, self) {
            Ok(()) => String::from_utf8(body).unwrap_or_default(),
            Err(_) => String::new(),
        }
    }
}

fn lines<'a>(engine: &'a Engine, order: &'a Order) -> Vec<Line<'a>> {
    let skus = &engine.state().catalogue.skus;
    let line = |line: &'a OrderLine| Line {
        line: &line.name,
        sku: skus.name(line.sku).as_str(),
        quantity: line.quantity,
        unit_amount: line.unit_amount,
        price_list: line.price_list.as_ref().map(|name| name.as_str()),
        discount: line.discount,
        amount: line.amount(),
        tax_rate: line.tax_rate,
        by_hand: line.by_hand,
        price_differs: line.price_differs,
        handed_over: line.handed_over,
        cancelled: line.cancelled,
        cancelled_amount: line.cancelled_amount,
        returned: line.returned,
        brought_back: line.brought_back(),
        components: (),
    };
    order.lines.iter().map(line).collect()
}

fn charges<'a>(order: &'a Order) -> Vec<ChargeRecord<'a>> {
    let record = |charge: &'a Charge| ChargeRecord {
        charge: &charge.name,
        amount: charge.amount,
        tax_rate: charge.tax_rate,
        cancelled_amount: charge.cancelled_amount,
        brought_back: charge.cancelled_amount + charge.returned_amount,
    };
    order.charges.iter().map(record).collect()
}

fn history<'a>(engine: &'a Engine, order: &'a Order) -> Vec<HistoryEntry<'a>> {
    let entry = |step: &'a Happened| HistoryEntry {
        seq: step.seq,
        time: time(step.time),
        kind: step.kind.as_str(),
        channel: step.channel.as_ref().map(|name| name.as_str()),
        location: step.location.map(|id| place(engine, id)),
        actor: step.actor.as_deref(),
    };
    order.history.iter().map(entry).collect()
}

fn exit<'a>(order: &'a Order, sees: &Sees<'_>) -> Option<ExitRecord<'a>> {
    let exit = order.exit.as_deref().filter(|_| sees.codes)?;
    Some(ExitRecord {
        code: &exit.code,
        audit: exit.reason.is_some(),
        reason: exit.reason.map(AuditReason::as_str),
        state: exit.state.as_str(),
        actor: exit.actor.as_deref(),
    })
}

impl<'a> FulfilmentRecord<'a> {
    fn of(
        engine: &'a Engine,
        order: &'a Order,
        nth: usize,
        one: &'a Fulfilment,
        parts: &'a Parts,
        sees: &Sees<'_>,
    ) -> Self {
        let part = parts.get(nth).and_then(Option::as_deref);
        let (location, group) = match one.source {
            Source::Location(id) => (Some(place(engine, id)), None),
            Source::Group(id) => (None, Some(engine.state().catalogue.groups.name(id).as_str())),
        };
        let units = |line: &FulfilmentLine| Units {
            line: order.lines.get(usize::from(line.line)).map(|line| &*line.name),
            quantity: line.quantity,
        };
        let address = one.address.as_deref().filter(|_| (sees.address)(one));
        Self {
            fulfilment: &one.name,
            purpose: one.purpose.as_str(),
            location,
            group,
            reservation: one.reservation.map(|id| engine.reservation_id(id)),
            state: parts::state(order, nth, part).as_str(),
            lines: one.lines.iter().map(units).collect(),
            address: address.and_then(|text| serde_json::from_str(text).ok()),
            pickup_by: one.pickup_by.map(time),
            pickup_code: part.and_then(|part| part.pickup_code.as_deref()).filter(|_| sees.codes),
            promised_for: one.promised_for.map(time),
            tracking: one.tracking.as_deref(),
        }
    }
}

fn origin<'a>(engine: &'a Engine, origin: &'a Origin) -> OriginRecord<'a> {
    OriginRecord {
        channel: origin.channel.as_str(),
        location: origin.location.map(|id| place(engine, id)),
        till: origin.till.as_deref(),
        occurred_at: time(origin.occurred_at),
        business_date: day(origin.business_date),
    }
}

fn payment<'a>(engine: &'a Engine, payment: &'a Payment) -> PaymentRecord<'a> {
    PaymentRecord {
        payment: &payment.name,
        tender: payment.tender.as_str(),
        amount: payment.amount,
        state: payment.state.as_str(),
        reference: payment.reference.as_deref(),
        wallet: (),
        points: (),
        given: payment.given,
        origin: origin(engine, &payment.origin),
    }
}

/// Money that goes back.
pub fn refund<'a>(engine: &'a Engine, refund: &'a Refund) -> RefundRecord<'a> {
    RefundRecord {
        refund: &refund.name,
        tender: refund.tender.as_str(),
        amount: refund.amount,
        state: refund.state.as_str(),
        payment: refund.payment.as_deref(),
        wallet: (),
        reference: refund.reference.as_deref(),
        origin: origin(engine, &refund.origin),
    }
}
