//! The states of a reservation, and which request is possible in each.

use serde::{Deserialize, Serialize};

/// The state of a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ReservationState {
    /// Promised until its deadline.
    Held,
    /// Promised without a hold deadline.
    Confirmed,
    /// Ready in the store.
    Ready,
    /// Collected.
    Collected,
    /// Cancelled.
    Cancelled,
    /// Cancelled at its deadline.
    Expired,
}

impl ReservationState {
    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Confirmed => "confirmed",
            Self::Ready => "ready",
            Self::Collected => "collected",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// Whether its units are still promised.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Held | Self::Confirmed | Self::Ready)
    }

    /// Whether `confirm` is possible in this state.
    pub fn may_confirm(self) -> Verdict {
        match self {
            Self::Held => Verdict::Go,
            Self::Confirmed | Self::Ready | Self::Collected => Verdict::AlreadyThere,
            state => Verdict::WrongState(state),
        }
    }

    /// Whether `ready` is possible in this state.
    pub fn may_ready(self) -> Verdict {
        match self {
            Self::Confirmed => Verdict::Go,
            Self::Ready | Self::Collected => Verdict::AlreadyThere,
            state => Verdict::WrongState(state),
        }
    }

    /// Whether `collect` is possible in this state.
    pub fn may_collect(self) -> Verdict {
        match self {
            Self::Confirmed | Self::Ready => Verdict::Go,
            Self::Collected => Verdict::AlreadyThere,
            state => Verdict::WrongState(state),
        }
    }

    /// Whether `cancel` is possible in this state.
    pub fn may_cancel(self) -> Verdict {
        match self {
            Self::Held | Self::Confirmed | Self::Ready => Verdict::Go,
            Self::Cancelled => Verdict::AlreadyThere,
            state => Verdict::WrongState(state),
        }
    }

    /// Whether `extend` is possible in this state.
    pub fn may_extend(self) -> Verdict {
        match self {
            Self::Held => Verdict::Go,
            state => Verdict::WrongState(state),
        }
    }

    /// Whether the pickup deadline can be changed in this state.
    pub fn may_set_pickup_by(self) -> Verdict {
        match self {
            Self::Confirmed | Self::Ready => Verdict::Go,
            state => Verdict::WrongState(state),
        }
    }

    /// Whether `bind` or `reallocate` is possible in this state. A ready reservation stays at its location.
    pub fn may_reallocate(self) -> Verdict {
        match self {
            Self::Held | Self::Confirmed => Verdict::Go,
            state => Verdict::WrongState(state),
        }
    }
}

/// The verdict on a request to change a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The request is possible.
    Go,
    /// The step is already done: the current record answers the request.
    AlreadyThere,
    /// The request is impossible in this state.
    WrongState(ReservationState),
}
