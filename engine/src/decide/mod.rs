//! Deciding: what a command may read, and what it may change.
//!
//! Subjects are functions over a [`Decide`]: the durable view to read, the [`draft`] to change, and the settings. A
//! decision reaches nothing else: no journal, no clock, no durable word.

pub(crate) mod draft;
pub(crate) mod left;
pub(crate) mod load;

use std::sync::Arc;

use crate::answers::Thing;
use crate::catalogue::holders::stands;
use crate::event::Event;
use crate::ids::{LocationId, Name, ReservationId, Seq, SkuId, Timestamp};
use crate::kernel::cause::Cause;
use crate::kernel::clock::Anchors;
use crate::kernel::name_ref::NameRef;
use crate::refusal::{Failure, Refusal};
use crate::reservations::deadlines::Deadlines;
use crate::settings::Settings;
use crate::state::DurableState;
use draft::{Answer, Draft, Telling, What};

/// The result of a decided command.
pub(crate) type Decision = Result<Answer, Failure>;

/// The context of a decision.
pub(crate) struct Decide<'a> {
    /// The durable view, for reading.
    pub state: &'a Arc<DurableState>,
    pub settings: &'a Settings,
    /// The draft of the batch.
    pub draft: &'a mut Draft,
    /// When the log's time catches up with the clock.
    pub anchors: &'a Anchors,
    /// Milliseconds by which the clock is ahead of a log that is held back.
    pub held_back_ms: u64,
    /// The looks that the plans of the batch used.
    pub looks: &'a mut usize,
    /// Retention of reservations.
    pub deadlines: &'a mut Deadlines,
    /// Frozen deadlines.
    pub kept: &'a mut KeptAlive,
    /// For each channel, the last promise through it since the start; 0 for none.
    pub promised_at: &'a [Seq],
}

/// Deadlines of reservations from before the start: frozen while the clock is not trusted.
#[derive(Debug, Default)]
pub(crate) struct KeptAlive {
    /// Whether they are frozen.
    pub frozen: bool,
    /// The last record before the start.
    pub there_at_start: Seq,
    /// Deadlines that have passed meanwhile.
    pub due: Vec<(Timestamp, ReservationId)>,
}

impl KeptAlive {
    /// Whether the deadline of a reservation is frozen.
    pub fn holds(&self, id: ReservationId) -> bool {
        self.frozen && id.0 <= self.there_at_start
    }
}

impl Decide<'_> {
    /// This many seconds from now, by the clock of callers.
    pub fn deadline_in(&self, seconds: u64) -> Timestamp {
        let now = self.draft.now;
        self.anchors.meant(self.anchors.told(now).plus_seconds(seconds)).max(now)
    }

    /// The answer about what was set is logged when the command is settled, under its key, if it has one.
    pub fn tell_thing(&mut self, cause: &mut Option<Box<Cause>>, seq: Seq, thing: Thing) -> Answer {
        self.draft.telling = Some(Telling { cause: cause.take(), seq, what: What::Thing(thing) });
        Answer::Put(seq, None)
    }

    pub fn log_details(&mut self, cause: Option<Box<Cause>>, event: impl Into<Event>) -> Seq {
        let seq = self.draft.log(cause, event);
        self.remember_last();
        seq
    }

    /// Gives the last details in the draft the actual `seq` of their record.
    fn remember_last(&mut self) {
        if let Some(record) = self.draft.records.pop() {
            self.draft.remember_details(&record);
            self.draft.records.push(record);
        }
    }

    /// The cell of a row, if both of its names are known.
    pub fn known_cell(
        &self,
        sku: &NameRef<SkuId>,
        location: &NameRef<LocationId>,
    ) -> Result<(SkuId, LocationId), Failure> {
        let sku = match sku {
            NameRef::New(name) => self.draft.known_sku(name).ok_or_else(|| unknown("sku", name))?,
            NameRef::Known(sku) if stands(&self.state.catalogue.skus, *sku) => *sku,
            NameRef::Known(sku) => {
                let name = self.state.catalogue.skus.name(*sku);
                self.draft.known_sku(name).ok_or_else(|| unknown("sku", name))?
            }
        };
        let location = match location {
            NameRef::New(name) => self.draft.known_location(name).ok_or_else(|| unknown("location", name))?,
            NameRef::Known(location) if stands(&self.state.catalogue.locations, *location) => *location,
            NameRef::Known(location) => {
                let name = self.state.catalogue.locations.name(*location);
                self.draft.known_location(name).ok_or_else(|| unknown("location", name))?
            }
        };
        Ok((sku, location))
    }

    /// Refuses a quantity on hand or inbound for an untracked SKU.
    ///
    /// # Errors
    /// Names the SKU, and how to make it tracked.
    pub fn refuse_uncounted(&self, sku: SkuId, field: &dyn Fn(&str) -> String) -> Result<(), Failure> {
        if self.state.catalogue.is_tracked(sku) {
            return Ok(());
        }
        let name = self.state.catalogue.skus.name(sku);
        Err(Refusal::invalid(field("sku"), format!("{name} is untracked; set tracked to true to count its units"))
            .into())
    }
}

pub(crate) fn unknown(field: &str, name: &Name) -> Failure {
    Refusal::invalid(field, format!("{name} is unknown; declare it first")).into()
}

/// The key of a request, if it has one.
pub(crate) fn scope_of(cause: &Option<Box<Cause>>) -> Option<u128> {
    cause.as_ref()?.idempotency.as_ref().map(|key| key.scope)
}

/// The cause of a record that sets something. The key belongs to the kept answer, in the next record.
pub(crate) fn effect_of(cause: &mut Option<Box<Cause>>) -> Option<Box<Cause>> {
    match scope_of(cause) {
        Some(_) => cause.as_deref().and_then(Cause::of_part),
        None => cause.take(),
    }
}
