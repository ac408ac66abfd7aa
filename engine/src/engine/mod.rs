//! The engine as its callers see it: one handle, shared by every thread of every channel.
//!
//! Writes are admitted on the caller's thread, queued, and answered by the journal thread through a completion. Reads go
//! to the durable view and wait for nobody. The engine draws no random numbers but the secret of a new directory, and
//! reads no clock: both come from outside, as arguments or through [`Clock`](crate::kernel::clock::Clock).

pub mod admission;
pub mod backup;
mod by_record;
pub mod checkpoint;
pub mod counters;
pub(crate) mod directory;
pub(crate) mod fold;
mod handle;
pub mod identity;
mod intake;
mod old_log;
mod old_log_check;
mod recall;
pub mod recovery;
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
