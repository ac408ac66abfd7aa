//! The engine as its callers see it: one handle, shared by every thread of every channel.
//!
//! Writes are admitted on the caller's thread, queued, and answered by the journal thread through a completion. Reads go
//! to the durable view and wait for nobody. The engine draws no random numbers but the secret of a new directory, and
//! reads no clock: both come from outside, as arguments or through [`Clock`].

mod by_record;
mod handle;
mod intake;
mod old_log;
mod old_log_check;
mod recall;
mod saving;
mod shared;
mod threads;

pub use crate::clock::Clock;
pub use handle::Engine;
pub(crate) use handle::Recovered;
pub use old_log::OldLog;
pub use recall::{Listed, Recalled};
pub use shared::Health;
