//! The subjects that keep a store of their own, each listed once.
//!
//! What most events do is effects, which the subjects that own those fold, stage and check. A subject may also keep what
//! nobody else changes: a store in the durable view, what a batch makes of it, what the auditor knows of it, and frames of
//! a checkpoint. For each of these a file says what is made of this list, with a macro whose name it passes.

/// Passes the list to a macro: subjects whose events are effects alone, and those with a store of their own.
macro_rules! stores {
    ($make:ident) => {
        $make! {
            effects: Reservations, Stock, Catalogue, Supply, Rules, Demand, Imports, Told;
            own: transfers Transfers, prices Prices,
        }
    };
}

pub(crate) use stores;
