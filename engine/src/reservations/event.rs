//! The events of reservations.

use super::promise::{
    Arranged, Cancelled, Collected, Confirmed, Expired, Extended, PickupBySet, Promised, Readied, Reallocated,
    Replaced, Reserved,
};
use crate::effect::{Effect, Left, Made, Step, Tell};
use crate::kernel::repeat::{EntityKind::Reservation, Repeat};
use crate::kernel::tagged::tagged;

tagged! {
    /// An event of reservations.
    #[derive(Debug, Clone, PartialEq)]
    pub enum Event {
        /// Units were promised.
        8 => Reserved(Box<Reserved>),
        /// A promise was confirmed.
        9 => Confirmed(Box<Confirmed>),
        /// A promise was marked ready.
        10 => Readied(Box<Readied>),
        /// Promised units were collected.
        11 => Collected(Box<Collected>),
        /// Promised units were cancelled.
        12 => Cancelled(Box<Cancelled>),
        /// A hold got a new deadline.
        13 => Extended(Extended),
        /// A promise expired, and its units were released.
        14 => Expired(Box<Expired>),
        /// Units were promised on terms: from a group, or under quotas.
        20 => Promised(Box<Promised>),
        /// Units of a promise moved to other locations, or the location of some became public.
        21 => Reallocated(Box<Reallocated>),
        /// Units were promised on terms, some of them inbound, or as an order that counts against a day.
        26 => Arranged(Box<Arranged>),
        /// The pickup deadline of an order was set or removed.
        33 => PickupBySet(PickupBySet),
        /// Units were promised in place of several holds.
        37 => Replaced(Box<Replaced>),
        /// Its `seq` is the id of a reservation that a later record of the same batch makes: the number of records until it.
        58 => IdTaken(u8),
    }
}

impl Event {
    /// Lists its effects.
    #[inline]
    pub fn effects<'a>(&'a self, to: &mut impl Tell<'a>) {
        match self {
            Self::Reserved(reserved) => Made::plain(reserved).effects(to),
            Self::Promised(promised) => promised.made().effects(to),
            Self::Arranged(arranged) => Made::arranged(arranged).effects(to),
            Self::Replaced(replaced) => replaced.made().effects(to),
            Self::Collected(collected) => collected.effects(Left::Sold, to),
            Self::Cancelled(cancelled) => {
                cancelled.lines.iter().for_each(|line| to.tell(Effect::Cell(&line.cell, None)));
                to.tell(Effect::Promise(Step::Cancelled(cancelled)));
            }
            Self::Expired(expired) => {
                expired.lines.iter().for_each(|line| to.tell(Effect::Cell(&line.cell, None)));
                to.tell(Effect::Promise(Step::Expired(expired)));
            }
            Self::Reallocated(reallocated) => {
                for moved in &reallocated.moves {
                    to.tell(Effect::Cell(&moved.from, None));
                    to.tell(Effect::Cell(&moved.to, None));
                }
                to.tell(Effect::Promise(Step::Reallocated(reallocated)));
            }
            Self::Confirmed(confirmed) => to.tell(Effect::Promise(Step::Confirmed(confirmed))),
            Self::Readied(readied) => to.tell(Effect::Promise(Step::Readied(readied))),
            Self::Extended(extended) => to.tell(Effect::Promise(Step::Extended(extended))),
            Self::PickupBySet(set) => to.tell(Effect::Promise(Step::PickupBySet(set))),
            // The record that makes the reservation has the effects.
            Self::IdTaken(_) => {}
        }
    }

    /// How a repeat of the request is answered: with the reservation as it was after the event.
    pub fn repeat(&self) -> Repeat {
        let of = |id: crate::ids::ReservationId| Repeat::Entity(Reservation, id.0);
        match self {
            Self::Reserved(_) | Self::Promised(_) | Self::Arranged(_) | Self::Replaced(_) => Repeat::Made(Reservation),
            Self::Confirmed(event) => of(event.reservation),
            Self::Readied(event) => of(event.reservation),
            Self::Collected(event) => of(event.reservation),
            Self::Cancelled(event) => of(event.reservation),
            Self::Extended(event) => of(event.reservation),
            Self::Expired(event) => of(event.reservation),
            Self::Reallocated(event) => of(event.reservation),
            Self::PickupBySet(event) => of(event.reservation),
            Self::IdTaken(records) => Repeat::Later(*records),
        }
    }
}

impl Promised {
    /// The new promise.
    pub fn made(&self) -> Made<'_> {
        Made { terms: &self.terms, ..Made::plain(&self.reserved) }
    }
}

impl Replaced {
    /// The new promise.
    pub fn made(&self) -> Made<'_> {
        Made { others: &self.others, ..Made::arranged(&self.arranged) }
    }
}

impl Event {
    /// The new promise in the most general shape, as a part of a larger event.
    ///
    /// # Errors
    /// The event, unchanged, if it makes no promise.
    pub fn into_replaced(self) -> Result<Replaced, Self> {
        match self {
            Self::Replaced(replaced) => Ok(*replaced),
            other => other.into_arranged().map(|arranged| Replaced { arranged, others: Vec::new() }),
        }
    }

    /// The new promise in the most general shape; the event itself if it made none, or replaced several.
    ///
    /// # Errors
    /// The event, unchanged.
    pub fn into_arranged(self) -> Result<Arranged, Self> {
        let plain = |promised| Arranged { promised, waits: Vec::new(), orders: Vec::new() };
        match self {
            Self::Reserved(reserved) => Ok(plain(Promised { reserved: *reserved, terms: Vec::new() })),
            Self::Promised(promised) => Ok(plain(*promised)),
            Self::Arranged(arranged) => Ok(*arranged),
            other => Err(other),
        }
    }
}

impl Collected {
    /// Lists its effects: the cells, the units that left them, and the step.
    #[inline]
    pub fn effects<'a>(&'a self, left: Left, to: &mut impl Tell<'a>) {
        self.effects_from(0, left, to);
    }

    /// The same in a record with `first` rows before it.
    #[inline]
    pub fn effects_from<'a>(&'a self, first: u32, left: Left, to: &mut impl Tell<'a>) {
        for (row, line) in (first..).zip(&self.lines) {
            to.tell(Effect::Cell(&line.cell, None));
            to.tell(Effect::HandedOver(row, line, left));
        }
        to.tell(Effect::Promise(Step::Collected(self)));
    }
}
