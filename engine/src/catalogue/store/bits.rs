//! Bits in the words that the catalogue stores per location and per channel.

/// Bits of a location: no pickups, no deliveries, undeclared.
pub(super) const NO_PICKUP: u8 = 1;
pub(super) const NO_SHIP: u8 = 2;
pub(super) const MADE_UP: u8 = 4;

/// Set in the word of a channel's buffer if the channel is declared.
pub(super) const DECLARED: u32 = 1 << 31;
