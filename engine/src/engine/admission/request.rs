//! Requests, by name.

use crate::ids::{Name, ReservationId, Timestamp};
use crate::kernel::few::Few;
use crate::reservations::promise::Purpose;
use crate::stock::movement::MovementKind;

/// A requested reservation, by name.
#[derive(Debug, Clone)]
pub struct ReserveRequest {
    /// The channel.
    pub channel: Name,
    /// The purpose.
    pub purpose: Purpose,
    /// The customer.
    pub customer: Option<Box<str>>,
    /// The order.
    pub order: Option<Box<str>>,
    /// The life of the hold, in seconds.
    pub ttl_seconds: u32,
    /// Whether to confirm in the same step.
    pub confirm: bool,
    /// Whether fewer units than requested are acceptable.
    pub allow_partial: bool,
    /// The holds that this one replaces, up to [`SUPERSEDES_MAX`](crate::reservations::command::SUPERSEDES_MAX);
    /// duplicates count once.
    pub supersedes: Few<ReservationId>,
    /// The requested lines.
    pub lines: Few<LineRequest>,
    /// The handover location of a pickup whose lines come from other places; those places need not serve pickups.
    pub fetched_at: Option<Name>,
    /// Whether a refusal is not lost demand, because the caller will try an alternative.
    pub is_attempt: bool,
}

/// One requested line.
#[derive(Debug, Clone)]
pub struct LineRequest {
    /// The SKU.
    pub sku: Name,
    /// The place.
    pub place: Target,
    /// Units, at least 1.
    pub quantity: u32,
    /// If set, units from inbound supply by this time are acceptable.
    pub latest: Option<Timestamp>,
}

/// The place of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// This location.
    Location(Name),
    /// Any location of this group.
    Group(Name),
}

/// A reported movement, by name.
#[derive(Debug, Clone)]
pub struct MovementRequest {
    /// The kind.
    pub kind: MovementKind,
    /// The SKU.
    pub sku: Name,
    /// The location.
    pub location: Name,
    /// Added to `on_hand`, signed.
    pub change: i64,
    /// When it happened, if given.
    pub occurred_at: Option<Timestamp>,
    /// The caller's own document.
    pub reference: Option<String>,
    /// Whether a receipt has no known inbound supply.
    pub unplanned: bool,
}
