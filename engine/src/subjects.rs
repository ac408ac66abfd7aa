//! The subjects with their own store, each listed once.
//!
//! Most events act only through effects, which the owners of those fold, stage and check. A subject may also have data
//! that no other subject changes: a store in the durable view, a draft of it, the auditor's books of it, and frames of
//! a checkpoint. For each of these, a file generates code from this list, with a macro whose name it passes.

/// Passes the list to a macro: subjects whose events are effects alone, and those with their own store.
macro_rules! stores {
    ($make:ident) => {
        $make! {
            effects: Reservations, Stock, Catalogue, Supply, Rules, Demand, Imports, Told;
            own: transfers Transfers,
        }
    };
}

pub(crate) use stores;
