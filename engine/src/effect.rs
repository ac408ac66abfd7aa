//! The vocabulary between subjects: what an event does, as effects.
//!
//! An event belongs to one subject, but often affects several: a hand-over changes cells, movements, rates of sale and
//! a reservation. So each event lists its effects, each effect has one owner, and every follower of the log (the fold,
//! the draft, the feed, the auditor, what-if) handles effects, whichever subject logged them. No match has a wildcard:
//! a forgotten effect does not compile.

use std::sync::Arc;

use crate::carts::ordered::CartOrdered;
use crate::catalogue::details::{
    ChannelDetails, GroupDetails, LocationDetails, LocationHours, ServiceDetails, SkuDetails, TradingDetails,
};
use crate::catalogue::names::{Definitions, MadeUp};
use crate::demand::lost_demand::LostDemand;
use crate::ids::{ChannelId, GroupId, LocationId, ReservationId, Seq, SkuId, Timestamp};
use crate::kernel::cause::Cause;
use crate::kernel::cell_after::CellAfter;
use crate::orders::sale_row::SaleRow;
use crate::orders::stepped::Stepped;
use crate::receipts::receipt::Issued;
use crate::reservations::parent::Parent;
use crate::reservations::promise::{
    Arranged, Cancelled, Collected, Confirmed, Expired, Extended, LineBackorder, LineChange, LineTerms, OrderDay,
    PickupBySet, Purpose, Readied, Reallocated, Replaced, Reserved, Superseded,
};
use crate::rules::RuleId;
use crate::rules::set::RuleSet;
use crate::stock::confirmed::CountsConfirmed;
use crate::stock::movement::{Counted, Moved};
use crate::supply::received::{BackorderDated, Fill, SupplySet, SupplyUsed};

/// The position of a record in the log, its time, and its cause.
#[derive(Debug, Clone, Copy)]
pub struct At<'a> {
    /// Its position.
    pub seq: Seq,
    /// The time of the record.
    pub time: Timestamp,
    /// The cause.
    pub cause: Option<&'a Cause>,
}

/// An effect of an event.
#[derive(Debug, Clone, Copy)]
pub enum Effect<'a> {
    /// The level of a cell after a step of the event, without levels in between if backorders were filled; and the time
    /// of its count, if it was counted. If several steps change a cell, the last one has its final level. Owned by stock.
    Cell(&'a CellAfter, Option<Timestamp>),
    /// A movement, in this row of the record. Owned by stock.
    Moved(u32, &'a Moved),
    /// A count, in this row of the record; precedes its [`Effect::Cell`]. Owned by stock.
    Counted(u32, &'a Counted),
    /// Counts that confirmed the books. Owned by stock.
    CountsConfirmed(&'a CountsConfirmed),
    /// On hand stopped covering what is promised (true), or covers it again (false). Owned by stock.
    Shortage(&'a CellAfter, bool),
    /// Units of a reservation's line left a cell, in this row of the record. Owned by stock.
    HandedOver(u32, &'a LineChange, Left),
    /// A promise was made, or took a step. Owned by reservations.
    Promise(Step<'a>),
    /// Backorders were filled, by reservation and line. Owned by reservations.
    Filled(&'a [Fill]),
    /// Backorders became at risk, or are no longer, by reservation and line. Owned by reservations.
    Dated(&'a [BackorderDated]),
    /// Inbound supply changed. Owned by supply.
    Inbound(Inbound<'a>),
    /// Rules changed. Owned by rules.
    Rules(RuleChange<'a>),
    /// Names changed. Owned by the catalogue.
    Names(Naming<'a>),
    /// Details changed. Owned by the catalogue.
    Described(Described<'a>),
    /// Units were requested and refused, by purpose if it is known. Owned by demand.
    Refused(Option<Purpose>, &'a LostDemand),
    /// A receipt was issued. Owned by receipts.
    Receipt(&'a Arc<Issued>),
    /// An order took a cart. Owned by carts.
    Cart(&'a CartOrdered),
    /// An order took a step in the record of another subject, with so many rows of the sales ledger before its own; its
    /// other effects are listed beside it. Owned by orders.
    Order(u16, &'a Stepped),
    /// Rows of the sales ledger that belong to no order. Owned by orders.
    Sales(&'a [SaleRow]),
}

/// A consumer of effects. A closure is sufficient; a separate type controls how each call site is compiled.
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
    /// They were sold to the customer of the reservation.
    Sold,
    /// They moved to another location of the retailer, at this time.
    Moved(Timestamp),
}

/// A new promise.
#[derive(Debug, Clone, Copy)]
pub struct Made<'a> {
    /// The promise.
    pub reserved: &'a Reserved,
    /// The terms of each line; empty if there are none.
    pub terms: &'a [LineTerms],
    /// The rest, if units are inbound or count against days.
    pub arranged: Option<&'a Arranged>,
    /// The other holds that it replaces.
    pub others: &'a [Superseded],
    /// The number of ids before the record's own `seq` at which its id is.
    pub before: u8,
    /// What it is a part of.
    pub parent: Option<&'a Parent>,
    /// When it expires if it is not collected, if it is confirmed.
    pub pickup_by: Option<Timestamp>,
}

impl<'a> Made<'a> {
    /// A plain promise.
    pub fn plain(reserved: &'a Reserved) -> Self {
        Self { reserved, terms: &[], arranged: None, others: &[], before: 0, parent: None, pickup_by: None }
    }

    /// A promise with inbound units.
    pub fn arranged(arranged: &'a Arranged) -> Self {
        let promised = &arranged.promised;
        Self { terms: &promised.terms, arranged: Some(arranged), ..Self::plain(&promised.reserved) }
    }

    /// The promises of one event, which are parts of `parent`: the last one has the id of the record, the others have the
    /// ids that [`IdTaken`](crate::reservations::event::Event::IdTaken) took before it.
    pub fn parts(all: &'a [Replaced], parent: &'a Parent) -> impl Iterator<Item = Self> + use<'a> {
        let last = all.len().saturating_sub(1);
        let made = move |(at, one): (usize, &'a Replaced)| {
            let before = u8::try_from(last - at).unwrap_or(u8::MAX);
            Self { before, parent: Some(parent), ..one.made() }
        };
        all.iter().enumerate().map(made)
    }

    /// Its id, if the record has this `seq`.
    #[inline]
    pub fn id(&self, seq: Seq) -> ReservationId {
        ReservationId(seq - Seq::from(self.before))
    }

    /// Inbound units, by line.
    pub fn waits(&self) -> &'a [LineBackorder] {
        self.arranged.map_or(&[], |arranged| &arranged.waits)
    }

    /// The days of locations that it counts against.
    pub fn orders(&self) -> &'a [OrderDay] {
        self.arranged.map_or(&[], |arranged| &arranged.orders)
    }

    /// The replaced holds, with the units that each released.
    pub fn superseded(&self) -> impl Iterator<Item = &'a Superseded> + use<'a> {
        self.reserved.supersedes.as_deref().into_iter().chain(self.others)
    }

    /// Whether it has terms: a group, quotas, or inbound units.
    pub fn is_on_terms(&self) -> bool {
        !self.terms.is_empty() || self.arranged.is_some()
    }

    /// Lists its effects: the cells, the replaced holds, and the promise itself.
    #[inline]
    pub fn effects(self, to: &mut impl Tell<'a>) {
        for superseded in self.superseded() {
            superseded.lines.iter().for_each(|line| to.tell(Effect::Cell(&line.cell, None)));
        }
        // A line of a partial promise that got nothing has no effect.
        let lines = self.reserved.lines.iter().filter(|line| line.quantity > 0);
        lines.for_each(|line| to.tell(Effect::Cell(&line.cell, None)));
        self.superseded().for_each(|superseded| to.tell(Effect::Promise(Step::Superseded(superseded))));
        to.tell(Effect::Promise(Step::Made(self)));
    }
}

/// A step of a promise's life.
#[derive(Debug, Clone, Copy)]
pub enum Step<'a> {
    /// It was made, with the id [`Made::id`].
    Made(Made<'a>),
    /// Another promise replaced it; precedes the making of the other.
    Superseded(&'a Superseded),
    /// It was confirmed.
    Confirmed(&'a Confirmed),
    /// It was marked ready.
    Readied(&'a Readied),
    /// Units were collected.
    Collected(&'a Collected),
    /// Units were cancelled.
    Cancelled(&'a Cancelled),
    /// It got a new deadline.
    Extended(&'a Extended),
    /// It expired.
    Expired(&'a Expired),
    /// Units moved to other locations, or the location of some became public.
    Reallocated(&'a Reallocated),
    /// Its pickup deadline was set or removed.
    PickupBySet(&'a PickupBySet),
}

impl<'a> Step<'a> {
    /// The existing reservation that is changed; `None` for a new one.
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

    /// The units that it releases, by line.
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
    /// Supplies were set.
    Set(&'a [SupplySet]),
    /// Units of supplies arrived, with their movements.
    Used(&'a [SupplyUsed], &'a [Moved]),
}

/// A change of rules.
#[derive(Debug, Clone, Copy)]
pub enum RuleChange<'a> {
    /// Rules were set or removed.
    Set(&'a [RuleSet]),
    /// Rules became active (true) or inactive (false) by date.
    Activated(&'a [(RuleId, bool)]),
}

/// A change of names.
#[derive(Debug, Clone, Copy)]
pub enum Naming<'a> {
    /// They got their ids.
    Defined(&'a Definitions),
    /// The same for undeclared names.
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

/// Details of items.
#[derive(Debug, Clone, Copy)]
pub enum Described<'a> {
    /// SKUs.
    Skus(&'a [(SkuId, SkuDetails)]),
    /// `tracked` of SKUs.
    Tracking(&'a [(SkuId, bool)]),
    /// Locations.
    Locations(&'a [(LocationId, LocationDetails)]),
    /// Service times of locations.
    Services(&'a [(LocationId, ServiceDetails)]),
    /// Opening hours of locations.
    Hours(&'a [(LocationId, LocationHours)]),
    /// Currency, address and barcodes of locations.
    Trading(&'a [(LocationId, TradingDetails)]),
    /// Groups.
    Groups(&'a [(GroupId, GroupDetails)]),
    /// Channels.
    Channels(&'a [(ChannelId, ChannelDetails)]),
}
