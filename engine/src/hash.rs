//! The state hash: one number for all cells and all open reservations, kept up to date record by record.
//!
//! It is the sum, modulo 2^128, of a digest of each item, so it does not depend on any order, and an item that changes
//! costs one subtraction and one addition. A server shows it, `anaquel verify` computes it from the log alone, and two
//! that agree on `seq` and hash agree on every cell.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::ids::{LocationId, ReservationId, Seq, SkuId, Timestamp};
use crate::level::StockLevel;

/// The running sum. Written inside folds only, read inside durable reads.
#[derive(Debug, Default)]
pub struct StateHash {
    low: AtomicU64,
    high: AtomicU64,
}

/// Multiplies and folds the halves: every bit of both factors reaches every bit of the result.
fn fold_multiply(a: u64, b: u64) -> u64 {
    let wide = u128::from(a) * u128::from(b);
    (wide as u64) ^ ((wide >> 64) as u64)
}

fn digest(words: [u64; 4]) -> (u64, u64) {
    const KEYS: [u64; 4] = [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344, 0xa409_3822_299f_31d0, 0x082e_fa98_ec4e_6c89];
    let [a, b, c, d] = words;
    let [ka, kb, kc, kd] = KEYS;
    let first = fold_multiply(a ^ ka, b ^ kb);
    let second = fold_multiply(c ^ kc, d ^ kd);
    let low = fold_multiply(first ^ ka, second.rotate_left(23) ^ kc);
    let high = fold_multiply(second ^ kb, first.rotate_left(41) ^ kd ^ low);
    (low, high)
}

/// A cell's digest.
pub(crate) fn cell(
    sku: SkuId,
    location: LocationId,
    level: StockLevel,
    safety_stock: u32,
    counted_at: Timestamp,
) -> (u64, u64) {
    let place = (u64::from(sku.0) << 32) | u64::from(location.0);
    digest([place, level.pack(), counted_at.0, u64::from(safety_stock)])
}

/// An open reservation's digest. Its version stands for all that led there.
pub(crate) fn reservation(id: ReservationId, version: Seq, outstanding: u64) -> (u64, u64) {
    digest([!id.0, version, outstanding, u64::MAX])
}

/// The digest of a text in the indexes of reservations. Images hold it, so it stays as it is.
pub(crate) fn text(text: &str) -> u32 {
    let mut sum = 0x1319_8a2e_0370_7344 ^ text.len() as u64;
    for piece in text.as_bytes().chunks(8) {
        let mut word = [0; 8];
        word.iter_mut().zip(piece).for_each(|(to, from)| *to = *from);
        sum = fold_multiply(sum ^ u64::from_le_bytes(word), 0x9e37_79b9_7f4a_7c15) ^ sum.rotate_left(29);
    }
    let sum = fold_multiply(sum ^ 0x243f_6a88_85a3_08d3, 0xa409_3822_299f_31d1);
    (sum ^ (sum >> 32)) as u32
}

impl StateHash {
    /// The hash, as 32 hexadecimal digits.
    pub fn show(&self) -> String {
        format!("{:016x}{:016x}", self.high.load(Relaxed), self.low.load(Relaxed))
    }

    pub(crate) fn add(&self, (low, high): (u64, u64)) {
        self.low.store(self.low.load(Relaxed).wrapping_add(low), Relaxed);
        self.high.store(self.high.load(Relaxed).wrapping_add(high), Relaxed);
    }

    pub(crate) fn remove(&self, (low, high): (u64, u64)) {
        self.add((low.wrapping_neg(), high.wrapping_neg()));
    }
}
