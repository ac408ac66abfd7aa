//! The feed's view of a record: small, in log order, the same whether it was passed on or read from the log.

use std::sync::Arc;

use crate::catalogue::names::Definitions;
use crate::effect::{Described, Effect, Naming, RuleChange};
use crate::event::Record;
use crate::ids::{ChannelId, GroupId, LocationId, Seq, SkuId};
use crate::kernel::cell_after::CellAfter;
use crate::level::IN_QUARANTINE;
use crate::rules::Book;

/// Something that may concern subscriptions.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub seq: Seq,
    pub what: What,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    /// A cell changed.
    Cell(CellAfter),
    /// Names were defined.
    Names,
    /// The new members of a group, ascending.
    Group(GroupId, Arc<[LocationId]>),
    /// The new buffer of a channel.
    Channel(ChannelId, u32),
    /// Rules changed, or something that rules may depend on.
    Rules(Rests),
    /// Names came back (true) or were retired (false): their cells are sent, or removed.
    Stands(Arc<[Moving]>, bool),
    /// Names were declared: untracked SKUs are available there from now on.
    Declared(Arc<[LocationId]>),
}

/// Names that enter or leave a selection, with all of their cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Moving {
    /// A location, with its group or by itself.
    Location(LocationId),
    /// A SKU.
    Sku(SkuId),
    /// A SKU whose `tracked` changed: true if it became untracked, so that it is also sent for locations where it has
    /// no cell; false if it became tracked.
    Counting(SkuId),
}

impl Moving {
    /// The locations among those that entered (true) or left (false).
    pub fn locations(moved: &[(Self, bool)], joins: bool) -> Vec<LocationId> {
        let of = |(moving, joined): &(Self, bool)| match moving {
            Self::Location(location) if *joined == joins => Some(*location),
            _ => None,
        };
        moved.iter().filter_map(of).collect()
    }

    /// The SKUs among them. All cells of SKUs whose `tracked` changed are sent again.
    pub fn skus(moved: &[(Self, bool)], joins: bool) -> Vec<SkuId> {
        let of = |(moving, joined): &(Self, bool)| match moving {
            Self::Sku(sku) if *joined == joins => Some(*sku),
            Self::Counting(sku) if joins => Some(*sku),
            _ => None,
        };
        moved.iter().filter_map(of).collect()
    }

    /// The SKUs among them that became tracked.
    pub fn counted(moved: &[(Self, bool)]) -> Vec<SkuId> {
        let of = |(moving, joined): &(Self, bool)| match moving {
            Self::Counting(sku) if !*joined => Some(*sku),
            _ => None,
        };
        moved.iter().filter_map(of).collect()
    }
}

/// What made rules count differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rests {
    /// Rules changed.
    Rules,
    /// Locations or groups changed.
    KnownLocations,
    /// Details of SKUs changed.
    Skus,
}

impl Rests {
    /// Whether cells may have other results for it under the rules of `book`.
    pub fn matters(self, book: &Book) -> bool {
        match self {
            Self::Rules => true,
            Self::KnownLocations => !book.is_empty(),
            Self::Skus => book.looks_at_traits(),
        }
    }
}

fn moving(names: &Definitions) -> Arc<[Moving]> {
    let locations = names.locations.iter().map(|(location, _)| Moving::Location(*location));
    locations.chain(names.skus.iter().map(|(sku, _)| Moving::Sku(*sku))).collect()
}

/// Appends the entries of `record` to `entries`.
pub(super) fn entries_of(record: &Record, entries: &mut Vec<Entry>) {
    let mut push = |what| entries.push(Entry { seq: record.seq, what });
    record.event.effects(|effect| match effect {
        // Cells of quarantines are not part of the feed.
        Effect::Cell(cell, _) if cell.safety_stock != IN_QUARANTINE => push(What::Cell(*cell)),
        Effect::Rules(RuleChange::Set(_) | RuleChange::Activated(_)) => push(What::Rules(Rests::Rules)),
        Effect::Names(naming) => names_entries(naming, &mut push),
        Effect::Described(described) => described_entries(described, &mut push),
        Effect::Cell(..)
        | Effect::Moved(..)
        | Effect::Counted(..)
        | Effect::CountsConfirmed(_)
        | Effect::Shortage(..)
        | Effect::HandedOver(..)
        | Effect::Promise(_)
        | Effect::Filled(_)
        | Effect::Dated(_)
        | Effect::Inbound(_)
        | Effect::Refused(..)
        | Effect::Receipt(_)
        | Effect::Cart(_)
        | Effect::Order(..)
        | Effect::Sales(_) => {}
    });
}

fn names_entries(naming: Naming<'_>, push: &mut impl FnMut(What)) {
    match naming {
        Naming::Defined(_) | Naming::MadeUp(_) => push(What::Names),
        Naming::Retired(names) => push(What::Stands(moving(names), false)),
        Naming::Revived(names) => {
            push(What::Names);
            names.channels.iter().for_each(|(channel, _)| push(What::Channel(*channel, 0)));
            push(What::Stands(moving(names), true));
            if !names.locations.is_empty() {
                push(What::Rules(Rests::KnownLocations));
            }
        }
        Naming::Released(_) | Naming::Quarantines(_) => {}
    }
}

fn described_entries(described: Described<'_>, push: &mut impl FnMut(What)) {
    match described {
        Described::Groups(rows) => {
            for (group, details) in rows {
                push(What::Group(*group, details.locations.as_slice().into()));
            }
            push(What::Rules(Rests::KnownLocations));
        }
        Described::Tracking(rows) => {
            for tracked in [true, false] {
                let changed = rows.iter().filter(|(_, now)| *now == tracked);
                let changed: Arc<[Moving]> = changed.map(|(sku, _)| Moving::Counting(*sku)).collect();
                if !changed.is_empty() {
                    push(What::Stands(changed, !tracked));
                }
            }
        }
        Described::Locations(rows) => {
            push(What::Rules(Rests::KnownLocations));
            push(What::Declared(rows.iter().map(|(location, _)| *location).collect()));
        }
        Described::Skus(_) => push(What::Rules(Rests::Skus)),
        Described::Channels(rows) => {
            rows.iter().for_each(|(channel, details)| push(What::Channel(*channel, details.buffer)));
        }
        Described::Services(_) | Described::Hours(_) | Described::Trading(_) => {}
    }
}
