//! Commands by subject.
//!
//! The edge has validated a command: its names are valid and interned if known; its numbers are in range. The journal
//! thread decides it in log order. Refusals are data: expected, counted, answered.

pub use crate::catalogue::command::{ChannelFields, LocationFields, ServiceFields, Setting, SkuFields, TradingFields};
pub use crate::imports::command::{Row, Rows};
pub use crate::kernel::name_ref::NameRef;
pub use crate::kernel::version::{Precondition, Seen, Version, Versions};
pub use crate::outcome::{CommandResult, Completion, Listener, Loaded, Outcome};
pub use crate::refusal::{Failure, Refusal, Short};
pub use crate::reservations::command::{
    GroupLine, LineUnits, Reallocation, Reserve, ReserveLine, SUPERSEDES_MAX, StepRequest,
};
pub use crate::rules::command::RuleFields;
pub use crate::stock::command::{AsOf, Count, Movement};
pub use crate::supply::command::SupplyFields;

use crate::catalogue::command as catalogue;
use crate::catalogue::names::ThingKind;
use crate::ids::{Name, ReservationId};
use crate::imports::command as imports;
use crate::imports::imported::{ImportKind, Imported};
use crate::kernel::asked::Asked;
use crate::kernel::cause::Cause;
use crate::kernel::few::Few;
use crate::kernel::patch::Patch;
use crate::kernel::plain::Plain;
use crate::level::StockChange;
use crate::matrix::CellId;
use crate::reservations::command as reservations;
use crate::rules::command as rules;
use crate::state::DurableState;
use crate::stock::command as stock;
use crate::supply::command as supply;

/// Generates the match over all commands from the list of subjects with commands.
macro_rules! all_commands {
    ($($(#[$doc:meta])* $name:ident($module:ident),)+) => {
        /// All commands of the journal thread, by subject.
        #[derive(Debug)]
        pub enum Command { $($(#[$doc])* $name(crate::$module::command::Command),)+ }

        $(impl From<crate::$module::command::Command> for Command {
            fn from(command: crate::$module::command::Command) -> Self {
                Self::$name(command)
            }
        })+

        impl Asked<DurableState> for Command {
            fn kind(&self) -> &'static str {
                match self { $(Self::$name(command) => command.kind(),)+ }
            }

            fn lines(&self) -> usize {
                match self { $(Self::$name(command) => command.lines(),)+ }
            }

            fn may_be_dropped(&self) -> bool {
                match self { $(Self::$name(command) => command.may_be_dropped(),)+ }
            }

            #[inline]
            fn plain(&self) -> Option<Plain> {
                match self { $(Self::$name(command) => command.plain(),)+ }
            }

            #[inline]
            fn begins_batch(&self, state: &DurableState) -> bool {
                match self { $(Self::$name(command) => command.begins_batch(state),)+ }
            }

            #[inline]
            fn ends_batch(&self, state: &DurableState) -> bool {
                match self { $(Self::$name(command) => command.ends_batch(state),)+ }
            }

            #[inline]
            fn admitted(&self) -> Few<(CellId, StockChange)> {
                match self { $(Self::$name(command) => command.admitted(),)+ }
            }
        }
    };
}

crate::subjects::commands!(all_commands);

impl Command {
    /// A step of a reservation.
    pub fn step(id: ReservationId, step: StepRequest) -> Self {
        reservations::Command::Step(id, step).into()
    }

    /// A list of counts.
    pub fn count(counts: Vec<Count>) -> Self {
        stock::Command::Count(counts).into()
    }

    /// A list of inbound supplies.
    pub fn supply(rows: Vec<SupplyFields>) -> Self {
        supply::Command::Set(rows).into()
    }

    /// Rows of an import.
    pub fn load(rows: Rows, atomic: bool) -> Self {
        imports::Command::Load { rows, atomic, finish: None }.into()
    }

    /// The end of an import.
    pub fn finish(kind: ImportKind, imported: Box<Imported>) -> Self {
        imports::Command::Load { rows: Rows::None(kind), atomic: false, finish: Some(imported) }.into()
    }
}

impl From<Put> for Command {
    fn from(Put { what, precondition }: Put) -> Self {
        let setting = match what {
            PutWhat::Rule(name, fields) => {
                return Self::Rules(rules::Command::Put(name, fields, precondition));
            }
            PutWhat::Sku(name, fields) => Setting::Sku(name, fields),
            PutWhat::Location(name, fields) => Setting::Location(name, fields),
            PutWhat::Group(name, members) => Setting::Group(name, members),
            PutWhat::Channel(name, fields) => Setting::Channel(name, fields),
            PutWhat::Retire(kind, name) => Setting::Retire(kind, name),
        };
        Self::Catalogue(catalogue::Command::Put(Box::new(setting), precondition))
    }
}

/// A command in the queue.
pub struct Queued {
    /// The command.
    pub command: Command,
    /// Its cause.
    pub cause: Option<Box<Cause>>,
    /// The completion that receives the outcome.
    pub done: Completion,
}

/// One item to set, if it still has the version that the caller saw. Fields that are left out stay; a rule is set
/// whole.
#[derive(Debug, Clone)]
pub struct Put {
    /// The item.
    pub what: PutWhat,
    /// The precondition.
    pub precondition: Precondition,
}

/// The new content.
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
    /// An item to retire.
    Retire(ThingKind, Name),
}
