//! The frames of transfers and replenishment in a checkpoint.

use std::io;
use std::sync::Arc;

use super::policy::{Policy, Run};
use super::transfer::Transfer;
use crate::ids::{Name, Seq};
use crate::kernel::frames::in_frames;
use crate::kernel::tagged::tagged;
use crate::state::DurableState;

tagged! {
    /// A frame.
    pub enum Frame {
        /// Transfers. After the reservations that they refer to.
        29 => Transfers(Vec<Transfer>),
        /// Policies, each with the `seq` of its last change.
        30 => Policies(Vec<(Name, Seq, Policy)>),
        /// Runs, each with the `seq` of its record.
        31 => Runs(Vec<(Seq, Run)>),
    }
}

/// Saves transfers, policies and runs.
///
/// # Errors
/// An error of `put`.
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

/// Restores a frame.
pub(crate) fn restore(state: &DurableState, frame: Frame) {
    match frame {
        Frame::Transfers(rows) => rows.into_iter().for_each(|transfer| state.own.transfers.insert(transfer)),
        Frame::Policies(rows) => {
            rows.into_iter().for_each(|(name, seq, policy)| state.own.transfers.set_policy(seq, &name, Some(policy)));
        }
        Frame::Runs(rows) => rows.into_iter().for_each(|(seq, run)| state.own.transfers.note_run(seq, run)),
    }
}
