//! The frame of the archive in a checkpoint.

use std::io;

use super::store::Standing;
use crate::kernel::tagged::tagged;
use crate::state::DurableState;

tagged! {
    /// A frame.
    pub enum Frame {
        /// The files of the archive, and their lengths.
        44 => Standing(Standing),
    }
}

/// Saves where the archive ends.
///
/// # Errors
/// An error of `put`.
pub(crate) fn save(state: &DurableState, put: &mut dyn FnMut(Frame) -> io::Result<()>) -> io::Result<()> {
    let standing = state.own.archive.standing();
    if standing.last == 0 { Ok(()) } else { put(Frame::Standing(standing)) }
}

/// Restores a frame.
pub(crate) fn restore(state: &DurableState, frame: Frame) {
    match frame {
        Frame::Standing(standing) => state.own.archive.restore(standing),
    }
}
