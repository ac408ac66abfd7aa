//! Details in the draft: for SKUs, locations, groups and channels, and the channels that are accepted.

use std::sync::Arc;

use super::Draft;
use crate::catalogue::{ChannelDetails, GroupDetails, LocationDetails, SkuDetails};
use crate::effect::{Described, Effect};
use crate::event::Record;
use crate::ids::{ChannelId, GroupId, LocationId, Seq, SkuId};

macro_rules! details {
    ($get:ident, $set:ident, $id:ident, $details:ident, $field:ident) => {
        impl Draft {
            /// The details after the batch so far, with their version; `None` if none were ever set.
            pub fn $get(&self, id: $id) -> Option<(Seq, Arc<$details>)> {
                let fresh = self.$field.details.get(&id).cloned();
                fresh.or_else(|| {
                    let set = self.state.catalogue.$field.details(id)?;
                    Some((set.version, Arc::new(set.details.clone())))
                })
            }

            /// Makes the details visible to later decisions in this batch.
            pub fn $set(&mut self, id: $id, seq: Seq, details: $details) {
                self.$field.details.insert(id, (seq, Arc::new(details)));
            }
        }
    };
}

details!(sku_details, set_sku_details, SkuId, SkuDetails, skus);
details!(location_details, set_location_details, LocationId, LocationDetails, locations);
details!(group_details, set_group_details, GroupId, GroupDetails, groups);
details!(channel_details, set_channel_details, ChannelId, ChannelDetails, channels);

impl Draft {
    /// The units that a channel leaves to others.
    pub fn buffer_of(&self, channel: ChannelId) -> u32 {
        match self.channels.details.get(&channel) {
            Some((_, details)) => details.buffer,
            None => self.state.catalogue.buffer(channel),
        }
    }

    /// The groups that this batch added `location` to.
    pub fn fresh_groups_of(&self, location: LocationId) -> Vec<GroupId> {
        let holds = |details: &GroupDetails| details.locations.binary_search(&location).is_ok();
        self.groups.details.iter().filter(|(_, (_, details))| holds(details)).map(|(group, _)| *group).collect()
    }

    /// Reverses the details that the refused command set: only the details in the records of the batch remain.
    /// Bounded by the records of one batch.
    pub fn undo_details(&mut self) {
        self.skus.details.clear();
        self.locations.details.clear();
        self.groups.details.clear();
        self.channels.details.clear();
        let records = std::mem::take(&mut self.records);
        records.iter().for_each(|record| self.remember_details(record));
        self.records = records;
    }

    /// Makes the details in `record` visible to later decisions in this batch.
    pub fn remember_details(&mut self, record: &Record) {
        let seq = record.seq;
        record.event.effects(|effect| {
            let Effect::Described(described) = effect else { return };
            match described {
                Described::Skus(rows) => {
                    rows.iter().for_each(|(id, details)| self.set_sku_details(*id, seq, details.clone()));
                }
                Described::Locations(rows) => {
                    rows.iter().for_each(|(id, details)| self.set_location_details(*id, seq, details.clone()));
                }
                Described::Groups(rows) => {
                    rows.iter().for_each(|(id, details)| self.set_group_details(*id, seq, details.clone()));
                }
                Described::Channels(rows) => {
                    rows.iter().for_each(|(id, details)| self.set_channel_details(*id, seq, *details));
                }
                // These rows are checked against the durable view, because their command ends the batch.
                Described::Tracking(_) | Described::Services(_) | Described::Hours(_) | Described::Trading(_) => {}
            }
        });
    }
}

impl Draft {
    /// Whether requests through a channel are accepted: it is declared, or no channel is, or the settings accept it.
    #[inline]
    pub fn takes_channel(&self, channel: Option<ChannelId>) -> bool {
        let catalogue = &self.state.catalogue;
        let is_declared = |id: ChannelId| catalogue.is_declared(id) || self.channels.details.contains_key(&id);
        let takes_any =
            catalogue.takes_any_channel() && (self.channels.details.is_empty() || catalogue.accepts_undeclared());
        takes_any || channel.is_some_and(is_declared)
    }
}
