//! Folds rules into the durable view.

use std::collections::BTreeSet;

use super::{RuleId, StandingRule};
use crate::effect::{At, RuleChange};
use crate::hash::{self, Part, Sums};
use crate::state::DurableState;

/// Rules were set, removed, or activated by date.
pub(crate) fn change(state: &DurableState, at: At<'_>, change: RuleChange<'_>) {
    match change {
        RuleChange::Set(rows) => {
            let ids: BTreeSet<_> = rows.iter().map(|row| row.id).collect();
            rehash(state, &ids, || state.rules.fold_set(at.seq, rows));
        }
        RuleChange::Activated(rows) => {
            let ids: BTreeSet<_> = rows.iter().map(|(id, _)| *id).collect();
            rehash(state, &ids, || state.rules.fold_activated(at.seq, rows));
        }
    }
    state.forget_quotas();
}

pub(crate) fn digest(state: &DurableState, standing: &StandingRule, put: &mut dyn FnMut(Part, hash::Digest)) {
    let key = hash::name(standing.name.as_str());
    put(Part::Rules, hash::content::digest(&state.catalogue, Part::Rules, key, &standing.rule));
    if standing.in_force {
        put(Part::InForce, hash::content::digest(&state.catalogue, Part::InForce, key, &true));
    }
}

fn digest_all(state: &DurableState, ids: &BTreeSet<RuleId>) -> Sums {
    let mut sums = Sums::default();
    for standing in ids.iter().filter_map(|id| state.rules.at(*id)) {
        digest(state, &standing, &mut |part, digest| sums.add(part, digest));
    }
    sums
}

/// Folds a change of rules.
fn rehash(state: &DurableState, ids: &BTreeSet<RuleId>, fold: impl FnOnce()) {
    let before = digest_all(state, ids);
    fold();
    let after = digest_all(state, ids);
    for part in [Part::Rules, Part::InForce] {
        state.hash.change(part, before.sum(part), after.sum(part));
    }
}

/// Restores a rule from a checkpoint.
pub(crate) fn restore(state: &DurableState, id: RuleId, standing: Option<StandingRule>) {
    rehash(state, &BTreeSet::from([id]), || state.rules.restore(id, standing));
}
