//! What an announcement says: the same for a decision and for a preview.

use super::command::{ChargeFields, KnownLine, LineFields};
use super::returned::{Return, ReturnCharge, ReturnLine};
use crate::orders::Order;
use crate::refusal::{Failure, NotReturnable, Refusal, WhyNotReturnable};

/// Why units of a line come back of no sale.
pub(super) fn of_no_sale(fields: &LineFields) -> NotReturnable {
    NotReturnable {
        line: fields.line.clone(),
        sku: fields.sku.clone(),
        requested: fields.quantity,
        returnable: 0,
        reason: WhyNotReturnable::UnknownSale,
    }
}

/// Puts what is announced into a return.
///
/// # Errors
/// There is no order; it does not have so many units, or no such charge.
pub(super) fn put_announced(
    returned: &mut Return,
    order: Option<&Order>,
    lines: &[KnownLine],
    charges: &[ChargeFields],
) -> Result<(), Failure> {
    let Some(order) = order else {
        let reason = "is required: goods are announced for an order; name it, or one of its receipts";
        return Err(Refusal::invalid("order", reason).into());
    };
    let mut left: Vec<u32> = order.lines.iter().map(|of| of.quantity - of.cancelled - of.returned).collect();
    for (at, asked) in lines.iter().enumerate() {
        announce_line(returned, order, &mut left, (at, asked))?;
    }
    for (at, charge) in charges.iter().enumerate() {
        if !order.charges.iter().any(|of| of.name == charge.charge) {
            let reason = "is not a charge of this order; leave it out";
            return Err(Refusal::invalid(format!("charges[{at}].charge"), reason).into());
        }
        returned.charges.push(ReturnCharge { name: charge.charge.clone(), amount: charge.amount });
    }
    Ok(())
}

/// Announces units of the lines of the order that a line means, oldest first.
fn announce_line(
    returned: &mut Return,
    order: &Order,
    left: &mut [u32],
    (at, asked): (usize, &KnownLine),
) -> Result<(), Failure> {
    let fields = &asked.fields;
    let (mut units, mut all, mut is_known) = (fields.quantity, 0_u64, false);
    for (of, left) in order.lines.iter().zip(left).filter(|(of, _)| asked.means(of)) {
        is_known = true;
        all += u64::from(*left);
        let here = units.min(*left);
        if here == 0 {
            continue;
        }
        (units, *left) = (units - here, *left - here);
        returned.lines.push(ReturnLine {
            name: of.name.clone(),
            sku: of.sku,
            quantity: here,
            condition: fields.condition,
            found_sellable: 0,
            found_damaged: 0,
            refund_amount: 0,
            reason: fields.reason.clone(),
            is_unreferenced: false,
        });
    }
    match (is_known, units) {
        (false, _) => Err(Refusal::NotReturnable(vec![of_no_sale(fields)]).into()),
        (true, 0) => Ok(()),
        (true, _) => {
            let reason = format!("is more than the {all} units that are left of it");
            Err(Refusal::invalid(format!("lines[{at}].quantity"), reason).into())
        }
    }
}
