//! Writing out what an import reads: the same columns, so that what is exported can be loaded again.

use std::io::{self, Write};

use anaquel_engine::Engine;
use anaquel_engine::event::ImportKind;
use anaquel_engine::ids::{ChannelId, GroupId, LocationId, Name, SkuId, Timestamp};
use anaquel_engine::level::IN_QUARANTINE;

use serde_json::Value;

use crate::files::as_of;
use crate::files::columns::{LOCATION_COLUMNS, RULE_COLUMNS, STOCK_COLUMNS, SUPPLY_COLUMNS};
use crate::files::csv::{guard, list, quote, said};
use crate::subjects::catalogue::hours;
use crate::wire;

/// Cells read together.
const CELLS_AT_A_TIME: usize = 1000;

/// Whether what people named is written so that no spreadsheet runs it, or as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Texts {
    /// As [`guard`] writes them; the import reads them back.
    Guarded,
    /// As they are, for programs that read CSV and nothing else.
    Raw,
}

/// Writes everything of one kind as CSV, and tells how many rows.
///
/// # Errors
/// What `out` said.
pub fn export(engine: &Engine, kind: ImportKind, texts: Texts, out: &mut impl Write) -> io::Result<u64> {
    match kind {
        ImportKind::Locations => locations(engine, texts, out),
        ImportKind::Groups => groups(engine, texts, out),
        ImportKind::Skus => skus(engine, texts, out),
        ImportKind::Stock => stock(engine, texts, out),
        ImportKind::Prices => prices(engine, texts, out),
        ImportKind::Rules => rules(engine, texts, out),
        ImportKind::Supply => supply(engine, texts, out),
        ImportKind::Channels => channels(engine, texts, out),
    }
}

impl Texts {
    /// A text as its cell.
    fn cell(self, text: &str) -> String {
        match self {
            Self::Guarded => guard(text),
            Self::Raw => text.to_owned(),
        }
    }

    /// A text that may be none, as its cell.
    fn optional(self, text: Option<&str>) -> String {
        match (self, text) {
            (_, None) => String::new(),
            (Self::Guarded, Some(text)) => said(text),
            (Self::Raw, Some(text)) => text.to_owned(),
        }
    }
}

fn row(out: &mut impl Write, fields: &[String]) -> io::Result<()> {
    let quoted: Vec<String> = fields.iter().map(|field| quote(field)).collect();
    writeln!(out, "{}", quoted.join(","))
}

fn locations(engine: &Engine, texts: Texts, out: &mut impl Write) -> io::Result<u64> {
    let catalogue = &engine.state().catalogue;
    writeln!(out, "{}", LOCATION_COLUMNS.join(","))?;
    let mut rows = 0;
    for id in (0..catalogue.locations.count()).map(LocationId) {
        // What nobody declared is not made a declared one by being loaded again.
        let Some(details) = catalogue.locations.details(id).map(|set| set.details.clone()) else { continue };
        let mut groups: Vec<_> =
            catalogue.groups_of(id).into_iter().map(|g| catalogue.groups.name(g).to_string()).collect();
        // A set, in an order that does not depend on when each was made.
        groups.sort_unstable();
        let services = catalogue.services(id).map(|set| set.details.clone()).unwrap_or_default();
        let worked = catalogue.hours(id).details;
        let degrees = |of: fn((f64, f64)) -> f64| details.coordinates.map(|at| of(at).to_string()).unwrap_or_default();
        let fields = [
            texts.cell(catalogue.locations.name(id).as_str()),
            texts.optional(details.name.as_deref()),
            details.kind.as_str().to_owned(),
            degrees(|(latitude, _)| latitude),
            degrees(|(_, longitude)| longitude),
            texts.optional(details.timezone.as_deref()),
            details.pickup.to_string(),
            details.ship.to_string(),
            texts.cell(&list(groups.iter().map(String::as_str))),
            hours::text(worked.weekly.as_deref()),
            hours::special_text(&worked.special),
            services.pickup_cutoff.map(hours::clock).unwrap_or_default(),
            services.pickup_minutes.to_string(),
            services
                .transfers
                .map(|transfers| texts.cell(catalogue.groups.name(transfers.from).as_str()))
                .unwrap_or_default(),
            services.transfers.map(|transfers| transfers.minutes.to_string()).unwrap_or_default(),
        ];
        row(out, &fields)?;
        rows += 1;
    }
    Ok(rows)
}

fn groups(engine: &Engine, texts: Texts, out: &mut impl Write) -> io::Result<u64> {
    let catalogue = &engine.state().catalogue;
    writeln!(out, "group,locations")?;
    let mut rows = 0;
    for id in (0..catalogue.groups.count()).map(GroupId) {
        let Some(members) = catalogue.groups.details(id).map(|set| set.details.locations.clone()) else { continue };
        let members: Vec<_> = members.into_iter().map(|member| catalogue.locations.name(member).to_string()).collect();
        let members = list(members.iter().map(String::as_str));
        row(out, &[texts.cell(catalogue.groups.name(id).as_str()), texts.cell(&members)])?;
        rows += 1;
    }
    Ok(rows)
}

fn skus(engine: &Engine, texts: Texts, out: &mut impl Write) -> io::Result<u64> {
    let registry = &engine.state().catalogue.skus;
    let all = || (0..registry.count()).map(SkuId).filter_map(|id| Some((id, registry.details(id)?)));
    let mut attributes: Vec<String> = Vec::new();
    for (_, set) in all() {
        for key in set.details.attributes.keys() {
            if let Err(at) = attributes.binary_search(key) {
                attributes.insert(at, key.clone());
            }
        }
    }
    let mut rows = 0;
    let columns: String = attributes.iter().map(|key| format!(",attr.{key}")).collect();
    writeln!(out, "sku,name,gtin,unit,decimals,product,categories,tracked{columns}")?;
    for (id, set) in all() {
        let details = &set.details;
        let mut fields = vec![
            texts.cell(registry.name(id).as_str()),
            texts.optional(details.name.as_deref()),
            texts.optional(details.gtin.as_deref()),
            texts.optional(details.unit.as_deref()),
            details.decimals.to_string(),
            texts.optional(details.product.as_deref()),
            texts.cell(&list(details.categories.iter().map(String::as_str))),
            engine.state().catalogue.is_tracked(id).to_string(),
        ];
        let value = |key: &String| texts.optional(details.attributes.get(key).map(String::as_str));
        fields.extend(attributes.iter().map(value));
        row(out, &fields)?;
        rows += 1;
    }
    Ok(rows)
}

fn stock(engine: &Engine, texts: Texts, out: &mut impl Write) -> io::Result<u64> {
    let state = engine.state();
    writeln!(out, "{}", STOCK_COLUMNS.join(","))?;
    let (mut from, total, mut rows) = (0, state.cells(), 0);
    let (skus, locations) = (&state.catalogue.skus, &state.catalogue.locations);
    // What nobody counts has no stock that a file could bring back: it holds what is promised of it.
    let is_left_out = |sku: SkuId, location: LocationId| {
        skus.is_retired(sku) || locations.is_retired(location) || !state.catalogue.is_tracked(sku)
    };
    while from < total {
        let to = from.saturating_add(CELLS_AT_A_TIME as u32).min(total);
        let (seq, (time, cells)) = state.view.read(|| {
            let cells = state.matrix.range(from, to).filter(|(_, cell)| cell.safety_stock() != IN_QUARANTINE);
            let cells = cells.map(|(_, cell)| {
                let (sku, location, counted_at) = (cell.sku(), cell.location(), cell.counted_at());
                // What was counted and did not move since is a count, and needs nothing more to be told as one.
                let is_count =
                    counted_at != Timestamp(0) && state.movements.since(sku, location, counted_at) == Some(0);
                (sku, location, cell.durable().on_hand, counted_at, cell.safety_stock(), is_count)
            });
            (state.last_time(), cells.filter(|cell| !is_left_out(cell.0, cell.1)).collect::<Vec<_>>())
        });
        let as_of = as_of::write(engine, time, seq);
        rows += cells.len() as u64;
        for (sku, location, on_hand, counted_at, safety_stock, is_count) in cells {
            let counted_at = if counted_at == Timestamp(0) { String::new() } else { wire::time(counted_at) };
            let as_of = if is_count { "" } else { as_of.as_str() };
            let text = |name: &Name| quote(&texts.cell(name.as_str()));
            let (sku, location) =
                (text(state.catalogue.skus.name(sku)), text(state.catalogue.locations.name(location)));
            writeln!(out, "{sku},{location},{on_hand},{counted_at},{safety_stock},{as_of}")?;
        }
        from = to;
    }
    Ok(rows)
}

fn rules(engine: &Engine, texts: Texts, out: &mut impl Write) -> io::Result<u64> {
    writeln!(out, "{}", RULE_COLUMNS.join(","))?;
    let rules = engine.state().rules.page(None, usize::MAX);
    for standing in &rules {
        let said = crate::subjects::rules::bodies::rule(engine, standing.name.as_str(), &standing.rule);
        let text = |value: &Value| match value {
            Value::Null => String::new(),
            Value::String(text) => texts.cell(text),
            Value::Array(items) => texts.cell(&list(items.iter().filter_map(Value::as_str))),
            other => other.to_string(),
        };
        row(out, &RULE_COLUMNS.map(|column| said.get(column).map(text).unwrap_or_default()))?;
    }
    Ok(rules.len() as u64)
}

fn supply(engine: &Engine, texts: Texts, out: &mut impl Write) -> io::Result<u64> {
    let catalogue = &engine.state().catalogue;
    writeln!(out, "{}", SUPPLY_COLUMNS.join(","))?;
    let (mut rows, mut after) = (0, None);
    loop {
        let (seq, cells, next) = engine.state().expected(None, None, after, CELLS_AT_A_TIME);
        let as_of = as_of::write(engine, engine.state().last_time(), seq);
        for cell in &cells {
            let text = |name: &Name| quote(&texts.cell(name.as_str()));
            let (sku, location) = (text(catalogue.skus.name(cell.sku)), text(catalogue.locations.name(cell.location)));
            for supply in &cell.supplies {
                let (kind, expected) = (supply.kind.as_str(), wire::time(supply.expected_at));
                // Of which nothing came yet, all that was told is to come.
                let came = engine.state().ledger().came(cell.sku, cell.location, supply.name.as_str());
                let as_of = if came.is_some() { as_of.as_str() } else { "" };
                writeln!(out, "{},{sku},{location},{},{expected},{kind},{as_of}", text(&supply.name), supply.open)?;
                rows += 1;
            }
        }
        match next {
            Some(_) => after = next,
            None => return Ok(rows),
        }
    }
}

fn channels(engine: &Engine, texts: Texts, out: &mut impl Write) -> io::Result<u64> {
    let registry = &engine.state().catalogue.channels;
    writeln!(out, "channel,buffer")?;
    let mut rows = 0;
    for id in (0..registry.count()).map(ChannelId).filter(|id| registry.is_live(*id)) {
        // One that somebody used and nobody declared is not made a declared one by being loaded again.
        let Some(set) = registry.details(id) else { continue };
        row(out, &[texts.cell(registry.name(id).as_str()), set.details.buffer.to_string()])?;
        rows += 1;
    }
    Ok(rows)
}

fn prices(engine: &Engine, texts: Texts, out: &mut impl Write) -> io::Result<u64> {
    let catalogue = &engine.state().catalogue;
    writeln!(out, "sku,currency,amount,channel,location")?;
    let mut rows = 0;
    for id in (0..catalogue.skus.count()).map(SkuId) {
        let prices = catalogue.prices(id).map(|prices| prices.details.clone()).unwrap_or_default();
        for price in prices {
            let text = |name: &Name| quote(&texts.cell(name.as_str()));
            let name = |name: Option<Name>| name.as_ref().map(text).unwrap_or_default();
            let (channel, location) = (name(price.channel), name(price.location));
            let sku = text(catalogue.skus.name(id));
            writeln!(out, "{sku},{},{},{channel},{location}", price.currency, price.amount)?;
            rows += 1;
        }
    }
    Ok(rows)
}
