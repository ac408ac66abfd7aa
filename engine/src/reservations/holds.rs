//! What a channel or a caller may ask for, and have open at a time.
//!
//! What a request asks for is looked at when it is admitted; how many reservations are open is decided in log order, where
//! nobody races past it. Holds are counted as the log makes and ends them, ahead of its becoming durable, and counted anew
//! from the reservations themselves after a restart.

use rustc_hash::FxHashMap;

use crate::ids::{ChannelId, ReservationId};
use crate::kernel::maps::empty;
use crate::refusal::{Failure, Refusal};
use crate::reservations::bounds::{Bound, Whose};
use crate::reservations::{Reservation, ReservationState};

/// Whether what a request asks for is within its bounds. Takes the units of each line, and the seconds of the hold.
///
/// # Errors
/// The limit, by name, and the field that is over it.
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

/// Reservations of a channel or a caller.
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

/// What is counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Subject {
    Channel(ChannelId),
    Caller(u64),
}

/// Open reservations, counted by channel and by caller: the journal thread's own, ahead of the durable view by the batch
/// in the making.
#[derive(Debug, Default)]
pub(crate) struct Holds {
    /// Whether those of channels are counted.
    pub counts_channels: bool,
    counts: FxHashMap<Subject, Open>,
    /// Whose the reservations are that the batch made.
    fresh: FxHashMap<ReservationId, u64>,
    /// What the batch changed, for the case that it comes to nothing.
    changed: Vec<(Subject, Open)>,
}

impl Holds {
    /// A new batch begins.
    pub fn restart(&mut self) {
        empty(&mut self.fresh);
        self.changed.clear();
    }

    /// The batch came to nothing.
    pub fn undo(&mut self) {
        for (subject, change) in std::mem::take(&mut self.changed) {
            self.add(subject, Open::default().minus(change));
        }
        empty(&mut self.fresh);
    }

    /// A reservation that is there at the start.
    pub fn count(&mut self, reservation: &Reservation, caller: u64) {
        let open = Open::of(reservation.state);
        self.change(reservation.channel, caller, open);
        self.restart();
    }

    /// A record made a reservation.
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

    /// A record changed a reservation's state.
    pub fn moved(&mut self, channel: ChannelId, caller: u64, before: ReservationState, after: ReservationState) {
        self.change(channel, caller, Open::of(after).minus(Open::of(before)));
    }

    /// Whose a reservation of the batch is.
    pub fn fresh_caller(&self, id: ReservationId) -> Option<u64> {
        self.fresh.get(&id).copied()
    }

    /// Whether one more is within its bounds, while those that it replaces make room for it with those whose they are.
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
