//! A refusal that explains itself: which constraint, by how much, under which rule, and what would succeed.

use anaquel_engine::Engine;
use anaquel_engine::admission::{LineRequest, Place};
use anaquel_engine::command::Short;
use anaquel_engine::event::Purpose;
use anaquel_engine::ids::{ChannelId, LocationId, Name, SkuId};
use anaquel_engine::level::Constraint;
use anaquel_engine::query::Alternative;
use serde_json::{Value, json};

use crate::problem::{Problem, constraint_name, search_ended};
use crate::wire::time;

/// Other locations that a refusal names.
const ALTERNATIVES: usize = 3;

/// Cells that one refusal looks at, and the rest of the SKU that it is at by then; the lines that come after name no other
/// locations, and tell no numbers where some are told bands.
const LOOKS: usize = 10_000;

/// What explaining the lines of one refusal may still look at, and what is known already.
struct Looks {
    channel: Option<ChannelId>,
    purpose: Purpose,
    left: usize,
    tells_numbers: Vec<(SkuId, bool)>,
}

impl Looks {
    /// Whether all cells of a SKU may be looked at once more.
    fn take(&mut self, engine: &Engine, sku: SkuId) -> bool {
        let may = self.left > 0;
        self.left = self.left.saturating_sub(engine.state().matrix.row(sku).about().max(1));
        may
    }

    /// Whether the channel is told the numbers of a SKU; looked up once.
    fn tells_numbers(&mut self, engine: &Engine, sku: SkuId) -> bool {
        if let Some((_, tells)) = self.tells_numbers.iter().find(|(known, _)| *known == sku) {
            return *tells;
        }
        let state = engine.state();
        let has_bands = state.rules.book().has_bands();
        // What is not looked up is not told.
        let tells = !has_bands || (self.take(engine, sku) && state.tells_numbers(sku, self.channel));
        self.tells_numbers.push((sku, tells));
        tells
    }

    /// Where else a SKU is.
    fn alternatives(&mut self, engine: &Engine, sku: SkuId, near: Option<LocationId>, units: u32) -> Vec<Alternative> {
        match self.take(engine, sku) {
            true => engine.state().alternatives(sku, near, units, self.channel, self.purpose, ALTERNATIVES),
            false => Vec::new(),
        }
    }
}

/// The problem document of lines that were short.
pub fn explain(engine: &Engine, channel: &Name, purpose: Purpose, lines: &[LineRequest], shorts: &[Short]) -> Problem {
    let skus = &engine.state().catalogue.skus;
    let channel = engine.state().catalogue.channels.id(channel.as_str());
    let mut looks = Looks { channel, purpose, left: LOOKS, tells_numbers: Vec::new() };
    let told: Vec<Value> =
        shorts.iter().filter_map(|short| Some(line(engine, &mut looks, lines.get(short.line)?, short))).collect();
    let detail = match (shorts, shorts.first().and_then(|short| lines.get(short.line))) {
        ([short], Some(LineRequest { place, .. })) if short.is_barred() => barred(purpose, place),
        ([short], Some(LineRequest { sku, place, .. })) => {
            let place = match place {
                Place::Location(location) => format!("at {location}"),
                Place::Group(group) => format!("in {group}"),
            };
            let exact = skus.id(sku.as_str()).is_none_or(|sku| looks.tells_numbers(engine, sku));
            let there = if exact { short.available.to_string() } else { "fewer".to_owned() };
            format!("{} of {sku} were asked for {place}, and {there} can be promised", short.requested)
        }
        _ => format!("{} lines ask for more than can be promised", shorts.len()),
    };
    Problem::insufficient(detail + &search_ended(shorts), told)
}

/// Why a place takes no order, whatever is there, and what changes that.
pub fn barred(purpose: Purpose, place: &Place) -> String {
    let (what, field) = match purpose {
        Purpose::Delivery => ("delivery", "ship"),
        _ => ("pickup", "pickup"),
    };
    match place {
        Place::Location(location) => format!(
            "{location} takes no reservations for {what}: nobody declared it, or its `{field}` is false; \
             PUT /v1/locations/{{location}} sets that"
        ),
        Place::Group(group) => format!("no location of {group} that has it takes reservations for {what}"),
    }
}

fn line(engine: &Engine, looks: &mut Looks, asked: &LineRequest, short: &Short) -> Value {
    let (state, catalogue) = (engine.state(), &engine.state().catalogue);
    let sku = catalogue.skus.id(asked.sku.as_str());
    let (location, group) = match &asked.place {
        Place::Location(location) => (Some(location), None),
        Place::Group(group) => (None, Some(group)),
    };
    let near = location.and_then(|location| catalogue.locations.id(location.as_str()));
    let channel = looks.channel;
    // Who is not told numbers is not told them by a refusal either.
    let exact = sku.is_none_or(|sku| looks.tells_numbers(engine, sku));
    let found = sku.map(|sku| looks.alternatives(engine, sku, near, short.requested));
    let number = |units: u32| exact.then_some(units);
    let place = |id: LocationId| catalogue.locations.name(id).as_str();
    let alternative = |found: &Alternative| {
        json!({
            "location": place(found.location),
            "available": number(found.available),
            "distance_km": found.distance_km.map(|km| (km * 10.0).round() / 10.0),
            "pickup": found.pickup,
            "ship": found.ship,
        })
    };
    let others: Vec<Value> = found.iter().flatten().map(alternative).collect();
    let later = sku
        .filter(|_| {
            exact && !short.is_barred() && !matches!(short.constraint, Constraint::Capacity | Constraint::Quota)
        })
        .zip(near);
    let later = later.and_then(|(sku, at)| state.earliest(sku, at, short.requested, channel, engine.now()));
    let fewer = number(short.available).filter(|units| *units > 0);
    let rule = short.rule.and_then(|id| state.rules.at(id)).map(|standing| standing.name.to_string());
    let mut would_succeed = json!({"quantity": fewer, "locations": others});
    if let (Some(date), Value::Object(members)) = (later, &mut would_succeed) {
        members.insert("latest".into(), time(date).into());
    }
    let mut told = json!({
        "line": short.line,
        "sku": asked.sku.as_str(),
        "location": location.map(Name::as_str),
        "requested": short.requested,
        "available": number(short.available),
        "missing": number(short.requested.saturating_sub(short.available)),
        "constraint": constraint_name(short.constraint),
        "rule": rule,
        "would_succeed": would_succeed,
    });
    if let (Some(group), Value::Object(members)) = (group, &mut told) {
        members.insert("group".into(), group.as_str().into());
    }
    told
}
