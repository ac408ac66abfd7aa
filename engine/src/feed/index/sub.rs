//! A subscription in the feed, and its caller's share of the resources.

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::pending::Pending;
use crate::feed::filter::Filter;

/// Notifies a subscriber that there may be messages.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// The mode of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// The latest value of each changed cell.
    #[default]
    Conflated,
    /// Every event, with all of its cells.
    Lossless,
}

/// A subscription in the feed.
pub(in crate::feed) struct Sub {
    pub mode: Mode,
    pub wake: Wake,
    /// The caller's share of the resources.
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

/// The resources of one caller's subscriptions: keys, and undeclared names. Changes only under the lock of the index.
#[derive(Debug, Default)]
pub struct Share {
    pub(super) keys: AtomicUsize,
    pub(super) unknown_bytes: AtomicUsize,
}

/// Keys, and bytes of unknown names, that a caller may always have.
pub(super) const KEYS_FLOOR: usize = 64;

pub(super) const UNKNOWN_BYTES_FLOOR: usize = 16 << 10;

/// The total limit of a caller that has `mine`: as much as it leaves to others of the free resources.
pub(super) fn share_of(mine: usize, free: usize, floor: usize) -> usize {
    (mine.saturating_add(free) / 2).max(floor)
}

/// A refusal by a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    /// The setting.
    pub limit: &'static str,
    /// Its value.
    pub most: usize,
    /// The requested value.
    pub wanted: usize,
}
