//! What the feed needs to know of a record: small, in log order, the same whether it was handed over or read back.

use std::sync::Arc;

use crate::event::{CellAfter, Event, Record};
use crate::ids::{ChannelId, GroupId, LocationId, Seq};

/// Something that subscriptions may have to hear of.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub seq: Seq,
    pub what: What,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    /// A cell changed.
    Cell(CellAfter),
    /// Names became known.
    Names,
    /// A group has these members now, ascending.
    Group(GroupId, Arc<[LocationId]>),
    /// A channel leaves so many units to others now.
    Channel(ChannelId, u32),
}

/// Appends what `record` says to `entries`.
pub(super) fn entries_of(record: &Record, entries: &mut Vec<Entry>) {
    let mut push = |what| entries.push(Entry { seq: record.seq, what });
    match &record.event {
        Event::Defined(_) => push(What::Names),
        Event::GroupsSet(rows) => {
            for (group, details) in rows {
                push(What::Group(*group, details.locations.as_slice().into()));
            }
        }
        Event::ChannelsSet(rows) => {
            rows.iter().for_each(|(channel, details)| push(What::Channel(*channel, details.buffer)));
        }
        event => event.for_each_cell(|cell| push(What::Cell(*cell))),
    }
}
