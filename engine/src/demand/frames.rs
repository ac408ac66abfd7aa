//! What a checkpoint holds of demand.

use std::io;

use super::Rate;
use crate::ids::{LocationId, SkuId};
use crate::kernel::frames::in_frames;
use crate::kernel::tagged::tagged;
use crate::state::DurableState;

tagged! {
    /// A piece of it.
    pub enum Frame {
        /// How fast cells sell.
        17 => Rates(Vec<((SkuId, LocationId), Rate)>),
    }
}

/// Saves how fast cells sell.
///
/// # Errors
/// What `put` said.
pub(crate) fn save(state: &DurableState, put: &mut dyn FnMut(Frame) -> io::Result<()>) -> io::Result<()> {
    in_frames(state.rates.copy(), |rows| put(Frame::Rates(rows)))
}

/// Puts a piece back.
pub(crate) fn restore(state: &DurableState, frame: Frame) {
    match frame {
        Frame::Rates(rows) => {
            rows.into_iter().for_each(|((sku, location), rate)| state.rates.restore(sku, location, rate));
        }
    }
}
