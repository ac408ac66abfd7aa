//! One cell after one record, shared by every subscription that hears of it.

use std::sync::{Arc, Mutex, PoisonError};

use smallvec::SmallVec;

use crate::event::CellAfter;
use crate::ids::Seq;
use crate::query::CellView;

/// What became of a cell, and how that reads on the wire: written once for each form, whoever is the first to need it.
#[derive(Debug)]
pub struct Change {
    /// The record that changed it.
    pub seq: Seq,
    /// The cell after that record.
    pub cell: CellAfter,
    forms: Mutex<Forms>,
}

/// By the units that a channel leaves to others.
type Forms = SmallVec<[(u32, Arc<str>); 1]>;

impl Change {
    pub(super) fn new(seq: Seq, cell: CellAfter) -> Self {
        Self { seq, cell, forms: Mutex::default() }
    }

    /// The cell as `write` tells it to a channel that leaves `buffer` units: the form that was written before, if one was.
    pub fn form(&self, buffer: u32, write: impl FnOnce(&CellView) -> Arc<str>) -> Arc<str> {
        let mut forms = self.forms.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, form)) = forms.iter().find(|(of, _)| *of == buffer) {
            return Arc::clone(form);
        }
        let form = write(&CellView::after(&self.cell, buffer));
        forms.push((buffer, Arc::clone(&form)));
        form
    }
}
