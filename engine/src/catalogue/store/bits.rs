//! Bits of the words that the catalogue keeps by location and by channel.

/// Bits of a location: no pickups, no deliveries, and not declared by anybody.
pub(super) const NO_PICKUP: u8 = 1;
pub(super) const NO_SHIP: u8 = 2;
pub(super) const MADE_UP: u8 = 4;

/// Set in the word of a channel's buffer where somebody declared the channel.
pub(super) const DECLARED: u32 = 1 << 31;
