//! Audits imported orders, from the events alone: what rows sold and took back is what the order has and what left and
//! came, and the money is that of the rows.

use std::collections::BTreeMap;

use super::audited::Audited;
use super::event::{SoldRow, Stepped};
use crate::ids::SkuId;

/// Audits a record of imported rows.
///
/// # Errors
/// The violation, with both numbers.
pub(super) fn check(known: Option<&Audited>, stepped: &Stepped) -> Result<(), String> {
    let Stepped { order, sold, row_origins, moved, parts, receipts, .. } = stepped;
    let Some(imported) = order.imported else { return Err("rows were imported to an order that was not".into()) };
    if sold.is_empty() || sold.len() != row_origins.len() {
        return Err(format!("{} imported rows happened at {} places", sold.len(), row_origins.len()));
    }
    if !parts.is_empty() || !receipts.is_empty() {
        return Err("an import took a step of a reservation, or issued a receipt".into());
    }
    check_units(known, stepped)?;
    let is_stocked = moved.iter().any(|moved| !moved.absorbed);
    if let Some(row) = sold.iter().find(|row| !row.absorbed && (row.is_charge || !is_stocked)) {
        return Err(format!("{} units were imported as if they had moved", row.quantity));
    }
    let sum = |rows: &mut dyn Iterator<Item = &SoldRow>| rows.map(|row| i128::from(row.amount)).sum::<i128>();
    let back = -sum(&mut sold.iter().filter(|row| is_return(row)));
    let came = sum(&mut sold.iter().filter(|row| !is_return(row)));
    let before = known.map_or((0, 0, 0), |known| (known.paid, known.refunded, known.imported_back));
    let after = (order.paid(), order.refunded(), imported.returned_amount);
    let grown = |after: u64, before: u64| i128::from(after) - i128::from(before);
    let told = (grown(after.0, before.0), grown(after.1, before.1), grown(after.2, before.2));
    if told != (came, back, back) {
        return Err(format!("rows of {came} less {back} were imported, and the order has {told:?} more"));
    }
    match known {
        None => check_lines(stepped),
        Some(_) if came != 0 => Err("an order that is known was sold again".into()),
        Some(_) => Ok(()),
    }
}

fn is_return(row: &SoldRow) -> bool {
    row.quantity < 0 || row.amount < 0
}

/// Units by SKU: of the rows, of the order, and of stock, if any moved.
fn check_units(known: Option<&Audited>, stepped: &Stepped) -> Result<(), String> {
    let mut kept: BTreeMap<SkuId, i64> = BTreeMap::new();
    for (at, line) in stepped.order.lines.iter().enumerate() {
        let before = known.and_then(|known| known.lines.get(at));
        let before = before.map_or(0, |before| i64::from(before.handed_over) - i64::from(before.returned));
        *kept.entry(line.sku).or_default() += i64::from(line.handed_over) - i64::from(line.returned) - before;
    }
    let mut rows: BTreeMap<SkuId, i64> = BTreeMap::new();
    for row in stepped.sold.iter().filter(|row| !row.is_charge) {
        let line = stepped.order.lines.get(usize::from(row.line)).ok_or("the ledger has a line that does not exist")?;
        *rows.entry(line.sku).or_default() += row.quantity;
    }
    let mut left: BTreeMap<SkuId, i64> = BTreeMap::new();
    stepped.moved.iter().for_each(|moved| *left.entry(moved.cell.sku).or_default() -= moved.change);
    for map in [&mut kept, &mut rows, &mut left] {
        map.retain(|_, units| *units != 0);
    }
    match kept == rows && (stepped.moved.is_empty() || left == rows) {
        true => Ok(()),
        false => Err(format!("rows of {rows:?} were imported, the order kept {kept:?}, and {left:?} left")),
    }
}

/// The rows of a line come to what the line comes to, and all of it was handed over.
fn check_lines(stepped: &Stepped) -> Result<(), String> {
    for (at, line) in stepped.order.lines.iter().enumerate() {
        let of = stepped.sold.iter().filter(|row| !row.is_charge && usize::from(row.line) == at && !is_return(row));
        let amount: i64 = of.map(|row| row.amount).sum();
        if i64::try_from(line.amount()) != Ok(amount) || line.handed_over != line.quantity {
            return Err(format!("a line of {} was imported with rows of {amount}", line.amount()));
        }
    }
    Ok(())
}
