//! JSON of rules, and why a rule is in force.

use anaquel_engine::Engine;
use anaquel_engine::command::Version;
use anaquel_engine::ids::Name;
use anaquel_engine::query::CellView;
use anaquel_engine::rules::{Amount, Band, Effect, Explained, Fate, Rule, StandingRule};
use serde_json::{Map, Value, json};

use crate::wire::time;

/// The same as schema.org's `ItemAvailability`.
pub fn item_availability(band: Band) -> &'static str {
    match band {
        Band::InStock => "InStock",
        Band::FewLeft => "LimitedAvailability",
        Band::OutOfStock => "OutOfStock",
    }
}

/// A rule with the fields of its kind only.
pub fn rule(engine: &Engine, id: &str, rule: &Rule) -> Map<String, Value> {
    let catalogue = &engine.state().catalogue;
    let mut item = Map::new();
    let mut say = |field: &str, value: Value| drop(item.insert(field.to_owned(), value));
    let conditions = &rule.conditions;
    fn texts(names: impl Iterator<Item = impl ToString>) -> Value {
        names.map(|name| name.to_string()).collect()
    }
    say("rule", id.into());
    say("kind", rule.effect.kind().as_str().into());
    say("skus", texts(conditions.skus.iter().map(|id| catalogue.skus.name(*id))));
    say("categories", texts(conditions.categories.iter()));
    say("attributes", texts(conditions.attributes.iter().map(|(key, value)| format!("{key}={value}"))));
    say("locations", texts(conditions.locations.iter().map(|id| catalogue.locations.name(*id))));
    say("groups", texts(conditions.groups.iter().map(|id| catalogue.groups.name(*id))));
    say("location_kinds", texts(conditions.kinds.iter().map(|kind| kind.as_str())));
    say("channels", texts(conditions.channels.iter().map(|id| catalogue.channels.name(*id))));
    say("starts_at", rule.starts_at.map(time).into());
    say("ends_at", rule.ends_at.map(time).into());
    match rule.effect {
        Effect::SafetyStock(share) => say_amount(share, &mut say),
        Effect::Quota { share, minimum, spill_over } => {
            say_amount(share, &mut say);
            say("minimum", minimum.into());
            say("spill_over", spill_over.into());
        }
        Effect::Access(allow) => say("allow", allow.into()),
        Effect::Band { few_left, exact } => {
            say("few_left", few_left.into());
            say("exact", exact.into());
        }
        Effect::Backorder { units, lead_days } => {
            say("units", units.into());
            say("lead_days", lead_days.into());
        }
        Effect::Preorder { units, available_at } => {
            say("units", units.into());
            say("available_at", time(available_at).into());
        }
        Effect::Capacity { orders_per_day } => say("orders_per_day", orders_per_day.into()),
        Effect::PickupOnly { below, currency } => {
            say("below", below.into());
            say("currency", String::from_utf8_lossy(&currency).into());
        }
        Effect::Returns { allow, days, without_sale } => {
            say("allow", allow.into());
            say("days", days.into());
            say("without_sale", without_sale.into());
        }
    }
    item
}

fn say_amount(amount: Amount, say: &mut impl FnMut(&str, Value)) {
    match amount {
        Amount::Units(units) => say("units", units.into()),
        Amount::Percent(percent) => say("percent", percent.into()),
    }
}

/// A rule with its version.
pub fn standing(engine: &Engine, standing: &StandingRule) -> (Version, Value) {
    let mut item = rule(engine, standing.name.as_str(), &standing.rule);
    item.insert("in_force".into(), standing.in_force.into());
    item.insert("since".into(), standing.since.into());
    (Version::new(standing.changed_at()), Value::Object(item))
}

/// A rule that applies to a cell and a channel, and its verdict.
pub fn explained(engine: &Engine, explained: &Explained) -> Value {
    let (_, mut item) = standing(engine, &explained.standing);
    let (fate, winner) = match &explained.fate {
        Fate::InForce => ("in_force", None),
        Fate::LosesTo(winner) => ("loses", Some(winner.to_string())),
        Fate::LosesToOwn => ("loses", Some("the safety stock of the stock row".to_owned())),
        Fate::NotNow => ("not_now", None),
    };
    if let Value::Object(members) = &mut item {
        members.insert("conditions".into(), explained.standing.rule.conditions.count().into());
        members.insert("verdict".into(), fate.into());
        members.insert("loses_to".into(), winner.into());
    }
    item
}

/// The result of the rules for one cell and one channel.
pub fn outcome(cell: Option<&CellView>, buffer: u32, denied_by: Option<&Name>, band: Option<&Explained>) -> Value {
    let exact = band.is_none_or(|band| matches!(band.standing.rule.effect, Effect::Band { exact: true, .. }));
    let exact = exact && cell.is_none_or(|cell| cell.exact);
    json!({
        // A percentage also shows its number of units.
        "safety_stock": cell.filter(|_| exact).map(|cell| cell.safety_stock),
        "buffer": buffer,
        "sells": denied_by.is_none(),
        "available": cell.filter(|_| exact).map(|cell| cell.available),
        "band": cell.map(|cell| cell.band.as_str()),
        "exact": exact,
    })
}
