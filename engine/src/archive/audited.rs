//! The auditor's own books of the archive, from the log alone: where its files end.

use std::collections::BTreeMap;

use crate::state::DurableState;

/// The end of each file.
#[derive(Debug, Default)]
pub(crate) struct Audit(pub(super) BTreeMap<u32, u64>);

impl Audit {
    /// Starts from a checkpoint instead of from nothing.
    pub fn start_from(&mut self, state: &DurableState) {
        self.0 = state.own.archive.standing().ends.iter().map(|end| (end.file, end.at)).collect();
    }

    /// Compares with the engine's own fold.
    ///
    /// # Errors
    /// They differ.
    pub fn compare(&self, state: &DurableState) -> Result<(), String> {
        let standing = state.own.archive.standing();
        match standing.ends.iter().map(|end| (end.file, end.at)).eq(self.0.iter().map(|(file, at)| (*file, *at))) {
            true => Ok(()),
            false => Err("memory and log disagree on where the archive ends".into()),
        }
    }
}
