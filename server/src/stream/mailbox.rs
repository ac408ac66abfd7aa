//! How the feed thread wakes a stream's task.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anaquel_engine::feed::Wake;
use tokio::sync::Notify;

/// Wakes one task when any of its subscriptions has messages.
#[derive(Debug)]
pub struct Mailbox {
    notify: Notify,
    rung: AtomicBool,
    made: Instant,
    /// Microseconds from `made` to the wake-up of the oldest unsent message, plus one; 0 if there is none.
    rung_at: AtomicU64,
}

impl Default for Mailbox {
    fn default() -> Self {
        Self { notify: Notify::new(), rung: AtomicBool::new(false), made: Instant::now(), rung_at: AtomicU64::new(0) }
    }
}

impl Mailbox {
    /// The callback for the feed.
    pub fn wake(self: &Arc<Self>) -> Wake {
        let mailbox = Arc::clone(self);
        Arc::new(move || {
            // Already woken: the task has not looked yet.
            if !mailbox.rung.swap(true, Ordering::AcqRel) {
                let now = mailbox.made.elapsed().as_micros() as u64 + 1;
                let _ = mailbox.rung_at.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
                mailbox.notify.notify_one();
            }
        })
    }

    /// How long the message just sent waited for its task. Resets the value.
    pub fn waited(&self) -> Option<Duration> {
        let rung_at = self.rung_at.swap(0, Ordering::Relaxed).checked_sub(1)?;
        Some(self.made.elapsed().saturating_sub(Duration::from_micros(rung_at)))
    }

    /// Returns when there may be messages. Look only after it returns.
    pub async fn woken(&self) {
        self.notify.notified().await;
        // A swap, not a store: the reads that follow must not move before it.
        self.rung.swap(false, Ordering::AcqRel);
    }
}
