//! The vocabulary that crosses subjects: what an event does, as effects.
//!
//! An event belongs to one subject, what it does often to several: a hand-over changes cells, movements, rates of sale and
//! a reservation. So each event says its effects, each effect has one owner, and whoever follows the log (the fold, the
//! draft, the feed, the auditor, what-if) looks at effects alone, whoever logged them. No arm stands for the rest: an
//! effect that somebody forgets does not compile.

use crate::catalogue::details::{
    ChannelDetails, GroupDetails, LocationDetails, LocationHours, ServiceDetails, SkuDetails,
};
use crate::catalogue::names::{Definitions, MadeUp};
use crate::demand::lost_demand::LostDemand;
use crate::ids::{ChannelId, GroupId, LocationId, ReservationId, Seq, SkuId, Timestamp};
use crate::kernel::cause::Cause;
use crate::kernel::cell_after::CellAfter;
use crate::reservations::promise::{
    Arranged, Cancelled, Collected, Confirmed, Expired, Extended, LineBackorder, LineChange, LineTerms, OrderDay,
    PickupBySet, Purpose, Readied, Reallocated, Reserved, Superseded,
};
use crate::rules::RuleId;
use crate::rules::set::RuleSet;
use crate::stock::confirmed::CountsConfirmed;
use crate::stock::movement::{Counted, Moved};
use crate::supply::received::{BackorderDated, Fill, SupplySet, SupplyUsed};

/// The place of a record in the log, its time, and who asked for it.
#[derive(Debug, Clone, Copy)]
pub struct At<'a> {
    /// Its position.
    pub seq: Seq,
    /// When it was logged.
    pub time: Timestamp,
    /// Who asked.
    pub cause: Option<&'a Cause>,
}

/// Something that an event does.
#[derive(Debug, Clone, Copy)]
pub enum Effect<'a> {
    /// A cell is so after the event: final, with no level in between where promises were filled; and the moment for which
    /// it was counted, where it was. Owned by stock.
    Cell(&'a CellAfter, Option<Timestamp>),
    /// Stock moved, in this row of the record. Owned by stock.
    Moved(u32, &'a Moved),
    /// A cell was counted, in this row of the record; before its [`Effect::Cell`]. Owned by stock.
    Counted(u32, &'a Counted),
    /// Counts found what the books say. Owned by stock.
    CountsConfirmed(&'a CountsConfirmed),
    /// On hand no longer covers what is promised (true), or does again. Owned by stock.
    Shortage(&'a CellAfter, bool),
    /// Units of a reservation's line left a cell, in this row of the record. Owned by stock.
    HandedOver(u32, &'a LineChange, Left),
    /// A promise was made, or went a step on. Owned by reservations.
    Promise(Step<'a>),
    /// Promises got units that they waited for, by reservation and line. Owned by reservations.
    Filled(&'a [Fill]),
    /// Promises that wait are at risk, or no longer are, by reservation and line. Owned by reservations.
    Dated(&'a [BackorderDated]),
    /// Inbound supply changed. Owned by supply.
    Inbound(Inbound<'a>),
    /// Rules changed. Owned by rules.
    Rules(RuleChange<'a>),
    /// Names came or went. Owned by the catalogue.
    Names(Naming<'a>),
    /// Something was described. Owned by the catalogue.
    Described(Described<'a>),
    /// Units were asked for and refused, for a purpose where that is known. Owned by demand.
    Refused(Option<Purpose>, &'a LostDemand),
}

/// Whom an event tells its effects. A closure will do; a type of its own says how each site is compiled.
pub trait Tell<'a> {
    /// The next effect.
    fn tell(&mut self, effect: Effect<'a>);
}

impl<'a, F: FnMut(Effect<'a>)> Tell<'a> for F {
    #[inline]
    fn tell(&mut self, effect: Effect<'a>) {
        self(effect);
    }
}

/// How promised units left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// They were sold: to whom they were promised.
    Sold,
    /// They were moved to another of our places, at this moment.
    Moved(Timestamp),
}

/// A promise that was made.
#[derive(Debug, Clone, Copy)]
pub struct Made<'a> {
    /// What was promised.
    pub reserved: &'a Reserved,
    /// Line by line, the terms; empty where it was made on none.
    pub terms: &'a [LineTerms],
    /// The rest, where some of it may be to come or count against days.
    pub arranged: Option<&'a Arranged>,
    /// The holds that it replaces beside the first.
    pub others: &'a [Superseded],
}

impl<'a> Made<'a> {
    /// A plain promise.
    pub fn plain(reserved: &'a Reserved) -> Self {
        Self { reserved, terms: &[], arranged: None, others: &[] }
    }

    /// One of which some may be to come.
    pub fn arranged(arranged: &'a Arranged) -> Self {
        let promised = &arranged.promised;
        Self { reserved: &promised.reserved, terms: &promised.terms, arranged: Some(arranged), others: &[] }
    }

    /// Units that are to come, by line.
    pub fn waits(&self) -> &'a [LineBackorder] {
        self.arranged.map_or(&[], |arranged| &arranged.waits)
    }

    /// The days of locations that it counts against.
    pub fn orders(&self) -> &'a [OrderDay] {
        self.arranged.map_or(&[], |arranged| &arranged.orders)
    }

    /// The holds that it replaces, with what each gave back.
    pub fn superseded(&self) -> impl Iterator<Item = &'a Superseded> + use<'a> {
        self.reserved.supersedes.as_deref().into_iter().chain(self.others)
    }

    /// Whether any of it is on terms: of a group, under quotas, or to come.
    pub fn is_on_terms(&self) -> bool {
        !self.terms.is_empty() || self.arranged.is_some()
    }

    /// Tells its effects: the cells, the holds that it replaces, and the promise itself.
    #[inline]
    pub fn effects(self, to: &mut impl Tell<'a>) {
        for superseded in self.superseded() {
            superseded.lines.iter().for_each(|line| to.tell(Effect::Cell(&line.cell, None)));
        }
        // A line of a partial promise that got nothing touched nothing.
        let lines = self.reserved.lines.iter().filter(|line| line.quantity > 0);
        lines.for_each(|line| to.tell(Effect::Cell(&line.cell, None)));
        self.superseded().for_each(|superseded| to.tell(Effect::Promise(Step::Superseded(superseded))));
        to.tell(Effect::Promise(Step::Made(self)));
    }
}

/// A step in the life of a promise.
#[derive(Debug, Clone, Copy)]
pub enum Step<'a> {
    /// It was made; its id is the record's `seq`.
    Made(Made<'a>),
    /// Another replaced it; before the other is made.
    Superseded(&'a Superseded),
    /// It became an order.
    Confirmed(&'a Confirmed),
    /// It was put aside.
    Readied(&'a Readied),
    /// Units were handed over.
    Collected(&'a Collected),
    /// Units were given back.
    Cancelled(&'a Cancelled),
    /// It got a new deadline.
    Extended(&'a Extended),
    /// It outlived its deadline.
    Expired(&'a Expired),
    /// Units moved to other locations, or the location of some was made public.
    Reallocated(&'a Reallocated),
    /// It got another deadline by which it is to be fetched, or none.
    PickupBySet(&'a PickupBySet),
}

impl<'a> Step<'a> {
    /// The reservation that was there before and is changed; none for one that is made.
    #[inline]
    pub fn reservation(&self) -> Option<ReservationId> {
        match self {
            Self::Made(_) => None,
            Self::Superseded(step) => Some(step.reservation),
            Self::Confirmed(step) => Some(step.reservation),
            Self::Readied(step) => Some(step.reservation),
            Self::Collected(step) => Some(step.reservation),
            Self::Cancelled(step) => Some(step.reservation),
            Self::Extended(step) => Some(step.reservation),
            Self::Expired(step) => Some(step.reservation),
            Self::Reallocated(step) => Some(step.reservation),
            Self::PickupBySet(step) => Some(step.reservation),
        }
    }

    /// What it gives back, by line.
    #[inline]
    pub fn given_back(&self) -> Option<&'a [LineChange]> {
        match self {
            Self::Superseded(step) => Some(&step.lines),
            Self::Cancelled(step) => Some(&step.lines),
            Self::Expired(step) => Some(&step.lines),
            Self::Made(_)
            | Self::Confirmed(_)
            | Self::Readied(_)
            | Self::Collected(_)
            | Self::Extended(_)
            | Self::Reallocated(_)
            | Self::PickupBySet(_) => None,
        }
    }
}

/// A change of inbound supply.
#[derive(Debug, Clone, Copy)]
pub enum Inbound<'a> {
    /// Supplies are so from here on.
    Set(&'a [SupplySet]),
    /// Some of supplies came, with the movements by which it did.
    Used(&'a [SupplyUsed], &'a [Moved]),
}

/// A change of rules.
#[derive(Debug, Clone, Copy)]
pub enum RuleChange<'a> {
    /// They were set, or removed.
    Set(&'a [RuleSet]),
    /// Their date came: they are in force from here on (true), or no longer are.
    Activated(&'a [(RuleId, bool)]),
}

/// Names that come and go.
#[derive(Debug, Clone, Copy)]
pub enum Naming<'a> {
    /// They got their ids.
    Defined(&'a Definitions),
    /// The same of names that nobody declared.
    MadeUp(&'a MadeUp),
    /// They lost their ids.
    Released(&'a Definitions),
    /// They were retired.
    Retired(&'a Definitions),
    /// They came back.
    Revived(&'a Definitions),
    /// Quarantines, and of which location each is.
    Quarantines(&'a [(LocationId, LocationId)]),
}

/// What is said of things.
#[derive(Debug, Clone, Copy)]
pub enum Described<'a> {
    /// SKUs.
    Skus(&'a [(SkuId, SkuDetails)]),
    /// Whether SKUs are counted.
    Tracking(&'a [(SkuId, bool)]),
    /// Locations.
    Locations(&'a [(LocationId, LocationDetails)]),
    /// How long people take at locations.
    Services(&'a [(LocationId, ServiceDetails)]),
    /// When people work at locations.
    Hours(&'a [(LocationId, LocationHours)]),
    /// Groups.
    Groups(&'a [(GroupId, GroupDetails)]),
    /// Channels.
    Channels(&'a [(ChannelId, ChannelDetails)]),
}
