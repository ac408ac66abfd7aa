//! JSON of returns.

use anaquel_engine::Engine;
use anaquel_engine::command::Refusal;
use anaquel_engine::effect::Effect;
use anaquel_engine::event::CellAfter;
use anaquel_engine::ids::LocationId;
use anaquel_engine::receipts::receipt::ReceiptId;
use anaquel_engine::refusal::PriceDifference;
use anaquel_engine::returns::command::LineFields;
use anaquel_engine::returns::event::Event;
use anaquel_engine::returns::{Condition, Flag, Happened, Return, ReturnAnswer, ReturnCharge, ReturnLine};
use serde_json::{Value, json};

use crate::http::problem::Problem;
use crate::subjects::orders::record::refund;
use crate::wire::time;

fn place(engine: &Engine, id: LocationId) -> &str {
    engine.state().catalogue.locations.name(id).as_str()
}

/// A return.
pub fn item(engine: &Engine, returned: &Return) -> Value {
    let happened = |step: &Happened| {
        json!({
            "seq": step.seq,
            "time": time(step.time),
            "kind": step.kind.as_str(),
            "channel": step.channel.as_ref().map(|name| name.as_str()),
            "location": step.location.map(|id| place(engine, id)),
            "actor": step.actor.as_deref(),
        })
    };
    let mut item = summary(engine, returned);
    if let Value::Object(members) = &mut item {
        let refunds: Vec<_> = returned.refunds.iter().map(|one| refund(engine, one)).collect();
        members.insert("refunds".into(), json!(refunds));
        members.insert("till".into(), returned.till.as_deref().into());
        members.insert("points_taken_back".into(), 0.into());
        let flags: Vec<&str> = returned.flags.iter().copied().map(Flag::as_str).collect();
        members.insert("flags".into(), flags.into());
        members.insert("created_at".into(), time(returned.created_at).into());
        members.insert("expires_at".into(), returned.expires_at.map(time).into());
        members.insert("history".into(), returned.history.iter().map(happened).collect::<Vec<_>>().into());
        members.insert("seq".into(), returned.version.into());
    }
    item
}

/// What a return would be; nothing is written.
pub fn preview(engine: &Engine, returned: &Return) -> Value {
    let mut told = item(engine, returned);
    if let Value::Object(members) = &mut told {
        members.insert("return".into(), Value::Null);
        members.insert("dry_run".into(), true.into());
    }
    told
}

/// What a return is, in the log and in kept answers.
fn summary(engine: &Engine, returned: &Return) -> Value {
    let line = |line: &ReturnLine| {
        json!({
            "line": &*line.name,
            "sku": engine.state().catalogue.skus.name(line.sku).as_str(),
            "quantity": line.quantity,
            "condition": line.condition.map(Condition::as_str),
            "found_sellable": line.found_sellable,
            "found_damaged": line.found_damaged,
            "refund_amount": line.refund_amount,
            "reason": line.reason.as_deref(),
            "unreferenced": line.is_unreferenced,
        })
    };
    let charge = |charge: &ReturnCharge| json!({"charge": &*charge.name, "amount": charge.amount});
    json!({
        "return": returned.name.as_str(),
        "state": returned.state.as_str(),
        "channel": returned.channel.as_str(),
        "location": returned.location.map(|id| place(engine, id)),
        "order": returned.order.as_ref().map(|name| name.as_str()),
        "customer": returned.customer.as_deref(),
        "currency": returned.currency.as_str(),
        "lines": returned.lines.iter().map(line).collect::<Vec<_>>(),
        "charges": returned.charges.iter().map(charge).collect::<Vec<_>>(),
        "value": returned.value(),
        "refund_due": returned.refund_due(),
        "exchange": returned.exchange.as_ref().map(|name| name.as_str()),
        "receipts": returned.receipts.iter().map(ReceiptId::to_string).collect::<Vec<_>>(),
        "unreferenced": returned.is_unreferenced(),
    })
}

/// The kept answer of a step.
pub fn told(engine: &Engine, answer: &ReturnAnswer) -> Value {
    summary(engine, &answer.returned)
}

/// An event, as `/v1/events` tells it: its kind, and what it says.
pub fn event(engine: &Engine, event: &Event, cell: impl Fn(&CellAfter) -> Value) -> (&'static str, Value) {
    let Event::Stepped(stepped) = event;
    let mut cells = Vec::new();
    event.effects(&mut |effect| {
        if let Effect::Cell(after, _) = effect {
            cells.push(cell(after));
        }
    });
    let mut item = summary(engine, &stepped.returned);
    if let Value::Object(members) = &mut item {
        members.insert("reason".into(), stepped.reason.as_deref().into());
        members.insert("items".into(), cells.into());
    }
    (stepped.kind.as_str(), item)
}

/// The refusal of goods without a sale whose SKU had no price.
pub fn unpriced(line: &LineFields) -> Problem {
    let name = line.line.clone().or_else(|| line.sku.as_ref().map(|sku| sku.as_str().into()));
    let difference = PriceDifference { line: name.unwrap_or_default(), expected: None, actual: None };
    Refusal::PriceMismatch { lines: vec![difference], total: 0 }.into()
}
