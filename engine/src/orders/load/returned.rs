//! Returns of before this log: units of an imported order that came back, with their refund.

use super::resolved::wrong;
use crate::decide::Decide;
use crate::ids::SkuId;
use crate::kernel::tender::Tender;
use crate::level::StockChange;
use crate::orders::decide::step::OrderChange;
use crate::orders::event::SoldRow;
use crate::orders::imported::SaleFields;
use crate::orders::ledger::discount_of;
use crate::orders::order::Order;
use crate::orders::payment::{Origin, Refund, RefundState};
use crate::refusal::Failure;
use crate::stock::decide::{ToldMovement, move_cell};
use crate::stock::movement::{Moved, MovementKind};

/// Takes back what a row says: of the line that it names, then of the other lines of its SKU, in their order.
///
/// # Errors
/// The order does not have so many of it to return.
pub(super) fn take_back(
    cx: &mut Decide<'_>,
    change: &mut OrderChange,
    row: &SaleFields,
    origin: Origin,
    stock: bool,
) -> Result<(), Failure> {
    let sold = match &row.sku {
        Some(name) => {
            let sku = cx.draft.known_sku(name);
            let taken = units_of(&change.order, sku, row)?;
            let moved = match sku.filter(|_| stock) {
                Some(sku) => Some(bring_back(cx, &change.order, sku, row, &origin)?),
                None => None,
            };
            let absorbed = moved.as_ref().is_none_or(|moved| moved.absorbed);
            change.moved.extend(moved);
            goods(&mut change.order, &taken, row, &origin, absorbed)
        }
        None => charge(&mut change.order, row, &origin)?,
    };
    let amount = sold.amount.unsigned_abs();
    if let Some(imported) = &mut change.order.imported {
        imported.returned_amount += amount;
    }
    refund(&mut change.order, row.tender, amount, &origin);
    change.sold.push(sold);
    change.row_origins.push(origin);
    Ok(())
}

/// Units of lines that come back: the number of the line, and how many of it.
type Taken = Vec<(usize, u32)>;

fn units_of(order: &Order, sku: Option<SkuId>, row: &SaleFields) -> Result<Taken, Failure> {
    let name = row.sku.as_ref().map_or("", |name| name.as_str());
    let mut lines: Vec<usize> = (0..order.lines.len()).collect();
    lines.retain(|at| order.lines.get(*at).is_some_and(|line| Some(line.sku) == sku));
    if lines.is_empty() {
        return Err(wrong("sku", format!("{} has no {name}; name the order that sold it", order.name)));
    }
    // A stable sort: the line that is named, then the others.
    lines.sort_by_key(|at| order.lines.get(*at).map(|line| row.name.as_deref() != Some(&*line.name)));
    let mut left = row.quantity.unsigned_abs();
    let (mut taken, mut sold, mut back) = (Taken::new(), 0, 0);
    for at in lines {
        let Some(line) = order.lines.get(at) else { continue };
        let units = u64::from(line.handed_over.saturating_sub(line.returned)).min(left) as u32;
        (sold, back) = (sold + u64::from(line.handed_over), back + u64::from(line.returned));
        left -= u64::from(units);
        if units > 0 {
            taken.push((at, units));
        }
    }
    match left {
        0 => Ok(taken),
        _ => {
            let asked = row.quantity.unsigned_abs();
            let reason = format!(
                "{asked} of {name} come back, and {} can: {} sold {sold}, of which {back} came back",
                sold - back,
                order.name
            );
            Err(wrong("quantity", reason))
        }
    }
}

/// Marks units as returned; their row of the ledger stands on the first line.
fn goods(order: &mut Order, taken: &Taken, row: &SaleFields, origin: &Origin, absorbed: bool) -> SoldRow {
    let (mut worth, mut discount) = (0, 0);
    for (at, units) in taken {
        let Some(line) = order.lines.get_mut(*at) else { continue };
        let (from, to) = (line.returned, line.returned + units);
        worth += (line.worth(to) - line.worth(from)) as i64;
        discount += discount_of(line, from, to);
        line.returned = to;
    }
    // What came back elsewhere was paid back as the file says.
    let discount = if row.amount.is_some() { 0 } else { -discount };
    SoldRow {
        line: taken.first().map_or(0, |(at, _)| *at as u16),
        is_charge: false,
        location: origin.location,
        quantity: row.quantity,
        amount: row.amount.unwrap_or(-worth),
        discount: row.discount.unwrap_or(discount),
        absorbed,
    }
}

fn charge(order: &mut Order, row: &SaleFields, origin: &Origin) -> Result<SoldRow, Failure> {
    let amount = row.amount.unwrap_or(0);
    let name = row.name.as_deref().unwrap_or_default();
    let order_name = order.name.clone();
    let found = order.charges.iter_mut().enumerate().find(|(_, charge)| &*charge.name == name);
    let Some((at, charge)) = found else {
        return Err(wrong("charge", format!("{order_name} has no charge {name}")));
    };
    let left = charge.left().saturating_sub(charge.returned_amount);
    if amount.unsigned_abs() > left {
        let reason = format!("{} of the charge {name} come back, and {left} can", amount.unsigned_abs());
        return Err(wrong("amount", reason));
    }
    charge.returned_amount += amount.unsigned_abs();
    Ok(SoldRow {
        line: at as u16,
        is_charge: true,
        location: origin.location,
        quantity: 0,
        amount,
        discount: row.discount.unwrap_or(0),
        absorbed: true,
    })
}

/// Notes the refund: in the tender of the row, or in that of the first payment.
fn refund(order: &mut Order, tender: Option<Tender>, amount: u64, origin: &Origin) {
    if amount == 0 {
        return;
    }
    let paid = order.payments.iter().find(|payment| tender.is_none_or(|tender| payment.tender == tender));
    let tender = tender.or(paid.map(|payment| payment.tender)).unwrap_or(Tender::Other);
    let same = order.refunds.iter_mut().find(|refund| refund.tender == tender && refund.origin == *origin);
    match same {
        Some(refund) => refund.amount += amount,
        None => {
            let payment = paid.map(|payment| payment.name.clone());
            order.refunds.push(Refund {
                name: format!("r{}", order.refunds.len() + 1).into(),
                tender,
                amount,
                state: RefundState::Done,
                payment,
                reference: None,
                origin: origin.clone(),
                done: Some(origin.clone()),
                on_receipt: false,
            });
        }
    }
}

/// Brings units back to the shelf.
fn bring_back(
    cx: &mut Decide<'_>,
    order: &Order,
    sku: SkuId,
    row: &SaleFields,
    origin: &Origin,
) -> Result<Moved, Failure> {
    let Some(location) = origin.location else { return Err(wrong("location", "is required")) };
    let change = row.quantity.saturating_neg();
    // Checked first: a movement that is refused would leave its cell touched.
    if cx.draft.cell(sku, location).level.checked_add(StockChange::bring(change)).is_none() {
        return Err(wrong("quantity", "is more than a cell can have on hand; count the cell"));
    }
    let told = ToldMovement {
        kind: MovementKind::Return,
        change,
        told_at: origin.late(cx.draft.now),
        reference: Some(order.name.to_string()),
        supply: None,
        unplanned: false,
    };
    move_cell(cx, (sku, location), told, &mut Vec::new(), &str::to_owned)
}
