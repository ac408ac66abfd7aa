//! Anaquel's engine: how many of this can be promised, here, now, and taking one without promising it twice.
//!
//! It knows no sockets, no HTTP and no async runtime; time, ids and storage are arguments. Start reading at
//! [`engine`] for what callers do, at [`engine::sequencer`] for the order of steps that the promises rest on, and at
//! [`matrix`] for where stock lives.
//!
//! ```text
//!   engine         handle, threads, sequencer, fold, checkpoints, recovery, verify, backup
//!     │
//!     ├─ feed, planning                      who hears of what; readers that answer what would be
//!     ├─ reservations ─ supply ─ rules       a capability is a folder: commands, events, decisions,
//!     ├─ stock ─ demand ─ imports ─ told     reads, each under the same file names
//!     ├─ catalogue
//!     ├─ event, effect, command, decide      the lists of the subjects, and what crosses them
//!     └─ kernel, journal                     what every subject is built from; records as bytes
//!          └─ anaquel-cells, anaquel-log     crates of their own
//! ```

mod audit;
pub mod catalogue;
pub mod command;
mod decide;
pub mod demand;
pub mod effect;
pub mod engine;
pub mod event;
pub mod feed;
pub mod hash;
pub mod imports;
pub mod journal;
pub mod kernel;
pub mod outcome;
pub mod planning;
pub mod refusal;
pub mod reservations;
pub mod rules;
pub mod settings;
pub mod state;
pub mod stock;
pub mod supply;
mod sync;
pub mod told;

pub use anaquel_cells::{ids, level, matrix, view};
pub use anaquel_log::histogram;
pub(crate) use anaquel_log::private;

pub use catalogue::{business_time, geo, gtin, holders, places};
pub use demand::lost;
pub use engine::checkpoint as image;
pub use engine::directory::{NewEpoch, RESTORED};
pub use engine::{
    Clock, Engine, Health, OldLog, admission, backup, counters, identity, recovery, sequencer, verify, watch,
};
pub use kernel::{clock, idempotency, patch};
pub use planning::{advice, pickup, sourcing, what_if};
pub use reservations as reservation;
pub use reservations::{bounds, holds, ledger};
pub use stock::{movements, query};
pub use supply::coming;
