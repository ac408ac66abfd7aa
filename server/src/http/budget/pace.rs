//! Delays callers that crowd the server while it is busy with others, so that callers with few requests get fast
//! answers.
//!
//! A caller with many concurrent requests crowds the server. While there are no other callers, or while requests find
//! a thread at once, there is no delay. Otherwise the requests of crowding callers start one after the other, with
//! gaps that grow until the other requests find a thread soon. This module never refuses a request.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::http::budget::payer::{ByWho, Who};
use crate::lanes::Entrances;
use crate::lock::lock;

/// A caller with more concurrent requests than this crowds.
const CROWD: u32 = 8;

/// How often the thread latency is sampled.
const LOOK: Duration = Duration::from_millis(5);

/// Samples per verdict.
const LOOKS: u32 = 10;

/// A request that waits longer than this for a thread is late.
const SOON: Duration = Duration::from_micros(200);

/// The largest gap between two requests of a crowding caller: 1,000 requests a second remain.
const GAP_MAX: Duration = Duration::from_millis(1);

/// The constant part by which the gap grows, beside its proportional part.
const GAP_STEP: Duration = Duration::from_micros(10);

/// The longest delay of a request.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// Shards of the callers, by the lowest bits of [`Who`], so that threads rarely contend.
const PARTS: usize = 16;

/// Tracks which callers crowd, and the gap between their requests.
#[derive(Debug)]
pub struct Pace {
    parts: [Mutex<ByWho<Caller>>; PARTS],
    /// The gap in nanoseconds; 0 for no delay.
    gap: AtomicU64,
}

#[derive(Debug)]
struct Caller {
    under_way: u32,
    /// The most concurrent requests since the last verdict; 0 if there were none.
    most: u32,
    crowds: bool,
    /// When the next request may start.
    next: Instant,
}

/// A request in progress, until it is dropped.
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
    /// No delay.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { parts: std::array::from_fn(|_| Mutex::default()), gap: AtomicU64::new(0) })
    }

    fn part(&self, who: Who) -> &Mutex<ByWho<Caller>> {
        let [first, ..] = &self.parts;
        self.parts.get(who.0 as usize % PARTS).unwrap_or(first)
    }

    /// Starts a request of `who` as soon as the pace allows.
    pub async fn begin(&self, who: Who) -> UnderWay<'_> {
        wait(self.enter(who, false)).await
    }

    /// Starts a request that is refused before authentication: it is delayed like those of a crowding caller.
    pub async fn refuse(&self, who: Who) -> UnderWay<'_> {
        wait(self.enter(who, true)).await
    }

    /// Counts a request. Returns when it may start, unless it may start at once.
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

    /// Judges which callers crowd, from their concurrency since the last verdict, and removes inactive callers.
    /// Returns the number of callers. Bounded by the callers since then.
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

    /// Adapts the gap after `late` of [`LOOKS`] samples were late. Returns whether to keep sampling.
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

    /// Adapts the gap for as long as the server runs.
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

/// Waits until a request may start. On the heap, so that the future of a request without delay stays small.
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
        assert!(far <= Instant::now() + WAIT_MAX, "no request waits longer");
        assert!(
            pace.enter(Who(3), false).1.is_none() && pace.enter(Who(3), true).1.is_some(),
            "a refused request waits, too"
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
