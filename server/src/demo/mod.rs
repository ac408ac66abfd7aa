//! A small realistic retailer: fashion, about 40 stores and two warehouses in Spain and Mexico, sparse and uneven
//! stock. The same seed creates the same retailer every time.

mod carts;
mod names;
pub(crate) mod numbers;
mod orders;
mod places;
mod prices;
mod products;
mod returns;

use anaquel_engine::Engine;
use anaquel_engine::barcodes::Patterns;
use anaquel_engine::business_time::DAY_MINUTES;
use anaquel_engine::catalogue::{ChannelDetails, LocationKind};
use anaquel_engine::command::{
    Command, Count, LocationFields, NameRef, Precondition, Put, PutWhat, Row, Rows, ServiceFields, TradingFields,
};
use anaquel_engine::patch::Patch;
use anaquel_engine::prices::command::RowFields;
use anaquel_engine::prices::list::Currency;

use crate::demo::names::{ROWS, name, run, sku};
use crate::demo::numbers::Numbers;
use crate::demo::places::{DemoLocation, PLACES};
use crate::demo::products::{Variant, variants};

const SEED: u64 = 0x0A7A_90E1;

/// Loads the retailer, unless the store has data.
///
/// # Errors
/// The engine refuses it.
pub fn load(engine: &Engine) -> anyhow::Result<()> {
    if engine.state().catalogue.skus.count() > 0 || engine.state().cells() > 0 {
        tracing::info!("the store is not empty, so the demo is not loaded again");
        return Ok(());
    }
    let mut numbers = Numbers(SEED);
    let variants = variants(&mut numbers);
    run(engine, Rows::Locations(PLACES.iter().map(location).collect::<anyhow::Result<_>>()?))?;
    for chunk in variants.chunks(ROWS) {
        let row =
            |variant: &Variant| Ok(Row { line: 0, id: NameRef::New(sku(&variant.sku)?), fields: variant.fields() });
        run(engine, Rows::Skus(chunk.iter().map(row).collect::<anyhow::Result<_>>()?))?;
        let mut prices = Vec::new();
        for variant in chunk {
            for (currency, amount) in [("EUR", variant.cents), ("MXN", variant.cents * 20)] {
                prices.push(RowFields::base(sku(&variant.sku)?, Currency::of(currency), amount.unsigned_abs()));
            }
        }
        run(engine, Rows::Prices(prices))?;
    }
    let counts = stock(&variants, &mut numbers)?;
    for chunk in counts.chunks(ROWS) {
        run(engine, Rows::Stock { counts: chunk.to_vec(), create: false })?;
    }
    for (channel, buffer) in [("web", 1), ("app", 1), ("marketplace", 3), ("contact-centre", 0), ("pos", 0)] {
        let put = Put {
            what: PutWhat::Channel(name(channel)?, ChannelDetails { buffer }.into()),
            precondition: Precondition::default(),
        };
        engine.run(|engine, done| engine.submit(Command::from(put), None, done))?;
    }
    prices::load(engine, &variants)?;
    carts::load(engine, &variants)?;
    returns::issuers(engine)?;
    orders::load(engine, &variants)?;
    tracing::info!(
        locations = PLACES.len(),
        skus = variants.len(),
        cells = engine.state().cells(),
        "the demo retailer is loaded; try /v1/availability?sku={}",
        variants.first().map_or("", |variant| variant.sku.as_str())
    );
    Ok(())
}

fn location(place: &DemoLocation) -> anyhow::Result<Row<anaquel_engine::ids::LocationId, LocationFields>> {
    let groups: Vec<&str> = match (place.kind, place.country) {
        (LocationKind::Store, "es") => vec!["spain", "stores"],
        (LocationKind::Store, _) => vec!["mexico", "stores"],
        (_, "es") => vec!["spain", "warehouses"],
        _ => vec!["mexico", "warehouses"],
    };
    // Open Monday to Saturday from 10 to 21; the country's warehouses supply a store within a day.
    let open = (0..6).map(|day| (day * DAY_MINUTES + 10 * 60, day * DAY_MINUTES + 21 * 60)).collect();
    let warehouses = if place.country == "es" { "spain" } else { "mexico" };
    let services = ServiceFields {
        hours: Patch::Set(open),
        special_hours: Patch::Keep,
        pickup_cutoff: Patch::Set(19 * 60),
        pickup_minutes: Patch::Set(60),
        transfer_group: Patch::Set(name(warehouses)?),
        transfer_minutes: Patch::Set(DAY_MINUTES.into()),
    };
    let sells = place.kind == LocationKind::Store;
    let trading = TradingFields {
        currency: Patch::Set(Currency(if place.country == "es" { *b"EUR" } else { *b"MXN" })),
        address: Patch::Set(place.address()),
        barcodes: if sells { Patch::Set(barcodes()?) } else { Patch::Keep },
    };
    let fields = LocationFields {
        trading,
        services: if place.kind == LocationKind::Store { services } else { ServiceFields::default() },
        name: Patch::Set(place.name.to_owned()),
        kind: Patch::Set(place.kind),
        coordinates: Patch::Set((place.latitude, place.longitude)),
        timezone: Patch::Set(place.timezone.to_owned()),
        pickup: Patch::Set(place.kind == LocationKind::Store),
        ship: Patch::Set(place.kind == LocationKind::Warehouse || place.size >= 8),
        groups: Patch::Set(groups.into_iter().map(name).collect::<anyhow::Result<_>>()?),
    };
    Ok(Row { line: 0, id: NameRef::New(name(place.id)?), fields })
}

/// The labels of the stores' scales: an item and its weight.
fn barcodes() -> anyhow::Result<Patterns> {
    Patterns::parse(&["2IIIIIIWWWWWC".to_owned()]).map_err(|(_, error)| error.into())
}

/// Warehouses stock most SKUs, large stores many, small ones few; popular sizes more than rare ones. A few cells are
/// empty.
fn stock(variants: &[Variant], numbers: &mut Numbers) -> anyhow::Result<Vec<Count>> {
    let mut counts = Vec::new();
    for variant in variants {
        for place in PLACES {
            let warehouse = place.kind == LocationKind::Warehouse;
            let carried = if warehouse { 95 } else { 6 + place.size * 4 };
            if !numbers.chance(carried) {
                continue;
            }
            let most = if warehouse { 40 * variant.popularity } else { 1 + place.size * variant.popularity / 4 };
            let on_hand = if numbers.chance(12) { 0 } else { numbers.below(most + 1) as i32 };
            counts.push(Count {
                line: 0,
                sku: NameRef::New(sku(&variant.sku)?),
                location: NameRef::New(name(place.id)?),
                on_hand,
                counted_at: None,
                safety_stock: Some(u32::from(warehouse) * 2),
                as_of: None,
            });
        }
    }
    Ok(counts)
}
