//! The frames of reservations in a checkpoint.

use std::io;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::fold::{Writer, restore_closed};
use super::ledger::{Counted, Used};
use super::parent::Parent;
use super::promise::OrderDay;
use super::{Backorder, Closed, Known, Reservation, v1};
use crate::ids::ReservationId;
use crate::kernel::frames::{ITEMS_PER_FRAME, in_frames};
use crate::kernel::tagged::tagged;
use crate::state::DurableState;

tagged! {
    /// A frame.
    pub enum Frame {
        /// In format 1.
        8 => ReservationsV1(Vec<v1::Reservation>),
        /// In format 2: without inbound units.
        12 => ReservationsV2(Vec<Reservation>),
        /// Quota counts.
        13 => Quotas(Vec<(Counted, Used)>),
        /// In format 3.
        15 => Reservations(Vec<Kept>),
        /// With the caller of each.
        21 => Whole(Vec<(Kept, u32)>),
        /// Closed reservations in memory.
        22 => Closed(Vec<Closed>),
        /// The callers of open reservations.
        23 => Owners(Vec<(ReservationId, u64)>),
        /// What complete reservations are a part of.
        39 => Parents(Vec<(ReservationId, Parent)>),
    }
}

/// A reservation with its backorders by line, and the days that it counts against.
#[derive(Serialize, Deserialize)]
pub struct Kept(Arc<Reservation>, Vec<(u16, Backorder)>, Vec<OrderDay>);

impl From<Arc<Reservation>> for Kept {
    fn from(reservation: Arc<Reservation>) -> Self {
        let lines = (0..).zip(&reservation.lines);
        let waits = lines.filter_map(|(number, line)| Some((number, line.wait.as_deref()?.clone()))).collect();
        let orders = reservation.orders.to_vec();
        Self(reservation, waits, orders)
    }
}

impl From<Kept> for Reservation {
    fn from(Kept(reservation, waits, orders): Kept) -> Self {
        let mut reservation = Arc::unwrap_or_clone(reservation);
        for (number, wait) in waits {
            if let Some(line) = reservation.lines.get_mut(usize::from(number)) {
                line.wait = Some(Box::new(wait));
            }
        }
        reservation.orders = orders.into();
        reservation
    }
}

/// Saves every reservation, oldest first; returns their number.
///
/// # Errors
/// An error of `put`.
pub(crate) fn save(state: &DurableState, put: &mut dyn FnMut(Frame) -> io::Result<()>) -> io::Result<u64> {
    let (mut whole, mut closed, mut parents, mut count) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for known in state.reservations.each() {
        count += 1;
        match known {
            Known::Here(reservation) => {
                let caller = reservation.caller;
                parents.extend(reservation.parent.as_deref().map(|parent| (reservation.id, parent.clone())));
                whole.push((Kept::from(reservation), caller));
            }
            Known::Closed(entry) => closed.push(*entry),
        }
        if whole.len() >= ITEMS_PER_FRAME {
            put(Frame::Whole(std::mem::take(&mut whole)))?;
        }
        if closed.len() >= ITEMS_PER_FRAME {
            put(Frame::Closed(std::mem::take(&mut closed)))?;
        }
    }
    put(Frame::Whole(whole))?;
    put(Frame::Closed(closed))?;
    let parents = parents.chunks(ITEMS_PER_FRAME);
    parents.map(<[_]>::to_vec).try_for_each(|rows| put(Frame::Parents(rows)))?;
    // After the reservations: if one is open still, it is among those.
    in_frames(state.all_owners(), |rows| put(Frame::Owners(rows)))?;
    Ok(count)
}

/// Saves the quota counts.
///
/// # Errors
/// An error of `put`.
pub(crate) fn save_quotas(state: &DurableState, put: &mut dyn FnMut(Frame) -> io::Result<()>) -> io::Result<()> {
    let counted: Vec<_> = state.ledger().quotas().into_iter().map(|(counted, _)| counted).collect();
    for chunk in counted.chunks(ITEMS_PER_FRAME) {
        let (_, copied) = state.view.read(|| {
            let ledger = state.ledger();
            let used = chunk.iter().map(|counted| (*counted, ledger.used(*counted)));
            used.filter(|(_, used)| used.seq > 0).collect()
        });
        put(Frame::Quotas(copied))?;
    }
    Ok(())
}

/// Restores a frame.
pub(crate) fn restore(writer: &mut Writer, state: &DurableState, frame: Frame) {
    match frame {
        Frame::ReservationsV1(rows) => {
            rows.into_iter().for_each(|reservation| writer.restore_reservation(state, reservation.into()));
        }
        Frame::ReservationsV2(rows) => {
            rows.into_iter().for_each(|reservation| writer.restore_reservation(state, reservation));
        }
        Frame::Reservations(rows) => {
            rows.into_iter().for_each(|kept| writer.restore_reservation(state, kept.into()));
        }
        Frame::Whole(rows) => {
            for (kept, caller) in rows {
                writer.restore_reservation(state, Reservation { caller, ..kept.into() });
            }
        }
        Frame::Closed(rows) => rows.iter().for_each(|closed| restore_closed(state, closed)),
        Frame::Quotas(rows) => rows.into_iter().for_each(|(counted, used)| state.restore_quota(counted, used)),
        Frame::Parents(rows) => {
            for (id, parent) in rows {
                state.reservations.change(id, |reservation| reservation.parent = Some(Box::new(parent)));
            }
        }
        Frame::Owners(rows) => {
            writer.has_owners = true;
            state.restore_owners(rows);
        }
    }
}
