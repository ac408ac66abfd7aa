//! The frames of returns in a checkpoint.

use std::io;

use super::returned::Return;
use crate::kernel::frames::in_frames;
use crate::kernel::tagged::tagged;
use crate::state::DurableState;

tagged! {
    /// A frame.
    pub enum Frame {
        /// Returns.
        43 => Returns(Vec<Return>),
    }
}

/// Saves every return, oldest first.
///
/// # Errors
/// An error of `put`.
pub(crate) fn save(state: &DurableState, put: &mut dyn FnMut(Frame) -> io::Result<()>) -> io::Result<()> {
    let returns = state.own.returns.all();
    in_frames(returns.into_iter().map(std::sync::Arc::unwrap_or_clone), |rows| put(Frame::Returns(rows)))
}

/// Restores a frame.
pub(crate) fn restore(state: &DurableState, frame: Frame) {
    match frame {
        Frame::Returns(rows) => rows.into_iter().for_each(|returned| state.own.returns.set(&state.catalogue, returned)),
    }
}
