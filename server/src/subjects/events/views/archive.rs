//! Events of the archive on the wire: how much of what left memory or came back, without its content.

use anaquel_engine::archive::event::Event;
use anaquel_engine::archive::{Kept, Left};
use serde_json::json;

use super::lookup::Described;

pub(super) fn describe(event: &Event) -> Described {
    match event {
        Event::Archived(archived) => {
            let receipts = archived.left.iter().filter(|left| matches!(left, Left::Receipt { .. })).count();
            let returns = archived.left.iter().filter(|left| matches!(left, Left::Return { .. })).count();
            let body = json!({
                "file": archived.place.file,
                "from": archived.place.at,
                "bytes": archived.bytes.0.len(),
                "orders": archived.left.len() - receipts - returns,
                "receipts": receipts,
                "returns": returns,
            });
            ("archived", body)
        }
        Event::Recalled(recalled) => {
            let orders: Vec<_> = recalled.kept.iter().filter_map(order).collect();
            let receipts: Vec<_> = recalled.kept.iter().filter_map(receipt).collect();
            let returns: Vec<_> = recalled.kept.iter().filter_map(returned).collect();
            ("recalled", json!({"orders": orders, "receipts": receipts, "returns": returns}))
        }
    }
}

fn order(kept: &Kept) -> Option<&str> {
    match kept {
        Kept::Order(order) => Some(order.name.as_str()),
        Kept::Rows(_) | Kept::Receipt(_) | Kept::Return(_) => None,
    }
}

fn receipt(kept: &Kept) -> Option<String> {
    match kept {
        Kept::Receipt(receipt) => Some(receipt.issued.id.to_string()),
        Kept::Rows(_) | Kept::Order(_) | Kept::Return(_) => None,
    }
}

fn returned(kept: &Kept) -> Option<&str> {
    match kept {
        Kept::Return(back) => Some(back.name.as_str()),
        Kept::Rows(_) | Kept::Order(_) | Kept::Receipt(_) => None,
    }
}
