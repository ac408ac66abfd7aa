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
//!   encoding ◄── batch ◄── sealed, log ◄── part ◄── memory, carve, entries ◄── recent ◄── disk ◄── sled_log, file_log ◄── copied
//! ```

pub mod archive;
mod batch;
mod carve;
mod copied;
mod disk;
mod encoding;
mod entries;
mod file_log;
mod file_reader;
mod file_room;
mod high_water;
pub mod histogram;
mod log;
pub mod memory;
mod options;
mod part;
pub mod private;
mod recent;
mod sealed;
mod sled_log;
mod store_kind;
mod sync_policy;

pub use batch::{Batch, BatchBuilder, CodecError, LENGTH_BYTES, decode_record};
pub use copied::{LogWriter, mend};
pub use disk::known_durable;
pub use encoding::{RECORD_BYTES_MAX, decode, encode, encode_into};
pub use log::{AppendError, Damage, Journal, JournalReader, Mended, ReadError, Recovered};
pub use options::{LogOptions, OpenError, sync_directory};
pub use sealed::{BatchId, Chain, Head, SEAL_BYTES, SealError, Sealed, Term};
pub use store_kind::StoreKind;
pub use sync_policy::SyncPolicy;

use std::path::Path;

use anaquel_cells::ids::Seq;

use crate::disk::DiskJournal;
use crate::file_log::FileStore;
use crate::sled_log::SledStore;

/// Opens the log in `directory`, in the store that it is in, and creates it if it does not exist. Checks it from the batch with record `from` on,
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
    disk::finish_move(directory)?;
    let store = store_of(directory).unwrap_or(options.store);
    let (journal, recovered): (Box<dyn Journal>, _) = match store {
        StoreKind::Sled => {
            let (journal, recovered) = DiskJournal::<SledStore>::open(directory, options, from, visit)?;
            (Box::new(journal), recovered)
        }
        StoreKind::File => {
            let (journal, recovered) = DiskJournal::<FileStore>::open(directory, options, from, visit)?;
            (Box::new(journal), recovered)
        }
    };
    Ok((journal, recovered))
}

/// The store that the log in `directory` is in; `None` if there is no log.
fn store_of(directory: &Path) -> Option<StoreKind> {
    if file_log::is_in(directory) {
        Some(StoreKind::File)
    } else {
        sled_log::is_in(directory).then_some(StoreKind::Sled)
    }
}
