//! The frames of stock in a checkpoint.

use std::io;

use super::fold::Writer;
use super::movements::{Recent, RecentV1};
use crate::ids::{LocationId, SkuId, Timestamp};
use crate::kernel::cell_after::CellAfter;
use crate::kernel::frames::{ITEMS_PER_FRAME, in_frames};
use crate::kernel::tagged::tagged;
use crate::matrix::CellId;
use crate::state::DurableState;

tagged! {
    /// A frame.
    pub enum Frame {
        /// Cells, and the time of each one's last count.
        6 => Cells(Vec<(CellAfter, Timestamp)>),
        /// Movements in formats 1 to 4.
        7 => Movements(Vec<((SkuId, LocationId), RecentV1)>),
        /// Movements since the last counts.
        25 => Recent(Vec<((SkuId, LocationId), Recent)>),
    }
}

/// Saves cells and movements; returns the number of cells.
///
/// # Errors
/// An error of `put`.
pub(crate) fn save(state: &DurableState, put: &mut dyn FnMut(Frame) -> io::Result<()>) -> io::Result<u64> {
    let mut cells = 0;
    let mut pending = Vec::new();
    for sku in (0..state.catalogue.skus.count()).map(SkuId) {
        let (_, mut ids) = state
            .view
            .read(|| state.matrix.row(sku).iter().map(|(id, cell)| (cell.location(), id)).collect::<Vec<_>>());
        ids.sort_unstable();
        for chunk in ids.chunks(ITEMS_PER_FRAME) {
            // Each cell as a whole: its words belong together.
            let (_, copied) = state.view.read(|| {
                let copy = |(location, id): &(LocationId, CellId)| {
                    let cell = state.matrix.cell(*id);
                    let (level, safety_stock) = (cell.durable(), cell.safety_stock());
                    (CellAfter { sku, location: *location, level, safety_stock }, cell.counted_at())
                };
                chunk.iter().map(copy).collect::<Vec<_>>()
            });
            cells += copied.len() as u64;
            pending.extend(copied);
            if pending.len() >= ITEMS_PER_FRAME {
                put(Frame::Cells(std::mem::take(&mut pending)))?;
            }
        }
    }
    put(Frame::Cells(pending))?;
    in_frames(state.movements.copy(), |rows| put(Frame::Recent(rows)))?;
    Ok(cells)
}

/// Restores a frame.
pub(crate) fn restore(writer: &mut Writer, state: &DurableState, frame: Frame) {
    match frame {
        Frame::Cells(cells) => {
            cells.iter().for_each(|(cell, counted_at)| writer.restore_cell(state, cell, *counted_at));
        }
        Frame::Movements(rows) => {
            rows.into_iter()
                .for_each(|((sku, location), recent)| state.movements.restore(sku, location, recent.into()));
        }
        Frame::Recent(rows) => {
            rows.into_iter().for_each(|((sku, location), recent)| state.movements.restore(sku, location, recent));
        }
    }
}
