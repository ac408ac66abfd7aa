//! Resolves the ids in events to names.

use anaquel_engine::Engine;
use anaquel_engine::event::{CellAfter, Fill, LineChange};
use anaquel_engine::ids::{GroupId, LocationId, ReservationId, SkuId};
use serde_json::Value;

use crate::subjects::stock::views::cell_after;

/// The kind of an event on the wire, and its members.
pub(super) type Described = (&'static str, Value);

/// Resolves the ids in events to names.
#[derive(Clone, Copy)]
pub(super) struct Lookup<'a>(pub &'a Engine);

impl Lookup<'_> {
    pub fn sku(self, id: SkuId) -> String {
        self.0.state().catalogue.skus.name(id).as_str().to_owned()
    }

    pub fn location(self, id: LocationId) -> String {
        self.0.state().catalogue.locations.name(id).as_str().to_owned()
    }

    pub fn group(self, id: GroupId) -> String {
        self.0.state().catalogue.groups.name(id).as_str().to_owned()
    }

    pub fn reservation(self, id: ReservationId) -> String {
        self.0.reservation_id(id)
    }

    pub fn cell(self, cell: &CellAfter) -> Value {
        cell_after(self.0, cell)
    }

    /// Lines that were collected or cancelled.
    pub fn changes(self, lines: &[LineChange]) -> Vec<Value> {
        let change = |change: &LineChange| {
            let mut item = self.cell(&change.cell);
            if let Value::Object(members) = &mut item {
                members.insert("line".into(), change.line.into());
                members.insert("quantity".into(), change.quantity.into());
            }
            item
        };
        lines.iter().map(change).collect()
    }

    /// A backorder that received units.
    pub fn filled(self, fill: &Fill) -> Value {
        let mut item = self.cell(&fill.cell);
        if let Value::Object(members) = &mut item {
            members.insert("reservation".into(), self.reservation(fill.reservation).into());
            members.insert("line".into(), fill.line.into());
            members.insert("quantity".into(), fill.quantity.into());
        }
        item
    }
}
