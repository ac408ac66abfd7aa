//! Converts between the clock and the log's time.
//!
//! While the engine runs, time follows the monotonic clock. At a start, the clock is trusted up to an hour
//! (`clock.jump_seconds_max`) ahead of the log; beyond that, the log is *held back*: time continues from its last
//! record at the clock's pace, earlier holds do not expire, and an operator decides which of the two is right. A clock
//! that is behind the log cannot turn it back. Then the log's time runs at half the clock's pace until the clock has
//! caught up, so it neither stops nor stays ahead. The relation of both times is recorded exactly ([`Anchor`]), so
//! times in requests and answers are real time, to two milliseconds: a hold of fifteen minutes lasts fifteen minutes,
//! and a deadline is exactly the requested one.
//!
//! A node that follows another has the time of that node's log: the last one that it was told, carried on by its own
//! monotonic clock. When it takes over, time goes on from there, and is brought to its own clock at most a tenth faster or
//! slower than time passes: a clock that differs expires nothing early.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, Ordering};

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

/// How the log's time follows from the clock's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Pace {
    /// It is the clock's, by the anchors.
    Clock,
    /// A fixed difference: of a log that is held back, or of the node that is followed.
    Offset,
    /// A difference that shrinks by a tenth of the time that passes.
    Slewed,
}

impl Pace {
    fn of(value: u8) -> Self {
        match value {
            1 => Self::Offset,
            2 => Self::Slewed,
            _ => Self::Clock,
        }
    }
}

/// A difference is made smaller by one part of this many of the time that passes.
const SLEW_PARTS: i64 = 10;

/// The log's time.
pub(crate) struct PacedClock {
    clock: Arc<dyn Clock>,
    anchors: Anchors,
    /// A [`Pace`].
    pace: AtomicU8,
    /// The log's time minus the clock's, for a pace with a difference.
    offset_ms: AtomicI64,
    /// When the difference began to shrink, by the clock.
    slewed_from: AtomicI64,
    held_back: AtomicBool,
}

impl PacedClock {
    pub fn new(clock: Arc<dyn Clock>, last_logged: Timestamp, mut anchors: Anchors, held_back: bool) -> Self {
        let started_at = clock.now();
        anchors.start(started_at, last_logged);
        let pace = if held_back { Pace::Offset } else { Pace::Clock };
        Self {
            clock,
            anchors,
            pace: AtomicU8::new(pace as u8),
            offset_ms: AtomicI64::new(last_logged.0 as i64 - started_at.0 as i64),
            slewed_from: AtomicI64::new(0),
            held_back: AtomicBool::new(held_back),
        }
    }

    pub fn now(&self) -> Timestamp {
        let now = self.clock.now();
        let plus = |offset_ms: i64| Timestamp(now.0.saturating_add_signed(offset_ms));
        match Pace::of(self.pace.load(Ordering::Acquire)) {
            Pace::Clock => self.anchors.meant(now),
            Pace::Offset => plus(self.offset_ms.load(Ordering::Relaxed)),
            Pace::Slewed => {
                let passed = (now.0 as i64).saturating_sub(self.slewed_from.load(Ordering::Relaxed)).max(0);
                let offset_ms = self.offset_ms.load(Ordering::Relaxed);
                let left = (offset_ms.abs() - passed / SLEW_PARTS).max(0);
                plus(left * offset_ms.signum())
            }
        }
    }

    /// The node that is followed says that the log's time is `log` now.
    pub fn told(&self, log: Timestamp) {
        let offset_ms = log.0 as i64 - self.clock.now().0 as i64;
        self.offset_ms.store(offset_ms, Ordering::Relaxed);
        self.pace.store(Pace::Offset as u8, Ordering::Release);
    }

    /// This node decides from now on: time goes on from `last_logged`, or from where the followed node's time is if that
    /// is later. Returns false if its own clock is further ahead than `jump_ms`: then it is not trusted, and time goes on
    /// without it.
    pub fn takes_over(&self, last_logged: Timestamp, jump_ms: u64) -> bool {
        let (clock, log) = (self.clock.now(), self.now().max(last_logged));
        let offset_ms = log.0 as i64 - clock.0 as i64;
        self.offset_ms.store(offset_ms, Ordering::Relaxed);
        self.slewed_from.store(clock.0 as i64, Ordering::Relaxed);
        let is_trusted = clock.since_ms(log) <= jump_ms;
        let pace = if is_trusted { Pace::Slewed } else { Pace::Offset };
        self.held_back.store(!is_trusted, Ordering::Relaxed);
        self.pace.store(pace as u8, Ordering::Release);
        is_trusted
    }

    /// Milliseconds by which the clock is ahead of a log that is held back.
    pub fn held_back_ms(&self) -> u64 {
        match self.held_back.load(Ordering::Relaxed) {
            true => self.offset_ms.load(Ordering::Relaxed).min(0).unsigned_abs(),
            false => 0,
        }
    }

    /// Trusts the clock. A clock that is behind the log still cannot turn it back.
    pub fn trust(&self) {
        if self.held_back.swap(false, Ordering::Relaxed) {
            self.pace.store(Pace::Clock as u8, Ordering::Release);
        }
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

    /// A clock that a test sets.
    struct Set(AtomicI64);

    impl Clock for Set {
        fn now(&self) -> Timestamp {
            Timestamp(self.0.load(Ordering::Relaxed) as u64)
        }
    }

    #[test]
    fn whoever_takes_over_goes_on_with_the_followed_time_and_comes_to_its_own_clock() {
        for (ahead, is_trusted) in [(HOUR as i64 / 2, true), (-3 * HOUR as i64, true), (48 * HOUR as i64, false)] {
            let clock = Arc::new(Set(AtomicI64::new(100 * HOUR as i64)));
            let log = (100 * HOUR).saturating_add_signed(-ahead);
            let paced =
                PacedClock::new(Arc::clone(&clock) as Arc<dyn Clock>, Timestamp(log), Anchors::default(), false);
            paced.told(Timestamp(log));
            clock.0.fetch_add(1000, Ordering::Relaxed);
            assert_eq!(paced.now(), Timestamp(log + 1000), "it is carried on by the own clock");
            assert_eq!(paced.takes_over(Timestamp(log), HOUR), is_trusted);
            let mut before = paced.now();
            assert_eq!(before, Timestamp(log + 1000), "nothing jumps");
            for _ in 0..60 * 40 {
                clock.0.fetch_add(60_000, Ordering::Relaxed);
                let now = paced.now();
                let passed = now.since_ms(before);
                assert!((54_000..=66_000).contains(&passed), "{passed} of a minute");
                before = now;
            }
            let offset_ms = paced.standing().offset_ms;
            assert_eq!(offset_ms, if is_trusted { 0 } else { -ahead }, "{ahead}");
            paced.trust();
            assert_eq!(paced.standing(), ClockStanding { offset_ms: 0, held_back: false });
        }
    }
}
