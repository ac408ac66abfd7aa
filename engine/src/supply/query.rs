//! Reads inbound supply: how many units may be ordered, the backorders, and the promises at risk.

use std::ops::Bound::{Excluded, Unbounded};
use std::sync::RwLockReadGuard;

use crate::ids::{ChannelId, LocationId, Seq, SkuId, Timestamp};
use crate::reservations::ledger::Ledger;
use crate::rules::{Book, Kind};
use crate::state::DurableState;
use crate::stock::lens::CellView;
use crate::supply::{Supply, SupplyOutlook, Waiting};

/// The maximum number of listed promises at risk of one cell.
pub const AT_RISK_TOLD_MAX: usize = 1000;

/// The next cell of a list, if there is one.
pub type After = Option<(SkuId, LocationId)>;

/// The inbound supply of a cell, for a channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InboundView {
    /// Units of dated supply, backorders included.
    pub incoming: u64,
    /// Units that the channel may be promised, now or later: available units, plus supply and allowances without
    /// backorders. As with `available`, only a refusal reports quotas.
    pub orderable: u64,
    /// Whether sales have not begun.
    pub is_preorder: bool,
}

/// A cell with inbound supply or backorders.
#[derive(Debug, Clone)]
pub struct ExpectedSupply {
    /// The SKU.
    pub sku: SkuId,
    /// The location.
    pub location: LocationId,
    /// The supplies, the earliest first.
    pub supplies: Vec<Supply>,
    /// Units of backorders.
    pub waiting: u64,
    /// Promises at risk, in the order of their creation.
    pub at_risk: Vec<Waiting>,
}

impl DurableState {
    /// The inbound supply of each of `cells`, for `channel` at `now`; empty if there is no inbound supply at all.
    ///
    /// Exact at one `seq` inside the durable view.
    pub fn coming(&self, cells: &[CellView], channel: Option<ChannelId>, now: Timestamp) -> Vec<InboundView> {
        let book = self.rules.share_book();
        match self.prospects(&book, channel, now) {
            Some(prospects) => {
                let ledger = prospects.ledger();
                cells.iter().map(|cell| prospects.of(ledger.as_deref(), cell)).collect()
            }
            None => Vec::new(),
        }
    }

    /// The data for that; `None` if there is no inbound supply at all.
    ///
    /// Exact at one `seq` inside the durable view.
    pub(crate) fn prospects<'a>(
        &'a self,
        book: &'a Book,
        channel: Option<ChannelId>,
        now: Timestamp,
    ) -> Option<Prospects<'a>> {
        let allows = book.has(Kind::Backorder) || book.has(Kind::Preorder);
        let has_outlooks = self.ledger().has_outlooks();
        (allows || has_outlooks).then_some(Prospects { state: self, book, channel, now, allows, has_outlooks })
    }

    /// The inbound supply and the backorders of one cell; `None` if it has neither.
    pub fn expected_at(&self, sku: SkuId, location: LocationId) -> Option<ExpectedSupply> {
        let ledger = self.ledger();
        ledger.outlook(sku, location).map(|outlook| ExpectedSupply {
            sku,
            location,
            supplies: outlook.supplies().to_vec(),
            waiting: outlook.waiting(),
            at_risk: risks(outlook, AT_RISK_TOLD_MAX),
        })
    }

    /// Up to `limit` cells with inbound supply or backorders, of a SKU and at a location if those are given, after the
    /// cell `after`; and the last examined cell if there may be more. Each cell is exact, and the page includes
    /// everything up to the `seq`. Examines at most [`OUTLOOKS_PER_PAGE`] cells, so a page may be short.
    pub fn expected(
        &self,
        sku: Option<SkuId>,
        location: Option<LocationId>,
        after: After,
        limit: usize,
    ) -> (Seq, Vec<ExpectedSupply>, After) {
        let seq = self.view.seq();
        if let (Some(sku), Some(location)) = (sku, location) {
            let is_next = after.is_none_or(|after| (sku, location) > after);
            return (seq, self.expected_at(sku, location).filter(|_| is_next).into_iter().collect(), None);
        }
        let (mut looks, mut found): (usize, Vec<ExpectedSupply>) = (0, Vec::new());
        // The cells of a SKU are adjacent.
        let mut at = after.max(sku.and_then(|sku| Some((SkuId(sku.0.checked_sub(1)?), LocationId(u32::MAX)))));
        // Bound: `OUTLOOKS_PER_PAGE`.
        loop {
            let cells: Vec<_> = {
                let ledger = self.ledger();
                let cells = ledger.outlooks(at).map(|(cell, _)| cell);
                cells.take_while(|(of, _)| sku.is_none_or(|sku| *of <= sku)).take(OUTLOOKS_PER_HOLD).collect()
            };
            looks += cells.len();
            for cell in &cells {
                at = Some(*cell);
                if location.is_none_or(|location| cell.1 == location) {
                    found.extend(self.expected_at(cell.0, cell.1));
                }
                if found.len() >= limit {
                    return (seq, found, at);
                }
            }
            if cells.len() < OUTLOOKS_PER_HOLD {
                return (seq, found, None);
            }
            if looks >= OUTLOOKS_PER_PAGE {
                return (seq, found, at);
            }
        }
    }

    /// Up to `limit` cells with backorders at risk, in order, after the cell `after`.
    pub(crate) fn risky_after(&self, after: After, limit: usize) -> Vec<(SkuId, LocationId)> {
        let from = (after.map_or(Unbounded, Excluded), Unbounded);
        self.ledger().risky().range(from).take(limit).copied().collect()
    }

    /// Up to `limit` backorders of a cell that are at risk, in queue order.
    pub(crate) fn waits_at_risk(&self, sku: SkuId, location: LocationId, limit: usize) -> Vec<Waiting> {
        self.ledger().outlook(sku, location).map(|outlook| risks(outlook, limit)).unwrap_or_default()
    }
}

/// Inbound supply, for a channel.
pub(crate) struct Prospects<'a> {
    state: &'a DurableState,
    book: &'a Book,
    channel: Option<ChannelId>,
    now: Timestamp,
    /// Whether more units than those on hand may be ordered anywhere.
    allows: bool,
    has_outlooks: bool,
}

impl<'a> Prospects<'a> {
    /// The ledger, if it has inbound supply; a fold waits for its holder.
    pub fn ledger(&self) -> Option<RwLockReadGuard<'a, Ledger>> {
        self.has_outlooks.then(|| self.state.ledger())
    }

    /// The inbound supply of a cell.
    pub fn of(&self, ledger: Option<&Ledger>, cell: &CellView) -> InboundView {
        let Self { book, channel, now, .. } = *self;
        let catalogue = &self.state.catalogue;
        let (sku, location, available) = (cell.sku, cell.location, u64::from(cell.available));
        let outlook = ledger.and_then(|ledger| ledger.outlook(sku, location));
        // An untracked SKU has neither inbound supply nor backorders.
        if (outlook.is_none() && !self.allows) || !cell.is_tracked() {
            return InboundView { orderable: available, ..InboundView::default() };
        }
        let denied = book.terms(catalogue, sku, location, channel).limits().is_denied();
        let allowances = book.allowances(catalogue, sku, location, channel, now);
        let allowed: u64 = allowances.iter().map(|allowance| u64::from(allowance.units)).sum();
        let (supplied, waiting) = outlook.map_or((0, 0), |outlook| (outlook.supplied_after(now), outlook.waiting()));
        let to_come = if denied { 0 } else { (supplied + allowed).saturating_sub(waiting) };
        InboundView {
            incoming: outlook.map_or(0, |outlook| outlook.supplied()),
            orderable: available + to_come,
            is_preorder: allowances.iter().any(|allowance| allowance.is_preorder),
        }
    }
}

impl InboundView {
    /// The same, plus the inbound supply of another location of a group.
    pub(crate) fn and(self, other: Self) -> Self {
        let Self { incoming, orderable, is_preorder } = self;
        Self { incoming: incoming + other.incoming, orderable: orderable + other.orderable, is_preorder }
    }
}

/// The backorders of a cell that are at risk, up to `limit`.
pub(crate) fn risks(outlook: &SupplyOutlook, limit: usize) -> Vec<Waiting> {
    match outlook.has_risks() {
        true => outlook.waits().map(|(_, waiting)| waiting).filter(|waiting| waiting.at_risk).take(limit).collect(),
        false => Vec::new(),
    }
}

/// Cells examined for one page.
pub const OUTLOOKS_PER_PAGE: usize = 65_536;

/// Cells examined under one hold of the ledger, for which a fold waits.
const OUTLOOKS_PER_HOLD: usize = 1024;
