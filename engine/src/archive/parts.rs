//! What each subject gives to the archive: what may leave, whether it is as it was, take out, put back.

use super::kept::Kept;
use super::left::Left;
use crate::decide::Decide;
use crate::ids::Timestamp;
use crate::state::DurableState;

/// The bounds of one step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Things of a kind.
    pub things: usize,
    /// Receipts that are looked at.
    pub looks: usize,
}

/// Passes what may leave because its last change was before `before`: oldest first, each order followed by its rows and
/// receipts. Each is exact at one `seq`.
pub(crate) fn leaving(state: &DurableState, before: Timestamp, bounds: Bounds, put: &mut dyn FnMut(Kept) -> bool) {
    for id in state.own.orders.leaving(before, bounds.things) {
        let (_, whole) = state.view.read(|| {
            let order = state.own.orders.get(id).filter(|order| order.may_leave())?;
            let rows = state.own.orders.rows_of(&order.name);
            Some((rows, state.own.receipts.leaving_with(&order), order))
        });
        let Some((rows, receipts, order)) = whole else { continue };
        let has_room = put(Kept::Order(Box::new((*order).clone())));
        if !rows.is_empty() {
            put(Kept::Rows(rows.iter().map(|row| (**row).clone()).collect()));
        }
        for receipt in receipts {
            put(Kept::Receipt(Box::new((*receipt).clone())));
        }
        if !has_room {
            return;
        }
    }
    for id in state.own.returns.leaving(before, bounds.things) {
        let (_, whole) = state.view.read(|| {
            let back = state.own.returns.get(id).filter(|back| back.may_leave())?;
            Some((state.own.orders.rows_of_return(&back), back))
        });
        let Some((rows, back)) = whole else { continue };
        let has_room = put(Kept::Return(Box::new((*back).clone())));
        if !rows.is_empty() {
            put(Kept::Rows(rows.iter().map(|row| (**row).clone()).collect()));
        }
        if !has_room {
            return;
        }
    }
    let is_alone = |order: &crate::ids::Name| state.own.orders.named(order.as_str()).is_none();
    for receipt in state.own.receipts.leaving_alone(before, bounds.things, bounds.looks, is_alone) {
        if !put(Kept::Receipt(Box::new((*receipt).clone()))) {
            return;
        }
    }
}

/// Whether a thing is after the batch so far what it was when it was read.
pub(super) fn is_as_it_was(cx: &Decide<'_>, left: &Left) -> bool {
    match left {
        Left::Order { id, version } => {
            cx.draft.own.orders.get(cx.state, *id).is_some_and(|order| order.version == *version)
        }
        Left::Receipt { id, version } => {
            cx.draft.own.receipts.receipt(cx.state, id).is_some_and(|receipt| receipt.version() == *version)
        }
        Left::Return { id, version } => {
            cx.draft.own.returns.get(cx.state, *id).is_some_and(|back| back.version == *version)
        }
    }
}

/// Whether memory has a thing.
pub(super) fn is_in_memory(state: &DurableState, kept: &Kept) -> bool {
    match kept {
        Kept::Order(order) => state.own.orders.get(order.id).is_some(),
        // They stay in the archive.
        Kept::Rows(_) => true,
        Kept::Receipt(receipt) => state.own.receipts.get(&receipt.issued.id).is_some(),
        Kept::Return(back) => state.own.returns.get(back.id).is_some(),
    }
}

/// Inside a fold: takes a thing out of memory, unless it is a later version.
pub(super) fn take_out(state: &DurableState, left: &Left) {
    match left {
        Left::Order { id, version } => state.own.orders.take_out(&state.catalogue, *id, *version),
        Left::Receipt { id, version } => state.own.receipts.take_out(&state.catalogue, id, *version),
        Left::Return { id, version } => {
            if let Some(back) = state.own.returns.take_out(&state.catalogue, *id, *version) {
                state.own.orders.take_out_rows(&back);
            }
        }
    }
}

/// Inside a fold: puts a thing back that memory does not have.
pub(super) fn put_back(state: &DurableState, at: Timestamp, kept: &Kept) {
    match kept {
        Kept::Order(order) => state.own.orders.put_back(&state.catalogue, at, (**order).clone()),
        Kept::Rows(_) => {}
        Kept::Receipt(receipt) => state.own.receipts.put_back(&state.catalogue, at, (**receipt).clone()),
        Kept::Return(back) => state.own.returns.put_back(&state.catalogue, at, (**back).clone()),
    }
}
