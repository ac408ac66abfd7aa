//! Folds names and details into the durable view.

use super::Catalogue;
use super::details::SkuDetails;
use super::names::Definitions;
use crate::effect::{At, Described, Naming};
use crate::ids::{Seq, SkuId};
use crate::state::DurableState;
use crate::stock::fold::Writer;

pub(crate) fn names(writer: &mut Writer, state: &DurableState, at: At<'_>, naming: Naming<'_>) {
    match naming {
        Naming::Defined(definitions) => {
            define(state, definitions);
            if !definitions.locations.is_empty() {
                state.places.fold();
            }
        }
        Naming::MadeUp(made_up) => {
            define(state, &made_up.names);
            state.catalogue.fold_made_up(made_up);
            if !made_up.names.locations.is_empty() {
                state.places.fold();
            }
        }
        Naming::Released(names) => {
            for (channel, name) in &names.channels {
                state.catalogue.channels.fold_released(*channel, name, at.seq);
            }
        }
        Naming::Retired(names) => retired(writer, state, at.seq, names),
        Naming::Revived(names) => revived(writer, state, names),
        Naming::Quarantines(rows) => {
            rows.iter().for_each(|(quarantine, of)| state.catalogue.fold_quarantine(*quarantine, *of));
        }
    }
}

pub(crate) fn described(writer: &mut Writer, state: &DurableState, at: At<'_>, described: Described<'_>) {
    match described {
        Described::Skus(rows) => {
            for (sku, details) in rows {
                state.catalogue.fold_sku(*sku, at.seq, details.clone());
                state.rules.fold_sku(*sku, details);
            }
        }
        Described::Tracking(rows) => {
            rows.iter().for_each(|(sku, tracked)| tracking(writer, state, at.seq, *sku, *tracked));
        }
        Described::Locations(rows) => {
            for (location, details) in rows {
                state.catalogue.fold_location(*location, at.seq, details.clone());
            }
            state.rules.fold_places();
            state.places.fold();
        }
        Described::Services(rows) => {
            for (location, details) in rows {
                state.catalogue.fold_services(*location, at.seq, details.clone());
            }
            state.places.fold();
        }
        Described::Hours(rows) => {
            for (location, hours) in rows {
                state.catalogue.fold_hours(*location, at.seq, hours.clone());
            }
            state.places.fold();
        }
        Described::Trading(rows) => {
            for (location, details) in rows {
                state.catalogue.fold_trading(*location, at.seq, details.clone());
            }
        }
        Described::Groups(rows) => {
            for (group, details) in rows {
                state.catalogue.fold_group(*group, at.seq, details.clone());
            }
            state.rules.fold_places();
        }
        Described::Channels(rows) => {
            for (channel, details) in rows {
                state.catalogue.fold_channel(*channel, at.seq, *details);
            }
        }
    }
}

/// `tracked` changed; a checkpoint may contain the change already.
fn tracking(writer: &mut Writer, state: &DurableState, seq: Seq, sku: SkuId, tracked: bool) {
    let was = state.catalogue.is_tracked(sku);
    if was && !tracked {
        writer.rehash_row(state, sku, false);
    }
    state.catalogue.fold_tracking(sku, seq, tracked);
    if !was && tracked {
        writer.rehash_row(state, sku, true);
    }
    state.matrix.row(sku).iter().for_each(|(_, cell)| state.movements.fold_begun(sku, cell.location(), seq));
}

/// A checkpoint may contain it already.
fn retired(writer: &mut Writer, state: &DurableState, seq: Seq, names: &Definitions) {
    let Catalogue { skus, locations, .. } = &state.catalogue;
    for (sku, _) in names.skus.iter().filter(|(sku, _)| !skus.is_retired(*sku)) {
        writer.rehash_row(state, *sku, false);
    }
    for (location, _) in names.locations.iter().filter(|(location, _)| !locations.is_retired(*location)) {
        let (part, sum) = writer.stock_of(state, *location);
        state.hash.change(part, sum, 0);
    }
    state.catalogue.fold_retired(seq, names);
    let nothing = SkuDetails::default();
    names.skus.iter().for_each(|(sku, _)| state.rules.fold_sku(*sku, &nothing));
    if !names.locations.is_empty() {
        state.places.fold();
    }
}

/// A checkpoint may contain it already.
fn revived(writer: &mut Writer, state: &DurableState, names: &Definitions) {
    let Catalogue { skus, locations, .. } = &state.catalogue;
    let back: Vec<_> = names.locations.iter().map(|(id, _)| *id).filter(|id| locations.is_retired(*id)).collect();
    let skus: Vec<_> = names.skus.iter().map(|(id, _)| *id).filter(|id| skus.is_retired(*id)).collect();
    state.catalogue.fold_revived(names);
    for location in back {
        let (part, sum) = writer.stock_of(state, location);
        state.hash.change(part, 0, sum);
    }
    skus.into_iter().for_each(|sku| writer.rehash_row(state, sku, true));
    if !names.locations.is_empty() {
        state.rules.fold_places();
        state.places.fold();
    }
}

pub(crate) fn define(state: &DurableState, definitions: &Definitions) {
    for (sku, name) in &definitions.skus {
        state.catalogue.skus.fold_definition(*sku, name);
    }
    for (location, name) in &definitions.locations {
        state.catalogue.locations.fold_definition(*location, name);
    }
    for (group, name) in &definitions.groups {
        state.catalogue.groups.fold_definition(*group, name);
    }
    for (channel, name) in &definitions.channels {
        state.catalogue.channels.fold_definition(*channel, name);
    }
}
