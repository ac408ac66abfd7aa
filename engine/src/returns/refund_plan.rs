//! The plan of refunds: to the tenders that paid, also those of the order that goods were taken in exchange for.

use super::returned::Return;
use crate::ids::Name;
use crate::kernel::tender::Tender;
use crate::orders::Order;
use crate::orders::payment::{Payment, RefundPart};
use crate::orders::refunds::{paid_back, plan_after};

/// A refund leads back through at most this many exchanges.
const EXCHANGES_MAX: usize = 8;

/// Finds returns and orders: those of the durable view, or of a batch.
pub trait Look {
    /// A return by its name.
    fn returned(&self, name: &str) -> Option<Return>;
    /// An order by its name.
    fn order(&self, name: &Name) -> Option<Order>;
}

/// The plan by which `amount` goes back to the tenders that paid `order`: what an exchange paid goes to the tenders of the
/// first order, of which exchanges took nothing back before.
pub fn refund_plan(order: &Order, amount: u64, look: &dyn Look) -> Vec<RefundPart> {
    through_exchanges(order, amount, look, EXCHANGES_MAX)
}

/// What an order was paid with by an exchange: the return that it came from.
fn exchange_of(payment: &Payment) -> Option<&str> {
    payment.reference.as_deref().filter(|_| payment.tender == Tender::Exchange)
}

/// What was paid back of the goods that were taken in exchange for those of `order`, and so to its tenders.
fn taken_by_exchanges(order: &Order, look: &dyn Look) -> Vec<(Tender, u64)> {
    let mut taken = Vec::new();
    for link in &order.returns {
        let exchange = look.returned(link.name.as_str()).and_then(|returned| look.order(&returned.exchange?));
        let Some(exchange) = exchange else { continue };
        let paid = exchange.payments.iter().filter(|payment| exchange_of(payment) == Some(link.name.as_str()));
        let names: Vec<&str> = paid.map(|payment| &*payment.name).collect();
        let of_exchange = |(_, payment, _): &(Tender, Option<&str>, u64)| payment.is_some_and(|of| names.contains(&of));
        taken.extend(paid_back(&exchange).filter(of_exchange).map(|(tender, _, amount)| (tender, amount)));
    }
    taken
}

fn through_exchanges(order: &Order, amount: u64, look: &dyn Look, left: usize) -> Vec<RefundPart> {
    let mut parts = Vec::new();
    for part in plan_after(order, amount, &taken_by_exchanges(order, look)) {
        if part.tender != Tender::Exchange {
            parts.push(part);
            continue;
        }
        let payment = order.payments.iter().find(|payment| Some(&payment.name) == part.payment.as_ref());
        let returned = payment.and_then(exchange_of).and_then(|name| look.returned(name));
        let first = returned.and_then(|returned| look.order(&returned.order?));
        let Some(first) = first.filter(|_| left > 0) else { continue };
        let of_first = through_exchanges(&first, part.amount, look, left - 1);
        parts.extend(of_first.into_iter().map(|of| RefundPart { payment: part.payment.clone(), ..of }));
    }
    parts
}
