//! Enforces limits on the requests and open reservations of a channel or a caller.
//!
//! Quantities of a request are checked at admission; the number of open reservations is checked in log order, without
//! races. Holds are counted as the log creates and closes them, ahead of durability, and are counted again from the
//! reservations after a restart.

use rustc_hash::FxHashMap;

use crate::ids::{ChannelId, ReservationId};
use crate::kernel::maps::empty;
use crate::refusal::{Failure, Refusal};
use crate::reservations::bounds::{Bound, Whose};
use crate::reservations::{Reservation, ReservationState};

/// Checks the quantities of a request. Takes the units of each line, and the seconds of the hold.
///
/// # Errors
/// The limit, by name, and the field that exceeds it.
pub fn check_request(bounds: &[Bound], units: &[u32], hold_seconds: Option<u64>) -> Result<(), Refusal> {
    for Bound { name, limits, .. } in bounds {
        let over = |field: String, limit: &str, asked: u64, most: Option<u64>| match most {
            Some(most) if asked > most => Err(Refusal::Limited {
                field,
                limit: format!("{name}.{limit}"),
                asked,
                most,
                passes: false,
                seconds: None,
            }),
            _ => Ok(()),
        };
        over("lines".into(), "request_lines", units.len() as u64, limits.request_lines)?;
        for (at, units) in units.iter().enumerate() {
            over(format!("lines[{at}].quantity"), "line_units", u64::from(*units), limits.line_units)?;
        }
        let all = units.iter().map(|units| u64::from(*units)).sum();
        over("lines".into(), "request_units", all, limits.request_units)?;
        over("ttl_seconds".into(), "hold_seconds", hold_seconds.unwrap_or(0), limits.hold_seconds)?;
    }
    Ok(())
}

/// Open reservations of a channel or a caller.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Open {
    held: i64,
    open: i64,
}

impl Open {
    fn of(state: ReservationState) -> Self {
        Self { held: i64::from(state == ReservationState::Held), open: i64::from(state.is_open()) }
    }

    fn minus(self, other: Self) -> Self {
        Self { held: self.held - other.held, open: self.open - other.open }
    }

    fn plus(self, other: Self) -> Self {
        Self { held: self.held + other.held, open: self.open + other.open }
    }
}

/// The counted states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Subject {
    Channel(ChannelId),
    Caller(u64),
}

/// Open reservations by channel and by caller: the journal thread's own counts, ahead of the durable view by the
/// current batch.
#[derive(Debug, Default)]
pub(crate) struct Holds {
    /// Whether channels have limits.
    pub counts_channels: bool,
    counts: FxHashMap<Subject, Open>,
    /// The callers of reservations that the batch created.
    fresh: FxHashMap<ReservationId, u64>,
    /// Changes of the batch, to undo if it fails.
    changed: Vec<(Subject, Open)>,
}

impl Holds {
    /// Begins a new batch.
    pub fn restart(&mut self) {
        empty(&mut self.fresh);
        self.changed.clear();
    }

    /// Undoes a failed batch.
    pub fn undo(&mut self) {
        for (subject, change) in std::mem::take(&mut self.changed) {
            self.add(subject, Open::default().minus(change));
        }
        empty(&mut self.fresh);
    }

    /// Counts a reservation at the start.
    pub fn count(&mut self, reservation: &Reservation, caller: u64) {
        let open = Open::of(reservation.state);
        self.change(reservation.channel, caller, open);
        self.restart();
    }

    /// Counts a reservation that a record created.
    pub fn made(&mut self, id: ReservationId, channel: ChannelId, caller: u64, confirmed: bool) {
        if caller != 0 {
            self.fresh.insert(id, caller);
        }
        self.change(
            channel,
            caller,
            Open::of(if confirmed { ReservationState::Confirmed } else { ReservationState::Held }),
        );
    }

    /// Counts a change of a reservation's state.
    pub fn moved(&mut self, channel: ChannelId, caller: u64, before: ReservationState, after: ReservationState) {
        self.change(channel, caller, Open::of(after).minus(Open::of(before)));
    }

    /// The caller of a reservation of the batch.
    pub fn fresh_caller(&self, id: ReservationId) -> Option<u64> {
        self.fresh.get(&id).copied()
    }

    /// Checks whether one more reservation is within the limits; replaced ones of the same owner make room.
    pub fn check(
        &self,
        bounds: &[Bound],
        channel: ChannelId,
        caller: u64,
        confirmed: bool,
        replaced: &[(ChannelId, u64, ReservationState)],
    ) -> Result<(), Failure> {
        for Bound { whose, name, limits } in bounds {
            let (subject, field) = match whose {
                Whose::Channel => (Subject::Channel(channel), "channel"),
                Whose::Caller => (Subject::Caller(caller), "Authorization"),
            };
            let makes_room = replaced.iter().filter(|(of, by, _)| match whose {
                Whose::Channel => *of == channel,
                Whose::Caller => *by == caller,
            });
            let gone = makes_room.fold(Open::default(), |gone, (_, _, state)| gone.plus(Open::of(*state)));
            let new = Open::of(if confirmed { ReservationState::Confirmed } else { ReservationState::Held });
            let then = self.counts.get(&subject).copied().unwrap_or_default().minus(gone).plus(new);
            let rows = [
                ("open_holds", then.held, limits.open_holds, new.held),
                ("open_reservations", then.open, limits.open_reservations, new.open),
            ];
            for (limit, asked, most, new) in rows {
                let asked = asked.max(0) as u64;
                if let Some(most) = most.filter(|most| new > 0 && asked > *most) {
                    let (field, limit) = (field.to_owned(), format!("{name}.{limit}"));
                    return Err(Refusal::Limited { field, limit, asked, most, passes: true, seconds: None }.into());
                }
            }
        }
        Ok(())
    }

    fn change(&mut self, channel: ChannelId, caller: u64, change: Open) {
        if change == Open::default() {
            return;
        }
        if self.counts_channels {
            self.add(Subject::Channel(channel), change);
            self.changed.push((Subject::Channel(channel), change));
        }
        if caller != 0 {
            self.add(Subject::Caller(caller), change);
            self.changed.push((Subject::Caller(caller), change));
        }
    }

    fn add(&mut self, subject: Subject, change: Open) {
        let count = self.counts.entry(subject).or_default();
        *count = count.plus(change);
        if *count == Open::default() {
            self.counts.remove(&subject);
        }
    }
}
