//! How the feed's thread wakes a stream's task.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anaquel_engine::feed::Wake;
use tokio::sync::Notify;

/// Wakes one task, whichever of its subscriptions has something to tell.
#[derive(Debug)]
pub struct Mailbox {
    notify: Notify,
    rung: AtomicBool,
    made: Instant,
    /// Microseconds from `made` to when the bell was rung for what was not told yet, and one; 0 while there is nothing.
    rung_at: AtomicU64,
}

impl Default for Mailbox {
    fn default() -> Self {
        Self { notify: Notify::new(), rung: AtomicBool::new(false), made: Instant::now(), rung_at: AtomicU64::new(0) }
    }
}

impl Mailbox {
    /// What the feed calls.
    pub fn wake(self: &Arc<Self>) -> Wake {
        let mailbox = Arc::clone(self);
        Arc::new(move || {
            // Rung already, the task has still to look.
            if !mailbox.rung.swap(true, Ordering::AcqRel) {
                let now = mailbox.made.elapsed().as_micros() as u64 + 1;
                let _ = mailbox.rung_at.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
                mailbox.notify.notify_one();
            }
        })
    }

    /// How long what was just told had been waiting for its task; asked once.
    pub fn waited(&self) -> Option<Duration> {
        let rung_at = self.rung_at.swap(0, Ordering::Relaxed).checked_sub(1)?;
        Some(self.made.elapsed().saturating_sub(Duration::from_micros(rung_at)))
    }

    /// Returns when there may be something to tell. Look only after it returned.
    pub async fn woken(&self) {
        self.notify.notified().await;
        // A swap, not a store: what is looked at next must not be read before this is seen.
        self.rung.swap(false, Ordering::AcqRel);
    }
}
