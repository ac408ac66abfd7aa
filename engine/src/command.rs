//! What callers ask for, by subject.
//!
//! A command has passed the edge: its names are valid and, where they were known, interned; its numbers are in range.
//! What it comes to is decided by the journal thread, in log order. Refusals are data: expected, counted, answered.

pub use crate::catalogue::command::{ChannelFields, LocationFields, ServiceFields, Setting, SkuFields};
pub use crate::imports::command::{Row, Rows};
pub use crate::kernel::name_ref::NameRef;
pub use crate::kernel::version::{Precondition, Seen, Version, Versions};
pub use crate::outcome::{Completion, Listener, Loaded, Outcome, Told};
pub use crate::refusal::{Failure, Refusal, Short};
pub use crate::reservations::command::{
    GroupLine, LineUnits, Rebind, Reserve, ReserveLine, SUPERSEDES_MAX, StepRequest,
};
pub use crate::rules::command::RuleFields;
pub use crate::stock::command::{AsOf, Count, Movement};
pub use crate::supply::command::SupplyFields;

use crate::event::{Cause, Few, ImportKind, Imported, ThingKind};
use crate::ids::{Name, ReservationId};
use crate::kernel::patch::Patch;
use crate::kernel::plain::Plain;
use crate::level::StockChange;
use crate::matrix::CellId;
use crate::state::State;
use crate::{catalogue, demand, imports, reservations, rules, stock, supply};

/// Everything that can be asked of the journal thread, by subject.
#[derive(Debug)]
pub enum Command {
    /// Of reservations.
    Reservations(reservations::command::Command),
    /// Of stock.
    Stock(stock::command::Command),
    /// Of the catalogue.
    Catalogue(catalogue::command::Command),
    /// Of inbound supply.
    Supply(supply::command::Command),
    /// Of rules.
    Rules(rules::command::Command),
    /// Of imports.
    Imports(imports::command::Command),
    /// Of demand that was refused.
    Demand(demand::command::Command),
}

impl Command {
    /// A step of a reservation.
    pub fn step(id: ReservationId, step: StepRequest) -> Self {
        Self::Reservations(reservations::command::Command::Step(id, step))
    }

    /// Counts.
    pub fn count(counts: Vec<Count>) -> Self {
        Self::Stock(stock::command::Command::Count(counts))
    }

    /// Inbound supply.
    pub fn supply(rows: Vec<SupplyFields>) -> Self {
        Self::Supply(supply::command::Command::Set(rows))
    }

    /// Rows of an import.
    pub fn load(rows: Rows, atomic: bool) -> Self {
        Self::Imports(imports::command::Command::Load { rows, atomic, finish: None })
    }

    /// The end of an import.
    pub fn finish(kind: ImportKind, imported: Box<Imported>) -> Self {
        let (rows, finish) = (Rows::None(kind), Some(imported));
        Self::Imports(imports::command::Command::Load { rows, atomic: false, finish })
    }

    /// What it is, in a word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Reservations(command) => command.kind(),
            Self::Stock(command) => command.kind(),
            Self::Catalogue(command) => command.kind(),
            Self::Supply(command) => command.kind(),
            Self::Rules(command) => command.kind(),
            Self::Imports(command) => command.kind(),
            Self::Demand(command) => command.kind(),
        }
    }

    /// Lines or rows that it names.
    pub fn lines(&self) -> usize {
        match self {
            Self::Reservations(command) => command.lines(),
            Self::Stock(command) => command.lines(),
            Self::Catalogue(command) => command.lines(),
            Self::Supply(command) => command.lines(),
            Self::Rules(command) => command.lines(),
            Self::Imports(command) => command.lines(),
            Self::Demand(command) => command.lines(),
        }
    }

    /// Which kind it is, where it costs little: it is told by that alone.
    #[inline]
    pub(crate) fn plain(&self) -> Option<Plain> {
        match self {
            Self::Reservations(command) => command.plain(),
            Self::Stock(command) => command.plain(),
            Self::Catalogue(_) | Self::Supply(_) | Self::Rules(_) | Self::Imports(_) | Self::Demand(_) => None,
        }
    }

    /// Whether it is left undone where nobody waits for it any more. What happened in the world, and what the engine says
    /// itself, is noted whoever hears of it.
    pub(crate) fn may_be_dropped(&self) -> bool {
        match self {
            Self::Reservations(_) | Self::Supply(_) | Self::Rules(_) => true,
            Self::Catalogue(command) => command.may_be_dropped(),
            Self::Stock(_) | Self::Imports(_) | Self::Demand(_) => false,
        }
    }

    /// Whether it is decided on what is durable, and so begins a batch.
    #[inline]
    pub(crate) fn begins_batch(&self, state: &State) -> bool {
        match self {
            Self::Catalogue(command) => command.begins_batch(state),
            Self::Imports(command) => command.begins_batch(state),
            Self::Reservations(_) | Self::Stock(_) | Self::Supply(_) | Self::Rules(_) | Self::Demand(_) => false,
        }
    }

    /// Whether it may change what rules rest on, and so ends its batch.
    #[inline]
    pub(crate) fn ends_batch(&self, state: &State) -> bool {
        match self {
            Self::Catalogue(command) => command.ends_batch(state),
            Self::Imports(command) => command.ends_batch(state),
            Self::Rules(_) => true,
            Self::Reservations(_) | Self::Stock(_) | Self::Supply(_) | Self::Demand(_) => false,
        }
    }

    /// What its caller already took from promise words.
    #[inline]
    pub(crate) fn admitted(&self) -> Few<(CellId, StockChange)> {
        match self {
            Self::Reservations(command) => command.admitted(),
            Self::Stock(command) => command.admitted(),
            Self::Catalogue(_) | Self::Supply(_) | Self::Rules(_) | Self::Imports(_) | Self::Demand(_) => Few::new(),
        }
    }
}

impl From<Put> for Command {
    fn from(Put { what, precondition }: Put) -> Self {
        let setting = match what {
            PutWhat::Rule(name, fields) => {
                return Self::Rules(rules::command::Command::Put(name, fields, precondition));
            }
            PutWhat::Sku(name, fields) => Setting::Sku(name, fields),
            PutWhat::Location(name, fields) => Setting::Location(name, fields),
            PutWhat::Group(name, members) => Setting::Group(name, members),
            PutWhat::Channel(name, fields) => Setting::Channel(name, fields),
            PutWhat::Retire(kind, name) => Setting::Retire(kind, name),
        };
        Self::Catalogue(catalogue::command::Command::Put(Box::new(setting), precondition))
    }
}

/// A command on the queue.
pub struct Queued {
    /// What is asked for.
    pub command: Command,
    /// Who asks.
    pub cause: Option<Box<Cause>>,
    /// Whom to tell.
    pub done: Completion,
}

/// One thing to set, if it still is what the caller saw. What is not said of it stays as it is; a rule is set whole.
#[derive(Debug, Clone)]
pub struct Put {
    /// What.
    pub what: PutWhat,
    /// What must hold of it before.
    pub precondition: Precondition,
}

/// What to set.
#[derive(Debug, Clone)]
pub enum PutWhat {
    /// A SKU.
    Sku(Name, SkuFields),
    /// A location.
    Location(Name, LocationFields),
    /// A group.
    Group(Name, Patch<Vec<Name>>),
    /// A channel.
    Channel(Name, ChannelFields),
    /// A rule; `None` removes it.
    Rule(Name, Option<Box<RuleFields>>),
    /// Something that is no more.
    Retire(ThingKind, Name),
}
