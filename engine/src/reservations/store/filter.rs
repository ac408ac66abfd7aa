//! The filter of a list of reservations.

use crate::ids::{ChannelId, LocationId, Timestamp};
use crate::reservations::record::{Reservation, ReservationState};

/// The filter. Empty fields match everything.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// With a line at this location.
    pub location: Option<LocationId>,
    /// For this customer.
    pub customer: Option<String>,
    /// In this state.
    pub state: Option<ReservationState>,
    /// Through this channel.
    pub channel: Option<ChannelId>,
    /// For this order.
    pub order: Option<String>,
    /// With this code.
    pub pickup_code: Option<String>,
}

impl Filter {
    /// Whether a reservation matches in its state at `now`.
    pub fn matches(&self, reservation: &Reservation, now: Timestamp) -> bool {
        let same = |wanted: &Option<String>, have: &Option<Box<str>>| {
            wanted.as_deref().is_none_or(|wanted| have.as_deref() == Some(wanted))
        };
        // The location of an unallocated line is private: never match or show it.
        let is_at =
            |wanted| reservation.lines.iter().any(|line| line.location == wanted && line.unallocated().is_none());
        self.location.is_none_or(is_at)
            && self.state.is_none_or(|wanted| reservation.state_at(now) == wanted)
            && self.channel.is_none_or(|wanted| reservation.channel == wanted)
            && same(&self.customer, &reservation.customer)
            && same(&self.order, &reservation.order)
            && same(&self.pickup_code, &reservation.pickup_code)
    }
}
