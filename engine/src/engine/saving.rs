//! Backups of a running engine: one more reader of the durable view and of the log.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{MutexGuard, PoisonError};

use std::sync::atomic::Ordering;

use anaquel_log::archive::ArchiveFiles;

use super::archive;
use super::handle::Engine;
use super::shared::Shared;
use crate::engine::backup::{self, BackupError, Head, Origin, Start};
use crate::engine::directory;
use crate::engine::directory::Extra;
use crate::ids::Seq;

impl Engine {
    /// Writes a backup of the durable data, exact at one `seq`: everything, or the records since an earlier one. Reads
    /// the newest checkpoint and the log, piece by piece, and blocks no writer; records that it still has to read are
    /// not trimmed meanwhile. Calls `begun` with the head before the first byte.
    ///
    /// # Errors
    /// [`BackupError::Gone`] if the log no longer has the records; an error of `out`; damage.
    pub fn back_up(
        &self,
        start: Start,
        extra: &[Extra],
        begun: &mut dyn FnMut(&Head),
        out: &mut dyn Write,
    ) -> Result<Head, BackupError> {
        let shared = &*self.shared;
        let Some(directory) = &shared.directory else { return Err(BackupError::InMemory) };
        let wanted = Wanted::from(shared, 0);
        // Before the `seq` is taken: records in a checkpoint are in the log by then.
        let checkpoint = if start == Start::Whole { backup::newest_checkpoint(directory)? } else { None };
        let state = &shared.state;
        let read = || (state.hash.show(), state.last_time(), state.own.archive.standing());
        let (seq, (hash, time, standing)) = state.view.read(read);
        if !shared.sync_up_to(seq) {
            return Err(BackupError::NotDurable);
        }
        let kept = directory::kept_files(directory)?;
        let origin = Origin {
            reader: shared.reader.as_ref(),
            eras: self.identity().eras().collect(),
            kept,
            checkpoint,
            // What is behind these ends does not change while it is read.
            archive: (ArchiveFiles::new(&archive::folder_of(directory)), standing),
            seq,
            hash,
            time,
        };
        backup::write(origin, start, extra, &|from| wanted.moves_to(from), begun, out)
    }
}

/// Records that a backup still has to read stay in the log.
struct Wanted<'a> {
    shared: &'a Shared,
    id: u64,
}

impl<'a> Wanted<'a> {
    fn from(shared: &'a Shared, seq: Seq) -> Self {
        let mut wanted = shared.lock_wanted();
        let id = wanted.keys().next_back().map_or(0, |last| last + 1);
        wanted.insert(id, seq);
        drop(wanted);
        Self { shared, id }
    }

    fn moves_to(&self, seq: Seq) {
        self.shared.lock_wanted().insert(self.id, seq);
    }
}

impl Drop for Wanted<'_> {
    fn drop(&mut self) {
        self.shared.lock_wanted().remove(&self.id);
    }
}

impl Shared {
    fn lock_wanted(&self) -> MutexGuard<'_, BTreeMap<u64, Seq>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records before this one may be trimmed; 0 for none.
    pub(super) fn trim_before(&self) -> Seq {
        let before = self.trim_before.load(Ordering::Relaxed);
        if before == 0 {
            return 0;
        }
        self.lock_wanted().values().min().map_or(before, |wanted| before.min(*wanted))
    }
}
