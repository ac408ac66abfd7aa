//! The events of inbound supply.

use super::received::{BackorderDated, Fill, Received, SupplySet};
use crate::effect::{Effect, Inbound, Tell};
use crate::ids::Seq;
use crate::kernel::repeat::Repeat;
use crate::kernel::tagged::tagged;
use crate::outcome::Outcome;

tagged! {
    /// An event of inbound supply and of backorders.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Event {
        /// Inbound supply changed.
        23 => SupplySet(Vec<SupplySet>),
        /// Stock moved, and some of it was inbound supply, or filled backorders.
        24 => Received(Box<Received>),
        /// Units that became available filled backorders, by reservation and line.
        25 => Filled(Vec<Fill>),
        /// Backorders are at risk, or no longer are, by reservation and line.
        27 => BackordersDated(Vec<BackorderDated>),
    }
}

impl Event {
    /// Lists its effects.
    #[inline]
    pub fn effects<'a>(&'a self, to: &mut impl Tell<'a>) {
        match self {
            Self::SupplySet(rows) => {
                rows.iter().for_each(|row| to.tell(Effect::Cell(&row.cell, None)));
                to.tell(Effect::Inbound(Inbound::Set(rows)));
            }
            Self::Received(received) => received.effects(to),
            Self::Filled(fills) => {
                cells_of(fills, to);
                to.tell(Effect::Filled(fills));
            }
            Self::BackordersDated(rows) => to.tell(Effect::Dated(rows)),
        }
    }

    /// How a repeat of the request is answered.
    pub fn repeat(&self) -> Repeat {
        match self {
            Self::Received(_) => Repeat::Record,
            Self::SupplySet(_) | Self::Filled(_) | Self::BackordersDated(_) => Repeat::Never,
        }
    }
}

impl Received {
    /// Lists its effects: cells with the levels after the fills, movements, arrived supply, and fills.
    pub fn effects<'a>(&'a self, to: &mut impl Tell<'a>) {
        let filled = |row: &crate::stock::movement::Moved| {
            self.fills.iter().any(|fill| fill.cell.is_of(row.cell.sku, row.cell.location))
        };
        if self.rows.len() <= FEW && self.fills.len() <= FEW {
            self.rows.iter().filter(|row| !filled(row)).for_each(|row| to.tell(Effect::Cell(&row.cell, None)));
        } else {
            let cells = super::received::filled_cells(&self.fills);
            let filled = |row: &crate::stock::movement::Moved| cells.contains_key(&(row.cell.sku, row.cell.location));
            self.rows.iter().filter(|row| !filled(row)).for_each(|row| to.tell(Effect::Cell(&row.cell, None)));
        }
        cells_of(&self.fills, to);
        (0..).zip(&self.rows).for_each(|(row, moved)| to.tell(Effect::Moved(row, moved)));
        if !self.used.is_empty() {
            to.tell(Effect::Inbound(Inbound::Used(&self.used, &self.rows)));
        }
        if !self.fills.is_empty() {
            to.tell(Effect::Filled(&self.fills));
        }
    }
}

/// Up to this number of rows, a linear search is used.
const FEW: usize = 16;

/// The cells of fills, each once: all fills of a cell state the level after the whole record.
fn cells_of<'a>(fills: &'a [Fill], to: &mut impl Tell<'a>) {
    if fills.len() > FEW {
        let mut seen = std::collections::BTreeSet::new();
        let first = |fill: &&Fill| seen.insert((fill.cell.sku, fill.cell.location));
        return fills.iter().filter(first).for_each(|fill| to.tell(Effect::Cell(&fill.cell, None)));
    }
    for (at, fill) in fills.iter().enumerate() {
        let is_told = |earlier: &Fill| earlier.cell.is_of(fill.cell.sku, fill.cell.location);
        if !fills.iter().take(at).any(is_told) {
            to.tell(Effect::Cell(&fill.cell, None));
        }
    }
}

impl Event {
    /// The outcome that the record at `seq` contains, if it contains one.
    pub fn outcome(&self, seq: Seq) -> Option<Outcome> {
        match self {
            Self::Received(received) => Some(Outcome::Moved { seq, rows: received.rows_after() }),
            Self::SupplySet(_) | Self::Filled(_) | Self::BackordersDated(_) => None,
        }
    }
}
