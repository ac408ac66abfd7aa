//! The archive: what left memory, and comes back when it is needed.
//!
//! Orders that have ended, their rows of the sales ledger and receipts leave memory and checkpoints some time after their
//! last change. A thread reads them from the durable view, writes them to the archive's files, syncs, and submits a
//! command; the record *archived* has what left, and its fold forgets it. A step on something that was archived is
//! preceded by the record *recalled*, which puts it back. The writer of the log never reads the archive.
//!
//! What a subject gives to the archive is a case of [`Left`] (what leaves, at which version) and of [`Kept`] (its content),
//! and its arms in [`mod@parts`]: what may leave, take out, put back. The compiler asks for each.

pub(crate) mod audit;
pub(crate) mod audited;
mod bytes;
pub mod command;
pub(crate) mod decide;
pub(crate) mod draft;
pub mod event;
pub(crate) mod fold;
pub(crate) mod frames;
pub mod kept;
pub mod left;
pub(crate) mod parts;
mod store;

pub use anaquel_log::archive::ArchivePlace as Place;
pub use bytes::Bytes;
pub use kept::Kept;
pub use left::Left;
pub use store::{Standing, Store};
