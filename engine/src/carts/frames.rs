//! The frames of carts in a checkpoint.

use std::io;
use std::sync::Arc;

use super::cart::Cart;
use crate::kernel::frames::in_frames;
use crate::kernel::tagged::tagged;
use crate::state::DurableState;

tagged! {
    /// A frame.
    pub enum Frame {
        /// Carts. After the reservations that they refer to.
        42 => Carts(Vec<Arc<Cart>>),
    }
}

/// Saves carts.
///
/// # Errors
/// An error of `put`.
pub(crate) fn save(state: &DurableState, put: &mut dyn FnMut(Frame) -> io::Result<()>) -> io::Result<()> {
    in_frames(state.own.carts.stretches().flatten(), |rows| put(Frame::Carts(rows)))
}

/// Restores a frame.
pub(crate) fn restore(state: &DurableState, frame: Frame) {
    match frame {
        Frame::Carts(rows) => {
            let rows = rows.into_iter().map(Arc::unwrap_or_clone);
            rows.for_each(|cart| state.own.carts.make(&state.catalogue, cart));
        }
    }
}
