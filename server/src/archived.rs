//! What left memory: read from the archive off the threads that serve requests, and brought back for a step.

use std::sync::Arc;

use anaquel_engine::engine::archive::{ArchiveError, Needed, RecallError};
use anaquel_engine::event::Event;
use anaquel_engine::ids::{Name, Seq};
use anaquel_engine::journal::ReadError;
use anaquel_engine::orders::event::Event as OrderEvent;
use anaquel_engine::orders::{Order, OrderId};
use anaquel_engine::receipts::{Receipt, ReceiptId};
use anaquel_engine::returns::Return;

use crate::app::App;
use crate::http::budget::Who;
use crate::http::problem::{Problem, Slug};

/// An order, from memory or from the archive.
///
/// # Errors
/// The archive is unreadable, or no turn comes.
pub async fn order(app: &App, who: Who, name: &str) -> Result<Option<Arc<Order>>, Problem> {
    if let Some(order) = app.engine.state().own.orders.named(name) {
        return Ok(Some(order));
    }
    if !app.engine.has_archived() {
        return Ok(None);
    }
    let (engine, name) = (app.engine.clone(), name.to_owned());
    Ok(app.reads.run(who, move || engine.order(&name)).await??)
}

/// An order by the record that made it, from memory or, while the log has that record, from the archive.
///
/// # Errors
/// The archive or the log is unreadable, or no turn comes.
pub async fn order_by_id(app: &App, who: Who, id: OrderId) -> Result<Option<Arc<Order>>, Problem> {
    if let Some(order) = app.engine.state().own.orders.get(id) {
        return Ok(Some(order));
    }
    if !app.engine.has_archived() {
        return Ok(None);
    }
    let engine = app.engine.clone();
    let name = app.reads.run(who, move || engine.record(id.0)).await?;
    let name = match name {
        Ok(Some(record)) => match &record.event {
            Event::Orders(OrderEvent::Stepped(stepped)) => stepped.order.name.clone(),
            _ => return Ok(None),
        },
        Ok(None) | Err(ReadError::Trimmed { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    Ok(order(app, who, name.as_str()).await?.filter(|order| order.id == id))
}

/// A receipt, from memory or from the archive.
///
/// # Errors
/// The archive is unreadable, or no turn comes.
pub async fn receipt(app: &App, who: Who, id: &ReceiptId) -> Result<Option<Arc<Receipt>>, Problem> {
    if let Some(receipt) = app.engine.state().own.receipts.get(id) {
        return Ok(Some(receipt));
    }
    if !app.engine.has_archived() {
        return Ok(None);
    }
    let (engine, id) = (app.engine.clone(), id.clone());
    Ok(app.reads.run(who, move || engine.receipt(&id)).await??)
}

/// A receipt by the key of the customer's copy, from memory or from the archive.
///
/// # Errors
/// The archive is unreadable, or no turn comes.
pub async fn receipt_by_key(app: &App, who: Who, key: [u8; 16]) -> Result<Option<Arc<Receipt>>, Problem> {
    if let Some(receipt) = app.engine.state().own.receipts.by_key(&key) {
        return Ok(Some(receipt));
    }
    if !app.engine.has_archived() {
        return Ok(None);
    }
    let engine = app.engine.clone();
    Ok(app.reads.run(who, move || engine.receipt_by_key(&key)).await??)
}

/// A return, from memory or from the archive.
///
/// # Errors
/// The archive is unreadable, or no turn comes.
pub async fn returned(app: &App, who: Who, name: &str) -> Result<Option<Arc<Return>>, Problem> {
    if let Some(back) = app.engine.state().own.returns.named(name) {
        return Ok(Some(back));
    }
    if !app.engine.has_archived() {
        return Ok(None);
    }
    let (engine, name) = (app.engine.clone(), name.to_owned());
    Ok(app.reads.run(who, move || engine.returned(&name)).await??)
}

/// What a step of an order needs in memory.
pub fn of_order(name: &Name) -> Needed {
    Needed { orders: vec![name.clone()], ..Needed::default() }
}

/// Brings back what is archived of what a step needs. Returns the last *archived* record before memory had all of it.
///
/// # Errors
/// The archive is unreadable, no turn comes, or no writes are accepted.
pub async fn bring(app: &App, who: Who, needed: &Needed) -> Result<Seq, Problem> {
    let seen = app.engine.state().own.archive.last();
    // One look-up each, mostly of pages in memory.
    if !app.engine.is_archived(needed)? {
        return Ok(seen);
    }
    let (engine, needed) = (app.engine.clone(), needed.clone());
    let brought = app.reads.run(who, move || engine.recall_needed(&needed)).await?;
    brought.map_err(unbrought)
}

/// Why something was not brought back.
pub fn unbrought(error: RecallError) -> Problem {
    match error {
        RecallError::Unreadable(error) => error.into(),
        RecallError::Failed(failure) => failure.into(),
    }
}

impl From<ArchiveError> for Problem {
    fn from(error: ArchiveError) -> Self {
        tracing::error!(%error, "the archive is unreadable");
        Self::new(Slug::Internal, "the archive is unreadable; see the server log")
    }
}
