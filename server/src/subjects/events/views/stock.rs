//! Events of stock on the wire.

use anaquel_engine::event::{CellAfter, Counted, Moved};
use anaquel_engine::stock::event::Event;
use serde_json::{Value, json};

use super::lookup::{Described, Lookup};
use crate::auth::visibility::Visibility;
use crate::wire::time;

pub(super) fn describe(of: Lookup<'_>, event: &Event) -> Described {
    match event {
        Event::Moved(rows) => ("moved", json!({"items": moved(of, rows)})),
        Event::Counted(rows) => {
            let row = |row: &Counted| {
                let mut item = crate::subjects::stock::views::counted_row(of.0, row, &Visibility::everything(of.0));
                if let Value::Object(members) = &mut item {
                    members.insert("safety_stock".into(), row.cell.safety_stock.into());
                }
                item
            };
            ("counted", json!({"items": rows.iter().map(row).collect::<Vec<_>>()}))
        }
        Event::CountsConfirmed(confirmed) => {
            let row = |(sku, location)| json!({"sku": of.sku(sku), "location": of.location(location)});
            let items: Vec<_> = confirmed.cells.iter().map(row).collect();
            ("counts_confirmed", json!({"counted_at": time(confirmed.counted_at), "items": items}))
        }
        Event::ShortageGrew(cell) => ("shortage", shortage(of, cell)),
        Event::ShortageCleared(cell) => ("shortage_cleared", shortage(of, cell)),
    }
}

/// Movements, each with its cell after it.
pub(super) fn moved(of: Lookup<'_>, rows: &[Moved]) -> Vec<Value> {
    let row = |row: &Moved| {
        let mut item = crate::subjects::stock::views::moved(of.0, row, &Visibility::everything(of.0));
        if let Value::Object(members) = &mut item {
            members.insert("movement".into(), row.kind.as_str().into());
            members.insert("quantity".into(), row.change.into());
            members.insert("occurred_at".into(), time(row.occurred_at).into());
            members.insert("reference".into(), row.reference.clone().into());
        }
        item
    };
    rows.iter().map(row).collect()
}

fn shortage(of: Lookup<'_>, cell: &CellAfter) -> Value {
    let mut item = of.cell(cell);
    if let Value::Object(members) = &mut item {
        members.insert("missing".into(), cell.level.shortage().into());
    }
    item
}
