//! How the repeat of a request is answered: what its idempotency key refers to.

use crate::ids::Seq;

/// What answers a repeat of the request that logged an event under an idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// An entity as it was after the record.
    Entity(EntityKind, Seq),
    /// The entity that the record made: its id is the record's `seq`.
    Made(EntityKind),
    /// The record itself contains the outcome.
    Record,
    /// The event only takes an id, for an entity that the record so many later makes. It never has a key.
    Later(u8),
    /// Such an event never has a key: it is a part of a request whose effect is another record, or has no request.
    Never,
}

/// A kind of entities whose versions answer repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EntityKind {
    /// A reservation.
    Reservation,
}
