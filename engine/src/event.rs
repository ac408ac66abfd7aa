//! The events of the log: what happened, as effects.
//!
//! An event says what became true, never what somebody asked for, so folding it needs no rule and no clock. Every event
//! that touches stock carries the level of each touched cell *after* it: folding is storing, folding twice is harmless,
//! and any stretch of the log tells absolute values without what came before it. [`verify`](crate::engine::verify) checks those
//! levels against the arithmetic of the quantities beside them.
//!
//! Each subject has its own events; this file lists the subjects. Each event has a tag, given once in its subject's file,
//! and what stands in the log is the tag and the body: what a version of the log's format has is frozen, and the golden
//! files in `engine/tests/golden` hold it to that. The format is version 8: version 1 has the tags up to 17, version 2 those
//! up to 22, which came with rules, version 3 those up to 28, which came with supply, version 4 causes that say where a
//! request came from, version 5 those up to 31, by which names come and go, and whose share a request counts against, and
//! version 6 those up to 40, and imports of channels, version 7 those up to 48, of
//! transfers, and version 8 the rest, of prices. A new event takes the next tag and makes a new version; a build that does
//! not know a tag refuses it by number.

use std::fmt;

use serde::de::{EnumAccess, Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use crate::catalogue::names::{Definitions, MadeUp, ThingKind};
pub use crate::demand::lost_demand::LostDemand;
pub use crate::effect::{At, Effect, Made, Step, Tell};
pub use crate::imports::imported::{ImportKind, Imported, RowError};
pub use crate::kernel::cause::{Cause, IdempotencyKey, Origin};
pub use crate::kernel::cell_after::CellAfter;
pub use crate::kernel::few::Few;
pub use crate::reservations::promise::{
    Arranged, Cancelled, Collected, Confirmed, Expired, Extended, LineBackorder, LineChange, LineTerms, Move, OrderDay,
    PickupBySet, Promised, Purpose, QueuePosition, Readied, Reallocated, Replaced, Reserved, ReservedLine, Superseded,
};
pub use crate::rules::set::RuleSet;
pub use crate::stock::movement::{Counted, Moved, MovementKind};
pub use crate::supply::inbound::SupplyKind;
pub use crate::supply::received::{BackorderDated, CellToCome, Fill, Received, SupplySet, SupplyUsed};
pub use crate::told::{PlaceSet, Thing, Told};

use crate::catalogue::event as catalogue;
use crate::demand::event as demand;
use crate::ids::{ReservationId, Seq, Timestamp};
use crate::imports::event as imports;
use crate::kernel::repeat::{EntityKind, Repeat};
use crate::prices::event as prices;
use crate::reservations::event as reservation;
use crate::rules::event as rules;
use crate::stock::event as stock;
use crate::supply::event as supply;
use crate::told::event as told;
use crate::transfers::event as transfers;

/// One logged event with its place, its time and its cause.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its position in the log, dense and strictly increasing.
    pub seq: Seq,
    /// When it was logged; never goes back.
    pub time: Timestamp,
    /// Who asked for it, where that is more than the event itself tells.
    pub cause: Option<Box<Cause>>,
    /// What happened.
    pub event: Event,
}

impl Record {
    /// Its place, its time, and who asked for it.
    #[inline]
    pub fn at(&self) -> At<'_> {
        At { seq: self.seq, time: self.time, cause: self.cause.as_deref() }
    }
}

/// Lists the subjects: what each match over all of them comes from.
macro_rules! subjects {
    ($($(#[$doc:meta])* $name:ident($module:ident),)+) => {
        /// Everything that can happen, by subject.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Event { $($(#[$doc])* $name($module::Event),)+ }

        $(impl From<$module::Event> for Event {
            #[inline]
            fn from(event: $module::Event) -> Self {
                Self::$name(event)
            }
        })+

        impl Event {
            /// Every tag, with the event's name: of one subject after the other.
            pub const TAGS: &'static [&'static [(u32, &'static str)]] = &[$($module::Event::TAGS,)+];

            /// Tells what it does, in the order in which it is to be folded.
            #[inline]
            pub fn effects<'a>(&'a self, mut to: impl FnMut(Effect<'a>)) {
                self.tell(&mut to);
            }

            /// The same, to what has a name.
            #[inline]
            pub(crate) fn tell<'a>(&'a self, to: &mut impl Tell<'a>) {
                match self { $(Self::$name(event) => event.effects(to),)+ }
            }

            /// How a repeat of the request behind it is answered.
            pub fn repeat(&self) -> Repeat {
                match self { $(Self::$name(event) => event.repeat(),)+ }
            }
        }

        impl Serialize for Event {
            #[inline]
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self { $(Self::$name(event) => event.write(serializer),)+ }
            }
        }

        impl<'de> Visitor<'de> for Tagged {
            type Value = Event;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event")
            }

            #[inline]
            fn visit_enum<A: EnumAccess<'de>>(self, event: A) -> Result<Event, A::Error> {
                let (tag, body) = event.variant::<u32>()?;
                $(let body = match $module::Event::read(tag, body) {
                    Ok(event) => return event.map(Event::$name),
                    Err(body) => body,
                };)+
                drop(body);
                let known: usize = Event::TAGS.iter().map(|tags| tags.len()).sum();
                let expected = format!("variant index 0 <= i < {known}");
                Err(A::Error::invalid_value(Unexpected::Unsigned(tag.into()), &expected.as_str()))
            }
        }
    };
}

/// Reads an event by its tag.
struct Tagged;

subjects! {
    /// Of reservations.
    Reservations(reservation),
    /// Of stock.
    Stock(stock),
    /// Of the catalogue.
    Catalogue(catalogue),
    /// Of inbound supply.
    Supply(supply),
    /// Of rules.
    Rules(rules),
    /// Of demand that was refused.
    Demand(demand),
    /// Of imports.
    Imports(imports),
    /// Of what callers were told.
    Told(told),
    /// Of transfers and of replenishment.
    Transfers(transfers),
    /// Of prices.
    Prices(prices),
}

impl<'de> Deserialize<'de> for Event {
    #[inline]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_enum("Event", &[], Tagged)
    }
}

impl Event {
    /// Calls `visit` with every cell that the event touched, as it was after the event, and with no level in between where
    /// promises were filled.
    #[inline]
    pub fn for_each_cell(&self, mut visit: impl FnMut(&CellAfter)) {
        self.effects(|effect| {
            if let Effect::Cell(cell, _) = effect {
                visit(cell);
            }
        });
    }

    /// The promise that the event made, if it made one.
    pub fn promise(&self) -> Option<Made<'_>> {
        let mut found = None;
        self.effects(|effect| {
            if let Effect::Promise(Step::Made(made)) = effect {
                found = Some(made);
            }
        });
        found
    }

    /// Promises that got units which they waited for.
    pub fn fills(&self) -> &[Fill] {
        let mut found = &[][..];
        self.effects(|effect| {
            if let Effect::Filled(fills) = effect {
                found = fills;
            }
        });
        found
    }

    /// The existing reservation whose lifecycle the event is a step of; none for the event that creates one.
    pub fn changed_reservation(&self) -> Option<ReservationId> {
        match self.repeat() {
            Repeat::Entity(EntityKind::Reservation, id) => Some(ReservationId(id)),
            Repeat::Made(_) | Repeat::Record | Repeat::Never => None,
        }
    }

    /// Every reservation that was there before the event and is changed by it, each once.
    pub fn changed_reservations(&self) -> Few<ReservationId> {
        let mut changed: Few<ReservationId> = Few::new();
        self.effects(|effect| match effect {
            Effect::Promise(step) => changed.extend(step.reservation()),
            Effect::Filled(fills) => changed.extend(fills.iter().map(|fill| fill.reservation)),
            Effect::Dated(rows) => changed.extend(rows.iter().map(|row| row.reservation)),
            Effect::Cell(..)
            | Effect::Moved(..)
            | Effect::Counted(..)
            | Effect::CountsConfirmed(_)
            | Effect::Shortage(..)
            | Effect::HandedOver(..)
            | Effect::Inbound(_)
            | Effect::Rules(_)
            | Effect::Names(_)
            | Effect::Described(_)
            | Effect::Refused(..) => {}
        });
        if changed.len() > 1 {
            changed.sort_unstable();
            changed.dedup();
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tag_is_given_once_and_none_is_left_out() {
        let mut tags: Vec<u32> = Event::TAGS.iter().flat_map(|tags| tags.iter().map(|(tag, _)| *tag)).collect();
        tags.sort_unstable();
        assert_eq!(tags, (0..tags.len() as u32).collect::<Vec<_>>());
    }
}
