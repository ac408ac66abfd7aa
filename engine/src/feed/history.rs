//! The past of the feed: the entries after a given record, from memory while they are fresh, from the log otherwise.
//!
//! After a restart, many subscribers resume from the same part of the log, so a chunk that was read is cached for the
//! others. Both parts are bounded: [`FRESH_MAX`] entries of 40 bytes, and [`CHUNKS_MAX`] chunks of about
//! [`CHUNK_ENTRIES`].

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::entry::{Entry, entries_of};
use crate::ids::Seq;
use crate::journal::{self, Damage, JournalReader, ReadError};
use crate::state::DurableState;

/// Entries kept in memory.
const FRESH_MAX: usize = 1 << 18;

/// The maximum number of records in one chunk of the log.
const CHUNK_RECORDS: Seq = 4096;

/// Entries after which a chunk ends with its current batch: one record may have a thousand.
const CHUNK_ENTRIES: usize = 8192;

/// Cached chunks.
const CHUNKS_MAX: usize = 32;

/// The past of the feed.
pub(super) struct History {
    reader: Arc<dyn JournalReader>,
    fresh: Mutex<Fresh>,
    chunks: Mutex<VecDeque<Arc<Chunk>>>,
}

struct Fresh {
    /// All entries after this record are here.
    after: Seq,
    entries: VecDeque<Entry>,
}

struct Chunk {
    first: Seq,
    /// The last record of the chunk.
    last: Seq,
    entries: Vec<Entry>,
}

impl History {
    pub fn new(reader: Arc<dyn JournalReader>, position: Seq) -> Self {
        Self {
            reader,
            fresh: Mutex::new(Fresh { after: position, entries: VecDeque::new() }),
            chunks: Mutex::default(),
        }
    }

    /// Adds entries that the feed just received.
    pub fn extend(&self, entries: &[Entry]) {
        let mut fresh = self.lock_fresh();
        fresh.entries.extend(entries.iter().cloned());
        while fresh.entries.len() > FRESH_MAX {
            // The entries of a record are dropped together: a part of them would look complete.
            let Some(oldest) = fresh.entries.pop_front() else { break };
            fresh.after = oldest.seq;
            while fresh.entries.front().is_some_and(|next| next.seq == oldest.seq) {
                fresh.entries.pop_front();
            }
        }
    }

    /// Whether the entries after `after` must be read from the log.
    pub fn is_old(&self, after: Seq) -> bool {
        after < self.lock_fresh().after
    }

    /// Visits entries after `after` up to `until`, at most some thousands at a time, and returns the last record whose
    /// entries were all visited.
    pub fn visit(
        &self,
        state: &DurableState,
        after: Seq,
        until: Seq,
        mut visit: impl FnMut(&Entry),
    ) -> Result<Seq, ReadError> {
        const AT_A_TIME: usize = 8192;
        {
            let fresh = self.lock_fresh();
            if after >= fresh.after {
                let start = fresh.entries.partition_point(|entry| entry.seq <= after);
                let mut last = after;
                for (count, entry) in fresh.entries.range(start..).take_while(|entry| entry.seq <= until).enumerate() {
                    if count >= AT_A_TIME && entry.seq != last {
                        return Ok(last);
                    }
                    visit(entry);
                    last = entry.seq;
                }
                return Ok(until);
            }
        }
        let chunk = self.chunk(state, after + 1)?;
        let start = chunk.entries.partition_point(|entry| entry.seq <= after);
        let wanted = chunk.entries.get(start..).unwrap_or_default().iter().take_while(|entry| entry.seq <= until);
        wanted.for_each(visit);
        Ok(chunk.last.min(until))
    }

    /// A chunk that contains `seq`.
    fn chunk(&self, state: &DurableState, seq: Seq) -> Result<Arc<Chunk>, ReadError> {
        let oldest = self.reader.oldest().max(1);
        if seq < oldest {
            return Err(ReadError::Trimmed { oldest });
        }
        // A reader that comes while the log is read waits, and shares the result.
        let mut chunks = self.chunks.lock().unwrap_or_else(PoisonError::into_inner);
        // All chunks begin at fixed records, whatever is requested; a chunk that ended early is continued.
        let mut first = (seq - seq % CHUNK_RECORDS).max(oldest);
        let last = (seq - seq % CHUNK_RECORDS + CHUNK_RECORDS - 1).min(state.view.seq());
        loop {
            if let Some(at) = chunks.iter().position(|chunk| (chunk.first..=chunk.last).contains(&seq))
                && let Some(chunk) = chunks.remove(at)
            {
                chunks.push_back(Arc::clone(&chunk));
                return Ok(chunk);
            }
            while let Some(before) = chunks.iter().find(|chunk| (chunk.first..=chunk.last).contains(&first)) {
                first = before.last + 1;
            }
            let (entries, last) = read_back(&*self.reader, first, last)?;
            chunks.push_back(Arc::new(Chunk { first, last, entries }));
            if chunks.len() > CHUNKS_MAX {
                chunks.pop_front();
            }
        }
    }

    fn lock_fresh(&self) -> MutexGuard<'_, Fresh> {
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The entries of the records `first..=last`, from the log, or of the first of them if there are many; and their last
/// record.
pub(super) fn read_back(reader: &dyn JournalReader, first: Seq, last: Seq) -> Result<(Vec<Entry>, Seq), ReadError> {
    let (mut entries, mut upto) = (Vec::new(), last);
    let mut damage = None;
    reader.read(first, &mut |batch| {
        match journal::records(&batch) {
            Ok(records) => {
                let wanted = records.iter().filter(|record| (first..=last).contains(&record.seq));
                wanted.for_each(|record| entries_of(record, &mut entries));
            }
            Err(error) => damage = Some(Damage { seq: error.seq, what: error.what }),
        }
        upto = batch.last_seq().min(last);
        let enough = damage.is_some() || upto >= last || entries.len() >= CHUNK_ENTRIES;
        if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    damage.map_or(Ok((entries, upto)), |damage| Err(ReadError::Damaged(damage)))
}
