//! Deciding: what a command may look at, and what it may change.
//!
//! Subjects are functions over a [`Decide`]: the durable view to read, the [`draft`] to change, and the settings. Nothing
//! else is in reach of a decision: no journal, no clock, no durable word.

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

/// What deciding a command comes to.
pub(crate) type Decision = Result<Answer, Failure>;

/// What a decision may touch.
pub(crate) struct Decide<'a> {
    /// The durable view: to be read.
    pub state: &'a Arc<DurableState>,
    pub settings: &'a Settings,
    /// The batch in the making.
    pub draft: &'a mut Draft,
    /// Where the log catches up with its clock.
    pub anchors: &'a Anchors,
    /// Milliseconds by which the clock is ahead of a log that is held back.
    pub held_back_ms: u64,
    /// What the plans of the batch looked at.
    pub looks: &'a mut usize,
    /// When reservations die.
    pub deadlines: &'a mut Deadlines,
    /// Deadlines that are left alone.
    pub kept: &'a mut KeptAlive,
    /// By channel, the last promise through it since the start; 0 for none.
    pub promised_at: &'a [Seq],
}

/// Deadlines of what was there at the start: left alone while the clock cannot be trusted.
#[derive(Debug, Default)]
pub(crate) struct KeptAlive {
    /// Whether they are.
    pub frozen: bool,
    /// What was there at the start: everything up to this record.
    pub there_at_start: Seq,
    /// What would have been due.
    pub due: Vec<(Timestamp, ReservationId)>,
}

impl KeptAlive {
    /// Whether the deadline of a reservation is left alone.
    pub fn holds(&self, id: ReservationId) -> bool {
        self.frozen && id.0 <= self.there_at_start
    }
}

impl Decide<'_> {
    /// So many seconds from now, on the clock of those who wait.
    pub fn deadline_in(&self, seconds: u64) -> Timestamp {
        let now = self.draft.now;
        self.anchors.meant(self.anchors.told(now).plus_seconds(seconds)).max(now)
    }

    /// What was set is told when the command is settled, under its key, if it has one.
    pub fn tell_thing(&mut self, cause: &mut Option<Box<Cause>>, seq: Seq, thing: Thing) -> Answer {
        self.draft.telling = Some(Telling { cause: cause.take(), seq, what: What::Thing(thing) });
        Answer::Put(seq, None)
    }

    pub fn log_details(&mut self, cause: Option<Box<Cause>>, event: impl Into<Event>) -> Seq {
        let seq = self.draft.log(cause, event);
        self.remember_last();
        seq
    }

    /// Gives details set in the draft the `seq` that their record really got.
    fn remember_last(&mut self) {
        if let Some(record) = self.draft.records.pop() {
            self.draft.remember_details(&record);
            self.draft.records.push(record);
        }
    }

    /// The cell that a row is about, if both of its names are known.
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

    /// Refuses to say how much there is, or is to come, of what nobody counts.
    ///
    /// # Errors
    /// Names the SKU, and what would let it be counted.
    pub fn refuse_uncounted(&self, sku: SkuId, field: &dyn Fn(&str) -> String) -> Result<(), Failure> {
        if self.state.catalogue.is_tracked(sku) {
            return Ok(());
        }
        let name = self.state.catalogue.skus.name(sku);
        Err(Refusal::invalid(field("sku"), format!("{name} is not counted; set tracked to true to count it")).into())
    }
}

pub(crate) fn unknown(field: &str, name: &Name) -> Failure {
    Refusal::invalid(field, format!("{name} is unknown; declare it first")).into()
}

/// The key of a request, if it came with one.
pub(crate) fn scope_of(cause: &Option<Box<Cause>>) -> Option<u128> {
    cause.as_ref()?.idempotency.as_ref().map(|key| key.scope)
}

/// The cause of the record that is the effect of a request which sets something. A key stands on what is told, behind it.
pub(crate) fn effect_of(cause: &mut Option<Box<Cause>>) -> Option<Box<Cause>> {
    match scope_of(cause) {
        Some(_) => cause.as_deref().and_then(Cause::of_part),
        None => cause.take(),
    }
}
