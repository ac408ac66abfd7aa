//! Payments and refunds.

use super::coverage::Coverage;
use super::document;
use super::step::{OrderChange, origin_of, tell_as_is};
use crate::decide::{Decide, Decision};
use crate::ids::{Name, Seq};
use crate::kernel::cause::Cause;
use crate::kernel::tender::Tender;
use crate::kernel::tight::push_tight;
use crate::orders::command::{PaymentFields, ReceiptFields, RefundFields, Teller};
use crate::orders::order::Order;
use crate::orders::payment::{Origin, Payment, PaymentState, Refund, RefundState};
use crate::orders::step_kind::StepKind;
use crate::refusal::{Failure, Refusal};

/// Payments or refunds of one order.
const TOLD_MAX: usize = 50;

/// The first id that no payment or refund has: `p1`, `p2` and so on, or `r1`, `r2`.
fn next_name<'a>(prefix: char, taken: impl Iterator<Item = &'a str> + Clone) -> Box<str> {
    let names = (1..).map(|n: u32| format!("{prefix}{n}"));
    names.into_iter().find(|name| !taken.clone().any(|other| other == name)).unwrap_or_default().into()
}

/// Adds payments to an order, or says what became of them; returns whether anything changed.
///
/// # Errors
/// A payment that was told with other content, or that ended.
pub(super) fn tell_payments(
    order: &mut Order,
    told: Vec<PaymentFields>,
    origin: &Origin,
    field: &str,
) -> Result<bool, Failure> {
    let mut changed = false;
    for (at, fields) in told.into_iter().enumerate() {
        let PaymentFields { name, tender, amount, state, reference, given } = fields;
        // Cash is there at once.
        let state =
            if tender == Tender::Cash && state == PaymentState::Authorized { PaymentState::Captured } else { state };
        let name = match name {
            Some(name) => name,
            None => next_name('p', order.payments.iter().map(|payment| &*payment.name)),
        };
        let captured = (state == PaymentState::Captured).then(|| origin.clone());
        let new = Payment {
            name,
            tender,
            amount,
            state,
            reference,
            given,
            origin: origin.clone(),
            captured,
            on_receipt: false,
        };
        let (seq, count) = (order.version, order.payments.len());
        match order.payments.iter_mut().find(|known| known.name == new.name) {
            Some(known) if !known.is_same(&new) => {
                let name = Name::from(format!("{}/{}", order.name, new.name));
                return Err(Refusal::AlreadyExists { kind: "payment", name, seq }.into());
            }
            Some(known) if known.state == new.state => {}
            Some(known) if known.state.may_become(new.state) => {
                known.state = new.state;
                known.captured = new.captured;
                changed = true;
            }
            Some(known) => {
                let (is, asked) = (known.state.as_str(), new.state.as_str());
                let reason = format!("the payment {} is {is} and cannot become {asked}", known.name);
                return Err(Refusal::invalid(format!("{field}[{at}].state"), reason).into());
            }
            None if count >= TOLD_MAX => {
                let reason = format!("is one more than the {TOLD_MAX} payments of an order");
                return Err(Refusal::invalid(format!("{field}[{at}]"), reason).into());
            }
            None => {
                push_tight(&mut order.payments, new);
                changed = true;
            }
        }
    }
    Ok(changed)
}

/// Adds refunds to an order, or says what became of them; returns whether anything changed.
///
/// # Errors
/// As [`refunds_told`].
pub(super) fn tell_refunds(
    order: &mut Order,
    told: Vec<RefundFields>,
    origin: &Origin,
    must_be: Option<u64>,
) -> Result<bool, Failure> {
    let mut refunds = order.refunds.clone();
    let due = order.refund_due();
    let bounds = RefundBounds {
        of: &order.name,
        version: order.version,
        due: Some(due),
        must_be,
        is_payment: &|payment| order.payments.iter().any(|known| &*known.name == payment),
    };
    let changed = refunds_told(&mut refunds, told, origin, &bounds)?;
    order.refunds = refunds;
    Ok(changed)
}

/// What refunds are checked against.
pub(crate) struct RefundBounds<'a> {
    /// The name of their record.
    pub of: &'a Name,
    /// The `seq` of its last change.
    pub version: Seq,
    /// What may be paid back at most; anything, if it has happened already.
    pub due: Option<u64>,
    /// What new ones must come to.
    pub must_be: Option<u64>,
    /// Whether a payment of that name can be paid back.
    pub is_payment: &'a dyn Fn(&str) -> bool,
}

/// Adds refunds, or says what became of them; returns whether anything changed.
///
/// # Errors
/// A refund that was told with other content, or that ended; refunds that come to more than is due.
pub(crate) fn refunds_told(
    refunds: &mut Vec<Refund>,
    told: Vec<RefundFields>,
    origin: &Origin,
    bounds: &RefundBounds<'_>,
) -> Result<bool, Failure> {
    let (mut changed, mut added, mut freed) = (false, 0_u64, 0_u64);
    for (at, fields) in told.into_iter().enumerate() {
        let RefundFields { name, tender, amount, state, payment, reference } = fields;
        let name = match name {
            Some(name) => name,
            None => next_name('r', refunds.iter().map(|refund| &*refund.name)),
        };
        if payment.as_deref().is_some_and(|payment| !(bounds.is_payment)(payment)) {
            let reason = "is not a payment of this order; name one, or leave it out";
            return Err(Refusal::invalid(format!("refunds[{at}].payment"), reason).into());
        }
        let done = (state == RefundState::Done).then(|| origin.clone());
        let new =
            Refund { name, tender, amount, state, payment, reference, origin: origin.clone(), done, on_receipt: false };
        let count = refunds.len();
        match refunds.iter_mut().find(|known| known.name == new.name) {
            Some(known) if !known.is_same(&new) => {
                let name = Name::from(format!("{}/{}", bounds.of, new.name));
                return Err(Refusal::AlreadyExists { kind: "refund", name, seq: bounds.version }.into());
            }
            Some(known) if known.state == new.state => {}
            Some(known) if known.state.may_become(new.state) => {
                // What could not be paid back is due again, to another tender.
                freed += if known.state.counts() && !new.state.counts() { known.amount } else { 0 };
                known.state = new.state;
                known.done = new.done;
                changed = true;
            }
            Some(known) => {
                let (is, asked) = (known.state.as_str(), new.state.as_str());
                let reason = format!("the refund {} is {is} and cannot become {asked}", known.name);
                return Err(Refusal::invalid(format!("refunds[{at}].state"), reason).into());
            }
            None if count >= TOLD_MAX => {
                let reason = format!("is one more than the {TOLD_MAX} refunds of one record");
                return Err(Refusal::invalid(format!("refunds[{at}]"), reason).into());
            }
            None => {
                if new.state.counts() {
                    added += new.amount;
                }
                refunds.push(new);
                changed = true;
            }
        }
    }
    let due = bounds.due.map_or(added, |due| due + freed);
    if added > due || bounds.must_be.is_some_and(|must_be| added != must_be) {
        return Err(Refusal::Unbalanced { due, tendered: added }.into());
    }
    Ok(changed)
}

/// Tells payments.
pub(super) fn pay(
    cx: &mut Decide<'_>,
    mut order: Order,
    by: &Teller,
    payments: Vec<PaymentFields>,
    cause: &mut Option<Box<Cause>>,
) -> Decision {
    let origin = origin_of(cx, by, cause)?;
    if !tell_payments(&mut order, payments, &origin, "payments")? {
        return tell_as_is(cx, order, cause);
    }
    OrderChange::of(order, StepKind::Paid, origin).log(cx, cause)
}

/// Tells refunds.
pub(super) fn refund(
    cx: &mut Decide<'_>,
    mut order: Order,
    by: &Teller,
    refunds: Vec<RefundFields>,
    receipt: Option<ReceiptFields>,
    cause: &mut Option<Box<Cause>>,
) -> Decision {
    let origin = origin_of(cx, by, cause)?;
    let is_asked = receipt.is_some() && !order.uncredited().is_empty();
    if !tell_refunds(&mut order, refunds, &origin, None)? && !is_asked {
        return tell_as_is(cx, order, cause);
    }
    let mut change = OrderChange::of(order, StepKind::Refunded, origin);
    change.asked = receipt.map(|receipt| (receipt, Coverage::Order));
    change.log(cx, cause)
}

/// Issues a receipt, or a credit note for what is cancelled.
pub(super) fn receipt(
    cx: &mut Decide<'_>,
    order: Order,
    by: &Teller,
    fulfilment: Option<Box<str>>,
    receipt: ReceiptFields,
    cause: &mut Option<Box<Cause>>,
) -> Decision {
    let origin = origin_of(cx, by, cause)?;
    let coverage = fulfilment.map_or(Coverage::Order, Coverage::Fulfilment);
    let asked = (receipt, coverage);
    let change = OrderChange::of(order.clone(), StepKind::Receipted, origin);
    let Some(checked) = document::check(cx, &change, &asked)? else { return tell_as_is(cx, order, cause) };
    OrderChange { asked: Some(asked), checked: Some(checked), ..change }.log(cx, cause)
}
