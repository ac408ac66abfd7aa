//! The durable end of the log: the *high-water mark* beside it, and the note of a failed sync.
//!
//! The mark is written before an append is acknowledged. A thread of its own syncs it some 50 ms later, for all
//! appends in between: a sync per append would cost as much disk time as the log itself. So the mark is exact after a
//! kill, and lags by a pause and at most two syncs after a power cut. After a failed sync the durable end must be
//! exact, so such a sync leaves a note with it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anaquel_cells::ids::Seq;
use crossbeam::channel::{Receiver, Sender, bounded};

use crate::private::private_file;

/// How long the mark rests between two syncs: after a power cut, the loss of a tail that is younger is not noticed.
const PAUSE: Duration = Duration::from_millis(50);

/// A `seq` with its checksum.
fn checked(seq: Seq) -> [u8; 12] {
    let mut bytes = [0; 12];
    let (seq_bytes, check) = bytes.split_at_mut(8);
    seq_bytes.copy_from_slice(&seq.to_le_bytes());
    check.copy_from_slice(&crc32fast::hash(seq_bytes).to_le_bytes());
    bytes
}

/// Reads the output of [`checked`], if it is complete.
fn read_checked(file: &File, offset: u64) -> Option<Seq> {
    let mut bytes = [0; 12];
    file.read_exact_at(&mut bytes, offset).ok()?;
    let (seq, check) = bytes.split_at(8);
    (crc32fast::hash(seq).to_le_bytes() == check).then(|| seq.first_chunk().map(|b| Seq::from_le_bytes(*b)))?
}

/// The mark beside the log: two slots in separate sectors, written in turn, so that a torn write leaves the other slot.
#[derive(Debug)]
pub(crate) struct HighWater {
    file: Arc<File>,
    raised: Seq,
    slot: u64,
    dirty: Option<Sender<()>>,
    /// Ends the rest of the thread when it is dropped.
    running: Option<Sender<()>>,
    syncer: Option<JoinHandle<()>>,
}

const SLOT_BYTES: u64 = 512;

/// The offset of the note of a failed sync: after the two slots, in bytes that exist beforehand, so that a failed disk
/// need not allocate any.
const NOTE_AT: u64 = 2 * SLOT_BYTES;

impl HighWater {
    /// Opens the mark, creates it if it does not exist, and returns the durable end that it states.
    pub fn open(path: &Path) -> io::Result<(Self, Seq)> {
        let file = private_file().read(true).write(true).create(true).truncate(false).open(path)?;
        let newest = (0..2).filter_map(|slot| Some((read_checked(&file, slot * SLOT_BYTES)?, slot))).max();
        let (marked, slot) = newest.unwrap_or((0, 0));
        if file.metadata()?.len() < NOTE_AT + SLOT_BYTES {
            file.write_all_at(&[0; SLOT_BYTES as usize], NOTE_AT)?;
        }
        file.sync_all()?;
        let file = Arc::new(file);
        let (dirty, work): (Sender<()>, Receiver<()>) = bounded(1);
        let (running, ended): (Sender<()>, Receiver<()>) = bounded(0);
        let synced = Arc::clone(&file);
        let syncer = std::thread::Builder::new().name("high-water".into()).spawn(move || {
            // A failed sync of the mark only loses the knowledge of a lost tail: the log has its own sync, and a
            // failure of that its own note.
            while work.recv().is_ok() {
                let _ = synced.sync_data();
                let _ = ended.recv_timeout(PAUSE);
            }
        })?;
        Ok((
            Self { file, raised: marked, slot, dirty: Some(dirty), running: Some(running), syncer: Some(syncer) },
            marked,
        ))
    }

    /// Records that the log is durable up to `seq`.
    pub fn raise(&mut self, seq: Seq) -> io::Result<()> {
        self.slot ^= 1;
        self.file.write_all_at(&checked(seq), self.slot * SLOT_BYTES)?;
        self.raised = seq;
        if let Some(dirty) = &self.dirty {
            // A full channel means that a sync is requested already, which will cover this write too.
            let _ = dirty.try_send(());
        }
        Ok(())
    }

    /// Syncs the mark now.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Notes that the log could not be synced: it is durable up to the last mark.
    pub fn note_failure(&self) -> io::Result<()> {
        self.file.write_all_at(&checked(self.raised), NOTE_AT)?;
        self.file.sync_data()
    }
}

/// The note of a failed sync in the file at `path`: the durable end of the log.
pub(crate) fn noted_failure(path: &Path) -> io::Result<Option<Seq>> {
    match File::open(path) {
        Ok(file) => Ok(read_checked(&file, NOTE_AT)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl Drop for HighWater {
    fn drop(&mut self) {
        (self.dirty, self.running) = (None, None);
        if let Some(syncer) = self.syncer.take() {
            let _ = syncer.join();
        }
    }
}
