//! Audits movements, counts and shortages, from the events alone.

use super::movement::{Counted, Moved, MovementKind};
use crate::audit::Books;
use crate::kernel::cell_after::CellAfter;
use crate::level::IN_QUARANTINE;

pub(crate) fn moved(books: &mut Books, row: &Moved) -> Result<(), String> {
    let before = books.level((row.cell.sku, row.cell.location));
    let is_noted = row.absorbed && matches!(row.kind, MovementKind::Sale | MovementKind::Return);
    if !is_noted && !books.rules.is_tracked(row.cell.sku) {
        return Err("stock of an untracked SKU moved".into());
    }
    let change = if row.absorbed { 0 } else { row.change };
    let is_inside = books.quarantines.contains_key(&row.cell.location);
    if is_inside != (row.cell.safety_stock == IN_QUARANTINE) {
        return Err("units of a quarantine are available, or units outside are held back like one".into());
    }
    if matches!(row.kind, MovementKind::ReturnToInspect | MovementKind::ReturnDamaged) && !is_inside {
        return Err("a return to be inspected is not in quarantine".into());
    }
    if row.created {
        books.cells.entry((row.cell.sku, row.cell.location)).or_default().1 = row.cell.safety_stock;
    }
    books.state_level(&row.cell, i64::from(before.on_hand) + change, before.reserved.into())
}

/// A count leads from the books to the counted quantity.
pub(crate) fn counted(books: &mut Books, row: &Counted) -> Result<(), String> {
    let key = (row.cell.sku, row.cell.location);
    if !books.rules.is_tracked(key.0) {
        return Err("an untracked SKU was counted".into());
    }
    let before = books.level(key);
    let difference = if row.outdated { 0 } else { i64::from(row.counted) - i64::from(row.expected) };
    let on_hand = i64::from(before.on_hand) + difference;
    books.state_level(&row.cell, on_hand, i64::from(before.reserved))?;
    books.cells.insert(key, (row.cell.level, row.cell.safety_stock));
    Ok(())
}

/// A shortage begins for a short cell, and ends for one that is not.
pub(crate) fn shortage(books: &Books, cell: &CellAfter, grew: bool) -> Result<(), String> {
    let missing = books.level((cell.sku, cell.location)).shortage();
    match (grew, missing) {
        (true, 0) => Err("a shortage was reported for a cell that has none".into()),
        (true, _) | (false, 0) => Ok(()),
        (false, missing) => Err(format!("a shortage of {missing} was reported as over")),
    }
}
