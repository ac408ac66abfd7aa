//! Anaquel's engine: how many of this can be promised, here, now, and taking one without promising it twice.
//!
//! It knows no sockets, no HTTP and no async runtime; time, ids and storage are arguments. Start reading at
//! [`engine`] for what callers do, at [`sequencer`] for the order of steps that the promises rest on, and at
//! [`matrix`] for where stock lives.
//!
//! ```text
//!   anaquel-cells: ids, level, matrix, view             anaquel-log: records as bytes
//!        ▲                                                   ▲
//!        ├────────────────────────── state ◄── sequencer ──► journal
//!        │            event, reservation ──┘  ▲         ▲             ▲
//!        └── catalogue, movements, deadlines ─┘     admission      recovery, image, verify
//! ```

pub mod admission;
pub mod advice;
pub mod backup;
pub mod bounds;
pub mod business_time;
pub mod catalogue;
pub mod clock;
pub mod coming;
pub mod command;
pub mod counters;
mod deadlines;
mod decide;
pub mod demand;
mod directory;
pub mod effect;
pub mod engine;
pub mod event;
pub mod feed;
mod foresight;
pub mod geo;
pub mod gtin;
pub mod hash;
pub mod holders;
pub mod holds;
mod id_set;
pub mod idempotency;
pub mod identity;
pub mod image;
pub mod imports;
pub mod journal;
pub mod kernel;
pub mod ledger;
mod lens;
pub mod lost;
mod maps;
pub mod movements;
pub mod outcome;
pub mod patch;
pub mod pickup;
pub mod places;
mod plan;
pub mod query;
pub mod recovery;
pub mod refusal;
mod refused;
pub mod reservation;
pub mod rules;
pub mod sequencer;
pub mod settings;
mod shelves;
pub mod sourcing;
pub mod state;
pub mod stock;
pub mod supply;
mod sync;
pub mod told;
pub mod verify;
pub mod watch;
pub mod what_if;

pub use anaquel_log::histogram;
pub(crate) use anaquel_log::private;

pub use anaquel_cells::{ids, level, matrix, view};
pub use directory::{NewEpoch, RESTORED};
pub use engine::{Clock, Engine, Health, OldLog};
