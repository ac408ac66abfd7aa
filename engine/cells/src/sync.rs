//! The atoms of the lock-free parts, from the standard library or, under `--cfg loom`, from loom, which tries every
//! interleaving and every value that the memory model lets a load see: the crate says how they are run.
//!
//! What is here is what several threads touch without a lock: cells, and the durable view. The models are in `models.rs`.

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

/// Gives others a turn before another try.
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
