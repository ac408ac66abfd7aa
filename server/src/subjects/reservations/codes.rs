//! Pickup codes: who is told them, and how often one may be guessed.
//!
//! People read a code out over a counter, so it is short, and what keeps it is that it cannot be tried often: after so
//! many wrong tries a reservation's code is closed for an hour, whoever tries it, and so is looking reservations up by
//! codes that nobody has. A try counts before it is decided, so that many at once are no more than the same one after the
//! other; a right one is given back. Tries are kept in memory: an hour is longer than anybody waits at a till, and a
//! restart is not for the asking.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anaquel_engine::ids::ReservationId;
use anaquel_engine::reservation::Reservation;

use crate::auth::Scope;
use crate::auth::caller::Caller;
use crate::http::problem::{Problem, Slug};

/// For so long tries are remembered, and a code is closed.
const WINDOW: Duration = Duration::from_secs(3600);

/// Codes that nobody has, looked up by one caller within an hour.
const LOOK_UPS: u32 = 100;

/// What is remembered at a time; beyond, what was tried longest ago is forgotten.
const REMEMBERED: usize = 100_000;

/// What is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tried {
    /// The code of a reservation.
    Code(ReservationId),
    /// Reservations by their codes, by a caller.
    LookUp(u64),
}

/// Wrong tries, and those that are not decided yet.
#[derive(Debug, Clone, Copy)]
struct Tries {
    count: u32,
    /// When the last of them was.
    last: Instant,
}

#[derive(Debug, Default)]
struct Memory {
    tries: HashMap<Tried, Tries>,
    /// In the order in which they were first tried.
    order: VecDeque<Tried>,
}

/// All tries of the last hour.
#[derive(Debug)]
pub struct Codes {
    most: u32,
    memory: Mutex<Memory>,
}

impl Codes {
    /// With so many wrong tries of a code; 0 for any number.
    pub fn new(most: u32) -> Self {
        Self { most, memory: Mutex::default() }
    }

    /// How many wrong tries there may be.
    pub fn most(&self, what: Tried) -> u32 {
        match what {
            Tried::Code(_) => self.most,
            Tried::LookUp(_) => LOOK_UPS,
        }
    }

    /// Counts a try, and tells how many there were.
    ///
    /// # Errors
    /// There were too many: the seconds after which there may be another.
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

    /// A try was right, or nothing came of it: it does not count.
    pub fn give_back(&self, what: Tried) {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = memory.tries.get_mut(&what) {
            known.count = known.count.saturating_sub(1);
        }
    }
}

impl Memory {
    /// Forgets what was tried longest ago, a few at a time.
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

/// A wrong code was tried: for the log and the metrics.
pub fn note_wrong(caller: &Caller, what: &str, tries: u32, most: u32) {
    let origin = caller.principal.as_ref().map(|principal| principal.origin());
    let actor = caller.principal.as_ref().map_or("", |principal| principal.identity.name.as_str());
    let (key, address, request) = origin.map(|of| (of.key, of.address, of.request)).unwrap_or_default();
    metrics::counter!("anaquel_wrong_pickup_codes_total").increment(1);
    tracing::warn!(tried = what, actor, key, address, request, tries, most, "a wrong pickup code");
}

/// There were too many wrong tries.
pub fn closed(limit: &str, most: u32, seconds: u64) -> Problem {
    let detail =
        format!("pickup_code: there were {most} wrong tries within an hour ({limit}); no other is looked at now");
    let problem = Problem::new(Slug::TooManyRequests, detail).with("field", "pickup_code");
    problem.with("limit", limit).with("most", most).retry_after(seconds)
}

/// Whether a caller is told the code of a reservation that they ask for by its id: who reserves is, since they tell it to
/// the customer; who only hands over is shown it by the customer.
pub fn tells_code(caller: &Caller) -> bool {
    caller.may(&[Scope::Reserve]).is_ok()
}

/// Whether a caller is told codes in a list: nobody who is bound to channels or locations is.
pub fn lists_codes(caller: &Caller) -> bool {
    tells_code(caller) && !caller.is_bound()
}

/// The same reservation with nothing said of its code.
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
