//! The atomics of the lock-free parts: from the standard library or, under `--cfg loom`, from loom, which tests every
//! interleaving and every value that the memory model allows a load to see. The crate's documentation has the command.
//!
//! This module has what several threads use without a lock: cells, and the durable view. The models are in `models.rs`.

#[cfg(not(loom))]
pub(crate) use std::sync::{
    Mutex,
    atomic::{AtomicU32, AtomicU64, fence},
};

#[cfg(loom)]
pub(crate) use loom::sync::{
    Mutex,
    atomic::{AtomicU32, AtomicU64, fence},
};

/// Lets other threads run before the next attempt.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    #[cfg(not(loom))]
    backoff: crossbeam::utils::Backoff,
}

impl Patience {
    #[inline]
    pub fn snooze(&self) {
        #[cfg(not(loom))]
        self.backoff.snooze();
        #[cfg(loom)]
        loom::thread::yield_now();
    }
}
