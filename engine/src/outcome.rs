//! What a command comes to, and who is told.

use std::sync::Arc;

use crate::answers::Thing;
use crate::ids::Seq;
use crate::imports::imported::{Imported, RowError};
use crate::refusal::Failure;
use crate::reservations::Reservation;
use crate::stock::movement::{Counted, Moved};

/// What was done.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The reservation as it is now.
    Reservation(Arc<Reservation>),
    /// The movements, with the cells after each.
    Moved {
        /// The record.
        seq: Seq,
        /// Row by row.
        rows: Vec<Moved>,
    },
    /// The counts, with the cells after each.
    Counted {
        /// The record.
        seq: Seq,
        /// Row by row.
        rows: Vec<Counted>,
    },
    /// What became of the rows of one chunk.
    Loaded(Loaded),
    /// The end of an import.
    Imported {
        /// The record.
        seq: Seq,
        /// Its counts.
        imported: Box<Imported>,
    },
    /// The thing is set.
    Put {
        /// Its version.
        seq: Seq,
        /// What it is from there on.
        thing: Option<Box<Thing>>,
    },
}

/// What became of the rows of one chunk.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// Rows that changed something.
    pub accepted: u64,
    /// Rows that said what was known.
    pub unchanged: u64,
    /// Rows that were refused, with the reason.
    pub errors: Vec<RowError>,
    /// The last record; the visible `seq` where nothing was logged.
    pub seq: Seq,
}

/// What a command came to.
pub type CommandResult = Result<Outcome, Failure>;

/// Whoever is told what a command came to: once, by the journal thread, when it is known. It must be quick and must not
/// block.
pub trait Listener: Send {
    /// Hears it.
    fn hear(self: Box<Self>, told: CommandResult);

    /// Whether nobody listens any more: what was not decided by then need not be.
    fn is_gone(&self) -> bool {
        false
    }
}

impl<F: FnOnce(CommandResult) + Send> Listener for F {
    fn hear(self: Box<Self>, told: CommandResult) {
        self(told);
    }
}

/// The listener of one command.
pub type Completion = Box<dyn Listener>;
