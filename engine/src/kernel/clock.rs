//! Converts between the clock and the log's time.
//!
//! While the engine runs, time follows the monotonic clock. At a start, the clock is trusted up to an hour
//! (`clock.jump_seconds_max`) ahead of the log; beyond that, the log is *held back*: time continues from its last
//! record at the clock's pace, earlier holds do not expire, and an operator decides which of the two is right. A clock
//! that is behind the log cannot turn it back. Then the log's time runs at half the clock's pace until the clock has
//! caught up, so it neither stops nor stays ahead. The relation of both times is recorded exactly ([`Anchor`]), so
//! times in requests and answers are real time, to two milliseconds: a hold of fifteen minutes lasts fifteen minutes,
//! and a deadline is exactly the requested one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::ids::Timestamp;

/// A source of time. It must not go back, and should not jump; the log keeps its own order in any case.
pub trait Clock: Send + Sync {
    /// The current time.
    fn now(&self) -> Timestamp;
}

/// A point at which the log was ahead of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    /// The clock's time.
    pub clock: Timestamp,
    /// The log's time.
    pub log: Timestamp,
}

impl Anchor {
    /// When both are equal again.
    pub fn meets(self) -> Timestamp {
        Timestamp(self.log.0.saturating_mul(2).saturating_sub(self.clock.0)).min(Timestamp::MAX)
    }

    /// The log's time at `clock`.
    pub fn log_at(self, clock: Timestamp) -> Timestamp {
        if clock < self.clock {
            return clock;
        }
        clock.max(Timestamp(self.log.0.saturating_add(clock.since_ms(self.clock) / 2)))
    }

    /// What the clock says when the log has reached `log`, if that is where it catches up.
    pub fn clock_at(self, log: Timestamp) -> Option<Timestamp> {
        let catching_up = log >= self.log && log < self.meets();
        catching_up.then(|| Timestamp(self.clock.0 + 2 * log.since_ms(self.log)))
    }
}

/// The points at which the log was ahead of its clock, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Anchors(pub Vec<Anchor>);

/// The maximum number that is stored; older times are reported in the log's time.
const ANCHORS_MAX: usize = 64;

impl Anchors {
    /// The anchor in force at `clock`, if the log is still catching up.
    fn in_force(&self, clock: Timestamp) -> Option<Anchor> {
        self.0.last().copied().filter(|anchor| clock >= anchor.clock && clock < anchor.meets())
    }

    /// Adds the state at a start: the log ended at `log`, and the clock shows `clock`. True if that adds an anchor.
    pub fn start(&mut self, clock: Timestamp, log: Timestamp) -> bool {
        let goes_on = self.in_force(clock).is_some_and(|anchor| anchor.log_at(clock) >= log);
        if goes_on || clock >= log {
            return false;
        }
        self.0.push(Anchor { clock, log });
        let surplus = self.0.len().saturating_sub(ANCHORS_MAX);
        self.0.drain(..surplus);
        true
    }

    /// Converts the log's time for an answer.
    pub fn told(&self, log: Timestamp) -> Timestamp {
        self.0.iter().rev().find_map(|anchor| anchor.clock_at(log)).unwrap_or(log)
    }

    /// Converts a caller's time to the log's time.
    pub fn meant(&self, clock: Timestamp) -> Timestamp {
        self.in_force(clock).map_or(clock, |anchor| anchor.log_at(clock))
    }
}

/// The difference between the log's time and the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockStanding {
    /// The log's time minus the clock's, in milliseconds.
    pub offset_ms: i64,
    /// Whether the clock is not trusted, because it is too far ahead of the log.
    pub held_back: bool,
}

/// The log's time.
pub(crate) struct PacedClock {
    clock: Arc<dyn Clock>,
    started_at: Timestamp,
    last_logged: Timestamp,
    anchors: Anchors,
    held_back: AtomicBool,
}

impl PacedClock {
    pub fn new(clock: Arc<dyn Clock>, last_logged: Timestamp, mut anchors: Anchors, held_back: bool) -> Self {
        let started_at = clock.now();
        anchors.start(started_at, last_logged);
        Self { clock, started_at, last_logged, anchors, held_back: AtomicBool::new(held_back) }
    }

    pub fn now(&self) -> Timestamp {
        let now = self.clock.now();
        if self.held_back.load(Ordering::Relaxed) {
            Timestamp(self.last_logged.0.saturating_add(now.since_ms(self.started_at)))
        } else {
            self.anchors.meant(now)
        }
    }

    /// Milliseconds by which the clock is ahead of a log that is held back.
    pub fn held_back_ms(&self) -> u64 {
        if self.held_back.load(Ordering::Relaxed) { self.started_at.since_ms(self.last_logged) } else { 0 }
    }

    /// Trusts the clock. A clock that is behind the log still cannot turn it back.
    pub fn trust(&self) {
        self.held_back.store(false, Ordering::Relaxed);
    }

    pub fn anchors(&self) -> &Anchors {
        &self.anchors
    }

    pub fn standing(&self) -> ClockStanding {
        let offset_ms = self.now().0 as i64 - self.clock.now().0 as i64;
        ClockStanding { offset_ms, held_back: self.held_back.load(Ordering::Relaxed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;

    #[test]
    fn a_log_that_is_ahead_never_goes_back_never_stands_still_and_is_caught_up_with() {
        let (clock, log) = (Timestamp(100 * HOUR), Timestamp(123 * HOUR));
        let mut anchors = Anchors::default();
        assert!(anchors.start(clock, log));
        let mut before = Timestamp(0);
        for minute in 0..60 * 60 {
            let now = anchors.meant(Timestamp(clock.0 + minute * 60_000));
            assert!(now > before);
            before = now;
            assert_eq!(anchors.told(now), Timestamp(clock.0 + minute * 60_000));
        }
        assert_eq!(before, Timestamp(clock.0 + (60 * 60 - 1) * 60_000), "46 hours later it is the clock's time again");
        assert_eq!(anchors.told(Timestamp(log.0 - 1)), Timestamp(log.0 - 1), "earlier answers stay the same");
    }

    #[test]
    fn a_restart_goes_on_where_the_log_caught_up() {
        let (clock, log) = (Timestamp(100 * HOUR), Timestamp(123 * HOUR));
        let mut anchors = Anchors::default();
        anchors.start(clock, log);
        let reached = anchors.meant(Timestamp(110 * HOUR));
        assert!(!anchors.start(Timestamp(111 * HOUR), reached));
        assert_eq!(anchors.meant(Timestamp(111 * HOUR)), Timestamp(reached.0 + HOUR / 2));
        assert!(anchors.start(Timestamp(105 * HOUR), reached), "a clock that was set back once more");
        assert_eq!(anchors.meant(Timestamp(105 * HOUR)), reached);
        assert!(!anchors.start(Timestamp(500 * HOUR), Timestamp(499 * HOUR)));
    }
}
