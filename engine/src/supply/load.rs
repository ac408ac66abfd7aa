//! Loading inbound supply.

use super::command::SupplyFields;
use super::decide::{Fresh, describe_supply};
use super::event::Event as SupplyEvent;
use super::received::SupplySet;
use crate::decide::Decide;
use crate::decide::load::{chunks, row_error};
use crate::event::Event;
use crate::outcome::Loaded;

/// Inbound supply.
pub(crate) fn supplies(cx: &mut Decide<'_>, rows: Vec<SupplyFields>, loaded: &mut Loaded, events: &mut Vec<Event>) {
    let mut set = Fresh::new();
    for row in rows {
        let known = cx.known_cell(&row.sku, &row.location);
        match known.and_then(|(sku, location)| describe_supply(cx, &row, sku, location, &set, &str::to_owned)) {
            Ok(supply) => {
                let key = |supply: &SupplySet| (supply.cell.sku, supply.cell.location, supply.name.clone());
                loaded.count(supply.map(|supply| set.insert(key(&supply), supply)));
            }
            Err(failure) => loaded.errors.push(row_error(row.line, failure)),
        }
    }
    events.extend(chunks(set.into_values().collect(), |_| 128, SupplyEvent::SupplySet));
}
