//! The draft of a batch: its records so far, and the durable view as it would be with them.
//!
//! Every decision reads the draft. Only the sequencer sees the draft; if the batch cannot be appended, the draft is
//! dropped and the durable view stays unchanged.

mod answer;
mod cell_now;
mod cells;
mod definitions;
mod details;
mod fresh;
mod intern;
mod quarantines;
mod stage;

use std::collections::BTreeSet;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::answers;
use crate::answers::{KeptAnswer, Thing};
use crate::catalogue::names::Definitions;
use crate::catalogue::{ChannelDetails, GroupDetails, LocationDetails, SkuDetails};
use crate::effect::{Effect, Step};
use crate::event::{Event, Record};
use crate::ids::{ChannelId, GroupId, LocationId, ReservationId, Seq, SkuId, Timestamp};
use crate::journal::{BatchBuilder, push_record};
use crate::kernel::cause::Cause;
use crate::kernel::maps::empty;
use crate::reservations::Reservation;
use crate::reservations::holds::Holds;
use crate::reservations::ledger::{Ledger, Shift};
use crate::settings::NameSettings;
use crate::state::DurableState;
use crate::supply::query::{AT_RISK_TOLD_MAX, risks};
use crate::supply::received::CellToCome;
use cell_now::{CellNow, Touched};
use fresh::Fresh;

pub(crate) use answer::{Answer, Decided, Telling, What};
pub(crate) use cell_now::CellChange;

/// Defines the part of the draft that belongs to the stores of the subjects.
macro_rules! drafts {
    (effects: $($effects:ident),*; own: $($module:ident $event:ident,)*) => {
        /// The drafts of the subjects.
        #[derive(Debug, Default)]
        pub(crate) struct Drafts { $(pub $module: crate::$module::draft::Draft,)* }

        impl Drafts {
            /// Clears everything for the next batch.
            fn restart(&mut self) {
                $(self.$module.restart();)*
            }

            /// Makes the effects of an event visible to later decisions of the batch.
            #[inline]
            fn stage(&mut self, _state: &DurableState, record: &Record) {
                match &record.event {
                    $(Event::$event(event) => self.$module.stage(_state, record.at(), event),)*
                    $(Event::$effects(_) => {})*
                }
            }
        }
    };
}

crate::subjects::stores!(drafts);

/// The draft of a batch.
pub(crate) struct Draft {
    pub state: Arc<DurableState>,
    pub now: Timestamp,
    pub builder: BatchBuilder,
    pub records: Vec<Record>,
    pub decided: Vec<Decided>,
    cells: FxHashMap<(SkuId, LocationId), CellNow>,
    touched: Touched,
    reservations: FxHashMap<ReservationId, Reservation>,
    skus: Fresh<SkuId, SkuDetails>,
    locations: Fresh<LocationId, LocationDetails>,
    groups: Fresh<GroupId, GroupDetails>,
    channels: Fresh<ChannelId, ChannelDetails>,
    undefined: Definitions,
    /// Revived names that are not logged yet.
    revived: Definitions,
    /// The oldest record of the log: an id released before it may get another name.
    pub log_from: Seq,
    names: NameSettings,
    /// The drafts of the subjects.
    pub own: Drafts,
    /// Counters derived from reservations, including this batch.
    pub ledger: Ledger,
    /// Members of groups; those that belong to the fewest groups come first.
    members: FxHashMap<GroupId, Arc<[LocationId]>>,
    /// Cells that this batch creates.
    made: BTreeSet<(SkuId, LocationId)>,
    /// Cells whose backorder dates the current command may have changed.
    redated: BTreeSet<(SkuId, LocationId)>,
    /// What the current command set, to be reported.
    pub telling: Option<Telling>,
    /// Counts of open reservations.
    pub holds: Holds,
    /// Quarantines that are not logged yet.
    unmade_quarantines: Vec<(LocationId, LocationId)>,
    /// Quarantines that this batch creates, by their location.
    quarantines: FxHashMap<LocationId, LocationId>,
    /// Units that this batch reports missing.
    missing: FxHashMap<(SkuId, LocationId), u32>,
}

impl Draft {
    /// Reports what the current command set: to its caller and, if it has a key, in the log.
    pub fn tell(&mut self) -> Option<(Seq, Box<Thing>)> {
        let Telling { cause, seq, what } = self.telling.take()?;
        let thing = match what {
            What::Thing(thing) => thing,
            What::Cells(cells) => {
                let mut left = AT_RISK_TOLD_MAX;
                Thing::Supply(cells.into_iter().map(|(sku, at)| self.cell_to_come(sku, at, &mut left)).collect())
            }
        };
        if let Some(cause) = cause.filter(|cause| cause.idempotency.is_some()) {
            self.log(Some(cause), answers::event::Event::Told(Box::new(KeptAnswer { seq, thing: thing.clone() })));
        }
        Some((seq, Box::new(thing)))
    }

    fn cell_to_come(&self, sku: SkuId, location: LocationId, left: &mut usize) -> CellToCome {
        let Some(outlook) = self.ledger.outlook(sku, location) else {
            return CellToCome { sku, location, supplies: Vec::new(), waiting: 0, at_risk: Vec::new() };
        };
        // Bounded by the backorders of the cell, which were just dated for this supply.
        let at_risk: Vec<_> = risks(outlook, *left)
            .into_iter()
            .map(|waiting| (waiting.holder.0, waiting.units, waiting.promised_for, waiting.expected_at))
            .collect();
        *left -= at_risk.len();
        CellToCome { sku, location, supplies: outlook.supplies().to_vec(), waiting: outlook.waiting(), at_risk }
    }

    pub fn new(state: Arc<DurableState>, names: NameSettings) -> Self {
        let (next_seq, state_ledger) = (state.view.seq() + 1, state.ledger().clone());
        Self {
            state,
            now: Timestamp(0),
            builder: BatchBuilder::new(next_seq, Timestamp(0)),
            records: Vec::new(),
            decided: Vec::new(),
            cells: FxHashMap::default(),
            touched: Touched::new(),
            reservations: FxHashMap::default(),
            skus: Fresh::default(),
            locations: Fresh::default(),
            groups: Fresh::default(),
            channels: Fresh::default(),
            undefined: Definitions::default(),
            revived: Definitions::default(),
            log_from: 0,
            names,
            own: Drafts::default(),
            ledger: state_ledger,
            members: FxHashMap::default(),
            made: BTreeSet::new(),
            redated: BTreeSet::new(),
            telling: None,
            holds: Holds::default(),
            unmade_quarantines: Vec::new(),
            quarantines: FxHashMap::default(),
            missing: FxHashMap::default(),
        }
    }

    /// The batch failed: restores the ledger to the durable state.
    pub fn forget_ledger(&mut self) {
        self.ledger = self.state.ledger().clone();
        self.holds.undo();
    }

    /// The creator of a reservation; 0 if unknown.
    pub fn owner(&self, id: ReservationId) -> u64 {
        self.holds.fresh_caller(id).unwrap_or_else(|| self.state.owner(id))
    }

    /// Forgets group members, because groups changed.
    pub fn forget_members(&mut self) {
        self.members.clear();
    }

    /// The members of a group; those that belong to the fewest groups come first.
    pub fn members_of(&mut self, group: GroupId) -> Arc<[LocationId]> {
        let catalogue = &self.state.catalogue;
        Arc::clone(self.members.entry(group).or_insert_with(|| catalogue.members_in_order(group)))
    }

    /// Clears everything and starts the next batch from the durable view.
    pub fn restart(&mut self, now: Timestamp) {
        self.now = now;
        self.builder.restart(self.state.view.seq() + 1, now);
        self.records.clear();
        self.decided.clear();
        empty(&mut self.cells);
        self.made.clear();
        self.touched.clear();
        empty(&mut self.reservations);
        self.redated.clear();
        self.own.restart();
        self.holds.restart();
        empty(&mut self.missing);
        empty(&mut self.quarantines);
        self.unmade_quarantines.clear();
        if self.has_definitions() {
            self.undefined = Definitions::default();
            self.revived = Definitions::default();
        }
        self.skus.clear();
        self.locations.clear();
        self.groups.clear();
        self.channels.clear();
    }

    /// Logs an event after the definitions that it needs, and applies it to the reservations in the draft.
    pub fn log(&mut self, cause: Option<Box<Cause>>, event: impl Into<Event>) -> Seq {
        self.flush_names(cause.as_deref());
        self.push(cause, event.into())
    }

    fn push(&mut self, cause: Option<Box<Cause>>, event: Event) -> Seq {
        let seq = push_record(&mut self.builder, &cause, &event);
        let record = Record { seq, time: self.now, cause, event };
        let mut shift = Shift::default();
        record.event.effects(|effect| self.stage(record.at(), effect, &mut shift));
        if !shift.is_empty() {
            self.ledger.apply(seq, &shift);
        }
        if self.ledger.has_outlooks() {
            record.event.effects(|effect| self.note_redated(effect));
        }
        self.own.stage(&self.state, &record);
        self.records.push(record);
        seq
    }

    /// Adds a reservation to the draft, which then applies the batch's changes to it.
    pub fn take_in(&mut self, id: ReservationId) {
        if !self.reservations.contains_key(&id)
            && let Some(durable) = self.state.reservations.get(id)
        {
            self.reservations.insert(id, Arc::unwrap_or_clone(durable));
        }
    }

    /// A reservation after the batch so far; later records of the batch change the same copy.
    pub fn reservation(&mut self, id: ReservationId) -> Option<&Reservation> {
        self.take_in(id);
        self.reservations.get(&id)
    }
}

impl Draft {
    /// The channels of reservations and lost demand in this batch. Reads each record once.
    pub fn channels_used(&self) -> BTreeSet<ChannelId> {
        let mut used = BTreeSet::new();
        for record in &self.records {
            record.event.effects(|effect| match effect {
                Effect::Promise(Step::Made(made)) => drop(used.insert(made.reserved.channel)),
                Effect::Refused(_, lost) => drop(used.insert(lost.channel)),
                _ => {}
            });
        }
        used
    }
}
