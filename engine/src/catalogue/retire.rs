//! Retiring SKUs, locations, groups and channels: nothing holds them any more, and nothing new is done with them.
//!
//! A name that is retired leads nowhere, and keeps its id: old records tell it, its cells stay where they are, and whoever
//! declares it again gets all of that back. A retirement begins its batch, so that the durable view is all there is, and
//! ends it, so that what comes next finds the name gone. What was queued before with an id that it found is asked by name
//! once more. A crash before the record is durable leaves the thing as it was; after it, the key tells what was done, and
//! without one a repeat finds nothing. Of two at once the second finds nothing.
//!
//! A location that has a quarantine is held by what is in it. Empty, it is retired with its location and comes back with
//! it; by itself it is never retired.

use crate::answers::Thing;
use crate::catalogue::Catalogue;
use crate::catalogue::event::Event;
use crate::catalogue::holders::stands;
use crate::catalogue::names::{Definitions, ThingKind};
use crate::decide::draft::Draft;
use crate::decide::{Decide, Decision, effect_of};
use crate::ids::{LocationId, Name, SkuId};
use crate::kernel::cause::Cause;
use crate::kernel::name_ref::NameRef;
use crate::level::Constraint;
use crate::refusal::{Failure, Refusal, Short};
use crate::reservations::command::Reserve;

/// How a retired SKU comes back.
const SKU_REMEDY: &str = "PUT /v1/skus/{sku}, or import skus";

/// How a retired location comes back.
const LOCATION_REMEDY: &str = "PUT /v1/locations/{location}, or import locations";

/// Retires one thing, if nothing holds it.
pub(crate) fn retire_thing(
    cx: &mut Decide<'_>,
    kind: ThingKind,
    name: Name,
    cause: &mut Option<Box<Cause>>,
) -> Decision {
    let draft = &*cx.draft;
    let mut names = Definitions::default();
    let found = match kind {
        ThingKind::Sku => draft.known_sku(&name).map(|id| names.skus.push((id, name.clone()))),
        ThingKind::Location => draft.known_location(&name).map(|id| names.locations.push((id, name.clone()))),
        ThingKind::Group => draft.known_group(&name).map(|id| names.groups.push((id, name.clone()))),
        ThingKind::Channel => draft.known_channel(&name).map(|id| names.channels.push((id, name.clone()))),
    };
    found.ok_or(Refusal::NotFound(kind.title()))?;
    // A location and its quarantine go together, and come back together.
    let catalogue = &cx.state.catalogue;
    if let Some((location, _)) = names.locations.first().cloned() {
        if draft.is_quarantine(location) {
            let reason = "is a quarantine, which the server made; it is retired with its location";
            return Err(Refusal::invalid("location", reason).into());
        }
        let quarantine = catalogue.quarantine(location);
        names.locations.extend(quarantine.map(|id| (id, catalogue.locations.name(id).clone())));
    }
    let holders = cx.state.holders(kind, &name);
    if !holders.is_empty() {
        return Err(Refusal::Held { kind, name, holders }.into());
    }
    let of_effect = effect_of(cause);
    let seq = cx.draft.log(of_effect, Event::Retired(Box::new(names)));
    Ok(cx.tell_thing(cause, seq, Thing::Retired(kind, name)))
}

/// Whether everything that a promise names still stands: it may have been retired since it was looked up.
///
/// # Errors
/// As for what was never heard of.
pub(crate) fn check_stands(cx: &Decide<'_>, reserve: &Reserve) -> Result<(), Failure> {
    let Catalogue { skus, locations, groups, .. } = &cx.state.catalogue;
    if skus.all_live() && locations.all_live() && groups.all_live() {
        return Ok(());
    }
    let constraint = Constraint::UnknownCell;
    let short = |line, requested| Short { line, requested, available: 0, constraint, rule: None, limit: None };
    let gone = reserve
        .lines
        .iter()
        .enumerate()
        .filter(|(_, line)| !(stands(skus, line.sku) && stands(locations, line.location)));
    let mut shorts: Vec<Short> = gone.map(|(nth, line)| short(reserve.line_number(nth), line.quantity)).collect();
    let gone = reserve.group_lines.iter().filter(|line| !(stands(skus, line.sku) && stands(groups, line.group)));
    shorts.extend(gone.map(|line| short(line.at, line.quantity)));
    shorts.sort_by_key(|short| short.line);
    if shorts.is_empty() { Ok(()) } else { Err(Refusal::Insufficient(shorts).into()) }
}

impl Draft {
    /// Refuses a name that is retired, for what is no more than said of it: only what happened with goods in hand is noted
    /// all the same.
    ///
    /// # Errors
    /// Names the field, and how the name comes back.
    pub fn refuse_retired(
        &self,
        sku: &NameRef<SkuId>,
        location: &NameRef<LocationId>,
        field: &dyn Fn(&str) -> String,
    ) -> Result<(), Failure> {
        let Catalogue { skus, locations, .. } = &self.state.catalogue;
        if skus.retired() == 0 && locations.retired() == 0 {
            return Ok(());
        }
        let name = match sku {
            NameRef::Known(id) => skus.name(*id),
            NameRef::New(name) => name,
        };
        if self.known_sku(name).is_none() && skus.retired_id(name.as_str()).is_some() {
            return Err(Catalogue::retired(&field("sku"), name, SKU_REMEDY).into());
        }
        let name = match location {
            NameRef::Known(id) => locations.name(*id),
            NameRef::New(name) => name,
        };
        if self.known_location(name).is_none() && locations.retired_id(name.as_str()).is_some() {
            return Err(Catalogue::retired(&field("location"), name, LOCATION_REMEDY).into());
        }
        Ok(())
    }
}
