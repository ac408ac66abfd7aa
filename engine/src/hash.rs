//! The state hash: one number for everything that the server serves, updated with each record.
//!
//! The hash is a sum, modulo 2^128, of a digest of each item, so it does not depend on any order, and a changed item
//! costs one subtraction and one addition. Items are digested by name and content: without interned ids, without the
//! `seq` of the last change, and without order. So a server shows it, `anaquel verify` computes it from the log alone,
//! a restart from a checkpoint yields the same, and a directory that imported every export of another one agrees with
//! it in all that files contain.
//!
//! The sum is published in total and by [`Part`]. Derived data has no part of its own: short cells, counters of
//! promises, answers to repeated requests, demand. A closed reservation has left the state.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::ids::{ReservationId, Seq, Timestamp};
use crate::level::StockLevel;

pub(crate) mod content;

/// A part of the sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Declared SKUs.
    Skus,
    /// Declared locations.
    Locations,
    /// Opening hours and service times of locations.
    Services,
    /// Groups with their members.
    Groups,
    /// Prices.
    Prices,
    /// What rules say.
    Rules,
    /// Inbound supply.
    Supply,
    /// Cells: units on hand, safety stock, when they were last counted.
    Stock,
    /// Buffers of channels.
    Channels,
    /// Which rules are active now.
    InForce,
    /// Promised units of cells.
    Reserved,
    /// Open reservations.
    Reservations,
    /// Cells of quarantines.
    Quarantine,
    /// Price lists, and which of them are in force now.
    PriceLists,
    /// Tax classes.
    TaxClasses,
    /// Orders.
    Orders,
    /// Issuers of receipts, and the ends of their chains.
    Issuers,
    /// Series of receipts, and their next numbers.
    Series,
    /// Receipts.
    Receipts,
    /// Open carts.
    Carts,
    /// Returns.
    Returns,
}

/// The number of parts.
pub const PARTS: usize = 21;

impl Part {
    /// All parts; first those that exports contain.
    pub const ALL: [Self; PARTS] = [
        Self::Skus,
        Self::Locations,
        Self::Services,
        Self::Groups,
        Self::Prices,
        Self::Rules,
        Self::Supply,
        Self::Stock,
        Self::Channels,
        Self::InForce,
        Self::Reserved,
        Self::Reservations,
        Self::Quarantine,
        Self::PriceLists,
        Self::TaxClasses,
        Self::Orders,
        Self::Issuers,
        Self::Series,
        Self::Receipts,
        Self::Carts,
        Self::Returns,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skus => "skus",
            Self::Locations => "locations",
            Self::Services => "services",
            Self::Groups => "groups",
            Self::Prices => "prices",
            Self::Rules => "rules",
            Self::Supply => "supply",
            Self::Stock => "stock",
            Self::Channels => "channels",
            Self::InForce => "in_force",
            Self::Reserved => "reserved",
            Self::Reservations => "reservations",
            Self::Quarantine => "quarantine",
            Self::PriceLists => "price_lists",
            Self::TaxClasses => "tax_classes",
            Self::Orders => "orders",
            Self::Issuers => "issuers",
            Self::Series => "series",
            Self::Receipts => "receipts",
            Self::Carts => "carts",
            Self::Returns => "returns",
        }
    }

    /// Whether exports carry it into another directory.
    pub fn is_in_files(self) -> bool {
        !matches!(
            self,
            Self::InForce
                | Self::Reserved
                | Self::Reservations
                | Self::Quarantine
                | Self::PriceLists
                | Self::TaxClasses
                | Self::Orders
                | Self::Issuers
                | Self::Series
                | Self::Receipts
                | Self::Carts
                | Self::Returns
        )
    }
}

/// A digest of one item: 128 bits.
pub(crate) type Digest = u128;

/// The coverage and the algorithm of the hash: raised when either changes. Hashes of different formats are not
/// compared.
pub(crate) const FORMAT: u16 = 1;

/// The running sums. Written only inside folds, read inside durable reads.
#[derive(Debug, Default)]
pub struct StateHash {
    /// Low and high words, by part.
    sums: [[AtomicU64; 2]; PARTS],
}

/// The sums at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sums([u128; PARTS]);

impl Sums {
    /// The sum of one part, as 32 hexadecimal digits.
    pub fn part(&self, part: Part) -> String {
        show(self.sum(part))
    }

    /// The sum of everything.
    pub fn all(&self) -> String {
        show(self.of(|_| true))
    }

    /// The sum of what exports contain: two directories agree on it if one imported the exports of the other.
    pub fn in_files(&self) -> String {
        show(self.of(Part::is_in_files))
    }

    fn of(&self, counts: impl Fn(Part) -> bool) -> u128 {
        let sums = Part::ALL.iter().zip(self.0).filter(|(part, _)| counts(**part));
        sums.fold(0, |all, (_, sum)| all.wrapping_add(sum))
    }

    /// The sum of one part.
    pub(crate) fn sum(&self, part: Part) -> u128 {
        self.0.get(part as usize).copied().unwrap_or_default()
    }

    pub(crate) fn add(&mut self, part: Part, digest: Digest) {
        if let Some(sum) = self.0.get_mut(part as usize) {
            *sum = sum.wrapping_add(digest);
        }
    }

    /// The first part in which two sums differ.
    pub(crate) fn differs_in(&self, other: &Self) -> Option<Part> {
        Part::ALL.into_iter().find(|part| self.sum(*part) != other.sum(*part))
    }
}

fn show(sum: u128) -> String {
    format!("{sum:032x}")
}

/// Multiplies and folds the halves: every bit of both factors affects every bit of the result.
fn fold_multiply(a: u64, b: u64) -> u64 {
    let wide = u128::from(a) * u128::from(b);
    (wide as u64) ^ ((wide >> 64) as u64)
}

fn digest(words: [u64; 4]) -> Digest {
    const KEYS: [u64; 4] = [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344, 0xa409_3822_299f_31d0, 0x082e_fa98_ec4e_6c89];
    let [a, b, c, d] = words;
    let [ka, kb, kc, kd] = KEYS;
    let first = fold_multiply(a ^ ka, b ^ kb);
    let second = fold_multiply(c ^ kc, d ^ kd);
    let low = fold_multiply(first ^ ka, second.rotate_left(23) ^ kc);
    let high = fold_multiply(second ^ kb, first.rotate_left(41) ^ kd ^ low);
    (u128::from(high) << 64) | u128::from(low)
}

/// The digest of a name, stored beside it.
pub(crate) fn name(text: &str) -> u64 {
    let (low, high) = mixed(text);
    low ^ high.rotate_left(32)
}

/// A cell, by the digests of its names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CellNames {
    pub sku: u64,
    pub location: u64,
}

impl CellNames {
    /// One word for both.
    pub fn word(self) -> u64 {
        fold_multiply(self.sku ^ 0x9e37_79b9_7f4a_7c15, self.location.rotate_left(17) ^ 0xa409_3822_299f_31d1)
    }
}

/// The digest of a cell's content without promises.
pub(crate) fn stock(at: CellNames, on_hand: i32, safety_stock: u32, counted_at: Timestamp) -> Digest {
    let units = (u64::from(safety_stock) << 32) | u64::from(on_hand.cast_unsigned());
    digest([at.sku, at.location, units, counted_at.0])
}

/// The digest of a cell's promises; nothing if there are none.
pub(crate) fn reserved(at: CellNames, level: StockLevel) -> Digest {
    match level.reserved {
        0 => 0,
        reserved => digest([at.sku, at.location, reserved.into(), u64::MAX]),
    }
}

/// The digest of an open reservation. Its version represents its history.
pub(crate) fn reservation(id: ReservationId, version: Seq, outstanding: u64) -> Digest {
    digest([!id.0, version, outstanding, u64::MAX])
}

fn mixed(text: &str) -> (u64, u64) {
    let mut sum = 0x1319_8a2e_0370_7344 ^ text.len() as u64;
    for piece in text.as_bytes().chunks(8) {
        let mut word = [0; 8];
        word.iter_mut().zip(piece).for_each(|(to, from)| *to = *from);
        sum = fold_multiply(sum ^ u64::from_le_bytes(word), 0x9e37_79b9_7f4a_7c15) ^ sum.rotate_left(29);
    }
    (sum, fold_multiply(sum ^ 0x243f_6a88_85a3_08d3, 0xa409_3822_299f_31d1))
}

/// The digest of a text in the indexes of reservations. Checkpoints contain it, so the algorithm must never change.
pub(crate) fn text(text: &str) -> u32 {
    let (_, sum) = mixed(text);
    (sum ^ (sum >> 32)) as u32
}

impl StateHash {
    /// The hash of everything, as 32 hexadecimal digits.
    pub fn show(&self) -> String {
        self.sums().all()
    }

    /// The sums, part by part.
    pub fn sums(&self) -> Sums {
        let word = |word: &AtomicU64| u128::from(word.load(Relaxed));
        Sums(std::array::from_fn(|part| self.sums.get(part).map_or(0, |[low, high]| (word(high) << 64) | word(low))))
    }

    /// Inside a fold: replaces a digest in the sum.
    pub(crate) fn change(&self, part: Part, leaves: Digest, comes: Digest) {
        let Some([low, high]) = self.sums.get(part as usize) else { return };
        if leaves == comes {
            return;
        }
        let before = (u128::from(high.load(Relaxed)) << 64) | u128::from(low.load(Relaxed));
        let after = before.wrapping_sub(leaves).wrapping_add(comes);
        low.store(after as u64, Relaxed);
        high.store((after >> 64) as u64, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_has_a_name_and_a_place_of_its_own() {
        for (place, part) in Part::ALL.into_iter().enumerate() {
            assert_eq!(part as usize, place);
            assert_eq!(Part::ALL.iter().filter(|other| other.as_str() == part.as_str()).count(), 1);
        }
    }

    #[test]
    fn what_comes_and_leaves_again_leaves_nothing() {
        let hash = StateHash::default();
        let digests: Vec<_> = (0..100).map(|n| digest([n, !n, n * n, 7])).collect();
        digests.iter().for_each(|digest| hash.change(Part::Stock, 0, *digest));
        assert_ne!(hash.sums(), Sums::default());
        digests.iter().rev().for_each(|digest| hash.change(Part::Stock, *digest, 0));
        assert_eq!(hash.sums(), Sums::default());
    }
}
