//! Reads the book: the terms of one channel in one cell, in some cells of a SKU, or in all of them.

use std::sync::Arc;

use super::compiled::Compiled;
use super::index::{Book, SkuClass};
use super::whole::WholeRow;
use crate::catalogue::Catalogue;
use crate::ids::{ChannelId, LocationId, SkuId};
use crate::level::Constraint;
use crate::rules::limits::Rank;
use crate::rules::{Kind, Limits, RuleId, StandingRule};

/// The terms of one channel in one cell, and the rules behind them.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    book: &'a Book,
    limits: Limits,
}

impl<'a> Terms<'a> {
    /// The rules' numbers.
    #[inline]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// The rule behind a refusal in a cell with its own safety stock, if there is one.
    pub fn rule_behind(&self, constraint: Constraint, own_safety_stock: u32) -> Option<RuleId> {
        let rank = match constraint {
            Constraint::Access => self.limits.rank(Kind::Access),
            Constraint::SafetyStock if self.limits.beats(own_safety_stock) => self.limits.rank(Kind::SafetyStock),
            Constraint::SafetyStock
            | Constraint::OnHand
            | Constraint::Reserved
            | Constraint::Buffer
            | Constraint::UnknownCell
            | Constraint::Quota
            | Constraint::Group
            | Constraint::Supply
            | Constraint::Capacity => None,
        };
        self.book.rules.get(rank? as usize).map(|standing| standing.id)
    }
}

/// The terms of one channel in the cells of one SKU.
#[derive(Debug, Clone, Copy)]
pub struct RowTerms<'a> {
    book: &'a Book,
    /// The best rules that name no places.
    best: Limits,
    /// `None` if no rule is in force.
    class: Option<&'a SkuClass>,
    column: usize,
    channel: Option<ChannelId>,
}

impl<'a> RowTerms<'a> {
    /// For a book without rules.
    pub(super) fn none(book: &'a Book) -> Self {
        Self { book, best: Limits::NONE, class: None, column: 0, channel: None }
    }

    #[inline]
    pub(super) fn new(
        book: &'a Book,
        best: Limits,
        class: &'a SkuClass,
        column: usize,
        channel: Option<ChannelId>,
    ) -> Self {
        Self { book, best, class: Some(class), column, channel }
    }

    /// The terms at `location`.
    #[inline]
    pub fn terms(&self, location: LocationId) -> Terms<'a> {
        let Self { book, best: mut limits, class, column, .. } = *self;
        if let Some(class) = class {
            let place = book.place_of(location);
            if let Some(here) = book.places_in(column).get(place) {
                limits = limits.first(*here);
            }
            for rank in class.both.iter().filter(|rank| book.is_at(**rank, place)) {
                if let Some(rule) = self.rule_for_channel(*rank) {
                    limits = limits.first(rule.limits);
                }
            }
        }
        Terms { book, limits }
    }

    /// Whether no rule is in force.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.book.is_empty()
    }

    /// The same for all locations at once, for reading `cells` cells; `None` if the SKU is in too few locations for
    /// that to be cheaper, or if there are too many such rows to cache.
    pub fn everywhere(&self, cells: usize) -> Option<&'a WholeRow> {
        let row = self.class?.whole.get(self.column)?;
        if cells * WholeRow::WORTH < self.book.place_class.len() {
            return None;
        }
        row.get_or_init(|| WholeRow::of(|at| self.terms(at).limits(), self.book.place_class.len(), &self.book.room))
            .as_deref()
    }

    /// A rule that names SKUs and places, if its channels include this one.
    #[inline]
    fn rule_for_channel(&self, rank: Rank) -> Option<&'a Compiled> {
        let rule = self.book.compiled.get(rank as usize)?;
        let holds = |standing: &Arc<StandingRule>| standing.rule.conditions.hold_for_channel(self.channel);
        (!rule.names_channels || self.book.rules.get(rank as usize).is_some_and(holds)).then_some(rule)
    }
}

impl Book {
    /// The terms of `channel` in the cell of `sku` at `location`.
    #[inline]
    pub fn terms(
        &self,
        catalogue: &Catalogue,
        sku: SkuId,
        location: LocationId,
        channel: Option<ChannelId>,
    ) -> Terms<'_> {
        self.row(catalogue, sku, channel).terms(location)
    }

    /// The part of the book for a SKU and a channel; for questions about many locations.
    #[inline]
    pub fn row(&self, catalogue: &Catalogue, sku: SkuId, channel: Option<ChannelId>) -> RowTerms<'_> {
        if self.is_empty() {
            return RowTerms::none(self);
        }
        let column = channel.and_then(|channel| self.columns.get(channel.0 as usize)).map_or(0, |c| usize::from(*c));
        let class = self.class(catalogue, sku);
        let best = [class.best.get(column), self.everywhere.get(column)];
        let best = best.into_iter().flatten().copied().fold(Limits::NONE, Limits::first);
        RowTerms::new(self, best, class, column, channel)
    }
}
