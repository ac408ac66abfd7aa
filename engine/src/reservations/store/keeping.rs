//! The memory limit of closed reservations, and which of them stay complete.

use crate::reservations::closed::closed_at;
use crate::reservations::record::Reservation;

/// The memory limit of closed reservations.
#[derive(Debug, Clone, Copy)]
pub struct Keeping {
    /// Bytes of all closed reservations; at the limit, the oldest ones of the caller with most are dropped.
    pub closed_bytes: u64,
    /// Bytes of the latest closed reservations that stay complete, so that ordinary repeats need no read from the
    /// log.
    pub recent_bytes: u64,
    /// A reservation that was open for longer stays complete, because the log may drop its first record while the
    /// reservation can still be read.
    pub whole_after_ms: u64,
}

impl Default for Keeping {
    fn default() -> Self {
        Self { closed_bytes: 512 << 20, recent_bytes: 16 << 20, whole_after_ms: 24 * 60 * 60 * 1000 }
    }
}

/// The most lines of a closed reservation with an entry; one with more lines stays complete.
const ENTRY_LINES_MAX: usize = 1000;

/// The most changes of a closed reservation with an entry: an entry's length has 16 bits, and a change takes up to 25
/// bytes.
const ENTRY_CHANGES_MAX: usize = 1500;

/// Whether a closed reservation stays complete, because the log cannot restore it, or not for as long as it can be
/// read.
pub(super) fn stays_whole(reservation: &Reservation, keeping: &Keeping) -> bool {
    closed_at(reservation).since_ms(reservation.created_at) > keeping.whole_after_ms
        || reservation.lines.len() > ENTRY_LINES_MAX
        || reservation.changes.len() > ENTRY_CHANGES_MAX
        // The replay of past demand needs the details of backorders.
        || reservation.lines.iter().any(|line| line.wait.is_some())
        || reservation.changes.iter().any(|change| change.is_summary())
}

/// The approximate bytes of a complete reservation, with its share of the indexes.
pub(super) fn bytes_of(reservation: &Reservation) -> u32 {
    let texts = [&reservation.customer, &reservation.order, &reservation.pickup_code];
    let texts: usize = texts.into_iter().flatten().map(|text| text.len() + 32).sum();
    let lines = reservation.lines.len() * 160;
    (640 + texts + lines + reservation.changes.len() * 160) as u32
}
