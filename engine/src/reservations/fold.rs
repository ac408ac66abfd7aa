//! Folds promises and their steps into the durable view.

use super::deadlines::Deadlines;
use super::ledger::Shift;
use super::{Closed, Progress, Reservation};
use crate::effect::{At, Made};
use crate::hash::{self, Part};
use crate::ids::{ReservationId, Seq, Timestamp};
use crate::state::DurableState;

/// The single writer of reservations, with its own state.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    pub deadlines: Deadlines,
    /// Changes of the ledger by the current record.
    shift: Shift,
    /// Reservations closed since the last clean-up.
    closed: usize,
    /// For each channel, the last promise through it since the start; 0 for none.
    pub promised_at: Vec<Seq>,
    /// Whether the caller of any reservation is known.
    pub has_owners: bool,
}

impl Writer {
    pub(crate) fn made(&mut self, state: &DurableState, at: At<'_>, made: Made<'_>) {
        let channel = made.reserved.channel.0 as usize;
        if channel >= self.promised_at.len() {
            self.promised_at.resize(channel + 1, 0);
        }
        if let Some(promised_at) = self.promised_at.get_mut(channel) {
            *promised_at = at.seq;
        }
        let reservation = Reservation::made(at, made);
        if let Some(cause) = at.cause.filter(|cause| cause.caller != 0) {
            state.owners().insert(reservation.id, cause.caller);
            self.has_owners = true;
        }
        self.insert(state, reservation);
    }

    pub(crate) fn change(&mut self, state: &DurableState, id: ReservationId, at: At<'_>, progress: Progress<'_>) {
        state.reservations.change(id, |reservation| {
            if at.seq <= reservation.version {
                return;
            }
            let digest_before = hash::reservation(id, reservation.version, reservation.outstanding());
            let deadline_before = reservation.deadline();
            let before = reservation.is_counted().then(|| reservation.clone());
            reservation.apply(at, progress);
            if before.is_some() {
                self.shift.between(before.as_ref(), reservation);
            }
            self.deadlines.change(id, deadline_before, reservation.deadline());
            let digest = match reservation.state.is_open() {
                true => hash::reservation(id, reservation.version, reservation.outstanding()),
                false => 0,
            };
            state.hash.change(Part::Reservations, digest_before, digest);
            if !reservation.state.is_open() {
                self.closed += 1;
                if self.has_owners {
                    state.owners().remove(&id);
                }
            }
        });
    }

    fn insert(&mut self, state: &DurableState, reservation: Reservation) {
        if state.reservations.is_known(reservation.id) {
            return;
        }
        let digest = hash::reservation(reservation.id, reservation.version, reservation.outstanding());
        state.hash.change(Part::Reservations, 0, digest);
        if let Some(deadline) = reservation.deadline() {
            self.deadlines.insert(deadline, reservation.id);
        }
        if reservation.is_counted() {
            self.shift.between(None, &reservation);
        }
        state.reservations.insert(reservation);
    }

    /// Drops closed reservations after their retention or beyond their limit, a bounded number at a time: some more
    /// than were closed meanwhile, so that they do not accumulate.
    pub(crate) fn forget(&mut self, state: &DurableState, now: Timestamp, closed_before: Timestamp) {
        const AT_A_TIME: usize = 1024;
        if self.closed > 0 {
            state.reservations.leave_to_log();
        }
        // Bound: a batch closes at most as many as it has commands and expiries. Each costs the same, however many are
        // kept.
        let many = AT_A_TIME + 2 * std::mem::take(&mut self.closed);
        for _ in 0..many {
            if !state.reservations.forget_one(closed_before, now) {
                break;
            }
        }
    }

    /// Restores a reservation from a checkpoint. Quota counts are restored separately.
    pub(crate) fn restore_reservation(&mut self, state: &DurableState, reservation: Reservation) {
        if state.reservations.is_known(reservation.id) {
            return;
        }
        if reservation.is_counted() {
            let mut open = Shift::default();
            open.between(None, &reservation);
            state.change_ledger(|ledger| ledger.reopen(&open));
        }
        if !reservation.state.is_open() {
            state.reservations.insert(reservation);
        } else {
            self.insert(state, reservation);
            self.shift = Shift::default();
        }
    }

    /// Applies the ledger changes of the record at `seq`, after all of it is folded.
    #[inline]
    pub(crate) fn end_record(&mut self, state: &DurableState, seq: Seq) {
        if !self.shift.is_empty() {
            let shift = std::mem::take(&mut self.shift);
            state.change_ledger(|ledger| ledger.apply(seq, &shift));
        }
    }
}

/// Restores a closed reservation from a checkpoint.
pub(crate) fn restore_closed(state: &DurableState, closed: &Closed) {
    if !closed.orders.is_empty() && !state.reservations.is_known(closed.id) {
        state.change_ledger(|ledger| ledger.reopen(&Shift::of_orders(&closed.orders)));
    }
    state.reservations.restore(closed);
}
