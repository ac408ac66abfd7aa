//! Audits orders, from the events alone: the equations of lines and money hold at every record, and units are handed over
//! and cancelled where reservations and stock say so.

use std::collections::BTreeMap;

use super::audited::Audited;
use super::event::{Event, PartStep, Stepped};
use super::order::{Order, OrderState};
use super::step_kind::StepKind;
use super::{audit_exit, audit_imported};
use crate::audit::Books;
use crate::effect::At;
use crate::ids::SkuId;

/// Audits the order part of an event; stock and promises audit their own parts.
///
/// # Errors
/// The violation, with both numbers.
pub(crate) fn check(books: &mut Books, at: At<'_>, event: &Event) -> Result<(), String> {
    let Event::Stepped(stepped) = event;
    check_step(books, at, stepped)
}

/// The same for a step that another subject logged.
///
/// # Errors
/// The violation, with both numbers.
pub(crate) fn check_step(books: &mut Books, at: At<'_>, stepped: &Stepped) -> Result<(), String> {
    let order: &Order = &stepped.order;
    if order.version != at.seq {
        return Err(format!("an order has the version {} in the record {}", order.version, at.seq));
    }
    check_order(order)?;
    let known = books.own.orders.0.get(&order.id);
    match (known, order.id.0 == at.seq) {
        (None, true) | (Some(_), false) => {}
        (Some(_), true) => return Err("an order was made twice".into()),
        (None, false) => return Err("an unknown order changed".into()),
    }
    match stepped.kind == StepKind::Imported {
        true => audit_imported::check(known, stepped)?,
        false => check_units(known, stepped)?,
    }
    let is_priced = matches!(stepped.kind, StepKind::Placed | StepKind::Sold | StepKind::Replanned);
    if let Some(known) = known.filter(|_| !is_priced) {
        let of = |audited: &Audited| audited.lines.iter().map(|line| (line.sku, line.quantity)).collect::<Vec<_>>();
        if of(known) != of(&Audited::from(order)) {
            return Err("the lines of an order changed outside a plan".into());
        }
        if order.paid() < known.paid {
            return Err(format!("{} was paid, and {} is now", known.paid, order.paid()));
        }
    }
    let before = known.map(|known| known.exit);
    audit_exit::check(&mut books.own.orders.1, before, stepped)?;
    books.own.orders.0.insert(order.id, Audited::from(order));
    Ok(())
}

/// The equations that hold for an order at every record.
pub(crate) fn check_order(order: &Order) -> Result<(), String> {
    for line in &order.lines {
        let gone = u64::from(line.handed_over) + u64::from(line.cancelled);
        if gone > line.quantity.into() || line.returned > line.handed_over {
            return Err(format!(
                "{gone} units are gone of a line of {}, and {} came back",
                line.quantity, line.returned
            ));
        }
        if line.cancelled_amount != line.worth_cancelled(line.cancelled) {
            return Err(format!(
                "{} is cancelled of a line where units of it are worth {}",
                line.cancelled_amount,
                line.worth_cancelled(line.cancelled)
            ));
        }
    }
    let amounts: u64 = order.lines.iter().map(super::OrderLine::amount).sum();
    if order.subtotal() - order.discount() != amounts {
        return Err(format!("an order of {} less {} has lines of {amounts}", order.subtotal(), order.discount()));
    }
    // What is owed, paid and paid back adds up: one of both is nothing.
    let owed = i128::from(order.owed()) + i128::from(order.refunded()) - i128::from(order.paid());
    if i128::from(order.due()) - i128::from(order.refund_due()) != owed {
        return Err(format!("{owed} is open, and {} is due and {} to be refunded", order.due(), order.refund_due()));
    }
    let in_fulfilments = |at: usize| -> (u32, u32, u32) {
        let lines = order.fulfilments.iter().flat_map(|fulfilment| &fulfilment.lines);
        lines
            .filter(|line| usize::from(line.line) == at)
            .fold((0, 0, 0), |sum, line| (sum.0 + line.quantity, sum.1 + line.handed_over, sum.2 + line.cancelled))
    };
    for (at, line) in order.lines.iter().enumerate() {
        let sums = in_fulfilments(at);
        if sums != (line.quantity, line.handed_over, line.cancelled) {
            return Err(format!("a line of {} units has {} in its fulfilments", line.quantity, sums.0));
        }
    }
    let outstanding = order.lines.iter().any(|line| line.outstanding() > 0);
    let is_right = match order.state {
        OrderState::Open | OrderState::Confirmed => outstanding,
        OrderState::Completed | OrderState::Cancelled | OrderState::Expired => !outstanding,
    };
    match is_right {
        true => Ok(()),
        false => Err(format!("an order is {} with units outstanding: {outstanding}", order.state.as_str())),
    }
}

/// Units that an order hands over are those that its reservations collect and its stock loses, SKU by SKU; and the ledger
/// has a row for each.
fn check_units(known: Option<&Audited>, stepped: &Stepped) -> Result<(), String> {
    let mut handed: BTreeMap<SkuId, i64> = BTreeMap::new();
    for (at, line) in stepped.order.lines.iter().enumerate() {
        let before = known.and_then(|known| known.lines.get(at)).filter(|_| stepped.kind != StepKind::Replanned);
        let with_customer = |handed_over: u32, returned: u32| i64::from(handed_over) - i64::from(returned);
        let known = before.map_or(0, |before| with_customer(before.handed_over, before.returned));
        let units = with_customer(line.handed_over, line.returned) - known;
        *handed.entry(line.sku).or_default() += units;
    }
    let mut left: BTreeMap<SkuId, i64> = BTreeMap::new();
    for part in &stepped.parts {
        if let PartStep::Collected(collected) = part {
            collected.lines.iter().for_each(|line| *left.entry(line.cell.sku).or_default() += i64::from(line.quantity));
        }
    }
    stepped.moved.iter().for_each(|moved| *left.entry(moved.cell.sku).or_default() -= moved.change);
    let mut rows: BTreeMap<SkuId, i64> = BTreeMap::new();
    for row in stepped.sold.iter().filter(|row| !row.is_charge) {
        let line = stepped.order.lines.get(usize::from(row.line)).ok_or("the ledger has a line that does not exist")?;
        *rows.entry(line.sku).or_default() += row.quantity;
    }
    for map in [&mut handed, &mut left, &mut rows] {
        map.retain(|_, units| *units != 0);
    }
    match handed == left && left == rows {
        true => Ok(()),
        false => Err(format!("an order handed over {handed:?}, {left:?} left, and the ledger has {rows:?}")),
    }
}
