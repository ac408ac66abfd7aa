//! Archives at once what is due, for tests and measurements; and why nothing is archived.

use std::sync::PoisonError;

use super::writer::{Reached, Stepped};
use crate::engine::Engine;
use crate::engine::shared::Shared;
use crate::ids::Seq;

impl Engine {
    /// Archives what is due, and returns the records that did it. The thread of the archive does the same by itself.
    ///
    /// # Errors
    /// The archive cannot be written.
    pub fn archive_now(&self) -> Result<Vec<Seq>, String> {
        self.archive_watched(&mut |_| ())
    }

    /// The same, told of each point on the way.
    ///
    /// # Errors
    /// The archive cannot be written.
    pub fn archive_watched(&self, reached: &mut dyn FnMut(Reached)) -> Result<Vec<Seq>, String> {
        let mut done = Vec::new();
        // Each step takes something out, or is the last.
        while self.shared.archive_step(reached)? == Stepped::Archived {
            done.push(self.shared.state.own.archive.last());
        }
        Ok(done)
    }

    /// Why the archive cannot be written at the moment, if so. Nothing leaves memory then.
    pub fn archive_trouble(&self) -> Option<String> {
        let archive = self.shared.archive.as_ref()?;
        archive.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Shared {
    /// Notes why the archive cannot be written, or that it can.
    pub(in crate::engine) fn note_archive_trouble(&self, trouble: Option<String>) {
        if let Some(archive) = &self.archive {
            *archive.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
        }
    }
}
