//! Why something costs what it costs: the list that wins, those that lost, and to which.

use super::book::{Asked, Book};
use super::history::Reduction;
use super::list::{BASE, ListId, ListKind};
use super::priced::Priced;
use super::row::Row;
use crate::ids::Timestamp;

/// What became of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Its row counts.
    Wins,
    /// Another list wins, by what is named.
    Loses(By),
    /// It does not hold for the request, for the named reason.
    HoldsNot(Why),
}

/// By what a list loses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The other's priority is higher.
    Priority,
    /// The priorities are the same, and the other's amount is lower.
    Amount,
    /// Both are the same, and the other comes first by id.
    Id,
}

/// Why a list does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It is of another currency.
    Currency,
    /// It names other channels.
    Channel,
    /// It names other places.
    PriceTarget,
    /// It is not in force then.
    Dates,
    /// None of its rows of the SKU is in force then, for so many units, that channel and that place.
    Rows,
}

/// One list that has rows of a SKU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListVerdict {
    /// The list.
    pub list: ListId,
    /// What it is for.
    pub kind: ListKind,
    /// Its priority.
    pub priority: i32,
    /// Its row that counts within it, if any does.
    pub row: Option<Row>,
    /// What became of it.
    pub verdict: Verdict,
}

/// Why something costs what it costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// Lists with rows of the SKU that are not over; the one that wins first.
    pub lists: Vec<ListVerdict>,
    /// The best amount of regular lists alone.
    pub regular_amount: Option<u64>,
    /// The reduction that the sale is, where one wins.
    pub reduction: Option<Reduction>,
    /// Until when, as far as the row and its list say.
    pub ends_at: Option<Timestamp>,
}

impl Book {
    /// Explains what so many units of a SKU cost.
    pub fn explain(&self, asked: &Asked, prices: &Priced, quantity: u32) -> Explained {
        let reader = self.reader(asked);
        let (winner, regular) = reader.price(prices, quantity);
        let mut lists: Vec<ListVerdict> = Vec::new();
        for rows in prices.briefs().chunk_by(|a, b| a.list == b.list) {
            let Some(list) = rows.first().map(|row| row.list) else { continue };
            let standing = self.list(list);
            let is_over = !rows.iter().any(|row| asked.at < row.end);
            if is_over || (list != BASE && standing.is_none()) {
                continue;
            }
            let said = standing.and_then(|standing| standing.at(asked.at, asked.now).or(standing.list.as_ref()));
            let (kind, priority) = match said {
                Some(said) => (said.kind, said.priority),
                None if list == BASE => (ListKind::Regular, super::list::BASE_PRIORITY),
                None => continue,
            };
            let fitting =
                rows.iter().filter(|row| row.is_in_force(asked.at) && prices.fits(row, asked.buyer(), quantity));
            let holding = self.holding_at(list, asked, asked.at);
            let row = super::book::best(fitting, |_| holding).0;
            let verdict = match (&row, &winner) {
                (Some(row), Some(winner)) if row.row.list == winner.row.list => Verdict::Wins,
                (Some(row), Some(winner)) => Verdict::Loses(match () {
                    () if row.priority != winner.priority => By::Priority,
                    () if row.row.amount != winner.row.amount => By::Amount,
                    () => By::Id,
                }),
                _ => Verdict::HoldsNot(match said {
                    Some(said) if said.currency != asked.currency => Why::Currency,
                    Some(said) if !said.channels.is_empty() && !said.channels.contains(&asked.channel) => Why::Channel,
                    Some(said) if !self.holds_at(&asked.place, &said.locations, &said.groups) => Why::PriceTarget,
                    Some(_) if holding.is_none() => Why::Dates,
                    None if rows.iter().all(|row| row.currency != asked.currency) => Why::Currency,
                    _ => Why::Rows,
                }),
            };
            lists.push(ListVerdict {
                list,
                kind,
                priority,
                row: row.and_then(|row| prices.row(&row.row).cloned()),
                verdict,
            });
        }
        lists.sort_by_key(|list| match list.verdict {
            Verdict::Wins => 0,
            Verdict::Loses(_) => 1,
            Verdict::HoldsNot(_) => 2,
        });
        Explained {
            lists,
            regular_amount: regular.map(|regular| regular.row.amount),
            reduction: winner.and_then(|winner| reader.reduction(prices, quantity, &winner)),
            ends_at: winner.and_then(|winner| reader.ends_at(&winner.row)),
        }
    }
}
