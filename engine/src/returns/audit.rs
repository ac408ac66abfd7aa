//! Audits returns, from the events alone: what came back is what moved, stands in the ledger, and counts for its order.

use std::collections::BTreeMap;

use super::audited::Audited;
use super::event::{Event, Stepped};
use super::returned::{ReturnState, StepKind};
use crate::audit::Books;
use crate::effect::At;
use crate::ids::SkuId;
use crate::orders::payment::RefundState;
use crate::stock::movement::MovementKind;

/// Audits the return part of an event; orders, receipts and stock audit their own parts.
///
/// # Errors
/// The violation, with both numbers.
pub(crate) fn check(books: &mut Books, at: At<'_>, event: &Event) -> Result<(), String> {
    let Event::Stepped(stepped) = event;
    let returned = &stepped.returned;
    if returned.version != at.seq {
        return Err(format!("a return has the version {} in the record {}", returned.version, at.seq));
    }
    let known = books.own.returns.0.get(&returned.id).cloned();
    match (&known, returned.id.0 == at.seq) {
        (None, true) | (Some(_), false) => {}
        (Some(_), true) => return Err("a return was made twice".into()),
        (None, false) => return Err("an unknown return changed".into()),
    }
    check_state(known.as_ref(), stepped)?;
    check_units(known.as_ref(), stepped)?;
    check_order(stepped)?;
    books.own.returns.0.insert(returned.id, Audited::from(returned));
    Ok(())
}

fn check_state(known: Option<&Audited>, stepped: &Stepped) -> Result<(), String> {
    let returned = &stepped.returned;
    let before = known.map(|known| known.state);
    let passes = match stepped.kind {
        StepKind::Announced => before.is_none() && returned.state == ReturnState::Announced,
        StepKind::Received => {
            matches!(before, None | Some(ReturnState::Announced))
                && matches!(returned.state, ReturnState::Received | ReturnState::Settled)
        }
        StepKind::Imported => before.is_none() && returned.state == ReturnState::Settled,
        StepKind::Inspected => before == Some(ReturnState::Received),
        StepKind::Refunded => matches!(before, Some(ReturnState::Received | ReturnState::Settled)),
        StepKind::Cancelled | StepKind::Expired => {
            before == Some(ReturnState::Announced) && returned.state == ReturnState::Cancelled
        }
    };
    if !passes {
        return Err(format!("a return in the state {before:?} became {}", returned.state.as_str()));
    }
    for line in &returned.lines {
        let found = u64::from(line.found_sellable) + u64::from(line.found_damaged);
        if found > line.quantity.into() {
            return Err(format!("{found} units of {} were looked at", line.quantity));
        }
    }
    if returned.refunded() > returned.owed {
        return Err(format!("{} is paid back of {}", returned.refunded(), returned.owed));
    }
    let is_pending = returned.refunds.iter().any(|refund| refund.state == RefundState::Pending);
    let is_seen = returned.lines.iter().all(|line| line.to_inspect() == 0);
    if returned.state == ReturnState::Settled && (!is_seen || is_pending || returned.refund_due() > 0) {
        return Err("a return is settled with goods to look at, or money to pay back".into());
    }
    let Some(known) = known.filter(|_| stepped.kind != StepKind::Received) else { return Ok(()) };
    let now = Audited::from(returned);
    let came = |audited: &Audited| audited.units.iter().map(|(sku, [all, ..])| (*sku, *all)).collect::<Vec<_>>();
    match came(known) == came(&now) && known.value == now.value {
        true => Ok(()),
        false => Err("what came back changed after it came".into()),
    }
}

/// Units that belong to no known sale are those that moved and stand in its own rows; goods that somebody looked at leave
/// the quarantine, once.
fn check_units(known: Option<&Audited>, stepped: &Stepped) -> Result<(), String> {
    let mut moved: BTreeMap<SkuId, i64> = BTreeMap::new();
    let mut rows: BTreeMap<SkuId, i64> = BTreeMap::new();
    let mut lines: BTreeMap<SkuId, i64> = BTreeMap::new();
    for row in &stepped.rows {
        *rows.entry(row.sku.ok_or("a row of a return has no SKU")?).or_default() -= row.quantity;
    }
    match stepped.kind {
        StepKind::Received | StepKind::Imported => {
            stepped.moved.iter().for_each(|moves| *moved.entry(moves.cell.sku).or_default() += moves.change);
            let unreferenced = stepped.returned.lines.iter().filter(|line| line.is_unreferenced);
            unreferenced.for_each(|line| *lines.entry(line.sku).or_default() += i64::from(line.quantity));
        }
        StepKind::Inspected => check_inspected(known, stepped)?,
        StepKind::Announced | StepKind::Refunded | StepKind::Cancelled | StepKind::Expired => {
            if !stepped.moved.is_empty() {
                return Err(format!("units moved in a step of the kind {}", stepped.kind.as_str()));
            }
        }
    }
    // A file moves nothing, unless it is asked to: then no row says that anything moved.
    let is_unmoved = stepped.kind == StepKind::Imported && stepped.moved.is_empty();
    if is_unmoved && stepped.rows.iter().all(|row| row.absorbed) {
        moved.clone_from(&rows);
    }
    match moved == rows && rows == lines {
        true => Ok(()),
        false => Err(format!("a return of {lines:?} units without a sale moved {moved:?} and has the rows {rows:?}")),
    }
}

/// Of each SKU that is counted, what was found sellable comes to the shelf, and what was found damaged is written off.
fn check_inspected(known: Option<&Audited>, stepped: &Stepped) -> Result<(), String> {
    let (before, after) =
        (known.map(|known| known.units.clone()).unwrap_or_default(), Audited::from(&stepped.returned).units);
    let mut moved: BTreeMap<SkuId, [u64; 2]> = BTreeMap::new();
    for moves in &stepped.moved {
        let [shelf, lost] = moved.entry(moves.cell.sku).or_default();
        match moves.kind {
            MovementKind::Damage => *lost += moves.change.unsigned_abs(),
            _ => *shelf += moves.change.max(0).unsigned_abs(),
        }
    }
    for (sku, moved) in moved {
        let [_, sellable, damaged] = after.get(&sku).copied().unwrap_or_default();
        let [_, known_sellable, known_damaged] = before.get(&sku).copied().unwrap_or_default();
        let found = [sellable - known_sellable.min(sellable), damaged - known_damaged.min(damaged)];
        if found != moved {
            return Err(format!("{found:?} units were found, and {moved:?} moved"));
        }
    }
    Ok(())
}

/// The order counts what came back and what was paid back, and an exchange is paid with it.
fn check_order(stepped: &Stepped) -> Result<(), String> {
    let returned = &stepped.returned;
    if stepped.kind == StepKind::Imported {
        let rows: i64 = stepped.rows.iter().map(|row| row.amount).sum();
        let is_alone = stepped.order.is_none() && stepped.exchange.is_none() && returned.order.is_none();
        let value = returned.value();
        return match is_alone && rows == -(value as i64) && returned.owed == value {
            true => Ok(()),
            false => Err(format!("a return of {value} was imported with rows of {rows}, or with an order")),
        };
    }
    let is_of_order = returned.lines.iter().any(|line| !line.is_unreferenced) || !returned.charges.is_empty();
    if stepped.kind == StepKind::Received && is_of_order && stepped.order.is_none() {
        return Err("goods of an order came back, and no order counts them".into());
    }
    if let Some(order) = &stepped.order {
        let link = order.order.returns.iter().find(|link| link.name == returned.name);
        let link = link.ok_or("an order does not know its return")?;
        let lines = returned.lines.iter().filter(|line| !line.is_unreferenced).map(|line| line.refund_amount);
        let value = lines.sum::<u64>() + returned.charges.iter().map(|charge| charge.amount).sum::<u64>();
        if link.value != value || link.refunded() != returned.refunded() {
            let (reported, refunded) = (link.value, link.refunded());
            return Err(format!(
                "a return of {value}, of which {} is paid back, is one of {reported} and {refunded} to its order",
                returned.refunded()
            ));
        }
        let sold: i64 = order.sold.iter().map(|row| row.amount).sum();
        let brings = stepped.kind == StepKind::Received;
        if brings && sold != -(value as i64) {
            return Err(format!("a return of {value} stands in the ledger with {sold}"));
        }
    }
    if stepped.kind == StepKind::Received {
        let is_exchange = |tender| tender == crate::kernel::tender::Tender::Exchange;
        let paid = stepped.exchange.iter().flat_map(|exchange| &exchange.order.payments);
        let paid: u64 = paid.filter(|one| is_exchange(one.tender)).map(|one| one.amount).sum();
        let refunded: u64 = returned.refunds.iter().filter(|one| is_exchange(one.tender)).map(|one| one.amount).sum();
        if paid != refunded {
            return Err(format!("{refunded} is taken in exchange, and {paid} is paid with it"));
        }
    }
    Ok(())
}
