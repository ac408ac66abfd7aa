//! A subscription as the feed sees it, and its caller's share of what all subscriptions take.

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::pending::Pending;
use crate::feed::filter::Filter;

/// Tells a subscriber that there may be something for it.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// What a subscriber wants of a cell that changes often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// The latest value of each changed cell.
    #[default]
    Conflated,
    /// Every event, with all of its cells.
    Lossless,
}

/// A subscription as the feed sees it.
pub(in crate::feed) struct Sub {
    pub mode: Mode,
    pub wake: Wake,
    /// What its caller has of everything that subscriptions share.
    pub share: Option<Arc<Share>>,
    pub filter: Mutex<Filter>,
    pub pending: Mutex<Pending>,
}

impl Sub {
    pub fn lock_filter(&self) -> MutexGuard<'_, Filter> {
        self.filter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn lock_pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the subscriptions of one caller take together of what all share: keys, and names that nobody declared. It changes
/// under the lock of the index alone.
#[derive(Debug, Default)]
pub struct Share {
    pub(super) keys: AtomicUsize,
    pub(super) unknown_bytes: AtomicUsize,
}

/// Keys, and bytes of unknown names, that a caller may have whatever is left.
pub(super) const KEYS_FLOOR: usize = 64;

pub(super) const UNKNOWN_BYTES_FLOOR: usize = 16 << 10;

/// What a caller that has `mine` may have in all: as much as it leaves to others of what is free.
pub(super) fn share_of(mine: usize, free: usize, floor: usize) -> usize {
    (mine.saturating_add(free) / 2).max(floor)
}

/// What was refused, and by which limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    /// The setting.
    pub limit: &'static str,
    /// Its value.
    pub most: usize,
    /// What there would be.
    pub wanted: usize,
}
