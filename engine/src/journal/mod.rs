//! The log for the engine: `anaquel-log` stores bytes, and [`codec`] turns them into records.
//!
//! The log knows neither the meaning of records nor the matrix.

mod codec;

pub use anaquel_log::{
    AppendError, Batch, BatchBuilder, CodecError, Damage, Journal, JournalReader, LogOptions, Mended, OpenError,
    ReadError, Recovered, StoreKind, SyncPolicy, memory, open,
};
pub(crate) use anaquel_log::{LogWriter, decode, encode, encode_into, known_durable, mend, sync_directory};
pub use codec::{push_record, record, records};
