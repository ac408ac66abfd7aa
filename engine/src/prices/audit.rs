//! Checking prices, from the events alone: every row is of a list that there is, and in its currency; no SKU has more rows
//! than it may have; a list is in force when its dates say so; and nothing is taken away that still counts.

use super::audited::{Audit, AuditedList, Rows};
use super::event::{Event, ListSet, SkuRows};
use super::list::{BASE, Currency, LISTS_MAX, ListId};
use super::row::{ROWS_MAX, RowKey};
use crate::audit::Books;
use crate::effect::At;
use crate::ids::Timestamp;

/// Checks what an event says of prices.
///
/// # Errors
/// What is wrong.
pub(crate) fn check(books: &mut Books, at: At<'_>, event: &Event) -> Result<(), String> {
    let audit = &mut books.own.prices;
    match event {
        Event::BaseSet(rows) => {
            for (sku, all) in rows {
                let of = audit.rows.entry(*sku).or_default();
                for price in all {
                    let (channel, location) = (price.channel.clone(), price.location.clone());
                    let key = RowKey { channel, location, ..RowKey::base(Currency::of(&price.currency)) };
                    of.insert(key, (u64::try_from(price.amount).unwrap_or_default(), None));
                }
            }
            Ok(())
        }
        Event::RowsSet(rows) => rows.iter().try_for_each(|rows| check_rows(audit, at.time, rows)),
        Event::ListSet(set) => check_list(audit, at.time, set),
        Event::ListsTurned(rows) => {
            rows.iter().try_for_each(|(id, in_force)| check_turn(audit, at.time, *id, *in_force))
        }
        Event::TaxClassSet(_) | Event::SkusTaxed(_) => Ok(()),
    }
}

fn check_rows(audit: &mut Audit, now: Timestamp, rows: &SkuRows) -> Result<(), String> {
    if rows.forgotten > now {
        return Err("rows were forgotten that had not ended".into());
    }
    let lists = &audit.lists;
    let count = |of: &Rows| {
        let is_there = |list: ListId| list == BASE || lists.contains_key(&list);
        of.iter().filter(|(key, (_, end))| is_there(key.list) && end.is_none_or(|end| end > now)).count()
    };
    let of = audit.rows.entry(rows.sku).or_default();
    let before = count(of);
    for row in &rows.rows {
        let RowKey { list, currency, channel, location, .. } = &row.key;
        match lists.get(list) {
            None if *list == BASE => {}
            None => return Err("a price was set in a list that is not there".into()),
            Some(list) if list.currency != *currency => return Err("a price is not in its list's currency".into()),
            Some(_) if channel.is_some() || location.is_some() => {
                return Err("a price outside base names a channel or a location".into());
            }
            Some(_) => {}
        }
        match row.value {
            Some(value) => drop(of.insert(row.key.clone(), value)),
            None => drop(of.remove(&row.key)),
        }
    }
    of.retain(|_, (_, end)| end.is_none_or(|end| end > rows.forgotten));
    // What was set before there was a limit may be more, and may be changed.
    match count(of) {
        live if live > ROWS_MAX && live > before => Err(format!("a SKU has {live} prices")),
        _ => Ok(()),
    }
}

fn runs(list: &AuditedList, now: Timestamp) -> bool {
    list.starts_at.is_none_or(|start| start <= now) && list.ends_at.is_none_or(|end| now < end)
}

fn check_list(audit: &mut Audit, now: Timestamp, set: &ListSet) -> Result<(), String> {
    let Some(list) = &set.list else {
        audit.lists.remove(&set.id).ok_or("a price list was removed that is not there")?;
        let in_it = |key: &RowKey| key.list == set.id;
        for (key, (_, end)) in audit.rows.values().flatten() {
            if in_it(key) && end.is_none_or(|end| end > now) {
                return Err("a price list was removed with prices in it".into());
            }
        }
        // What ended is no more with its list.
        for rows in audit.rows.values_mut() {
            rows.retain(|key, _| !in_it(key));
        }
        return Ok(());
    };
    let (currency, starts_at, ends_at) = (list.currency, list.starts_at, list.ends_at);
    let after = AuditedList { name: set.name.clone(), currency, starts_at, ends_at, in_force: set.in_force };
    if set.in_force != runs(&after, now) {
        return Err("a price list is in force when its dates say otherwise".into());
    }
    if set.id == BASE || audit.lists.iter().any(|(id, other)| *id != set.id && other.name == set.name) {
        return Err("two price lists have one id".into());
    }
    audit.lists.insert(set.id, after);
    match audit.lists.len() {
        count if count > LISTS_MAX => Err(format!("there are {count} price lists")),
        _ => Ok(()),
    }
}

fn check_turn(audit: &mut Audit, now: Timestamp, id: ListId, in_force: bool) -> Result<(), String> {
    let list = audit.lists.get_mut(&id).ok_or("a price list turned that is not there")?;
    if list.in_force == in_force || runs(list, now) != in_force {
        return Err("a price list began or ended when its dates say otherwise".into());
    }
    list.in_force = in_force;
    Ok(())
}
