//! Prices of the lines of a request, worked out on the caller's side from one exact read.
//!
//! The writer of the log only checks that nothing that they rest on changed since; if it did, it refuses with
//! [`Refusal::Repriced`](crate::refusal::Refusal::Repriced), and the caller works them out anew.

use super::command::{LineTerms, Pricing};
use crate::ids::{Name, Timestamp};
use crate::prices::book::{Asked, PriceTarget};
use crate::prices::list::Currency;
use crate::state::DurableState;

/// A line whose price is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PricedLine {
    /// Where it is bought.
    pub place: PriceTarget,
    /// The SKU.
    pub sku: Name,
    /// Units.
    pub quantity: u32,
}

/// A charge whose tax is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxedCharge {
    /// Where it is owed.
    pub place: PriceTarget,
    /// Its tax class.
    pub tax_class: String,
}

/// The prices of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Priced {
    /// What they rest on.
    pub pricing: Pricing,
    /// Line by line.
    pub lines: Vec<LineTerms>,
    /// The tax rates of charges.
    pub charges: Vec<Option<u32>>,
}

impl DurableState {
    /// The prices of lines and the tax rates of charges, all at one `seq`: as they are at `at`, which is `now` unless
    /// something is told late.
    pub fn price_request(
        &self,
        channel: &Name,
        currency: Currency,
        (at, now): (Timestamp, Timestamp),
        lines: &[PricedLine],
        charges: &[TaxedCharge],
    ) -> Priced {
        let (seq, (until, lines, charges)) = self.view.read(|| {
            let store = &self.own.prices;
            let book = store.book();
            let mut until = Timestamp(u64::MAX);
            let mut told = Vec::with_capacity(lines.len());
            for lines in lines.chunk_by(|a, b| a.place == b.place) {
                let Some(place) = lines.first().map(|line| line.place.clone()) else { continue };
                let asked = Asked { channel: channel.clone(), place, currency, at, now };
                let reader = book.reader(&asked);
                for line in lines {
                    let sku = self.catalogue.skus.id(line.sku.as_str());
                    let prices = sku.map(|sku| store.look(sku));
                    let prices = prices.as_ref().and_then(|prices| prices.as_deref());
                    let price = prices.and_then(|prices| {
                        until = until.min(prices.next_turn(at));
                        reader.line(prices, line.quantity)
                    });
                    let rate = |class: &str| book.rate(class, &asked.place);
                    told.push(LineTerms {
                        unit_amount: price.as_ref().map(|price| price.amount),
                        price_list: price.map(|price| price.list),
                        discount: 0,
                        tax_rate: store.with_tax_class_of(sku, rate),
                        by_hand: false,
                        price_differs: false,
                    });
                }
            }
            let charges = charges.iter().map(|charge| book.rate(&charge.tax_class, &charge.place)).collect();
            (until, told, charges)
        });
        Priced { pricing: Pricing { seq, until }, lines, charges }
    }
}
