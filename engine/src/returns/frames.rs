//! The frames of returns in a checkpoint.

use std::io;
use std::sync::Arc;

use super::returned::Return;
use crate::kernel::frames::{ITEMS_PER_HOLD, in_pages};
use crate::kernel::tagged::tagged;
use crate::state::DurableState;

tagged! {
    /// A frame.
    pub enum Frame {
        /// Returns.
        43 => Returns(Vec<Arc<Return>>),
    }
}

/// Saves every return, oldest first.
///
/// # Errors
/// An error of `put`.
pub(crate) fn save(state: &DurableState, put: &mut dyn FnMut(Frame) -> io::Result<()>) -> io::Result<()> {
    let store = &state.own.returns;
    in_pages(
        |last: Option<&Arc<Return>>| store.after(last.map(|last| last.id), ITEMS_PER_HOLD),
        |rows| put(Frame::Returns(rows)),
    )
}

/// Restores a frame.
pub(crate) fn restore(state: &DurableState, frame: Frame) {
    match frame {
        Frame::Returns(rows) => {
            let rows = rows.into_iter().map(Arc::unwrap_or_clone);
            rows.for_each(|returned| state.own.returns.set(&state.catalogue, returned));
        }
    }
}
