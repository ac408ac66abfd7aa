//! The lists of subjects: each subject is in every list that concerns it, once.
//!
//! A file that handles all subjects generates code from a list, with a macro whose name it passes: the enum of events,
//! the enum of commands, the decision of a command, the durable view, the fold, the draft, the auditor, the checkpoint.

/// Passes the subjects with events to a macro, those with the most frequent events first.
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
            /// Of refused demand.
            Demand(demand),
            /// Of imports.
            Imports(imports),
            /// Of kept answers.
            Answers(answers),
            /// Of transfers and of replenishment.
            Transfers(transfers),
            /// Of prices.
            Prices(prices),
            /// Of orders.
            Orders(orders),
            /// Of issuers, series and receipts.
            Receipts(receipts),
            /// Of carts.
            Carts(carts),
            /// Of returns.
            Returns(returns),
            /// Of the archive.
            Archive(archive),
        }
    };
}

/// Passes the subjects with commands to a macro.
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
            /// Of refused demand.
            Demand(demand),
            /// Of transfers and of replenishment.
            Transfers(transfers),
            /// Of prices.
            Prices(prices),
            /// Of orders.
            Orders(orders),
            /// Of issuers, series and receipts.
            Receipts(receipts),
            /// Of carts.
            Carts(carts),
            /// Of returns.
            Returns(returns),
            /// Of the archive.
            Archive(archive),
        }
    };
}

/// Passes two lists to a macro: subjects whose records contain the outcome of their request, and the others, whose
/// repeats are answered by an entity, or by a kept answer.
macro_rules! outcomes {
    ($make:ident) => {
        $make! {
            record: Stock, Supply, Imports, Answers, Orders, Returns;
            elsewhere: Reservations, Catalogue, Rules, Demand, Transfers, Prices, Receipts, Carts, Archive;
        }
    };
}

/// Passes two lists to a macro: subjects whose events are effects alone, and those with their own store, which no other
/// subject changes: in the durable view, in the draft, in the auditor's books and in a checkpoint.
macro_rules! stores {
    ($make:ident) => {
        $make! {
            effects: Reservations, Stock, Catalogue, Supply, Rules, Demand, Imports, Answers;
            own: transfers Transfers, prices Prices, orders Orders, receipts Receipts, carts Carts, returns Returns,
                archive Archive,
        }
    };
}

pub(crate) use {commands, events, outcomes, stores};
