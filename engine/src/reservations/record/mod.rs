//! A reservation as a record, and its lifecycle.

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
use crate::reservations::parent::Parent;
use crate::reservations::promise::{LineTerms, OrderDay, Purpose};
use crate::reservations::wait::Backorder;

pub use change::{CHANGES_TOLD_MAX, Change, Moved, Progress, Step, Stretch};
pub use line::Line;
pub use state::{ReservationState, Verdict};

/// A reservation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// Its identity.
    pub id: ReservationId,
    /// The `seq` of its last change.
    pub version: Seq,
    /// Its state.
    pub state: ReservationState,
    /// Its channel.
    pub channel: ChannelId,
    /// Its purpose.
    pub purpose: Purpose,
    /// The customer.
    pub customer: Option<Box<str>>,
    /// The order.
    pub order: Option<Box<str>>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When a hold expires.
    pub expires_at: Timestamp,
    /// When a confirmed reservation expires if it is not collected.
    pub pickup_by: Option<Timestamp>,
    /// The code that the customer shows.
    pub pickup_code: Option<Box<str>>,
    /// The lines.
    pub lines: Few<Line>,
    /// The changes since its creation, oldest first.
    pub changes: Vec<Change>,
    /// The days of locations that it counts against. A checkpoint stores them beside the reservation.
    #[serde(skip)]
    pub orders: Few<OrderDay>,
    /// The caller that it counts for once it is closed: a digest of its creator; 0 if unknown. A checkpoint stores it
    /// beside the reservation.
    #[serde(skip)]
    pub caller: u32,
    /// What it is a part of. A checkpoint stores it beside the reservation.
    #[serde(skip)]
    pub parent: Option<Box<Parent>>,
}

impl Reservation {
    /// The reservation that a record created.
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
            id: of.id(at.seq),
            version: at.seq,
            state: if made.confirmed { ReservationState::Confirmed } else { ReservationState::Held },
            channel: made.channel,
            purpose: made.purpose,
            customer: made.customer.clone(),
            order: made.order.clone(),
            created_at: at.time,
            expires_at: made.expires_at,
            pickup_by: of.pickup_by.filter(|_| made.confirmed),
            pickup_code: None,
            lines: lines.collect(),
            changes: Vec::new(),
            orders: of.orders().iter().copied().collect(),
            caller: Cause::caller(at.cause) as u32,
            parent: of.parent.cloned().map(Box::new),
        }
    }

    /// When it expires unless something else happens.
    pub fn deadline(&self) -> Option<Timestamp> {
        match self.state {
            ReservationState::Held => Some(self.expires_at),
            ReservationState::Confirmed | ReservationState::Ready => self.pickup_by,
            ReservationState::Collected | ReservationState::Cancelled | ReservationState::Expired => None,
        }
    }

    /// Its state for a reader at `now`: a hold is expired at its deadline, even if the expiry is not logged yet.
    pub fn state_at(&self, now: Timestamp) -> ReservationState {
        match self.deadline() {
            Some(deadline) if now >= deadline => ReservationState::Expired,
            _ => self.state,
        }
    }

    /// Whether the ledger counts any part of it.
    pub fn is_counted(&self) -> bool {
        !self.orders.is_empty() || self.lines.iter().any(|line| line.terms.is_some() || line.wait.is_some())
    }

    /// Inbound units.
    pub fn waiting(&self) -> u64 {
        self.lines.iter().map(|line| u64::from(line.waiting())).sum()
    }

    /// Whether any line is unallocated.
    pub fn is_unallocated(&self) -> bool {
        self.lines.iter().any(|line| line.unallocated().is_some() && line.outstanding() > 0)
    }

    /// Units of all lines that are promised and not collected.
    pub fn outstanding(&self) -> u64 {
        self.lines.iter().map(|line| u64::from(line.outstanding())).sum()
    }
}
