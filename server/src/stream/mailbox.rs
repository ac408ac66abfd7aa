//! How the feed's thread wakes a stream's task.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anaquel_engine::feed::Wake;
use tokio::sync::Notify;

/// Wakes one task, whichever of its subscriptions has something to tell.
#[derive(Debug, Default)]
pub struct Mailbox {
    notify: Notify,
    rung: AtomicBool,
}

impl Mailbox {
    /// What the feed calls.
    pub fn wake(self: &Arc<Self>) -> Wake {
        let mailbox = Arc::clone(self);
        Arc::new(move || {
            // Rung already, the task has still to look.
            if !mailbox.rung.swap(true, Ordering::AcqRel) {
                mailbox.notify.notify_one();
            }
        })
    }

    /// Returns when there may be something to tell. Look only after it returned.
    pub async fn woken(&self) {
        self.notify.notified().await;
        // A swap, not a store: what is looked at next must not be read before this is seen.
        self.rung.swap(false, Ordering::AcqRel);
    }
}
