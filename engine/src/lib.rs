//! Anaquel's engine: how many of this can be promised, here, now, and taking one without promising it twice.
//!
//! A shop in memory, from the first receipt to the end:
//!
//! ```
//! use std::sync::Arc;
//!
//! use anaquel_engine::admission::{LineRequest, MovementRequest, Target, ReserveRequest};
//! use anaquel_engine::command::{Failure, Outcome, Refusal};
//! use anaquel_engine::event::{MovementKind, Purpose};
//! use anaquel_engine::feed::{Message, Mode, Selection, Start};
//! use anaquel_engine::ids::{Name, Timestamp};
//! use anaquel_engine::journal::memory::MemoryDisk;
//! use anaquel_engine::settings::Settings;
//! use anaquel_engine::{Clock, Engine};
//!
//! // Time is an argument.
//! struct Noon;
//! impl Clock for Noon {
//!     fn now(&self) -> Timestamp {
//!         Timestamp(1_800_000_000_000)
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let engine = Engine::in_memory(MemoryDisk::default(), Settings::default(), Arc::new(Noon), None)?;
//! let (shirt, madrid, web) = (Name::parse_sku("SHIRT")?, Name::parse("madrid")?, Name::parse("web")?);
//!
//! // Five shirts come in. `run` waits for the outcome: then the record is durable.
//! let receipt = MovementRequest {
//!     kind: MovementKind::Receipt,
//!     sku: shirt.clone(),
//!     location: madrid.clone(),
//!     change: 5,
//!     occurred_at: None,
//!     reference: None,
//!     unplanned: false,
//! };
//! engine.run(|engine, done| engine.move_stock(vec![receipt], None, done))?;
//!
//! // A subscriber is told the cell as it is, and then each change of it.
//! let selection = Selection { skus: vec![shirt.clone()], ..Selection::default() };
//! let live = engine.feed().subscribe(selection, Mode::Conflated, Start::Fresh, Arc::new(|| ()));
//! let mut live = live.map_err(|exceeded| exceeded.limit)?;
//! assert!(matches!(live.poll(), Some(Message::Snapshot { .. })));
//!
//! // Three of them are promised to the web shop for a quarter of an hour.
//! let ask = |quantity| ReserveRequest {
//!     channel: web.clone(),
//!     purpose: Purpose::Cart,
//!     customer: None,
//!     order: None,
//!     ttl_seconds: 900,
//!     confirm: false,
//!     allow_partial: false,
//!     supersedes: Default::default(),
//!     lines: [LineRequest { sku: shirt.clone(), place: Target::Location(madrid.clone()), quantity, latest: None }].into(),
//!     fetched_at: None,
//!     is_attempt: false,
//! };
//! let promised = engine.run(|engine, done| engine.reserve(ask(3), None, done))?;
//! assert!(matches!(promised, Outcome::Reservation(_)));
//!
//! // What is left is exact at a `seq`.
//! let state = engine.state();
//! let sku = state.catalogue.skus.id("SHIRT").ok_or("it is known")?;
//! let (_seq, cells) = state.availability(&[sku], None, None);
//! assert_eq!((cells[0].level.on_hand, cells[0].level.reserved, cells[0].available), (5, 3, 2));
//!
//! // More than that is refused, and nothing of it is in the log.
//! let refused = engine.run(|engine, done| engine.reserve(ask(3), None, done));
//! assert!(matches!(refused, Err(Failure::Refused(Refusal::Insufficient(_)))));
//!
//! engine.close()?;
//! # Ok(())
//! # }
//! ```
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
//!     ├─ stock ─ demand ─ imports ─ answers  reads, each under the same file names
//!     ├─ catalogue ─ prices ─ carts
//!     ├─ orders ─ receipts ─ returns ─ archive
//!     ├─ event, effect, command, decide      the lists of the subjects, and what crosses them
//!     └─ kernel, journal                     what every subject is built from; records as bytes
//!          └─ anaquel-cells, anaquel-log     crates of their own
//! ```

pub mod answers;
pub mod archive;
mod audit;
pub mod carts;
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
pub mod orders;
pub mod outcome;
mod own_store;
pub mod planning;
pub mod prices;
pub mod receipts;
pub mod refusal;
pub mod reservations;
pub mod returns;
pub mod rules;
pub mod settings;
pub mod state;
pub mod stock;
mod subjects;
pub mod supply;
mod sync;
pub mod transfers;

pub use anaquel_cells::{ids, level, matrix, view};
pub use anaquel_log::histogram;
pub(crate) use anaquel_log::private;

pub use catalogue::{barcodes, business_time, geo, gtin, holders, location_facts};
pub use demand::lost;

pub use engine::directory::{NewEpoch, RESTORED, RecordedIdentity, lock_directory, recorded_identity};
pub use engine::{
    Engine, Health, OldLog, admission, backup, checkpoint, counters, identity, recovery, replica, role, sequencer,
    verify, watch,
};
pub use kernel::clock::Clock;
pub use kernel::{clock, idempotency, money, patch};
pub use planning::{advice, pickup, sourcing, what_if};
pub use reservations as reservation;
pub use reservations::{bounds, holds, ledger};
pub use stock::{movements, query};
