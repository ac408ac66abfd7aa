//! How the repeat of a request is answered: what its idempotency key points at.

use crate::ids::Seq;

/// What answers a repeat of the request that logged an event under an idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// An entity as the record left it.
    Entity(EntityKind, Seq),
    /// The entity that the record made: its id is the record's `seq`.
    Made(EntityKind),
    /// The record itself tells the outcome.
    Record,
    /// No key ever stands on such an event: it is a part of a request whose effect stands in another record, or nobody
    /// asked for it.
    Never,
}

/// A kind of entities whose versions answer repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EntityKind {
    /// A reservation.
    Reservation,
}
