//! Callers that crowd the server wait while it is busy with others, so that those who ask for little are answered soon.
//!
//! A caller crowds that has many requests under way at once. As long as nobody else is there, or requests find a thread at
//! once, nobody waits. Else the requests of those who crowd begin one after the other, at distances that grow until the
//! rest find a thread soon again. Nothing is ever refused here.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::http::budget::payer::Who;
use crate::lanes::Entrances;
use crate::lock::lock;

/// Who has more under way at once than this crowds.
const CROWD: u32 = 8;

/// How often it is looked whether threads are found at once.
const LOOK: Duration = Duration::from_millis(5);

/// So many looks make a verdict.
const LOOKS: u32 = 10;

/// Whoever waits longer than this for a thread waits.
const SOON: Duration = Duration::from_micros(200);

/// The largest distance between two requests of one who crowds: a thousand a second remain.
const GAP_MAX: Duration = Duration::from_millis(1);

/// What the distance grows by, beside what it has.
const GAP_STEP: Duration = Duration::from_micros(10);

/// Nobody waits longer than this, however many do.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// Callers by the lowest bits of who they are, so that threads seldom wait for each other.
const PARTS: usize = 16;

/// Who crowds, and how far apart their requests begin.
#[derive(Debug)]
pub struct Pace {
    parts: [Mutex<HashMap<Who, Caller>>; PARTS],
    /// Nanoseconds; 0 where nobody waits.
    gap: AtomicU64,
}

#[derive(Debug)]
struct Caller {
    under_way: u32,
    /// The most that were under way since the last verdict; 0 where there was none.
    most: u32,
    crowds: bool,
    /// When the next may begin.
    next: Instant,
}

/// A request that is under way, until this is dropped.
#[derive(Debug)]
pub struct UnderWay<'a> {
    pace: &'a Pace,
    who: Who,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if let Some(caller) = lock(self.pace.part(self.who)).get_mut(&self.who) {
            caller.under_way = caller.under_way.saturating_sub(1);
        }
    }
}

impl Pace {
    /// Nobody waits.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { parts: std::array::from_fn(|_| Mutex::default()), gap: AtomicU64::new(0) })
    }

    fn part(&self, who: Who) -> &Mutex<HashMap<Who, Caller>> {
        let [first, ..] = &self.parts;
        self.parts.get(who.0 as usize % PARTS).unwrap_or(first)
    }

    /// A request of `who` begins, as soon as it may.
    pub async fn begin(&self, who: Who) -> UnderWay<'_> {
        wait(self.enter(who, false)).await
    }

    /// The same of a request that is refused before authentication: it waits with those of one who crowds.
    pub async fn refuse(&self, who: Who) -> UnderWay<'_> {
        wait(self.enter(who, true)).await
    }

    /// Counts a request, and tells when it may begin where that is not at once.
    fn enter(&self, who: Who, is_refused: bool) -> (UnderWay<'_>, Option<Instant>) {
        let gap = Duration::from_nanos(self.gap.load(Relaxed));
        let mut part = lock(self.part(who));
        let caller =
            part.entry(who).or_insert_with(|| Caller { under_way: 0, most: 0, crowds: false, next: Instant::now() });
        caller.under_way += 1;
        caller.most = caller.most.max(caller.under_way);
        let at = ((caller.crowds || is_refused) && !gap.is_zero()).then(|| {
            let now = Instant::now();
            let at = caller.next.max(now);
            caller.next = (at + gap).min(now + WAIT_MAX);
            at
        });
        drop(part);
        (UnderWay { pace: self, who }, at)
    }

    /// Judges who crowds by what was under way since the last time; how many callers there were. Forgets those who are gone.
    /// Bounded by the callers that came since.
    fn judge(&self) -> (usize, bool) {
        let (mut callers, mut is_crowded) = (0, false);
        for part in &self.parts {
            lock(part).retain(|_, caller| {
                callers += usize::from(caller.most > 0);
                caller.crowds = caller.most > CROWD;
                is_crowded |= caller.crowds;
                let is_there = caller.most > 0 || caller.under_way > 0;
                caller.most = caller.under_way;
                is_there
            });
        }
        (callers, is_crowded)
    }

    /// Sets the distance after `late` of [`LOOKS`] looks found no thread soon; whether it is worth another look.
    fn adapt(&self, late: u32) -> bool {
        let (callers, is_crowded) = self.judge();
        let is_shared = callers > 1 && is_crowded;
        let gap = Duration::from_nanos(self.gap.load(Relaxed));
        let gap = if !is_shared {
            gap / 2
        } else if late * 10 >= LOOKS {
            (gap * 3 / 2 + GAP_STEP).min(GAP_MAX)
        } else {
            gap * 63 / 64
        };
        let gap = if gap < Duration::from_micros(1) { Duration::ZERO } else { gap };
        self.gap.store(gap.as_nanos() as u64, Relaxed);
        is_shared
    }

    /// Looks after the distance for as long as the server runs.
    pub async fn watch(self: Arc<Self>, entrances: Entrances) {
        let mut is_shared = false;
        loop {
            let mut late = 0;
            if is_shared {
                for _ in 0..LOOKS {
                    tokio::time::sleep(LOOK).await;
                    let asked = Instant::now();
                    entrances.come_round().await;
                    late += u32::from(asked.elapsed() > SOON);
                }
            } else {
                tokio::time::sleep(LOOK * LOOKS).await;
            }
            is_shared = self.adapt(late);
            metrics::gauge!("anaquel_pace_gap_seconds").set(self.gap.load(Relaxed) as f64 / 1e9);
        }
    }
}

/// Waits until a request may begin. On the heap, so that those who need not take no room for it.
async fn wait((under_way, at): (UnderWay<'_>, Option<Instant>)) -> UnderWay<'_> {
    if let Some(at) = at {
        Box::pin(tokio::time::sleep_until(at.into())).await;
    }
    under_way
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crowd(pace: &Pace, who: u64, many: u32) -> Vec<UnderWay<'_>> {
        (0..many).map(|_| pace.enter(Who(who), false).0).collect()
    }

    #[test]
    fn who_crowds_waits_while_others_do_and_nobody_else() {
        let pace = Pace::new();
        let _crowd = crowd(&pace, 1, CROWD + 1);
        let _few = crowd(&pace, 2, CROWD);
        assert!(pace.enter(Who(1), false).1.is_none(), "nothing is late");
        pace.adapt(LOOKS);
        let waits: Vec<_> = (0..3).filter_map(|_| pace.enter(Who(1), false).1).collect();
        assert!(waits.len() == 3 && waits.is_sorted() && waits[0] < waits[2], "one after the other: {waits:?}");
        assert!(pace.enter(Who(2), false).1.is_none() && pace.enter(Who(3), false).1.is_none());
        for _ in 0..1_000 {
            pace.adapt(LOOKS);
        }
        assert_eq!(u128::from(pace.gap.load(Relaxed)), GAP_MAX.as_nanos());
        let far = (0..10_000).filter_map(|_| pace.enter(Who(1), false).1).max().unwrap();
        assert!(far <= Instant::now() + WAIT_MAX, "nobody waits longer");
        assert!(
            pace.enter(Who(3), false).1.is_none() && pace.enter(Who(3), true).1.is_some(),
            "who is refused waits, too"
        );
        for _ in 0..1_000 {
            pace.adapt(0);
        }
        assert!(pace.enter(Who(1), false).1.is_none(), "nothing is late any more");
    }

    #[test]
    fn who_is_alone_never_waits_and_who_is_gone_is_forgotten() {
        let pace = Pace::new();
        let crowd = crowd(&pace, 1, 100);
        for _ in 0..10 {
            pace.adapt(LOOKS);
        }
        assert!(pace.enter(Who(1), false).1.is_none());
        drop(crowd);
        pace.adapt(0);
        pace.adapt(0);
        assert!(pace.parts.iter().all(|part| lock(part).is_empty()));
    }
}
