//! The frames of inbound supply in a checkpoint.

use std::io;

use super::{Came, Supply};
use crate::ids::{LocationId, SkuId};
use crate::kernel::frames::{ITEMS_PER_FRAME, in_frames};
use crate::kernel::tagged::tagged;
use crate::reservations::ledger::CameKey;
use crate::state::DurableState;

tagged! {
    /// A frame.
    pub enum Frame {
        /// Inbound supply, by cell.
        16 => Supply(Vec<(SkuId, LocationId, Vec<Supply>)>),
        /// Arrivals of supplies. Each row names its record, so that a replayed one counts once.
        20 => Came(Vec<(CameKey, Came)>),
    }
}

/// Saves inbound supply and its arrivals.
///
/// # Errors
/// An error of `put`.
pub(crate) fn save(state: &DurableState, put: &mut dyn FnMut(Frame) -> io::Result<()>) -> io::Result<()> {
    let cells: Vec<_> = state.ledger().outlooks(None).map(|(cell, _)| cell).collect();
    for chunk in cells.chunks(ITEMS_PER_FRAME) {
        let (_, copied) = state.view.read(|| {
            let ledger = state.ledger();
            let supplies = |(sku, location): &(SkuId, LocationId)| {
                let supplies = ledger.outlook(*sku, *location).map(|outlook| outlook.supplies().to_vec());
                (*sku, *location, supplies.unwrap_or_default())
            };
            chunk.iter().map(supplies).collect()
        });
        put(Frame::Supply(copied))?;
    }
    let mut came = state.ledger().all_came();
    came.sort_unstable_by_key(|(_, came)| (came.time, came.seq));
    in_frames(came, |rows| put(Frame::Came(rows)))
}

/// Restores a frame.
pub(crate) fn restore(state: &DurableState, frame: Frame) {
    match frame {
        Frame::Supply(rows) => {
            rows.iter().for_each(|(sku, location, supplies)| super::fold::restore(state, *sku, *location, supplies));
        }
        Frame::Came(rows) => state.restore_came(&rows),
    }
}
