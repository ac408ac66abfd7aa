//! What holds a thing, so that it cannot be retired, or be counted otherwise.

use std::fmt;

use crate::ids::ReservationId;

/// Things that are told by name.
pub(crate) const TOLD_MAX: usize = 20;

/// What holds something: how many of a kind, and some of them by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// What they are: `stock`, `quarantine`, `reservations`, `supplies`, `rules`, `groups`, `locations`,
    /// `prices`, `price_lists`, `tax_classes` or `skus`.
    pub what: &'static str,
    /// How many: cells with stock, reservations that are open, supplies that are to come, and so on.
    pub count: u64,
    /// Some of them, by name; of cells with stock and supplies, where they are.
    pub some: Vec<String>,
    /// Some of the reservations.
    pub reservations: Vec<ReservationId>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.what {
            "stock" => "cells with stock",
            "quarantine" => "cells with stock in its quarantine",
            "reservations" => "open reservations",
            "supplies" => "cells to which something is to come",
            "price_lists" => "price lists",
            "tax_classes" => "tax classes",
            "skus" => "SKUs",
            other => other,
        };
        write!(f, "{} {what}", self.count)?;
        match self.some.as_slice() {
            [] => Ok(()),
            some if self.count > some.len() as u64 => write!(f, " ({}, …)", some.join(", ")),
            some => write!(f, " ({})", some.join(", ")),
        }
    }
}

impl Holder {
    /// All of them in a sentence.
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
