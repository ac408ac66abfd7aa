//! Pickup codes: who may see them, and how often one may be guessed.
//!
//! People read a code aloud at a counter, so it is short. Its protection is a limit of attempts: after too many wrong
//! attempts, a reservation's code is locked for an hour, for every caller; look-ups by unknown codes are limited in the
//! same way. An attempt counts before it is decided, so that parallel attempts count like sequential ones; a right one
//! is subtracted again. Attempts are kept in memory: an hour is longer than a customer waits, and a caller cannot
//! restart the server.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anaquel_engine::ids::ReservationId;
use anaquel_engine::orders::OrderId;
use anaquel_engine::reservation::Reservation;

use crate::auth::Scope;
use crate::auth::caller::Caller;
use crate::http::problem::{Problem, Slug};

/// How long attempts are remembered, and how long a code stays locked.
const WINDOW: Duration = Duration::from_secs(3600);

/// Look-ups by unknown codes that one caller may make within an hour.
const LOOK_UPS: u32 = 100;

/// Wrong codes for one exit, from all callers together, within an hour.
pub const EXIT_TRIES: u32 = 10;

/// The maximum number of entries; if there are more, the oldest are dropped.
const REMEMBERED: usize = 100_000;

/// What is attempted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tried {
    /// The code of a reservation.
    Code(ReservationId),
    /// The code of the exit of a self check-out.
    Exit(OrderId),
    /// Look-ups by code of one caller.
    LookUp(u64),
}

/// Wrong attempts, and undecided ones.
#[derive(Debug, Clone, Copy)]
struct Tries {
    count: u32,
    /// The time of the last one.
    last: Instant,
}

#[derive(Debug, Default)]
struct Memory {
    tries: HashMap<Tried, Tries>,
    /// In the order of their first attempt.
    order: VecDeque<Tried>,
}

/// All attempts of the last hour.
#[derive(Debug)]
pub struct Codes {
    most: u32,
    memory: Mutex<Memory>,
}

impl Codes {
    /// With a limit of wrong attempts per code; 0 for no limit.
    pub fn new(most: u32) -> Self {
        Self { most, memory: Mutex::default() }
    }

    /// The limit of wrong attempts.
    pub fn most(&self, what: Tried) -> u32 {
        match what {
            Tried::Code(_) => self.most,
            Tried::Exit(_) => EXIT_TRIES,
            Tried::LookUp(_) => LOOK_UPS,
        }
    }

    /// Counts an attempt, and returns the number so far.
    ///
    /// # Errors
    /// Too many attempts: the seconds until the next one is allowed.
    pub fn begin(&self, what: Tried, now: Instant) -> Result<u32, u64> {
        let most = self.most(what);
        if most == 0 {
            return Ok(0);
        }
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.forget(now);
        let Memory { tries, order } = &mut *memory;
        let known = tries.entry(what).or_insert_with(|| {
            order.push_back(what);
            Tries { count: 0, last: now }
        });
        let since = now.saturating_duration_since(known.last);
        if since >= WINDOW {
            known.count = 0;
        }
        if known.count >= most {
            return Err((WINDOW - since).as_secs() + 1);
        }
        *known = Tries { count: known.count + 1, last: now };
        Ok(known.count)
    }

    /// Subtracts an attempt that was right or had no result.
    pub fn give_back(&self, what: Tried) {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = memory.tries.get_mut(&what) {
            known.count = known.count.saturating_sub(1);
        }
    }
}

impl Memory {
    /// Drops the oldest attempts, a few at a time.
    fn forget(&mut self, now: Instant) {
        for _ in 0..2 {
            let Some(oldest) = self.order.pop_front() else { return };
            let is_over = |tries: &Tries| tries.count == 0 || now.saturating_duration_since(tries.last) >= WINDOW;
            if self.tries.get(&oldest).is_none_or(is_over) || self.order.len() >= REMEMBERED {
                self.tries.remove(&oldest);
            } else {
                self.order.push_back(oldest);
            }
        }
    }
}

/// Records a wrong code in the log and the metrics.
pub fn note_wrong(caller: &Caller, what: &str, tries: u32, most: u32) {
    let origin = caller.principal.as_ref().map(|principal| principal.origin());
    let actor = caller.principal.as_ref().map_or("", |principal| principal.identity.name.as_str());
    let (key, address, request) = origin.map(|of| (of.key, of.address, of.request)).unwrap_or_default();
    metrics::counter!("anaquel_wrong_pickup_codes_total").increment(1);
    tracing::warn!(tried = what, actor, key, address, request, tries, most, "wrong pickup code");
}

/// The refusal after too many wrong attempts.
pub fn closed(limit: &str, most: u32, seconds: u64) -> Problem {
    let detail = format!("pickup_code: {most} wrong codes within an hour ({limit}); wait for Retry-After seconds");
    let problem = Problem::new(Slug::TooManyRequests, detail).with("field", "pickup_code");
    problem.with("limit", limit).with("most", most).retry_after(seconds)
}

/// Whether a caller sees the code of a reservation that it reads by id: a caller that reserves does, because it informs
/// the customer; a caller that only hands over gets the code from the customer.
pub fn tells_code(caller: &Caller) -> bool {
    caller.may(&[Scope::Reserve]).is_ok()
}

/// Whether a caller sees codes in a list: not if it is bound to channels or locations.
pub fn lists_codes(caller: &Caller) -> bool {
    tells_code(caller) && !caller.is_bound()
}

/// The same reservation without its code.
pub fn without_code(reservation: &Reservation) -> Reservation {
    Reservation { pickup_code: None, ..reservation.clone() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn ten_wrong_tries_close_a_code_for_an_hour() {
        let codes = Codes::new(10);
        let (what, start) = (Tried::Code(ReservationId(7)), Instant::now());
        for nth in 1..=10 {
            assert_eq!(codes.begin(what, start + MINUTE * nth), Ok(nth));
        }
        let closed = start + MINUTE * 10;
        assert_eq!(codes.begin(what, closed + MINUTE), Err(59 * 60 + 1));
        assert_eq!(codes.begin(Tried::Code(ReservationId(8)), closed + MINUTE), Ok(1), "no other is closed");
        let wait = codes.begin(what, closed + MINUTE * 2).unwrap_err();
        assert_eq!(codes.begin(what, closed + MINUTE * 2 + Duration::from_secs(wait)), Ok(1), "advice works");
    }

    #[test]
    fn a_right_one_does_not_count_and_many_at_once_are_no_more() {
        let codes = Codes::new(3);
        let (what, now) = (Tried::Code(ReservationId(7)), Instant::now());
        for _ in 0..100 {
            codes.begin(what, now).unwrap();
            codes.give_back(what);
        }
        let begun = (0..10).filter(|_| codes.begin(what, now).is_ok()).count();
        assert_eq!(begun, 3, "those that are not decided count");
        assert!(Codes::new(0).begin(what, now).is_ok());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let codes = Codes::new(10);
        let now = Instant::now();
        for nth in 0..(REMEMBERED as u64 + 5000) {
            codes.begin(Tried::LookUp(nth), now).unwrap();
        }
        let memory = codes.memory.lock().unwrap();
        assert!(memory.tries.len() <= REMEMBERED + 1 && memory.order.len() == memory.tries.len());
        drop(memory);
        for nth in 0..50 {
            codes.begin(Tried::Code(ReservationId(nth)), now + WINDOW).unwrap();
        }
        assert!(codes.memory.lock().unwrap().tries.len() < REMEMBERED, "what is over is forgotten");
    }
}
