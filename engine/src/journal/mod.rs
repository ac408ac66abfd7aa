//! The log: one total order of records, appended in batches, durable when `append` returns.
//!
//! The trait is what a replicated log could serve as well: a batch states the sequence it expects to continue, and the
//! answer is *durable*, *full* (nothing was written), *fenced* (another writer is ahead) or *unknown* (read back before
//! deciding). The journal does not know the matrix; it carries records and does not read them.
//!
//! This module is the only one that names sled and bincode ([`sled_log`], [`codec`]): either can be replaced without a
//! line elsewhere. [`memory`] is a log for tests, with a disk that can lose what was not synced.

mod carve;
pub mod codec;
mod copied;
mod high_water;
mod log;
pub mod memory;
mod options;
mod part;
mod recent;
mod sled_log;

pub use codec::{BatchBuilder, CodecError};
pub use copied::Mended;
pub(crate) use copied::{LogWriter, mend};
pub use log::{AppendError, Batch, Damage, Journal, JournalReader, ReadError, Recovered};
pub(crate) use options::sync_directory;
pub use options::{LogOptions, OpenError, SyncPolicy};
pub(crate) use sled_log::known_durable;

use std::path::Path;

use crate::ids::Seq;

/// Opens the log in `directory`, made if it is not there, checks it from the batch on that holds record `from`, or from
/// the last one if all are older, and hands each of those batches to `visit` in order. What lies before is left to
/// [`JournalReader::read`]. An unfinished batch at the end was never acknowledged: it is removed, and the removal synced,
/// before this returns, so that no `seq` is ever used twice.
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
