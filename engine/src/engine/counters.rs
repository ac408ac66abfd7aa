//! Counters of the journal thread.

use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam::utils::CachePadded;

use crate::histogram::Histogram;

/// Counters of the journal thread since the start, for metrics.
#[derive(Debug)]
pub struct Counters {
    /// Durable batches.
    pub batches: CachePadded<AtomicU64>,
    /// Records in them.
    pub records: AtomicU64,
    /// Bytes of them.
    pub bytes: AtomicU64,
    /// Expired reservations.
    pub expired: AtomicU64,
    /// Checkpoints taken.
    pub checkpoints: AtomicU64,
    /// A histogram of records per batch.
    pub batch_records: Histogram,
}

/// The bounds of that histogram.
const BATCH_RECORDS: [u64; 13] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000];

impl Default for Counters {
    fn default() -> Self {
        let batch_records = Histogram::new(&BATCH_RECORDS);
        let (batches, records, bytes) = Default::default();
        let (expired, checkpoints) = Default::default();
        Self { batches, records, bytes, expired, checkpoints, batch_records }
    }
}

impl Counters {
    /// Counts a durable batch, before its callers are answered, so that a caller finds its write counted.
    pub(crate) fn batch(&self, records: usize, bytes: usize, expired: usize) {
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.records.fetch_add(records as u64, Ordering::Relaxed);
        self.batch_records.record(records as u64);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.expired.fetch_add(expired as u64, Ordering::Relaxed);
    }
}
