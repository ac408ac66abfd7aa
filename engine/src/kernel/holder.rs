//! What holds an item, so that it cannot be retired, or its `tracked` cannot change.

use std::fmt;

use crate::ids::ReservationId;

/// The maximum number of names in a list.
pub(crate) const TOLD_MAX: usize = 20;

/// The holders of one kind: their number, and some names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Their kind: `stock`, `quarantine`, `reservations`, `supplies`, `rules`, `groups`, `locations`, `prices`,
    /// `price_lists`, `tax_classes`, `skus`, `series` or `receipts`.
    pub what: &'static str,
    /// Their number: cells with stock, open reservations, inbound supplies, and so on.
    pub count: u64,
    /// Some names; for cells with stock and supplies, their locations.
    pub some: Vec<String>,
    /// Some of the reservations.
    pub reservations: Vec<ReservationId>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (one, many) = match self.what {
            "stock" => ("cell with stock", "cells with stock"),
            "quarantine" => ("cell with stock in its quarantine", "cells with stock in its quarantine"),
            "reservations" => ("open reservation", "open reservations"),
            "supplies" => ("cell with inbound supply", "cells with inbound supply"),
            "price_lists" => ("price list", "price lists"),
            "tax_classes" => ("tax class", "tax classes"),
            "skus" => ("SKU", "SKUs"),
            "series" => ("series", "series"),
            other => (other.trim_end_matches('s'), other),
        };
        write!(f, "{} {}", self.count, if self.count == 1 { one } else { many })?;
        match self.some.as_slice() {
            [] => Ok(()),
            some if self.count > some.len() as u64 => write!(f, " ({}, …)", some.join(", ")),
            some => write!(f, " ({})", some.join(", ")),
        }
    }
}

impl Holder {
    /// All holders in one sentence.
    pub fn all(holders: &[Self]) -> String {
        holders.iter().map(Self::to_string).collect::<Vec<_>>().join(" and ")
    }

    pub(crate) fn of(what: &'static str, names: impl Iterator<Item = String>) -> Self {
        let (mut count, mut some) = (0, Vec::new());
        for name in names {
            count += 1;
            if some.len() < TOLD_MAX {
                some.push(name);
            }
        }
        Self { what, count, some, reservations: Vec::new() }
    }

    pub(crate) fn counted(what: &'static str, count: u64) -> Self {
        Self { what, count, some: Vec::new(), reservations: Vec::new() }
    }
}
