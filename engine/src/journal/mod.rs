//! The log for the engine: `anaquel-log` stores bytes, and [`codec`] turns them into records.
//!
//! The log knows neither the meaning of records nor the matrix.

mod codec;

pub use anaquel_log::sync_directory;
pub use anaquel_log::{
    AppendError, Batch, BatchBuilder, BatchId, Chain, CodecError, Damage, Head, Journal, JournalReader, LogOptions,
    Mended, OpenError, ReadError, Recovered, SealError, Sealed, StoreKind, SyncPolicy, Term, memory, open,
};
pub(crate) use anaquel_log::{LogWriter, decode, encode, encode_into, known_durable, mend};
pub use codec::{push_record, record, records};
