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
mod part;
mod recent;
pub mod sled_log;

pub use codec::{BatchBuilder, CodecError};
pub use copied::Mended;
pub(crate) use copied::{LogWriter, mend};
pub use log::{AppendError, Batch, Damage, Journal, JournalReader, ReadError, Recovered};
pub(crate) use sled_log::known_durable;
