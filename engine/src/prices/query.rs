//! Asking for prices, exact at one `seq`.

use smallvec::SmallVec;

use super::book::{Asked, Reader};
use super::history::Reduction;
use super::priced::Priced;
use crate::ids::{Name, Seq, SkuId, Timestamp};
use crate::state::DurableState;

/// SKUs whose rows are looked at together: a thread borrows so many at once without counting references.
const TOGETHER: usize = 6;

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
            // The rows of several SKUs are fetched from memory at once: their first look waits for none of the others.
            for lines in lines.chunks(TOGETHER) {
                let looks: SmallVec<[_; TOGETHER]> =
                    lines.iter().map(|(sku, _)| sku.map(|sku| store.look(sku))).collect();
                let prices = || looks.iter().map(|look| look.as_ref().and_then(|prices| prices.as_deref()));
                until = prices().flatten().map(|prices| prices.next_turn(asked.at)).fold(until, Timestamp::min);
                told.extend(lines.iter().zip(prices()).map(|((_, quantity), prices)| reader.line(prices?, *quantity)));
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
