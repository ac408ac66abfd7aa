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
    GroupLine, LineUnits, Reallocation, Reserve, ReserveLine, SUPERSEDES_MAX, StepRequest,
};
pub use crate::rules::command::RuleFields;
pub use crate::stock::command::{AsOf, Count, Movement};
pub use crate::supply::command::SupplyFields;

use crate::catalogue::command as catalogue;
use crate::catalogue::names::ThingKind;
use crate::demand::command as demand;
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
use crate::prices::command as prices;
use crate::reservations::command as reservations;
use crate::rules::command as rules;
use crate::state::State;
use crate::stock::command as stock;
use crate::supply::command as supply;
use crate::transfers::command as transfers;

/// Lists the subjects: what each match over all commands comes from.
macro_rules! subjects {
    ($($(#[$doc:meta])* $name:ident($module:ident),)+) => {
        /// Everything that can be asked of the journal thread, by subject.
        #[derive(Debug)]
        pub enum Command { $($(#[$doc])* $name($module::Command),)+ }

        $(impl From<$module::Command> for Command {
            fn from(command: $module::Command) -> Self {
                Self::$name(command)
            }
        })+

        impl Asked<State> for Command {
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
            fn begins_batch(&self, state: &State) -> bool {
                match self { $(Self::$name(command) => command.begins_batch(state),)+ }
            }

            #[inline]
            fn ends_batch(&self, state: &State) -> bool {
                match self { $(Self::$name(command) => command.ends_batch(state),)+ }
            }

            #[inline]
            fn admitted(&self) -> Few<(CellId, StockChange)> {
                match self { $(Self::$name(command) => command.admitted(),)+ }
            }
        }
    };
}

subjects! {
    /// Of reservations.
    Reservations(reservations),
    /// Of stock.
    Stock(stock),
    /// Of the catalogue.
    Catalogue(catalogue),
    /// Of inbound supply.
    Supply(supply),
    /// Of rules.
    Rules(rules),
    /// Of imports.
    Imports(imports),
    /// Of demand that was refused.
    Demand(demand),
    /// Of transfers and of replenishment.
    Transfers(transfers),
    /// Of prices.
    Prices(prices),
}

impl Command {
    /// A step of a reservation.
    pub fn step(id: ReservationId, step: StepRequest) -> Self {
        reservations::Command::Step(id, step).into()
    }

    /// Counts.
    pub fn count(counts: Vec<Count>) -> Self {
        stock::Command::Count(counts).into()
    }

    /// Inbound supply.
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
