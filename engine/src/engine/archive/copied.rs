//! What another node archived, written again here: the record has the bytes.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::mend;
use crate::archive::event::{Archived, Event as ArchiveEvent};
use crate::engine::shared::Shared;
use crate::event::{Event, Record};

impl Shared {
    /// Writes what these records archived to the files and to the index, before memory forgets it.
    ///
    /// # Errors
    /// The archive cannot be written; nothing of it counts.
    pub(in crate::engine) fn archive_copied(&self, records: &[Record]) -> Result<(), String> {
        let Some(archive) = &self.archive else { return Ok(()) };
        let mut archived = records.iter().filter_map(archived);
        let Some((seq, first)) = archived.next() else { return Ok(()) };
        if archived.next().is_some() {
            // The writer of the archive waits for each record of it.
            return Err("a batch has two records of the archive".to_owned());
        }
        let _writing = archive.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.state.own.archive.standing();
        self.check_room(archive, first.bytes.0.len() as u64)?;
        archive.open_index(&before).map_err(|error| error.to_string())?;
        archive.has_any.store(true, Ordering::Release);
        archive.files.append(first.place, &first.bytes.0).map_err(|error| error.to_string())?;
        let after = before.with(seq, first.end());
        let indexed = match mend::catch_up(archive.index(), &archive.files, &before.ends, &after) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(damage)) => Err(damage.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match indexed {
            Ok(()) => Ok(()),
            Err(error) => {
                archive.files.take_back(first.place).map_err(|error| error.to_string())?;
                Err(error)
            }
        }
    }

    /// The records were not logged: what [`Shared::archive_copied`] wrote does not count.
    ///
    /// # Errors
    /// The archive cannot be written; the next start takes it back.
    pub(in crate::engine) fn archive_takes_back(&self, records: &[Record]) -> Result<(), String> {
        let Some((archive, (_, first))) = self.archive.as_ref().zip(records.iter().find_map(archived)) else {
            return Ok(());
        };
        archive.index().take_back().map_err(|error| error.to_string())?;
        archive.files.take_back(first.place).map_err(|error| error.to_string())
    }
}

fn archived(record: &Record) -> Option<(u64, &Archived)> {
    match &record.event {
        Event::Archive(ArchiveEvent::Archived(archived)) => Some((record.seq, archived)),
        _ => None,
    }
}
