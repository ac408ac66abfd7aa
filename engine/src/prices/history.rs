//! What a SKU cost before: the price with which a reduction is compared.

use smallvec::SmallVec;

use super::book::{Reader, Winner, best, fits};
use super::list::{BASE, WINDOW_MS};
use super::row::{Row, SkuPrices};
use crate::ids::Timestamp;

/// A reduction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reduction {
    /// When it began; a reduction that goes on deepening began with its first step.
    pub began: Timestamp,
    /// The lowest amount that was in force in the 30 days before; none where there was none.
    pub prior_amount: Option<u64>,
}

/// The moments at which prices changed, newest first, and what counted from each on.
struct Past<'r> {
    reader: &'r Reader<'r>,
    rows: SmallVec<[&'r Row; 16]>,
    /// Ascending.
    turns: SmallVec<[Timestamp; 32]>,
}

impl<'r> Past<'r> {
    fn winner_at(&self, at: Timestamp) -> Option<Winner<'r>> {
        let rows = self.rows.iter().copied().filter(|row| row.is_in_force(at));
        best(rows, |id| self.reader.book.holding_at(id, self.reader.asked, at)).0
    }
}

impl Reader<'_> {
    /// The reduction that a sale is, where one wins.
    pub fn reduction(&self, prices: &SkuPrices, quantity: u32, winner: &Winner<'_>) -> Option<Reduction> {
        if !winner.is_sale {
            return None;
        }
        let past = self.past(prices, quantity);
        let mut before = past.turns.iter().rev().copied().peekable();
        let (mut began, mut amount) = (before.next()?, winner.row.amount);
        // Back to where the reduction began: a sale that was not lower then is an earlier step of it.
        while let Some(turn) = before.peek().copied()
            && let Some(earlier) =
                past.winner_at(turn).filter(|earlier| earlier.is_sale && earlier.row.amount >= amount)
        {
            (began, amount) = (turn, earlier.row.amount);
            before.next();
        }
        let from = Timestamp(began.0.saturating_sub(WINDOW_MS));
        let mut prior_amount: Option<u64> = None;
        for turn in before {
            if let Some(winner) = past.winner_at(turn) {
                let lowest = prior_amount.map_or(winner.row.amount, |lowest| lowest.min(winner.row.amount));
                prior_amount = Some(lowest);
            }
            if turn <= from {
                break;
            }
        }
        Some(Reduction { began, prior_amount })
    }

    /// The lowest amount that was in force at any moment from `from` on.
    pub fn lowest_since(&self, prices: &SkuPrices, quantity: u32, from: Timestamp) -> Option<u64> {
        let past = self.past(prices, quantity);
        let mut lowest: Option<u64> = None;
        // What was in force at `from` began at the last turn before it.
        for turn in past.turns.iter().rev().copied() {
            if let Some(winner) = past.winner_at(turn) {
                lowest = Some(lowest.map_or(winner.row.amount, |lowest| lowest.min(winner.row.amount)));
            }
            if turn <= from {
                break;
            }
        }
        lowest
    }

    /// The moments up to the one asked for at which the price of a SKU may have changed.
    fn past<'r>(&'r self, prices: &'r SkuPrices, quantity: u32) -> Past<'r> {
        let at = self.asked.at;
        let rows: SmallVec<[&Row; 16]> =
            prices.rows.iter().filter(|row| fits(&row.key, self.asked, quantity)).collect();
        let mut turns: SmallVec<[Timestamp; 32]> = rows.iter().flat_map(|row| [row.from, row.end()]).collect();
        let mut last = BASE;
        for row in &rows {
            if std::mem::replace(&mut last, row.key.list) != row.key.list
                && let Some(standing) = self.book.list(row.key.list)
            {
                standing.turns(at, self.asked.now, |turn| turns.push(turn));
            }
        }
        turns.retain(|turn| *turn <= at);
        turns.sort_unstable();
        turns.dedup();
        Past { reader: self, rows, turns }
    }
}
