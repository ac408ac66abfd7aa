//! Folds inbound supply into the durable view.

use std::collections::BTreeSet;

use super::Supply;
use crate::effect::{At, Inbound};
use crate::hash::{self, Part};
use crate::ids::{LocationId, Name, SkuId};
use crate::state::DurableState;

/// Folds the supplies of a record. Bounded by their number.
pub(crate) fn inbound(state: &DurableState, at: At<'_>, inbound: Inbound<'_>) {
    let named: BTreeSet<(SkuId, LocationId, &Name)> = match inbound {
        Inbound::Set(rows) => rows.iter().map(|row| (row.cell.sku, row.cell.location, &row.name)).collect(),
        Inbound::Used(rows, _) => rows.iter().map(|used| (used.sku, used.location, &used.name)).collect(),
    };
    let sum = || {
        let ledger = state.ledger();
        named.iter().fold(0_u128, |sum, (sku, location, name)| {
            let supplies = ledger.outlook(*sku, *location).map_or(&[][..], |outlook| outlook.supplies());
            let known = supplies.iter().find(|supply| supply.name == **name);
            sum.wrapping_add(known.map_or(0, |supply| digest(state, *sku, *location, supply)))
        })
    };
    let before = sum();
    state.change_ledger(|ledger| ledger.inbound(at, inbound));
    state.hash.change(Part::Supply, before, sum());
}

pub(crate) fn digest(state: &DurableState, sku: SkuId, location: LocationId, supply: &Supply) -> hash::Digest {
    hash::content::digest(&state.catalogue, Part::Supply, state.catalogue.place(sku, location).word(), supply)
}

/// Restores a supply from a checkpoint.
pub(crate) fn restore(state: &DurableState, sku: SkuId, location: LocationId, supplies: &[Supply]) {
    state.change_ledger(|ledger| ledger.restore_supply(sku, location, supplies));
    let digests = supplies.iter().map(|supply| digest(state, sku, location, supply));
    digests.for_each(|digest| state.hash.change(Part::Supply, 0, digest));
}
