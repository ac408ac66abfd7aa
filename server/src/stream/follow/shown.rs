//! What a caller sees of a followed record.
//!
//! With the scope `ops`, it is the record as `/v1/events` has it. Others see no location that is private, of other locations
//! than their own no rows, and who asked only by name; levels of cells only with the scope `stock`, and not beside promises.

use serde_json::{Map, Value};

use super::about::Entry;
use crate::auth::{Identity, Scope};

/// The members of a row that every follower sees.
const OF_A_ROW: [&str; 9] =
    ["sku", "location", "group", "line", "quantity", "requested", "waiting", "promised_for", "movement"];

/// The numbers of a cell.
const OF_A_CELL: [&str; 6] = ["on_hand", "reserved", "safety_stock", "buffer", "available", "missing"];

/// The members of a cause that only the caller itself sees, and operators.
const OF_THE_CALLER: [&str; 5] = ["idempotency_key", "traceparent", "key", "address", "request"];

/// What a caller sees; `None` for everything.
pub fn shown(entry: &Entry, identity: Option<&Identity>) -> Option<Value> {
    let identity = identity.filter(|identity| identity.may(&[Scope::Ops]).is_err())?;
    let mut item = entry.item.clone();
    let Value::Object(members) = &mut item else { return Some(item) };
    for (name, value) in members.iter_mut() {
        match (name.as_str(), value) {
            ("cause", Value::Object(cause)) => hide_cause(cause, identity),
            ("items", Value::Array(rows)) => rows.retain_mut(|row| keeps_row(row, entry, identity)),
            ("supersedes", value) => only_reservations(value),
            _ => {}
        }
    }
    if !identity.channels.is_empty() {
        // A channel may get bands only: of a cell it sees which one it is.
        members.retain(|name, _| !OF_A_CELL.contains(&name.as_str()));
    }
    if let Some(Value::Array(moves)) = members.get_mut("moves") {
        moves.retain_mut(|moved| keeps_move(moved, entry));
    }
    Some(item)
}

fn hide_cause(cause: &mut Map<String, Value>, identity: &Identity) {
    let is_own = cause.get("key").and_then(Value::as_str) == Some(identity.key.as_str());
    if !is_own {
        for name in OF_THE_CALLER {
            cause.insert(name.to_owned(), Value::Null);
        }
    }
}

/// Reduces a row to what a caller sees; false if that is nothing.
fn keeps_row(row: &mut Value, entry: &Entry, identity: &Identity) -> bool {
    let Value::Object(members) = row else { return true };
    if !entry.is_promise() && identity.channels.is_empty() && identity.may(&[Scope::Stock]).is_ok() {
        // Who keeps the stock of a location sees its cells.
        let location = members.get("location").and_then(Value::as_str);
        return location.is_none() || identity.may_use_location("location", location).is_ok();
    }
    // A row without a quantity is a cell as it was after the record.
    if !members.contains_key("quantity") {
        return false;
    }
    let line = members.get("line").and_then(Value::as_u64);
    if members.contains_key("group") || line.is_some_and(|line| entry.private.contains(&line)) {
        members.remove("location");
    }
    let location = members.get("location").and_then(Value::as_str);
    if location.is_some() && identity.may_use_location("location", location).is_err() {
        return false;
    }
    members.retain(|name, _| OF_A_ROW.contains(&name.as_str()));
    true
}

/// Reduces a move of units to its places; false if they are private.
fn keeps_move(moved: &mut Value, entry: &Entry) -> bool {
    let line = moved.get("line").and_then(Value::as_u64);
    if line.is_some_and(|line| entry.private.contains(&line)) {
        return false;
    }
    for side in ["from", "to"] {
        if let Some(Value::Object(cell)) = moved.get_mut(side) {
            cell.retain(|name, _| ["sku", "location"].contains(&name.as_str()));
        }
    }
    true
}

/// Of replaced holds, their ids only.
fn only_reservations(value: &mut Value) {
    match value {
        Value::Array(all) => all.iter_mut().for_each(only_reservations),
        Value::Object(members) => members.retain(|name, _| name == "reservation"),
        _ => {}
    }
}
