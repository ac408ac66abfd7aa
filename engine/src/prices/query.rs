//! Asking for prices, exact at one `seq`.

use super::book::{Asked, Reader};
use super::history::Reduction;
use super::priced::Priced;
use crate::ids::{Name, Seq, SkuId, Timestamp};
use crate::state::DurableState;

/// What a line costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinePrice {
    /// Of a unit, in minor units of the currency.
    pub amount: u64,
    /// The list that says so.
    pub list: Name,
    /// The best of regular lists alone.
    pub regular_amount: Option<u64>,
    /// The lowest amount that was in force in the 30 days before the reduction began, where a sale wins.
    pub prior_amount: Option<u64>,
    /// Until when, as far as the row and its list say.
    pub ends_at: Option<Timestamp>,
}

/// What lines cost at one `seq`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// The `seq`.
    pub seq: Seq,
    /// Line by line; none where a SKU has no price.
    pub lines: Vec<Option<LinePrice>>,
    /// When the next row of these SKUs begins or ends: from then on lines may cost something else, and no record says so.
    pub until: Timestamp,
}

impl Reader<'_> {
    /// What a line costs.
    pub fn line(&self, prices: &Priced, quantity: u32) -> Option<LinePrice> {
        let (winner, regular) = self.price(prices, quantity);
        let winner = winner?;
        let reduction = self.reduction(prices, quantity, &winner);
        let list = match self.book.list(winner.row.list) {
            Some(standing) => standing.name.clone(),
            None => base_name(),
        };
        Some(LinePrice {
            amount: winner.row.amount,
            list,
            regular_amount: regular.map(|regular| regular.row.amount),
            prior_amount: reduction.and_then(|Reduction { prior_amount, .. }| prior_amount),
            ends_at: self.ends_at(&winner.row),
        })
    }
}

/// The id of the list that is there by itself; made once.
fn base_name() -> Name {
    static BASE: std::sync::OnceLock<Name> = std::sync::OnceLock::new();
    BASE.get_or_init(|| Name::from(super::list::BASE_NAME.to_owned())).clone()
}

impl DurableState {
    /// The prices of lines for a request, all at one `seq`; a line of an unknown SKU has no price. Takes no lock.
    pub fn quote(&self, asked: &Asked, lines: &[(Option<SkuId>, u32)]) -> Quote {
        let (seq, (lines, until)) = self.view.read(|| {
            let store = &self.own.prices;
            let book = store.book();
            let reader = book.reader(asked);
            let mut until = Timestamp(u64::MAX);
            let mut told = Vec::with_capacity(lines.len());
            for (sku, quantity) in lines {
                let prices = sku.map(|sku| store.look(sku));
                let prices = prices.as_ref().and_then(|prices| prices.as_deref());
                told.push(prices.and_then(|prices| {
                    until = until.min(prices.next_turn(asked.at));
                    reader.line(prices, *quantity)
                }));
            }
            (told, until)
        });
        Quote { seq, lines, until }
    }

    /// What lines of SKUs come to together, in minor units; none where one has no price.
    pub fn worth(&self, asked: &Asked, lines: &[(SkuId, u32)]) -> Option<u64> {
        let book = self.own.prices.book();
        let reader = book.reader(asked);
        lines.iter().try_fold(0_u64, |sum, (sku, units)| {
            let prices = self.own.prices.look(*sku);
            let amount = reader.price(prices.as_deref()?, *units).0?.row.amount;
            Some(sum.saturating_add(amount.saturating_mul((*units).into())))
        })
    }
}
