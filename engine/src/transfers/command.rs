//! The commands of transfers and of replenishment.

use super::policy::{Policy, Run};
use super::reason::Reason;
use crate::ids::{Name, Timestamp};
use crate::kernel::asked::Asked;
use crate::kernel::version::Precondition;
use crate::state::DurableState;

/// What can be asked of transfers.
#[derive(Debug)]
pub enum Command {
    /// Make a transfer.
    Make(Box<Make>),
    /// Say something else of a draft.
    Redraft(Name, Box<Fields>),
    /// Promise its units.
    Ready {
        /// Which.
        transfer: Name,
        /// When it is expected; as it says where this does not.
        expected_at: Option<Timestamp>,
        /// Whether fewer units than asked for will do.
        allow_partial: bool,
    },
    /// Its units leave.
    Ship(Box<Ship>),
    /// Units arrive.
    Receive(Box<Receive>),
    /// It comes to nothing, or its rest does.
    Cancel {
        /// Which.
        transfer: Name,
        /// What becomes of what is on its way.
        units: Option<Units>,
    },
    /// Set a policy of replenishment, or remove it where nothing is said of it, if the precondition holds.
    SetPolicy(Name, Option<Box<Policy>>, Precondition),
    /// Note what a run came to.
    NoteRun(Box<Run>),
}

/// What is said of a transfer, by name.
#[derive(Debug, Clone)]
pub struct Fields {
    /// The place that the goods leave.
    pub from: Name,
    /// The place that they go to.
    pub to: Name,
    /// Why.
    pub reason: Reason,
    /// The policy of replenishment that proposes it.
    pub policy: Option<Name>,
    /// The run that makes it.
    pub run: Option<Name>,
    /// The order whose waiting lines it is for.
    pub order: Option<Box<str>>,
    /// The caller's own document.
    pub reference: Option<Box<str>>,
    /// When it is expected.
    pub expected_at: Option<Timestamp>,
    /// What is moved: SKUs, each once, and units.
    pub lines: Vec<(Name, u32)>,
}

/// A transfer that is asked for.
#[derive(Debug, Clone)]
pub struct Make {
    /// What it is called.
    pub name: Name,
    /// A digest of what is asked for: the same again is the same transfer.
    pub digest: u64,
    /// What is said of it.
    pub fields: Fields,
    /// Whether it is made ready in the same step.
    pub ready: bool,
    /// Whether fewer units than asked for will do.
    pub allow_partial: bool,
}

/// Units of a transfer leave.
#[derive(Debug, Clone)]
pub struct Ship {
    /// Which.
    pub transfer: Name,
    /// Only these: SKUs and units. The rest is given back.
    pub lines: Option<Vec<(Name, u32)>>,
    /// When it is expected; as it says where this does not.
    pub expected_at: Option<Timestamp>,
    /// How the carrier calls it.
    pub tracking: Option<Box<str>>,
    /// When it happened, where the caller says so.
    pub occurred_at: Option<Timestamp>,
}

/// Units of a transfer arrive.
#[derive(Debug, Clone)]
pub struct Receive {
    /// Which.
    pub transfer: Name,
    /// What arrives: SKUs, units for the shelf, and units that are damaged.
    pub lines: Vec<(Name, u32, u32)>,
    /// The document of the arrival: it counts once.
    pub reference: Option<Box<str>>,
    /// Whether the rest is given up.
    pub closes: bool,
    /// When it happened, where the caller says so.
    pub occurred_at: Option<Timestamp>,
}

/// What becomes of units that are on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Units {
    /// They go back to the shelf that they left.
    Returned,
    /// They are given up.
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
            // Goods that left or arrived did so whoever hears of it.
            Self::Ship(_) | Self::Receive(_) | Self::NoteRun(_) => false,
            Self::Make(_) | Self::Redraft(..) | Self::Ready { .. } | Self::Cancel { .. } | Self::SetPolicy(..) => true,
        }
    }
}
