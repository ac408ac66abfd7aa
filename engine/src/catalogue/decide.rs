//! Decides the commands of the catalogue: fields of SKUs, locations, groups and channels.

use std::collections::BTreeMap;

use super::barcodes::Patterns;
use super::command::{Command, LocationFields, ServiceFields, Setting, SkuFields, TradingFields};
use super::details::{
    BroughtFrom, ChannelDetails, GroupDetails, LocationDetails, LocationHours, ServiceDetails, SkuDetails,
    TradingDetails,
};
use super::event::Event;
use super::names::ThingKind;
use super::release::release_channels;
use super::retire::retire_thing;
use crate::answers::{PlaceSet, Thing};
use crate::catalogue::gtin::Gtin;
use crate::decide::{Decide, Decision, effect_of, left, unknown};
use crate::ids::{ChannelId, GroupId, LocationId, Name, SkuId};
use crate::kernel::cause::Cause;
use crate::kernel::name_ref::NameRef;
use crate::kernel::patch::Patch;
use crate::kernel::version::{Precondition, Version};
use crate::prices::decide::describe_tax_class;
use crate::prices::event::Event as PriceEvent;
use crate::refusal::{Failure, Refusal};

/// What a command sets.
enum Set {
    Sku(SkuId, bool, Option<Name>),
    Location(LocationId, Option<ServiceDetails>, Option<LocationHours>, Option<TradingDetails>),
    Group(GroupId),
    Channel(ChannelId, ChannelDetails),
}

/// Decides a command of the catalogue.
pub(crate) fn decide(cx: &mut Decide<'_>, command: Command, cause: &mut Option<Box<Cause>>) -> Decision {
    match command {
        Command::Put(setting, precondition) => put_thing(cx, *setting, &precondition, cause),
        Command::Release(channels, unused_at) => Ok(release_channels(cx, channels, unused_at)),
    }
}

fn put_thing(
    cx: &mut Decide<'_>,
    setting: Setting,
    precondition: &Precondition,
    cause: &mut Option<Box<Cause>>,
) -> Decision {
    let current = version_of(cx, &setting);
    let version = current.map_or(0, |current| current.seq);
    if !precondition.holds(current) {
        return Err(Refusal::StaleVersion { actual: version }.into());
    }
    let (mut groups, mut services, mut hours) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let mut trading = BTreeMap::new();
    let (mut tracking, mut taxed) = (None, None);
    let what;
    let event = match setting {
        Setting::Sku(name, fields) => {
            let sku = cx.draft.intern_sku(&NameRef::New(name)).ok_or_else(|| left::others("sku"))?;
            let tracked = describe_tracking(cx, sku, &fields, &BTreeMap::new())?;
            let details = describe_sku(cx, sku, &fields)?;
            taxed = describe_tax_class(cx, sku, &fields.tax_class, &BTreeMap::new());
            let class = match &taxed {
                Some((_, class)) => class.clone(),
                None => cx.state.own.prices.tax_class(sku).and_then(|taxed| taxed.1.clone()),
            };
            what = Set::Sku(sku, tracked.unwrap_or(cx.state.catalogue.is_tracked(sku)), class);
            let set = tracked.map(|tracked| Event::TrackingSet(vec![(sku, tracked)]));
            match details {
                Some(details) => {
                    tracking = set;
                    Some(Event::SkusSet(vec![(sku, details)]))
                }
                None => set,
            }
        }
        Setting::Location(name, fields) => {
            let location = cx.draft.intern_location(&NameRef::New(name)).ok_or_else(|| left::locations("location"))?;
            describe_services(cx, location, &fields.services, &mut services)?;
            describe_hours(cx, location, &fields.services, &mut hours);
            describe_trading(cx, location, &fields.trading, &mut trading);
            let details = describe_location(cx, location, &fields, &mut groups)?;
            let set = (services.get(&location), hours.get(&location), trading.get(&location));
            what = Set::Location(location, set.0.cloned(), set.1.cloned(), set.2.cloned());
            match (details, services.is_empty(), hours.is_empty(), trading.is_empty()) {
                (Some(details), ..) => Some(Event::LocationsSet(vec![(location, details)])),
                (None, false, ..) => Some(Event::ServicesSet(std::mem::take(&mut services).into_iter().collect())),
                (None, true, false, _) => Some(Event::HoursSet(std::mem::take(&mut hours).into_iter().collect())),
                (None, true, true, false) => {
                    Some(Event::TradingSet(std::mem::take(&mut trading).into_iter().collect()))
                }
                (None, true, true, true) => None,
            }
        }
        Setting::Group(name, members) => {
            let (group, details) = describe_group(cx, &name, &members)?;
            what = Set::Group(group);
            details.map(|details| Event::GroupsSet(vec![(group, details)]))
        }
        Setting::Retire(kind, name) => return retire_thing(cx, kind, name, cause),
        Setting::Channel(name, fields) => {
            let channel = cx.draft.intern_channel(&NameRef::New(name)).ok_or_else(|| left::channels("channel"))?;
            let known = cx.draft.channel_details(channel).map(|(_, known)| *known);
            let mut details = known.unwrap_or_default();
            fields.buffer.apply_or(&mut details.buffer, 0);
            let known = known == Some(details);
            what = Set::Channel(channel, details);
            (!known).then_some(Event::ChannelsSet(vec![(channel, details)]))
        }
    };
    let thing = thing_set(cx, what, &groups);
    let taxed = taxed.map(|row| PriceEvent::SkusTaxed(vec![row]));
    let of_part = cause.as_deref().and_then(Cause::of_part);
    let event = match (event, taxed) {
        (None, None) => return Ok(cx.tell_thing(cause, version, thing)),
        (None, Some(taxed)) => taxed.into(),
        (Some(event), taxed) => {
            if let Some(taxed) = taxed {
                cx.log_details(of_part.clone(), taxed);
            }
            crate::event::Event::from(event)
        }
    };
    if let Some(tracking) = tracking {
        cx.log_details(of_part.clone(), tracking);
    }
    if !groups.is_empty() {
        cx.log_details(of_part.clone(), Event::GroupsSet(groups.into_iter().collect()));
    }
    if !services.is_empty() {
        cx.log_details(of_part.clone(), Event::ServicesSet(services.into_iter().collect()));
    }
    if !hours.is_empty() {
        cx.log_details(of_part.clone(), Event::HoursSet(hours.into_iter().collect()));
    }
    if !trading.is_empty() {
        cx.log_details(of_part, Event::TradingSet(trading.into_iter().collect()));
    }
    let of_effect = effect_of(cause);
    let seq = cx.log_details(of_effect, event);
    Ok(cx.tell_thing(cause, seq, thing))
}

/// An item in the draft; `groups` are those that the command changes.
fn thing_set(cx: &Decide<'_>, what: Set, groups: &BTreeMap<GroupId, GroupDetails>) -> Thing {
    let draft = &*cx.draft;
    match what {
        Set::Sku(sku, tracked, class) => {
            let details = draft.sku_details(sku).map(|(_, set)| (*set).clone()).unwrap_or_default();
            match (class, tracked) {
                (Some(class), _) => Thing::Taxed(sku, details, tracked, class),
                (None, true) => Thing::Sku(sku, details),
                (None, false) => Thing::Uncounted(sku, details),
            }
        }
        Set::Location(location, services, hours, trading) => {
            let hours = hours.unwrap_or_else(|| cx.state.catalogue.hours(location).details);
            let details = draft.location_details(location).map(|(_, set)| (*set).clone()).unwrap_or_default();
            let durable = || cx.state.catalogue.services(location).map(|set| set.details.clone());
            let services = services.or_else(durable).unwrap_or_default();
            let mut of: Vec<GroupId> = cx.state.catalogue.groups_of(location);
            of.retain(|group| !groups.contains_key(group));
            let holds = |details: &GroupDetails| details.locations.binary_search(&location).is_ok();
            of.extend(groups.iter().filter(|(_, details)| holds(details)).map(|(group, _)| *group));
            of.sort_unstable();
            let place = Box::new(PlaceSet { location, details, services, hours, groups: of });
            let durable = || cx.state.catalogue.trading(location).map(|set| set.details.clone());
            match trading.or_else(durable).filter(|trading| *trading != TradingDetails::default()) {
                Some(trading) => Thing::LocationTrading(place, trading),
                None => Thing::LocationSet(place),
            }
        }
        Set::Group(group) => {
            Thing::Group(group, draft.group_details(group).map(|(_, set)| (*set).clone()).unwrap_or_default())
        }
        Set::Channel(channel, details) => Thing::Channel(channel, details),
    }
}

/// The version of an item; `None` if it does not exist.
fn version_of(cx: &Decide<'_>, setting: &Setting) -> Option<Version> {
    let draft = &*cx.draft;
    let seq = match setting {
        Setting::Sku(name, _) | Setting::Retire(ThingKind::Sku, name) => {
            let sku = draft.known_sku(name)?;
            let details = draft.sku_details(sku).map(|(version, _)| version);
            let taxed = cx.state.own.prices.tax_class(sku).map(|taxed| taxed.0);
            details.max(cx.state.catalogue.tracking(sku).map(|tracking| tracking.version)).max(taxed)
        }
        Setting::Location(name, _) | Setting::Retire(ThingKind::Location, name) => {
            let location = draft.known_location(name)?;
            let details = draft.location_details(location).map(|(version, _)| version);
            let served = cx.state.catalogue.services(location).map(|set| set.version);
            let hours = Some(cx.state.catalogue.hours(location).version);
            let traded = cx.state.catalogue.trading(location).map(|set| set.version);
            let seq = details.max(served).max(hours).max(traded).unwrap_or(0);
            return Some(Version::of_location(seq, &cx.state.catalogue.groups_of(location)));
        }
        Setting::Group(name, _) | Setting::Retire(ThingKind::Group, name) => {
            draft.group_details(draft.known_group(name)?).map(|(version, _)| version)
        }
        Setting::Channel(name, _) | Setting::Retire(ThingKind::Channel, name) => {
            draft.channel_details(draft.known_channel(name)?).map(|(version, _)| version)
        }
    };
    Some(Version::new(seq.unwrap_or(0)))
}

/// The details after `fields`; `None` if nothing changes. Fields that are left out stay.
pub(crate) fn describe_sku(cx: &mut Decide<'_>, sku: SkuId, fields: &SkuFields) -> Result<Option<SkuDetails>, Failure> {
    if let Some(Err(error)) = fields.gtin.value().map(|gtin| Gtin::parse_all(gtin)) {
        return Err(Refusal::invalid("gtin", error.to_string()).into());
    }
    let known = cx.draft.sku_details(sku);
    let mut details = known.as_ref().map(|(_, known)| (**known).clone()).unwrap_or_default();
    fields.name.apply(&mut details.name);
    fields.gtin.apply(&mut details.gtin);
    fields.unit.apply(&mut details.unit);
    fields.product.apply(&mut details.product);
    fields.decimals.apply_or(&mut details.decimals, 0);
    fields.categories.apply_or(&mut details.categories, Vec::new());
    fields.all_attributes.apply_or(&mut details.attributes, BTreeMap::new());
    details.attributes.extend(fields.attributes.iter().cloned());
    if known.is_some_and(|(_, known)| *known == details) {
        return Ok(None);
    }
    cx.draft.set_sku_details(sku, cx.draft.builder.next_seq(), details.clone());
    Ok(Some(details))
}

/// The new value of `tracked`, or `None` if the preceding rows leave it unchanged.
pub(crate) fn describe_tracking(
    cx: &Decide<'_>,
    sku: SkuId,
    fields: &SkuFields,
    set: &BTreeMap<SkuId, bool>,
) -> Result<Option<bool>, Failure> {
    let Some(tracked) = fields.tracks() else { return Ok(None) };
    let catalogue = &cx.state.catalogue;
    if tracked == set.get(&sku).copied().unwrap_or(catalogue.is_tracked(sku)) {
        return Ok(None);
    }
    // The command began its batch, so the durable view is complete except for what was due.
    let holders = cx.state.holders_of_units(sku);
    if !holders.is_empty() {
        return Err(Refusal::HeldAsCounted { name: catalogue.skus.name(sku).clone(), holders }.into());
    }
    Ok(Some(tracked))
}

pub(crate) fn describe_location(
    cx: &mut Decide<'_>,
    location: LocationId,
    fields: &LocationFields,
    groups: &mut BTreeMap<GroupId, GroupDetails>,
) -> Result<Option<LocationDetails>, Failure> {
    if cx.draft.is_quarantine(location) {
        let reason = "is a quarantine, which the server created and which cannot be changed";
        return Err(Refusal::invalid("location", reason).into());
    }
    let known = cx.draft.location_details(location);
    let mut details = known.as_ref().map(|(_, known)| (**known).clone()).unwrap_or_default();
    let empty = LocationDetails::default();
    fields.name.apply(&mut details.name);
    fields.timezone.apply(&mut details.timezone);
    fields.kind.apply_or(&mut details.kind, empty.kind);
    fields.coordinates.apply(&mut details.coordinates);
    fields.pickup.apply_or(&mut details.pickup, empty.pickup);
    fields.ship.apply_or(&mut details.ship, empty.ship);
    let regrouped = match &fields.groups {
        Patch::Keep => false,
        Patch::Clear => set_groups_of(cx, location, &[], groups)?,
        Patch::Set(names) => set_groups_of(cx, location, names, groups)?,
    };
    if known.is_some_and(|(_, known)| *known == details) && !regrouped {
        return Ok(None);
    }
    cx.draft.set_location_details(location, cx.draft.builder.next_seq(), details.clone());
    Ok(Some(details))
}

/// Sets the service fields of a location; true if anything changes.
pub(crate) fn describe_services(
    cx: &mut Decide<'_>,
    location: LocationId,
    fields: &ServiceFields,
    set: &mut BTreeMap<LocationId, ServiceDetails>,
) -> Result<bool, Failure> {
    let ServiceFields { pickup_cutoff, pickup_minutes, transfer_group, transfer_minutes, .. } = fields;
    let durable = || cx.state.catalogue.services(location).map(|set| set.details.clone());
    let known = set.get(&location).cloned().or_else(durable).unwrap_or_default();
    let mut details = known.clone();
    pickup_cutoff.apply(&mut details.pickup_cutoff);
    pickup_minutes.apply_or(&mut details.pickup_minutes, 0);
    match transfer_group {
        Patch::Keep => {}
        Patch::Clear => details.brought_from = None,
        Patch::Set(group) => {
            let from = cx.draft.intern_group(group).ok_or_else(|| left::others("transfer_group"))?;
            let minutes = details.brought_from.map_or(0, |brought| brought.minutes);
            details.brought_from = Some(BroughtFrom { from, minutes });
        }
    }
    match &mut details.brought_from {
        Some(brought) => transfer_minutes.apply_or(&mut brought.minutes, 0),
        None if transfer_minutes.value().is_some() => {
            return Err(Refusal::invalid("transfer_minutes", "needs transfer_group; send both").into());
        }
        None => {}
    }
    if details == known {
        return Ok(false);
    }
    set.insert(location, details);
    Ok(true)
}

/// Sets the opening hours of a location; true if anything changes.
pub(crate) fn describe_hours(
    cx: &mut Decide<'_>,
    location: LocationId,
    fields: &ServiceFields,
    set: &mut BTreeMap<LocationId, LocationHours>,
) -> bool {
    let known = set.get(&location).cloned().unwrap_or_else(|| cx.state.catalogue.hours(location).details);
    let mut hours = known.clone();
    fields.hours.apply(&mut hours.weekly);
    fields.special_hours.apply_or(&mut hours.special, Vec::new());
    let changed = hours != known;
    if changed {
        set.insert(location, hours);
    }
    changed
}

/// Sets how a location trades; true if anything changes.
pub(crate) fn describe_trading(
    cx: &Decide<'_>,
    location: LocationId,
    fields: &TradingFields,
    set: &mut BTreeMap<LocationId, TradingDetails>,
) -> bool {
    let durable = || cx.state.catalogue.trading(location).map(|set| set.details.clone());
    let known = set.get(&location).cloned().or_else(durable).unwrap_or_default();
    let mut details = known.clone();
    fields.currency.apply(&mut details.currency);
    fields.address.apply(&mut details.address);
    match &fields.barcodes {
        Patch::Keep => {}
        Patch::Clear => details.barcodes.clear(),
        Patch::Set(patterns) => details.barcodes = Patterns::texts(patterns),
    }
    let changed = details != known;
    if changed {
        set.insert(location, details);
    }
    changed
}

/// Puts a location into exactly the named groups; true if any group changes.
fn set_groups_of(
    cx: &mut Decide<'_>,
    location: LocationId,
    names: &[Name],
    changed: &mut BTreeMap<GroupId, GroupDetails>,
) -> Result<bool, Failure> {
    let mut wanted = Vec::new();
    for name in names {
        wanted.push(cx.draft.intern_group(name).ok_or_else(|| left::others("groups"))?);
    }
    let mut touched: Vec<GroupId> = cx.state.catalogue.groups_of(location);
    touched.extend(cx.draft.fresh_groups_of(location));
    touched.extend(changed.keys().copied());
    touched.extend(&wanted);
    touched.sort_unstable();
    touched.dedup();
    let mut any = false;
    // Bounded by the former groups, the new groups, and groups that earlier rows changed; only groups that gain or lose
    // the location are copied.
    for group in touched {
        let known = cx.draft.group_details(group).map(|(_, known)| known).unwrap_or_default();
        let at = known.locations.binary_search(&location);
        let mut details = match (at, wanted.contains(&group)) {
            (Err(_), true) | (Ok(_), false) => (*known).clone(),
            _ => continue,
        };
        match at {
            Err(at) => details.locations.insert(at, location),
            Ok(at) => drop(details.locations.remove(at)),
        }
        cx.draft.set_group_details(group, cx.draft.builder.next_seq(), details.clone());
        changed.insert(group, details);
        any = true;
    }
    Ok(any)
}

pub(crate) fn describe_group(
    cx: &mut Decide<'_>,
    name: &Name,
    members: &Patch<Vec<Name>>,
) -> Result<(GroupId, Option<GroupDetails>), Failure> {
    let mut locations = Vec::new();
    for member in members.value().into_iter().flatten() {
        locations.push(cx.draft.own_location(member).ok_or_else(|| unknown("locations", member))?);
    }
    locations.sort_unstable();
    locations.dedup();
    let group = cx.draft.intern_group(name).ok_or_else(|| left::others("group"))?;
    if members.is_keep()
        && let Some((_, known)) = cx.draft.group_details(group)
    {
        locations.clone_from(&known.locations);
    }
    let details = GroupDetails { locations };
    if cx.draft.group_details(group).is_some_and(|(_, known)| *known == details) {
        return Ok((group, None));
    }
    cx.draft.set_group_details(group, cx.draft.builder.next_seq(), details.clone());
    Ok((group, Some(details)))
}
