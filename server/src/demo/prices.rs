//! What the demo retailer asks for: a regular price list and a sale for each channel, and tax.

use anaquel_engine::Engine;
use anaquel_engine::command::{Precondition, Rows};
use anaquel_engine::ids::{Name, Timestamp};
use anaquel_engine::patch::Patch;
use anaquel_engine::prices::command::{Command, RowFields};
use anaquel_engine::prices::list::{Currency, ListKind, PriceList};
use anaquel_engine::prices::tax::{Rate, TaxClass};

use crate::demo::names::{ROWS, name, run, sku};
use crate::demo::products::Variant;

const DAY_MS: u64 = 86_400_000;

/// Days for which the regular prices have held, since which the sale lasts, and until which it goes on.
const SEASON: (u64, u64, u64) = (120, 10, 20);

/// Channels, with what each asks beside the price of all, in cents.
const CHANNELS: [(&str, i64); 5] =
    [("web", 0), ("app", -100), ("marketplace", 200), ("contact-centre", 0), ("pos", 100)];

/// What is reduced, and by how many percent.
const REDUCED: [(&str, u64); 3] = [("tops", 20), ("outerwear", 30), ("dresses", 25)];

/// Loads lists with their prices, and the standard tax class.
pub fn load(engine: &Engine, variants: &[Variant]) -> anyhow::Result<()> {
    let now = engine.now();
    let before = |days: u64| Timestamp(now.0.saturating_sub(days * DAY_MS));
    let (held, began, left) = SEASON;
    for (channel, beside) in CHANNELS {
        let regular = list(channel, ListKind::Regular, 0);
        let sale = PriceList {
            name: Some(format!("{channel}, seasonal sale")),
            starts_at: Some(before(began)),
            ends_at: Some(now.plus_millis(left * DAY_MS)),
            ..list(channel, ListKind::Sale, 10)
        };
        let (of_regular, of_sale) = (name(channel)?, name(&format!("{channel}-sale"))?);
        for (name, list) in [(&of_regular, regular), (&of_sale, sale)] {
            let command = Command::SetList(name.clone(), Some(Box::new(list)), Precondition::default());
            engine.run(|engine, done| engine.submit(command, None, done))?;
        }
        let mut rows = Vec::new();
        for variant in variants {
            let cents = variant.cents.saturating_add(beside).unsigned_abs();
            rows.push(row(&of_regular, &variant.sku, cents, before(held))?);
            if let Some((_, percent)) = REDUCED.iter().find(|(category, _)| *category == variant.category) {
                let reduced = cents * (100 - percent) / 100;
                rows.push(row(&of_sale, &variant.sku, reduced, before(began))?);
            }
        }
        for chunk in rows.chunks(ROWS) {
            run(engine, Rows::Prices(chunk.to_vec()))?;
        }
    }
    let rate = |rate: u32, group: &str| {
        let groups = engine.state().catalogue.groups.id(group).into_iter().collect();
        Rate { rate, groups, ..Rate::default() }
    };
    let standard = TaxClass { name: Some("Standard".into()), rates: vec![rate(2100, "spain"), rate(1600, "mexico")] };
    let command = Command::SetTaxClass(name("standard")?, Some(Box::new(standard)), Precondition::default());
    engine.run(|engine, done| engine.submit(command, None, done))?;
    Ok(())
}

fn list(channel: &str, kind: ListKind, priority: i32) -> PriceList {
    let channels = vec![Name::from(channel.to_owned())];
    PriceList { name: Some(channel.to_owned()), channels, priority, ..PriceList::of(Currency(*b"EUR"), kind) }
}

fn row(list: &Name, of: &str, amount: u64, starts_at: Timestamp) -> anyhow::Result<RowFields> {
    let base = RowFields::base(sku(of)?, Currency(*b"EUR"), amount);
    Ok(RowFields { list: Some(list.clone()), starts_at: Some(starts_at), ends_at: Patch::Keep, ..base })
}
