//! What is paid back for goods that came: the same for a decision and for a preview.

use super::command::Money;
use super::refund_plan::{Look, refund_plan};
use super::returned::Return;
use crate::ids::Name;
use crate::kernel::tender::Tender;
use crate::orders::Order;
use crate::orders::command::{RefundFields, Sell};
use crate::orders::decide::{RefundBounds, refunds_told};
use crate::orders::payment::{Origin, Refund, RefundPart, RefundState};
use crate::refusal::{Failure, Refusal};

/// What refunds rest on.
pub(super) struct Repaid<'a> {
    /// The order, once it knows what came back.
    pub order: Option<&'a Order>,
    /// What is requested.
    pub money: &'a Money,
    /// Where and when.
    pub origin: &'a Origin,
    /// Whether it is reported late: then it has happened, and only what is malformed is refused.
    pub is_late: bool,
    /// Finds what exchanges lead back to.
    pub look: &'a dyn Look,
}

impl Repaid<'_> {
    /// Adds the refunds of a return to it: those of the request, or of the plan. An exchange is in it already.
    ///
    /// # Errors
    /// They are not what the plan says, or do not add up.
    pub fn put(&self, returned: &mut Return) -> Result<(), Failure> {
        let due = returned.refund_due();
        let planned = self.order.map(|order| refund_plan(order, due, self.look)).unwrap_or_default();
        let reported = match &self.money.refunds {
            Some(reported) => {
                if !self.is_late && !self.money.may_divide && !is_planned(reported, &planned) {
                    return Err(Refusal::OffPlan.into());
                }
                let mut reported = reported.clone();
                with_payments(&mut reported, &planned);
                reported
            }
            None => planned.into_iter().map(pending).collect(),
        };
        let bounds = RefundBounds {
            of: &returned.name,
            version: returned.version,
            due: (!self.is_late).then_some(due),
            must_be: (self.money.refunds.is_some() && !self.is_late).then_some(due),
            // Of an order that is not known, nobody knows the payments.
            is_payment: &|payment| self.order.map_or(self.is_late, |order| has_payment(order, payment)),
        };
        let mut refunds = returned.refunds.clone();
        refunds_told(&mut refunds, reported, self.origin, &bounds)?;
        returned.refunds = refunds;
        if self.is_late {
            returned.owed = returned.owed.max(returned.refunded());
        }
        Ok(())
    }
}

/// Whether an order has a payment of this name.
pub(super) fn has_payment(order: &Order, payment: &str) -> bool {
    order.payments.iter().any(|known| &*known.name == payment)
}

/// What of a sale that is taken in exchange the goods pay for.
///
/// # Errors
/// It is in another currency.
pub(super) fn pays_for(returned: &Return, sell: &Sell) -> Result<u64, Failure> {
    if sell.currency != returned.currency {
        let reason = "is in another currency than the goods that come back";
        return Err(Refusal::invalid("exchange", reason).into());
    }
    Ok(returned.refund_due().min(sell.total()))
}

/// Adds the refund that paid for what is taken in exchange, under a name that the refunds of the request do not have.
pub(super) fn put_exchanged(returned: &mut Return, money: &Money, order: &Name, amount: u64, origin: &Origin) {
    let taken = money.refunds.iter().flatten().filter_map(|one| one.name.as_deref());
    let refund = Refund {
        name: free_name("exchange", taken),
        tender: Tender::Exchange,
        amount,
        state: RefundState::Done,
        payment: None,
        reference: Some(order.as_str()).filter(|name| !name.is_empty()).map(Into::into),
        origin: origin.clone(),
        done: Some(origin.clone()),
        on_receipt: false,
    };
    returned.refunds.push(refund);
}

/// `base`, or the first name after it that nobody has.
pub(super) fn free_name<'a>(base: &str, taken: impl Iterator<Item = &'a str>) -> Box<str> {
    let taken: Vec<&str> = taken.collect();
    let names = std::iter::once(base.to_owned()).chain((2_u32..).map(|n| format!("{base}-{n}")));
    names.into_iter().find(|name| !taken.contains(&name.as_str())).unwrap_or_default().into()
}

fn pending(part: RefundPart) -> RefundFields {
    let RefundPart { tender, amount, payment } = part;
    RefundFields { name: None, tender, amount, state: RefundState::Pending, payment, reference: None }
}

/// Whether new refunds go to the tenders and payments that the plan says, and to each what it says. A refund that names no
/// payment is of any payment of its tender.
pub(super) fn is_planned(reported: &[RefundFields], planned: &[RefundPart]) -> bool {
    let counting = || reported.iter().filter(|one| one.state.counts());
    let by_tender = Tender::ALL.into_iter().all(|tender| {
        let asked: u64 = counting().filter(|one| one.tender == tender).map(|one| one.amount).sum();
        let by_plan: u64 = planned.iter().filter(|part| part.tender == tender).map(|part| part.amount).sum();
        asked == by_plan
    });
    let by_payment = counting().filter_map(|one| one.payment.as_ref().map(|payment| (one.tender, payment)));
    by_tender
        && by_payment.into_iter().all(|(tender, payment)| {
            let is_its = |of: Option<&Box<str>>, with: Tender| of == Some(payment) && with == tender;
            let asked: u64 =
                counting().filter(|one| is_its(one.payment.as_ref(), one.tender)).map(|one| one.amount).sum();
            let by_plan: u64 =
                planned.iter().filter(|part| is_its(part.payment.as_ref(), part.tender)).map(|part| part.amount).sum();
            asked <= by_plan
        })
}

/// Gives refunds that name no payment the one that the plan says for their tender, so that it is not paid back twice.
fn with_payments(reported: &mut [RefundFields], planned: &[RefundPart]) {
    for one in reported.iter_mut().filter(|one| one.payment.is_none() && one.state.counts()) {
        let mut of_tender = planned.iter().filter(|part| part.tender == one.tender && part.payment.is_some());
        let first = of_tender.next();
        one.payment = first.filter(|part| part.amount >= one.amount).and_then(|part| part.payment.clone());
    }
}
