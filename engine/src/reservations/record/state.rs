//! The states of a reservation, and which request is possible in each.

use serde::{Deserialize, Serialize};

/// Where a reservation is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ReservationState {
    /// Promised until its deadline.
    Held,
    /// Promised for good.
    Confirmed,
    /// Put aside in the store.
    Ready,
    /// Handed over.
    Collected,
    /// Given back.
    Cancelled,
    /// Given back because its deadline passed.
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

    /// Whether units are still promised.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Held | Self::Confirmed | Self::Ready)
    }

    /// Whether `confirm` may be done in this state.
    pub fn may_confirm(self) -> Verdict {
        match self {
            Self::Held => Verdict::Go,
            Self::Confirmed | Self::Ready | Self::Collected => Verdict::AlreadyThere,
            state => Verdict::WrongState(state),
        }
    }

    /// Whether `ready` may be done in this state.
    pub fn may_ready(self) -> Verdict {
        match self {
            Self::Confirmed => Verdict::Go,
            Self::Ready | Self::Collected => Verdict::AlreadyThere,
            state => Verdict::WrongState(state),
        }
    }

    /// Whether `collect` may be done in this state.
    pub fn may_collect(self) -> Verdict {
        match self {
            Self::Confirmed | Self::Ready => Verdict::Go,
            Self::Collected => Verdict::AlreadyThere,
            state => Verdict::WrongState(state),
        }
    }

    /// Whether `cancel` may be done in this state.
    pub fn may_cancel(self) -> Verdict {
        match self {
            Self::Held | Self::Confirmed | Self::Ready => Verdict::Go,
            Self::Cancelled => Verdict::AlreadyThere,
            state => Verdict::WrongState(state),
        }
    }

    /// Whether `extend` may be done in this state.
    pub fn may_extend(self) -> Verdict {
        match self {
            Self::Held => Verdict::Go,
            state => Verdict::WrongState(state),
        }
    }

    /// Whether another deadline may be set by which it is to be fetched.
    pub fn may_set_pickup_by(self) -> Verdict {
        match self {
            Self::Confirmed | Self::Ready => Verdict::Go,
            state => Verdict::WrongState(state),
        }
    }

    /// Whether `bind` or `reallocate` may be done in this state. What is put aside stays where it is.
    pub fn may_reallocate(self) -> Verdict {
        match self {
            Self::Held | Self::Confirmed => Verdict::Go,
            state => Verdict::WrongState(state),
        }
    }
}

/// What a request to change a reservation comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may be done.
    Go,
    /// It was done before, or is behind: the record as it is answers the request.
    AlreadyThere,
    /// It cannot happen from this state.
    WrongState(ReservationState),
}
