//! The engine for its callers: one handle, shared by every thread of every channel.
//!
//! Writes are admitted on the caller's thread, queued, and answered by the journal thread through a completion. Reads
//! use the durable view and never wait. The engine draws no random numbers except the secret of a new directory, and
//! reads no clock: both are arguments or come from [`Clock`](crate::kernel::clock::Clock).

pub mod admission;
pub mod archive;
pub mod backup;
mod by_record;
pub mod checkpoint;
pub mod counters;
pub(crate) mod directory;
pub(crate) mod fold;
mod handle;
pub mod identity;
mod identity_file;
mod intake;
mod old_log;
mod old_log_check;
mod recall;
pub mod recovery;
pub mod replica;
pub mod role;
mod saving;
pub mod sequencer;
mod shared;
mod threads;
pub mod verify;
pub mod watch;

pub use handle::Engine;
pub(crate) use handle::Recovered;
pub use old_log::OldLog;
pub use recall::{Listed, Recalled};
pub use shared::Health;
