//! How much memory closed reservations may take, and which of them stay whole.

use crate::reservations::closed::closed_at;
use crate::reservations::record::Reservation;

/// How much memory closed reservations may take.
#[derive(Debug, Clone, Copy)]
pub struct Keeping {
    /// Bytes of all that are closed; beyond, the oldest of whoever has most leave.
    pub closed_bytes: u64,
    /// Bytes of the last few that are kept whole, so that ordinary repeats cost no look into the log.
    pub recent_bytes: u64,
    /// One that was open for longer stays whole, since the log may lose its beginning while it is still asked for.
    pub whole_after_ms: u64,
}

impl Default for Keeping {
    fn default() -> Self {
        Self { closed_bytes: 512 << 20, recent_bytes: 16 << 20, whole_after_ms: 24 * 60 * 60 * 1000 }
    }
}

/// Lines of a closed reservation that has an entry; one with more is kept whole.
const ENTRY_LINES_MAX: usize = 1000;

/// Changes of a closed reservation that has an entry: an entry's length has 16 bits, and a change takes up to 25 bytes.
const ENTRY_CHANGES_MAX: usize = 1500;

/// Whether a closed reservation is one that the log cannot tell, or not for as long as it may be asked for.
pub(super) fn stays_whole(reservation: &Reservation, keeping: &Keeping) -> bool {
    closed_at(reservation).since_ms(reservation.created_at) > keeping.whole_after_ms
        || reservation.lines.len() > ENTRY_LINES_MAX
        || reservation.changes.len() > ENTRY_CHANGES_MAX
        // What waited is asked how it was, by those who replay the demand of the past.
        || reservation.lines.iter().any(|line| line.wait.is_some())
        || reservation.changes.iter().any(|change| change.is_summary())
}

/// Bytes of a reservation that is kept whole, roughly, its share of the indexes included.
pub(super) fn bytes_of(reservation: &Reservation) -> u32 {
    let texts = [&reservation.customer, &reservation.order, &reservation.pickup_code];
    let texts: usize = texts.into_iter().flatten().map(|text| text.len() + 32).sum();
    let lines = reservation.lines.len() * 160;
    (640 + texts + lines + reservation.changes.len() * 160) as u32
}
