//! Events of inbound supply on the wire.

use anaquel_engine::event::{BackorderDated, SupplySet, SupplyUsed};
use anaquel_engine::supply::event::Event;
use serde_json::json;

use super::lookup::{Described, Lookup};
use super::stock;
use crate::wire::time;

pub(super) fn describe(of: Lookup<'_>, event: &Event) -> Described {
    match event {
        Event::SupplySet(rows) => {
            let row = |row: &SupplySet| {
                json!({
                    "supply": row.name.as_str(),
                    "sku": of.sku(row.cell.sku),
                    "location": of.location(row.cell.location),
                    "kind": row.kind.as_str(),
                    "quantity": row.open,
                    "expected_at": time(row.expected_at),
                })
            };
            ("supply_set", json!({"supplies": rows.iter().map(row).collect::<Vec<_>>()}))
        }
        Event::Received(received) => {
            let used = |used: &SupplyUsed| {
                json!({
                    "supply": used.name.as_str(),
                    "sku": of.sku(used.sku),
                    "location": of.location(used.location),
                    "quantity": used.quantity,
                    "left": used.open,
                })
            };
            (
                "received",
                json!({
                    "items": stock::moved(of, &received.rows_after()),
                    "supplies": received.used.iter().map(used).collect::<Vec<_>>(),
                    "filled": received.fills.iter().map(|fill| of.filled(fill)).collect::<Vec<_>>(),
                }),
            )
        }
        Event::Filled(fills) => {
            ("filled", json!({"filled": fills.iter().map(|fill| of.filled(fill)).collect::<Vec<_>>()}))
        }
        Event::BackordersDated(rows) => {
            let row = |row: &BackorderDated| {
                let reservation = of.0.state().reservations.get(row.reservation);
                json!({
                    "reservation": of.reservation(row.reservation),
                    "order": reservation.as_ref().and_then(|reservation| reservation.order.as_deref()),
                    "customer": reservation.as_ref().and_then(|reservation| reservation.customer.as_deref()),
                    "line": row.line,
                    "sku": of.sku(row.sku),
                    "location": of.location(row.location),
                    "quantity": row.quantity,
                    "promised_for": time(row.promised_for),
                    "expected_at": row.expected_at.map(time),
                    "at_risk": row.at_risk(),
                })
            };
            ("promises_dated", json!({"promises": rows.iter().map(row).collect::<Vec<_>>()}))
        }
    }
}
