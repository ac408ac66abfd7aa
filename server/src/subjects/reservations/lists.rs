//! Lists of reservations: in several states, counted, or by their pickup deadline.

use std::sync::Arc;

use anaquel_engine::Engine;
use anaquel_engine::engine::Listed;
use anaquel_engine::ids::{ReservationId, Timestamp};
use anaquel_engine::journal::ReadError;
use anaquel_engine::reservation::{Filter, Reservation, ReservationState};

use crate::http::page::Page;
use crate::http::problem::Problem;

/// Matches of one list that are counted or sorted.
pub const MATCHES_MAX: usize = 10_000;

/// Matches that are read at a time.
const CHUNK: usize = 1000;

/// Reads of one list: each has a bound of its own.
pub const READS_MAX: usize = 64;

/// What is asked for.
pub struct Asked {
    /// The filter, without states.
    pub filter: Filter,
    /// In one of these states; in any, if empty.
    pub states: Vec<ReservationState>,
    /// When a hold is seen as expired.
    pub seen_at: Timestamp,
}

impl Asked {
    /// Up to `limit` reservations before `before`, newest first. Complete down to [`Listed::next`].
    ///
    /// # Errors
    /// The log is unreadable.
    pub fn list(&self, engine: &Engine, before: Option<ReservationId>, limit: usize) -> Result<Listed, ReadError> {
        let of = |state| Filter { state, ..self.filter.clone() };
        match self.states.as_slice() {
            [] => return engine.list(&of(None), self.seen_at, before, limit),
            [only] => return engine.list(&of(Some(*only)), self.seen_at, before, limit),
            _ => {}
        }
        let mut merged = Listed::default();
        for state in &self.states {
            let one = engine.list(&of(Some(*state)), self.seen_at, before, limit)?;
            merged.items.extend(one.items);
            merged.steps += one.steps;
            // Below where the first of them ended, the others may have more.
            merged.next = merged.next.max(one.next);
        }
        merged.items.sort_by_key(|reservation| std::cmp::Reverse(reservation.id));
        // A reservation that changed its state meanwhile may be in two of the lists.
        merged.items.dedup_by_key(|reservation| reservation.id);
        if let Some(cut) = merged.next {
            merged.items.retain(|reservation| reservation.id >= cut);
        }
        if merged.items.len() > limit {
            merged.items.truncate(limit);
            merged.next = merged.items.last().map(|last| last.id);
        }
        Ok(merged)
    }

    /// All matches that `is_seen` lets through, newest first, and whether there are more than [`MATCHES_MAX`].
    ///
    /// # Errors
    /// The log is unreadable.
    pub fn all(
        &self,
        engine: &Engine,
        is_seen: impl Fn(&Reservation) -> bool,
    ) -> Result<(Vec<Arc<Reservation>>, bool), ReadError> {
        let (mut found, mut before) = (Vec::new(), None);
        for _ in 0..READS_MAX {
            let listed = self.list(engine, before, CHUNK)?;
            found.extend(listed.items.into_iter().filter(|reservation| is_seen(reservation)));
            let Some(next) = listed.next else { return Ok((found, false)) };
            if found.len() > MATCHES_MAX {
                break;
            }
            before = Some(next);
        }
        found.truncate(MATCHES_MAX);
        Ok((found, true))
    }
}

/// In which order a list is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// The newest first.
    Newest,
    /// The earliest pickup deadline first; those without one come last.
    PickupBy,
}

/// Reads `sort`.
///
/// # Errors
/// It is no order of this list.
pub fn sort(text: Option<&str>) -> Result<Sort, Problem> {
    match text {
        None => Ok(Sort::Newest),
        Some("pickup_by") => Ok(Sort::PickupBy),
        Some(other) => {
            Err(Problem::invalid("sort", format!("{other:?} is not pickup_by; leave it out for the newest")))
        }
    }
}

/// The refusal of a list that is too long to sort.
pub fn too_many() -> Problem {
    Problem::invalid("sort", format!("more than {MATCHES_MAX} match; name a location, or fewer states"))
}

/// Tells how many match.
pub(crate) fn tell_total(page: &mut Page, total: usize, more: bool) {
    page.tell("total", total);
    if more {
        page.tell("more", true);
    }
}

/// The same for a page that is written already.
pub fn with_total(page: String, total: usize, more: bool) -> String {
    let more = if more { r#""more":true,"# } else { "" };
    page.replacen('{', &format!(r#"{{"total":{total},{more}"#), 1)
}

/// By the pickup deadline, then by age.
pub fn key(reservation: &Reservation) -> (Timestamp, ReservationId) {
    (reservation.pickup_by.unwrap_or(Timestamp(u64::MAX)), reservation.id)
}
