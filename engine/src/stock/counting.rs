//! Reads for those who count: what a count would find, and what is set aside and so not on the shelf.

use crate::ids::{LocationId, ReservationId, SkuId, Timestamp};
use crate::reservations::ReservationState;
use crate::state::DurableState;

/// What a count would be compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountPreview {
    /// The books at the time of the count; as they are now, if a newer count is in force.
    pub expected: i64,
    /// Whether a newer count is in force, so that this one changes nothing.
    pub is_outdated: bool,
}

impl DurableState {
    /// What a count of a cell at `counted_at`, or now, would be compared with; `None` if later movements of the cell are no
    /// longer known.
    pub fn count_preview(
        &self,
        sku: SkuId,
        location: LocationId,
        counted_at: Option<Timestamp>,
    ) -> Option<CountPreview> {
        let Some(cell) = self.matrix.get(sku, location) else {
            return Some(CountPreview { expected: 0, is_outdated: false });
        };
        let (on_hand, known_at) = (i64::from(cell.durable().on_hand), cell.counted_at());
        let Some(time) = counted_at else { return Some(CountPreview { expected: on_hand, is_outdated: false }) };
        if time < known_at {
            return Some(CountPreview { expected: on_hand, is_outdated: true });
        }
        match self.movements.since(sku, location, time) {
            Some(moved) => Some(CountPreview { expected: on_hand - moved, is_outdated: false }),
            None if time == known_at => Some(CountPreview { expected: on_hand, is_outdated: true }),
            None => None,
        }
    }

    /// Units of a cell that are set aside for reservations that were ready at `at`, or are now, but for those of `but`.
    /// Visits the open reservations of the cell.
    pub fn put_aside(&self, sku: SkuId, location: LocationId, at: Option<Timestamp>, but: &[ReservationId]) -> u32 {
        let mut units = 0_u32;
        self.reservations.open_on(sku, location, |reservation| {
            let became_ready = || {
                let to_ready = reservation
                    .changes
                    .iter()
                    .rev()
                    .find(|change| change.to == ReservationState::Ready && change.from != ReservationState::Ready);
                to_ready.map(|change| change.time)
            };
            let counts = reservation.state == ReservationState::Ready
                && !but.contains(&reservation.id)
                && at.is_none_or(|at| became_ready().is_none_or(|ready| ready <= at));
            if counts {
                let here = reservation.lines.iter().filter(|line| line.sku == sku && line.location == location);
                units = here.fold(units, |units, line| units.saturating_add(line.present()));
            }
            true
        });
        units
    }
}
