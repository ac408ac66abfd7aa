//! Observes the journal thread from outside: logs a step that takes long, and makes `/readyz` fail while a step hangs.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anaquel_engine::Engine;
use anaquel_engine::watch::Step;

use crate::config::JournalConfig;

/// The longest interval between two checks.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The result of the checks.
#[derive(Debug, Default)]
pub struct Watchdog {
    slow: AtomicU64,
    stuck: Mutex<Option<String>>,
}

/// The current step, and when it was first seen.
struct Seen {
    step: Step,
    since: Instant,
    is_told: bool,
}

impl Watchdog {
    /// Steps that took longer than `journal.slow_turn_ms`.
    pub fn slow(&self) -> u64 {
        self.slow.load(Relaxed)
    }

    /// Why the server accepts no writes, while a step takes longer than `journal.stuck_turn_ms`.
    pub fn stuck(&self) -> Option<String> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        crate::lock::lock(&self.stuck)
    }

    /// Checks until the process ends, on a thread of its own, which nothing else can block.
    ///
    /// # Errors
    /// The system starts no thread.
    pub fn watch(self: Arc<Self>, engine: Engine, config: &JournalConfig) -> std::io::Result<()> {
        let (slow, stuck) = (Duration::from_millis(config.slow_turn_ms), Duration::from_millis(config.stuck_turn_ms));
        let every = (slow.min(stuck) / 4).clamp(Duration::from_millis(1), LOOK_EVERY);
        let look = move || {
            let mut seen = None;
            loop {
                std::thread::sleep(every);
                self.look(engine.watch().step(), &mut seen, slow, stuck);
            }
        };
        std::thread::Builder::new().name("watchdog".into()).spawn(look).map(drop)
    }

    fn look(&self, step: Option<Step>, seen: &mut Option<Seen>, slow: Duration, stuck: Duration) {
        let is_same = |seen: &Seen| step.as_ref().is_some_and(|step| step.number == seen.step.number);
        if !seen.as_ref().is_some_and(is_same) {
            if let Some(over) = seen.take().filter(|seen| seen.is_told) {
                let ms = over.since.elapsed().as_millis() as u64;
                tracing::warn!(doing = %over.step.doing, ms, "the journal thread continues");
                *self.lock() = None;
            }
            *seen = step.map(|step| Seen { step, since: Instant::now(), is_told: false });
            return;
        }
        let Some(seen) = seen else { return };
        let took = seen.since.elapsed();
        if took >= slow && !seen.is_told {
            seen.is_told = true;
            self.slow.fetch_add(1, Relaxed);
            let doing = &seen.step.doing;
            tracing::warn!(
                kind = doing.kind,
                lines = doing.lines,
                request = doing.request.as_deref().unwrap_or(""),
                ms = took.as_millis() as u64,
                "a step of the journal thread takes long; other writes wait for it"
            );
        }
        if took >= stuck {
            let reason = format!(
                "the journal thread hangs: {} for {} ms; writes wait until this step ends (journal.stuck_turn_ms)",
                seen.step.doing,
                took.as_millis()
            );
            if self.lock().replace(reason.clone()).is_none() {
                tracing::error!(reason, "the server accepts no writes until the step ends");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anaquel_engine::watch::Doing;

    #[test]
    fn a_step_that_does_not_end_is_told_while_it_lasts_and_counted_once() {
        let watchdog = Watchdog::default();
        let step = |number| Some(Step { number, doing: Doing { kind: "reserve", lines: 3, request: None } });
        let (mut seen, at_once, never) = (None, Duration::ZERO, Duration::MAX);
        watchdog.look(step(1), &mut seen, at_once, never);
        assert_eq!((watchdog.slow(), watchdog.stuck()), (0, None), "it was only seen");
        watchdog.look(step(1), &mut seen, at_once, never);
        assert_eq!((watchdog.slow(), watchdog.stuck()), (1, None));
        watchdog.look(step(1), &mut seen, at_once, at_once);
        let reason = watchdog.stuck().unwrap_or_default();
        assert!(reason.contains("reserve of 3 lines"), "{reason}");
        assert_eq!(watchdog.slow(), 1);
        watchdog.look(step(2), &mut seen, at_once, at_once);
        assert_eq!(watchdog.stuck(), None);
        // A thread that rests is not slow, however long.
        watchdog.look(None, &mut seen, at_once, at_once);
        watchdog.look(None, &mut seen, at_once, at_once);
        assert_eq!(watchdog.slow(), 1);
    }
}
