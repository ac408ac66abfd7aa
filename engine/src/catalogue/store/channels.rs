//! The details of a channel: its buffer, and whether it is declared.

use std::sync::atomic::Ordering::Relaxed;

use super::Catalogue;
use super::bits::DECLARED;
use crate::catalogue::details::ChannelDetails;
use crate::hash::Part;
use crate::ids::{ChannelId, Seq};

impl Catalogue {
    /// The units that a channel must leave in every cell. An undeclared channel leaves none.
    #[inline]
    pub fn buffer(&self, channel: ChannelId) -> u32 {
        self.buffers.get(channel.0 as usize).map_or(0, |buffer| buffer.load(Relaxed) & !DECLARED)
    }

    /// Whether a channel is declared.
    #[inline]
    pub fn is_declared(&self, channel: ChannelId) -> bool {
        self.buffers.get(channel.0 as usize).is_some_and(|buffer| buffer.load(Relaxed) & DECLARED != 0)
    }

    /// Whether undeclared channels are accepted: no channel is declared, or the settings accept them.
    #[inline]
    pub fn takes_any_channel(&self) -> bool {
        self.channels.declared() == 0 || self.accepts_undeclared()
    }

    pub(crate) fn accepts_undeclared(&self) -> bool {
        self.accepts_undeclared.load(Relaxed)
    }

    /// From now on, undeclared channels are always accepted.
    pub(crate) fn accept_undeclared(&self) {
        self.accepts_undeclared.store(true, Relaxed);
    }

    /// Whether a channel is retired.
    pub fn is_retired_channel(&self, name: &str) -> bool {
        self.channels.retired_id(name).is_some()
    }

    pub(crate) fn fold_channel(&self, channel: ChannelId, version: Seq, details: ChannelDetails) {
        self.buffers.reach(channel.0 as usize).store(details.buffer.min(DECLARED - 1) | DECLARED, Relaxed);
        let before = self.channels.details(channel);
        let before = before.as_deref().map(|set| &set.details);
        self.rehash(Part::Channels, self.channels.digest(channel), before, Some(&details));
        self.channels.fold_details(channel, version, details);
    }
}
