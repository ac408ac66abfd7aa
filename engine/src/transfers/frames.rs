//! What a checkpoint holds of transfers and of replenishment.

use std::io;
use std::sync::Arc;

use super::policy::{Policy, Run};
use super::transfer::Transfer;
use crate::ids::{Name, Seq};
use crate::kernel::frames::in_frames;
use crate::kernel::tagged::tagged;
use crate::state::DurableState;

tagged! {
    /// A piece of it.
    pub enum Frame {
        /// Transfers. Behind the reservations that they rest on.
        29 => Transfers(Vec<Transfer>),
        /// Policies, with the `seq` of the last change of each.
        30 => Policies(Vec<(Name, Seq, Policy)>),
        /// Runs, with the `seq` of the record of each.
        31 => Runs(Vec<(Seq, Run)>),
    }
}

/// Saves them.
///
/// # Errors
/// What `put` said.
pub(crate) fn save(state: &DurableState, put: &mut dyn FnMut(Frame) -> io::Result<()>) -> io::Result<()> {
    let transfers = state.own.transfers.all().into_iter().map(Arc::unwrap_or_clone);
    in_frames(transfers, |rows| put(Frame::Transfers(rows)))?;
    let policies = state.own.transfers.policies().into_iter();
    in_frames(policies.map(|(name, seq, policy)| (name, seq, Arc::unwrap_or_clone(policy))), |rows| {
        put(Frame::Policies(rows))
    })?;
    let runs = state.own.transfers.runs().into_iter().map(|(seq, run)| (seq, Arc::unwrap_or_clone(run)));
    in_frames(runs, |rows| put(Frame::Runs(rows)))
}

/// Puts a piece back.
pub(crate) fn restore(state: &DurableState, frame: Frame) {
    match frame {
        Frame::Transfers(rows) => rows.into_iter().for_each(|transfer| state.own.transfers.insert(transfer)),
        Frame::Policies(rows) => {
            rows.into_iter().for_each(|(name, seq, policy)| state.own.transfers.set_policy(seq, &name, Some(policy)));
        }
        Frame::Runs(rows) => rows.into_iter().for_each(|(seq, run)| state.own.transfers.note_run(seq, run)),
    }
}
