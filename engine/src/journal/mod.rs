//! The log as the engine sees it: what `anaquel-log` keeps as bytes, and the records that the bytes are ([`codec`]).
//!
//! The log does not know what a record says, nor the matrix; it carries records and does not read them.

mod codec;

pub use anaquel_log::{
    AppendError, Batch, BatchBuilder, CodecError, Damage, Journal, JournalReader, LogOptions, Mended, OpenError,
    ReadError, Recovered, SyncPolicy, memory, open,
};
pub(crate) use anaquel_log::{LogWriter, decode, encode, known_durable, mend, sync_directory};
pub use codec::{push_record, record, records};
