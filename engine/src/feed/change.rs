//! One cell after one record, shared by every subscription that hears of it.

use std::sync::{Arc, Mutex, PoisonError};

use smallvec::SmallVec;

use crate::catalogue::Catalogue;
use crate::ids::Seq;
use crate::kernel::cell_after::CellAfter;
use crate::stock::lens::{CellView, Lens};

/// What became of a cell, and how that reads on the wire: written once for each form, whoever is the first to need it.
#[derive(Debug)]
pub struct Change {
    /// The record that changed it.
    pub seq: Seq,
    /// The cell after that record.
    pub cell: CellAfter,
    forms: Mutex<Forms>,
}

/// By what channels see differently.
type Forms = SmallVec<[(CellView, Arc<str>); 1]>;

impl Change {
    pub(super) fn new(seq: Seq, cell: CellAfter) -> Self {
        Self { seq, cell, forms: Mutex::default() }
    }

    /// The cell as `write` tells it to those who see it through `lens`: the form that was written before, if one was.
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
