//! The answer to a decided command, sent once its records are durable.

use crate::answers::Thing;
use crate::ids::{LocationId, ReservationId, Seq, SkuId};
use crate::kernel::cause::Cause;
use crate::kernel::few::Few;
use crate::level::StockChange;
use crate::matrix::CellId;
use crate::outcome::{Completion, Loaded};
use crate::refusal::Failure;

/// The answer to the caller of a command.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The reservation as of this record.
    Reservation(ReservationId, Seq),
    /// The content of the record.
    Record(Seq),
    /// The result of an import chunk.
    Loaded(Loaded),
    /// An item was set at this record, with its new state.
    Put(Seq, Option<Box<Thing>>),
}

/// The item that the current command set; it is reported when the command is settled.
pub(crate) struct Telling {
    /// The request, with its key if it has one.
    pub cause: Option<Box<Cause>>,
    /// The record of the effect.
    pub seq: Seq,
    pub what: What,
}

/// The kind of the item.
pub(crate) enum What {
    Thing(Thing),
    /// Inbound supply of these cells: known only after all consequences are decided.
    Cells(Vec<(SkuId, LocationId)>),
}

/// A decided command that waits for its records to become durable.
pub(crate) struct Decided {
    /// The completion and its result; `None` for commands of the engine itself. A refusal also waits if the batch is
    /// not empty, because it may depend on records that are not durable yet.
    pub done: Option<(Completion, Result<Answer, Failure>)>,
    /// The key, if the request has one.
    pub scope: Option<u128>,
    /// The `seq` after its last record.
    pub end_seq: Seq,
    /// Debits already in promise words; they are reversed if the batch fails.
    pub debited: Few<(CellId, StockChange)>,
    /// Credits that promise words receive once the records are durable.
    pub credits: Few<(SkuId, LocationId, StockChange)>,
}
