//! The retailer of the rule benchmarks: 2,000,000 cells, 50 groups, 200 categories, 10,000 rules of every shape.

use anaquel_engine::Engine;
use anaquel_engine::catalogue::ChannelDetails;
use anaquel_engine::command::{
    Command, Failure, NameRef, Outcome, Precondition, Put, PutWhat, Row, Rows, RuleFields, SkuFields,
};
use anaquel_engine::rules::{Amount, Effect};

use crate::{in_memory, name, request, stock};

/// SKUs.
pub const SKUS: u32 = 2_000;
/// Locations.
pub const LOCATIONS: u32 = 1_000;
/// Rules.
pub const RULES: u32 = 10_000;

/// Runs a command.
///
/// # Errors
/// The engine's.
pub fn run(engine: &Engine, command: Command) -> Result<Outcome, Failure> {
    engine.run(|engine, done| engine.submit(command, None, done))
}

/// Sets one item.
///
/// # Errors
/// The engine's.
pub fn put(engine: &Engine, what: PutWhat) -> anyhow::Result<()> {
    run(engine, Command::from(Put { what, precondition: Precondition::default() }))?;
    Ok(())
}

/// A safety stock that applies everywhere.
pub fn safety(units: u32) -> RuleFields {
    RuleFields::everywhere(Effect::SafetyStock(Amount::Units(units)))
}

/// A rule: by SKU, by SKU and location, by category and channel, by group, by location and channel, a percentage, or
/// access, such that both retailers grant the same.
pub fn some_rule(n: u32) -> RuleFields {
    some_rule_of(n, SKUS, LOCATIONS)
}

fn some_rule_of(n: u32, skus: u32, locations: u32) -> RuleFields {
    let (sku, location) = (name("sku", n % skus), name("location", n * 7 % locations));
    let (category, group) = (format!("category-{}", n % 200), name("group", n % 50));
    let channel = vec![name("channel", n % 8)];
    let base = safety(n % 5);
    match n % 7 {
        0 => RuleFields { skus: vec![sku], ..base },
        1 => RuleFields { skus: vec![sku], locations: vec![location], ..base },
        2 => RuleFields { categories: vec![category], channels: channel, ..base },
        3 => RuleFields { groups: vec![group], categories: vec![category], ..base },
        4 => RuleFields { locations: vec![location], channels: channel, ..base },
        5 => RuleFields {
            effect: Effect::SafetyStock(Amount::Percent((n % 9) as u8)),
            skus: vec![sku],
            channels: channel,
            ..base
        },
        _ => RuleFields { effect: Effect::Access(true), skus: vec![sku], groups: vec![group], ..base },
    }
}

/// 2,000,000 cells, and the names for rules.
///
/// # Errors
/// The engine's.
pub fn retailer() -> anyhow::Result<Engine> {
    retailer_of(SKUS, LOCATIONS)
}

/// The same with another size.
///
/// # Errors
/// The engine's.
pub fn retailer_of(skus: u32, locations: u32) -> anyhow::Result<Engine> {
    let engine = in_memory();
    stock(&engine, skus, locations, 1_000_000);
    let described = (0..skus).map(|n| Row {
        line: 0,
        id: NameRef::New(name("sku", n)),
        fields: SkuFields { categories: Some(vec![format!("category-{}", n % 200)]).into(), ..SkuFields::default() },
    });
    run(&engine, Command::load(Rows::Skus(described.collect()), false))?;
    for group in 0..50 {
        let members = (0..locations).filter(|n| n % 50 == group || n % 49 == group).map(|n| name("location", n));
        put(&engine, PutWhat::Group(name("group", group), Some(members.collect()).into()))?;
    }
    // Rules name only what exists; the requested channel gets its id first.
    for channel in 0..8 {
        put(&engine, PutWhat::Channel(name("channel", channel), ChannelDetails { buffer: 0 }.into()))?;
    }
    let mut first = request(0, 0);
    first.channel = name("channel", 0);
    engine.run(|engine, done| engine.reserve(first, None, done))?;
    Ok(engine)
}

/// Puts all [`RULES`] in force.
///
/// # Errors
/// The engine's.
pub fn put_rules(engine: &Engine) -> anyhow::Result<()> {
    put_rules_of(engine, RULES, SKUS, LOCATIONS)
}

/// Puts this many in force for a retailer of another size.
///
/// # Errors
/// The engine's.
pub fn put_rules_of(engine: &Engine, rules: u32, skus: u32, locations: u32) -> anyhow::Result<()> {
    let rows = (0..rules).map(|n| (0, name("rule", n), some_rule_of(n, skus, locations))).collect();
    run(engine, Command::load(Rows::Rules(rows), true))?;
    Ok(())
}
