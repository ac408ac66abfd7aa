//! What callers ask for, by name.

use crate::ids::{Name, ReservationId, Timestamp};
use crate::kernel::few::Few;
use crate::reservations::promise::Purpose;
use crate::stock::movement::MovementKind;

/// A promise that is asked for, by name.
#[derive(Debug, Clone)]
pub struct ReserveRequest {
    /// Through which channel.
    pub channel: Name,
    /// For what.
    pub purpose: Purpose,
    /// For whom.
    pub customer: Option<Box<str>>,
    /// For which order.
    pub order: Option<Box<str>>,
    /// How long it is held.
    pub ttl_seconds: u32,
    /// Whether it is confirmed in the same step.
    pub confirm: bool,
    /// Whether fewer units than asked for will do.
    pub allow_partial: bool,
    /// The holds that this one replaces, up to [`SUPERSEDES_MAX`](crate::reservations::command::SUPERSEDES_MAX); what is
    /// named twice is replaced once.
    pub supersedes: Few<ReservationId>,
    /// What is asked for.
    pub lines: Few<LineRequest>,
    /// Where a pickup is handed over whose lines are brought from other places: those need not take pickups themselves.
    pub fetched_at: Option<Name>,
    /// Whether a refusal is no lost demand, since the caller tries something else then.
    pub is_attempt: bool,
}

/// One line of it.
#[derive(Debug, Clone)]
pub struct LineRequest {
    /// The SKU.
    pub sku: Name,
    /// Where.
    pub place: Place,
    /// Units, at least 1.
    pub quantity: u32,
    /// Units that are to come by then will do.
    pub latest: Option<Timestamp>,
}

/// Where units are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// At this location.
    Location(Name),
    /// Anywhere in this group.
    Group(Name),
}

/// A movement that is reported, by name.
#[derive(Debug, Clone)]
pub struct MovementRequest {
    /// Why.
    pub kind: MovementKind,
    /// The SKU.
    pub sku: Name,
    /// Where.
    pub location: Name,
    /// Added to `on_hand`, signed.
    pub change: i64,
    /// When it happened, where the caller says so.
    pub occurred_at: Option<Timestamp>,
    /// The caller's own document.
    pub reference: Option<String>,
    /// Whether a receipt is of nothing that was known to come.
    pub unplanned: bool,
}
