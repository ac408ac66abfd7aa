//! JSON of orders.

use anaquel_engine::Engine;
use anaquel_engine::effect::Effect;
use anaquel_engine::event::CellAfter;
use anaquel_engine::orders::event::Event;
use anaquel_engine::orders::{Fulfilment, Order, OrderAnswer, OrderLine};
use serde_json::{Value, json};

use super::parts::Parts;
use super::record::Record;
use super::shown::{Sees, place};
use crate::wire::time;

/// An order as a value, to be told as a part of something.
pub fn order(engine: &Engine, order: &Order, parts: &Parts, sees: &Sees<'_>) -> Value {
    json!(Record::of(engine, order, parts, sees))
}

/// What an order is, without its secrets: in the log, and in kept answers.
fn summary(engine: &Engine, order: &Order) -> Value {
    let catalogue = &engine.state().catalogue;
    let line = |line: &OrderLine| {
        json!({
            "line": &*line.name,
            "sku": catalogue.skus.name(line.sku).as_str(),
            "quantity": line.quantity,
            "unit_amount": line.unit_amount,
            "amount": line.amount(),
            "handed_over": line.handed_over,
            "cancelled": line.cancelled,
            "returned": line.returned,
        })
    };
    let fulfilment = |one: &Fulfilment| {
        json!({
            "fulfilment": &*one.name,
            "purpose": one.purpose.as_str(),
            "reservation": one.reservation.map(|id| engine.reservation_id(id)),
        })
    };
    json!({
        "order": order.name.as_str(),
        "state": order.state.as_str(),
        "customer": order.customer.as_deref(),
        "currency": order.currency.as_str(),
        "lines": order.lines.iter().map(line).collect::<Vec<_>>(),
        "fulfilments": order.fulfilments.iter().map(fulfilment).collect::<Vec<_>>(),
        "total": order.total(),
        "paid": order.paid(),
        "refunded": order.refunded(),
        "due": order.due(),
        "refund_due": order.refund_due(),
    })
}

/// The kept answer of a step.
pub fn told(engine: &Engine, answer: &OrderAnswer) -> Value {
    summary(engine, &answer.order)
}

/// An event, as `/v1/events` tells it: its kind, and what it says.
pub fn event(engine: &Engine, event: &Event, cell: impl Fn(&CellAfter) -> Value) -> (&'static str, Value) {
    let Event::Stepped(stepped) = event;
    let order = &stepped.order;
    let mut cells = Vec::new();
    event.effects(&mut |effect| {
        if let Effect::Cell(after, _) = effect {
            cells.push(cell(after));
        }
    });
    let sold = stepped.sold.iter().map(|row| {
        let at = usize::from(row.line);
        let line = order.lines.get(at).filter(|_| !row.is_charge).map(|line| &*line.name);
        let charge = order.charges.get(at).filter(|_| row.is_charge).map(|charge| &*charge.name);
        json!({
            "line": line,
            "charge": charge,
            "location": row.location.map(|id| place(engine, id)),
            "quantity": row.quantity,
            "amount": row.amount,
            "discount": row.discount,
            "absorbed": row.absorbed,
        })
    });
    let sold: Vec<Value> = sold.collect();
    let mut item = summary(engine, order);
    if let Value::Object(members) = &mut item {
        let origin = stepped.origin.as_ref();
        members.insert("sold".into(), sold.into());
        let receipts: Vec<Value> = stepped.receipts.iter().map(|issued| issued.id.to_string().into()).collect();
        members.insert("receipts".into(), receipts.into());
        members.insert("cart".into(), order.cart.as_ref().map(|name| name.as_str()).into());
        members.insert("location".into(), origin.and_then(|one| one.location).map(|id| place(engine, id)).into());
        members.insert("till".into(), origin.and_then(|one| one.till.as_deref()).into());
        members.insert("occurred_at".into(), origin.map(|one| time(one.occurred_at)).into());
        members.insert("reason".into(), stepped.reason.as_deref().into());
        members.insert("items".into(), cells.into());
    }
    (stepped.kind.as_str(), item)
}
