//! Audits names: their ids, retirement and return, from the events alone.

use super::details::TradingDetails;
use super::names::{Definitions, ThingKind};
use crate::audit::{Audited, Books};
use crate::effect::Naming;
use crate::ids::{LocationId, Name, SkuId};

pub(crate) fn names(books: &mut Books, naming: Naming<'_>) -> Result<(), String> {
    match naming {
        Naming::Defined(names) => define(books, names),
        Naming::MadeUp(made_up) => define(books, &made_up.names),
        Naming::Released(names) => release(books, names),
        Naming::Retired(names) => {
            retire(books, names)?;
            books.rules.retire(names);
            Ok(())
        }
        Naming::Revived(names) => {
            revive(books, names)?;
            books.rules.revive();
            Ok(())
        }
        Naming::Quarantines(rows) => open_quarantines(books, rows),
    }
}

/// Two channels must not have the same id.
fn define(books: &mut Books, names: &Definitions) -> Result<(), String> {
    for (id, name) in &names.channels {
        if let Some(other) = books.channels.insert(*id, name.clone()).filter(|other| other != name) {
            return Err(format!("the channel {name} got an id that the channel {other} has"));
        }
    }
    Ok(())
}

/// `tracked` of a SKU changes only while none of its cells holds anything.
pub(crate) fn check_tracking(books: &Books, rows: &[(SkuId, bool)]) -> Result<(), String> {
    for (sku, tracked) in rows {
        if books.rules.is_tracked(*sku) == *tracked {
            return Err("an event set `tracked` of a SKU to its former value".into());
        }
        let mut row = books.cells.range((*sku, LocationId(0))..=(*sku, LocationId(u32::MAX)));
        if row.any(|(_, (level, _))| level.is_stocked()) {
            return Err("an event changed `tracked` of a SKU while one of its cells held something".into());
        }
    }
    Ok(())
}

/// Only locations of the retailer trade, and their barcodes are made of the marks that a pattern may have.
pub(crate) fn check_trading(books: &Books, rows: &[(LocationId, TradingDetails)]) -> Result<(), String> {
    for (location, details) in rows {
        if books.quarantines.contains_key(location) {
            return Err("an event set how a quarantine trades".into());
        }
        let is_mark = |mark: char| mark.is_ascii_digit() || matches!(mark, 'I' | 'W' | 'P' | 'C');
        if let Some(wrong) = details.barcodes.iter().find(|text| !text.ends_with('C') || !text.chars().all(is_mark)) {
            return Err(format!("an event gave a location the barcodes {wrong:?}, which no code fits"));
        }
    }
    Ok(())
}

/// A location has one quarantine, and a quarantine has none.
fn open_quarantines(books: &mut Books, rows: &[(LocationId, LocationId)]) -> Result<(), String> {
    for (quarantine, of) in rows {
        if books.quarantines.values().any(|other| other == of) || books.quarantines.contains_key(of) {
            return Err("a location got a second quarantine, or a quarantine one of its own".into());
        }
        books.quarantines.insert(*quarantine, *of);
    }
    Ok(())
}

/// A retired name holds nothing, and nothing holds it.
fn retire(books: &mut Books, names: &Definitions) -> Result<(), String> {
    let is_open = |audited: &&Audited| audited.state.is_some_and(|state| state.is_open());
    for (sku, name) in &names.skus {
        let mut row = books.cells.range((*sku, LocationId(0))..=(*sku, LocationId(u32::MAX)));
        if row.any(|(_, (level, _))| level.is_stocked()) {
            return Err(format!("the SKU {name} was retired with stock"));
        }
    }
    for (location, name) in &names.locations {
        if books.cells.iter().any(|((_, at), (level, _))| at == location && level.is_stocked()) {
            return Err(format!("the location {name} was retired with stock"));
        }
    }
    for (channel, name) in &names.channels {
        if books.reservations.values().filter(is_open).any(|audited| audited.channel == *channel) {
            return Err(format!("the channel {name} was retired while units are promised through it"));
        }
    }
    books.retired.extend(names.skus.iter().map(|(id, _)| (ThingKind::Sku, id.0)));
    books.retired.extend(names.locations.iter().map(|(id, _)| (ThingKind::Location, id.0)));
    books.retired.extend(names.groups.iter().map(|(id, _)| (ThingKind::Group, id.0)));
    books.retired.extend(names.channels.iter().map(|(id, _)| (ThingKind::Channel, id.0)));
    Ok(())
}

/// Only a retired name comes back.
fn revive(books: &mut Books, names: &Definitions) -> Result<(), String> {
    let mut back = |kind: ThingKind, id: u32, name: &Name| match books.retired.remove(&(kind, id)) {
        true => Ok(()),
        false => Err(format!("the {} {name} came back without being retired", kind.as_str())),
    };
    for (id, name) in &names.channels {
        books.channels.insert(*id, name.clone());
    }
    names.skus.iter().try_for_each(|(id, name)| back(ThingKind::Sku, id.0, name))?;
    names.locations.iter().try_for_each(|(id, name)| back(ThingKind::Location, id.0, name))?;
    names.groups.iter().try_for_each(|(id, name)| back(ThingKind::Group, id.0, name))?;
    names.channels.iter().try_for_each(|(id, name)| back(ThingKind::Channel, id.0, name))
}

/// Only an undeclared channel without promises releases its id.
fn release(books: &mut Books, names: &Definitions) -> Result<(), String> {
    for (id, name) in &names.channels {
        if books.channels.remove(id).as_ref() != Some(name) {
            return Err(format!("the channel {name} released an id that it does not have"));
        }
        if books.rules.is_declared(*id) {
            return Err(format!("the channel {name} is declared, and released its id"));
        }
        let is_open = |audited: &&Audited| audited.state.is_some_and(|state| state.is_open());
        if books.reservations.values().filter(is_open).any(|audited| audited.channel == *id) {
            return Err(format!("the channel {name} released its id while units are promised through it"));
        }
    }
    Ok(())
}
