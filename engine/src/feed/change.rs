//! One cell after one record, shared by all subscriptions that match it.

use std::sync::{Arc, Mutex, PoisonError};

use smallvec::SmallVec;

use crate::catalogue::Catalogue;
use crate::ids::Seq;
use crate::kernel::cell_after::CellAfter;
use crate::stock::lens::{CellView, Lens};

/// A changed cell, and its JSON: serialised once for each form, by the first subscription that needs it.
#[derive(Debug)]
pub struct Change {
    /// The record that changed it.
    pub seq: Seq,
    /// The cell after that record.
    pub cell: CellAfter,
    forms: Mutex<Forms>,
}

/// Differences between channels.
type Forms = SmallVec<[(CellView, Arc<str>); 1]>;

impl Change {
    pub(super) fn new(seq: Seq, cell: CellAfter) -> Self {
        Self { seq, cell, forms: Mutex::default() }
    }

    /// The cell as `write` serialises it for the given `lens`; reuses an earlier result.
    pub fn form(&self, lens: &Lens, catalogue: &Catalogue, write: impl FnOnce(&CellView) -> Arc<str>) -> Arc<str> {
        let seen = lens.see(catalogue, &self.cell);
        let mut forms = self.forms.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, form)) = forms.iter().find(|(of, _)| *of == seen) {
            return Arc::clone(form);
        }
        let form = write(&seen);
        forms.push((seen, Arc::clone(&form)));
        form
    }
}
