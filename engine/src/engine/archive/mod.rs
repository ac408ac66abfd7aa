//! The archive beside the engine: its files, its index, its thread, its readers.
//!
//! ```text
//!   read what may leave ──► write, sync ──► index ──► log *archived* ──► fold forgets
//! ```
//!
//! A crash before the record leaves bytes that do not count: a start cuts the files to what the log says, and takes the
//! last change of the index back. A crash after it loses nothing: a replay forgets. The record has the bytes, so what a
//! copied directory lacks of a file is written again from the log. Whatever a reader finds in memory wins over the archive.

mod copied;
mod error;
mod keys;
mod ledger;
mod lists;
mod mend;
mod now;
mod opened;
mod page;
mod preview;
mod reader;
mod recall;
mod returns;
mod sold_before;
pub(super) mod writer;

pub use error::ArchiveError;
pub use ledger::LedgerPage;
pub use lists::{EachOrder, OrderPage, ReceiptPage};
pub(crate) use mend::mend;
pub(crate) use opened::{Archive, folder_of};
pub use recall::{Needed, RecallError};
pub use returns::{EachReturn, ReturnPage};
pub use writer::Reached;
