//! What a SKU cost before: the price with which a reduction is compared.

use smallvec::SmallVec;

use super::book::{Holding, Reader, Winner, best};
use super::list::{BASE, ListId, WINDOW_MS};
use super::priced::{Brief, Priced};
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
    rows: SmallVec<[&'r Brief; 16]>,
    /// The lists of these rows, and when each holds for the request.
    lists: SmallVec<[(ListId, Term); 8]>,
    /// Ascending.
    turns: SmallVec<[Timestamp; 32]>,
}

/// When a list holds for a request.
#[derive(Clone, Copy)]
enum Term {
    /// From this moment on, and until now without a change.
    Since(Timestamp, Holding),
    /// It has to be looked up for each moment.
    Varies,
}

impl Past<'_> {
    fn winner_at(&self, at: Timestamp) -> Option<Winner> {
        let rows = self.rows.iter().copied().filter(|row| row.is_in_force(at));
        let term = |id: ListId| self.lists.iter().find(|(of, _)| *of == id).map(|(_, term)| *term);
        let holding = |id: ListId| match term(id)? {
            Term::Since(since, holding) => (since <= at).then_some(holding),
            Term::Varies => self.reader.book.holding_at(id, self.reader.asked, at),
        };
        best(rows, holding).0
    }
}

impl Reader<'_> {
    /// The reduction that a sale is, where one wins.
    pub fn reduction(&self, prices: &Priced, quantity: u32, winner: &Winner) -> Option<Reduction> {
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
    pub fn lowest_since(&self, prices: &Priced, quantity: u32, from: Timestamp) -> Option<u64> {
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
    fn past<'r>(&'r self, prices: &'r Priced, quantity: u32) -> Past<'r> {
        let at = self.asked.at;
        let briefs = prices.briefs().iter();
        let mut rows: SmallVec<[&Brief; 16]> =
            briefs.filter(|row| row.from <= at && prices.fits(row, self.asked.buyer(), quantity)).collect();
        let mut lists: SmallVec<[(ListId, Term); 8]> = SmallVec::new();
        let mut turns: SmallVec<[Timestamp; 32]> = SmallVec::new();
        // Rows of one list stand together.
        rows.retain(|row| {
            let id = row.list;
            if lists.last().is_none_or(|(last, _)| *last != id) {
                let Some(term) = self.term(id) else { return false };
                if let Some(standing) = self.book.list(id) {
                    standing.turns(at, self.asked.now, |turn| turns.push(turn));
                }
                lists.push((id, term));
            }
            turns.extend([row.from, row.end]);
            true
        });
        turns.retain(|turn| *turn <= at);
        turns.sort_unstable();
        turns.dedup();
        Past { reader: self, rows, lists, turns }
    }

    /// When a list holds for the request, up to the moment asked for; none where it never did.
    fn term(&self, id: ListId) -> Option<Term> {
        if id == BASE {
            return Some(Term::Since(Timestamp(0), self.holding(id)?));
        }
        let standing = self.book.list(id)?;
        if self.asked.at != self.asked.now || !standing.former.is_empty() {
            return Some(Term::Varies);
        }
        Some(Term::Since(standing.since, self.holding(id)?))
    }
}
