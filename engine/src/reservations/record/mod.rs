//! The record of a reservation and its life.

mod apply;
mod change;
mod line;
mod moves;
mod state;
#[cfg(test)]
mod tests;
mod undo;

use serde::{Deserialize, Serialize};

use crate::effect::{At, Made};
use crate::ids::{ChannelId, ReservationId, Seq, Timestamp};
use crate::kernel::cause::Cause;
use crate::kernel::few::Few;
use crate::reservations::promise::{LineTerms, OrderDay, Purpose};
use crate::reservations::wait::Backorder;

pub use change::{CHANGES_TOLD_MAX, Change, Moved, Progress, Step, Stretch};
pub use line::Line;
pub use state::{ReservationState, Verdict};

/// A promise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// Its identity.
    pub id: ReservationId,
    /// The `seq` of its last change.
    pub version: Seq,
    /// Where it is in its life.
    pub state: ReservationState,
    /// Through which channel it was made.
    pub channel: ChannelId,
    /// For what.
    pub purpose: Purpose,
    /// For whom.
    pub customer: Option<Box<str>>,
    /// For which order.
    pub order: Option<Box<str>>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it dies while held.
    pub expires_at: Timestamp,
    /// When it dies after that, if nobody fetches it.
    pub pickup_by: Option<Timestamp>,
    /// What the customer shows.
    pub pickup_code: Option<Box<str>>,
    /// What is promised.
    pub lines: Few<Line>,
    /// What happened since it was made, oldest first.
    pub changes: Vec<Change>,
    /// The days of locations that it counts against. A checkpoint keeps them beside the reservation.
    #[serde(skip)]
    pub orders: Few<OrderDay>,
    /// Whose it counts as once it is closed: a digest of who made it; 0 for nobody that is known. A checkpoint keeps it
    /// beside the reservation.
    #[serde(skip)]
    pub caller: u32,
}

impl Reservation {
    /// The reservation that a record made.
    pub fn made(at: At<'_>, of: Made<'_>) -> Self {
        let (made, terms, waits) = (of.reserved, of.terms, of.waits());
        let lines = made.lines.iter().enumerate().map(|(at, line)| Line {
            sku: line.cell.sku,
            location: line.cell.location,
            requested: line.requested,
            quantity: line.quantity,
            collected: 0,
            terms: terms.get(at).filter(|terms| **terms != LineTerms::default()).cloned().map(Box::new),
            wait: waits.iter().find(|wait| usize::from(wait.line) == at).map(|wait| Box::new(Backorder::new(wait))),
        });
        Self {
            id: ReservationId(at.seq),
            version: at.seq,
            state: if made.confirmed { ReservationState::Confirmed } else { ReservationState::Held },
            channel: made.channel,
            purpose: made.purpose,
            customer: made.customer.clone(),
            order: made.order.clone(),
            created_at: at.time,
            expires_at: made.expires_at,
            pickup_by: None,
            pickup_code: None,
            lines: lines.collect(),
            changes: Vec::new(),
            orders: of.orders().iter().copied().collect(),
            caller: Cause::caller(at.cause) as u32,
        }
    }

    /// When it dies if nothing else happens.
    pub fn deadline(&self) -> Option<Timestamp> {
        match self.state {
            ReservationState::Held => Some(self.expires_at),
            ReservationState::Confirmed | ReservationState::Ready => self.pickup_by,
            ReservationState::Collected | ReservationState::Cancelled | ReservationState::Expired => None,
        }
    }

    /// Its state for anyone who looks at `now`: a hold is dead at its deadline, whether or not that is logged yet.
    pub fn state_at(&self, now: Timestamp) -> ReservationState {
        match self.deadline() {
            Some(deadline) if now >= deadline => ReservationState::Expired,
            _ => self.state,
        }
    }

    /// Whether any ledger counts something of it.
    pub fn is_counted(&self) -> bool {
        !self.orders.is_empty() || self.lines.iter().any(|line| line.terms.is_some() || line.wait.is_some())
    }

    /// Units that are still to come.
    pub fn waiting(&self) -> u64 {
        self.lines.iter().map(|line| u64::from(line.waiting())).sum()
    }

    /// Whether the location of some of what is promised is still open.
    pub fn is_unallocated(&self) -> bool {
        self.lines.iter().any(|line| line.unallocated().is_some() && line.outstanding() > 0)
    }

    /// Units of all lines that are promised and not handed over.
    pub fn outstanding(&self) -> u64 {
        self.lines.iter().map(|line| u64::from(line.outstanding())).sum()
    }
}
