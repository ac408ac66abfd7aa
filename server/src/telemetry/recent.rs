//! What the server did in the last hour, second by second, for a page of operators without a time series database.

use std::collections::VecDeque;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::lock::lock;

/// Seconds that are kept: 88 bytes each.
pub const SECONDS_MAX: usize = 3600;

/// The shortest time over which the growth of the data is told.
const GROWTH_SECONDS_MIN: usize = 60;

/// One second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    pub at_ms: i64,
    pub writes: f32,
    pub requests: f32,
    pub refusals: f32,
    pub p50_ms: Option<f32>,
    pub p99_ms: Option<f32>,
    pub flush_p99_ms: Option<f32>,
    pub in_flight: u32,
    pub streams: u32,
    pub holds: u32,
    pub shortages: u32,
    pub memory_bytes: u64,
    pub disk_free_bytes: u64,
}

/// The last hour.
#[derive(Debug, Default)]
pub struct Recent(Mutex<VecDeque<Sample>>);

impl Recent {
    /// Adds a second.
    pub(super) fn add(&self, sample: Sample) {
        let mut samples = lock(&self.0);
        samples.push_back(sample);
        if samples.len() > SECONDS_MAX {
            samples.pop_front();
        }
    }

    /// The last seconds, oldest first.
    pub fn read(&self, seconds: usize) -> Vec<Value> {
        let samples = lock(&self.0);
        let skipped = samples.len().saturating_sub(seconds);
        samples.iter().skip(skipped).copied().map(Sample::to_value).collect()
    }

    /// In how many seconds the free space is down to `reserve` bytes, at the rate of the last hour; `None` if it does not
    /// shrink, or is not known for long enough.
    pub fn full_in_seconds(&self, reserve: u64) -> Option<u64> {
        let samples = lock(&self.0);
        let (first, last) = (samples.front()?, samples.back()?);
        let seconds = u64::try_from((last.at_ms - first.at_ms) / 1000).ok()?;
        let used = first.disk_free_bytes.checked_sub(last.disk_free_bytes).filter(|used| *used > 0)?;
        if samples.len() < GROWTH_SECONDS_MIN {
            return None;
        }
        let left = u128::from(last.disk_free_bytes.saturating_sub(reserve));
        u64::try_from(left * u128::from(seconds) / u128::from(used)).ok()
    }
}

impl Sample {
    fn to_value(self) -> Value {
        let time = jiff::Timestamp::from_millisecond(self.at_ms).map(|at| at.to_string()).unwrap_or_default();
        json!({
            "time": time,
            "writes": self.writes,
            "requests": self.requests,
            "refusals": self.refusals,
            "p50_ms": self.p50_ms,
            "p99_ms": self.p99_ms,
            "flush_p99_ms": self.flush_p99_ms,
            "in_flight": self.in_flight,
            "streams": self.streams,
            "holds": self.holds,
            "shortages": self.shortages,
            "memory_bytes": self.memory_bytes,
            "disk_free_bytes": self.disk_free_bytes,
        })
    }
}
