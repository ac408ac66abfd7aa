//! What a decided command is answered with, once its records are durable.

use crate::answers::Thing;
use crate::ids::{LocationId, ReservationId, Seq, SkuId};
use crate::kernel::cause::Cause;
use crate::kernel::few::Few;
use crate::level::StockChange;
use crate::matrix::CellId;
use crate::outcome::{Completion, Loaded};
use crate::refusal::Failure;

/// What a command's caller is told once its records are durable.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The reservation as it was at this record.
    Reservation(ReservationId, Seq),
    /// What the record holds.
    Record(Seq),
    /// What became of a chunk of an import.
    Loaded(Loaded),
    /// A thing was set at this record; what it is from there on.
    Put(Seq, Option<Box<Thing>>),
}

/// What is still to be told of a thing that the command being decided set, once it is settled.
pub(crate) struct Telling {
    /// The request, with its key, if it has one.
    pub cause: Option<Box<Cause>>,
    /// The record of the effect.
    pub seq: Seq,
    pub what: What,
}

/// What was set.
pub(crate) enum What {
    Thing(Thing),
    /// What is to come to these cells: known only when everything that follows from it is decided.
    Cells(Vec<(SkuId, LocationId)>),
}

/// A decided command, waiting for its records to become durable.
pub(crate) struct Decided {
    /// Whom to tell what; none for what the engine does by itself. A refusal waits here, too, where the batch is not
    /// empty: it may rest on what is not durable yet.
    pub done: Option<(Completion, Result<Answer, Failure>)>,
    /// Its key, if it came with one.
    pub scope: Option<u128>,
    /// One past its last record.
    pub end_seq: Seq,
    /// Debits that promise words already carry: to be taken back should the batch come to nothing.
    pub debited: Few<(CellId, StockChange)>,
    /// Credits that promise words get once the records are durable.
    pub credits: Few<(SkuId, LocationId, StockChange)>,
}
