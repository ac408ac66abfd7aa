//! What goods without a sale are worth: the lowest public price in force at that place in the last 60 days.

use super::command::UnitWorth;
use crate::ids::{Name, SkuId, Timestamp};
use crate::orders::command::Pricing;
use crate::prices::book::{Asked, PriceTarget};
use crate::prices::list::Currency;
use crate::state::DurableState;

/// How far back a price counts, in milliseconds: 60 days.
const REACH_MS: u64 = 60 * 86_400_000;

impl DurableState {
    /// What a unit of each SKU is worth without a sale, all at one `seq`; and what that rests on.
    pub fn worth_without_sale(
        &self,
        channel: &Name,
        place: &PriceTarget,
        currency: Currency,
        now: Timestamp,
        skus: &[Option<SkuId>],
    ) -> (Pricing, Vec<UnitWorth>) {
        let (seq, (until, worths)) = self.view.read(|| {
            let store = &self.own.prices;
            let book = store.book();
            let asked = Asked { channel: channel.clone(), place: place.clone(), currency, at: now, now };
            let reader = book.reader(&asked);
            let mut until = Timestamp(u64::MAX);
            let mut worth_of = |sku: &Option<SkuId>| {
                let prices = sku.map(|sku| store.look(sku));
                let prices = prices.as_ref().and_then(|prices| prices.as_deref());
                let amount = prices.and_then(|prices| {
                    until = until.min(prices.next_turn(now));
                    reader.lowest_since(prices, 1, Timestamp(now.0.saturating_sub(REACH_MS)))
                });
                UnitWorth { amount, tax_rate: store.with_tax_class_of(*sku, |class| book.rate(class, place)) }
            };
            let worths: Vec<UnitWorth> = skus.iter().map(&mut worth_of).collect();
            (until, worths)
        });
        (Pricing { seq, until }, worths)
    }

    /// The currency of the prices of these SKUs, if all of them are in one.
    pub fn only_currency(&self, skus: &[SkuId]) -> Option<Currency> {
        let mut found = None;
        for sku in skus {
            let prices = self.own.prices.look(*sku);
            let prices = prices.as_deref()?;
            for row in prices.rows.iter() {
                if *found.get_or_insert(row.key.currency) != row.key.currency {
                    return None;
                }
            }
        }
        found
    }
}
