//! What the feed needs to know of a record: small, in log order, the same whether it was handed over or read back.

use std::sync::Arc;

use crate::event::{CellAfter, Event, Record};
use crate::ids::{ChannelId, GroupId, LocationId, Seq};
use crate::level::IN_QUARANTINE;
use crate::rules::Book;

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
    /// Rules changed, or something that rules may rest on.
    Rules(Rests),
}

/// What made rules count differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rests {
    /// They changed themselves.
    Rules,
    /// Locations or groups did.
    Places,
    /// SKUs were described anew.
    Skus,
}

impl Rests {
    /// Whether cells may count differently for it under the rules of `book`.
    pub fn matters(self, book: &Book) -> bool {
        match self {
            Self::Rules => true,
            Self::Places => !book.is_empty(),
            Self::Skus => book.looks_at_traits(),
        }
    }
}

/// Appends what `record` says to `entries`.
pub(super) fn entries_of(record: &Record, entries: &mut Vec<Entry>) {
    let mut push = |what| entries.push(Entry { seq: record.seq, what });
    match &record.event {
        Event::Defined(_) | Event::MadeUp(_) => push(What::Names),
        Event::GroupsSet(rows) => {
            for (group, details) in rows {
                push(What::Group(*group, details.locations.as_slice().into()));
            }
            push(What::Rules(Rests::Places));
        }
        Event::LocationsSet(_) => push(What::Rules(Rests::Places)),
        Event::SkusSet(_) => push(What::Rules(Rests::Skus)),
        Event::RulesSet(_) | Event::RulesTurned(_) => push(What::Rules(Rests::Rules)),
        Event::ChannelsSet(rows) => {
            rows.iter().for_each(|(channel, details)| push(What::Channel(*channel, details.buffer)));
        }
        event => event.for_each_cell(|cell| {
            // What is in quarantine is nobody's stock.
            if cell.safety_stock != IN_QUARANTINE {
                push(What::Cell(*cell));
            }
        }),
    }
}
