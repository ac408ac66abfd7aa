//! A log in memory, for tests: the same parts as on disk, on a simulated disk that can lose power at any moment.
//!
//! The disk has a live and a durable content. Unsynced appends are in the live content only; [`MemoryDisk::crash`]
//! keeps the durable content and a given number of the later parts, like a power cut.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anaquel_cells::ids::{Seq, Timestamp};

use crate::batch::Batch;
use crate::log::{AppendError, Damage, Journal, JournalReader, ReadError, Recovered};
use crate::part::{self, Assembler};

/// The fault of the next append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Report a full disk, having written nothing.
    Full,
    /// Write this many parts, then fail.
    TornWrite(usize),
    /// Write everything, then fail to sync.
    FailedSync,
}

#[derive(Debug, Default)]
struct Checkpoint {
    parts: Vec<(Seq, Vec<u8>)>,
    synced: usize,
    fault: Option<(u64, Fault)>,
    appends: u64,
}

/// The disk. Clones share it, so a test keeps one while a journal writes to another.
#[derive(Debug, Clone, Default)]
pub struct MemoryDisk(Arc<Medium>);

#[derive(Debug, Default)]
struct Medium {
    checkpoint: Mutex<Checkpoint>,
    /// Appends that are about to write.
    appending: AtomicUsize,
}

impl MemoryDisk {
    fn checkpoint(&self) -> MutexGuard<'_, Checkpoint> {
        self.0.checkpoint.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A power cut: of what was not synced, the first `kept` parts survive.
    pub fn crash(&self, kept: usize) {
        let mut checkpoint = self.checkpoint();
        let survivors = checkpoint.parts.len().min(checkpoint.synced.saturating_add(kept));
        checkpoint.parts.truncate(survivors);
        checkpoint.synced = survivors;
        checkpoint.fault = None;
    }

    /// Parts that were written and not synced.
    pub fn unsynced(&self) -> usize {
        let checkpoint = self.checkpoint();
        checkpoint.parts.len() - checkpoint.synced
    }

    /// Sets the fault of the append after `appends` more.
    pub fn inject(&self, appends: u64, fault: Fault) {
        let mut checkpoint = self.checkpoint();
        checkpoint.fault = Some((checkpoint.appends + appends, fault));
    }

    /// Flips one bit of a stored part.
    pub fn flip(&self, part: usize, bit: usize) {
        let mut checkpoint = self.checkpoint();
        if let Some((_, bytes)) = checkpoint.parts.get_mut(part)
            && let Some(byte) = bytes.get_mut(bit / 8)
        {
            *byte ^= 1 << (bit % 8);
        }
    }

    /// Makes every append wait until the guard is dropped, so that a test can queue commands for one batch.
    pub fn stall(&self) -> impl Drop + '_ {
        self.checkpoint()
    }

    /// Parts on it.
    pub fn parts(&self) -> usize {
        self.checkpoint().parts.len()
    }

    /// Appends that are running or stalled.
    pub fn appending(&self) -> usize {
        self.0.appending.load(Ordering::SeqCst)
    }

    /// The bytes of all parts, as on a disk.
    pub fn bytes(&self) -> Vec<u8> {
        self.checkpoint().parts.iter().flat_map(|(_, bytes)| bytes.clone()).collect()
    }

    /// A disk that holds one part.
    pub fn of_part(first_seq: Seq, bytes: Vec<u8>) -> Self {
        let checkpoint = Checkpoint { parts: vec![(first_seq, bytes)], synced: 1, ..Checkpoint::default() };
        Self(Arc::new(Medium { checkpoint: Mutex::new(checkpoint), appending: AtomicUsize::new(0) }))
    }

    /// Removes one part.
    pub fn remove(&self, part: usize) {
        let mut checkpoint = self.checkpoint();
        checkpoint.parts.remove(part);
        checkpoint.synced = checkpoint.synced.min(checkpoint.parts.len());
    }
}

/// The log on this disk.
#[derive(Debug)]
pub struct MemoryJournal {
    disk: MemoryDisk,
    chain: u32,
    next_seq: Seq,
}

impl MemoryJournal {
    /// Opens the log on `disk`, passes every batch to `visit`, and drops an unfinished batch at the end.
    ///
    /// # Errors
    /// [`Damage`] anywhere except in that batch.
    pub fn open(disk: MemoryDisk, visit: &mut dyn FnMut(Batch)) -> Result<(Self, Recovered), Damage> {
        let mut recovered = Recovered::default();
        let mut assembler = Assembler::default();
        let parts = disk.checkpoint().parts.clone();
        let mut chain = 0;
        for (seq, bytes) in &parts {
            recovered.bytes += bytes.len() as u64;
            if let Some(batch) = assembler.push(&part::parse(bytes, *seq)?)? {
                if recovered.batches == 0 {
                    (recovered.read_from, recovered.oldest) = (batch.first_seq, batch.first_seq);
                }
                recovered.last_seq = batch.last_seq();
                recovered.last_time = batch.time;
                recovered.batches += 1;
                chain = assembler.chain();
                visit(batch);
            }
        }
        if let Some((seq, torn)) = assembler.unfinished() {
            recovered.torn_parts = u64::from(torn);
            disk.checkpoint().parts.retain(|(first, _)| *first < seq);
        }
        {
            let mut checkpoint = disk.checkpoint();
            checkpoint.synced = checkpoint.parts.len();
        }
        Ok((Self { disk, chain, next_seq: recovered.last_seq + 1 }, recovered))
    }
}

impl Journal for MemoryJournal {
    fn append(&mut self, batch: &Batch) -> Result<(), AppendError> {
        self.disk.0.appending.fetch_add(1, Ordering::SeqCst);
        let mut checkpoint = self.disk.checkpoint();
        self.disk.0.appending.fetch_sub(1, Ordering::SeqCst);
        let fault = checkpoint.fault.filter(|(at, _)| *at == checkpoint.appends).map(|(_, fault)| fault);
        checkpoint.appends += 1;
        if batch.first_seq != self.next_seq {
            return Err(AppendError::Fenced { at: self.next_seq, expected: batch.first_seq });
        }
        batch.assert_whole();
        if fault == Some(Fault::Full) {
            checkpoint.fault = None;
            return Err(AppendError::Full { free: 0, needed: batch.body.len() as u64 });
        }
        let mut written = 0;
        let mut buffer = Vec::new();
        let chain = part::cut(batch, self.chain, &mut buffer, |_, bytes| {
            if fault == Some(Fault::TornWrite(written)) {
                return Err(AppendError::Unknown("injected: the write was torn".into()));
            }
            written += 1;
            checkpoint.parts.push((batch.first_seq, bytes.to_vec()));
            Ok(())
        })?;
        if matches!(fault, Some(Fault::FailedSync | Fault::TornWrite(_))) {
            return Err(AppendError::Unknown("injected: the sync failed".into()));
        }
        checkpoint.synced = checkpoint.parts.len();
        self.chain = chain;
        self.next_seq = batch.last_seq() + 1;
        Ok(())
    }

    fn trim(&mut self, before: Seq) -> Result<bool, AppendError> {
        let mut checkpoint = self.disk.checkpoint();
        let last_kept =
            checkpoint.parts.iter().map(|(seq, _)| *seq).take_while(|seq| *seq <= before).last().unwrap_or(0);
        checkpoint.parts.retain(|(seq, _)| *seq >= last_kept);
        checkpoint.synced = checkpoint.parts.len();
        Ok(true)
    }

    fn reader(&self) -> Arc<dyn JournalReader> {
        Arc::new(self.disk.clone())
    }
}

impl JournalReader for MemoryDisk {
    fn read(&self, from: Seq, visit: &mut dyn FnMut(Batch) -> ControlFlow<()>) -> Result<(), ReadError> {
        let oldest = self.oldest();
        if from < oldest {
            return Err(ReadError::Trimmed { oldest });
        }
        let parts = {
            let checkpoint = self.checkpoint();
            let holder = checkpoint.parts.partition_point(|(seq, _)| *seq <= from);
            let start = holder.checked_sub(1).and_then(|last| checkpoint.parts.get(last)).map_or(0, |(seq, _)| *seq);
            checkpoint.parts.partition_point(|(seq, _)| *seq < start)
        };
        let mut assembler = Assembler::default();
        // Part by part: most readers want only a few.
        let next = |at: usize| self.checkpoint().parts.get(at).cloned();
        for (seq, bytes) in (parts..).map_while(next) {
            let batch = part::parse(&bytes, seq).and_then(|part| assembler.push(&part)).map_err(ReadError::Damaged)?;
            if let Some(batch) = batch
                && batch.last_seq() >= from
                && visit(batch).is_break()
            {
                break;
            }
        }
        Ok(())
    }

    fn oldest(&self) -> Seq {
        self.checkpoint().parts.first().map_or(1, |(seq, _)| *seq)
    }
}

impl Recovered {
    /// The next `seq`.
    pub fn next_seq(&self) -> Seq {
        self.last_seq + 1
    }

    /// The earliest time of the next batch.
    pub fn not_before(&self) -> Timestamp {
        self.last_time
    }
}
