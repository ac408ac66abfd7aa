//! Audits transfers, from the events alone: at every record each line's equation holds, units that arrive were
//! shipped before or are surplus, and stock moves where the transfer says.

use std::collections::BTreeSet;

use super::audited::{Audited, Line};
use super::event::{Arrived, Content, Event, Readied};
use super::reason::TransferId;
use super::transfer::supply_name;
use crate::audit::Books;
use crate::effect::At;
use crate::ids::{LocationId, SkuId};
use crate::stock::movement::Moved;
use crate::supply::received::SupplySet;

/// Audits the transfer part of an event; stock, promises and supply audit their own parts.
///
/// # Errors
/// The violation, with both numbers.
pub(crate) fn check(books: &mut Books, at: At<'_>, event: &Event) -> Result<(), String> {
    let quarantines = books.quarantines.clone();
    let all = &mut books.own.transfers.0;
    let Some(id) = event.transfer() else {
        if let Event::Drafted(drafted) = event {
            let id = TransferId(at.seq);
            let audited = drafted_as(&drafted.content)?;
            if let Some(ready) = &drafted.ready {
                check_ready(id, &audited, ready)?;
            }
            all.insert(id, audited);
        }
        return Ok(());
    };
    let known = all.get_mut(&id).ok_or("an unknown transfer changed")?;
    match event {
        Event::Redrafted(event) => *known = drafted_as(&event.content)?,
        Event::Readied(ready) => check_ready(id, known, ready)?,
        Event::Shipped(event) => {
            if std::mem::replace(&mut known.left, true) {
                return Err("a transfer was shipped twice".into());
            }
            for (number, units) in &event.lines {
                let line = known.lines.get_mut(usize::from(*number)).ok_or("a line was shipped that does not exist")?;
                line.shipped += u64::from(*units);
            }
            let shipped: u64 = event.lines.iter().map(|(_, units)| u64::from(*units)).sum();
            let collected = event.collected.iter().flat_map(|collected| &collected.lines);
            let mut taken = 0;
            for line in collected {
                if line.cell.location != known.from {
                    return Err("units of a transfer left another location".into());
                }
                taken += u64::from(line.quantity);
            }
            if taken > shipped {
                return Err(format!("{taken} units were taken for a transfer of {shipped}"));
            }
            check_supplies(id, known.to, &event.supplies)?;
        }
        Event::Received(event) => {
            let quarantine = quarantines.iter().find(|(_, of)| **of == known.to).map(|(inside, _)| *inside);
            for row in &event.lines {
                let Arrived { line, sku, received, damaged, surplus, missing } = *row;
                if usize::from(line) == known.lines.len() {
                    known.lines.push(Line::new(sku));
                }
                let of = known.lines.get_mut(usize::from(line)).filter(|of| of.sku == sku);
                let of = of.ok_or("units arrived on a line that does not exist")?;
                of.surplus += u64::from(surplus);
                of.arrived += u64::from(received) + u64::from(damaged);
                of.gone += u64::from(missing);
                of.outstanding()?;
                let told = |at: Option<LocationId>| moved(&event.receipt.rows, sku, at);
                if told(Some(known.to)) != i64::from(received) || told(quarantine) != i64::from(damaged) {
                    return Err("the arrivals of a transfer differ from the receipts of its location".into());
                }
            }
            check_supplies(id, known.to, &event.ended)?;
        }
        Event::Cancelled(event) => {
            for row in &event.lines {
                let of = known.lines.get_mut(usize::from(row.line)).ok_or("a line was returned that does not exist")?;
                of.gone += u64::from(row.returned) + u64::from(row.missing);
                if of.outstanding()? != 0 {
                    return Err("a transfer was cancelled with units in transit".into());
                }
                if moved(&event.receipt.rows, of.sku, Some(known.from)) != i64::from(row.returned) {
                    return Err("the returns of a transfer differ from the receipts of its location".into());
                }
            }
            check_supplies(id, known.to, &event.ended)?;
        }
        Event::Drafted(_) | Event::PolicySet(_) | Event::RunMade(_) => {}
    }
    Ok(())
}

fn drafted_as(content: &Content) -> Result<Audited, String> {
    let skus: BTreeSet<SkuId> = content.lines.iter().map(|(sku, _)| *sku).collect();
    if content.from == content.to || skus.len() != content.lines.len() {
        return Err("a transfer has the same sender and receiver, or names a SKU twice".into());
    }
    let lines = content.lines.iter().map(|(sku, _)| Line::new(*sku)).collect();
    Ok(Audited { from: content.from, to: content.to, lines, left: false })
}

fn check_ready(id: TransferId, known: &Audited, ready: &Readied) -> Result<(), String> {
    let promised = &ready.promise.promised.reserved.lines;
    let skus = known.lines.iter().map(|line| line.sku);
    if !promised.iter().map(|line| line.cell.sku).eq(skus) {
        return Err("a transfer's promise has other lines".into());
    }
    if promised.iter().any(|line| line.cell.location != known.from) {
        return Err("units were promised for a transfer at another location".into());
    }
    check_supplies(id, known.to, &ready.supplies)?;
    for supply in &ready.supplies {
        let line = promised.iter().find(|line| line.cell.sku == supply.cell.sku);
        if line.map(|line| line.quantity) != Some(supply.open) {
            return Err("the inbound units of a transfer differ from its promised units".into());
        }
    }
    Ok(())
}

/// Supply of a transfer is at its destination, under its name.
fn check_supplies(id: TransferId, to: LocationId, supplies: &[SupplySet]) -> Result<(), String> {
    let name = supply_name(id);
    match supplies.iter().all(|supply| supply.name == name && supply.cell.location == to) {
        true => Ok(()),
        false => Err("a transfer changed supply that belongs to another".into()),
    }
}

/// Units that movements added at a location.
fn moved(rows: &[Moved], sku: SkuId, at: Option<LocationId>) -> i64 {
    let mine = rows.iter().filter(|row| row.cell.sku == sku && Some(row.cell.location) == at);
    mine.map(|row| row.change).sum()
}
