//! The frames of demand in a checkpoint.

use std::io;

use super::Rate;
use crate::ids::{LocationId, SkuId};
use crate::kernel::frames::in_frames;
use crate::kernel::tagged::tagged;
use crate::state::DurableState;

tagged! {
    /// A frame.
    pub enum Frame {
        /// Rates of sale of cells.
        17 => Rates(Vec<((SkuId, LocationId), Rate)>),
    }
}

/// Saves the rates of sale.
///
/// # Errors
/// An error of `put`.
pub(crate) fn save(state: &DurableState, put: &mut dyn FnMut(Frame) -> io::Result<()>) -> io::Result<()> {
    in_frames(state.rates.copy(), |rows| put(Frame::Rates(rows)))
}

/// Restores a frame.
pub(crate) fn restore(state: &DurableState, frame: Frame) {
    match frame {
        Frame::Rates(rows) => {
            rows.into_iter().for_each(|((sku, location), rate)| state.rates.restore(sku, location, rate));
        }
    }
}
