//! The commands of transfers and of replenishment.

use super::policy::{Policy, Run};
use super::reason::Reason;
use crate::ids::{Name, Timestamp};
use crate::kernel::asked::Asked;
use crate::kernel::version::Precondition;
use crate::state::DurableState;

/// A command of transfers.
#[derive(Debug)]
pub enum Command {
    /// Create a transfer.
    Make(Box<Make>),
    /// Change a draft.
    Redraft(Name, Box<Fields>),
    /// Promise its units.
    Ready {
        /// The transfer.
        transfer: Name,
        /// The expected arrival; unchanged if left out.
        expected_at: Option<Timestamp>,
        /// Whether fewer units than requested are acceptable.
        allow_partial: bool,
    },
    /// Ship its units.
    Ship(Box<Ship>),
    /// Receive units.
    Receive(Box<Receive>),
    /// Cancel the transfer, or its outstanding rest.
    Cancel {
        /// The transfer.
        transfer: Name,
        /// The fate of the units in transit.
        units: Option<Units>,
    },
    /// Set a replenishment policy, or remove it if there is no content, if the precondition holds.
    SetPolicy(Name, Option<Box<Policy>>, Precondition),
    /// Record the result of a run.
    NoteRun(Box<Run>),
}

/// The content of a transfer, by name.
#[derive(Debug, Clone)]
pub struct Fields {
    /// The origin.
    pub from: Name,
    /// The destination.
    pub to: Name,
    /// The reason.
    pub reason: Reason,
    /// The replenishment policy that proposes it.
    pub policy: Option<Name>,
    /// The run that creates it.
    pub run: Option<Name>,
    /// The order whose backorders it serves.
    pub order: Option<Box<str>>,
    /// The caller's own document.
    pub reference: Option<Box<str>>,
    /// The expected arrival.
    pub expected_at: Option<Timestamp>,
    /// SKUs, each once, and units.
    pub lines: Vec<(Name, u32)>,
}

/// A requested transfer.
#[derive(Debug, Clone)]
pub struct Make {
    /// Its name.
    pub name: Name,
    /// A digest of the request: the same request again means the same transfer.
    pub digest: u64,
    /// Its content.
    pub fields: Fields,
    /// Whether to make it ready in the same step.
    pub ready: bool,
    /// Whether fewer units than requested are acceptable.
    pub allow_partial: bool,
}

/// A shipment of a transfer.
#[derive(Debug, Clone)]
pub struct Ship {
    /// The transfer.
    pub transfer: Name,
    /// Only these SKUs and units; the rest is released.
    pub lines: Option<Vec<(Name, u32)>>,
    /// The expected arrival; unchanged if left out.
    pub expected_at: Option<Timestamp>,
    /// The carrier's tracking number.
    pub tracking: Option<Box<str>>,
    /// When it happened, if given.
    pub occurred_at: Option<Timestamp>,
}

/// An arrival of a transfer.
#[derive(Debug, Clone)]
pub struct Receive {
    /// The transfer.
    pub transfer: Name,
    /// The arrived SKUs, with sellable units and damaged units.
    pub lines: Vec<(Name, u32, u32)>,
    /// The document of the arrival, which counts once.
    pub reference: Option<Box<str>>,
    /// Whether the rest is written off.
    pub closes: bool,
    /// When it happened, if given.
    pub occurred_at: Option<Timestamp>,
}

/// The fate of units in transit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Units {
    /// They return to their origin.
    Returned,
    /// They are written off.
    WrittenOff,
}

impl Asked<DurableState> for Command {
    fn kind(&self) -> &'static str {
        match self {
            Self::Make(_) => "transfer",
            Self::Redraft(..) => "redraft",
            Self::Ready { .. } => "transfer ready",
            Self::Ship(_) => "ship",
            Self::Receive(_) => "receive",
            Self::Cancel { .. } => "transfer cancel",
            Self::SetPolicy(..) => "policy",
            Self::NoteRun(_) => "replenishment run",
        }
    }

    fn lines(&self) -> usize {
        match self {
            Self::Make(make) => make.fields.lines.len(),
            Self::Redraft(_, fields) => fields.lines.len(),
            Self::Ship(ship) => ship.lines.as_ref().map_or(0, Vec::len),
            Self::Receive(receive) => receive.lines.len(),
            Self::Ready { .. } | Self::Cancel { .. } | Self::SetPolicy(..) => 1,
            Self::NoteRun(run) => run.items.len(),
        }
    }

    fn may_be_dropped(&self) -> bool {
        match self {
            // Goods that were shipped or received are always recorded.
            Self::Ship(_) | Self::Receive(_) | Self::NoteRun(_) => false,
            Self::Make(_) | Self::Redraft(..) | Self::Ready { .. } | Self::Cancel { .. } | Self::SetPolicy(..) => true,
        }
    }
}
