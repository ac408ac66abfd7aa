//! Loads rows of locations, groups, SKUs and channels.

use std::collections::BTreeMap;

use super::command::{LocationFields, SkuFields};
use super::decide::{
    describe_group, describe_hours, describe_location, describe_services, describe_sku, describe_tracking,
    describe_trading,
};
use super::details::{GroupDetails, LocationHours, SkuDetails, TradingDetails};
use super::event::Event as CatalogueEvent;
use crate::decide::load::{chunks, row_error};
use crate::decide::{Decide, left};
use crate::event::Event;
use crate::ids::{GroupId, LocationId, Name, SkuId};
use crate::imports::command::Row;
use crate::kernel::name_ref::NameRef;
use crate::kernel::patch::Patch;
use crate::outcome::Loaded;
use crate::prices::decide::describe_tax_class;
use crate::prices::event::Event as PriceEvent;

/// Locations.
pub(crate) fn locations(
    cx: &mut Decide<'_>,
    rows: Vec<Row<LocationId, LocationFields>>,
    loaded: &mut Loaded,
    events: &mut Vec<Event>,
) {
    let mut set = Vec::new();
    let (mut groups, mut services, mut hours) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let mut trading = BTreeMap::new();
    for row in rows {
        let defined = cx.draft.defined_so_far();
        let Some(location) = cx.draft.intern_location(&row.id) else {
            loaded.errors.push(row_error(row.line, left::locations("location")));
            continue;
        };
        let fields = &row.fields.services;
        let before = (services.get(&location).cloned(), hours.get(&location).cloned(), trading.get(&location).cloned());
        let served = describe_services(cx, location, fields, &mut services);
        let described = served.and_then(|served| {
            let served = describe_hours(cx, location, fields, &mut hours) || served;
            let served = describe_trading(cx, location, &row.fields.trading, &mut trading) || served;
            Ok((served, describe_location(cx, location, &row.fields, &mut groups)?))
        });
        match described {
            Ok((served, details)) => {
                let changed = served || details.is_some();
                set.extend(details.map(|details| (location, details)));
                loaded.count(changed.then_some(()));
            }
            Err(failure) => {
                put_back(&mut services, location, before.0);
                put_back(&mut hours, location, before.1);
                put_back(&mut trading, location, before.2);
                cx.draft.forget_definitions(defined);
                loaded.errors.push(row_error(row.line, failure));
            }
        }
    }
    events.extend(chunks(set, |_| 256, CatalogueEvent::LocationsSet));
    events.extend(chunks(services.into_iter().collect(), |_| 256, CatalogueEvent::ServicesSet));
    events.extend(chunks(hours.into_iter().collect(), hours_weight, CatalogueEvent::HoursSet));
    events.extend(chunks(trading.into_iter().collect(), trading_weight, CatalogueEvent::TradingSet));
    events.extend(chunks(groups.into_iter().collect(), group_weight, CatalogueEvent::GroupsSet));
}

/// Restores what was set for a location before its row was refused.
fn put_back<T>(set: &mut BTreeMap<LocationId, T>, location: LocationId, before: Option<T>) {
    match before {
        Some(before) => drop(set.insert(location, before)),
        None => drop(set.remove(&location)),
    }
}

/// Groups.
pub(crate) fn groups(
    cx: &mut Decide<'_>,
    rows: Vec<(u64, Name, Vec<Name>)>,
    loaded: &mut Loaded,
    events: &mut Vec<Event>,
) {
    let mut set = BTreeMap::new();
    for (line, group, members) in rows {
        match describe_group(cx, &group, &Patch::Set(members)) {
            Ok((group, details)) => loaded.count(details.map(|details| set.insert(group, details))),
            Err(failure) => loaded.errors.push(row_error(line, failure)),
        }
    }
    events.extend(chunks(set.into_iter().collect(), group_weight, CatalogueEvent::GroupsSet));
}

/// SKUs.
pub(crate) fn skus(
    cx: &mut Decide<'_>,
    rows: Vec<Row<SkuId, SkuFields>>,
    loaded: &mut Loaded,
    events: &mut Vec<Event>,
) {
    let (mut set, mut tracking, mut taxed) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    for row in rows {
        let defined = cx.draft.defined_so_far();
        let Some(sku) = cx.draft.intern_sku(&row.id) else {
            loaded.errors.push(row_error(row.line, left::others("sku")));
            continue;
        };
        let tracked = describe_tracking(cx, sku, &row.fields, &tracking);
        match tracked.and_then(|tracked| Ok((tracked, describe_sku(cx, sku, &row.fields)?))) {
            Ok((tracked, details)) => {
                let class = describe_tax_class(cx, sku, &row.fields.tax_class, &taxed);
                let changed = tracked.is_some() || details.is_some() || class.is_some();
                taxed.extend(class);
                tracking.extend(tracked.map(|tracked| (sku, tracked)));
                set.extend(details.map(|details| (sku, details)));
                loaded.count(changed.then_some(()));
            }
            Err(failure) => {
                cx.draft.forget_definitions(defined);
                loaded.errors.push(row_error(row.line, failure));
            }
        }
    }
    events.extend(chunks(set, sku_weight, CatalogueEvent::SkusSet));
    // A row that restores what an earlier row changed is unchanged.
    tracking.retain(|sku, tracked| *tracked != cx.state.catalogue.is_tracked(*sku));
    events.extend(chunks(tracking.into_iter().collect(), |_| 8, CatalogueEvent::TrackingSet));
    events.extend(chunks(taxed.into_iter().collect(), |_| 32, PriceEvent::SkusTaxed));
}

/// Channels.
pub(crate) fn channels(
    cx: &mut Decide<'_>,
    rows: Vec<(u64, Name, Option<u32>)>,
    loaded: &mut Loaded,
    events: &mut Vec<Event>,
) {
    let mut set = BTreeMap::new();
    for (line, name, buffer) in rows {
        let Some(channel) = cx.draft.intern_channel(&NameRef::New(name)) else {
            loaded.errors.push(row_error(line, left::channels("channel")));
            continue;
        };
        let known = cx.draft.channel_details(channel).map(|(_, known)| *known);
        let known = set.get(&channel).copied().or(known);
        let mut details = known.unwrap_or_default();
        details.buffer = buffer.unwrap_or(details.buffer);
        let changed = known != Some(details);
        loaded.count(changed.then(|| set.insert(channel, details)));
    }
    events.extend(chunks(set.into_iter().collect(), |_| 64, CatalogueEvent::ChannelsSet));
}

/// The approximate size of a location's hours in a record, in bytes.
fn hours_weight((_, hours): &(LocationId, LocationHours)) -> usize {
    64 + 4 * hours.weekly.iter().flatten().count()
        + hours.special.iter().map(|(_, spans)| 16 + 4 * spans.len()).sum::<usize>()
}

fn trading_weight((_, details): &(LocationId, TradingDetails)) -> usize {
    64 + details.address.as_ref().map_or(0, String::len)
        + details.barcodes.iter().map(|pattern| 8 + pattern.len()).sum::<usize>()
}

fn group_weight((_, details): &(GroupId, GroupDetails)) -> usize {
    16 + 4 * details.locations.len()
}

fn sku_weight((_, details): &(SkuId, SkuDetails)) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let categories: usize = details.categories.iter().map(|category| 8 + category.len()).sum();
    let attributes: usize = details.attributes.iter().map(|(key, value)| 16 + key.len() + value.len()).sum();
    64 + text(&details.name)
        + text(&details.gtin)
        + text(&details.unit)
        + text(&details.product)
        + categories
        + attributes
}
