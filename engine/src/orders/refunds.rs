//! How money goes back: to the original tenders.

use super::order::Order;
use super::payment::{PaymentState, RefundPart};
use crate::kernel::tender::Tender;

/// The order in which tenders take money back.
fn turn(tender: Tender) -> u8 {
    match tender {
        Tender::Exchange => 0,
        Tender::Wallet => 1,
        Tender::Points => 2,
        Tender::Card | Tender::Bank | Tender::Voucher | Tender::OnAccount | Tender::Other => 3,
        Tender::Cash => 4,
    }
}

/// What counts as paid back of an order, for itself and for its returns: to which tender and payment, and how much.
pub(crate) fn paid_back(order: &Order) -> impl Iterator<Item = (Tender, Option<&str>, u64)> {
    let own = order.refunds.iter().filter(|refund| refund.state.counts());
    let own = own.map(|refund| (refund.tender, refund.payment.as_deref(), refund.amount));
    let returned = order.returns.iter().flat_map(|back| &back.refunds);
    own.chain(returned.map(|part| (part.tender, part.payment.as_deref(), part.amount)))
}

/// The plan by which `amount` goes back to the tenders that paid: exchange, wallet and points first, then cards and others
/// to what each paid, latest payment first, cash last. What no tender can take is left out.
pub fn plan(order: &Order, amount: u64) -> Vec<RefundPart> {
    plan_after(order, amount, &[])
}

/// The same, after `taken` went back to tenders in other ways.
pub(crate) fn plan_after(order: &Order, amount: u64, taken: &[(Tender, u64)]) -> Vec<RefundPart> {
    let mut payments: Vec<_> =
        order.payments.iter().enumerate().filter(|(_, payment)| payment.state == PaymentState::Captured).collect();
    payments.sort_by_key(|(at, payment)| (turn(payment.tender), std::cmp::Reverse(*at)));
    let mut left = amount;
    let mut parts = Vec::new();
    // What names no payment is taken from the payments of its tender, in their turn.
    let mut unnamed: Vec<(Tender, u64)> = Vec::new();
    let own = paid_back(order).filter(|(_, payment, _)| payment.is_none()).map(|(tender, _, amount)| (tender, amount));
    for (tender, amount) in own.chain(taken.iter().copied()) {
        match unnamed.iter_mut().find(|(known, _)| *known == tender) {
            Some((_, sum)) => *sum += amount,
            None => unnamed.push((tender, amount)),
        }
    }
    for (_, payment) in payments {
        let named: u64 =
            paid_back(order).filter(|(_, of, _)| *of == Some(&*payment.name)).map(|(_, _, amount)| amount).sum();
        let mut there = payment.amount.saturating_sub(named);
        if let Some((_, sum)) = unnamed.iter_mut().find(|(tender, _)| *tender == payment.tender) {
            let taken = there.min(*sum);
            (there, *sum) = (there - taken, *sum - taken);
        }
        let part = left.min(there);
        if part > 0 {
            left -= part;
            let (tender, payment) = (payment.tender, Some(payment.name.clone()));
            parts.push(RefundPart { tender, amount: part, payment });
        }
    }
    parts
}
