//! Retires SKUs, locations, groups and channels: nothing holds them, and they accept nothing new.
//!
//! A retired name is not found, and keeps its id: old records refer to it, its cells stay, and a new declaration
//! restores all of that. A retirement begins its batch, so that the durable view is complete, and ends it, so that
//! later commands find the name retired. A command that was queued before with a resolved id looks the name up again.
//! After a crash before the record is durable, the item is unchanged; after it, a repeat with the key gets the answer,
//! and one without a key finds nothing. Of two concurrent retirements, the second finds nothing.
//!
//! The contents of a quarantine hold its location. An empty quarantine is retired with its location and comes back with
//! it, never by itself.

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

/// How to declare a retired SKU again.
const SKU_REMEDY: &str = "PUT /v1/skus/{sku}, or import skus";

/// How to declare a retired location again.
const LOCATION_REMEDY: &str = "PUT /v1/locations/{location}, or import locations";

/// Retires one item if nothing holds it.
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
    // A location and its quarantine are retired together, and come back together.
    let catalogue = &cx.state.catalogue;
    if let Some((location, _)) = names.locations.first().cloned() {
        if draft.is_quarantine(location) {
            let reason = "is a quarantine, which the server created; it is retired with its location";
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

/// Checks that no name of a promise was retired since it was looked up.
///
/// # Errors
/// As for an unknown name.
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
    /// Refuses a retired name, except for events about physical goods, which are always recorded.
    ///
    /// # Errors
    /// Names the field, and how to declare the name again.
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
