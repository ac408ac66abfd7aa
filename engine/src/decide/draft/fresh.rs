//! Names of one kind that the batch interns, and the details that it sets.

use std::collections::BTreeSet;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::ids::{Name, Seq};
use crate::kernel::maps::empty;

/// Names interned in this batch, and details set in it.
#[derive(Debug)]
pub(super) struct Fresh<I, D> {
    pub(super) names: FxHashMap<Name, I>,
    pub(super) details: FxHashMap<I, (Seq, Arc<D>)>,
    /// The undeclared names among them, with the caller that introduced each.
    pub(super) made_up: FxHashMap<I, u64>,
    pub(super) made_up_by: FxHashMap<u64, u32>,
    /// Reused ids, with the `seq` of their release.
    pub(super) reused: BTreeSet<(Seq, u32)>,
    /// Ids of revived names.
    pub(super) revived: BTreeSet<u32>,
}

impl<I, D> Default for Fresh<I, D> {
    fn default() -> Self {
        Self {
            names: FxHashMap::default(),
            details: FxHashMap::default(),
            made_up: FxHashMap::default(),
            made_up_by: FxHashMap::default(),
            reused: BTreeSet::new(),
            revived: BTreeSet::new(),
        }
    }
}

impl<I: Copy + Eq + std::hash::Hash + Into<u32>, D> Fresh<I, D> {
    pub(super) fn clear(&mut self) {
        empty(&mut self.names);
        empty(&mut self.details);
        empty(&mut self.made_up);
        empty(&mut self.made_up_by);
        self.reused.clear();
        self.revived.clear();
    }

    pub(super) fn make_up(&mut self, id: I, by: u64) {
        self.made_up.insert(id, by);
        *self.made_up_by.entry(by).or_default() += 1;
    }

    /// Drops names that were interned for a failed step.
    pub(super) fn forget(&mut self, gone: &[(I, Name)]) {
        for (id, name) in gone {
            self.names.remove(name);
            if let Some(count) = self.made_up.remove(id).and_then(|by| self.made_up_by.get_mut(&by)) {
                *count -= 1;
            }
        }
        for (id, _) in gone {
            self.revived.remove(&(*id).into());
        }
        if !self.reused.is_empty() {
            let gone: BTreeSet<u32> = gone.iter().map(|(id, _)| (*id).into()).collect();
            self.reused.retain(|(_, id)| !gone.contains(id));
        }
    }

    /// The undeclared names among `names`.
    pub(super) fn made_up_of(&self, names: &[(I, Name)]) -> Vec<(I, Name)> {
        names.iter().filter(|(id, _)| self.made_up.contains_key(id)).cloned().collect()
    }

    /// Splits off the undeclared names, and passes each to `put` with its caller.
    pub(super) fn split(&self, names: Vec<(I, Name)>, put: &mut impl FnMut(u64, (I, Name))) -> Vec<(I, Name)> {
        if self.made_up.is_empty() {
            return names;
        }
        let mut rest = Vec::with_capacity(names.len());
        for name in names {
            match self.made_up.get(&name.0) {
                Some(by) => put(*by, name),
                None => rest.push(name),
            }
        }
        rest
    }
}
