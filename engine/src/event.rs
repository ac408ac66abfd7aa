//! The events of the log: what happened, as effects.
//!
//! An event says what became true, not what a caller requested, so its fold needs no rule and no clock. Every event
//! that changes stock carries the level of each changed cell *after* it: a fold stores these levels, a repeated fold is
//! harmless, and any part of the log has absolute values without its earlier records. [`verify`](crate::engine::verify)
//! checks those levels against the quantities beside them.
//!
//! Each subject has its own events; `subjects.rs` lists the subjects. Each event has a tag, given once in its subject's
//! file, and the log stores the tag and the body. The contents of a format version are frozen, and the golden files in
//! `engine/tests/golden` enforce that. The current version is 9: version 1 has the tags up to 17; version 2 those up to
//! 22, for rules; version 3 those up to 28, for supply; version 4 adds the origin of a request to causes; version 5
//! those up to 31, for names that are created and released, and the caller whose share a request counts against;
//! version 6 those up to 40, and imports of channels; version 7 those up to 48, for transfers; version 8 those up to 53,
//! for prices; version 9 the rest, for carts, orders and receipts. A new event takes the next tag and needs a new version;
//! a build refuses an unknown tag by its number.

use std::fmt;

use serde::de::{EnumAccess, Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use crate::answers::{KeptAnswer, PlaceSet, Thing};
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

use crate::ids::{ReservationId, Seq, Timestamp};
use crate::kernel::repeat::{EntityKind, Repeat};

/// One logged event with its seq, its time and its cause.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its position in the log, dense and strictly increasing.
    pub seq: Seq,
    /// When it was logged; never goes back.
    pub time: Timestamp,
    /// The cause, if it is more than the event itself states.
    pub cause: Option<Box<Cause>>,
    /// What happened.
    pub event: Event,
}

impl Record {
    /// Its position, its time, and its cause.
    #[inline]
    pub fn at(&self) -> At<'_> {
        At { seq: self.seq, time: self.time, cause: self.cause.as_deref() }
    }
}

/// Generates each match over all events from the list of subjects with events.
macro_rules! all_events {
    ($($(#[$doc:meta])* $name:ident($module:ident),)+) => {
        /// All events, by subject.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Event { $($(#[$doc])* $name(crate::$module::event::Event),)+ }

        $(impl From<crate::$module::event::Event> for Event {
            #[inline]
            fn from(event: crate::$module::event::Event) -> Self {
                Self::$name(event)
            }
        })+

        impl Event {
            /// Every tag with the event's name, by subject.
            pub const TAGS: &'static [&'static [(u32, &'static str)]] = &[$(crate::$module::event::Event::TAGS,)+];

            /// Lists its effects, in the order of folding.
            #[inline]
            pub fn effects<'a>(&'a self, mut to: impl FnMut(Effect<'a>)) {
                self.tell(&mut to);
            }

            /// The same for a named consumer.
            #[inline]
            pub(crate) fn tell<'a>(&'a self, to: &mut impl Tell<'a>) {
                match self { $(Self::$name(event) => event.effects(to),)+ }
            }

            /// How a repeat of the request is answered.
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
                $(let body = match crate::$module::event::Event::read(tag, body) {
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

crate::subjects::events!(all_events);

impl<'de> Deserialize<'de> for Event {
    #[inline]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_enum("Event", &[], Tagged)
    }
}

impl Event {
    /// Calls `visit` with every changed cell, as it was after the event, without levels in between if backorders were
    /// filled.
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

    /// The record that makes the reservation whose id the record at `seq` only takes.
    pub(crate) fn id_taken_for(&self, seq: Seq) -> Option<Seq> {
        match self.repeat() {
            Repeat::Later(records) => Some(seq + Seq::from(records)),
            Repeat::Entity(..) | Repeat::Made(_) | Repeat::Record | Repeat::Never => None,
        }
    }

    /// Backorders that were filled.
    pub fn fills(&self) -> &[Fill] {
        let mut found = &[][..];
        self.effects(|effect| {
            if let Effect::Filled(fills) = effect {
                found = fills;
            }
        });
        found
    }

    /// The existing reservation that the event takes a step further; `None` for the event that creates one.
    pub fn changed_reservation(&self) -> Option<ReservationId> {
        match self.repeat() {
            Repeat::Entity(EntityKind::Reservation, id) => Some(ReservationId(id)),
            Repeat::Made(_) | Repeat::Record | Repeat::Later(_) | Repeat::Never => None,
        }
    }

    /// Every existing reservation that the event changes, each once.
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
            | Effect::Refused(..)
            | Effect::Receipt(_)
            | Effect::Cart(_)
            | Effect::Order(..)
            | Effect::Sales(_) => {}
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
