//! The subjects, each listed once in each list that concerns it.
//!
//! A file that is about all subjects says what is made of a list, with a macro whose name it passes: the enum of events,
//! the enum of commands, which decision a command gets, the durable view, the fold, the draft, the auditor, the checkpoint.

/// Passes the subjects that have events to a macro, those of the most frequent events first.
macro_rules! events {
    ($make:ident) => {
        $make! {
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
            /// Of demand that was refused.
            Demand(demand),
            /// Of imports.
            Imports(imports),
            /// Of the answers that keyed requests keep.
            Answers(answers),
            /// Of transfers and of replenishment.
            Transfers(transfers),
        }
    };
}

/// Passes the subjects that have commands to a macro.
macro_rules! commands {
    ($make:ident) => {
        $make! {
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
        }
    };
}

/// Passes to a macro which subjects have records that tell the outcome of their request, and which have not: repeats of
/// those are answered by an entity, or by what was told.
macro_rules! outcomes {
    ($make:ident) => {
        $make! {
            record: Stock, Supply, Imports, Answers;
            elsewhere: Reservations, Catalogue, Rules, Demand, Transfers;
        }
    };
}

/// Passes to a macro which subjects have events that are effects alone, and which keep a store of their own: what nobody
/// else changes, in the durable view, in the draft, with the auditor and in a checkpoint.
macro_rules! stores {
    ($make:ident) => {
        $make! {
            effects: Reservations, Stock, Catalogue, Supply, Rules, Demand, Imports, Answers;
            own: transfers Transfers,
        }
    };
}

pub(crate) use {commands, events, outcomes, stores};
