//! What prices, price lists and tax classes look like in JSON.

use anaquel_engine::Engine;
use anaquel_engine::ids::{LocationId, Name, Seq, SkuId, Timestamp};
use anaquel_engine::prices::PriceAnswer;
use anaquel_engine::prices::event::{Event, Price, SkuRows};
use anaquel_engine::prices::explain::{By, Explained, ListVerdict, Verdict, Why};
use anaquel_engine::prices::list::{BASE_NAME, BASE_PRIORITY, ListId, ListKind, PriceList};
use anaquel_engine::prices::query::LinePrice;
use anaquel_engine::prices::row::{Row, RowSet};
use anaquel_engine::prices::tax::{Rate, TaxClass};
use serde_json::{Value, json};

use crate::wire::time;

fn insert(mut item: Value, name: &str, value: impl Into<Value>) -> Value {
    if let Value::Object(members) = &mut item {
        members.insert(name.to_owned(), value.into());
    }
    item
}

fn locations(engine: &Engine, ids: &[LocationId]) -> Vec<String> {
    ids.iter().map(|id| engine.state().catalogue.locations.name(*id).to_string()).collect()
}

fn groups(engine: &Engine, ids: &[anaquel_engine::ids::GroupId]) -> Vec<String> {
    ids.iter().map(|id| engine.state().catalogue.groups.name(*id).to_string()).collect()
}

/// A price list.
pub fn list(engine: &Engine, name: &str, list: &PriceList, in_force: bool) -> Value {
    json!({
        "price_list": name,
        "name": list.name,
        "currency": list.currency.as_str(),
        "kind": list.kind.as_str(),
        "channels": list.channels.iter().map(Name::as_str).collect::<Vec<_>>(),
        "locations": locations(engine, &list.locations),
        "groups": groups(engine, &list.groups),
        "includes_tax": true,
        "priority": list.priority,
        "starts_at": list.starts_at.map(time),
        "ends_at": list.ends_at.map(time),
        "in_force": in_force,
    })
}

/// The same with the `seq` of its last change.
pub fn list_at(engine: &Engine, name: &str, said: &PriceList, in_force: bool, seq: Seq) -> Value {
    insert(list(engine, name, said, in_force), "seq", seq)
}

/// The list that is there by itself.
pub fn base() -> Value {
    json!({
        "price_list": BASE_NAME,
        "name": null,
        "currency": null,
        "kind": ListKind::Regular.as_str(),
        "channels": [],
        "locations": [],
        "groups": [],
        "includes_tax": true,
        "priority": BASE_PRIORITY,
        "starts_at": null,
        "ends_at": null,
        "in_force": true,
        "seq": 0,
    })
}

/// A tax class.
pub fn class(engine: &Engine, name: &str, class: &TaxClass) -> Value {
    let rate = |rate: &Rate| {
        json!({
            "rate": rate.rate,
            "locations": locations(engine, &rate.locations),
            "groups": groups(engine, &rate.groups),
        })
    };
    json!({
        "tax_class": name,
        "name": class.name,
        "rates": class.rates.iter().map(rate).collect::<Vec<_>>(),
    })
}

/// The same with the `seq` of its last change.
pub fn class_at(engine: &Engine, name: &str, said: &TaxClass, seq: Seq) -> Value {
    insert(class(engine, name, said), "seq", seq)
}

/// What was set, as it is from there on.
pub fn told(engine: &Engine, told: &PriceAnswer) -> Value {
    match told {
        PriceAnswer::List(name, Some(said), in_force) => list(engine, name.as_str(), said, *in_force),
        PriceAnswer::List(name, None, _) => json!({"price_list": name.as_str()}),
        PriceAnswer::TaxClass(name, Some(said)) => class(engine, name.as_str(), said),
        PriceAnswer::TaxClass(name, None) => json!({"tax_class": name.as_str()}),
        PriceAnswer::Rows { changed, unchanged } => json!({"changed": changed, "unchanged": unchanged}),
    }
}

/// A row of a SKU, and what it is at `now`.
pub fn row(sku: &str, list: &str, row: &Row, now: Timestamp) -> Value {
    let state = match () {
        () if row.is_in_force(now) => "in_force",
        () if row.is_live(now) => "to_come",
        () => "ended",
    };
    json!({
        "price_list": list,
        "sku": sku,
        "channel": row.key.channel.as_ref().map(Name::as_str),
        "location": row.key.location.as_ref().map(Name::as_str),
        "currency": row.key.currency.as_str(),
        "amount": row.amount,
        "min_quantity": row.key.min_quantity,
        "starts_at": row.key.starts_at.map(time),
        "ends_at": row.ends_at.map(time),
        "state": state,
        "from": time(row.from),
        "until": row.until.map(time),
    })
}

/// What a line costs.
pub fn line(sku: &str, quantity: u32, currency: &str, price: &LinePrice) -> Value {
    json!({
        "sku": sku,
        "quantity": quantity,
        "currency": currency,
        "amount": price.amount,
        "price_list": price.list.as_str(),
        "regular_amount": price.regular_amount,
        "prior_amount": price.prior_amount,
        "ends_at": price.ends_at.map(time),
    })
}

/// Why something costs what it costs: the lists that are seen.
pub fn explained(explained: &Explained, name: impl Fn(ListId) -> String, is_seen: impl Fn(ListId) -> bool) -> Value {
    let wins = explained.lists.iter().find(|list| list.verdict == Verdict::Wins);
    let winner = wins.map(|list| name(list.list));
    let item = |list: &ListVerdict| {
        let (verdict, because) = match list.verdict {
            Verdict::Wins => ("wins", None),
            Verdict::Loses(by) => {
                let by = match by {
                    By::Priority => "priority",
                    By::Amount => "amount",
                    By::Id => "id",
                };
                ("loses", Some(by))
            }
            Verdict::HoldsNot(why) => {
                let why = match why {
                    Why::Currency => "currency",
                    Why::Channel => "channel",
                    Why::PriceTarget => "place",
                    Why::Dates => "dates",
                    Why::Rows => "rows",
                };
                ("does_not_hold", Some(why))
            }
        };
        let row = list.row.as_ref();
        json!({
            "price_list": name(list.list),
            "kind": list.kind.as_str(),
            "priority": list.priority,
            "verdict": verdict,
            "because": because,
            "loses_to": matches!(list.verdict, Verdict::Loses(_)).then_some(winner.as_deref()).flatten(),
            "amount": row.map(|row| row.amount),
            "min_quantity": row.map(|row| row.key.min_quantity),
            "starts_at": row.and_then(|row| row.key.starts_at).map(time),
            "ends_at": row.and_then(|row| row.ends_at).map(time),
        })
    };
    let seen = explained.lists.iter().filter(|list| is_seen(list.list));
    json!({
        "amount": wins.and_then(|list| list.row.as_ref()).map(|row| row.amount),
        "price_list": winner,
        "regular_amount": explained.regular_amount,
        "prior_amount": explained.reduction.and_then(|reduction| reduction.prior_amount),
        "reduced_since": explained.reduction.map(|reduction| time(reduction.began)),
        "ends_at": explained.ends_at.map(time),
        "lists": seen.map(item).collect::<Vec<_>>(),
    })
}

/// An event on the wire: its kind and its members.
pub fn event(engine: &Engine, event: &Event) -> (&'static str, Value) {
    let catalogue = &engine.state().catalogue;
    let sku = |id: SkuId| catalogue.skus.name(id).to_string();
    let prices = &engine.state().own.prices;
    let book = prices.book();
    match event {
        Event::BaseSet(rows) => {
            let row = |(id, all): &(SkuId, Vec<Price>)| {
                let row = |price: &Price| {
                    json!({
                        "price_list": BASE_NAME,
                        "sku": sku(*id),
                        "channel": price.channel.as_ref().map(Name::as_str),
                        "location": price.location.as_ref().map(Name::as_str),
                        "currency": price.currency,
                        "amount": price.amount,
                        "min_quantity": 1,
                        "starts_at": null,
                        "ends_at": null,
                    })
                };
                all.iter().map(row).collect::<Vec<_>>()
            };
            let skus: Vec<_> = rows.iter().map(|(id, _)| sku(*id)).collect();
            ("prices_set", json!({"skus": skus, "prices": rows.iter().flat_map(row).collect::<Vec<_>>()}))
        }
        Event::RowsSet(rows) => {
            let row = |of: &SkuRows, set: &RowSet| {
                json!({
                    "price_list": book.name(set.key.list),
                    "sku": sku(of.sku),
                    "channel": set.key.channel.as_ref().map(Name::as_str),
                    "location": set.key.location.as_ref().map(Name::as_str),
                    "currency": set.key.currency.as_str(),
                    "amount": set.value.map(|(amount, _)| amount),
                    "min_quantity": set.key.min_quantity,
                    "starts_at": set.key.starts_at.map(time),
                    "ends_at": set.value.and_then(|(_, ends_at)| ends_at).map(time),
                })
            };
            let changed = rows.iter().filter(|of| !of.rows.is_empty());
            let skus: Vec<_> = changed.clone().map(|of| sku(of.sku)).collect();
            let prices: Vec<_> = changed.flat_map(|of| of.rows.iter().map(|set| row(of, set))).collect();
            ("prices_set", json!({"skus": skus, "prices": prices}))
        }
        Event::ListSet(set) => {
            let item = match &set.list {
                Some(said) => list(engine, set.name.as_str(), said, set.in_force),
                None => json!({"price_list": set.name.as_str(), "removed": true}),
            };
            ("price_list_set", json!({"price_lists": [item]}))
        }
        Event::ListsTurned(rows) => {
            let row = |(id, in_force): &(ListId, bool)| json!({"price_list": book.name(*id), "in_force": in_force});
            ("price_lists_turned", json!({"price_lists": rows.iter().map(row).collect::<Vec<_>>()}))
        }
        Event::TaxClassSet(set) => {
            let item = match &set.class {
                Some(said) => class(engine, set.name.as_str(), said),
                None => json!({"tax_class": set.name.as_str(), "removed": true}),
            };
            ("tax_class_set", json!({"tax_classes": [item]}))
        }
        Event::SkusTaxed(rows) => {
            let row = |(id, class): &(SkuId, Option<Name>)| {
                let class = class.as_ref().map_or(anaquel_engine::prices::tax::STANDARD, Name::as_str);
                json!({"sku": sku(*id), "tax_class": class})
            };
            ("sku_tax_classes_set", json!({"skus": rows.iter().map(row).collect::<Vec<_>>()}))
        }
    }
}

/// Members of one object put into another.
pub fn joined(mut item: Value, more: Value) -> Value {
    if let (Value::Object(members), Value::Object(more)) = (&mut item, more) {
        members.extend(more);
    }
    item
}
