//! The log: one total order of records, appended in batches, durable when `append` returns.
//!
//! The trait also fits a replicated log: a batch states the sequence that it continues, and the answer is *durable*,
//! *full* (nothing was written), *fenced* (another writer is ahead) or *unknown* (read back before deciding). A record
//! is a `seq`, a time and bytes; this crate does not know their meaning.
//!
//! Only this crate names sled and bincode, so that either can be replaced without a change elsewhere. [`memory`] is a
//! log for tests, with a disk that can lose unsynced data.
//!
//! ```text
//!   encoding ◄── batch ◄── log ◄── part ◄── memory, recent, carve ◄── sled_log ◄── copied
//! ```

mod batch;
mod carve;
mod copied;
mod encoding;
mod high_water;
pub mod histogram;
mod log;
pub mod memory;
mod options;
mod part;
pub mod private;
mod recent;
mod sled_log;

pub use batch::{Batch, BatchBuilder, CodecError, LENGTH_BYTES, decode_record};
pub use copied::{LogWriter, Mended, mend};
pub use encoding::{RECORD_BYTES_MAX, decode, encode};
pub use log::{AppendError, Damage, Journal, JournalReader, ReadError, Recovered};
pub use options::{LogOptions, OpenError, SyncPolicy, sync_directory};
pub use sled_log::known_durable;

use std::path::Path;

use anaquel_cells::ids::Seq;

/// Opens the log in `directory`, and creates it if it does not exist. Checks it from the batch with record `from` on,
/// or only the last batch if all are older, and passes each of these batches to `visit` in order. Older batches are
/// checked by [`JournalReader::read`]. An unfinished batch at the end was never acknowledged: it is removed, and the
/// removal is synced, before this returns, so that no `seq` is used twice.
///
/// # Errors
/// [`OpenError::Damaged`] names the record, for damage anywhere else.
pub fn open(
    directory: &Path,
    options: LogOptions,
    from: Seq,
    visit: &mut dyn FnMut(Batch) -> Result<(), Damage>,
) -> Result<(Box<dyn Journal>, Recovered), OpenError> {
    let (journal, recovered) = sled_log::SledJournal::open(directory, options, from, visit)?;
    Ok((Box::new(journal), recovered))
}
