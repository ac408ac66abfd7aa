//! The outcome of a command, and its completion.

use std::sync::Arc;

use crate::answers::Thing;
use crate::ids::Seq;
use crate::imports::imported::{Imported, RowError};
use crate::refusal::Failure;
use crate::reservations::Reservation;
use crate::stock::movement::{Counted, Moved};

/// What a command did.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The reservation after it.
    Reservation(Arc<Reservation>),
    /// The movements, with the cells after each.
    Moved {
        /// The record.
        seq: Seq,
        /// For each row.
        rows: Vec<Moved>,
    },
    /// The counts, with the cells after each.
    Counted {
        /// The record.
        seq: Seq,
        /// For each row.
        rows: Vec<Counted>,
    },
    /// The result of the rows of one chunk.
    Loaded(Loaded),
    /// The end of an import.
    Imported {
        /// The record.
        seq: Seq,
        /// Its counts.
        imported: Box<Imported>,
    },
    /// The item was set.
    Put {
        /// Its version.
        seq: Seq,
        /// The item from there on.
        thing: Option<Box<Thing>>,
    },
}

/// The result of the rows of one chunk.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// Rows that changed something.
    pub accepted: u64,
    /// Rows without a change.
    pub unchanged: u64,
    /// Rejected rows, with the reason.
    pub errors: Vec<RowError>,
    /// The last record; the visible `seq` if nothing was logged.
    pub seq: Seq,
}

/// The outcome of a command, or why it failed.
pub type CommandResult = Result<Outcome, Failure>;

/// Receives the outcome of a command: once, on the journal thread, when it is known. It must be quick and must not
/// block.
pub trait Listener: Send {
    /// Receives the outcome.
    fn hear(self: Box<Self>, told: CommandResult);

    /// Whether the caller no longer waits: then an undecided command may be dropped.
    fn is_gone(&self) -> bool {
        false
    }
}

impl<F: FnOnce(CommandResult) + Send> Listener for F {
    fn hear(self: Box<Self>, told: CommandResult) {
        self(told);
    }
}

/// The completion of one command.
pub type Completion = Box<dyn Listener>;
