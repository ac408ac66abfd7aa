//! JSON of SKUs, locations, groups and channels.

use anaquel_engine::Engine;
use anaquel_engine::catalogue::{SkuDetails, TradingDetails, Versioned};
use anaquel_engine::command::Version;
use anaquel_engine::event::{CellToCome, PlaceSet, Thing};
use anaquel_engine::ids::{ChannelId, GroupId, LocationId, SkuId};
use anaquel_engine::prices::list::Currency;
use anaquel_engine::prices::tax::STANDARD;
use serde_json::{Value, json};

use crate::auth::visibility::Visibility;
use crate::subjects::catalogue::hours;

/// The version of an item; 0 if it is not declared.
fn version<D>(set: Option<&Versioned<D>>) -> Version {
    Version::new(set.map_or(0, |set| set.version))
}

/// A SKU with its version.
pub fn sku(engine: &Engine, id: SkuId) -> (Version, Value) {
    let catalogue = &engine.state().catalogue;
    let details = catalogue.skus.details(id).map(|set| set.details.clone()).unwrap_or_default();
    let (declared, tracked) = (!catalogue.skus.is_made_up(id), catalogue.is_tracked(id));
    let version = Version::new(catalogue.sku_version(id).unwrap_or(0));
    let taxed = engine.state().own.prices.tax_class(id).map_or(0, |taxed| taxed.0);
    let version = Version::new(version.seq.max(taxed));
    let class = engine.state().own.prices.tax_class_of(id);
    (version, sku_item(engine, id, &details, (declared, tracked), &class))
}

fn sku_item(
    engine: &Engine,
    id: SkuId,
    details: &SkuDetails,
    (declared, tracked): (bool, bool),
    tax_class: &str,
) -> Value {
    json!({
        "sku": engine.state().catalogue.skus.name(id).as_str(),
        "name": details.name,
        "gtin": details.gtin,
        "unit": details.unit,
        "decimals": details.decimals,
        "product": details.product,
        "categories": details.categories,
        "attributes": details.attributes,
        "tracked": tracked,
        "tax_class": tax_class,
        "declared": declared,
    })
}

/// A location with its version.
pub fn location(engine: &Engine, id: LocationId) -> (Version, Value) {
    let catalogue = &engine.state().catalogue;
    let set = catalogue.locations.details(id);
    let details = set.as_deref().map(|set| set.details.clone()).unwrap_or_default();
    let served = catalogue.services(id);
    let services = served.as_deref().map(|set| set.details.clone()).unwrap_or_default();
    let hours = catalogue.hours(id);
    let groups = catalogue.groups_of(id);
    let traded = catalogue.trading(id);
    let trading = traded.as_deref().map(|set| set.details.clone()).unwrap_or_default();
    let place = PlaceSet { location: id, details, services, hours: hours.details, groups };
    let mut item = location_item(engine, &place, &trading);
    if let Value::Object(members) = &mut item {
        members.insert("declared".into(), (!catalogue.locations.is_made_up(id)).into());
        if let Some(of) = catalogue.quarantine_of(id) {
            members.insert("kind".into(), "quarantine".into());
            members.insert("quarantine_of".into(), catalogue.locations.name(of).as_str().into());
            members.insert("pickup".into(), false.into());
            members.insert("ship".into(), false.into());
        }
    }
    let seq = set.map_or(0, |set| set.version).max(served.map_or(0, |set| set.version)).max(hours.version);
    let seq = seq.max(traded.map_or(0, |set| set.version));
    (Version::of_location(seq, &place.groups), item)
}

fn location_item(engine: &Engine, place: &PlaceSet, trading: &TradingDetails) -> Value {
    let PlaceSet { location, details, services, hours, groups } = place;
    let catalogue = &engine.state().catalogue;
    let groups: Vec<_> = groups.iter().map(|group| catalogue.groups.name(*group).to_string()).collect();
    json!({
        "location": catalogue.locations.name(*location).as_str(),
        "name": details.name,
        "kind": details.kind.as_str(),
        "latitude": details.coordinates.map(|(latitude, _)| latitude),
        "longitude": details.coordinates.map(|(_, longitude)| longitude),
        "timezone": details.timezone,
        "pickup": details.pickup,
        "ship": details.ship,
        "groups": groups,
        "hours": hours::by_day(hours.weekly.as_deref()),
        "special_hours": hours::special_days(&hours.special),
        "pickup_cutoff": services.pickup_cutoff.map(hours::clock),
        "pickup_minutes": services.pickup_minutes,
        "transfer_group": services.brought_from.map(|brought| catalogue.groups.name(brought.from).as_str()),
        "transfer_minutes": services.brought_from.map(|brought| brought.minutes),
        "currency": trading.currency.as_ref().map(Currency::as_str),
        "address": trading.address,
        "barcodes": trading.barcodes,
        "declared": true,
    })
}

/// A group with its version.
pub fn group(engine: &Engine, id: GroupId) -> (Version, Value) {
    let catalogue = &engine.state().catalogue;
    let set = catalogue.groups.details(id);
    let members = set.as_deref().map(|set| set.details.locations.clone()).unwrap_or_default();
    (version(set.as_deref()), group_item(engine, id, &members))
}

fn group_item(engine: &Engine, id: GroupId, members: &[LocationId]) -> Value {
    let catalogue = &engine.state().catalogue;
    let members: Vec<_> = members.iter().map(|member| catalogue.locations.name(*member).to_string()).collect();
    json!({"group": catalogue.groups.name(id).as_str(), "locations": members})
}

/// A channel with its version.
pub fn channel(engine: &Engine, id: ChannelId) -> (Version, Value) {
    let registry = &engine.state().catalogue.channels;
    let set = registry.details(id);
    let buffer = set.as_deref().map_or(0, |set| set.details.buffer);
    (version(set.as_deref()), channel_item(engine, id, buffer, !registry.is_made_up(id)))
}

fn channel_item(engine: &Engine, id: ChannelId, buffer: u32, declared: bool) -> Value {
    let name = engine.state().catalogue.channels.name(id);
    json!({"channel": name.as_str(), "buffer": buffer, "declared": declared})
}

/// An item as it was at its record, restricted to what the caller may see. A bound caller gets no promises at risk
/// here: they may change, and a repeat must get the first answer.
pub fn thing(engine: &Engine, thing: &Thing, sight: &Visibility) -> Value {
    match thing {
        Thing::Sku(id, details) => sku_item(engine, *id, details, (true, true), STANDARD),
        Thing::Uncounted(id, details) => sku_item(engine, *id, details, (true, false), STANDARD),
        Thing::Taxed(id, details, tracked, class) => sku_item(engine, *id, details, (true, *tracked), class.as_str()),
        Thing::Location(id, details, services, groups) => {
            let (details, services, groups) = (details.clone(), services.clone(), groups.clone());
            let hours = services.old_hours();
            let place = PlaceSet { location: *id, details, services, hours, groups };
            location_item(engine, &place, &TradingDetails::default())
        }
        Thing::LocationSet(place) => location_item(engine, place, &TradingDetails::default()),
        Thing::LocationTrading(place, trading) => location_item(engine, place, trading),
        Thing::Group(id, details) => group_item(engine, *id, &details.locations),
        Thing::Channel(id, details) => channel_item(engine, *id, details.buffer, true),
        Thing::Rule(standing) => crate::subjects::rules::views::standing(engine, standing).1,
        Thing::Receipts(told) => crate::subjects::receipts::views::told(engine, told),
        Thing::Prices(told) => crate::subjects::prices::views::told(engine, told),
        Thing::Carts(told) => crate::subjects::carts::views::told(engine, told),
        Thing::Orders(told) => crate::subjects::orders::views::told(engine, told),
        Thing::Returns(told) => crate::subjects::returns::views::told(engine, told),
        Thing::Transfers(told) => crate::subjects::transfers::views::told(engine, told),
        Thing::NoRule(name) => json!({"rule": name.as_str()}),
        Thing::Retired(kind, name) => json!({kind.as_str(): name.as_str(), "retired": true}),
        Thing::Supply(cells) => {
            let item = |cell: &CellToCome| match sight.is_free() {
                true => crate::subjects::supply::views::cell(engine, cell, sight),
                false => crate::subjects::supply::views::cell(
                    engine,
                    &CellToCome { at_risk: Vec::new(), ..cell.clone() },
                    sight,
                ),
            };
            json!({"items": cells.iter().map(item).collect::<Vec<_>>()})
        }
    }
}
