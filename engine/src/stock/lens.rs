//! The view of a channel: cells under the rules in force, minus the channel's buffer.

use std::sync::Arc;

use crate::catalogue::Catalogue;
use crate::ids::{ChannelId, LocationId, SkuId};
use crate::kernel::cell_after::CellAfter;
use crate::level::{Floor, IN_QUARANTINE, StockLevel};
use crate::matrix::{RowCells, StockCell};
use crate::rules::{Band, Book, Gate, RowTerms, WholeRow};

/// One cell for a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CellView {
    /// The SKU.
    pub sku: SkuId,
    /// The location.
    pub location: LocationId,
    /// On hand and reserved.
    pub level: StockLevel,
    /// Safety stock.
    pub safety_stock: u32,
    /// Units that the channel must leave to others; all remaining ones if it may not sell.
    pub buffer: u32,
    /// Units available to the channel: on hand minus reserved, safety stock and buffer.
    pub available: u32,
    /// The band, for a reader that gets no numbers.
    pub band: Band,
    /// Whether the channel gets numbers.
    pub exact: bool,
    /// The safety stock of the cell's own stock row.
    pub(crate) own_safety_stock: u32,
}

/// Replaces a cell's own safety stock if the SKU is untracked. A stock row cannot set so much.
const UNCOUNTED: u32 = IN_QUARANTINE - 1;

impl CellView {
    /// Whether it is a quarantine.
    pub fn is_in_quarantine(&self) -> bool {
        self.own_safety_stock == IN_QUARANTINE
    }

    /// Whether its units are tracked; otherwise `available` is the maximum of one line.
    pub fn is_tracked(&self) -> bool {
        self.own_safety_stock != UNCOUNTED
    }

    /// Units held back, for an answer: all available ones of a quarantine.
    pub fn held_back(&self) -> u32 {
        match self.is_in_quarantine() {
            true => self.level.free().max(0) as u32,
            false => self.safety_stock,
        }
    }
}

/// The view of a channel: the rules in force, and its buffer.
#[derive(Debug, Clone)]
pub struct Lens {
    pub(crate) book: Arc<Book>,
    channel: Option<ChannelId>,
    buffer: u32,
}

impl Lens {
    pub(crate) fn new(book: Arc<Book>, channel: Option<ChannelId>, buffer: u32) -> Self {
        Self { book, channel, buffer }
    }

    /// The same for the cells of one SKU.
    #[inline]
    pub(crate) fn row<'a>(&'a self, catalogue: &'a Catalogue, sku: SkuId) -> RowLens<'a> {
        let uncounted = if catalogue.is_tracked(sku) { None } else { Some(catalogue) };
        RowLens { terms: self.book.row(catalogue, sku, self.channel), buffer: self.buffer, uncounted }
    }

    /// A cell after an event.
    pub fn see(&self, catalogue: &Catalogue, cell: &CellAfter) -> CellView {
        self.row(catalogue, cell.sku).see(cell)
    }

    /// The same cell through another lens.
    pub(crate) fn see_again(&self, catalogue: &Catalogue, cell: &CellView) -> CellView {
        let CellView { sku, location, level, own_safety_stock, .. } = *cell;
        // It may be tracked again by now: it holds nothing then.
        let safety_stock = if cell.is_tracked() { own_safety_stock } else { 0 };
        self.see(catalogue, &CellAfter { sku, location, level, safety_stock })
    }

    /// A cell as it is now. Exact at one `seq` inside the durable view.
    #[inline]
    pub(crate) fn view(&self, catalogue: &Catalogue, cell: &StockCell) -> CellView {
        self.row(catalogue, cell.sku()).view(cell)
    }
}

/// The view of a channel on the cells of one SKU.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowLens<'a> {
    terms: RowTerms<'a>,
    buffer: u32,
    /// Names and details, if the SKU is untracked.
    uncounted: Option<&'a Catalogue>,
}

impl RowLens<'_> {
    fn see(&self, cell: &CellAfter) -> CellView {
        if let Some(catalogue) = self.uncounted
            && cell.safety_stock != IN_QUARANTINE
        {
            return self.see_uncounted(catalogue, cell.sku, cell.location, cell.level);
        }
        see(self.terms.terms(cell.location).limits().gate(cell.safety_stock, self.buffer), cell)
    }

    /// An untracked cell: as much as one line may request, if the channel may sell there.
    #[cold]
    fn see_uncounted(&self, catalogue: &Catalogue, sku: SkuId, location: LocationId, level: StockLevel) -> CellView {
        let limits = self.terms.terms(location).limits();
        let may_be_had = !limits.is_denied() && catalogue.has_uncounted_at(location);
        let available = if may_be_had { level.uncounted_room() } else { 0 };
        let band = if available > 0 { Band::InStock } else { Band::OutOfStock };
        let (_, exact) = limits.gate(0, 0).band(available);
        let (safety_stock, buffer, own_safety_stock) = (0, 0, UNCOUNTED);
        CellView { sku, location, level, safety_stock, buffer, available, band, exact, own_safety_stock }
    }

    /// An untracked SKU at a declared location without a cell.
    #[cold]
    fn see_without_cell(&self, catalogue: &Catalogue, sku: SkuId, location: LocationId) -> Option<CellView> {
        let may_be = catalogue.has_uncounted_at(location);
        may_be.then(|| self.see_uncounted(catalogue, sku, location, StockLevel::default()))
    }

    /// The SKU at a location, if there is anything to show. Exact at one `seq` inside the durable view.
    #[inline]
    pub fn view_at(&self, sku: SkuId, location: LocationId, cell: Option<&StockCell>) -> Option<CellView> {
        match (cell, self.uncounted) {
            (Some(cell), _) => Some(self.view(cell)),
            (None, Some(catalogue)) => self.see_without_cell(catalogue, sku, location),
            (None, None) => None,
        }
    }

    /// Whether the SKU is untracked, so that it is available without a cell.
    pub fn is_uncounted(&self) -> bool {
        self.uncounted.is_some()
    }

    /// A cell as it is now. Exact at one `seq` inside the durable view.
    #[inline]
    pub fn view(&self, cell: &StockCell) -> CellView {
        self.see(&as_it_is(cell))
    }

    /// The available units of a cell.
    #[inline]
    pub fn available(&self, cell: &StockCell) -> u32 {
        if self.uncounted.is_some() {
            return self.view(cell).available;
        }
        self.terms.terms(cell.location()).limits().gate(cell.safety_stock(), self.buffer).available(cell.durable())
    }

    /// All cells of the SKU as they are now. Exact at one `seq` inside the durable view.
    #[inline]
    pub(crate) fn view_all(&self, row: RowCells<'_>, found: &mut Vec<CellView>) {
        if self.uncounted.is_some() {
            return found.extend(row.iter().map(|(_, cell)| self.view(cell)));
        }
        let (buffer, rules) = (self.buffer, self.terms.everywhere(row.about()));
        // Inlined into every loop: as a call, its result went through memory.
        if self.terms.is_empty() {
            row.pieces().into_iter().for_each(|cells| {
                found.extend(cells.iter().map(|cell| see_plainly(cell, cell.safety_stock(), buffer)))
            });
            found.extend(row.strays().map(|(_, cell)| see_plainly(cell, cell.safety_stock(), buffer)));
        } else if let Some(rules) = rules.filter(|rules| rules.is_only_units()) {
            let see = |cell: &StockCell| see_plainly(cell, rules.units(cell.location(), cell.safety_stock()), buffer);
            row.pieces().into_iter().for_each(|cells| found.extend(cells.iter().map(see)));
            found.extend(row.strays().map(|(_, cell)| see(cell)));
        } else if let Some(rules) = rules {
            let pieces = row.pieces().into_iter();
            pieces.for_each(|cells| found.extend(cells.iter().map(|cell| see_under(rules, cell, buffer))));
            found.extend(row.strays().map(|(_, cell)| see_under(rules, cell, buffer)));
        } else {
            found.extend(row.iter().map(|(_, cell)| self.view(cell)));
        }
    }

    /// The available units in every cell of the SKU.
    #[inline]
    pub fn available_in_all(&self, row: RowCells<'_>, mut put: impl FnMut(LocationId, u32)) {
        let buffer = self.buffer;
        if self.uncounted.is_some() {
            row.for_each(|cell| put(cell.location(), self.available(cell)));
        } else if self.terms.is_empty() {
            row.for_each(|cell| put(cell.location(), see_plainly(cell, cell.safety_stock(), buffer).available));
        } else if let Some(rules) = self.terms.everywhere(row.about()) {
            row.for_each(|cell| {
                let gate = rules.limits(cell.location()).gate(cell.safety_stock(), buffer);
                put(cell.location(), gate.available(cell.durable()));
            });
        } else {
            row.for_each(|cell| put(cell.location(), self.available(cell)));
        }
    }
}

#[inline(always)]
fn see_under(rules: &WholeRow, cell: &StockCell, buffer: u32) -> CellView {
    let cell = as_it_is(cell);
    see(rules.limits(cell.location).gate(cell.safety_stock, buffer), &cell)
}

/// The result of [`see`] if no rule does more than hold back `safety_stock`.
#[inline(always)]
fn see_plainly(cell: &StockCell, safety_stock: u32, buffer: u32) -> CellView {
    let (level, own_safety_stock) = (cell.durable(), cell.safety_stock());
    let available = level.available(Floor { safety_stock, buffer });
    let band = if available == 0 { Band::OutOfStock } else { Band::InStock };
    let (sku, location) = (cell.sku(), cell.location());
    CellView { sku, location, level, safety_stock, buffer, available, band, exact: true, own_safety_stock }
}

#[inline(always)]
fn as_it_is(cell: &StockCell) -> CellAfter {
    let (level, safety_stock) = (cell.durable(), cell.safety_stock());
    CellAfter { sku: cell.sku(), location: cell.location(), level, safety_stock }
}

#[inline(always)]
fn see(gate: Gate, cell: &CellAfter) -> CellView {
    let CellAfter { sku, location, level, safety_stock } = *cell;
    let available = gate.available(level);
    let (band, exact) = gate.band(available);
    CellView {
        sku,
        location,
        level,
        safety_stock: gate.safety_stock(level),
        buffer: gate.buffer(level),
        available,
        band,
        exact,
        own_safety_stock: safety_stock,
    }
}
