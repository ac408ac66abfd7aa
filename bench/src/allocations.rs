//! The allocator of the benchmarks: mimalloc, which counts requests while counting is on.
//!
//! It counts only in a process that was started for it; in all others, each allocation reads one word that never
//! changes.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use mimalloc::MiMalloc;

/// Requests to the allocator.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Allocations {
    /// Their number; a reallocation counts as one more.
    pub number: f64,
    /// Their bytes; a reallocation counts with its new size.
    pub bytes: f64,
}

impl Allocations {
    /// The minimum of each.
    pub fn least(self, other: Self) -> Self {
        Self { number: self.number.min(other.number), bytes: self.bytes.min(other.bytes) }
    }
}

static COUNTS: AtomicBool = AtomicBool::new(false);
static NUMBER: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

/// The requests of all threads during `work`.
pub fn of(work: impl FnOnce()) -> Allocations {
    NUMBER.store(0, Relaxed);
    BYTES.store(0, Relaxed);
    COUNTS.store(true, Relaxed);
    work();
    COUNTS.store(false, Relaxed);
    Allocations { number: NUMBER.load(Relaxed) as f64, bytes: BYTES.load(Relaxed) as f64 }
}

#[inline]
fn note(bytes: usize) {
    if COUNTS.load(Relaxed) {
        NUMBER.fetch_add(1, Relaxed);
        BYTES.fetch_add(bytes as u64, Relaxed);
    }
}

/// The allocator.
pub struct Counting;

// SAFETY: everything is passed on unchanged.
unsafe impl GlobalAlloc for Counting {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        unsafe { MiMalloc.alloc(layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        unsafe { MiMalloc.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size);
        unsafe { MiMalloc.realloc(pointer, layout, size) }
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { MiMalloc.dealloc(pointer, layout) }
    }
}
